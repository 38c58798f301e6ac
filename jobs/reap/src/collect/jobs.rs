//! What is at work in the slot: its Jobs and, while a deploy is under way, what that has not brought up yet.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::api::Cluster;
use crate::helm::release::{Phase, Release};
use crate::work::{RunningJob, Work, daemon_set, deployment, stateful_set};

/// What is at work.
///
/// # Errors
/// When something of it cannot be listed.
pub async fn at_work(cluster: &Cluster, slot: &str, releases: &[Release]) -> Result<Work, String> {
    let jobs = list::<Job>(cluster, slot, "Jobs").await?.iter().filter_map(RunningJob::of).collect();
    let pending = |release: &Release| matches!(release.under_way(), Some((Phase::Pending, _)));
    let mut work = Work { jobs, rolling_out: Vec::new() };
    if releases.iter().any(pending) {
        work.rolling_out.extend(list(cluster, slot, "Deployments").await?.iter().filter_map(deployment));
        work.rolling_out.extend(list(cluster, slot, "StatefulSets").await?.iter().filter_map(stateful_set));
        work.rolling_out.extend(list(cluster, slot, "DaemonSets").await?.iter().filter_map(daemon_set));
    }
    Ok(work)
}

async fn list<K>(cluster: &Cluster, slot: &str, kinds: &str) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), slot);
    cluster.all(&format!("the slot's {kinds} cannot be listed"), api.list(&ListParams::default())).await
}
