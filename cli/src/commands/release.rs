//! `hotdesk release SLOT`: may it be given back, and what happens then?

use hotdesk_slots::{ClaimView, Slot};
use jiff::Timestamp;
use serde_json::json;

use crate::args::{Form, Release};
use crate::cluster::Cluster;
use crate::commands::{change, not_yours};
use crate::failure::Failure;
use crate::me::Me;
use crate::output::machine;
use crate::row::{Row, Stand};

/// What a slot's claim means for its release.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    FreeAlready,
    Release,
}

/// Gives a slot back.
///
/// # Errors
/// Whose it is, or whatever the server says against it.
pub(crate) async fn run(cluster: &Cluster, args: &Release, form: Form) -> Result<String, Failure> {
    let now = cluster.now.timestamp();
    let me = cluster.me().await?;
    let judged = |slot: &Slot, _: &[Slot]| {
        let verdict = judge(slot, &me, args.force, cluster.program, now)?;
        // What was to be kept was kept for whoever held it.
        Ok((verdict == Verdict::Release).then(|| json!({"claim": null, "keepUntil": null})))
    };
    let changed = change(cluster, &args.slot, judged).await?;
    let was = Row::of(&changed.was, Some(&me), now);
    let row = Row::of(&changed.is, Some(&me), now);
    Ok(machine(&row, form)?.unwrap_or_else(|| say(&was)))
}

/// The server decides what is allowed; this is against slips of the hand.
fn judge(slot: &Slot, me: &Me, force: bool, program: &str, now: Timestamp) -> Result<Verdict, Failure> {
    let Some(claim) = slot.spec.claim.as_ref().map(ClaimView::lenient) else { return Ok(Verdict::FreeAlready) };
    let row = Row::of(slot, Some(me), now);
    if force || me.holds(&claim) {
        Ok(Verdict::Release)
    } else if row.standing == Stand::Lapsed {
        Ok(Verdict::FreeAlready)
    } else {
        Err(not_yours(&row, me, &format!("{program} release {} --force", row.slot)))
    }
}

fn say(was: &Row) -> String {
    let slot = &was.slot;
    match was.standing {
        Stand::Free => format!("{slot} is free already.\n"),
        Stand::Lapsed => format!("{slot} is free: the claim of {} had lapsed.\n", was.holders()),
        Stand::Held => format!(
            "{slot} is free again; it was held by {}.\n\
             What is deployed there stays until the reaper finds it idle, or the next holder removes it.\n",
            was.holders()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(slot: &Slot, force: bool, expected: Result<Verdict, &str>) {
        let judged = judge(slot, &Me::test("alice"), force, "hotdesk", now());
        assert_eq!(judged.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn only_ones_own_slot_is_released_unless_forced() {
        check(&claimed("mew", "alice"), false, Ok(Verdict::Release));
        check(&claimed("mew", "bob"), true, Ok(Verdict::Release));
        let expected = "mew is held by bob, and you are alice. If you run this cluster: hotdesk release mew --force";
        check(&claimed("mew", "bob"), false, Err(expected));
    }

    #[test]
    fn what_is_free_needs_no_release() {
        check(&slot("mew"), false, Ok(Verdict::FreeAlready));
        let mut lapsed = claimed("mew", "bob");
        lapsed.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-23T14:00:00Z".into()).unwrap();
        check(&lapsed, false, Ok(Verdict::FreeAlready));
    }
}
