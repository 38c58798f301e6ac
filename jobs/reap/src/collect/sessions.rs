//! Over which time the webhooks noted sessions, and the pods in which one may be open.

use std::fmt::Debug;

use hotdesk_slots::session_records::{CONFIG_MAP, Records};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

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

/// The pods of the slot, and what keeps up their number or makes those that end. What cannot be read ends no session.
pub async fn pods(cluster: &Cluster, slot: &str) -> Option<Pods> {
    found(cluster, slot).await.inspect_err(|why| tracing::warn!("{why}")).ok().flatten()
}

async fn found(cluster: &Cluster, slot: &str) -> Result<Option<Pods>, String> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), slot);
    let pods = cluster.all("the slot's pods cannot be read", pods.list(&ListParams::default())).await?;
    let mut keepers = keepers_of::<ReplicaSet>(cluster, slot).await?;
    keepers.extend(keepers_of::<StatefulSet>(cluster, slot).await?);
    keepers.extend(keepers_of::<DaemonSet>(cluster, slot).await?);
    keepers.extend(keepers_of::<ReplicationController>(cluster, slot).await?);
    let mut jobs = keepers_of::<Job>(cluster, slot).await?;
    jobs.extend(keepers_of::<CronJob>(cluster, slot).await?);
    Ok(Pods::of(&pods, &keepers, &jobs))
}

async fn keepers_of<K>(cluster: &Cluster, slot: &str) -> Result<Vec<ObjectMeta>, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), slot);
    let what = format!("the slot's {} cannot be read", K::plural(&()));
    let found = cluster.all(&what, api.list_metadata(&ListParams::default())).await?;
    Ok(found.into_iter().map(|object| object.metadata).collect())
}
