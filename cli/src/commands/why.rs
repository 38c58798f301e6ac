//! `hotdesk why SLOT`: how does a slot stand, and why?

use hotdesk_slots::origin;
use hotdesk_slots::text::{list, quoted};
use hotdesk_slots::{ClaimSource, Mode, Slot, VerdictState};
use jiff::{SignedDuration, Timestamp};

use crate::args::{Form, Why};
use crate::cluster::Cluster;
use crate::commands::{UNSEEN, datetime, relative};
use crate::failure::Failure;
use crate::output::machine;
use crate::suggest;
use crate::view::{Phase, Signal, SlotView, Verdict};

/// For how long what was cleared can be brought back, if nobody has set another time.
const SAVED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Tells the slot's story.
///
/// # Errors
/// When the slot cannot be read, or there is none of that name.
pub(crate) async fn run(cluster: &Cluster, args: &Why, form: Form) -> Result<String, Failure> {
    let slots = cluster.slots().await?;
    let now = cluster.now.timestamp();
    let slot = suggest::find(&slots, &args.slot, now)?;
    // Not to know who asks costs one sentence.
    let identity = cluster.identity().await.ok();
    let view = SlotView::of(slot, identity.as_ref(), now);
    Ok(machine(&view, form)?.unwrap_or_else(|| tell(&view, &slots, cluster.program, now)))
}

fn tell(view: &SlotView, slots: &[Slot], program: &str, now: Timestamp) -> String {
    let mut lines = claim(view, slots, program, now);
    lines.extend(view.mode.and_then(|mode| mode_says(mode).map(str::to_owned)));
    lines.extend(view.host.as_ref().map(|host| format!("URL: https://{host}")));
    lines.extend(use_of(view, now));
    lines.extend(reaping(view, program, now));
    lines.extend(
        view.conditions.iter().map(|c| {
            format!("{} is {} since {}: {}: {}", c.kind, c.status, datetime(c.since, now), c.reason, c.message)
        }),
    );
    lines.join("\n") + "\n"
}

fn claim(view: &SlotView, slots: &[Slot], program: &str, now: Timestamp) -> Vec<String> {
    let slot = &view.slot;
    let claim_it = format!("Claim it: {program} claim {slot} --purpose …");
    let since = view.claimed_at.map(|at| format!(", since {}", datetime(at, now))).unwrap_or_default();
    let purpose = view.purpose.as_ref().map(|purpose| format!(" for {}", quoted(purpose))).unwrap_or_default();
    match view.phase {
        Phase::Free if follows_sheet(view) => vec![
            format!("{slot} is free: an administrator removed the claim of the sheet."),
            "What the sheet says comes back when it is next read, unless the slot is taken out of the sheet."
                .to_owned(),
        ],
        Phase::Free => vec![format!("{slot} is free. {claim_it}")],
        Phase::Lapsed => {
            let ended = view.until.map(|at| datetime(at, now)).unwrap_or_default();
            vec![
                format!("{slot} was held by {}{purpose}; the claim lapsed at {ended}.", view.holders()),
                format!("So it is free. {claim_it}"),
            ]
        }
        Phase::Held => {
            let until =
                view.until.map_or(", with no end date".to_owned(), |at| format!(", until {}", datetime(at, now)));
            let mut lines = vec![format!("{slot} is held by {}{purpose}{since}{until}.", view.holders())];
            if view.source == Some(ClaimSource::Sheet) {
                lines.push("The claim was made in the sheet, and is changed there.".to_owned());
                lines.extend(written_over(view));
            }
            match view.mine {
                Some(true) => lines.push("You hold it and can deploy.".to_owned()),
                Some(false) => lines.push(format!("You can't deploy here. {}.", suggest::free(slots, now))),
                None => {}
            }
            lines
        }
    }
}

/// True if the sync last found that the sheet claims the slot.
fn follows_sheet(view: &SlotView) -> bool {
    view.conditions.iter().any(|condition| condition.kind == origin::CONDITION && condition.status == "True")
}

/// What an administrator changed here, until the sheet is next read.
fn written_over(view: &SlotView) -> Option<String> {
    let by = (!view.written_over_by.is_empty()).then(|| list(&view.written_over_by))?;
    Some(format!(
        "But it was changed here since, by an administrator ({by}): what the sheet says comes back when it is next read, \
         unless the slot is taken out of the sheet."
    ))
}

fn mode_says(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Enforce => None,
        Mode::Warn => Some("Others can write there too, with a warning: its mode is warn."),
        Mode::Audit => Some("Others can write there too, which is only recorded: its mode is audit."),
    }
}

