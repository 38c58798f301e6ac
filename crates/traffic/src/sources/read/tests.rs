//! What people can write as sources, and how they are told what is wrong with it.

use super::*;

fn defaults() -> Defaults {
    let text = |text: &str| text.to_owned();
    Defaults {
        place: PodSelector { namespace: text("ingress-nginx"), selector: text("a=b"), container: text("controller") },
        format: Format::NginxJson,
    }
}

fn parse(text: &str) -> Result<Vec<Source>, Vec<String>> {
    read(text, &defaults())
}

#[test]
fn what_a_source_leaves_out_is_that_of_the_ingress_controller() {
    let sources =
        parse("[{type: ingress-logs}, {type: ingress-logs, name: gw, namespace: egs, logFormat: envoy-json}]").unwrap();
    let Kind::IngressLogs(first) = &sources[0].kind else { panic!("{sources:?}") };
    assert_eq!((&first.place, &first.format), (&defaults().place, &Format::NginxJson));
    let Kind::IngressLogs(second) = &sources[1].kind else { panic!("{sources:?}") };
    assert_eq!((second.place.namespace.as_str(), second.place.container.as_str()), ("egs", "controller"));
    assert_eq!((sources[0].name.as_str(), sources[1].name.as_str()), ("ingress-logs", "gw"));
    assert_eq!(second.format, Format::EnvoyJson);
}

#[test]
fn json_is_as_good_as_yaml() {
    let json = r#"[{"type":"prometheus","url":"https://p.example.com/prefix","controller":"traefik","gap":"2m"}]"#;
    let Kind::Prometheus(found) = &parse(json).unwrap()[0].kind else { panic!() };
    assert_eq!(found.gap, SignedDuration::from_mins(2));
    assert!(matches!(found.question, Question::Ready { controller: Controller::Traefik, sight: None }));
}

#[test]
fn each_controller_has_its_own_port_and_path() {
    for (controller, port, path) in [
        ("ingress-nginx", 10254, "/metrics"),
        ("traefik", 9100, "/metrics"),
        ("envoy-gateway", 19001, "/stats/prometheus"),
        ("envoy", 19001, "/stats/prometheus"),
    ] {
        let sources = parse(&format!("[{{type: ingress-metrics, controller: {controller}}}]")).unwrap();
        let Kind::IngressMetrics(found) = &sources[0].kind else { panic!() };
        assert_eq!((found.port, found.path.as_str()), (port, path), "{controller}");
    }
}

