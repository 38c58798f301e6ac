//! The same attacks by other fields, kinds and spellings than those that the attack table names.

use super::*;

const GATEWAY_API: &str = "gateway.networking.k8s.io";
const ISTIO: &str = "networking.istio.io";
const MEWS: Option<(&str, &str)> = Some(("neighbour-host", "mew.dev.example.com belongs to slot \"mew\""));

/// A kind, and an object of it that asks for a host.
type Asking = ((&'static str, &'static str), fn(&str) -> Value);

/// Kinds with a field that takes what ends in a text: APISIX, Envoy and Istio read a star that way.
const OF_ENDINGS: &[Asking] = &[
    ((ISTIO, "VirtualService"), |host| json!({"spec": {"hosts": ["a.test", host]}})),
    ((ISTIO, "Gateway"), |host| json!({"spec": {"servers": [{"hosts": [format!("team/{host}")]}]}})),
    (("apisix.apache.org", "ApisixRoute"), |host| json!({"spec": {"http": [{"match": {"hosts": [host]}}]}})),
    (("new.example.io", "Way"), |host| json!({"spec": {"text": format!("a.test, {host}")}})),
];

#[test]
fn a99_a_star_within_a_label_takes_every_host_that_ends_so() {
    for (kind, object) in OF_ENDINGS {
        for host in ["*ew.dev.example.com", "*EW.dev.example.com.", "*mew.dev.example.com:443"] {
            check(*kind, &object(host), MEWS);
        }
        for host in ["*-x.mew.dev.example.com", "*dev.example.com", "*v.example.com"] {
            check(*kind, &object(host), Some(("neighbour-host", "belongs to slot \"mew\"")));
        }
        for host in ["*-pikachu.dev.example.com", "*chu.dev.example.com", "*ew.test", "*w.pikachu.dev.example.com"] {
            check(*kind, &object(host), None);
        }
    }
}

#[test]
fn a99_a_host_that_a_route_for_any_host_compares_with_counts() {
    let service = |match_: Value| json!({"spec": {"hosts": ["*"], "http": [{"match": [match_]}]}});
    for authority in ["exact", "prefix"] {
        check((ISTIO, "VirtualService"), &service(json!({"authority": {authority: "MEW.dev.example.com"}})), MEWS);
    }
    let tls = json!({"spec": {"hosts": ["*"], "tls": [{"match": [{"sniHosts": ["a.test", "mew.dev.example.com"]}]}]}});
    check((ISTIO, "VirtualService"), &tls, MEWS);
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for name in ["Host", ":authority"] {
            let header = json!({"name": name, "value": "mew.dev.example.com"});
            let route = |header: &Value| json!({"spec": {"rules": [{"matches": [{"headers": [header]}]}]}});
            check((GATEWAY_API, kind), &route(&header), MEWS);
            check((GATEWAY_API, kind), &route(&json!({"name": "referer", "value": "mew.dev.example.com"})), None);
        }
    }
    let header = json!({"name": "host", "exact": "mew.dev.example.com"});
    let proxy = json!({"spec": {"routes": [{"conditions": [{"header": header}]}]}});
    check(("projectcontour.io", "HTTPProxy"), &proxy, MEWS);
}

#[test]
fn a100_a_virtual_service_takes_no_short_name_of_another_slots_service() {
    let service = |host: &str| json!({"spec": {"hosts": [host]}});
    for host in ["web.mew", "WEB.mew", "web.mew.", "web.mew:80"] {
        check((ISTIO, "VirtualService"), &service(host), Some(("neighbour-host", "belongs to slot \"mew\"")));
    }
    for host in ["web.pikachu", "web.elsewhere", "api.web.mew"] {
        check((ISTIO, "VirtualService"), &service(host), None);
    }
    // Elsewhere it is a name like any other.
    check(("networking.k8s.io", "Ingress"), &json!({"spec": {"rules": [{"host": "web.mew"}]}}), None);
}

#[test]
fn a101_nothing_else_makes_a_service_with_an_external_address() {
    let address = Some(("external-ip", "the external address 10.96.10.7"));
    let kind = ("gateway.envoyproxy.io", "EnvoyProxy");
    check(kind, &json!({"spec": {"patch": [{"value": {"spec": {"externalIPs": ["", "10.96.10.7"]}}}]}}), address);
    check(("x.io", "Y"), &json!({"externalIPs": ["10.96.10.7"]}), address);
    check(kind, &json!({"spec": {"externalIPs": [], "x": "\"externalIPs\": [\"10.96.10.7\"]"}}), None);
    // Some controllers make external addresses of a gateway's.
    let gateway = |address: Value| json!({"spec": {"addresses": [address], "listeners": [{"hostname": "a.test"}]}});
    let gateways = (GATEWAY_API, "Gateway");
    check(gateways, &gateway(json!({"value": "10.96.10.7"})), address);
    check(gateways, &gateway(json!({"type": "IPAddress", "value": "10.96.10.7"})), address);
    check(gateways, &gateway(json!({"type": "Hostname", "value": "lb.test"})), None);
    let old = gateway(json!({"value": "10.0.0.1"}));
    assert_eq!(denial(gateways, &gateway(json!({"value": "10.96.10.7"})), Some(&old)).0, "external-ip");
}

#[test]
fn a102_a_priority_class_by_any_name_of_its_field_counts() {
    let denied = Some(("system-priority", "system-node-critical"));
    for (kind, spec) in [
        (("argoproj.io", "Workflow"), json!({"podPriorityClassName": "system-node-critical"})),
        (("acid.zalan.do", "postgresql"), json!({"podPriorityClassName": "system-node-critical"})),
        (("x.io", "Y"), json!({"priorityClass": "system-node-critical"})),
        (("x.io", "Y"), json!({"priority_class_name": "system-node-critical"})),
        (("argoproj.io", "Workflow"), json!({"podSpecPatch": "{\"priorityClassName\": \"system-node-critical\"}"})),
        (("argoproj.io", "Workflow"), json!({"podSpecPatch": "priorityClassName:   system-node-critical\n"})),
        (("x.io", "Y"), json!({"text": "a: b\npriorityClassName: 'system-node-critical'"})),
        (("x.io", "Y"), json!({"patch": "{\"priorityClassName\": \"\\u0073ystem-node-critical\"}"})),
        (("x.io", "Y"), json!({"patch": "{\"priority\\u0043lassName\": \"system-node-critical\"}"})),
        // Groups of pods have a class, too.
        (("scheduling.k8s.io", "PodGroup"), json!({"priorityClassName": "system-node-critical"})),
    ] {
        check(kind, &json!({"spec": spec}), denied);
    }
    check(("x.io", "Y"), &json!({"spec": {"patch": "priorityClassName: low", "a": "system-node-critical"}}), None);
}
