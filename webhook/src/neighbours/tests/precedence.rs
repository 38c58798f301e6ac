//! Rules that go before those of other slots, and what holds for every slot.

use super::*;

const ROUTE: (&str, &str) = ("traefik.io", "IngressRoute");
const INGRESS: (&str, &str) = ("networking.k8s.io", "Ingress");

fn rule(text: &str) -> Value {
    json!({"spec": {"routes": [{"match": "Host(`a.test`)"}, {"match": text}]}})
}

fn first(text: &str, priority: &Value) -> Value {
    json!({"spec": {"routes": [{"kind": "Rule", "match": text, "priority": priority}]}})
}

/// What is said of a rule that is let in.
fn open(kind: (&str, &str), object: &Value) -> String {
    let found = found(kind, object, None);
    assert_eq!(found.denied, None, "{object}");
    found.warnings("pikachu").concat()
}

#[test]
fn a156_a_rule_of_traefiks_with_a_host_in_one_alternative_alone_is_denied() {
    for text in [
        "Host(`pikachu.dev.example.com`) || PathPrefix(`/`)",
        "PathPrefix(`/`)||Host(`pikachu.dev.example.com`)",
        "Host(`a.test`) || Host(`b.test`) || Method(`GET`)",
        "(Host(`a.test`)) || ((PathPrefix(`/`)))",
        "(Host(`a.test`) || PathPrefix(`/`)) && Method(`GET`)",
        "Host(`a.test`) && Path(`/x`) || Path(`/`)",
        "Host(`a.test`) || !Host(`b.test`)",
        "Host(`a.test`) || !(Host(`b.test`))",
        "Host(`a.test`) || HostRegexp(`.+`)",
        "Host(`a.test`) || Host()",
        "Host(`a.test`) || Host(`*`)",
        "Host(`a.test`) || Path(`) && Host(`)",
        "Host(`a.test`) /* && */ || // )\n Path(`/`)",
        "Host(`a.test`) ? Path(`/`)",
        "(Host(`a.test`)",
    ] {
        check(ROUTE, &rule(text), Some(("neighbour-host", "takes hosts of other slots")));
        check(("traefik.containo.us", "IngressRoute"), &rule(text), Some(("neighbour-host", "guard.hosts")));
    }
    let sni = rule("HostSNI(`a.test`) || ClientIP(`0.0.0.0/0`)");
    check(("traefik.io", "IngressRouteTCP"), &sni, Some(("neighbour-host", "the rule HostSNI")));
}

#[test]
fn a_rule_of_traefiks_with_a_host_in_each_alternative_is_the_slots_own() {
    for text in [
        "Host(`a.test`) && (PathPrefix(`/a`) || PathPrefix(`/b`))",
        "(Host(`a.test`) || PathPrefix(`/`)) && Host(`b.test`)",
        "Host(`a.test`) && !PathPrefix(`/internal`)",
        "(Host(`a.test`) && Path(`/`)) || (host ( \"b.test\" ) && Method(`GET`))",
        "Host(`a.test`, `b.test`) /* || Path(`/`) */",
        "Host(`a.test`) && Path(`/||/`)",
        "Host(`a.test`) && HostRegexp(`.+`)",
    ] {
        for priority in [Value::Null, json!(100_000)] {
            assert_eq!(open(ROUTE, &first(text, &priority)), "", "{text}");
        }
    }
}

#[test]
fn a156_a_comment_hides_no_host_in_a_rule_of_traefiks() {
    for text in ["Host(/*`*/`mew.dev.example.com`/*`*/)", "Host(// `\n`mew.dev.example.com`)//`"] {
        check(ROUTE, &rule(text), Some(("neighbour-host", "the host mew.dev.example.com belongs")));
    }
}

