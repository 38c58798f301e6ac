//! How is a plan carried out, Slot by Slot, and told?

use std::collections::BTreeMap;

use futures::StreamExt as _;
use hotdesk_slots::slot::Slot;

use super::{AT_ONCE, Sync};
use crate::cluster::WriteError;
use crate::log;
use crate::plan::{Change, Plan, SlotReport, What, name_of};
use crate::report::{conditions, event, undone};

/// What became of a Slot.
pub(super) struct Settled {
    slot: Slot,
    undone: Option<String>,
    pub(super) failed: Option<WriteError>,
}

impl Sync {
    pub(super) async fn write(&mut self, plan: &Plan, slots: Vec<Slot>) -> Vec<Settled> {
        let changes: BTreeMap<&str, &Change> =
            plan.changes.iter().map(|change| (change.slot.as_str(), change)).collect();
        let begun = (self.clock)();
        plan.changes.iter().for_each(|change| self.claim_times.note(change, begun));
        let cluster = &self.cluster;
        let writes = slots.into_iter().map(|slot| {
            let change = changes.get(name_of(&slot)).copied();
            async move {
                match change {
                    None => (slot, None),
                    Some(change) => (slot, Some((change, cluster.write(change).await))),
                }
            }
        });
        let results: Vec<_> = futures::stream::iter(writes).buffered(AT_ONCE).collect().await;
        results.into_iter().map(|(slot, result)| self.settle(slot, result)).collect()
    }

    fn settle(&mut self, slot: Slot, result: Option<(&Change, Result<Slot, WriteError>)>) -> Settled {
        match result {
            None => Settled { slot, undone: None, failed: None },
            Some((change, Err(error))) => {
                match &error {
                    WriteError::Conflict => tracing::debug!(slot = name_of(&slot), "{error}"),
                    WriteError::Refused(what) => {
                        tracing::error!("{what}");
                        self.claim_times.forget(&change.slot);
                    }
                }
                Settled { slot, undone: None, failed: Some(error) }
            }
            Some((change, Ok(written))) => {
                if let (Some(wanted), Some(generation)) = (&change.wanted, written.metadata.generation) {
                    self.memory.note(&change.slot, wanted.clone(), generation);
                }
                // The API server stores nothing where an apply changes nothing.
                let changed = written.metadata.resource_version != slot.metadata.resource_version;
                if changed {
                    log::change(change);
                    self.metrics.wrote(change.what);
                    self.claim_times.note(change, (self.clock)());
                } else if change.what == What::Claimed {
                    self.claim_times.forget(&change.slot);
                }
                Settled { slot: written, undone: change.undoes.clone(), failed: None }
            }
        }
    }

    pub(super) async fn report(&mut self, plan: &Plan, settled: &[Settled]) {
        let reports = settled.iter().map(|settled| self.report_one(plan, settled));
        let told: Vec<Option<&str>> = futures::stream::iter(reports).buffer_unordered(AT_ONCE).collect().await;
        told.into_iter().flatten().for_each(|slot| self.claim_times.forget(slot));
    }

    /// Returns the slot if its status tells from now on when it was claimed.
    async fn report_one<'a>(&self, plan: &Plan, settled: &'a Settled) -> Option<&'a str> {
        let (slot, now) = (&settled.slot, (self.clock)());
        let refused;
        let slot_report = match &settled.failed {
            // The next attempt, or the next pass, knows more.
            Some(WriteError::Conflict) => return None,
            Some(WriteError::Refused(what)) => {
                refused = SlotReport::Refused(what.clone());
                Some(&refused)
            }
            None => plan.slot_reports.get(name_of(slot)),
        };
        let changed = conditions(slot, slot_report, now);
        // It goes on being told until it stands there: a conflict with somebody else's write loses no claim's time.
        let claimed_at = self.claim_times.of(name_of(slot)).filter(|_| slot_report == Some(&SlotReport::Follows));
        let mut told = None;
        if changed.is_some() || claimed_at.is_some() {
            let written = self.cluster.write_status(slot, changed.as_deref(), claimed_at).await;
            told = claimed_at.filter(|_| written.is_ok()).map(|_| name_of(slot));
            complain(written);
        }
        let news = slot_report.filter(|_| changed.is_some()).and_then(|slot_report| event(slot, slot_report, now));
        let restored = settled.undone.as_ref().and_then(|manager| undone(slot, manager, now));
        for event in news.into_iter().chain(restored) {
            complain(self.cluster.tell(&event).await);
        }
        told
    }
}

/// What cannot be said changes nothing: what was written is written.
pub(super) fn complain(result: Result<(), WriteError>) {
    match result {
        Ok(()) => {}
        // Somebody wrote the Slot just now; the next pass says it.
        Err(WriteError::Conflict) => tracing::debug!("a status was written by somebody else at the same time"),
        Err(WriteError::Refused(what)) => tracing::warn!("{what}"),
    }
}
