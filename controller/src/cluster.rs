//! What does the controller ask of the cluster, and write there?

use hotdesk_runtime::client;
use hotdesk_slots::keys;
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_slots::text::sanitize;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, Pod, ServiceAccount};
use kube::api::{Api, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::MANAGER;
use crate::request::job::{COMPONENT, REAPER, REQUEST, reaper, reviver};
use crate::request::progress;
use crate::slots;

/// How much of a log is read. What a reaper says at the level info is a few kilobytes.
const MAX_LOG: i64 = 1 << 20;

/// Something that the cluster did not do.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {}", sanitize(&client::reason(.error)))]
pub struct ClusterError {
    what: &'static str,
    #[source]
    error: kube::Error,
}

impl ClusterError {
    fn of(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |error| Self { what, error }
    }

    /// Why the API server says no, where asking again changes nothing.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        match &self.error {
            kube::Error::Api(status) if [400, 403, 422].contains(&status.code) => Some(sanitize(&status.message)),
            _ => None,
        }
    }

    fn is(&self, code: u16) -> bool {
        matches!(&self.error, kube::Error::Api(status) if status.code == code)
    }
}

/// What became of making a Job.
#[derive(Debug)]
pub enum Made {
    /// It is there now.
    Now,
    /// One of that name was there.
    Before,
}

/// The cluster, as far as the controller may see it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    jobs_namespace: String,
}

impl Cluster {
    /// By a client, with the reapers in this namespace.
    #[must_use]
    pub fn new(client: Client, jobs_namespace: String) -> Self {
        Self { client, jobs_namespace }
    }

    /// A Slot as it is now.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub async fn slot(&self, namespace: &str) -> Result<Option<kube::api::DynamicObject>, ClusterError> {
        let found = slots::within(self.client.clone(), namespace).get_opt(SLOT_NAME).await;
        found.map_err(ClusterError::of("the Slot cannot be read"))
    }

    /// The CronJob that reaps a slot.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub async fn cron_job(&self, slot: &str) -> Result<Option<CronJob>, ClusterError> {
        let api: Api<CronJob> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let found = api.list(&labelled(slot, REAPER)).await.map_err(ClusterError::of("its CronJob cannot be read"))?;
        Ok(reaper(found.items))
    }

    /// True if a slot has somebody who brings back what was cleared.
    ///
    /// # Errors
    /// When that cannot be asked for.
    pub async fn revives(&self, slot: &str) -> Result<bool, ClusterError> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let found = api.get_metadata_opt(&reviver(slot)).await;
        found.map(|found| found.is_some()).map_err(ClusterError::of("its reviver cannot be read"))
    }

    /// The Jobs of a slot's requests.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn jobs(&self, slot: &str) -> Result<Vec<Job>, ClusterError> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let found = api.list(&labelled(slot, REQUEST)).await;
        found.map(|found| found.items).map_err(ClusterError::of("its Jobs cannot be read"))
    }

    /// Makes a Job, unless one of its name is there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make(&self, job: &Job) -> Result<Made, ClusterError> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match api.create(&parameters, job).await.map_err(ClusterError::of("its Job cannot be made")) {
            Ok(_) => Ok(Made::Now),
            Err(error) if error.is(409) => Ok(Made::Before),
            Err(error) => Err(error),
        }
    }

    /// How far a Job is.
    ///
    /// # Errors
    /// When its pods cannot be listed.
    pub async fn progress(&self, job: &Job) -> Result<(progress::Progress, Option<Pod>), ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let pods = api.list(&ListParams::default().labels(&progress::pods_of(job))).await;
        let pods = pods.map_err(ClusterError::of("the pods of its Job cannot be read"))?.items;
        let pod = progress::newest(&pods);
        let trouble = if pod.is_none() { self.trouble(job).await } else { None };
        Ok((progress::of(job, pod, trouble.as_deref()), pod.cloned()))
    }

    /// What the cluster last said against a Job's pods. Not to know costs half a sentence.
    async fn trouble(&self, job: &Job) -> Option<String> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        let about = format!("involvedObject.kind=Job,involvedObject.name={},type=Warning", job.name_any());
        let found = api.list(&ListParams::default().fields(&about)).await.ok()?;
        found.items.into_iter().filter_map(|event| event.message).next_back()
    }

    /// What a pod has said so far; nothing where the kubelet has no log (yet, or any more).
    pub async fn log(&self, pod: &Pod) -> Option<String> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.jobs_namespace);
        api.logs(&pod.name_any(), &LogParams { limit_bytes: Some(MAX_LOG), ..LogParams::default() }).await.ok()
    }

    /// Writes into a Slot's status.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write_status(&self, slot: &str, patch: &Value) -> Result<(), ClusterError> {
        let api: Api<Slot> = Api::namespaced(self.client.clone(), slot);
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let written = api.patch_status(SLOT_NAME, &parameters, &Patch::Merge(patch)).await;
        match written.map(drop).map_err(ClusterError::of("its status cannot be written")) {
            // It was deleted since it was read.
            Err(error) if error.is(404) => Ok(()),
            other => other,
        }
    }
}

fn labelled(slot: &str, component: &str) -> ListParams {
    ListParams::default().labels(&format!("{}={slot},{COMPONENT}={component}", keys::SLOT))
}
