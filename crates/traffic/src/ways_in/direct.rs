//! Which Services and pods of the slot are reached past every controller, so that their requests are in no log?

use hotdesk_slots::text::{list, sanitize_short};
use k8s_openapi::api::core::v1::{Pod, Service};

use super::boolean::is_on;
use super::{Unwatched, WaysIn, own};

const FIX: &str = "set reaper.ignoreDirectTraffic (--ignore-direct-traffic) if that does not count as use";

type Is = fn(&str) -> bool;

/// What makes a Service of any type reachable from outside, by a key and what its value must be.
const EXPOSED: [(&str, Is, &str); 11] = [
    ("tailscale.com/expose", is_on, "Tailscale's operator"),
    ("skupper.io/proxy", is_set, "Skupper"),
    ("getambassador.io/config", is_set, "Emissary"),
    ("cloud.google.com/neg", |value| value.contains("exposed_ports"), "a load balancer of Google Cloud"),
    ("service.cilium.io/global", is_on, "Cilium's cluster mesh"),
    ("io.cilium/global-service", is_on, "Cilium's cluster mesh"),
    ("mirror.linkerd.io/exported", is_set, "Linkerd's multicluster gateway"),
    ("istio.io/global", is_on, "Istio's gateways between clusters"),
    ("netbird.io/expose", is_on, "NetBird's operator"),
    ("kube-service-exposer.sidero.dev/port", is_set, "Sidero's kube-service-exposer"),
    ("omni-kube-service-exposer.sidero.dev/port", is_set, "Omni's kube-service-exposer"),
];

/// By which a pod is in further networks, such as that of the nodes: by Multus, as GKE has it, and by Calico's addresses that float.
const NETWORKS: [&str; 4] = [
    "k8s.v1.cni.cncf.io/networks",
    "v1.multus-cni.io/default-network",
    "networking.gke.io/interfaces",
    "cni.projectcalico.org/floatingIPs",
];

fn is_set(value: &str) -> bool {
    !value.trim().is_empty()
}

/// Everything that is reached so.
pub(super) fn judge(found: &WaysIn) -> Vec<Unwatched> {
    let services = found.services.iter().filter_map(|service| {
        let why = of_service(service)?;
        Some(Unwatched::new(
            own("Service", &found.slot, &service.metadata),
            why,
            format!("make it of type ClusterIP, or {FIX}"),
        ))
    });
    let pods = found.pods.iter().filter_map(|pod| {
        let why = of_pod(pod)?;
        Some(Unwatched::new(
            own("Pod", &found.slot, &pod.metadata),
            why,
            format!("let people reach it by a Service and an Ingress, or {FIX}"),
        ))
    });
    services.chain(pods).collect()
}

fn of_service(service: &Service) -> Option<String> {
    let past = "so requests reach it past the ingress controller and may be in no log";
    let spec = service.spec.as_ref();
    let type_ =
        spec.and_then(|spec| spec.type_.as_deref()).filter(|type_| ["LoadBalancer", "NodePort"].contains(type_));
    let external = || spec.and_then(|spec| spec.external_ips.as_ref()).is_some_and(|addresses| !addresses.is_empty());
    if let Some(type_) = type_ {
        return Some(format!("is of type {type_}, {past}"));
    }
    if external() {
        return Some(format!("has external addresses, {past}"));
    }
    let marks = service.metadata.annotations.iter().flatten().chain(service.metadata.labels.iter().flatten());
    let mut exposed = marks.filter_map(|(key, value)| EXPOSED.iter().find(|(name, is, _)| name == key && is(value)));
    exposed.next().map(|(key, _, by)| format!("is exposed by {by} ({key}), {past}"))
}

fn of_pod(pod: &Pod) -> Option<String> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let spec = pod.spec.as_ref().filter(|_| !matches!(phase, Some("Succeeded" | "Failed")))?;
    if spec.host_network == Some(true) {
        return Some("is in the network of its node, where anybody can reach what it listens on".to_owned());
    }
    let names =
        |(key, value): &(&String, &String)| NETWORKS.contains(&key.as_str()) && !["", "[]"].contains(&value.trim());
    if let Some((key, _)) = pod.metadata.annotations.iter().flatten().find(names) {
        return Some(format!("is in another network as well ({key}), where requests reach it past every controller"));
    }
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ports: Vec<String> = containers
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| port.host_port.filter(|port| *port > 0))
        .map(|port| sanitize_short(&port.to_string()))
        .collect();
    (!ports.is_empty())
        .then(|| format!("has the port {} of its node, where requests reach it past every controller", list(&ports)))
}
