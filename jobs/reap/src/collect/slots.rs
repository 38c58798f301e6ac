//! The Slot of the namespace, and the names of all others.

use hotdesk_slots::slot::{SLOT_NAME, Slot};
use kube::Api;
use kube::api::ListParams;

use crate::api::Cluster;

/// The namespace's own Slot.
///
/// # Errors
/// When it cannot be read.
pub async fn own(cluster: &Cluster, namespace: &str) -> Result<Slot, String> {
    let api: Api<Slot> = Api::namespaced(cluster.client.clone(), namespace);
    cluster.answer(&format!("the Slot of namespace {namespace} cannot be read"), api.get(SLOT_NAME)).await
}

/// The names of all slots.
///
/// # Errors
/// When they cannot be read.
pub async fn names(cluster: &Cluster) -> Result<Vec<String>, String> {
    let api: Api<Slot> = Api::all(cluster.client.clone());
    let slots = cluster.all("the other Slots cannot be read", api.list_metadata(&ListParams::default())).await?;
    Ok(slots.into_iter().filter_map(|slot| slot.metadata.namespace).collect())
}
