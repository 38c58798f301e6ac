//! What is known of a slot, from the objects that were listed for it.

use k8s_openapi::api::core::v1::{Service as Object, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{ForeignRoute, Known, Neighbour, Service, Streams};
use crate::ways_in::target::{self, Target};
use crate::ways_in::{Named, Route, WaysIn, elsewhere, gateway, hosts, routes};

impl Known {
    /// What the ways into a slot say, and the Slots. `namespaces` are not slots.
    ///
    /// No Service and no pod of another namespace is needed: whose a name of theirs is, the names of the Slots tell.
    #[must_use]
    pub fn of(ways: &WaysIn, slots: Vec<Neighbour>, namespaces: &[String]) -> Self {
        let (own, others): (Vec<_>, Vec<_>) = slots.into_iter().partition(|found| found.namespace == ways.slot);
        let ingresses = ways.ingresses.iter().filter_map(|ingress| ingress.metadata.name.clone());
        // An object that is in no namespace is not a name in a line.
        let named = |route: &&Route| !route.object.namespace.is_empty() && !routes::is_ciliums_own(route);
        let leading = ways.elsewhere.iter().filter(named);
        let target = Target::of(ways);
        let leading = leading.filter(|route| target.is_mentioned(&route.object.body));
        let foreign = leading
            .map(|route| ForeignRoute { namespace: route.object.namespace.clone(), name: route.object.name.clone() });
        Self {
            services: ways.services.iter().map(Service::of).collect(),
            routes: ingresses.chain(ways.routes.iter().map(|route| route.object.name.clone())).collect(),
            pods: ways.pods.iter().flat_map(target::of_pod).filter_map(|address| address.parse().ok()).collect(),
            lent: elsewhere::lent(ways),
            host: own.into_iter().find_map(|slot| slot.host),
            hosts: hosts::of(ways),
            slots: others,
            namespaces: namespaces.to_vec(),
            foreign: foreign.collect(),
            granted: ways.grants.iter().filter(|grant| gateway::leads_in(grant)).flat_map(granted).collect(),
            streams: streams(ways),
        }
    }
}

impl Service {
    /// What an object says of it.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let spec = object.spec.clone().unwrap_or_default();
        let addresses = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
        Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            addresses: addresses.filter_map(|address| address.parse().ok()).collect(),
            external: spec.type_.as_deref() == Some("ExternalName"),
            ports: spec.ports.into_iter().flatten().flat_map(ports).collect(),
        }
    }
}

/// Number, name and target: an Ingress may name a port by any of them.
fn ports(port: ServicePort) -> impl Iterator<Item = String> {
    let target = port.target_port.map(|target| match target {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name,
    });
    [Some(port.port.to_string()), port.name, target].into_iter().flatten()
}

/// The namespaces whose routes a ReferenceGrant lets lead in.
fn granted(grant: &Named) -> Vec<String> {
    let from = grant.body.pointer("/spec/from").and_then(|from| from.as_array()).into_iter().flatten();
    from.filter_map(|from| from.get("namespace")?.as_str()).map(str::to_owned).collect()
}

/// Whose the TCP and UDP services are, if the controllers' pods say which ConfigMaps name them.
fn streams(ways: &WaysIn) -> Streams {
    if ways.controllers.is_empty() || !ways.unread.is_empty() {
        return Streams::Unread;
    }
    let maps = ways.controllers.iter().flat_map(|settings| &settings.streams);
    let named = maps.flat_map(|map| map.data.iter().flatten());
    Streams::Of(
        named.filter_map(|(_, to)| to.trim().split_once('/')).map(|(namespace, _)| namespace.to_owned()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::json;

    use super::*;
    use crate::ways_in::settings::Settings;

    #[test]
    fn what_is_known_follows_from_the_objects() {
        let pod = |name: &str, status: serde_json::Value, host: bool| {
            serde_json::from_value(json!({
                "metadata": {"name": name}, "status": status, "spec": {"hostNetwork": host, "containers": []},
            }))
            .unwrap()
        };
        let grant = |from: &str, to: &str| {
            let body = json!({"spec": {"from": [{"namespace": from}], "to": [{"group": "", "kind": to}]}});
            Named { body, ..Named::default() }
        };
        let running = json!({"phase": "Running", "podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}]});
        let web = json!({"metadata": {"name": "web"}, "spec": {
            "clusterIP": "10.96.10.7", "ports": [{"port": 80, "name": "http", "targetPort": 8080}],
        }});
        let map = serde_json::from_value(json!({"data": {"5432": "pikachu/db:5432"}})).unwrap();
        let ways = WaysIn {
            slot: "mew".to_owned(),
            services: vec![serde_json::from_value(web).unwrap()],
            pods: vec![
                pod("a", running.clone(), false),
                pod("b", json!({"phase": "Succeeded", "podIP": "10.244.0.8"}), false),
                pod("c", running, true),
            ],
            // The second is for certificates.
            grants: vec![grant("infra", "Service"), grant("edge", "Secret")],
            controllers: vec![Settings { streams: vec![map], ..Settings::default() }],
            ..WaysIn::default()
        };
        let slot = |name: &str, host: &str| Neighbour { namespace: name.to_owned(), host: Some(host.to_owned()) };
        let known = Known::of(&ways, vec![slot("mew", "a.example.com"), slot("pikachu", "b.example.com")], &[]);
        assert_eq!(known.host.as_deref(), Some("a.example.com"));
        assert_eq!(known.slots, [slot("pikachu", "b.example.com")]);
        assert_eq!(known.services[0].ports, ["80", "http", "8080"]);
        assert_eq!(known.services[0].addresses, ["10.96.10.7".parse::<IpAddr>().unwrap()]);
        assert!(known.pods.iter().all(|ip| ip.to_string() == "10.244.0.7") && !known.pods.is_empty());
        assert_eq!((known.granted, known.streams), (vec!["infra".to_owned()], Streams::Of(vec!["pikachu".to_owned()])));
        assert_eq!(Known::of(&WaysIn::default(), Vec::new(), &[]).streams, Streams::Unread);
    }
}
