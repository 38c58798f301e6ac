//! `hotdesk plan SLOT`: what would be cleared, when, and what could not be brought back?

use std::fmt::Write as _;

use hotdesk_slots::requests::ReaperSettings;
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::{SlotStatus, VerdictState};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::args::{Form, Plan};
use crate::cluster::Cluster;
use crate::commands::{UNSEEN, datetime, relative};
use crate::failure::Failure;
use crate::output::machine;
use crate::suggest;
use crate::table::{Cell, render};
use crate::view::{Planned, PlannedRelease, Signal, SlotView};

/// Tells what the slot's reaper would do.
///
/// # Errors
/// When the slot cannot be read, or there is none of that name.
pub(crate) async fn run(cluster: &Cluster, args: &Plan, form: Form) -> Result<String, Failure> {
    let slots = cluster.slots().await?;
    let now = cluster.now.timestamp();
    let slot = suggest::find(&slots, &args.slot, now)?;
    let (view, runs) = (SlotView::of(slot, None, now), slot.status.as_ref().and_then(Runs::of));
    Ok(machine(&view, form)?.unwrap_or_else(|| tell(&view, runs.as_ref(), cluster.program, now)))
}

/// When the reaper runs.
#[derive(Debug, PartialEq, Eq)]
enum Runs {
    /// There is no reaper.
    Never,
    /// It is told not to.
    Suspended,
    /// At this minute of every hour.
    Hourly(i8),
    /// As this says.
    At(String),
}

impl Runs {
    /// As the controller wrote it; nothing where it has not seen the slot, which costs one sentence.
    fn of(status: &SlotStatus) -> Option<Self> {
        let seen = status.phase.is_some();
        status.reaper.as_ref().map(Self::set).or_else(|| seen.then_some(Self::Never))
    }

    fn set(reaper: &ReaperSettings) -> Self {
        if reaper.suspended {
            return Self::Suspended;
        }
        let hourly = reaper.schedule.strip_suffix(" * * * *").and_then(|minute| minute.parse().ok());
        let hourly = hourly.filter(|minute: &i8| (0..60).contains(minute));
        hourly.map_or_else(|| Self::At(sanitize_short(&reaper.schedule)), Self::Hourly)
    }

    /// The first run that is not before a moment.
    fn next(&self, from: Timestamp) -> Option<Timestamp> {
        let Self::Hourly(minute) = self else { return None };
        let from = from.to_zoned(TimeZone::UTC);
        let this_hour = from.with().minute(*minute).second(0).subsec_nanosecond(0).build().ok()?;
        let next = if this_hour < from { this_hour.checked_add(1.hour()).ok()? } else { this_hour };
        Some(next.timestamp())
    }
}

fn tell(view: &SlotView, runs: Option<&Runs>, program: &str, now: Timestamp) -> String {
    let mut text = format!("{}\n", when(view, runs, now));
    if !view.signals.is_empty() {
        let checked =
            view.verdict.as_ref().map(|verdict| format!(" {}", relative(verdict.at, now))).unwrap_or_default();
        let _infallible = writeln!(text, "\nWhat the check{checked} saw:\n{}{UNSEEN}\n", signals(&view.signals, now));
    }
    match &view.plan {
        Some(plan) => text += &planned(plan, now),
        None => text += "What would be cleared is not known until the next check.\n",
    }
    for failed in &view.failed_reaps {
        let _infallible = writeln!(text, "{}", failed.told(&view.slot, program, now));
    }
    let reaped = view.last_reap.as_ref().and_then(|reap| Some((reap, reap.back(now)?)));
    if let Some((reap, back)) = &reaped {
        let _infallible =
            writeln!(text, "\nIt was last cleared at {}: {}. {back}", datetime(reap.time, now), list(&reap.releases));
    }
    let slot = &view.slot;
    // What is back is not offered again.
    let undo = if reaped.is_none() { format!("  Undo: {program} revive {slot}") } else { String::new() };
    let _infallible =
        writeln!(text, "\nKeep it: {program} keep {slot} 4h.  Check it now: {program} reap {slot} --dry-run.{undo}");
    text
}

