use serde_json::{Value, json};

use super::*;

fn index() -> HostIndex {
    HostIndex::new([
        ("mew.dev.example.com", "mew"),
        ("pikachu.dev.example.com", "pikachu"),
        ("deep.mew.dev.example.com", "eevee"),
    ])
}

/// Whose host an object of pikachu takes.
#[track_caller]
fn check(kind: (&str, &str), object: &Value, expected: Option<(&str, &str)>) {
    let found = hosts(kind.0, kind.1, object);
    let index = index();
    assert_eq!(index.foreign(&found, &Hosts::default(), "pikachu"), expected, "{found:?}");
}

const INGRESS: (&str, &str) = ("networking.k8s.io", "Ingress");

fn ingress_for(host: &str) -> Value {
    json!({"spec": {"rules": [{"host": host}]}})
}

#[test]
fn a99_a_slots_host_and_every_host_below_it_are_the_slots() {
    check(INGRESS, &ingress_for("mew.dev.example.com"), Some(("mew.dev.example.com", "mew")));
    check(INGRESS, &ingress_for("api.mew.dev.example.com"), Some(("api.mew.dev.example.com", "mew")));
    check(INGRESS, &ingress_for("MEW.dev.example.com."), Some(("mew.dev.example.com", "mew")));
    check(INGRESS, &ingress_for("a.deep.mew.dev.example.com"), Some(("a.deep.mew.dev.example.com", "eevee")));
    check(INGRESS, &ingress_for("pikachu.dev.example.com"), None);
    check(INGRESS, &ingress_for("x.pikachu.dev.example.com"), None);
    check(INGRESS, &ingress_for("notmew.dev.example.com"), None);
    check(INGRESS, &ingress_for("dev.example.com"), None);
}

#[test]
fn a_wildcard_above_takes_other_slots_in() {
    check(INGRESS, &ingress_for("*.dev.example.com"), Some(("*.dev.example.com", "mew")));
    check(INGRESS, &ingress_for("*.mew.dev.example.com"), Some(("*.mew.dev.example.com", "eevee")));
    check(INGRESS, &ingress_for("*.pikachu.dev.example.com"), None);
    check(INGRESS, &ingress_for("*.other.example.com"), None);
}

#[test]
fn a99_any_kind_of_route_is_read() {
    let mew = Some(("mew.dev.example.com", "mew"));
    let tls = json!({"spec": {"rules": [], "tls": [{"hosts": ["mew.dev.example.com"]}]}});
    check(INGRESS, &tls, mew);
    let alias =
        json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/server-alias": "a.b, mew.dev.example.com"}}});
    check(INGRESS, &alias, mew);
    let dns =
        json!({"metadata": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "mew.dev.example.com"}}});
    check(("", "Service"), &dns, mew);
    let route = json!({"spec": {"hostnames": ["mew.dev.example.com"]}});
    check(("gateway.networking.k8s.io", "HTTPRoute"), &route, mew);
    for rule in [
        "Host(`a.b`, `mew.dev.example.com`) && Path(`/`)",
        "Host(\"mew.dev.example.com\")",
        "HostSNI(`mew.dev.example.com`)",
    ] {
        check(("traefik.io", "IngressRoute"), &json!({"spec": {"routes": [{"match": rule}]}}), mew);
    }
    check(("networking.istio.io", "VirtualService"), &json!({"spec": {"hosts": ["mew.dev.example.com"]}}), mew);
    check(
        ("networking.istio.io", "Gateway"),
        &json!({"spec": {"servers": [{"hosts": ["ns/mew.dev.example.com"]}]}}),
        mew,
    );
    check(("projectcontour.io", "HTTPProxy"), &json!({"spec": {"virtualhost": {"fqdn": "mew.dev.example.com"}}}), mew);
    check(("route.openshift.io", "Route"), &json!({"spec": {"host": "mew.dev.example.com"}}), mew);
    check(("new.example.io", "Way"), &json!({"spec": {"deep": [{"er": "mew.dev.example.com:443"}]}}), mew);
}

#[test]
fn a_text_in_an_object_without_routes_is_nobodys_host() {
    check(("", "ConfigMap"), &json!({"spec": {"host": "mew.dev.example.com"}}), None);
    check(("apps", "Deployment"), &json!({"spec": {"a": "mew.dev.example.com"}}), None);
}

#[test]
fn what_stood_there_before_is_not_judged_again() {
    let (old, index) = (hosts(INGRESS.0, INGRESS.1, &ingress_for("mew.dev.example.com")), index());
    assert_eq!(index.foreign(&old, &old, "pikachu"), None);
    assert!(index.foreign(&old, &Hosts::default(), "pikachu").is_some());
}

#[test]
fn rules_that_could_take_any_host_are_told() {
    let open = |kind: (&str, &str), object: &Value| hosts(kind.0, kind.1, object).open.len();
    assert_eq!(open(INGRESS, &json!({"spec": {"rules": [{}]}})), 1);
    assert_eq!(open(INGRESS, &json!({"spec": {"defaultBackend": {"service": {}}}})), 1);
    assert_eq!(open(INGRESS, &ingress_for("a.b")), 0);
    assert_eq!(open(("gateway.networking.k8s.io", "HTTPRoute"), &json!({"spec": {}})), 1);
    let rule = |rule: &str| json!({"spec": {"routes": [{"match": rule}]}});
    assert_eq!(open(("traefik.io", "IngressRoute"), &rule("PathPrefix(`/`)")), 1);
    assert_eq!(open(("traefik.io", "IngressRoute"), &rule("HostRegexp(`.+`)")), 1);
    assert_eq!(open(("traefik.io", "IngressRoute"), &rule("Host(`a.b`)")), 0);
}
