//! `hotdesk keep SLOT 4h`: may it be kept, and until when is it?

use hotdesk_slots::{ClaimState, ClaimView, Slot};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::args::{Form, Keep};
use crate::cluster::Cluster;
use crate::commands::{change, datetime, not_yours, on_the_clock};
use crate::datetime as datetimes;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::machine;
use crate::view::SlotView;

/// Keeps a slot from being cleared until a moment, or takes that wish back.
///
/// # Errors
/// Whose slot it is, or whatever the server says against it.
pub(crate) async fn run(cluster: &Cluster, args: &Keep, form: Form) -> Result<String, Failure> {
    let now = cluster.now.timestamp();
    let until = match args.until.trim() {
        "off" => None,
        text => Some(datetimes::parse(text, &cluster.now).map_err(Failure::Usage)?),
    };
    let identity = cluster.identity().await?;
    let judged = |slot: &Slot, _: &[Slot]| {
        judge(slot, &identity, args, cluster.program, now)?;
        Ok(Some(json!({"keepUntil": until})))
    };
    let changed = change(cluster, &args.slot, judged).await?;
    let view = SlotView::of(&changed.is, Some(&identity), now);
    Ok(machine(&view, form)?.unwrap_or_else(|| say(&view, cluster.now.time_zone(), now)))
}

/// The server decides what is allowed; this is against slips of the hand.
fn judge(slot: &Slot, identity: &Identity, args: &Keep, program: &str, now: Timestamp) -> Result<(), Failure> {
    let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let view = SlotView::of(slot, Some(identity), now);
    match ClaimState::of(claim_view.as_ref(), now).held() {
        _ if args.force => Ok(()),
        Some(claim) if identity.holds(claim) => Ok(()),
        Some(_) => {
            Err(not_yours(&view, identity, &format!("{program} keep {} '{}' --force", view.slot, shown(&args.until))))
        }
        None => Err(Failure::Refused(format!(
            "{slot} is free, and only its holder can keep it. Claim it first: {program} claim {slot} --purpose …",
            slot = view.slot
        ))),
    }
}

fn shown(typed: &str) -> String {
    hotdesk_slots::text::sanitize_short(typed.trim())
}

fn say(view: &SlotView, local: &TimeZone, now: Timestamp) -> String {
    let slot = &view.slot;
    let Some(keep) = view.keep_until.filter(|at| *at > now) else {
        return format!("{slot} is not kept any more: if nobody uses it, it is cleared like any other slot.\n");
    };
    let kept = format!("{slot} won't be cleared before {}.\n", on_the_clock(keep, local, now));
    match view.until {
        Some(until) if until < keep => {
            format!("{kept}Your claim lapses before that, at {}; then anyone can claim {slot}.\n", datetime(until, now))
        }
        _ => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(slot: &Slot, force: bool, expected: Result<(), &str>) {
        let args = Keep { slot: "mew".to_owned(), until: "4h".to_owned(), force };
        let judged = judge(slot, &Identity::test("alice"), &args, "hotdesk", now());
        assert_eq!(judged.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn only_ones_own_slot_is_kept_unless_forced() {
        check(&claimed("mew", "alice"), false, Ok(()));
        check(&claimed("mew", "bob"), true, Ok(()));
        check(&slot("mew"), true, Ok(()));
        let other = "mew is held by bob, and you are alice. If you run this cluster: hotdesk keep mew '4h' --force";
        check(&claimed("mew", "bob"), false, Err(other));
        let free = "mew is free, and only its holder can keep it. Claim it first: hotdesk claim mew --purpose …";
        check(&slot("mew"), false, Err(free));
    }

    #[track_caller]
    fn says(keep: Option<&str>, until: Option<&str>, expected: &str) {
        let mut slot = claimed("mew", "alice");
        let time = |text: Option<&str>| serde_json::from_value(json!(text)).unwrap();
        slot.spec.keep_until = time(keep);
        slot.spec.claim.as_mut().unwrap().until = time(until);
        assert_eq!(say(&SlotView::of(&slot, None, now()), &TimeZone::UTC, now()), expected);
    }

    #[test]
    fn the_moment_is_shown_and_what_ends_before_it() {
        says(Some("2026-11-23T19:00:00Z"), None, "mew won't be cleared before 19:00 UTC (in 4 h).\n");
        says(
            Some("2026-11-23T19:00:00Z"),
            Some("2026-11-23T18:00:00Z"),
            "mew won't be cleared before 19:00 UTC (in 4 h).\n\
             Your claim lapses before that, at 18:00 UTC (in 3 h); then anyone can claim mew.\n",
        );
        says(None, None, "mew is not kept any more: if nobody uses it, it is cleared like any other slot.\n");
    }
}
