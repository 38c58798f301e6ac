//! Does the usage of the slot's own pods speak against a verdict of Idle?
//!
//! It can keep a slot, or make it Unknown. It changes no other verdict, so it never makes a slot go that would not go without it.

use hotdesk_slots::slot::VerdictState;
use hotdesk_traffic::pod_usage::{Finding, NAME, Usage};
use jiff::Timestamp;

use crate::decide::{Activity, Verdict};

/// The verdict, with what the pods' counters say of it; none: they are not to be read.
#[must_use]
pub fn of_pods(verdict: Verdict, usage: Option<&Usage>, now: Timestamp) -> Verdict {
    let Some(usage) = usage.filter(|_| verdict.state == VerdictState::Idle) else { return verdict };
    match &usage.finding {
        Finding::Above { at, detail } => Verdict {
            activity: Some(Activity { time: *at, signal: NAME, detail: detail.clone() }),
            reap_at: Some(now),
            ..Verdict::kept(&format!("{detail}; {}", verdict.reason))
        },
        Finding::Unclear(why) => Verdict::unknown(&format!("{NAME}: {why}")),
        Finding::Quiet(how) => {
            Verdict { reason: format!("{}; {NAME} does not speak against it ({how})", verdict.reason), ..verdict }
        }
    }
}

#[cfg(test)]
mod tests;
