//! Over which time the webhooks noted sessions, and the pods in which one may be open.

use hotdesk_slots::session_records::{CONFIG_MAP, Records};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::ListParams;

use crate::api::Cluster;
use crate::sessions::{Noting, Pods};

/// What the webhooks say, as far as it concerns the slot.
///
/// # Errors
/// When it cannot be read.
pub async fn noting(cluster: &Cluster, namespace: &str, slot: &str) -> Result<Noting, String> {
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), namespace);
    let map = cluster.answer("asked for it", maps.get(CONFIG_MAP)).await;
    let records = map.and_then(|map| Records::parse(&map.data.unwrap_or_default()));
    let records = records.map_err(|why| {
        format!(
            "ConfigMap {CONFIG_MAP} in {namespace}, where hotdesk's webhooks say that they note sessions, cannot be read: {why}. \
             Upgrade charts/hotdesk; where no webhook notes sessions, set reaper.ignoreUnnotedSessions"
        )
    })?;
    Ok(Noting::Records(records.of_slot(slot)))
}

/// The pods of the slot. What cannot be read ends no session.
pub async fn pods(cluster: &Cluster, slot: &str) -> Option<Pods> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), slot);
    let found = cluster.all("the slot's pods cannot be read", pods.list(&ListParams::default())).await;
    let found = found.inspect_err(|why| tracing::warn!("{why}"));
    Pods::of(&found.unwrap_or_default())
}
