use super::*;
use serde_json::json;

#[track_caller]
fn access<'a>(line: &'a str, dialect: Dialect<'_>) -> Entry<'a> {
    match read(line, dialect) {
        Line::Access(entry) => entry,
        other => panic!("{other:?}: {line}"),
    }
}

#[test]
fn every_line_of_a_real_ingress_nginx_log_is_read() {
    let expected =
        [(Some("mew-web-80"), None), (Some("mewtwo-web-80"), Some("mewtwo")), (None, None), (Some("mew-web-80"), None)];
    for (line, (upstream, namespace)) in include_str!("../../../tests/data/nginx-json.log").lines().zip(expected) {
        let entry = access(line, Dialect::Either);
        assert_eq!((entry.upstream.as_deref(), entry.namespace.as_deref()), (upstream, namespace), "{line}");
        assert_eq!(access(line, Dialect::Nginx), entry, "{line}");
    }
}

#[test]
fn every_line_of_a_real_traefik_log_is_read() {
    let expected = [Some("mew-web-80"), Some("mewtwo-api-http"), Some("mew-web-80"), None, Some("dashboard@internal")];
    for (line, upstream) in include_str!("../../../tests/data/traefik-json.log").lines().zip(expected) {
        let entry = access(line, Dialect::Either);
        assert_eq!(entry.upstream.as_deref(), upstream, "{line}");
        assert_eq!(access(line, Dialect::Traefik), entry, "{line}");
    }
}

#[test]
fn a_sender_cannot_name_an_upstream() {
    for agent in [
        "\",\"proxyUpstreamName\":\"mewtwo-web-80",
        "{\"proxyUpstreamName\":\"mewtwo-web-80\"}",
        "\\\",\"namespace\":\"mewtwo\",\"service_name\":\"x",
    ] {
        let line = json!({
            "http_user_agent": agent, "path": agent, "vhost": agent,
            "headers": {"proxyUpstreamName": "mewtwo-web-80", "namespace": "mewtwo"},
            "proxyUpstreamName": "mew-web-80",
        })
        .to_string();
        let entry = access(&line, Dialect::Either);
        assert_eq!((entry.upstream.as_deref(), entry.namespace), (Some("mew-web-80"), None), "{line}");
    }
}

#[test]
fn a_key_that_comes_twice_makes_a_line_unparsed() {
    for line in [
        r#"{"proxyUpstreamName":"mew-web-80","proxyUpstreamName":"mewtwo-web-80"}"#,
        r#"{"proxyUpstreamName":"mew-web-80","proxy_upstream_name":"mewtwo-web-80"}"#,
        r#"{"DownstreamStatus":200,"ServiceName":"a-b-80@kubernetes","ServiceName":"c-d-80@kubernetes"}"#,
    ] {
        assert_eq!(read(line, Dialect::Either), Line::Unparsed, "{line}");
    }
}