fn when(view: &SlotView, runs: Option<&Runs>, now: Timestamp) -> String {
    let slot = &view.slot;
    let Some(verdict) = &view.verdict else {
        return format!("Nobody has checked yet whether {slot} is in use. {}", runs_say(runs, now));
    };
    let reason = verdict.reason.trim_end_matches('.');
    let due = view.reap_at.unwrap_or(now).max(now);
    match verdict.state {
        VerdictState::Active | VerdictState::Kept if view.reap_at.is_some() => {
            let run = runs.and_then(|runs| runs.next(due)).map(|at| format!(", by the run of {}", datetime(at, now)));
            let run = run.unwrap_or_else(|| format!(". {}", runs_say(runs, now)));
            let still = if verdict.state == VerdictState::Active { "in use" } else { "kept" };
            format!("{slot} is {still}: {reason}.\nIf nobody uses it, it is cleared after {}{run}", datetime(due, now))
        }
        VerdictState::Active | VerdictState::Kept => {
            format!("{slot} is not cleared: {reason}. {}", runs_say(runs, now))
        }
        VerdictState::Idle => format!("{slot} is idle: {reason}. {}", runs_say(runs, now)),
        VerdictState::Unknown => {
            format!("{slot} is in doubt, so nothing is cleared: {reason}. {}", runs_say(runs, now))
        }
    }
}

fn runs_say(runs: Option<&Runs>, now: Timestamp) -> String {
    match runs {
        None => String::new(),
        Some(Runs::Never) => "It has no reaper, so nothing is ever cleared.".to_owned(),
        Some(Runs::Suspended) => "The reaper is suspended: it runs only by hand.".to_owned(),
        Some(Runs::At(schedule)) => format!("The reaper runs at: {schedule}"),
        Some(hourly @ Runs::Hourly(_)) => {
            let next = now.checked_add(SignedDuration::from_secs(1)).ok().and_then(|from| hourly.next(from));
            next.map(|at| format!("The next check is at {}.", datetime(at, now))).unwrap_or_default()
        }
    }
}

fn signals(signals: &[Signal], now: Timestamp) -> String {
    let rows: Vec<Vec<Cell>> = signals
        .iter()
        .map(|signal| {
            let seen = signal.last_seen.map(|at| datetime(at, now)).unwrap_or_default();
            [signal.name.clone(), signal.state_in_words().to_owned(), seen, signal.detail.clone()].map(Cell::new).into()
        })
        .collect();
    render(&["SIGNAL", "SAYS", "LAST SAW SOMETHING", "WHAT"], &rows)
}

