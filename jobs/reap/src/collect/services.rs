//! The Services of the slot, as an upstream may name them.

use k8s_openapi::api::core::v1::{Service as Object, ServicePort};
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

fn service(object: Object) -> Service {
    let name = object.name_any();
    let spec = object.spec.unwrap_or_default();
    let addresses = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    Service {
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
