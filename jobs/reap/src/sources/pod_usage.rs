//! What do the counters of the slot's pods say (source `pod-usage`)?
//!
//! They are read at every run, also where something else has settled the verdict: a later run compares with them.

mod kubelets;
pub mod prometheus;

use std::collections::BTreeSet;
use std::time::Duration;

use hotdesk_slots::pod_usage::PodUsage;
use hotdesk_traffic::pod_usage::pods::{is_a_jobs, running};
use hotdesk_traffic::pod_usage::samples::Watched;
use hotdesk_traffic::pod_usage::{Asked, Costs, Origin, Settings, Usage, compare};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::collect::Collector;
use crate::decide::Evidence;

/// How long all of it may take: a slot has few nodes, and the logs may have taken their time already.
const LIMIT: Duration = Duration::from_secs(120);

impl Collector<'_> {
    /// What the pods' counters say; none where nobody wants to know.
    pub(crate) async fn usage(&self, evidence: &Evidence, window: SignedDuration) -> Option<Usage> {
        let settings = self.patterns.pod_usage.as_ref()?;
        let asked = self.asked(settings, kept(evidence), window);
        let found = tokio::time::timeout(LIMIT, self.read(settings, &asked)).await;
        let found = found.unwrap_or_else(|_| Err(format!("it took longer than {} s in all", LIMIT.as_secs())));
        Some(found.unwrap_or_else(Usage::unclear))
    }

    fn asked<'a>(&self, settings: &Settings, before: Option<&'a PodUsage>, window: SignedDuration) -> Asked<'a> {
        let now = (self.now)();
        let since = now.saturating_sub(window).unwrap_or(Timestamp::MIN);
        Asked { floor: settings.floor, since, now, before }
    }

    async fn read(&self, settings: &Settings, asked: &Asked<'_>) -> Result<Usage, String> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), self.slot);
        let all = self.cluster.all("the slot's pods cannot be listed", api.list(&ListParams::default())).await?;
        let pods = running(&all)?;
        match &settings.origin {
            Origin::Kubelets(kubelets) => {
                let samples = kubelets::samples(self.cluster, kubelets, self.slot, &pods).await?;
                // Answers take time, and counters that are read while it waits are newer than the question.
                Ok(compare(&Asked { now: (self.now)().max(asked.now), ..*asked }, &samples))
            }
            Origin::Prometheus(store) => {
                let jobs: BTreeSet<String> =
                    all.iter().filter(|pod| is_a_jobs(pod)).map(kube::ResourceExt::name_any).collect();
                let watched: Vec<Watched> = pods.iter().map(|pod| watched(pod)).collect::<Result<_, _>>()?;
                prometheus::look(store, asked, self.slot, &watched, &jobs, self.now).await
            }
        }
    }
}

fn watched(pod: &Pod) -> Result<Watched, String> {
    let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
    let name = pod.name_any();
    let started = started.ok_or_else(|| format!("the pod {name} does not say since when it runs"))?;
    Ok(Watched { name, started, costs: Costs::of(pod) })
}

/// What the last run kept.
fn kept(evidence: &Evidence) -> Option<&PodUsage> {
    evidence.slot.as_ref()?.as_ref().ok()?.status.as_ref()?.pod_usage.as_ref()
}
