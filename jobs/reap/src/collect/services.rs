//! The Services of the slot, as an upstream may name them.

use hotdesk_slots::text::plain;
use k8s_openapi::api::core::v1::{Service as Object, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::api::Cluster;
use hotdesk_traffic::attribute::Service;

/// All Services of the namespace.
///
/// # Errors
/// When they cannot be read.
pub async fn own(cluster: &Cluster, namespace: &str) -> Result<Vec<Service>, String> {
    let api: Api<Object> = Api::namespaced(cluster.client.clone(), namespace);
    let services = cluster.all("the slot's Services cannot be read", api.list(&ListParams::default())).await?;
    Ok(services.into_iter().map(service).collect())
}

/// Why requests to the slot may be missing in the ingress controller's log, however well it can be read.
#[must_use]
pub fn unlogged(services: &[Service]) -> Vec<String> {
    let direct = services.iter().filter(|service| service.direct);
    direct
        .map(|service| {
            format!(
                "the Service {} can be reached past the ingress controller, so its requests may be in no log: make it of type \
                 ClusterIP, or set --ignore-direct-traffic",
                plain(&service.name)
            )
        })
        .collect()
}

/// Load balancers, node ports and external addresses lead to a Service without the ingress controller.
fn is_direct(spec: &ServiceSpec) -> bool {
    let by_type = matches!(spec.type_.as_deref(), Some("LoadBalancer" | "NodePort"));
    by_type || spec.external_ips.as_ref().is_some_and(|addresses| !addresses.is_empty())
}

fn service(object: Object) -> Service {
    let name = object.name_any();
    let spec = object.spec.unwrap_or_default();
    let addresses = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    Service {
        direct: is_direct(&spec),
        addresses: addresses.filter_map(|address| address.parse().ok()).collect(),
        name,
        ports: spec.ports.unwrap_or_default().into_iter().flat_map(ports).collect(),
        external: spec.type_.as_deref() == Some("ExternalName"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &serde_json::Value, doubts: usize) {
        let object: Object =
            serde_json::from_value(serde_json::json!({"metadata": {"name": "web"}, "spec": spec})).unwrap();
        let found = unlogged(&[service(object)]);
        assert_eq!(found.len(), doubts, "{spec}: {found:?}");
        assert!(found.iter().all(|doubt| doubt.contains("Service web") && doubt.contains("--ignore-direct-traffic")));
    }

    #[test]
    fn a_service_that_is_reached_past_the_ingress_controller_is_a_doubt() {
        check(&serde_json::json!({"type": "LoadBalancer"}), 1);
        check(&serde_json::json!({"type": "NodePort"}), 1);
        check(&serde_json::json!({"externalIPs": ["192.0.2.7"]}), 1);
        check(&serde_json::json!({"type": "ClusterIP", "externalIPs": []}), 0);
        check(&serde_json::json!({"type": "ExternalName", "externalName": "example.com"}), 0);
        check(&serde_json::json!({}), 0);
    }
}