fn use_of(view: &SlotView, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    match &view.verdict {
        Some(verdict) => lines.push(found(verdict, now)),
        None => lines.push("Nobody has checked yet whether it is in use: the reaper has not run there.".to_owned()),
    }
    if let Some(seen) = &view.last_activity {
        lines.push(format!("It was last used at {}: {}, {}.", datetime(seen.time, now), seen.signal, seen.detail));
    }
    lines.extend(view.signals.iter().map(|signal| sees(signal, now)));
    lines.extend((!view.signals.is_empty()).then(|| UNSEEN.to_owned()));
    if let Some(deploy) = &view.last_deploy {
        let by = deploy.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        lines.push(format!("The last deploy was {}{by}, at {}.", deploy.release, datetime(deploy.time, now)));
    }
    lines
}

/// One line of a list: what a signal said, and what it saw last.
fn sees(signal: &Signal, now: Timestamp) -> String {
    let last = signal.last_seen.map(|at| format!(", last saw something at {}", datetime(at, now))).unwrap_or_default();
    let what = if signal.detail.is_empty() { String::new() } else { format!(": {}", signal.detail) };
    format!("- {}: {}{last}{what}", signal.name, signal.state_in_words())
}

fn found(verdict: &Verdict, now: Timestamp) -> String {
    let state = match verdict.state {
        VerdictState::Active => "in use",
        VerdictState::Idle => "idle",
        VerdictState::Kept => "kept",
        VerdictState::Unknown => "in doubt, so nothing is cleared",
    };
    format!("The check {} found it {state}: {}.", relative(verdict.at, now), verdict.reason.trim_end_matches('.'))
}

