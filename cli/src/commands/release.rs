//! `hotdesk release SLOT`: may it be given back, and what happens then?

use hotdesk_slots::{ClaimView, Slot};
use jiff::Timestamp;
use serde_json::json;

use crate::args::{Form, Release};
use crate::cluster::Cluster;
use crate::commands::ATTEMPTS;
use crate::failure::Failure;
use crate::me::Me;
use crate::near;
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
    for _attempt in 0..ATTEMPTS {
        let slots = cluster.slots().await?;
        let slot = near::find(&slots, &args.slot, now)?;
        let released = match judge(slot, &me, args.force, cluster.program, now)? {
            Verdict::FreeAlready => Ok(slot.clone()),
            // What was to be kept was kept for whoever held it.
            Verdict::Release => cluster.change(slot, &json!({"claim": null, "keepUntil": null})).await,
        };
        match released {
            // Somebody changed it just now: read again what there is to release.
            Err(Failure::Conflict) => {}
            Err(other) => return Err(other),
            Ok(changed) => {
                let was = Row::of(slot, Some(&me), now);
                let row = Row::of(&changed, Some(&me), now);
                return Ok(machine(&row, form)?.unwrap_or_else(|| say(&was)));
            }
        }
    }
    Err(Failure::Conflict)
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
        Err(Failure::Refused(format!(
            "{} is held by {}, and you are {}. If you run this cluster: {program} release {} --force",
            row.slot,
            row.holders(),
            hotdesk_slots::text::plain(&me.username),
            row.slot
        )))
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
