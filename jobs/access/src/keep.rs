//! How are the bindings kept with their claims?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use hotdesk_slots::keys;
use hotdesk_slots::text::{harmless, list, plain};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use serde_json::json;
use tokio::time::Instant;

use crate::metrics::{Metrics, Outcome};
use crate::state::{Change, State};
use crate::watch::{self, Lists, binding_of};

const MANAGER: &str = "hotdesk-access";
/// A clock may be set; a lapse is looked for at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// The first pause after a write that failed; it doubles up to the second. The gate may know the new claim a moment
/// later than we do, and then refuses what carries the old one's marks.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Brings bindings to their claims, for ever.
pub struct Keeper {
    client: Client,
    prefixes: Vec<String>,
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    state: State,
    failing: BTreeMap<String, Failing>,
}

/// A slot whose binding could not be written.
struct Failing {
    again: Instant,
    pause: Duration,
}

/// What whoever refused it says, without the rest of the answer.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => harmless(&status.message),
        other => harmless(&other.to_string()),
    }
}

impl Keeper {
    /// One that writes with this client.
    #[must_use]
    pub fn new(client: Client, prefixes: Vec<String>, metrics: Arc<Metrics>, clock: fn() -> Timestamp) -> Self {
        Self { client, prefixes, metrics, clock, state: State::default(), failing: BTreeMap::new() }
    }

    /// Follows what the watches of this client say.
    pub async fn follow(&mut self, watching: Client) {
        let mut slots = std::pin::pin!(watch::slots(watching.clone()));
        let mut bindings = std::pin::pin!(watch::bindings(watching));
        let mut lists = Lists::default();
        loop {
            tokio::select! {
                Some(event) = slots.next() => self.heard("Slots", event, |event, state| lists.note_slot(event, state)),
                Some(event) = bindings.next() => {
                    self.heard("RoleBindings", event, |event, state| lists.note_binding(event, state));
                }
                () = tokio::time::sleep_until(self.next_look()) => self.look(),
            }
            self.write_changes().await;
        }
    }

    fn heard<K>(&mut self, what: &str, event: watcher::Result<Event<K>>, note: impl FnOnce(Event<K>, &mut State)) {
        match event {
            Ok(event) => {
                note(event, &mut self.state);
                self.metrics.seen(self.state.is_listed(), self.state.bindings());
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(error = %harmless(&error), "the watch on {what} fails; trying again");
            }
        }
    }

    /// When something may have to be done though nothing was heard: a claim lapses, or a write is tried again.
    fn next_look(&self) -> Instant {
        let now = (self.clock)();
        let lapse = self.state.next_lapse(now).and_then(|until| Duration::try_from(until.duration_since(now)).ok());
        // A little later than the lapse, so that it has passed by any rounding.
        let lapse = lapse.map_or(LONGEST_SLEEP, |wait| (wait + Duration::from_millis(5)).min(LONGEST_SLEEP));
        let looks = self.failing.values().map(|failing| failing.again);
        looks.chain([Instant::now() + lapse]).min().unwrap_or_else(Instant::now)
    }

    fn look(&mut self) {
        self.state.look_at_all();
    }

    async fn write_changes(&mut self) {
        let now = (self.clock)();
        let changes = self.state.take_changes(&self.prefixes, now);
        // What failed stays due until it is written, or is right by itself.
        let is_due = |slot: &String| changes.iter().any(|change| change.slot == *slot);
        self.failing.retain(|slot, failing| failing.again > Instant::now() || is_due(slot));
        for change in changes {
            let waits = self.failing.get(&change.slot).is_some_and(|failing| failing.again > Instant::now());
            if waits {
                self.state.look_at(&change.slot);
            } else {
                self.write(&change).await;
            }
        }
        self.metrics.behind(self.failing.len());
    }

    async fn write(&mut self, change: &Change) {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &change.slot);
        let patch = json!({"metadata": {"resourceVersion": change.version}, "subjects": change.wanted.subjects()});
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch(keys::CLAIMANTS_BINDING, &parameters, &Patch::Merge(patch)).await {
            Ok(written) => {
                self.metrics.wrote(Outcome::Written);
                self.failing.remove(&change.slot);
                self.say(change);
                binding_of(written).into_iter().for_each(|(slot, binding)| self.state.put_binding(&slot, binding));
            }
            Err(error) => self.failed(change, &error),
        }
    }

    fn say(&self, change: &Change) {
        let shown = |names: &[String]| list(&names.iter().map(|name| plain(name)).collect::<Vec<_>>());
        let (users, groups) = (shown(&change.wanted.users), shown(&change.wanted.groups));
        tracing::info!(slot = %plain(&change.slot), %users, %groups, "rights follow the claim");
        if change.wanted.left_out > 0 {
            let slot = plain(&change.slot);
            tracing::warn!(%slot, names = change.wanted.left_out, "names that begin with system: get no rights");
        }
    }

    fn failed(&mut self, change: &Change, error: &kube::Error) {
        self.metrics.wrote(Outcome::Failed);
        let pause =
            self.failing.get(&change.slot).map_or(FIRST_PAUSE, |failing| (failing.pause * 2).min(LONGEST_PAUSE));
        let (slot, error) = (plain(&change.slot), reason(error));
        // The first few are the gate that learns of the claim a moment later than we do.
        if pause > Duration::from_secs(1) {
            tracing::warn!(%slot, %error, ?pause, "the rights in a slot cannot be brought to its claim; trying again");
        } else {
            tracing::debug!(%slot, %error, ?pause, "the rights in a slot cannot be written; trying again");
        }
        self.failing.insert(change.slot.clone(), Failing { again: Instant::now() + pause, pause });
        self.state.look_at(&change.slot);
    }
}
