//! `hotdesk release SLOT --purge`: what was kept and saved goes, while the claim is still in force.

use std::io::IsTerminal as _;

use hotdesk_slots::requests::RequestKind;
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::{ClaimView, Slot};
use jiff::{SignedDuration, Timestamp};

use crate::args::{Form, Release};
use crate::cluster::Cluster;
use crate::commands::reap::{finish, needs_reaper};
use crate::commands::{Done, agreed, not_yours};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::request::{self, JobOutcome};
use crate::suggest;
use crate::view::{Phase, SlotView, slot_name};

/// How long the purge is followed. It looks through every kind of object, and deletes one by one.
const TIMEOUT: SignedDuration = SignedDuration::from_mins(15);

/// What follows from the purge for the release.
pub(super) enum Purged {
    /// The slot is given back; before that, this is said of the purge, if there was one.
    GoOn(Option<String>),
    /// The slot is not given back.
    Stop(Done),
}

/// Has the slot purged, if so wished, and follows that to its end.
///
/// # Errors
/// Who says no, in their words; that not all could be removed: then the slot is still held, and it can be tried again.
pub(super) async fn first(
    cluster: &Cluster,
    args: &Release,
    identity: &Identity,
    form: Form,
) -> Result<Purged, Failure> {
    if !args.purge {
        return Ok(Purged::GoOn(None));
    }
    let (slots, now) = (cluster.slots().await?, cluster.now.timestamp());
    let slot = suggest::find(&slots, &args.slot, now)?;
    may(slot, identity, args, cluster.program, now)?;
    needs_reaper(slot)?;
    let name = slot_name(slot);
    if let Some(line) = beforehand(slot, now) {
        request::on_stderr(&line);
    }
    let ask = !args.dry_run && !args.yes && std::io::stdin().is_terminal();
    if ask && !agreed(&format!("Remove for good what was kept and saved of releases cleared in {name}?"), "--yes")? {
        let text = format!("Nothing was removed, and {name} is not given back.\n");
        return Ok(Purged::Stop(Done { text, well: false }));
    }
    let id = request::ask(cluster, name, RequestKind::Purge, args.dry_run, &[]).await?;
    if args.dry_run {
        return finish(cluster, name, (RequestKind::Purge, &id), Some(TIMEOUT), form).await.map(Purged::Stop);
    }
    let outcome = request::follow(cluster, name, (RequestKind::Purge, &id), TIMEOUT, request::on_stderr).await?;
    said(outcome, name, cluster.program).map(|said| Purged::GoOn(Some(said)))
}

/// The server decides what is allowed; this is against slips of the hand.
fn may(slot: &Slot, identity: &Identity, args: &Release, program: &str, now: Timestamp) -> Result<(), Failure> {
    let view = SlotView::of(slot, Some(identity), now);
    let own = slot.spec.claim.as_ref().map(ClaimView::parse_lossy).is_some_and(|claim| identity.holds(&claim));
    let forced = format!("{program} release {} --purge --force", view.slot);
    match view.phase {
        _ if args.force => Ok(()),
        Phase::Held if own => Ok(()),
        Phase::Held => Err(not_yours(&view, identity, &forced)),
        Phase::Free | Phase::Lapsed => Err(Failure::Refused(format!(
            "{slot} is free, so you cannot remove what was kept there. Claim it first: {program} claim {slot} \
             --purpose …; if you run this cluster: {forced}",
            slot = view.slot
        ))),
    }
}

/// What is said before anybody is asked. What was kept in the slot, the purge itself finds.
fn beforehand(slot: &Slot, now: Timestamp) -> Option<String> {
    let saved = slot.status.iter().flat_map(|status| &status.saved).filter(|saved| saved.until.0 > now);
    let mut names: Vec<String> = saved.map(|saved| sanitize_short(&saved.release)).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty())
        .then(|| format!("saved in {}, and not to be revived after this: {}", slot_name(slot), list(&names)))
}

/// What is said of a purge that was carried out.
fn said(outcome: JobOutcome, slot: &str, program: &str) -> Result<String, Failure> {
    if outcome.code == 0 {
        return Ok(outcome.message);
    }
    Err(Failure::Refused(format!(
        "{} (The job's exit code is {}.) {slot} is still held. To give it back as it is: {program} release {slot}",
        outcome.message, outcome.code
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn args(force: bool) -> Release {
        let grace = SignedDuration::from_mins(10);
        Release { slot: "mew".to_owned(), clean: false, grace, purge: true, dry_run: false, yes: true, force }
    }

    #[track_caller]
    fn check(slot: &Slot, force: bool, expected: Result<(), &str>) {
        let may = may(slot, &Identity::test("alice"), &args(force), "hotdesk", now());
        assert_eq!(may.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn only_what_is_left_in_ones_own_slot_is_removed_unless_forced() {
        check(&claimed("mew", "alice"), false, Ok(()));
        let expected =
            "mew is held by bob, and you are alice. If you run this cluster: hotdesk release mew --purge --force";
        check(&claimed("mew", "bob"), false, Err(expected));
        check(&claimed("mew", "bob"), true, Ok(()));
        let expected = "mew is free, so you cannot remove what was kept there. Claim it first: hotdesk claim mew \
                        --purpose …; if you run this cluster: hotdesk release mew --purge --force";
        check(&slot("mew"), false, Err(expected));
        check(&slot("mew"), true, Ok(()));
        let mut lapsed = claimed("mew", "alice");
        lapsed.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-23T14:00:00Z".into()).unwrap();
        check(&lapsed, false, Err(expected));
    }

    #[test]
    fn what_cannot_be_revived_after_it_is_said_beforehand() {
        let mut slot = claimed("mew", "alice");
        assert_eq!(beforehand(&slot, now()), None);
        let saved = |release: &str, until: &str| {
            json!({"release": release, "revision": 1, "at": "2026-11-23T14:00:00Z",
                "run": "2026-11-23T14:00:00Z", "until": until})
        };
        let (later, past) = ("2026-12-07T00:00:00Z", "2026-11-23T14:30:00Z");
        let all = [saved("web", later), saved("api\u{7}", later), saved("web", later), saved("old", past)];
        slot.status = serde_json::from_value(json!({"saved": all})).unwrap();
        let says = "saved in mew, and not to be revived after this: api\u{fffd} and web";
        assert_eq!(beforehand(&slot, now()).as_deref(), Some(says));
    }

    #[test]
    fn a_slot_that_could_not_be_purged_is_still_held() {
        let outcome = |code, message: &str| JobOutcome { code, message: message.to_owned() };
        assert_eq!(said(outcome(0, "Removed from mew: web."), "mew", "hotdesk").unwrap(), "Removed from mew: web.");
        let why = said(outcome(4, "Of web: forbidden."), "mew", "hotdesk").unwrap_err().to_string();
        let says = "Of web: forbidden. (The job's exit code is 4.) mew is still held. To give it back as it is: hotdesk \
                    release mew";
        assert_eq!(why, says);
    }
}
