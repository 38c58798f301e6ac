//! A source beyond the cluster fails, or answers anything but the truth.

use std::sync::{Arc, Mutex};

use hotdesk_http::fake_server::{Reply, Request, serve};
use serde_json::{Value, json};

use super::{Expect, Row, row, ways};
use crate::world::idle;

/// A source beyond the cluster, asked at a stand-in.
fn asked(
    name: String,
    expect: Expect,
    source: &'static str,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Row {
    let play = Box::new(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(serve(answer));
        let host = address.trim_start_matches("http://");
        let sources = format!("[{}]", source.replace('@', &address).replace('%', host));
        idle().args(&["--sources", &sources]).run()
    });
    Row { name, expect, play }
}

const PROMETHEUS: &str = "{type: prometheus, url: '@', controller: ingress-nginx}";
const LOKI: &str = "{type: loki, url: '@', selector: '{app=\"x\"}'}";
const GOOGLE: &str = "{type: gcp-logging, project: wrong, cluster: dev, endpoint: '@', metadataHost: '%'}";
const BOTH: &str = "{type: ingress-logs}, {type: prometheus, url: '@', controller: ingress-nginx}";

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (which, source) in
        [("prometheus", PROMETHEUS), ("loki", LOKI), ("gcp-logging", GOOGLE), ("logs and prometheus", BOTH)]
    {
        for (how, reply) in ways() {
            // They have no setting for their time limit, which is longer than a test likes to wait.
            if how == "never answers" {
                continue;
            }
            rows.push(asked(format!("{which}: {how}"), Expect::Unknown, source, move |_| reply.clone()));
        }
        rows.push(row(
            format!("{which}: nobody is at its address"),
            Expect::Unknown,
            idle().args(&[
                "--sources",
                &format!("[{}]", source.replace('@', "http://127.0.0.1:1").replace('%', "127.0.0.1:1")),
            ]),
        ));
    }
    let vector =
        |kind: &str, result: Value| json!({"status": "success", "data": {"resultType": kind, "result": result}});
    let nan = json!([{"metric": {"exported_namespace": "mew"}, "value": [0, "NaN"], "values": [[0, "NaN"]]}]);
    for (how, body) in [
        ("an empty vector", vector("vector", json!([]))),
        ("an empty matrix", vector("matrix", json!([]))),
        ("NaN", vector("matrix", nan.clone())),
        ("NaN in a vector", vector("vector", nan)),
        ("an error with status 200", json!({"status": "error", "errorType": "timeout", "error": "query timed out"})),
        ("success without data", json!({"status": "success"})),
        ("a scalar", json!({"status": "success", "data": {"resultType": "scalar", "result": [0, "0"]}})),
    ] {
        rows.push(asked(format!("prometheus: {how}"), Expect::Unknown, PROMETHEUS, move |_| {
            Reply::Json(200, body.clone())
        }));
    }
    for (how, body) in [("no streams", vector("streams", json!([]))), ("a vector", vector("vector", json!([])))] {
        rows.push(asked(format!("loki: {how}"), Expect::Unknown, LOKI, move |_| Reply::Json(200, body.clone())));
    }
    let token = |request: &Request| {
        let token = json!({"access_token": "x", "expires_in": 3600, "token_type": "Bearer"});
        request
            .path()
            .contains("/token")
            .then(|| Reply::Headed(200, vec![("metadata-flavor", "Google".to_owned())], token))
    };
    for (how, reply) in ways().into_iter().filter(|(how, _)| *how != "never answers") {
        rows.push(asked(format!("gcp-logging, with a good token: {how}"), Expect::Unknown, GOOGLE, move |request| {
            token(request).unwrap_or_else(|| reply.clone())
        }));
    }
    let pages = Arc::new(Mutex::new(0_u32));
    rows.push(asked(
        "gcp-logging: an empty page with a token, forever".to_owned(),
        Expect::Unknown,
        GOOGLE,
        move |request| {
            *pages.lock().unwrap() += 1;
            token(request)
                .unwrap_or_else(|| Reply::Json(200, json!({"nextPageToken": format!("t{}", pages.lock().unwrap())})))
        },
    ));
    rows.push(asked(
        "gcp-logging: nothing of anybody (a wrong project or cluster)".to_owned(),
        Expect::Unknown,
        GOOGLE,
        move |request| token(request).unwrap_or_else(|| Reply::Json(200, json!({}))),
    ));
    rows.push(metrics("ingress-metrics: no earlier sample", "nginx_ingress_controller_requests 1\n"));
    rows.push(metrics("ingress-metrics: an empty page", ""));
    rows.push(metrics("ingress-metrics: no metrics but a page", "<html></html>\n"));
    rows
}

/// The controller's own counters, which the last run has not seen.
fn metrics(name: &str, page: &'static str) -> Row {
    let world = idle().args(&["--sources", "[{type: ingress-metrics, controller: ingress-nginx}]"]);
    let world =
        world.fault(move |_, request| request.path().contains("/proxy/").then(|| Reply::Text(200, page.to_owned())));
    row(name, Expect::Unknown, world)
}
