//! The restamper: does everything in a slot carry the labels and annotations of its claim?
//!
//! A program of an account of its own, for it lists and patches whatever there is in the slots. It follows the Slots; after a
//! claim has changed, on a wish of the holder, and once a minute, it looks at the metadata of everything in the slot and sends
//! an empty patch to what is wrong. What the stamp is, the webhook writes. What cannot be restamped is a condition of the Slot.
//!
//! Architecture Invariant: it sends nothing but empty patches, and asks for nothing but metadata. A policy holds its account to
//! that, also while the gate is switched off.
//!
//! # Rights
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | get, list, watch | claims and wishes |
//! | cluster | `slots/status` | patch | the condition `Stamped`, and what became of a wish |
//! | each slot | everything | list, patch | the stamps |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use hotdesk_runtime::client::{self, WATCH_SECONDS};
use hotdesk_slots::Name;
use hotdesk_slots::requests::{OpenRequest, RequestKind, RequestPhase, STAMPED};
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::text::{sanitize, sanitize_short};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ApiResource, DynamicObject, Patch as Body, PatchParams};
use kube::runtime::controller::{Action, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Error, ResourceExt as _};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, watch};

use crate::request;
use crate::slots::{self, ReadSlot};
use crate::status::Patch;

pub mod kinds;
pub mod marked;
pub mod metrics;
pub mod needs;
pub mod pace;
pub mod pass;
pub mod report;
pub mod schedule;

use metrics::Metrics;
use pass::{Passes, Thoroughness};
use report::{Report, told};
use schedule::{Due, Last, Scan, Target, due};

/// The manager under which its patches appear in `managedFields`.
pub const MANAGER: &str = "hotdesk-restamper";

/// How many slots are looked at at once, of those whose turn has come.
const AT_ONCE: usize = 4;

/// For how long what the API server offers counts as known.
const OFFERED_FOR: Duration = Duration::from_secs(60);

/// How long a Slot waits after its status could not be written, or the kinds not be asked for.
const AFTER_AN_ERROR: Duration = Duration::from_secs(15);

/// What the reconciliation of a Slot needs.
pub struct Restamper {
    client: Client,
    passes: Passes,
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    interval: Duration,
    /// Those whose turn has come wait for each other; what has changed waits for nobody.
    rounds: Semaphore,
    offered: AsyncMutex<Option<(Instant, Arc<Vec<ApiResource>>)>>,
    /// The last look at each slot. Without it, everything is looked at once more.
    looks: Mutex<BTreeMap<String, (Last, Instant)>>,
    ended: watch::Receiver<bool>,
}

impl Restamper {
    /// Of a client, until asked to end.
    #[must_use]
    pub fn new(
        client: Client,
        metrics: Arc<Metrics>,
        clock: fn() -> Timestamp,
        interval: Duration,
        ended: watch::Receiver<bool>,
    ) -> Self {
        Self {
            passes: Passes::new(client.clone()),
            client,
            metrics,
            clock,
            interval,
            rounds: Semaphore::new(AT_ONCE),
            offered: AsyncMutex::default(),
            looks: Mutex::default(),
            ended,
        }
    }

    /// Follows the Slots until asked to end. Also gives them, to know when they have been read.
    pub fn follow(self: Arc<Self>, watching: Client) -> (Store<DynamicObject>, impl Future<Output = ()>) {
        let watches = watcher::Config::default().timeout(WATCH_SECONDS);
        let controller = Controller::new_with(slots::all(watching), watches, slots::resource());
        let store = controller.store();
        let ended = is_over(self.ended.clone());
        let reconciled = controller.graceful_shutdown_on(ended).run(reconcile, retry, self.clone());
        (store, self.note(reconciled))
    }

