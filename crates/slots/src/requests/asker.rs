//! May who asked have lost the slot since?
//!
//! A wish notes who asked by their exact user name. A claim may know them by another one: without a prefix, by a value of
//! their identity, by a group; and an administrator is in no claim. So of a name that the claim does not hold nobody can say
//! later whether it fits. What can be said is whether anybody lost the slot since; then the wish counts as theirs.

use jiff::Timestamp;

use super::Request;
use crate::{ClaimView, Slot, keys};

/// What is said of a wish that is void for that.
pub const LOST: &str = "somebody lost the slot since this was asked";

/// True if who asked may have lost the slot since, under a claim that goes on without them. Of a wish that is not in the Slot
/// any more it is not known when it was made: then any loss within the claim counts.
#[must_use]
pub fn may_have_lost(slot: &Slot, request: Option<&Request>) -> bool {
    let Some(claim) = &slot.spec.claim else { return false };
    let by = request.and_then(|request| request.by.as_deref());
    if by.is_some_and(|by| ClaimView::parse_lossy(claim).admits([by], [""; 0])) {
        return false;
    }
    let Some(noted) = slot.metadata.annotations.as_ref().and_then(|marks| marks.get(keys::LOST_AT)) else {
        return false;
    };
    let Ok(lost) = noted.parse::<Timestamp>() else { return true };
    match request.and_then(|request| request.at.as_ref()) {
        Some(asked) => lost >= asked.0,
        // A hand-over is a loss in the moment in which the claim begins.
        None => slot.claimed_at().is_none_or(|claimed| lost > claimed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ASKED: &str = "2026-11-30T12:00:00Z";

    fn slot(claim: &serde_json::Value, lost: Option<&str>) -> Slot {
        let mut marks = json!({keys::CLAIMED_AT: "2026-11-30T10:00:00Z"});
        if let Some(lost) = lost {
            marks[keys::LOST_AT] = json!(lost);
        }
        serde_json::from_value(json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
            "metadata": {"name": "slot", "annotations": marks}, "spec": {"claim": claim}}))
        .unwrap()
    }

    #[test]
    fn a_wish_of_somebody_who_may_have_lost_the_slot_is_told_from_those_of_who_holds_it() {
        let alices = json!({"users": ["alice"], "aliases": ["octocat"]});
        let groups = json!({"users": ["alice"], "groups": ["payments"]});
        let (before, after) = (Some("2026-11-30T11:59:59Z"), Some("2026-11-30T12:00:01Z"));
        for (claim, lost, by, expected) in [
            (&alices, after, "bob", true),
            (&alices, Some(ASKED), "bob", true),
            (&alices, Some("yesterday"), "bob", true),
            (&alices, before, "bob", false),
            (&alices, None, "bob", false),
            (&alices, after, " Alice", false),
            (&alices, after, "OctoCat", false),
            (&alices, after, "alice2", true),
            (&groups, None, "bob", false),
            (&groups, before, "bob", false),
            (&groups, after, "bob", true),
            (&json!(null), after, "bob", false),
        ] {
            let request = Request {
                by: Some(by.to_owned()),
                at: serde_json::from_value(json!(ASKED)).unwrap(),
                ..Request::default()
            };
            let found = may_have_lost(&slot(claim, lost), Some(&request));
            assert_eq!(found, expected, "{claim}, lost at {lost:?}, asked by {by:?}");
        }
    }

    #[test]
    fn a_wish_that_is_not_in_the_slot_any_more_is_void_after_any_loss_within_the_claim() {
        let claim = json!({"users": ["alice"]});
        for (lost, expected) in [
            (None, false),
            (Some("2026-11-30T09:00:00Z"), false),
            (Some("2026-11-30T10:00:00Z"), false),
            (Some("2026-11-30T10:00:01Z"), true),
        ] {
            assert_eq!(may_have_lost(&slot(&claim, lost), None), expected, "lost at {lost:?}");
        }
    }
}