fn planned(plan: &Planned, now: Timestamp) -> String {
    let mut text = format!("What a reap would do, as of {}:\n", relative(plan.at, now));
    let (held, going): (Vec<&PlannedRelease>, Vec<&PlannedRelease>) =
        plan.releases.iter().partition(|release| release.held.is_some());
    for release in &going {
        let _infallible = writeln!(text, "  {} (revision {}) goes", release.name, release.revision);
        if !release.stays.is_empty() {
            let _infallible = writeln!(text, "    what stays: {}", list(&release.stays));
        }
        if let Some(why) = &release.without_hooks {
            let _infallible = writeln!(text, "    without its hooks: {why}");
        }
        for lost in &release.lost {
            let _infallible = writeln!(text, "    cannot be brought back: {lost}");
        }
    }
    for release in held {
        let why = release.held.as_deref().unwrap_or_default();
        let _infallible = writeln!(text, "  {} (revision {}) stays: {why}", release.name, release.revision);
    }
    for name in &plan.kept {
        let _infallible = writeln!(text, "  {name} stays: by its name");
    }
    if going.is_empty() {
        text += "  nothing goes\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::slot;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn status(value: serde_json::Value) -> SlotStatus {
        serde_json::from_value(value).unwrap()
    }

    fn runs(schedule: &str, suspended: bool) -> Runs {
        Runs::of(&status(json!({"reaper": {"schedule": schedule, "suspended": suspended}}))).unwrap()
    }

    #[test]
    fn the_next_run_is_computed_where_it_is_hourly() {
        let next =
            |schedule: &str, from: &str| runs(schedule, false).next(from.parse().unwrap()).map(|at| at.to_string());
        assert_eq!(next("7 * * * *", "2026-11-23T15:07:00Z").as_deref(), Some("2026-11-23T15:07:00Z"));
        assert_eq!(next("7 * * * *", "2026-11-23T23:07:01Z").as_deref(), Some("2026-11-24T00:07:00Z"));
        assert_eq!(next("*/5 * * * *", "2026-11-23T15:07:00Z"), None);
        assert_eq!(runs("7 * * * *", true), Runs::Suspended);
        assert_eq!(runs("77 * * * *", false), Runs::At("77 * * * *".to_owned()));
        assert_eq!(Runs::of(&status(json!({"phase": "Held"}))), Some(Runs::Never));
        assert_eq!(Runs::of(&status(json!({}))), None, "no controller has seen the slot");
    }

    #[track_caller]
    fn check(status: serde_json::Value, runs: &Runs, expected: &str) {
        let mut slot = slot("mew");
        slot.status = serde_json::from_value(status).unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), Some(runs), "hotdesk", now());
        let hint =
            "\nKeep it: hotdesk keep mew 4h.  Check it now: hotdesk reap mew --dry-run.  Undo: hotdesk revive mew\n";
        assert_eq!(anstream::adapter::strip_str(&told).to_string(), format!("{expected}{hint}"));
    }

    #[test]
    fn the_plan_says_what_goes_what_stays_and_when() {
        let web = json!({"name": "web", "revision": 3, "stays": ["ConfigMap/settings"],
            "withoutHooks": "it was deployed before bob claimed the slot", "lost": ["the data of PersistentVolumeClaim/c"]});
        let api = json!({"name": "api\u{7}", "revision": 1, "held": "it holds ClusterRole/x"});
        let status = json!({
            "verdict": {"state": "Active", "reason": "release web was deployed", "at": "2026-11-23T14:50:00Z"},
            "nextReapAt": "2026-11-23T15:48:00Z",
            "signals": [
                {"name": "deploy", "state": "InUse", "lastSeen": "2026-11-23T14:48:00Z", "detail": "web (revision 3)"},
                {"name": "ingress-logs", "state": "NotAsked"}],
            "plan": {"at": "2026-11-23T14:50:00Z", "releases": [web, api], "kept": ["roles"]},
        });
        check(
            status,
            &Runs::Hourly(7),
            "mew is in use: release web was deployed.\n\
             If nobody uses it, it is cleared after 15:48 UTC (in 48 min), by the run of 16:07 UTC (in 1 h 7 min)\n\
             \nWhat the check 10 min ago saw:\n\
             SIGNAL        SAYS       LAST SAW SOMETHING      WHAT\n\
             deploy        in use     14:48 UTC (12 min ago)  web (revision 3)\n\
             ingress-logs  not asked  -                       -\n\
             Not seen by any of them: kubectl logs -f and whatever only reads; calls from other pods of the cluster, or through \
             a tunnel in a pod; the work of a Pod that no Job started, or of a workflow; a connection \
             that stays open, until it ends; a session that lasts longer than it counts.\n\
             \nWhat a reap would do, as of 10 min ago:\n  \
             web (revision 3) goes\n    \
             what stays: ConfigMap/settings\n    \
             without its hooks: it was deployed before bob claimed the slot\n    \
             cannot be brought back: the data of PersistentVolumeClaim/c\n  \
             api\u{fffd} (revision 1) stays: it holds ClusterRole/x\n  \
             roles stays: by its name\n",
        );
    }

    #[test]
    fn e08_e19_e21_e24_what_nobody_sees_and_which_job_stops_is_told() {
        let job = "Job nightly-1 of a CronJob is running, and stops if its release goes";
        let signals = json!([{"name": "jobs", "state": "Quiet", "lastSeen": "2026-11-23T14:55:00Z", "detail": job}]);
        let mut slot = slot("mew");
        slot.status = serde_json::from_value(json!({"signals": signals})).unwrap();
        let told = tell(&SlotView::of(&slot, None, now()), None, "hotdesk", now());
        for (id, part) in [
            ("e08", "kubectl logs -f"),
            ("e19", job),
            ("e21", "calls from other pods"),
            ("a tunnel", "through a tunnel in a pod"),
            ("a Pod, a workflow", "the work of a Pod that no Job started, or of a workflow"),
            ("e24", "a connection that stays open"),
        ] {
            assert!(told.contains(part), "{id}: {told}");
        }
    }

    #[test]
    fn what_came_back_is_told_and_not_offered_again() {
        let told = |reap: serde_json::Value| {
            let mut slot = slot("mew");
            slot.status = serde_json::from_value(json!({"lastReap": reap})).unwrap();
            tell(&SlotView::of(&slot, None, now()), None, "hotdesk", now())
        };
        let mut reap = json!({"time": "2026-11-23T12:00:00Z", "releases": ["web"]});
        assert!(told(reap.clone()).contains("Undo: hotdesk revive mew"));
        reap["restoredAt"] = json!("2026-11-23T13:00:00Z");
        reap["restoredBy"] = json!("bob");
        let text = told(reap);
        let back = "It was last cleared at 12:00 UTC (3 h ago): web. All of that was brought back by bob at 13:00 UTC.";
        assert!(text.contains(back) && !text.contains("revive"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let unknown = "What would be cleared is not known until the next check.\n";
        let next = "Nobody has checked yet whether mew is in use. The next check is at 15:07 UTC (in 7 min).\n";
        check(json!({}), &Runs::Hourly(7), &format!("{next}{unknown}"));
        let doubt = json!({"verdict": {"state": "Unknown", "reason": "no answer.", "at": "2026-11-23T14:50:00Z"}});
        let says =
            "mew is in doubt, so nothing is cleared: no answer. The reaper is suspended: it runs only by hand.\n";
        check(doubt, &Runs::Suspended, &format!("{says}{unknown}"));
    }
}
