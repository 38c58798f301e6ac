//! For whom is this run, and may it still be done for them?
//!
//! A holder's wish counts only under the claim under which it was made. The controller, which makes a Job of it, says which
//! one that was; a run by the clock serves nobody, and needs none.

use clap::Args;
use hotdesk_slots::requests::{Request as Wish, RequestKind, asker};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::{ClaimState, ClaimView};
use jiff::Timestamp;

/// Which request this run serves.
#[derive(Debug, Clone, Default, Args)]
pub struct Request {
    /// The request that this run serves.
    #[arg(long, env = "HOTDESK_REQUEST_ID")]
    request_id: Option<String>,

    /// The claim under which that was asked. The run stops when the slot has changed hands since.
    #[arg(long, env = "HOTDESK_CLAIM_ID")]
    claim_id: Option<String>,

    /// Bring back, or purge, what was reaped under any claim, as an administrator wishes.
    #[arg(long, env = "HOTDESK_ANY_CLAIM", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    any_claim: bool,
}

/// Under which claims something must have been reaped to be brought back, or to be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under<'a> {
    /// Whichever.
    Any,
    /// This one.
    Claim(&'a str),
}

impl Under<'_> {
    /// True for what was reaped under such a claim.
    #[must_use]
    pub fn admits(self, claim_id: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Claim(id) => claim_id == Some(id),
        }
    }
}

impl Request {
    fn claim_id(&self) -> Option<&str> {
        self.claim_id.as_deref().filter(|id| !id.is_empty())
    }

    /// True if somebody asked for this run.
    #[must_use]
    pub fn is_somebodys(&self) -> bool {
        self.claim_id().is_some()
    }

    /// Who asked, as the Slot says.
    #[must_use]
    pub fn by(&self, slot: &Slot) -> Option<String> {
        wish(slot, self.request_id.as_deref()?)?.by.clone()
    }

    /// Why what was asked for is void, if it is.
    #[must_use]
    pub fn void(&self, slot: &Slot) -> Option<String> {
        let asked = self.claim_id()?;
        let id = self.request_id.as_deref().filter(|id| !id.is_empty());
        let which = id.map(|id| format!(" (request {})", sanitize_short(id))).unwrap_or_default();
        if slot.claim_id() != Some(asked) {
            return Some(format!("the claim changed hands since this was asked for{which}"));
        }
        asker::may_have_lost(slot, id.and_then(|id| wish(slot, id))).then(|| format!("{}{which}", asker::LOST))
    }

    /// What may be brought back or purged. Unlike a reap, which judges the slot by itself, it needs somebody who is entitled
    /// to it.
    ///
    /// # Errors
    /// Why nothing may.
    pub fn entitled(&self, slot: &Slot, now: Timestamp) -> Result<Under<'_>, String> {
        if let Some(why) = self.void(slot) {
            return Err(why);
        }
        if self.any_claim {
            return Ok(Under::Any);
        }
        let Some(asked) = self.claim_id() else {
            return Err("nobody is named for whom: HOTDESK_CLAIM_ID says under which claim it was asked, and \
                        HOTDESK_ANY_CLAIM=true that an administrator asks"
                .to_owned());
        };
        let view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
        match ClaimState::of(view.as_ref(), now).held() {
            Some(_) => Ok(Under::Claim(asked)),
            None => Err("nobody holds the slot any more".to_owned()),
        }
    }
}

