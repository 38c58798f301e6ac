//! May a slot be taken over that is just being cleared, and what becomes of the wish to have it cleared?
//!
//! A run of the reaper is meant for the person who held the slot when it was judged. The reaper notes in the Slot, against
//! the version that it judged, until when it may be at work; here the Slot is read as it is stored, so of a claim
//! and that note exactly one comes first.

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::{Claim, ClaimView};
use jiff::Timestamp;

use super::same_claim;

/// What speaks against a claim while the reaper is at work.
pub(super) fn against(old: &Slot, new: &Slot, now: Timestamp) -> Option<String> {
    let until = old.status.as_ref()?.reaping.as_ref()?.at_work_until(now)?;
    let is = new.spec.claim.as_ref()?;
    let stays = old.spec.claim.as_ref().is_some_and(|was| keeps_owner(was, is, now));
    let claims = !same_claim(old.spec.claim.as_ref(), Some(is));
    let seconds = until.duration_since(now).as_secs();
    (claims && !stays).then(|| {
        format!(
            "spec.claim: hotdesk is just clearing the slot of what its former holder left, which takes {seconds} s at \
             most: claim it when that is done"
        )
    })
}

/// True if the wish to have the slot cleared goes: somebody claims it.
pub(crate) fn is_over(new: &Slot) -> bool {
    new.spec.claim.is_some() && new.spec.clear_after.is_some()
}

fn keeps_owner(was: &Claim, is: &Claim, now: Timestamp) -> bool {
    let (was, is) = (ClaimView::parse_lossy(was), ClaimView::parse_lossy(is));
    matches!(was.state_at(now), ClaimState::Held(_)) && was.owner().is_some() && was.owner() == is.owner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn slot(claim: Option<&str>, until: Option<&str>, reaping_until: Option<&str>) -> Slot {
        let claim = claim.map(|user| json!({"users": [user], "until": until}));
        let reaping =
            reaping_until.map(|until| json!({"since": "2026-11-23T15:00:00Z", "releases": [], "until": until}));
        serde_json::from_value(json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"},
            "spec": {"claim": claim.unwrap_or(Value::Null)}, "status": {"reaping": reaping}
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(old: &Slot, new: &Slot, expected: Option<&str>) {
        let said = against(old, new, "2026-11-23T15:01:00Z".parse().unwrap());
        match (said, expected) {
            (None, None) => {}
            (Some(said), Some(expected)) => assert!(said.contains(expected), "{said}"),
            (said, expected) => panic!("{said:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_slot_cannot_be_taken_over_while_it_is_being_cleared() {
        let soon = Some("2026-11-23T15:01:30Z");
        let over = Some("2026-11-23T15:01:00Z");
        let bob = slot(Some("bob"), None, None);
        check(&slot(None, None, soon), &bob, Some("takes 30 s at most"));
        check(&slot(None, None, over), &bob, None);
        check(&slot(None, None, None), &bob, None);
        check(&slot(Some("alice"), None, soon), &bob, Some("just clearing the slot"));
        check(&slot(Some("alice"), Some("2026-11-23T14:00:00Z"), soon), &slot(Some("alice"), None, None), Some("30 s"));
    }

    #[test]
    fn a31_a_lock_until_2099_locks_nobody_out() {
        let (bob, free) = (slot(Some("bob"), None, None), |until| slot(None, None, Some(until)));
        check(&free("2026-11-23T15:16:00Z"), &bob, Some("takes 900 s at most"));
        check(&free("2026-11-23T15:16:01Z"), &bob, None);
        check(&free("2099-01-01T00:00:00Z"), &bob, None);
        check(&slot(Some("alice"), None, Some("2099-01-01T00:00:00Z")), &bob, None);
    }

    #[test]
    fn what_does_not_change_the_claim_is_not_a_claim() {
        let soon = Some("2026-11-23T15:01:30Z");
        let lapsed = slot(Some("alice"), Some("2026-11-23T14:00:00Z"), soon);
        check(&lapsed, &lapsed, None);
    }

    #[test]
    fn whoever_holds_it_may_still_extend_or_release_it() {
        let soon = Some("2026-11-23T15:01:30Z");
        check(&slot(Some("alice"), None, soon), &slot(Some("alice"), Some("2026-11-24T14:00:00Z"), None), None);
        check(&slot(Some("alice"), None, soon), &slot(None, None, None), None);
    }

    #[test]
    fn a_claim_ends_the_wish_to_have_the_slot_cleared() {
        let mut free = slot(None, None, None);
        free.spec.clear_after = serde_json::from_value(json!("2026-11-23T15:10:00Z")).unwrap();
        assert!(!is_over(&free));
        let claimed = slot(Some("bob"), None, None);
        assert!(!is_over(&claimed));
        let both =
            Slot { spec: hotdesk_slots::slot::SlotSpec { clear_after: free.spec.clear_after, ..claimed.spec }, ..free };
        assert!(is_over(&both));
    }
}
