//! Each setting that hides requests, and some that do not.

use hotdesk_traffic::sources::Place;
use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::places::Uses;
use super::*;

fn controller(labels: &Value, arguments: &[&str]) -> Controller {
    let pod = json!({"metadata": {"name": "c-0", "labels": labels}, "spec": {"containers": [{"name": "c", "args": arguments}]}});
    Controller {
        place: Place { namespace: "ingress".to_owned(), selector: "a=b".to_owned(), container: "c".to_owned() },
        uses: Uses { logs: true, metrics: false },
        pods: Ok(vec![serde_json::from_value(pod).unwrap()]),
        sample: None,
        config: None,
        proxies: vec![],
        log_limit: (10 << 20, true),
    }
}

#[track_caller]
fn check(controller: &Controller, expected: &[(&str, &str)]) {
    let found = judge(controller);
    let problems: Vec<&Finding> = found.iter().filter(|finding| finding.level == Level::Problem).collect();
    assert_eq!(problems.len(), expected.len(), "{found:?}");
    for (finding, (says, fix)) in problems.iter().zip(expected) {
        assert!(finding.says.contains(says), "{finding:?} does not say {says:?}");
        assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?} does not say {fix:?}");
    }
}

#[track_caller]
fn nginx_with(data: &Value, expected: &[(&str, &str)]) {
    let mut controller = controller(&json!({"app.kubernetes.io/name": "ingress-nginx"}), &[]);
    let config = json!({"metadata": {"namespace": "ingress", "name": "settings"}, "data": data});
    controller.config = Some(Ok(Some(serde_json::from_value(config).unwrap())));
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

#[test]
fn what_hides_requests_in_traefik() {
    let on = ["--accesslog=true", "--accesslog.format=json"];
    let with = |more: &[&str], expected: &[(&str, &str)]| {
        let arguments = [&on[..], more].concat();
        check(&controller(&json!({"app.kubernetes.io/name": "traefik"}), &arguments), expected);
    };
    with(&[], &[]);
    with(&["--accesslog.filters.statuscodes=500-599"], &[("leaves requests out", "without --accesslog.filters")]);
    with(&["--accessLog.bufferingSize=100"], &[("buffers", "bufferingsize=0")]);
    with(
        &["--entryPoints.web.observability.accessLogs=false"],
        &[("keeps the requests of an entry point out of the log", "without that")],
    );
    with(&["--accesslog.filepath=/var/log/a"], &[("/var/log/a", "without --accesslog.filepath")]);
    with(&["--accesslog.fields.defaultmode=drop"], &[("drops the field ServiceName", "ServiceName=keep")]);
    with(&["--accesslog.fields.defaultmode=drop", "--accesslog.fields.names.ServiceName=keep"], &[]);
    let traefik = |arguments: &[&str]| controller(&json!({"app.kubernetes.io/name": "traefik"}), arguments);
    check(&traefik(&["--providers.kubernetesingress"]), &[("its access log is off", "--accesslog.format=json")]);
    check(&traefik(&["--accesslog=true"]), &[("is not JSON", "--accesslog.format=json")]);
    check(&traefik(&["--configfile=/etc/traefik.yaml"]), &[]);
}

#[test]
fn what_hides_requests_in_envoy_gateway() {
    let with = |log: &Value, expected: &[(&str, &str)]| {
        let mut controller = controller(&json!({"app.kubernetes.io/name": "envoy"}), &[]);
        let metadata = json!({"namespace": "eg", "name": "proxy"});
        controller.proxies = vec![json!({"metadata": metadata, "spec": {"telemetry": {"accessLog": log}}})];
        check(&controller, expected);
    };
    with(&json!({"disable": true}), &[("its access log is off", "kubectl -n eg edit envoyproxy proxy")]);
    with(&json!({"settings": [{"matches": ["response.code >= 400"]}]}), &[("as sampling does", "take matches away")]);
    with(&json!({"settings": [{"format": {"type": "Text", "text": "x"}}]}), &[("is text", "%ROUTE_NAME%")]);
    with(
        &json!({"settings": [{"format": {"type": "JSON", "json": {"a": "b"}}}]}),
        &[("does not name the route", "route_name")],
    );
    with(&json!({"settings": [{"format": {"type": "JSON", "json": {"route_name": "%ROUTE_NAME%"}}}]}), &[]);
}

#[test]
fn a_config_map_that_may_not_be_read_is_not_taken_for_well() {
    let mut unseen = controller(&json!({}), &[]);
    unseen.config = Some(Err("forbidden".to_owned()));
    let found = judge(&unseen);
    assert_eq!((found.len(), found[0].level), (1, Level::Unseen), "{found:?}");
    let metrics_only = Controller { uses: Uses { logs: false, metrics: true }, ..unseen };
    assert!(judge(&metrics_only).is_empty());
}