#[test]
fn a_namespace_that_is_a_constant_of_the_format_is_not_believed() {
    let line = r#"{"namespace":"ingress-nginx","proxyUpstreamName":"mew-web-80"}"#;
    assert_eq!(access(line, Dialect::Nginx).namespace, None);
    assert_eq!(read(r#"{"namespace":"ingress-nginx","status":200}"#, Dialect::Nginx), Line::Unparsed);
}

#[test]
fn an_access_log_that_names_nobody_is_no_message() {
    for line in [
        r#"{"level":"info","msg":"","time":"2026-11-23T15:04:05Z","RequestPath":"/"}"#,
        r#"{"level":"info","msg":"","time":"2026-11-23T15:04:05Z"}"#,
        r#"{"level":"info","message":"GET / HTTP/1.1","status":200,"host":"mew.dev.example.com"}"#,
        r#"{"level":"info","message":"access","http_user_agent":"curl/8.5"}"#,
        r#"{"level":"info","msg":"x","RouterName":"mew-web@kubernetes"}"#,
    ] {
        for dialect in [Dialect::Either, Dialect::Nginx, Dialect::Traefik] {
            assert_eq!(read(line, dialect), Line::Unparsed, "{dialect:?} {line}");
        }
    }
}

#[test]
fn a_message_of_traefik_about_a_service_is_no_request() {
    let line = r#"{"level":"error","providerName":"kubernetes","ingress":"web","namespace":"mew","serviceName":"web",
        "error":"endpoints not found","message":"Skipping service"}"#;
    assert_eq!(read(line, Dialect::Traefik), Line::Noise);
}

#[test]
fn when_a_line_was_logged_is_read_where_it_says_so() {
    let read = |time: &str| {
        let line = format!(r#"{{"time":{time},"status":[200.5],"proxyUpstreamName":"mew-web-80"}}"#);
        access(&line, Dialect::Either).logged
    };
    for time in [r#""2026-11-23T16:04:05+01:00""#, "1795446245.123", r#""23/Nov/2026:15:04:05 +0000""#] {
        assert_eq!(read(time), Some("2026-11-23T15:04:05Z".parse().unwrap()), "{time}");
    }
    for other in ["0.123", "-1795446245", "null", "true", "{}", r#""x""#] {
        assert_eq!(read(other), None, "{other}");
    }
}

#[test]
fn a_format_that_does_not_name_the_upstream_is_unparsed() {
    assert_eq!(read(r#"{"status":200,"path":"/"}"#, Dialect::Either), Line::Unparsed);
    assert_eq!(read(r#"{"proxyUpstreamName":"mew-web-80"}"#, Dialect::Traefik), Line::Unparsed);
}

#[test]
fn every_line_of_envoy_gateways_log_is_read() {
    let expected = [(Some("mew"), "/cart"), (Some("mewtwo"), "/httproute/mew/web/rule/0"), (None, "/")];
    for (line, (namespace, path)) in include_str!("../../../tests/data/envoy-json.log").lines().zip(expected) {
        let entry = access(line, Dialect::Envoy);
        assert_eq!((entry.namespace.as_deref(), entry.path.as_deref()), (namespace, Some(path)), "{line}");
        assert_eq!(access(line, Dialect::Either), entry, "{line}");
    }
}

#[test]
fn a_route_that_is_not_named_by_envoy_gateway_could_be_anybodys() {
    assert_eq!(read(r#"{"route_name":"default","response_code":200}"#, Dialect::Envoy), Line::Unparsed);
    assert_eq!(read(r#"{"response_code":200}"#, Dialect::Envoy), Line::Unparsed);
}

fn keys() -> Keys {
    let some = |text: &str| Some(text.to_owned());
    Keys { upstream: some("up"), namespace: some("ns"), time: some("at"), path: some("p"), agent: some("ua") }
}

#[test]
fn fields_that_the_operator_names_are_read_and_no_others() {
    let keys = keys();
    let line = json!({
        "up": "mew-web-80@kubernetes", "ns": "mew", "at": "2026-11-23T15:04:05Z", "p": "/cart?x=1", "ua": "curl",
        "proxyUpstreamName": "mewtwo-web-80", "namespace": "mewtwo", "route_name": "httproute/mewtwo/web/rule/0",
    })
    .to_string();
    let entry = access(&line, Dialect::Named(&keys));
    assert_eq!((entry.upstream.as_deref(), entry.namespace.as_deref()), (Some("mew-web-80"), Some("mew")));
    assert_eq!((entry.path.as_deref(), entry.agent.as_deref()), (Some("/cart"), Some("curl")));
    assert_eq!(entry.logged, Some("2026-11-23T15:04:05Z".parse().unwrap()));
    for (line, expected) in [
        (r#"{"ns":"mew","ns":"mewtwo"}"#, Line::Unparsed),
        (r#"{"proxyUpstreamName":"mew-web-80"}"#, Line::Unparsed),
        (r#"{"level":"info","msg":"reloaded"}"#, Line::Noise),
        (r#"{"level":"info","msg":"x","status":200}"#, Line::Unparsed),
    ] {
        assert_eq!(read(line, Dialect::Named(&keys)), expected, "{line}");
    }
    assert_eq!(access(r#"{"ns":null,"up":"-"}"#, Dialect::Named(&keys)), Entry::default());
}

#[test]
fn keys_that_cannot_tell_whose_a_request_was_are_refused() {
    let check = |keys: Keys, expected: &str| {
        let why = keys.check().unwrap_err();
        assert!(why.contains(expected), "{why}");
    };
    assert_eq!(keys().check(), Ok(()));
    check(Keys { upstream: None, namespace: None, ..keys() }, "name the field");
    check(Keys { path: Some(String::new()), ..keys() }, "has no name");
    check(Keys { path: Some("ns".to_owned()), ..keys() }, "ns is named for two things");
}
