//! `hotdesk release SLOT`: may it be given back, and what happens then?

use hotdesk_slots::{ClaimView, Slot};
use jiff::Timestamp;
use serde_json::json;

use crate::args::{Form, Release};
use crate::cluster::Cluster;
use crate::commands::{Done, change, datetime, not_yours};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::machine;
use crate::request;
use crate::view::{Phase, SlotView};

use purge::Purged;

mod purge;

/// A purge needs the claim, and a clean comes after it: what that leaves, the purge has not seen.
const STAYS_OF_CLEAN: &str = "What that run keeps and saves is not purged.\n";

/// What a slot's claim means for its release.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    FreeAlready,
    Release,
}

/// Gives a slot back.
///
/// # Errors
/// Whose it is, or whatever the server says against it.
pub(crate) async fn run(cluster: &Cluster, args: &Release, form: Form) -> Result<Done, Failure> {
    let now = cluster.now.timestamp();
    let identity = cluster.identity().await?;
    let purged = match purge::first(cluster, args, &identity, form).await? {
        Purged::Stop(done) => return Ok(done),
        Purged::GoOn(said) => said,
    };
    let clear_after = args.clean.then(|| now.checked_add(args.grace).unwrap_or(Timestamp::MAX));
    let judged = |slot: &Slot, _: &[Slot]| {
        let judged = judge(slot, &identity, args, cluster.program, now)?;
        // What was to be kept was kept for its former holder.
        let given_back = json!({"claim": null, "keepUntil": null, "clearAfter": clear_after});
        Ok((judged == Judged::Release).then_some(given_back))
    };
    let changed = change(cluster, &args.slot, judged).await?;
    let was = SlotView::of(&changed.was, Some(&identity), now);
    let view = SlotView::of(&changed.is, Some(&identity), now);
    let text = machine(&view, form)?;
    if let (Some(said), Some(_)) = (&purged, &text) {
        // Machines get the slot, and people still read what went.
        request::on_stderr(said);
    }
    let after = if purged.is_some() && clear_after.is_some() { STAYS_OF_CLEAN } else { "" };
    let said = purged.map(|said| said + "\n").unwrap_or_default();
    Ok(text.unwrap_or_else(|| said + &say(&was, clear_after, cluster.program, now) + after).into())
}

/// The server decides what is allowed; this is against slips of the hand.
fn judge(slot: &Slot, identity: &Identity, args: &Release, program: &str, now: Timestamp) -> Result<Judged, Failure> {
    let view = SlotView::of(slot, Some(identity), now);
    let claim = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let own = claim.as_ref().is_some_and(|claim| identity.holds(claim));
    match view.phase {
        _ if own || args.force && (claim.is_some() || args.clean) => Ok(Judged::Release),
        Phase::Free | Phase::Lapsed if args.clean => Err(Failure::Refused(format!(
            "{slot} is free, so only an administrator can clear it; the reaper clears it once nobody uses it. If you \
             run this cluster: {program} release {slot} --clean --force",
            slot = view.slot
        ))),
        Phase::Free | Phase::Lapsed => Ok(Judged::FreeAlready),
        Phase::Held => Err(not_yours(&view, identity, &format!("{program} release {} --force", view.slot))),
    }
}

fn say(was: &SlotView, clear_after: Option<Timestamp>, program: &str, now: Timestamp) -> String {
    let slot = &was.slot;
    if let Some(at) = clear_after {
        let when = if at <= now { String::new() } else { format!(" after {}", datetime(at, now)) };
        return format!(
            "{slot} is free again. The reaper's next run{when} uninstalls what is deployed there, used or not, but for \
             what always stays.\nIf you change your mind before: {program} claim {slot} --purpose …\n"
        );
    }
    match was.phase {
        Phase::Free => format!("{slot} is free already.\n"),
        Phase::Lapsed => format!("{slot} is free: the claim of {} had lapsed.\n", was.holders()),
        Phase::Held => format!(
            "{slot} is free again; it was held by {}.\n\
             What is deployed there stays until the reaper finds it idle, or the next holder removes it.\n",
            was.holders()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};
    use jiff::SignedDuration;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn args(force: bool, clean: bool) -> Release {
        let grace = SignedDuration::from_mins(10);
        Release { slot: "mew".to_owned(), clean, grace, purge: false, dry_run: false, yes: false, force }
    }

    #[track_caller]
    fn check(slot: &Slot, args: &Release, expected: Result<Judged, &str>) {
        let judged = judge(slot, &Identity::test("alice"), args, "hotdesk", now());
        assert_eq!(judged.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    fn lapsed(user: &str) -> Slot {
        let mut lapsed = claimed("mew", user);
        lapsed.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-23T14:00:00Z".into()).unwrap();
        lapsed
    }

    #[test]
    fn only_ones_own_slot_is_released_unless_forced() {
        check(&claimed("mew", "alice"), &args(false, false), Ok(Judged::Release));
        check(&claimed("mew", "bob"), &args(true, false), Ok(Judged::Release));
        let expected = "mew is held by bob, and you are alice. If you run this cluster: hotdesk release mew --force";
        check(&claimed("mew", "bob"), &args(false, false), Err(expected));
        check(&claimed("mew", "bob"), &args(false, true), Err(expected));
    }

    #[test]
    fn what_is_free_needs_no_release() {
        check(&slot("mew"), &args(false, false), Ok(Judged::FreeAlready));
        check(&lapsed("bob"), &args(false, false), Ok(Judged::FreeAlready));
    }

    #[test]
    fn only_the_last_holder_or_an_administrator_has_a_slot_cleared() {
        check(&claimed("mew", "alice"), &args(false, true), Ok(Judged::Release));
        check(&lapsed("alice"), &args(false, true), Ok(Judged::Release));
        let expected = "mew is free, so only an administrator can clear it; the reaper clears it once nobody uses it. \
                        If you run this cluster: hotdesk release mew --clean --force";
        check(&slot("mew"), &args(false, true), Err(expected));
        check(&lapsed("bob"), &args(false, true), Err(expected));
        check(&slot("mew"), &args(true, true), Ok(Judged::Release));
    }

    #[test]
    fn says_when_it_is_cleared_and_how_to_prevent_that() {
        let was = SlotView::of(&claimed("mew", "alice"), None, now());
        let said = say(&was, Some("2026-11-23T15:10:00Z".parse().unwrap()), "hotdesk", now());
        assert!(said.contains("The reaper's next run after 15:10 UTC (in 10 min) uninstalls"), "{said}");
        assert!(said.contains("hotdesk claim mew"), "{said}");
        assert!(say(&was, None, "hotdesk", now()).contains("stays until the reaper finds it idle"));
    }
}
