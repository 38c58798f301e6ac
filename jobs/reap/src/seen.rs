//! Which use of the slot did the observing job see, which reads each source once for all slots?
//!
//! It can say that somebody was there, so that the slot's own run need not read. It never says that nobody was: what it did not
//! see, saw with other settings, or says of a time that cannot be, is as if it were not there.

use hotdesk_slots::evidence::SourceEvidence;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::sanitize_short;
use hotdesk_traffic::log::scan::CLOCK_TOLERANCE;
use jiff::Timestamp;

use crate::decide::{Activity, Rules, is_within};

/// The newest use within the window; `rules` are those of the slot.
pub(crate) fn by_the_observer(slot: &Slot, rules: &Rules, now: Timestamp) -> Option<Activity> {
    let evidence = slot.status.as_ref()?.evidence.iter();
    let counts = |one: &&SourceEvidence| rules.observed_with.contains(&one.settings) && is_possible(one, now);
    let seen = evidence.filter(counts).filter(|one| is_within(one.last_use.time.0, rules, now));
    let newest = seen.max_by_key(|one| one.last_use.time.0)?;
    let detail = format!(
        "{} (seen by the observing job in {})",
        sanitize_short(&newest.last_use.detail),
        sanitize_short(&newest.source)
    );
    // Clocks differ.
    Some(Activity { time: newest.last_use.time.0.min(now), signal: "traffic", detail })
}

/// False if it lies ahead, or was seen before it happened.
fn is_possible(one: &SourceEvidence, now: Timestamp) -> bool {
    let (used, at) = (one.last_use.time.0, one.at.0);
    used.duration_since(at) <= CLOCK_TOLERANCE && at.duration_since(now) <= CLOCK_TOLERANCE
}

#[cfg(test)]
mod tests;