#[track_caller]
fn refused(source: &str, expected: &str) {
    let problems = parse(&format!("[{{{source}}}]")).unwrap_err();
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{source}: {problems:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    refused("type: rumour", "--sources[0] (rumour).type: there is no such type");
    refused("name: x", "--sources[0].type: name one");
    refused("type: ingress-logs, url: x", "unknown field `url`");
    refused("type: ingress-logs, name: ''", "(ingress-logs).name: write a text");
    refused("type: ingress-logs, logFormat: xml", ".logFormat: write auto");
    refused("type: ingress-logs, logFormat: json", ".fields: name the field that holds the upstream");
    refused("type: ingress-logs, fields: {upstream: a}", ".fields: they go with logFormat: json");
    refused("type: ingress-metrics", "missing field `controller`");
    refused("type: ingress-metrics, controller: istio", "use the type prometheus");
    refused("type: ingress-metrics, controller: traefik, path: '/a?b'", ".path: write it like /metrics");
    refused("type: prometheus, url: 'http://p'", ".controller: name one");
    refused("type: prometheus, url: 'http://p', controller: istio", ".sight: name the samples of Istio's gateways");
    refused("type: prometheus, url: 'http://p', query: 'x{n=\"$namespace\"}[$window]'", ".sight: name the series");
    refused("type: prometheus, url: 'http://p', query: x, sight: up", "it must mention $namespace");
    refused("type: prometheus, url: p, controller: traefik", ".url: write an address");
    refused("type: prometheus, url: 'http://u:p@p', controller: traefik", "credentials go into auth");
    refused("type: prometheus, url: 'http://p', controller: traefik, gap: 0s", ".gap: it must be longer than nothing");
    refused("type: loki, url: 'http://l'", "write either a selector");
    refused("type: loki, url: 'http://l', selector: '{a=\"b\"}', query: x", "write either a selector");
    refused("type: gcp-logging", "missing field `project`");
    refused("type: gcp-logging, project: 'a b'", ".project: write its name alone");
    refused("type: gcp-logging, project: a, endpoint: 'http://example.com'", "only sent to https://");
    assert!(parse("[]").unwrap_err()[0].contains("--sources is empty"));
    assert!(parse("nonsense").unwrap_err()[0].contains("is not a list of sources"));
}

#[test]
fn credentials_go_only_to_encrypted_addresses() {
    for auth in ["auth: {bearerTokenFile: /t}", "auth: {username: a, passwordFile: /p}", "headers: {X-Key: {file: /k}}"]
    {
        refused(&format!("type: prometheus, url: 'http://p', controller: traefik, {auth}"), "only sent to https://");
        assert!(
            parse(&format!("[{{type: prometheus, url: 'https://p', controller: traefik, {auth}}}]")).is_ok(),
            "{auth}"
        );
    }
    refused("type: loki, url: 'https://l', selector: x, auth: {username: a}", ".auth: write either");
    refused(
        "type: loki, url: 'https://l', selector: x, auth: {username: 'a:b', passwordFile: /p}",
        ".auth: write either",
    );
    refused("type: loki, url: 'https://l', selector: x, headers: {'a b': c}", "cannot be sent as a header");
    refused("type: loki, url: 'http://l', selector: x, headers: {Authorization: Basic x}", "holds a secret");
}

#[test]
fn every_problem_of_every_source_is_told_at_once() {
    let problems =
        parse("[{type: x}, {type: loki, url: z, maxSilence: -1s}, {type: ingress-logs}, {type: ingress-logs}]")
            .unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(
        problems[4].starts_with("--sources[3] (ingress-logs): is the second one called ingress-logs"),
        "{problems:?}"
    );
}

#[test]
fn a_source_sees_what_its_format_is_of_and_what_the_operator_says_instead() {
    let sees = |written: &str| parse(&format!("[{{{written}}}]")).unwrap().remove(0).sees;
    for (written, controller, kind) in [
        ("type: ingress-logs, logFormat: nginx", "k8s.io/ingress-nginx", "Ingress"),
        ("type: ingress-logs, logFormat: auto", "k8s.io/ingress-nginx", "Ingress"),
        (
            "type: ingress-logs, logFormat: auto, selector: app.kubernetes.io/name=traefik",
            "traefik.io/ingress-controller",
            "IngressRoute",
        ),
        ("type: ingress-logs, logFormat: traefik-json", "traefik.io/gateway-controller", "HTTPRoute"),
        (
            "type: ingress-metrics, controller: envoy-gateway",
            "gateway.envoyproxy.io/gatewayclass-controller",
            "GRPCRoute",
        ),
        (
            "type: prometheus, url: 'http://p', controller: istio, sight: up",
            "istio.io/gateway-controller",
            "VirtualService",
        ),
        ("type: ingress-logs, sees: {controllers: [a/b]}", "a/b", "Ingress"),
        (
            "type: ingress-logs, logFormat: json, fields: {namespace: ns}, sees: {controllers: [a/b], kinds: [HTTPProxy]}",
            "a/b",
            "HTTPProxy",
        ),
    ] {
        let sees = sees(written);
        assert!(sees.controller(controller), "{written}: {sees:?}");
        assert!(sees.kinds.iter().any(|known| known == kind), "{written}: {sees:?}");
    }
    assert_eq!(sees("type: ingress-logs, logFormat: json, fields: {namespace: ns}"), Sees::default());
    assert!(!sees("type: ingress-logs, sees: {controllers: [a/b]}").controller("k8s.io/ingress-nginx"));
    let one = sees(
        "type: ingress-logs, logFormat: envoy-json, selector: 'gateway.envoyproxy.io/owning-gateway-name=gw,gateway.envoyproxy.io/owning-gateway-namespace=edge'",
    );
    assert!(one.gateway("edge", "gw") && !one.gateway("edge", "other"), "{one:?}");
    let either =
        sees("type: ingress-logs, logFormat: envoy-json, selector: gateway.envoyproxy.io/owning-gateway-name=gw");
    assert!(!either.gateway("edge", "gw"), "of which namespace is not said: {either:?}");
}

#[test]
fn what_a_source_cannot_see_is_refused() {
    refused("type: ingress-logs, sees: {kinds: [HttpRoute]}", "sees.kinds: there is no kind of route HttpRoute");
    refused("type: ingress-logs, sees: {gateways: [gw]}", "sees.gateways: write gw with its namespace");
    refused("type: ingress-logs, sees: {classes: [nginx]}", "sees: unknown field");
}
