//! Each setting that hides requests, and some that do not.

use hotdesk_traffic::sources::PodSelector;
use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::reapers::Uses;
use super::*;

fn controller(labels: &Value, arguments: &[&str]) -> Controller {
    let pod = json!({"metadata": {"name": "c-0", "labels": labels}, "spec": {"containers": [{"name": "c", "args": arguments}]}});
    Controller {
        place: PodSelector { namespace: "ingress".to_owned(), selector: "a=b".to_owned(), container: "c".to_owned() },
        uses: Uses { logs: true, metrics: false },
        pods: Ok(vec![serde_json::from_value(pod).unwrap()]),
        sample: None,
        configs: Vec::new(),
        files: vec![],
        log_limit: (10 << 20, true),
    }
}

#[track_caller]
fn check(controller: &Controller, expected: &[(&str, &str)]) {
    check_with(controller, &[], expected);
}

#[track_caller]
fn check_with(controller: &Controller, proxies: &[Named], expected: &[(&str, &str)]) {
    let found = judge(controller, proxies);
    let problems: Vec<&Finding> = found.iter().filter(|finding| finding.level == Level::Problem).collect();
    assert_eq!(problems.len(), expected.len(), "{found:?}");
    for (finding, (message, fix)) in problems.iter().zip(expected) {
        assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
        assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?} does not say {fix:?}");
    }
}

#[track_caller]
fn nginx_with(data: &Value, expected: &[(&str, &str)]) {
    let mut controller = controller(&json!({"app.kubernetes.io/name": "ingress-nginx"}), &[]);
    let config = json!({"metadata": {"namespace": "ingress", "name": "settings"}, "data": data});
    controller.configs = vec![Ok(Some(serde_json::from_value(config).unwrap()))];
    check(&controller, expected);
}

#[test]
fn what_hides_requests_in_ingress_nginx() {
    let off = "kubectl -n ingress patch configmap settings --type merge -p '{\"data\":{\"disable-access-log\":null}}'";
    nginx_with(&json!({"disable-access-log": "true"}), &[("turns the access log off", off)]);
    nginx_with(
        &json!({"access-log-path": "/tmp/a.log"}),
        &[("access-log-path: /tmp/a.log, where the Kubernetes API does not see", "{\"access-log-path\":null}")],
    );
    nginx_with(&json!({"access-log-params": "buffer=64k flush=1m"}), &[("with a buffer", "access-log-params")]);
    nginx_with(&json!({"access-log-params": "if=$loggable"}), &[("leaves some requests out", "access-log-params")]);
    nginx_with(
        &json!({"log-format-upstream": "$remote_addr"}),
        &[("log-format-upstream without $proxy_upstream_name", "log-format-upstream")],
    );
    nginx_with(&json!({"enable-syslog": "true"}), &[("sends the access log away", "enable-syslog")]);
    nginx_with(
        &json!({"custom-http-errors": "404"}),
        &[("custom-http-errors: 404", "{\"custom-http-errors\":null}")], /* w44 */
    );
    let well = json!({
        "disable-access-log": "false", "access-log-path": "/dev/stdout", "use-gzip": "true",
        "log-format-upstream": "{\"proxyUpstreamName\": \"$proxy_upstream_name\"}",
    });
    nginx_with(&well, &[]);
    nginx_with(&Value::Null, &[]);
}

/// Which flags those are, the tests of `hotdesk_traffic` show.
#[test]
fn what_hides_requests_in_traefik() {
    let traefik = |arguments: &[&str]| controller(&json!({"app.kubernetes.io/name": "traefik"}), arguments);
    let on = ["--accesslog=true", "--accesslog.format=json"];
    check(&traefik(&on), &[]);
    let filtered = traefik(&[&on[..], &["--accesslog.filters.statuscodes=500-599"]].concat());
    check(&filtered, &[("leaves requests out", "without --accesslog.filters")]);
    let uncounted = traefik(&[&on[..], &["--entrypoints.web.observability.metrics=false"]].concat());
    check(&uncounted, &[]);
    let metrics_only = |controller| Controller { uses: Uses { logs: false, metrics: true }, ..controller };
    check(&metrics_only(uncounted), &[("leaves the requests of an entry point uncounted", "without that")]);
    check(&metrics_only(filtered), &[]);
    // The reaper cannot know what is in it either.
    check(&traefik(&["--configfile=/etc/traefik.yaml"]), &[("has its settings in /etc/traefik.yaml", "a ConfigMap")]);
}

#[test]
fn what_hides_requests_in_envoy_gateway() {
    let controller = controller(&json!({"app.kubernetes.io/name": "envoy"}), &[]);
    let with = |log: &Value, expected: &[(&str, &str)]| {
        let body = json!({"spec": {"telemetry": {"accessLog": log}}});
        let proxy = Named { namespace: "eg".to_owned(), name: "proxy".to_owned(), body, ..Named::default() };
        check_with(&controller, &[proxy], expected);
    };
    with(&json!({"disable": true}), &[("turns its access log off", "kubectl -n eg edit envoyproxy proxy")]);
    with(&json!({"settings": [{"matches": ["response.code >= 400"]}]}), &[("as sampling does", "take matches away")]);
    with(&json!({"settings": [{"type": "Listener"}]}), &[("what its listeners do", "without type")]);
    with(&json!({"settings": [{"sinks": [{"type": "ALS"}]}]}), &[("does not see it", "/dev/stdout")]);
    with(&json!({"settings": [{"sinks": [{"type": "File", "file": {"path": "/dev/stdout"}}]}]}), &[]);
    with(&json!({"settings": [{"format": {"type": "Text", "text": "x"}}]}), &[("text", "%ROUTE_NAME%")]);
    with(
        &json!({"settings": [{"format": {"type": "JSON", "json": {"a": "b"}}}]}),
        &[("does not name the route", "route_name")],
    );
    with(&json!({"settings": [{"format": {"type": "JSON", "json": {"route_name": "%ROUTE_NAME%"}}}]}), &[]);
}

#[test]
fn a_config_map_that_may_not_be_read_is_not_taken_for_well() {
    let mut unknown = controller(&json!({}), &[]);
    unknown.configs = vec![Err("forbidden".to_owned())];
    let found = judge(&unknown, &[]);
    assert_eq!((found.len(), found[0].level), (1, Level::Unknown), "{found:?}");
    let metrics_only = Controller { uses: Uses { logs: false, metrics: true }, ..unknown };
    assert!(judge(&metrics_only, &[]).is_empty());
}
