//! How is a Slot brought to what follows from its claim, its CronJob and its request?
//!
//! This is the shell: it asks, lets [`crate::status`] and [`crate::request`] decide, and writes.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use hotdesk_runtime::client::{self, WATCH_SECONDS};
use hotdesk_runtime::events::{Recorder, event};
use hotdesk_slots::keys;
use hotdesk_slots::requests::{RequestPhase, RequestStatus};
use hotdesk_slots::slot::SLOT_NAME;
use hotdesk_slots::text::{sanitize, sanitize_short};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::api::{Api, DynamicObject};
use kube::runtime::controller::{Action, Config, Controller, Error as ControllerError};
use kube::runtime::events::EventType;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource as _, ResourceExt as _};

use crate::attempts::Attempts;
use crate::cluster::{Cluster, ClusterError, Made};
use crate::lapse;
use crate::metrics::{Metrics, Outcome};
use crate::request::{self, Around, Next, Open, job, progress};
use crate::slots::{self, ReadSlot};
use crate::status::{self, Patch};

/// How often an open request is looked at: its steps are written as often at most.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How many Slots are worked on at once.
const AT_ONCE: u16 = 8;

/// What the reconciliation of a Slot needs.
pub struct Slots {
    cluster: Cluster,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    attempts: Attempts,
}

impl Slots {
    /// Of a cluster.
    #[must_use]
    pub fn new(cluster: Cluster, recorder: Recorder, metrics: Arc<Metrics>, clock: fn() -> Timestamp) -> Self {
        Self { cluster, recorder, metrics, clock, attempts: Attempts::default() }
    }

    /// Follows the Slots, their CronJobs, and the Jobs of requests until asked to end. Also gives the Slots, to know when they
    /// have been read.
    pub fn follow(
        self: Arc<Self>,
        watching: Client,
        jobs_namespace: &str,
        ended: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> (Store<DynamicObject>, impl Future<Output = ()>) {
        let watches = || watcher::Config::default().timeout(WATCH_SECONDS);
        let of = |component: &str| watches().labels(&format!("{}={component}", job::COMPONENT));
        let cron_jobs: Api<CronJob> = Api::namespaced(watching.clone(), jobs_namespace);
        let jobs: Api<Job> = Api::namespaced(watching.clone(), jobs_namespace);
        let controller = Controller::new_with(slots::all(watching), watches(), slots::resource());
        let store = controller.store();
        let reconciled = controller
            .with_config(Config::default().concurrency(AT_ONCE))
            .watches(cron_jobs, of(job::REAPER), |cron_job| slot_of(cron_job.labels()))
            .watches(jobs, of(job::REQUEST), |job| slot_of(job.labels()))
            .graceful_shutdown_on(ended)
            .run(reconcile, retry, self.clone());
        (store, self.count(reconciled))
    }

    async fn count<E: std::error::Error + 'static>(
        self: Arc<Self>,
        reconciled: impl Stream<Item = Result<(ObjectRef<DynamicObject>, Action), ControllerError<ClusterError, E>>>,
    ) {
        reconciled
            .for_each(|ended| {
                match ended {
                    // A CronJob or Job of a slot that is no more.
                    Err(ControllerError::ObjectNotFound(gone)) => {
                        let slot = gone.namespace.unwrap_or_default();
                        self.attempts.succeeded(&slot);
                        self.metrics.forget(&slot);
                    }
                    Err(ControllerError::QueueError(error)) => {
                        tracing::warn!(error = %sanitize(&client::reason(&error)), "the watch on Slots, CronJobs and Jobs fails; trying again");
                    }
                    Err(_) => self.metrics.reconciled(Outcome::Failed),
                    Ok(_) => self.metrics.reconciled(Outcome::Done),
                }
                std::future::ready(())
            })
            .await;
    }

    /// Brings one Slot to what follows, and says when to look again.
    async fn bring(&self, slot: ReadSlot) -> Result<Option<Duration>, ClusterError> {
        self.metrics.slot(&slot.name, slot.slot.status.as_ref());
        // The phase first: the policy waits for it, whatever else is out of order.
        let patch = Patch::default().with_phase(&slot, (self.clock)());
        self.write(&slot, &patch).await?;
        let cron_job = self.cluster.cron_job(&slot.name).await?;
        let revives = cron_job.is_some() && self.cluster.revives(&slot.name).await?;
        let patch = Patch::default().with_reaper(&slot, status::reaper(cron_job.as_ref(), revives).as_ref());
        self.write(&slot, &patch).await?;
        let now = (self.clock)();
        let lapse = lapse::look_again(slot.claim.as_ref().and_then(|claim| claim.until), now);
        if request::open(&slot).is_none() {
            return Ok(lapse);
        }
        // What was watched may be older than what this controller wrote a moment ago.
        let found = self.cluster.slot(&slot.name).await?;
        let Some(slot) = found.and_then(|found| ReadSlot::read(&found).ok().flatten()) else { return Ok(lapse) };
        let Some(open) = request::open(&slot) else { return Ok(lapse) };
        let jobs = self.cluster.jobs(&slot.name).await?;
        self.carry_out(&slot, &open, &Around { cron_job: cron_job.as_ref(), revives, jobs: &jobs }).await?;
        Ok(Some(BETWEEN_LOOKS))
    }

