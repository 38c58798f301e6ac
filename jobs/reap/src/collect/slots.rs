//! The Slot of the namespace, and the names and hosts of all others.

use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_traffic::attribute::Neighbour;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams};

use crate::api::Cluster;

/// The namespace's own Slot.
///
/// # Errors
/// When it cannot be read.
pub async fn own(cluster: &Cluster, namespace: &str) -> Result<Slot, String> {
    let api: Api<Slot> = Api::namespaced(cluster.client.clone(), namespace);
    cluster.answer(&format!("the Slot of namespace {namespace} cannot be read"), api.get(SLOT_NAME)).await
}

/// All slots, each by its name and its host.
///
/// # Errors
/// When they cannot be read.
pub async fn all(cluster: &Cluster) -> Result<Vec<Neighbour>, String> {
    // One that is not understood as a whole is a namespace all the same.
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &ApiResource::erase::<Slot>(&()));
    let slots = cluster.all("the other Slots cannot be read", api.list(&ListParams::default())).await?;
    let neighbour = |slot: DynamicObject| {
        let host = slot.data.pointer("/spec/host").and_then(|host| host.as_str()).map(str::to_owned);
        Some(Neighbour { namespace: slot.metadata.namespace?, host })
    };
    Ok(slots.into_iter().filter_map(neighbour).collect())
}
