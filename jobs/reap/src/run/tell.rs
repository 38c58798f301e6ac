//! Who is told what a run found and did? The Slot's status, an Event, and the webhooks.

use hotdesk_notify::{Notification, NotificationKind};
use hotdesk_slots::slot::{Slot, Told};
use serde_json::{Value, json};

use super::{Ahead, Run};
use crate::decide::{Evidence, Verdict};
use crate::reap::Outcome;
use crate::report::{Conclusion, Exit, status_patch, write_event, write_status};
use crate::{forecast, notices};

impl Run<'_> {
    /// Writes what was found and done to the Slot, tells of it in an Event, and tells the webhooks.
    pub(super) async fn report(
        &self,
        verdict: &Verdict,
        evidence: &Evidence,
        outcome: Option<&Outcome>,
        conclusion: &Conclusion,
        ahead: &Ahead,
    ) {
        let now = (self.now)();
        let Some(Ok(slot)) = &evidence.slot else { return };
        // What was read before the reap does not know that this run noted it as begun.
        let mut patch = status_patch(verdict, evidence, outcome, now);
        let signals = forecast::signals(evidence, self.rules, now);
        forecast::tell(&mut patch, &signals, ahead.plan.as_ref(), outcome.is_some());
        let told = if outcome.is_some() { Told::default() } else { ahead.notices.told.clone() };
        if let Some(status) = patch.get_mut("status").and_then(Value::as_object_mut) {
            status.insert("told".to_owned(), json!(told));
        }
        let written = write_status(self.cluster, self.slot, &patch).await;
        let slot = named(slot, self.slot);
        let notice = outcome.is_none() && ahead.notices.tell.contains(&NotificationKind::Notice);
        if outcome.is_some() || notice || conclusion.exit != Exit::Fine {
            complain(write_event(self.cluster, &slot, notice, conclusion, now).await);
        }
        // What could not be noted as told is told when it can.
        if written.is_ok() {
            self.tell(&slot, verdict, outcome, ahead).await;
        }
        complain(written);
    }

    /// Tells the webhooks.
    async fn tell(&self, slot: &Slot, verdict: &Verdict, outcome: Option<&Outcome>, ahead: &Ahead) {
        let (kinds, releases) = match outcome {
            Some(outcome) if outcome.gone.is_empty() => return,
            Some(outcome) => (vec![NotificationKind::Reaped], outcome.gone.clone()),
            None => (ahead.notices.tell.clone(), ahead.names()),
        };
        let status = slot.status.as_ref();
        let plan = ahead.plan.as_ref().or_else(|| status.and_then(|status| status.plan.as_ref()));
        let lost = plan.map(|plan| forecast::lost(plan, &releases)).unwrap_or_default();
        let hookless = plan.map(|plan| forecast::hookless(plan, &releases)).unwrap_or_default();
        let reason = [vec![verdict.reason.clone()], hookless].concat().join("; ");
        let (told, now) = (&ahead.notices.told, (self.now)());
        let notification: Vec<Notification> = kinds
            .into_iter()
            .map(|kind| notices::notification(kind, slot, (&releases, &lost), &reason, told, now))
            .collect();
        for failure in hotdesk_notify::send::tell(&self.args.notices.notify, &notification).await {
            tracing::warn!("{failure}");
        }
    }
}

fn named(slot: &Slot, namespace: &str) -> Slot {
    let mut slot = slot.clone();
    slot.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
    slot
}

/// What cannot be reported is said in the log, and changes nothing else.
pub(super) fn complain(written: Result<(), String>) {
    if let Err(why) = written {
        tracing::warn!("{why}");
    }
}
