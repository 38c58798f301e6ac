//! What is in the slot that a line or a counter may name: Services, routes, addresses, hosts. And who else there is.
//!
//! All of it is in the slot itself, where the reaper may list everything, or stands in the Slots. It lists no Service and no
//! pod of other namespaces: whose a name of theirs is, the names of the Slots tell.

use std::net::IpAddr;

use hotdesk_traffic::attribute::Known;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, ObjectList};
use kube::{Api, ResourceExt};

use super::{services, slots};
use crate::api::Cluster;

/// The kinds whose names a controller gives to what it serves.
const ROUTES: [(&str, &str, &str); 5] = [
    ("networking.k8s.io", "v1", "Ingress"),
    ("traefik.io", "v1alpha1", "IngressRoute"),
    ("traefik.containo.us", "v1alpha1", "IngressRoute"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute"),
];

/// Everything that is known of a slot, and of the others.
///
/// # Errors
/// When something of it cannot be read. Kinds that the cluster does not know are none.
pub(super) async fn of(cluster: &Cluster, slot: &str, namespaces: &[String]) -> Result<Known, String> {
    let all = slots::all(cluster).await?;
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|found| found.namespace == slot);
    let mut known = Known {
        services: services::own(cluster, slot).await?,
        pods: pods(cluster, slot).await?,
        host: own.into_iter().find_map(|slot| slot.host),
        slots: others,
        namespaces: namespaces.to_vec(),
        ..Known::default()
    };
    for (group, version, kind) in ROUTES {
        let found = objects(cluster, slot, &GroupVersionKind::gvk(group, version, kind)).await?;
        known.routes.extend(found.iter().map(ResourceExt::name_any));
    }
    let grants = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant");
    for grant in objects(cluster, slot, &grants).await? {
        let from = grant.data.pointer("/spec/from").and_then(|from| from.as_array()).into_iter().flatten();
        known.granted.extend(from.filter_map(|from| from["namespace"].as_str()).map(str::to_owned));
    }
    Ok(known)
}

/// The addresses of the pods that run. In the host's network a pod has that of its node, which others have as well.
async fn pods(cluster: &Cluster, slot: &str) -> Result<Vec<IpAddr>, String> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), slot);
    let pods = cluster.all("the slot's pods cannot be read", api.list(&ListParams::default())).await?;
    let addresses = |pod: Pod| -> Vec<IpAddr> {
        let in_the_host = pod.spec.is_some_and(|spec| spec.host_network == Some(true));
        let status = pod.status.filter(|status| !in_the_host && status.phase.as_deref() == Some("Running"));
        let Some(status) = status else { return Vec::new() };
        let all = status.pod_ips.into_iter().flatten().map(|address| address.ip);
        all.chain(status.pod_ip).filter_map(|address| address.parse().ok()).collect()
    };
    Ok(pods.into_iter().flat_map(addresses).collect())
}

async fn objects(cluster: &Cluster, slot: &str, kind: &GroupVersionKind) -> Result<Vec<DynamicObject>, String> {
    let resource = ApiResource::from_gvk(kind);
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), slot, &resource);
    let everything = ListParams::default();
    // A cluster without the kind answers 404, which is no error here.
    let listed = async {
        match api.list(&everything).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                Ok(ObjectList { types: Default::default(), metadata: Default::default(), items: Vec::new() })
            }
            other => other,
        }
    };
    cluster.all(&format!("the slot's {}s cannot be listed", kind.kind), listed).await
}
