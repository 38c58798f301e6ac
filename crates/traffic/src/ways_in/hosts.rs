//! Which hosts do the ways into a slot ask for?
//!
//! A host that is missing here is only one that a request which names nobody is not told by.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::Ingress;
use serde_json::Value;

use super::kinds::ServedBy;
use super::target::Target;
use super::{Route, WaysIn, gateway};

/// Where the kinds of routes hold hosts, below `spec`; `*` stands for each member of a list.
const PLACES: [&[&str]; 15] = [
    &["host"],
    &["hosts"],
    &["hostname"],
    &["hostnames"],
    &["domain"],
    &["domains"],
    &["virtualhost", "fqdn"],
    &["virtualHost", "domains"],
    &["http", "*", "match", "hosts"],
    &["rules", "*", "host"],
    &["rules", "*", "hosts"],
    &["rules", "*", "match", "hosts"],
    &["tls", "hosts"],
    &["tls", "*", "hosts"],
    &["tls", "*", "sniHosts"],
];

/// Annotations of an Ingress with further hosts, by what stands behind the slash.
const ANNOTATIONS: [&str; 3] = ["server-alias", "host-aliases", "hostname"];

/// All hosts, each once, as they are written.
#[must_use]
pub fn of(found: &WaysIn) -> Vec<String> {
    let target = Target::of(found);
    let leading = found.elsewhere.iter().filter(|route| target.is_mentioned(&route.object.body));
    hosts(found, found.routes.iter().chain(leading))
}

/// Those of the slot's own objects.
pub(super) fn own(found: &WaysIn) -> Vec<String> {
    hosts(found, found.routes.iter())
}

fn hosts<'a>(found: &WaysIn, routes: impl Iterator<Item = &'a Route>) -> Vec<String> {
    let mut all = BTreeSet::new();
    found.ingresses.iter().for_each(|ingress| of_ingress(ingress, &mut all));
    for route in routes {
        of_route(&route.object.body, &mut all);
        if route.kind.served_by == ServedBy::Gateway && route.object.list("/spec/hostnames").is_empty() {
            all.extend(gateway::listening(route, found).map(str::to_owned));
        }
        // Knative calls a mapping as its host.
        if route.kind.kind == "DomainMapping" {
            all.insert(route.object.name.clone());
        }
    }
    all.into_iter().filter(|host| is_host(host)).collect()
}

fn of_ingress(ingress: &Ingress, all: &mut BTreeSet<String>) {
    let spec = ingress.spec.as_ref();
    let rules = spec.and_then(|spec| spec.rules.as_deref()).unwrap_or_default();
    let tls = spec.and_then(|spec| spec.tls.as_deref()).unwrap_or_default();
    all.extend(rules.iter().filter_map(|rule| rule.host.clone()));
    all.extend(tls.iter().flat_map(|tls| tls.hosts.iter().flatten()).cloned());
    let annotations = ingress.metadata.annotations.iter().flatten();
    let further = annotations.filter(|(key, _)| key.rsplit('/').next().is_some_and(|name| ANNOTATIONS.contains(&name)));
    all.extend(further.flat_map(|(_, value)| value.split([',', ' '])).map(str::to_owned));
}

fn of_route(body: &Value, all: &mut BTreeSet<String>) {
    let Some(spec) = body.get("spec") else { return };
    PLACES.iter().for_each(|place| at(spec, place, all));
    // Traefik's rules: whatever matcher a text in them is handed to, a path is not a host.
    for rule in spec.get("routes").and_then(Value::as_array).into_iter().flatten() {
        let rule = rule.get("match").and_then(Value::as_str).unwrap_or_default();
        all.extend(rule.split(['`', '"', '\'']).skip(1).step_by(2).map(str::to_owned));
    }
}

fn at(value: &Value, place: &[&str], all: &mut BTreeSet<String>) {
    match (value, place) {
        (Value::String(text), []) => {
            all.insert(text.clone());
        }
        (Value::Array(items), [] | ["*"]) => items.iter().for_each(|item| at(item, &[], all)),
        (Value::Array(items), ["*", rest @ ..]) => items.iter().for_each(|item| at(item, rest, all)),
        (Value::Object(fields), [field, rest @ ..]) => {
            fields.get(*field).into_iter().for_each(|value| at(value, rest, all));
        }
        _ => {}
    }
}