#[test]
fn a156_a_rule_for_any_host_with_a_priority_is_denied() {
    for text in ["PathPrefix(`/`)", "HostRegexp(`.+`)", "!Host(`a.test`)", "HostSNI(`*`)"] {
        for kind in [ROUTE, ("traefik.io", "IngressRouteTCP")] {
            for (priority, said) in [(json!(1), "priority 1"), (json!(100_000), "priority 100000")] {
                check(kind, &first(text, &priority), Some(("neighbour-host", said)));
            }
            for priority in [Value::Null, json!(0), json!(-5)] {
                let said = open(kind, &first(text, &priority));
                assert!(said.contains("other slots"), "{text} {priority}: {said}");
            }
            let (old, new) = (first(text, &json!(1)), first(text, &json!(2)));
            assert_eq!(denial(kind, &new, Some(&old)).0, "neighbour-host", "a higher one");
        }
    }
    // However many rules there are.
    let mut routes: Vec<Value> = (0..100).map(|i| json!({"match": format!("Path(`/{i}`)")})).collect();
    let old = json!({"spec": {"routes": routes}});
    routes.push(json!({"match": "Path(`/`)", "priority": 7}));
    assert_eq!(denial(ROUTE, &json!({"spec": {"routes": routes}}), Some(&old)).0, "neighbour-host");
}

#[test]
fn a156_an_ingress_without_a_host_is_denied_a_priority_of_traefiks() {
    let ingress = |rules: Value, priority: &str| {
        let reservations = json!({"traefik.ingress.kubernetes.io/router.priority": priority});
        json!({"spec": {"rules": rules}, "metadata": {"annotations": reservations}})
    };
    check(INGRESS, &ingress(json!([{"http": {}}]), "1000"), Some(("neighbour-host", "priority 1000")));
    check(INGRESS, &ingress(json!([{"host": "a.test"}, {"host": ""}]), "7"), Some(("neighbour-host", "priority 7")));
    for (rules, priority) in [(json!([{"http": {}}]), "0"), (json!([{"http": {}}]), "-1"), (json!([{}]), "")] {
        assert!(open(INGRESS, &ingress(rules, priority)).contains("without host"), "{priority}");
    }
    assert_eq!(open(INGRESS, &ingress(json!([{"host": "a.test"}]), "1000")), "");
    let (old, new) = (ingress(json!([{"host": "a.test"}]), "9"), ingress(json!([{"http": {}}]), "9"));
    assert_eq!(denial(INGRESS, &new, Some(&old)).0, "neighbour-host");
}

#[test]
fn a156_an_ingress_brings_nothing_but_its_path_into_a_rule_of_traefiks() {
    let path = |path: &str| json!({"spec": {"rules": [{"host": "a.test", "http": {"paths": [{"path": path}]}}]}});
    let matcher = |text: &str| {
        let reservations = json!({"traefik.ingress.kubernetes.io/router.pathmatcher": text});
        json!({"spec": {"rules": [{"host": "a.test"}]}, "metadata": {"annotations": reservations}})
    };
    let denied = Some(("neighbour-host", "takes hosts of other slots"));
    check(INGRESS, &path("/`) || PathPrefix(`/"), denied);
    check(INGRESS, &matcher("PathPrefix(`/`) || Path"), denied);
    let value = json!({"headers": [{"name": "x", "value": "`) || PathPrefix(`/"}]});
    let route = json!({"spec": {"hostnames": ["a.test"], "rules": [{"matches": [value]}]}});
    check(("gateway.networking.k8s.io", "HTTPRoute"), &route, denied);
    check(INGRESS, &path("/a|(b)"), None);
    check(INGRESS, &matcher("PathPrefix"), None);
}

#[test]
fn a157_what_traefik_takes_for_the_default_of_all_is_denied() {
    let of = |name: &str, version: &str| json!({"metadata": {"name": name}, "spec": {"minVersion": version}});
    for group in ["traefik.io", "traefik.containo.us"] {
        for kind in ["TLSOption", "TLSStore"] {
            let said = format!("{kind} default holds for all slots");
            check((group, kind), &of("default", "VersionTLS10"), Some(("neighbour-host", &said)));
            let (old, new) = (of("default", "VersionTLS12"), of("default", "VersionTLS10"));
            assert_eq!(denial((group, kind), &new, Some(&old)).0, "neighbour-host", "another content");
            check((group, kind), &of("mine", "VersionTLS10"), None);
        }
        check((group, "Middleware"), &of("default", ""), None);
    }
    check(("x.io", "TLSOption"), &of("default", ""), None);
}
