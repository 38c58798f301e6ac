//! A Prometheus and a Loki that answer anything but the truth: no such answer reads as nobody.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotdesk_http::fake_server::{Reply, Request, serve};
use hotdesk_traffic::observation::Observation;
use serde_json::{Value, json};
use support::{check, clock, look, query, source};

const HOUR: Duration = Duration::from_secs(3600);

async fn ask(server: &str, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Observation {
    let address = serve(answer).await;
    look(&source(&server.replace('@', &address)), &query(HOUR)).await
}

const PROMETHEUS: &str = "{type: prometheus, url: '@/prefix', controller: ingress-nginx}";
const LOKI: &str = "{type: loki, url: '@/prefix', selector: '{app=\"x\"}'}";

#[tokio::test]
async fn no_refusal_reads_as_nobody() {
    let said = |code: u16| Reply::Json(code, json!({"status": "error", "errorType": "x", "error": "a\u{1b}b"}));
    let rows: Vec<(Reply, &str)> = vec![
        (said(400), "400 Bad Request: a\u{fffd}b"),
        (said(401), "401 Unauthorized: a\u{fffd}b (check auth)"),
        (said(403), "403 Forbidden"),
        (said(404), "with the path under which the API is served"),
        (Reply::Json(200, json!({"status": "error", "error": "x"})), "answered"),
        (Reply::Json(200, json!("<html>")), "something else than a whole answer"),
        (Reply::Truncated(json!({"status": "success", "data": {}})), "broke off"),
        (Reply::Half(json!({"status": "success", "data": {}})), "something else than a whole answer"),
        (
            Reply::Headed(307, vec![("location", "http://127.0.0.1:1/".to_owned())], json!({})),
            "redirects are not followed",
        ),
    ];
    for server in [PROMETHEUS, LOKI] {
        for (reply, expected) in &rows {
            let reply = reply.clone();
            check(server, &ask(server, move |_| reply.clone()).await, expected);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_then_told() {
    for server in [PROMETHEUS, LOKI] {
        for (code, expected) in [(429, "429 Too Many Requests"), (500, "500 Internal Server Error"), (503, "503")] {
            let asked = Arc::new(Mutex::new(0));
            let counted = asked.clone();
            let look = ask(server, move |_| {
                *counted.lock().unwrap() += 1;
                Reply::Headed(code, vec![("retry-after", "0".to_owned())], json!({}))
            });
            check(server, &look.await, expected);
            assert_eq!(*asked.lock().unwrap(), 4, "{server}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_two_hours_off_is_not_believed() {
    let empty = |kind: &str| json!({"status": "success", "data": {"resultType": kind, "result": []}});
    for (server, kind) in [(PROMETHEUS, "matrix"), (LOKI, "streams")] {
        for hours in [-2, 2] {
            let at = clock() + jiff::SignedDuration::from_hours(hours);
            let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let body = empty(kind);
            let reply = Reply::Headed(200, vec![("date", date)], body);
            check(server, &ask(server, move |_| reply.clone()).await, "its clock and this one differ by 7");
        }
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_told() {
    for server in [PROMETHEUS, LOKI] {
        let closed = format!("http://127.0.0.1:{}", support::free_port());
        check(server, &look(&source(&server.replace('@', &closed)), &query(HOUR)).await, "127.0.0.1:");
    }
}

#[tokio::test]
async fn credentials_and_headers_are_sent_as_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (token, password, key) = (file("token", "t0ken\n"), file("password", "pa:ss\n"), file("key", "k"));
    let seen = Arc::new(Mutex::new(Vec::<Request>::new()));
    let rows = [
        (format!("auth: {{bearerTokenFile: {token}}}"), "authorization", "Bearer t0ken"),
        (format!("auth: {{username: me, passwordFile: {password}}}"), "authorization", "Basic bWU6cGE6c3M="),
        (format!("headers: {{X-Api-Key: {{file: {key}}}}}"), "x-api-key", "k"),
        ("headers: {X-Plain: a b}".to_owned(), "x-plain", "a b"),
        ("tenant: dev".to_owned(), "x-scope-orgid", "dev"),
    ];
    for (more, name, value) in rows {
        let kept = seen.clone();
        let yaml = LOKI.replace("{type: loki,", &format!("{{type: loki, {more},"));
        ask(&yaml, move |request| {
            kept.lock().unwrap().push(request.clone());
            Reply::Json(400, json!({}))
        })
        .await;
        let request = seen.lock().unwrap().pop().unwrap();
        assert_eq!(request.header(name), value, "{more}");
        assert_eq!(request.path(), "/prefix/loki/api/v1/query_range");
    }
    let gone = LOKI.replace("{type: loki,", "{type: loki, auth: {bearerTokenFile: /nonexistent/token},");
    check(
        "a token that is not there",
        &ask(&gone, |_| Reply::Json(200, Value::Null)).await,
        "/nonexistent/token cannot be read",
    );
}

#[tokio::test]
async fn a_loki_that_never_comes_to_an_end_is_given_up() {
    let busy = |request: &Request| {
        let end = request.target.split("end=").nth(1).unwrap().split('&').next().unwrap();
        let end: i64 = end.parse().unwrap();
        let values: Vec<Value> =
            (1..=1000).map(|n| json!([(end - n).to_string(), r#"{"proxyUpstreamName":"x-mew-80"}"#])).collect();
        Reply::Json(
            200,
            json!({"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}}),
        )
    };
    check("50 pages", &ask(LOKI, busy).await, "more than 50000 lines mention the slot");
    let same = |_: &Request| {
        let values: Vec<Value> = (0..1000).map(|_| json!(["1795446000000000000", "x"])).collect();
        Reply::Json(
            200,
            json!({"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}}),
        )
    };
    check("one moment", &ask(LOKI, same).await, "more than 1000 lines have the same time");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    for server in [PROMETHEUS, LOKI, "{type: gcp-logging, project: p, metadataHost: x, endpoint: '@'}"] {
        let server = server.replace("metadataHost: x", &format!("metadataHost: '127.0.0.1:{}'", silent().await));
        check(&server, &ask(&server, |_| Reply::Silence).await, "127.0.0.1:");
    }
}

/// A port that takes connections and says nothing.
async fn silent() -> String {
    let address = serve(|_| Reply::Silence).await;
    address.rsplit(':').next().unwrap().to_owned()
}
