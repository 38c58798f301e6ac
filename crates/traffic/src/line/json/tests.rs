use super::*;
use crate::line::damage::{damaged, damaged_again, real_lines};
use proptest::prelude::*;
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
    assert_eq!(read(r#""2026-11-23T16:04:05+01:00""#), Some("2026-11-23T15:04:05Z".parse().unwrap()));
    for other in ["1795446245.123", "null", r#""23/Nov/2026:15:04:05 +0000""#, "{}"] {
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

/// What both readings say, where the fast one says something.
#[track_caller]
fn agree(line: &str) {
    for dialect in [Dialect::Either, Dialect::Named(&keys())] {
        if let Some(found) = in_one_pass(line, dialect) {
            assert_eq!(in_full(line, dialect).ok(), Some(found), "{dialect:?} {line}");
        }
    }
}

#[test]
fn real_lines_are_read_in_one_pass_and_as_in_full() {
    real_lines().into_iter().for_each(agree);
    for line in real_lines() {
        let plain = in_full(line, Dialect::Either).is_ok() && !line.contains(":{");
        assert_eq!(in_one_pass(line, Dialect::Either).is_some(), plain, "{line}");
    }
}

/// What a line says after another one was learned from, and what it says alone.
#[track_caller]
fn agree_after(learned: &str, line: &str) {
    for dialect in [Dialect::Either, Dialect::Named(&keys())] {
        let mut shapes = Shapes::default();
        shapes.learn(learned, |key| dialect.field(key));
        assert_eq!(read_alike(line, dialect, &mut shapes), read(line, dialect), "{dialect:?} {learned} {line}");
    }
}

#[test]
fn a_line_of_a_known_shape_is_read_by_it() {
    let learned = r#"{"time":"2026-11-23T15:04:05+00:00", "status":200,"path":"/a\"b","x":null,"proxyUpstreamName":"mew-web-80"} "#;
    let mut shapes = Shapes::default();
    shapes.learn(learned, |key| Dialect::Either.field(key));
    let found = |line: &str| {
        shapes.found(line, keep).map(|mut found| judge(&mut found, Dialect::Either) == read(line, Dialect::Either))
    };
    let line = |path: &str, x: &str, upstream: &str| {
        format!(r#"{{"time":"", "status":404,"path":"{path}","x":{x},"proxyUpstreamName":"{upstream}"}} "#)
    };
    for (path, x, upstream) in
        [("/", "null", "mewtwo-web-80"), ("/é", "-1.5", ""), ("", "true", "-"), ("/", "\"text\"", "-")]
    {
        assert_eq!(found(&line(path, x, upstream)), Some(true), "{path} {x} {upstream}");
    }
    for unusual in [
        line(r#"/\"a"#, "null", "mew-web-80"),
        line("/\t", "null", "mew-web-80"),
        line("/", "01", "mew-web-80"),
        line("/", "{}", "mew-web-80"),
        line("/", "", "mew-web-80"),
        line("/", r#"1,"namespace":"mewtwo""#, "mew-web-80"),
        line("/", "1", r#"mew-web-80","namespace":"mewtwo"#),
        line("/", "1", "mew-web-80") + "}",
        line("/", "1", "mew-web-80").replace("status", "Status"),
        line("/", "1", "mew-web-80").replace(", ", ","),
    ] {
        assert_eq!(found(&unusual), None, "{unusual}");
    }
}

#[test]
fn of_real_lines_those_without_escapes_have_the_shape_that_they_show() {
    for line in real_lines() {
        let mut shapes = Shapes::default();
        shapes.learn(line, |key| Dialect::Either.field(key));
        let plain = in_one_pass(line, Dialect::Either).is_some() && !line.contains('\\');
        assert_eq!(shapes.found(line, keep).is_some(), plain, "{line}");
        real_lines().into_iter().for_each(|other| agree_after(line, other));
    }
}

#[test]
fn whatever_is_unusual_is_read_in_full() {
    for line in [
        "{}",
        r#" {"namespace":"mew"}"#,
        "{\t\"namespace\":\"mew\"}",
        "{\"namespace\":\"me\tw\"}",
        r#"{"name\u0073pace":"mew"}"#,
        r#"{"namespace":"mew","x":{}}"#,
        r#"{"namespace":"mew","x":[]}"#,
        r#"{"namespace":"mew","x":1e5}"#,
        r#"{"namespace":"mew","x":01}"#,
        r#"{"namespace":"mew","x":"\x22"}"#,
        r#"{"namespace":"mew","x":"\u12g4"}"#,
        r#"{"namespace":"mew","namespace":"mewtwo"}"#,
        r#"{"namespace":"\ud800"}"#,
        r#"{"namespace":1.0}"#,
        r#"{"namespace":-1}"#,
        r#"{"namespace":12345678901234567890}"#,
        r#"{"namespace":"mew"},"#,
        r#"{"namespace":"mew",}"#,
        r#"{"namespace":"mew""#,
        r#"{"namespace":"mew\"}"#,
        r#"{"namespace" "mew"}"#,
        r#"{"namespace":"mew" "x":1}"#,
        r#"{\"namespace":"mew"}"#,
    ] {
        assert_eq!(in_one_pass(line, Dialect::Either), None, "{line}");
    }
}

/// What may stand where it should not.
const PIECES: [&str; 21] = [
    r#""namespace":"mewtwo","#,
    r#""proxyUpstreamName":"mewtwo-web-80","#,
    r#","route_name":null"#,
    r#","path":"\u0026\u00e9\ud83d\ude00""#,
    r#","status":-0.5"#,
    r#"":1e5,""#,
    r#"\""#,
    r#"\\"#,
    r#"\u"#,
    r#"\ud800"#,
    r#"{"a":[1,{"b":null}]}"#,
    r#"":true,""#,
    r#"":null,""#,
    r#"":17,""#,
    r#"":9999999999999999999,""#,
    r#"":"","#,
    " , ",
    " : ",
    "}",
    "\t",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_readings_agree_on_damaged_lines(line in damaged("\"\\{}[]:, -.0e9nut\u{1}\té", &PIECES)) {
        agree(&line);
    }

    #[test]
    fn lines_of_a_shape_say_what_they_say_alone((learned, line) in damaged_again("\"\\{}[]:, -.0e9nut\u{1}\té", &PIECES)) {
        agree_after(&learned, &line);
    }

    #[test]
    fn both_readings_agree_on_made_up_objects(line in object()) {
        agree(&line);
    }
}

/// An object whose keys, spaces and values are anything, more often what is wanted.
fn object() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        3 => proptest::sample::select(vec!["proxyUpstreamName", "namespace", "ServiceName", "time", "status", "level", "up", "ns", "p"])
            .prop_map(|key| format!("\"{key}\"")),
        1 => any::<String>().prop_map(|key| json!(key).to_string()),
    ];
    let value = prop_oneof![
        3 => any::<String>().prop_map(|text| json!(text).to_string()),
        2 => any::<f64>().prop_map(|number| json!(number).to_string()),
        2 => any::<i32>().prop_map(|number| number.to_string()),
        2 => any::<u64>().prop_map(|number| number.to_string()),
        2 => "\"[a-z\\\\u0-9\"/]{0,8}\"",
        1 => "-?[0-9.eE]{1,5}",
        2 => proptest::sample::select(vec!["null", "true", "false", "{}", "[]", "nul", "-", "\"\""]).prop_map(str::to_owned),
    ];
    let member = (" {0,1}", key, " {0,1}", " {0,1}", value, " {0,1}")
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
    (proptest::collection::vec(member, 0..5), " {0,1}")
        .prop_map(|(members, end)| format!("{{{}}}{end}", members.join(",")))
}
