//! Which Job carries out a request?
//!
//! It is the slot's CronJob's, but for its name, what the program is told, and as whom it runs. A policy admits nothing else.

use hotdesk_slots::keys;
use hotdesk_slots::requests::Request;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Container, EnvVar};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Kind, named};

/// The label that says what a Job is for.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// The component of a request's Job, which tells it from those of the CronJob.
pub const REQUEST: &str = "request";

/// The component of a slot's CronJobs.
pub const REAPER: &str = "reaper";

/// For how long a finished Job can be looked at, in seconds.
const TTL: i32 = 24 * 3600;

/// A Job's name has 63 characters, for it is the value of a label of its pods.
const MAX_NAME: usize = 63;

/// How much of a request's id is in the name of its Job.
const ID_SHOWN: usize = 8;

const REQUEST_ID: &str = "HOTDESK_REQUEST_ID";

/// What a Job shall do.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is asked for.
    pub kind: Kind,
    /// The slot.
    pub slot: &'a str,
    /// The request's id.
    pub id: &'a str,
    /// The request.
    pub request: &'a Request,
    /// Nobody claims the slot, so an administrator asks: what was cleared under any claim can be brought back, or purged.
    pub any_claim: bool,
}

/// The name of a request's Job: the same whenever it is worked out, so that none is made twice.
#[must_use]
pub fn name(kind: Kind, slot: &str, id: &str) -> String {
    let shown: String = id.chars().filter(char::is_ascii_alphanumeric).take(ID_SHOWN).collect();
    let shown = shown.to_ascii_lowercase();
    let room = MAX_NAME.saturating_sub(kind.as_str().len() + shown.len() + 2);
    format!("{}-{}-{shown}", kind.as_str(), slot.get(..room).unwrap_or(slot).trim_end_matches('-'))
}

/// True for the Job of this very request, and not of another whose id begins with the same characters.
#[must_use]
pub fn serves(job: &Job, id: &str) -> bool {
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let env = pod.and_then(|pod| pod.containers.first()).and_then(|container| container.env.as_deref());
    env.unwrap_or_default().iter().any(|variable| variable.name == REQUEST_ID && variable.value.as_deref() == Some(id))
}

/// The CronJob whose Jobs reap; a slot may have another one, which only observes.
#[must_use]
pub fn reaper(cron_jobs: Vec<CronJob>) -> Option<CronJob> {
    let reaps = |job: &CronJob| job.metadata.name.as_deref().is_some_and(|name| name.starts_with("reap-"));
    cron_jobs.into_iter().find(reaps)
}

/// The Job of a request.
#[must_use]
pub fn of(cron_job: &CronJob, order: &Order<'_>) -> Job {
    let template = cron_job.spec.as_ref().map(|spec| spec.job_template.clone()).unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    let mut labels = metadata.labels.unwrap_or_default();
    labels.insert(COMPONENT.to_owned(), REQUEST.to_owned());
    labels.insert(keys::SLOT.to_owned(), order.slot.to_owned());
    let mut spec = template.spec.unwrap_or_default();
    spec.ttl_seconds_after_finished = Some(TTL);
    if let Some(pod) = spec.template.spec.as_mut() {
        pod.service_account_name = Some(order.account());
        // The old name of the same field; the API server writes both.
        pod.service_account = None;
        pod.containers.first_mut().into_iter().for_each(|container| order.tell(container));
    }
    let metadata = ObjectMeta {
        name: Some(name(order.kind, order.slot, order.id)),
        namespace: cron_job.metadata.namespace.clone(),
        labels: Some(labels),
        annotations: metadata.annotations,
        ..ObjectMeta::default()
    };
    Job { metadata, spec: Some(spec), ..Job::default() }
}

/// The service account that brings releases back in a slot, and that alone reads and removes what is saved of it.
#[must_use]
pub fn reviver(slot: &str) -> String {
    format!("reviver-{slot}")
}

impl Order<'_> {
    fn account(&self) -> String {
        match self.kind {
            Kind::Reap => format!("reaper-{}", self.slot),
            Kind::Revive | Kind::Purge => reviver(self.slot),
        }
    }

    /// Tells the program what to do, by its arguments and variables.
    fn tell(&self, container: &mut Container) {
        container.args = Some(match self.kind {
            Kind::Reap => Vec::new(),
            Kind::Revive | Kind::Purge => {
                let named = named(self.kind, self.request).iter().cloned();
                [self.kind.as_str(), "--"].map(str::to_owned).into_iter().chain(named).collect()
            }
        });
        let env = container.env.get_or_insert_default();
        for (name, value) in self.variables() {
            env.retain(|variable| variable.name != name);
            env.push(EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() });
        }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        // A log for people, whatever the CronJob writes for machines.
        let mut variables = vec![("HOTDESK_LOG_FORMAT", "text".to_owned())];
        // A reaper that is set to do nothing removes nothing by hand either; bringing back is another thing.
        if self.request.dry_run || self.kind == Kind::Revive {
            variables.push(("HOTDESK_DRY_RUN", self.request.dry_run.to_string()));
        }
        variables.push((REQUEST_ID, self.id.to_owned()));
        variables.extend(self.request.claim_id.iter().map(|id| ("HOTDESK_CLAIM_ID", id.clone())));
        if self.any_claim && self.kind != Kind::Reap {
            variables.push(("HOTDESK_ANY_CLAIM", "true".to_owned()));
        }
        variables
    }
}

#[cfg(test)]
mod tests;
