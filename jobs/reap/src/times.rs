//! When may the slot be cleared at the earliest, if nobody uses it any more?
//!
//! People plan by it, so it is never later than what a run would do: the windows are those of the moment, a claim that lapses
//! makes its grace the window, and what keeps the slot for a while keeps it no longer. Notice comes on top.

use hotdesk_slots::slot::{Slot, VerdictState};
use jiff::{SignedDuration, Timestamp};

use crate::decide::{Evidence, Rules, Verdict, newest_activity, newest_under_way};
use crate::{lapse, sessions};

/// What is known of a slot that bears on when it may go.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    slot: &'a Slot,
    rules: &'a Rules,
    /// The newest deploy, session, claim or write.
    noted: Option<Timestamp>,
    /// The newest request, or whatever else made the verdict.
    seen: Option<Timestamp>,
    /// When the newest session counts no longer.
    session_ends: Option<Timestamp>,
    /// Since when a deploy or uninstall has been under way.
    under_way: Option<Timestamp>,
}

impl<'a> Known<'a> {
    /// What the evidence says, if the Slot and its releases could be read.
    #[must_use]
    pub fn of(evidence: &'a Evidence, verdict: &Verdict, rules: &'a Rules) -> Option<Self> {
        let (Some(Ok(slot)), Some(Ok(releases))) = (&evidence.slot, &evidence.releases) else { return None };
        let session = sessions::newest(slot).map(|session| session.time);
        // Its pod is gone: since then the window runs.
        let gone = session.and_then(|session| evidence.pods_changed_after(session));
        let counts = session.map(|session| after(session, rules.session_grace));
        Some(Self {
            slot,
            rules,
            noted: newest_activity(slot, releases).map(|activity| activity.time),
            seen: verdict.activity.as_ref().map(|activity| activity.time).max(gone),
            session_ends: counts.filter(|_| gone.is_none()),
            under_way: newest_under_way(slot, releases),
        })
    }
}

impl Known<'_> {
    /// The earliest moment, not before another, at which a run would find the slot idle.
    #[must_use]
    pub fn idle_from(&self, not_before: Timestamp) -> Timestamp {
        let bound = self.not_before().map_or(not_before, |bound| bound.max(not_before));
        if let Some(asked) = self.cleared_on_request(bound) {
            return asked;
        }
        let bound = self.session_ends.map_or(bound, |ends| ends.max(bound));
        let Some(last_use) = self.noted.max(self.seen).max(self.under_way) else { return bound };
        let usual = self.rules.windows.idle_from(last_use, bound);
        self.lapses(last_use, bound).map_or(usual, |lapsed| usual.min(lapsed))
    }

    /// The same, where people are given notice first.
    #[must_use]
    pub fn reaped_from(&self, notice: SignedDuration, now: Timestamp) -> Timestamp {
        let idle = self.idle_from(now);
        if notice.is_zero() || self.cleared_on_request(idle).is_some() {
            return idle;
        }
        self.idle_from(after(idle, notice))
    }

    /// Before this, somebody has asked to keep it.
    fn not_before(&self) -> Option<Timestamp> {
        self.slot.spec.keep_until.as_ref().map(|until| until.0)
    }

    /// Its last holder gave it back to be cleared then.
    fn cleared_on_request(&self, not_before: Timestamp) -> Option<Timestamp> {
        let at = self.slot.spec.clear_after.as_ref()?.0.max(not_before);
        let asked = lapse::to_be_cleared(self.slot, at)?;
        let at = self.under_way.map_or(at, |since| self.rules.windows.idle_from(since, at));
        self.noted.is_none_or(|last| last < asked).then_some(at)
    }

    /// From when on the grace of a claim that has an end is window enough.
    fn lapses(&self, last_use: Timestamp, not_before: Timestamp) -> Option<Timestamp> {
        let until = self.slot.spec.claim.as_ref()?.until.as_ref()?.0;
        let grace = self.rules.lapse_grace;
        Some(after(until, grace).max(after(last_use, grace)).max(not_before))
    }
}

/// The verdict with the time at which the slot may be cleared, if it tells one.
#[must_use]
pub fn told(verdict: Verdict, evidence: &Evidence, rules: &Rules, notice: SignedDuration, now: Timestamp) -> Verdict {
    let Some(known) = Known::of(evidence, &verdict, rules) else { return verdict };
    let reap_at = match (verdict.state, verdict.reap_at) {
        // Whatever keeps it keeps it until then.
        (VerdictState::Active | VerdictState::Kept, Some(bound)) => Some(known.reaped_from(notice, bound.max(now))),
        (_, other) => other,
    };
    Verdict { reap_at, ..verdict }
}

fn after(moment: Timestamp, length: SignedDuration) -> Timestamp {
    moment.checked_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