/// True for a host with a dot in it, or a wildcard of one: `*`, and a path, say nothing.
fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    name.contains('.') && name.bytes().all(known) && name.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ways_in::Named;
    use crate::ways_in::kinds::{self, GATEWAY_API};

    fn route(group: &str, kind: &str, namespace: &str, spec: &Value) -> Route {
        let (namespace, name) = (namespace.to_owned(), "x.test".to_owned());
        let object = Named { namespace, name, body: json!({"spec": spec}), ..Named::default() };
        Route { kind: kinds::of(group, kind).unwrap(), object }
    }

    #[test]
    fn each_kind_of_route_is_read_where_it_holds_hosts() {
        for (group, kind, spec) in [
            (GATEWAY_API, "HTTPRoute", json!({"hostnames": ["a.test"]})),
            ("networking.istio.io", "VirtualService", json!({"hosts": ["a.test", "*", "reviews"]})),
            ("projectcontour.io", "HTTPProxy", json!({"virtualhost": {"fqdn": "a.test"}})),
            ("route.openshift.io", "Route", json!({"host": "a.test", "to": {"host": "b.test"}})),
            ("traefik.io", "IngressRoute", json!({"routes": [{"match": "Host(`a.test`) && PathPrefix(`/b.c`)"}]})),
            ("traefik.io", "IngressRouteTCP", json!({"routes": [{"match": "HostSNI(\"a.test\")"}, {}]})),
            ("apisix.apache.org", "ApisixRoute", json!({"http": [{"match": {"hosts": ["a.test"]}}]})),
            ("getambassador.io", "Mapping", json!({"hostname": "a.test", "service": "b.test"})),
            ("gateway.solo.io", "VirtualService", json!({"virtualHost": {"domains": ["a.test"]}})),
        ] {
            let routes = vec![route(group, kind, "mew", &spec)];
            assert_eq!(of(&WaysIn { routes, ..WaysIn::default() }), ["a.test"], "{kind}");
        }
        let routes = vec![route("serving.knative.dev", "DomainMapping", "mew", &json!({}))];
        assert_eq!(of(&WaysIn { routes, ..WaysIn::default() }), ["x.test"]);
    }

    #[test]
    fn an_ingress_has_rules_certificates_and_aliases() {
        let ingress = json!({
            "metadata": {"annotations": {"nginx.ingress.kubernetes.io/server-alias": "c.test, *.d.test"}},
            "spec": {"rules": [{"host": "a.test"}, {}, {"host": "*"}], "tls": [{"hosts": ["b.test", "a.test"]}, {}]},
        });
        let found = WaysIn { ingresses: vec![serde_json::from_value(ingress).unwrap()], ..WaysIn::default() };
        assert_eq!(of(&found), ["*.d.test", "a.test", "b.test", "c.test"]);
    }

    #[test]
    fn a_route_without_hosts_has_those_of_the_listeners_that_it_is_attached_to() {
        let gateway = Named {
            namespace: "edge".to_owned(),
            name: "gw".to_owned(),
            body: json!({"spec": {"listeners": [
                {"name": "a", "port": 80, "hostname": "a.test"},
                {"name": "b", "port": 443, "hostname": "*.b.test"},
                {"name": "c", "port": 80},
            ]}}),
            ..Named::default()
        };
        let other = Named { name: "other".to_owned(), ..gateway.clone() };
        let hosts = |kind: &str, spec: &Value| {
            let routes = vec![route(GATEWAY_API, kind, "mew", spec)];
            of(&WaysIn { routes, gateways: vec![gateway.clone(), other.clone()], ..WaysIn::default() })
        };
        let parent = |more: Value| {
            let mut parent = json!({"namespace": "edge", "name": "gw"});
            json_merge(&mut parent, more);
            json!({"parentRefs": [parent]})
        };
        for kind in ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"] {
            assert_eq!(hosts(kind, &parent(json!({}))), ["*.b.test", "a.test"], "{kind}");
        }
        assert_eq!(hosts("HTTPRoute", &parent(json!({"sectionName": "a"}))), ["a.test"]);
        assert_eq!(hosts("HTTPRoute", &parent(json!({"port": 443}))), ["*.b.test"]);
        assert_eq!(hosts("HTTPRoute", &parent(json!({"sectionName": "c"}))), Vec::<String>::new());
        assert_eq!(hosts("HTTPRoute", &parent(json!({"name": "third"}))), Vec::<String>::new());
        let mut own = parent(json!({}));
        own["hostnames"] = json!(["x.test"]);
        assert_eq!(hosts("HTTPRoute", &own), ["x.test"]);
    }

    fn json_merge(into: &mut Value, from: Value) {
        let (Value::Object(into), Value::Object(from)) = (into, from) else { return };
        into.extend(from);
    }

    #[test]
    fn of_routes_elsewhere_only_those_that_lead_in_count() {
        let spec = |host: &str, namespace: &str| json!({"hosts": [host], "http": [{"namespace": namespace}]});
        let elsewhere = [("a.test", "mew"), ("b.test", "pikachu")]
            .map(|(host, to)| route("networking.istio.io", "VirtualService", "edge", &spec(host, to)));
        let found = WaysIn { slot: "mew".to_owned(), elsewhere: elsewhere.to_vec(), ..WaysIn::default() };
        assert_eq!(of(&found), ["a.test"]);
    }
}