/// The wish of this id, as it stands in the Slot.
fn wish<'a>(slot: &'a Slot, id: &str) -> Option<&'a Wish> {
    let requests = slot.spec.requests.as_ref()?;
    let mut wishes = RequestKind::ALL.into_iter().filter_map(|kind| kind.within(requests));
    wishes.find(|wish| wish.id.as_deref() == Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::keys;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn slot(claim_id: &str, until: Option<&str>) -> Slot {
        let metadata = json!({"name": "slot", "annotations": {keys::CLAIM_ID: claim_id}});
        let claim = until.map(|until| json!({"users": ["alice"], "until": until}));
        let spec = json!({"claim": claim});
        serde_json::from_value(
            json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": metadata, "spec": spec}),
        )
        .unwrap()
    }

    fn asked(claim_id: Option<&str>, any_claim: bool) -> Request {
        Request { request_id: Some("r1".to_owned()), claim_id: claim_id.map(str::to_owned), any_claim }
    }

    #[test]
    fn a_request_is_void_once_the_claim_changed_hands_and_a_run_by_the_clock_never_is() {
        let (held, anothers) = (slot("c1", None), slot("c2", None));
        for by_the_clock in [asked(None, false), asked(Some(""), false)] {
            assert_eq!((by_the_clock.void(&anothers), by_the_clock.is_somebodys()), (None, false));
        }
        let request = asked(Some("c1"), false);
        assert_eq!(request.void(&held), None);
        let why = "the claim changed hands since this was asked for (request r1)";
        assert_eq!(request.void(&anothers).as_deref(), Some(why));
        assert_eq!(request.void(&Slot::default()).as_deref(), Some(why), "a Slot that names no claim is another's");
    }

    #[test]
    fn a_request_is_void_once_who_asked_may_have_lost_the_slot_also_where_another_took_its_place() {
        let (request, before) = (asked(Some("c1"), false), "2026-11-23T14:57:00Z");
        let lost = Some("somebody lost the slot since this was asked (request r1)");
        for (id, by, lost_at, expected) in [
            ("r1", "bob", "2026-11-23T14:59:00Z", lost),
            ("r1", "bob", before, None),
            ("r1", "Alice", "2026-11-23T14:59:00Z", None),
            ("r2", "alice", before, lost),
        ] {
            let mut slot = slot("c1", Some("2026-11-23T16:00:00Z"));
            let marks = slot.metadata.annotations.get_or_insert_default();
            marks.insert(keys::CLAIMED_AT.to_owned(), "2026-11-23T14:00:00Z".to_owned());
            marks.insert(keys::LOST_AT.to_owned(), lost_at.to_owned());
            let reap = json!({"id": id, "by": by, "at": "2026-11-23T14:58:00Z"});
            slot.spec.requests = serde_json::from_value(json!({"reap": reap})).unwrap();
            assert_eq!(request.void(&slot).as_deref(), expected, "{id} by {by}, lost at {lost_at}");
            let held = request.entitled(&slot, now()).err();
            assert_eq!(held.as_deref(), expected, "a revive, {id} by {by}, lost at {lost_at}");
            assert_eq!(asked(None, false).void(&slot), None, "a run by the clock");
        }
    }

    #[track_caller]
    fn check_entitled(request: &Request, slot: &Slot, expected: Result<Under<'_>, &str>) {
        match (request.entitled(slot, now()), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(why), Err(says)) => assert!(why.contains(says), "{why}"),
            (found, _) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn only_who_holds_the_slot_under_that_claim_revives_or_purges_and_an_administrator_does_in_any_case() {
        let (late, early) = ("2026-11-23T16:00:00Z", "2026-11-23T14:00:00Z");
        let holders = asked(Some("c1"), false);
        check_entitled(&holders, &slot("c1", Some(late)), Ok(Under::Claim("c1")));
        check_entitled(&holders, &slot("c2", Some(late)), Err("the claim changed hands"));
        check_entitled(&holders, &slot("c1", Some(early)), Err("nobody holds the slot any more"));
        check_entitled(&holders, &slot("c1", None), Err("nobody holds the slot any more"));
        check_entitled(&asked(None, false), &slot("c1", Some(late)), Err("HOTDESK_CLAIM_ID"));
        check_entitled(&asked(None, true), &slot("c1", None), Ok(Under::Any));
        check_entitled(&asked(Some("c1"), true), &slot("c2", Some(late)), Err("the claim changed hands"));
    }

    #[test]
    fn what_was_reaped_under_another_claim_or_under_none_is_not_the_holders() {
        assert!(Under::Claim("c1").admits(Some("c1")) && Under::Any.admits(None));
        assert!(!Under::Claim("c1").admits(Some("c2")) && !Under::Claim("c1").admits(None));
    }
}