    async fn note<E: std::error::Error + 'static>(
        self: Arc<Self>,
        reconciled: impl Stream<Item = Result<(ObjectRef<DynamicObject>, Action), ControllerError<Error, E>>>,
    ) {
        reconciled
            .for_each(|ended| {
                match ended {
                    Err(ControllerError::ObjectNotFound(gone)) => {
                        self.lock().remove(&gone.namespace.unwrap_or_default());
                    }
                    Err(ControllerError::QueueError(error)) => {
                        tracing::warn!(error = %sanitize(&client::reason(&error)), "the watch on Slots fails; trying again");
                    }
                    _ => {}
                }
                std::future::ready(())
            })
            .await;
    }

    /// Does what is due in a slot, and says when to look again.
    async fn bring(&self, slot: &ReadSlot) -> Result<Duration, Error> {
        if wish(&slot.slot).is_some() && self.carry_out(&slot.name).await? {
            return Ok(Duration::ZERO);
        }
        let target = target(slot);
        let now = Instant::now();
        let last = self.lock().get(&slot.name).cloned();
        let due = due(&target, last.as_ref().map(|(last, at)| (last, now.saturating_duration_since(*at))));
        let (scan, _turn) = match due {
            Due::Wait(left) => return Ok(left),
            Due::Changed => {
                tokio::time::sleep(schedule::SETTLE).await;
                (Scan::Everything, None)
            }
            Due::Round(scan) => {
                // The webhooks have not heard of a new slot either.
                if last.is_none() {
                    tokio::time::sleep(schedule::SETTLE).await;
                }
                (scan, self.rounds.acquire().await.ok())
            }
        };
        let report = self.look(&slot.name, &target, Thoroughness::Wrong(scan)).await?;
        let last =
            Last::after(target, last.as_ref().map(|(last, _)| last), report.wrong > 0, &slot.name, self.interval);
        let (pause, is_told) = (last.pause(), last.is_told());
        self.lock().insert(slot.name.clone(), (last, Instant::now()));
        if is_told && sees_everything(scan, &report) {
            self.tell(&slot.name, owner(slot), &report).await?;
        }
        Ok(pause)
    }

    /// Carries out a wish, unless there is none any more: what was watched may be older than what was written here.
    async fn carry_out(&self, name: &str) -> Result<bool, Error> {
        let Some(slot) = self.read(name).await? else { return Ok(false) };
        let Some(open) = wish(&slot.slot) else { return Ok(false) };
        let now = (self.clock)();
        if let Some(why) = request::void(&slot, open.id, open.request, now) {
            let status = told(&open, RequestPhase::Refused, Some(why));
            return self.write(name, Patch::default().with_request(&slot, &status, now).body()).await.map(|()| true);
        }
        let running = told(&open, RequestPhase::Running, None);
        self.write(name, Patch::default().with_request(&slot, &running, now).body()).await?;
        let report = self.look(name, &target(&slot), Thoroughness::All).await?;
        let status = report.ending(&open);
        let by = open.request.and_then(|request| request.by.as_deref()).unwrap_or("somebody");
        tracing::info!(slot = %sanitize_short(name), id = %sanitize_short(open.id), by = %sanitize_short(by), phase = ?status.phase, said = status.message.as_deref(), "a request has ended");
        self.write(name, Patch::default().with_request(&slot, &status, (self.clock)()).body()).await?;
        self.tell(name, owner(&slot), &report).await?;
        Ok(true)
    }

    async fn look(&self, name: &str, target: &Target, how: Thoroughness) -> Result<Report, Error> {
        let kinds = self.kinds().await?;
        let report = self.passes.run(&self.metrics, &kinds, name, &target.stamp, how).await;
        self.metrics.passed(report.wrong > 0);
        if report.restamped > 0 || report.wrong > 0 {
            tracing::info!(slot = %sanitize_short(name), restamped = report.restamped, wrong = report.wrong, "the stamps of a slot were brought to its claim");
        }
        Ok(report)
    }

    /// What the API server offers, asked for once a minute.
    async fn kinds(&self) -> Result<Arc<Vec<ApiResource>>, Error> {
        let mut offered = self.offered.lock().await;
        if let Some((_, kinds)) = offered.as_ref().filter(|(at, _)| at.elapsed() < OFFERED_FOR) {
            return Ok(kinds.clone());
        }
        let kinds = Arc::new(kinds::offered(self.client.clone()).await?);
        *offered = Some((Instant::now(), kinds.clone()));
        Ok(kinds)
    }

    /// Writes the condition, where it says something new.
    async fn tell(&self, name: &str, owner: Option<&str>, report: &Report) -> Result<(), Error> {
        let Some(slot) = self.read(name).await? else { return Ok(()) };
        let conditions = slot.slot.status.map(|status| status.conditions).unwrap_or_default();
        let before = conditions.iter().find(|condition| condition.type_ == STAMPED);
        let Some(condition) = report.condition(owner, before, (self.clock)()) else { return Ok(()) };
        // The list is one value, and the webhook puts back what is others'.
        let others = conditions.iter().filter(|condition| condition.type_ != STAMPED).cloned();
        let all: Vec<Condition> = others.chain([condition]).collect();
        self.write(name, json!({"status": {"conditions": all}})).await
    }

    async fn read(&self, name: &str) -> Result<Option<ReadSlot>, Error> {
        let found = slots::within(self.client.clone(), name).get_opt(SLOT_NAME).await?;
        Ok(found.and_then(|found| ReadSlot::read(&found).ok().flatten()))
    }

    async fn write(&self, name: &str, body: serde_json::Value) -> Result<(), Error> {
        let api: Api<Slot> = Api::namespaced(self.client.clone(), name);
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_status(SLOT_NAME, &parameters, &Body::Merge(body)).await {
            // It was deleted since it was read.
            Err(Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Last, Instant)>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wish that is to be carried out here.
fn wish(slot: &Slot) -> Option<OpenRequest<'_>> {
    let status = slot.status.as_ref().and_then(|status| status.request.as_ref());
    OpenRequest::of(slot.spec.requests.as_ref(), status).filter(|open| open.kind == RequestKind::Restamp)
}

fn target(slot: &ReadSlot) -> Target {
    let stamp = Stamp::of(&slot.name, slot.claim.as_ref());
    Target { stamp, claim_id: slot.slot.claim_id().map(str::to_owned) }
}

fn owner(slot: &ReadSlot) -> Option<&str> {
    slot.claim.as_ref().and_then(|claim| claim.owner()).map(Name::as_str)
}

/// A look by the label alone that finds nothing does not say that everything is right.
fn sees_everything(scan: Scan, report: &Report) -> bool {
    scan == Scan::Everything || report.wrong > 0
}

async fn reconcile(object: Arc<DynamicObject>, restamper: Arc<Restamper>) -> Result<Action, Error> {
    let slot = match ReadSlot::read(&object) {
        Ok(Some(slot)) => slot,
        Ok(None) => return Ok(Action::await_change()),
        Err(error) => {
            let name = sanitize_short(&object.namespace().unwrap_or_default());
            tracing::error!(slot = %name, error = %sanitize_short(&error), "a Slot cannot be read: nothing is restamped there");
            return Ok(Action::await_change());
        }
    };
    tokio::select! {
        brought = restamper.bring(&slot) => brought.map(Action::requeue),
        // What was not done is found again at the next start.
        () = is_over(restamper.ended.clone()) => Ok(Action::await_change()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "kube calls it so")]
fn retry(object: Arc<DynamicObject>, error: &Error, _: Arc<Restamper>) -> Action {
    let slot = sanitize_short(&object.namespace().unwrap_or_default());
    tracing::warn!(%slot, error = %sanitize(&client::reason(error)), pause = ?AFTER_AN_ERROR, "a slot cannot be restamped; trying again");
    Action::requeue(AFTER_AN_ERROR)
}

async fn is_over(mut ended: watch::Receiver<bool>) {
    let _sender_is_gone = ended.wait_for(|ended| *ended).await;
}