    async fn carry_out(&self, slot: &ReadSlot, open: &Open<'_>, around: &Around<'_>) -> Result<(), ClusterError> {
        let now = (self.clock)();
        let status = match request::next(slot, open, around, now) {
            Next::Write(status) => status,
            Next::Follow(job) => self.look_at(open, &job, now).await?,
            Next::Make(job, status) => match self.cluster.make(&job).await {
                Ok(Made::Now) => {
                    tracing::info!(slot = %sanitize_short(&slot.name), kind = open.kind.as_str(), id = %sanitize_short(open.id), by = %open.by(), job = %job.name_any(), "a job was made for a request");
                    status
                }
                // The next look sees whose it is.
                Ok(Made::Before) => status,
                Err(error) => match error.refusal() {
                    Some(why) => open.refused(&format!("its job was not admitted: {why}")),
                    None => return Err(error),
                },
            },
        };
        self.write(slot, &Patch::default().with_request(slot, &status, now)).await?;
        if status.phase.is_over() {
            self.tell(slot, open, &status).await;
        }
        Ok(())
    }

    async fn look_at(&self, open: &Open<'_>, job: &Job, now: Timestamp) -> Result<RequestStatus, ClusterError> {
        let (progress, pod) = self.cluster.progress(job).await?;
        let log = match pod.filter(|_| progress::has_begun(&progress)) {
            Some(pod) => self.cluster.log(&pod).await,
            None => None,
        };
        Ok(open.followed(job, &progress, log.as_deref(), now))
    }

    async fn write(&self, slot: &ReadSlot, patch: &Patch) -> Result<(), ClusterError> {
        if patch.is_empty() { Ok(()) } else { self.cluster.write_status(&slot.name, &patch.body()).await }
    }

    /// Says how a request ended: to the log, the metrics, and the people who look at the Slot's Events.
    async fn tell(&self, slot: &ReadSlot, open: &Open<'_>, status: &RequestStatus) {
        let (kind, by, id) = (open.kind.as_str(), open.by(), sanitize_short(open.id));
        let message = status.message.as_deref().unwrap_or_default();
        let name = sanitize_short(&slot.name);
        tracing::info!(slot = %name, kind, %id, %by, phase = ?status.phase, exit_code = status.exit_code, said = message, "a request has ended");
        self.metrics.ended(open.kind, status.phase);
        let (type_, reason) = reason(status.phase);
        let mut about = event(type_, reason, open.kind.action(), &format!("{kind}, asked for by {by}: {message}"));
        // Events of two requests are two, and not one that was seen twice.
        about.secondary = Some(job_reference(open, &slot.name));
        if let Err(error) = self.recorder.publish(&about, &slot.slot.object_ref(&())).await {
            tracing::warn!(slot = %name, error = %sanitize(&client::reason(&error)), "the Event of a request cannot be written");
        }
    }
}

fn reason(phase: RequestPhase) -> (EventType, &'static str) {
    match phase {
        RequestPhase::Refused => (EventType::Warning, "RequestRefused"),
        RequestPhase::Succeeded => (EventType::Normal, "RequestSucceeded"),
        RequestPhase::Failed | RequestPhase::Pending | RequestPhase::Running => (EventType::Warning, "RequestFailed"),
    }
}

fn job_reference(open: &Open<'_>, slot: &str) -> k8s_openapi::api::core::v1::ObjectReference {
    let mut job = Job::default();
    job.metadata.name = Some(job::name(open.kind, slot, open.id));
    job.object_ref(&())
}

/// The Slot of what carries this label.
fn slot_of(labels: &std::collections::BTreeMap<String, String>) -> Option<ObjectRef<DynamicObject>> {
    Some(ObjectRef::new_with(SLOT_NAME, slots::resource()).within(labels.get(keys::SLOT)?))
}

async fn reconcile(object: Arc<DynamicObject>, slots: Arc<Slots>) -> Result<Action, ClusterError> {
    let slot = match ReadSlot::read(&object) {
        Ok(Some(slot)) => slot,
        Ok(None) => return Ok(Action::await_change()),
        Err(error) => {
            let name = sanitize_short(&object.namespace().unwrap_or_default());
            tracing::error!(slot = %name, error = %sanitize_short(&error), "a Slot cannot be read: nothing is written there");
            return Ok(Action::await_change());
        }
    };
    let name = slot.name.clone();
    let again = slots.bring(slot).await?;
    slots.attempts.succeeded(&name);
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

#[expect(clippy::needless_pass_by_value, reason = "kube calls it so")]
fn retry(object: Arc<DynamicObject>, error: &ClusterError, slots: Arc<Slots>) -> Action {
    let slot = object.namespace().unwrap_or_default();
    let pause = slots.attempts.failed(&slot);
    tracing::warn!(slot = %sanitize_short(&slot), %error, ?pause, "a Slot cannot be brought up to date; trying again");
    Action::requeue(pause)
}

#[cfg(test)]
mod tests;