fn reaping(view: &SlotView, program: &str, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = view.keep_until.filter(|at| *at > now) {
        lines.push(format!("It won't be cleared before {}: somebody asked to keep it.", datetime(at, now)));
    }
    if let Some(at) = view.clear_after.filter(|_| view.phase == Phase::Free) {
        let when = if at <= now { String::new() } else { format!(" after {}", datetime(at, now)) };
        lines.push(format!("Its last holder gave it back to be cleared: the reaper's next run{when} does so."));
    }
    match view.reap_at {
        Some(at) if at <= now => lines.push("It is due to be cleared at the reaper's next run.".to_owned()),
        Some(at) => lines.push(format!("If nobody uses it, it is cleared at {}.", datetime(at, now))),
        None => {}
    }
    lines.extend(view.failed_reaps.iter().map(|failed| failed.told(&view.slot, program, now)));
    if let Some(reap) = &view.last_reap {
        let when = datetime(reap.time, now);
        lines.push(format!("It was last cleared at {when}: {}.", list(&reap.releases)));
        if let Some(back) = reap.back(now) {
            lines.push(back);
        } else if now.duration_since(reap.time) < SAVED_FOR {
            lines.push(format!("To have that back: {program} revive {}", view.slot));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::view::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(slot: &Slot, identity: &str, expected: &[&str]) {
        let slots = [slot.clone(), crate::view::tests::slot("onix")];
        let told = tell(&SlotView::of(slot, Some(&Identity::test(identity)), now()), &slots, "hotdesk", now());
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    }

    const UNCHECKED: &str = "Nobody has checked yet whether it is in use: the reaper has not run there.";

    #[test]
    fn a_free_slot_says_how_to_claim_it() {
        check(&slot("mew"), "alice", &["mew is free. Claim it: hotdesk claim mew --purpose …", UNCHECKED]);
    }

    #[test]
    fn a_held_slot_says_whose_it_is_and_what_is_free() {
        let held = "mew is held by bob for \"payments refactor\", with no end date.";
        check(&claimed("mew", "bob"), "alice", &[held, "You can't deploy here. Free: onix.", UNCHECKED]);
        check(&claimed("mew", "bob"), "bob", &[held, "You hold it and can deploy.", UNCHECKED]);
    }

    #[test]
    fn a_claim_of_the_sheet_says_where_it_is_changed() {
        let mut slot = claimed("mew", "bob");
        slot.spec.claim.as_mut().unwrap().source = Some(ClaimSource::Sheet);
        let told = tell(&SlotView::of(&slot, Some(&Identity::test("bob")), now()), &[slot], "hotdesk", now());
        assert!(told.contains("\nThe claim was made in the sheet, and is changed there.\n"), "{told}");
    }

    #[test]
    fn what_an_administrator_changed_of_the_sheets_claim_is_told() {
        let managed = |by: &str, field: &str| {
            serde_json::json!({"manager": by, "operation": "Update", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:claim": {field: {}}}}})
        };
        let mut slot = claimed("mew", "bob");
        slot.spec.claim.as_mut().unwrap().source = Some(ClaimSource::Sheet);
        slot.metadata.managed_fields = serde_json::from_value(serde_json::json!([
            managed("hotdesk-sync", "f:source"),
            managed("kubectl-edit", "f:users")
        ]))
        .unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), &[slot], "hotdesk", now());
        assert!(told.contains("\nBut it was changed here since, by an administrator (kubectl-edit): what"), "{told}");
    }

    #[test]
    fn a_sheets_claim_that_an_administrator_took_away_is_not_offered() {
        let mut slot = slot("mew");
        slot.status =
            serde_json::from_value(serde_json::json!({"conditions": [{"type": "ClaimSource", "status": "True",
            "reason": "FromSheet", "message": "x", "lastTransitionTime": "2026-11-23T14:00:00Z"}]}))
            .unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), &[slot], "hotdesk", now());
        assert!(told.starts_with("mew is free: an administrator removed the claim of the sheet.\n"), "{told}");
    }

    #[test]
    fn u12_u13_what_could_not_be_cleared_is_told_with_what_happens_next() {
        let mut slot = claimed("mew", "bob");
        slot.status = serde_json::from_value(serde_json::json!({
            "failedReaps": [
                {"release": "web", "revision": 1, "times": 1, "at": "2026-11-23T14:30:00Z", "retryAt": "2026-11-23T15:30:00Z",
                    "reason": "job web-before failed"},
                {"release": "api", "revision": 1, "times": 5, "at": "2026-11-23T14:30:00Z", "reason": "job api-before failed"}
            ],
        }))
        .unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), std::slice::from_ref(&slot), "hotdesk", now());
        assert!(
            told.contains(
                "\nweb could not be cleared at 14:30 UTC: job web-before failed. It is tried again from 15:30 UTC on.\n"
            ),
            "{told}"
        );
        let last = "api could not be cleared at 14:30 UTC (5 times by now): job api-before failed. It is not tried again by itself: fix \
                    that, and then hotdesk reap mew";
        assert!(told.contains(last), "{told}");
    }

    #[test]
    fn what_came_back_is_told_with_who_brought_it_back() {
        let mut slot = claimed("mew", "bob");
        let reap = serde_json::json!({"time": "2026-11-23T12:00:00Z", "releases": ["web"], "restoredAt": "2026-11-23T13:00:00Z", "restoredBy": "bob"});
        slot.status = serde_json::from_value(serde_json::json!({"lastReap": reap})).unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), std::slice::from_ref(&slot), "hotdesk", now());
        assert!(
            told.contains("All of that was brought back by bob at 13:00 UTC") && !told.contains("revive"),
            "{told}"
        );
    }

    #[test]
    fn the_whole_story_is_told_in_sentences() {
        let mut slot = claimed("mew", "bob");
        slot.spec.claim.as_mut().unwrap().until = serde_json::from_value("2026-11-27T18:00:00Z".into()).unwrap();
        slot.spec.keep_until = serde_json::from_value("2026-11-23T17:00:00Z".into()).unwrap();
        slot.status = serde_json::from_value(serde_json::json!({
            "claimedAt": "2026-11-20T09:00:00Z",
            "lastActivity": {"time": "2026-11-23T14:48:00Z", "signal": "traffic", "detail": "14 requests to web"},
            "lastDeploy": {"time": "2026-11-23T12:00:00Z", "release": "web", "by": "bob"},
            "verdict": {"state": "Active", "reason": "14 requests in the last hour", "at": "2026-11-23T14:50:00Z"},
            "nextReapAt": "2026-11-23T15:48:00Z",
            "lastReap": {"time": "2026-11-19T12:00:00Z", "releases": ["web", "worker"]},
            "signals": [
                {"name": "session", "state": "Quiet", "lastSeen": "2026-11-23T12:00:00Z", "detail": "bob used exec"},
                {"name": "loki", "state": "Blind", "detail": "no answer"},
            ],
        }))
        .unwrap();
        check(
            &slot,
            "bob",
            &[
                "mew is held by bob for \"payments refactor\", since Fri 09:00 UTC (3 d 6 h ago), \
                 until Fri 18:00 UTC (in 4 d 3 h).",
                "You hold it and can deploy.",
                "The check 10 min ago found it in use: 14 requests in the last hour.",
                "It was last used at 14:48 UTC (12 min ago): traffic, 14 requests to web.",
                "- session: nobody, last saw something at 12:00 UTC (3 h ago): bob used exec",
                "- loki: inconclusive: no answer",
                UNSEEN,
                "The last deploy was web by bob, at 12:00 UTC (3 h ago).",
                "It won't be cleared before 17:00 UTC (in 2 h): somebody asked to keep it.",
                "If nobody uses it, it is cleared at 15:48 UTC (in 48 min).",
                "It was last cleared at Thu 12:00 UTC (4 d 3 h ago): web and worker.",
                "To have that back: hotdesk revive mew",
            ],
        );
    }
}
