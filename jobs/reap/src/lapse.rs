//! What changes when nobody holds the slot any more: how long may it still go unused, and was it to be cleared?

use hotdesk_slots::slot::Slot;
use hotdesk_slots::window::Windows;
use hotdesk_slots::{ClaimView, keys};
use jiff::{SignedDuration, Timestamp};

/// The windows by which a slot is judged. Once its claim has lapsed for the grace, the grace is window enough: its
/// holder said how long the slot would be needed. Somebody who still uses it keeps it.
#[must_use]
pub fn windows(slot: &Slot, usual: &Windows, grace: SignedDuration, now: Timestamp) -> Windows {
    let Some(lapsed) = lapsed_at(slot, now) else { return usual.clone() };
    let over = now.duration_since(lapsed) >= grace;
    if over { Windows { always: grace.min(usual.at(now)), office: Vec::new() } } else { usual.clone() }
}

/// When the claim lapsed, if it has.
#[must_use]
pub fn lapsed_at(slot: &Slot, now: Timestamp) -> Option<Timestamp> {
    let until = slot.spec.claim.as_ref()?.until.as_ref()?.0;
    (until <= now).then_some(until)
}

/// Since when the slot is to be cleared, used or not: its last holder gave it back so, and nobody has claimed it since.
/// Only what was there when they said so is meant; the moment after which nothing may have happened is given.
#[must_use]
pub fn to_be_cleared(slot: &Slot, now: Timestamp) -> Option<Timestamp> {
    let after = slot.spec.clear_after.as_ref()?.0;
    let asked = slot.metadata.annotations.as_ref().and_then(|marks| marks.get(keys::LOST_AT));
    let asked = asked.and_then(|text| text.parse::<Timestamp>().ok()).map_or(after, |asked| asked.min(after));
    let free = slot.spec.claim.as_ref().map(ClaimView::parse_lossy).is_none();
    (free && after <= now).then_some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn slot(spec: &serde_json::Value, lost_at: Option<&str>) -> Slot {
        let annotations = lost_at.map(|at| json!({keys::LOST_AT: at}));
        let metadata = json!({"name": "slot", "annotations": annotations});
        let slot = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": metadata, "spec": spec});
        serde_json::from_value(slot).unwrap()
    }

    #[track_caller]
    fn check_window(until: Option<&str>, grace: i64, minutes: i64) {
        let slot = slot(&json!({"claim": {"users": ["alice"], "until": until}}), None);
        let found = windows(&slot, &Windows::default(), SignedDuration::from_mins(grace), now()).at(now());
        assert_eq!(found.as_mins(), minutes, "{until:?}, grace {grace} min");
    }

    #[test]
    fn the_grace_is_window_enough_once_a_claim_has_lapsed_for_so_long() {
        check_window(None, 30, 120);
        check_window(Some("2026-11-23T10:00:00Z"), 30, 120);
        check_window(Some("2026-11-23T08:31:00Z"), 30, 120);
        check_window(Some("2026-11-23T08:30:00Z"), 30, 30);
        check_window(Some("2026-11-23T08:30:00Z"), 0, 0);
        // A grace is never a longer window than the usual one.
        check_window(Some("2026-11-22T08:30:00Z"), 300, 120);
    }

    #[track_caller]
    fn check_cleared(spec: &serde_json::Value, lost_at: Option<&str>, expected: Option<&str>) {
        let found = to_be_cleared(&slot(spec, lost_at), now());
        assert_eq!(found.map(|at| at.to_string()).as_deref(), expected, "{spec}");
    }

    #[test]
    fn only_a_free_slot_is_cleared_on_request_and_only_when_it_is_time() {
        let due = "2026-11-23T08:55:00Z";
        check_cleared(&json!({}), None, None);
        check_cleared(&json!({"clearAfter": due}), None, Some(due));
        check_cleared(&json!({"clearAfter": due}), Some("2026-11-23T08:45:00Z"), Some("2026-11-23T08:45:00Z"));
        check_cleared(&json!({"clearAfter": due}), Some("2026-11-23T08:59:00Z"), Some(due));
        check_cleared(&json!({"clearAfter": "2026-11-23T09:00:01Z"}), None, None);
        check_cleared(&json!({"clearAfter": due, "claim": {"users": ["bob"]}}), None, None);
        check_cleared(&json!({"clearAfter": due, "claim": {"users": ["bob"], "until": due}}), None, None);
    }
}
