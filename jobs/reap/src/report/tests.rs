//! What is told of a run.

use super::*;
use crate::reap::Failed;
use hotdesk_slots::pod_usage::{PodUsage, PodUse};
use hotdesk_slots::slot::SlotStatus;
use hotdesk_traffic::observation::{Observation, Traffic};
use hotdesk_traffic::pod_usage::{Finding, Usage};

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn verdict(state: VerdictState) -> Verdict {
    Verdict { state, reason: "because".to_owned(), activity: None, reap_at: None }
}

fn evidence(status: SlotStatus) -> Evidence {
    let slot = Slot { status: Some(status), ..Slot::default() };
    Evidence {
        slot: Some(Ok(slot)),
        releases: Some(Ok(vec![])),
        traffic: Some(Traffic { observations: vec![Observation::default()], ..Traffic::default() }),
        ..Evidence::default()
    }
}

fn unfinished() -> Outcome {
    let failed = Failed {
        name: "api".to_owned(),
        revision: 4,
        begun: true,
        whole: false,
        cut_short: false,
        why: "helm failed".to_owned(),
    };
    Outcome { gone: vec!["web".to_owned()], failed: vec![failed], ..Outcome::default() }
}

#[test]
fn the_exit_code_tells_how_a_run_ended() {
    for (state, exit) in
        [(VerdictState::Active, Exit::Fine), (VerdictState::Kept, Exit::Fine), (VerdictState::Unknown, Exit::Unknown)]
    {
        assert_eq!(Conclusion::of_verdict("mew", &verdict(state)).exit, exit);
    }
    let stopped = |state| Outcome { stopped: Some(("x".to_owned(), state)), ..Outcome::default() };
    for (outcome, exit) in [
        (Outcome::default(), Exit::Fine),
        (unfinished(), Exit::Unfinished),
        (stopped(VerdictState::Active), Exit::Fine),
        (stopped(VerdictState::Unknown), Exit::Unknown),
    ] {
        assert_eq!(Conclusion::of_reap("mew", &verdict(VerdictState::Idle), &outcome).exit, exit, "{outcome:?}");
    }
}

#[test]
fn an_unfinished_reap_says_what_is_gone_and_what_is_half_gone() {
    let conclusion = Conclusion::of_reap("mew", &verdict(VerdictState::Idle), &unfinished());
    assert_eq!(
        conclusion.message,
        "mew was idle: because. Uninstalled: web. api is half gone: helm failed. `kubectl hotdesk revive mew api` brings it back; \
         the next run finishes if the slot is still idle."
    );
    let patch =
        status_patch(&verdict(VerdictState::Idle), &evidence(SlotStatus::default()), Some(&unfinished()), now());
    assert_eq!(patch["status"]["reaping"]["releases"], json!([{"name": "api", "revision": 4}]));
    assert_eq!(
        patch["status"]["reaping"].get("until"),
        Some(&Value::Null),
        "u23: a patch without it leaves the slot closed"
    );
    assert_eq!(patch["status"]["failedReaps"][0]["retryAt"], json!("2026-11-23T15:55:00Z"));
    assert_eq!(patch["status"]["lastReap"]["releases"], json!(["web"]));
}

#[test]
fn a_finished_reap_leaves_nothing_as_begun() {
    let outcome = Outcome { gone: vec!["web".to_owned()], ..Outcome::default() };
    let patch = status_patch(&verdict(VerdictState::Idle), &evidence(SlotStatus::default()), Some(&outcome), now());
    assert_eq!(patch["status"].get("reaping"), Some(&Value::Null));
}

#[test]
fn a_reap_says_what_stays_and_what_was_left_and_why() {
    let told = |outcome: Outcome| Conclusion::of_reap("mew", &verdict(VerdictState::Idle), &outcome).message;
    let stopped = Some(("somebody has begun a session in the slot".to_owned(), VerdictState::Active));
    let reaped = Outcome {
        gone: vec!["web".to_owned()],
        preserved: vec!["ConfigMap/settings".to_owned(), "Secret/keys".to_owned()],
        stopped: stopped.clone(),
        ..Outcome::default()
    };
    assert_eq!(
        told(reaped),
        "mew was idle: because. Uninstalled: web. What stays: ConfigMap/settings and Secret/keys. The rest was left: \
         somebody has begun a session in the slot."
    );
    let before = "it was deployed before bob claimed the slot".to_owned();
    let hookless = vec![("web".to_owned(), before.clone()), ("api".to_owned(), before)];
    assert_eq!(
        told(Outcome { gone: vec!["web".to_owned()], without_hooks: hookless, ..Outcome::default() }),
        "mew was idle: because. Uninstalled: web. web went without its hooks: it was deployed before bob claimed the slot.",
        "and nothing of what did not go"
    );
    let nothing = Outcome { preserved: vec!["Secret/keys".to_owned()], stopped, ..Outcome::default() };
    assert_eq!(
        told(nothing),
        "mew was idle: because. Nothing was uninstalled. The rest was left: somebody has begun a session in the slot."
    );
}

#[test]
fn what_is_said_of_a_reap_that_did_not_do_everything_is_true() {
    let told = |outcome: Outcome| Conclusion::of_reap("mew", &verdict(VerdictState::Idle), &outcome);
    let failed = |whole: bool| Failed {
        name: "web".to_owned(),
        revision: 1,
        begun: true,
        whole,
        cut_short: false,
        why: "job web-before failed".to_owned(),
    };
    let pair = |why: &str| vec![("web".to_owned(), why.to_owned())];
    for (id, outcome, expected) in [
        (
            "u12",
            Outcome { failed: vec![failed(true)], ..Outcome::default() },
            "Nothing was uninstalled. Nothing of web is gone: job web-before failed.",
        ),
        (
            "u14",
            Outcome { gone: vec!["web".to_owned()], troubled: pair("job web-after failed"), ..Outcome::default() },
            "Uninstalled: web. All of web is gone, but job web-after failed.",
        ),
        (
            "u16",
            Outcome {
                leftovers: pair(
                    "Service/web is there: it is being deleted, and waits for its finalizer example.com/hold",
                ),
                ..Outcome::default()
            },
            "web is uninstalled, and not all of it is gone: Service/web is there: it is being deleted, and waits for its finalizer \
             example.com/hold.",
        ),
    ] {
        let conclusion = told(outcome);
        assert_eq!(conclusion.message, format!("mew was idle: because. {expected}"), "{id}");
        assert_eq!(conclusion.exit, Exit::Unfinished, "{id}");
    }
}

#[test]
fn a_reap_that_was_stopped_leaves_a_slot_that_is_not_idle() {
    let stopped = Some(("somebody came back".to_owned(), VerdictState::Active));
    let outcome = Outcome { stopped, ..Outcome::default() };
    let patch = status_patch(&verdict(VerdictState::Idle), &evidence(SlotStatus::default()), Some(&outcome), now());
    assert_eq!(patch["status"]["verdict"]["state"], "Active");
    assert_eq!(patch["status"]["verdict"]["reason"], "somebody came back");
}

#[test]
fn what_was_installed_again_is_not_half_gone() {
    let releases = vec![ReleaseRevision { name: "web".to_owned(), revision: 1 }];
    let status =
        SlotStatus { reaping: Some(Reaping { since: Time(now()), releases, until: None }), ..SlotStatus::default() };
    for (minutes, left) in [(-10, true), (10, false)] {
        let deployed = now() + jiff::SignedDuration::from_mins(minutes);
        let state = crate::helm::release::State {
            phase: crate::helm::release::Phase::Deployed,
            last_deployed: deployed,
            deleted: None,
        };
        let release = Release {
            driver: crate::helm::release::Driver::Secret,
            name: "web".to_owned(),
            revision: 1,
            object: String::new(),
            resource_version: String::new(),
            deployed_by: None,
            state: Ok(state),
        };
        let evidence = Evidence { releases: Some(Ok(vec![release])), ..evidence(status.clone()) };
        let patch = status_patch(&verdict(VerdictState::Active), &evidence, None, now());
        assert_eq!(patch["status"]["reaping"].is_object(), left, "{patch}");
    }
}

#[test]
fn what_an_earlier_run_left_is_forgotten_once_it_is_gone() {
    let releases = vec![ReleaseRevision { name: "web".to_owned(), revision: 1 }];
    let status =
        SlotStatus { reaping: Some(Reaping { since: Time(now()), releases, until: None }), ..SlotStatus::default() };
    let patch = status_patch(&verdict(VerdictState::Kept), &evidence(status), None, now());
    assert_eq!(patch["status"].get("reaping"), Some(&Value::Null));
}

#[test]
fn a_condition_changes_its_time_only_with_its_state() {
    let earlier = Time("2026-11-23T14:00:00Z".parse().unwrap());
    let old = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "X".to_owned(),
        message: String::new(),
        last_transition_time: earlier.clone(),
        observed_generation: None,
    };
    let before = [old("Reapable", "False"), old("Sighted", "False"), old("Claimed", "True")];
    let found = conditions(&before, &verdict(VerdictState::Active), &evidence(SlotStatus::default()), now());
    let times: Vec<_> =
        found.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.last_transition_time.0 == now())).collect();
    assert_eq!(times, [("Claimed", "True", false), ("Reapable", "False", false), ("Sighted", "True", true)]);
}

#[test]
fn an_older_activity_does_not_replace_a_newer_one() {
    let activity = |time: &str| Activity { time: time.parse().unwrap(), signal: "deploy", detail: "x".to_owned() };
    let last = LastActivity { time: Time(now()), signal: "session".to_owned(), detail: "y".to_owned() };
    let status = SlotStatus { last_activity: Some(last), ..SlotStatus::default() };
    let patch = |time| {
        let verdict = Verdict { activity: Some(activity(time)), ..verdict(VerdictState::Active) };
        status_patch(&verdict, &evidence(status.clone()), None, now())
    };
    assert_eq!(patch("2026-11-23T14:59:00Z")["status"].get("lastActivity"), None);
    assert_eq!(patch("2026-11-23T15:01:00Z")["status"]["lastActivity"]["signal"], "deploy");
}

#[test]
fn an_events_note_fits_where_kubernetes_shows_it() {
    let conclusion = Conclusion { exit: Exit::Fine, message: "é".repeat(5000) };
    assert!(event(&Slot::default(), false, &conclusion, now()).note.unwrap().len() <= MAX_NOTE);
}

fn reaping(release: &str) -> Slot {
    let releases = vec![ReleaseRevision { name: release.to_owned(), revision: 1 }];
    let before = now() - jiff::SignedDuration::from_hours(1);
    let reaping = Some(Reaping { since: Time(before), releases, until: None });
    Slot { status: Some(SlotStatus { reaping, ..SlotStatus::default() }), ..Slot::default() }
}

fn web() -> Release {
    Release {
        driver: crate::helm::release::Driver::Secret,
        name: "web".to_owned(),
        revision: 1,
        object: String::new(),
        resource_version: String::new(),
        deployed_by: None,
        state: Err("it is not looked at".to_owned()),
    }
}

#[test]
fn what_goes_on_with_an_unfinished_reap_is_the_same_reap() {
    let began = |slot: &Slot| begun_at(slot, &[web()], now() + jiff::SignedDuration::from_millis(950));
    assert_eq!(began(&Slot::default()), now());
    assert_eq!(began(&reaping("web")), now() - jiff::SignedDuration::from_hours(1));
    assert_eq!(began(&reaping("api")), now(), "that one is not reaped now");
    let noted = reaping_patch(&reaping("web"), &[web()], now(), now());
    assert_eq!(noted["status"]["reaping"]["since"], "2026-11-23T14:00:00Z");
}

#[test]
fn what_was_saved_is_told_before_it_goes_and_until_it_is_over() {
    let hours = jiff::SignedDuration::from_hours;
    let saved = |release: &str, until: i64| {
        let about = hotdesk_slots::undo::About { until: now() + hours(until), at: now(), ..Default::default() };
        hotdesk_slots::undo::About { release: release.to_owned(), ..about }.told()
    };
    let before = SlotStatus { saved: vec![saved("api", 5), saved("old", -1)], ..SlotStatus::default() };
    let mut slot = Slot { status: Some(before), ..Slot::default() };
    slot.metadata.resource_version = Some("7".to_owned());
    let patch = uninstalling_patch(&slot, vec![saved("web", 9)], now(), now() + hours(1));
    let names = |patch: &Value| {
        let saved = patch["status"]["saved"].as_array().unwrap();
        saved.iter().map(|saved| saved["release"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&patch), ["api", "web"]);
    assert_eq!(patch["metadata"]["resourceVersion"], "7", "a write since then wins");
    assert_eq!(patch["status"]["reaping"], json!({"until": "2026-11-23T16:00:00Z"}));

    let outdated = outdated_patch(&slot, now()).unwrap();
    assert_eq!((names(&outdated), &outdated["metadata"]["resourceVersion"]), (vec!["api".to_owned()], &json!("7")));
    slot.status.as_mut().unwrap().saved.truncate(1);
    assert_eq!(outdated_patch(&slot, now()), None, "nothing is over");
}

#[test]
fn a30_a_clock_that_is_ahead_writes_nothing_into_the_future() {
    let activity =
        Activity { time: "2026-11-23T17:00:00Z".parse().unwrap(), signal: "traffic", detail: "x".to_owned() };
    let verdict = Verdict { activity: Some(activity), ..verdict(VerdictState::Active) };
    let patch = status_patch(&verdict, &evidence(SlotStatus::default()), None, now());
    assert_eq!(patch["status"]["lastActivity"]["time"], "2026-11-23T15:00:00Z");
}

#[test]
fn what_was_kept_of_the_pods_counters_takes_the_place_of_what_was_kept_before() {
    let usage = |last_use: Option<PodUse>| {
        let kept = PodUsage { since: Time(now()), through: Time(now()), last_use, pods: Vec::new() };
        let usage = Usage { finding: Finding::Quiet(String::new()), kept: Some(kept) };
        let traffic = Traffic { usage: Some(usage), ..Traffic::default() };
        let evidence = Evidence { traffic: Some(traffic), ..evidence(SlotStatus::default()) };
        status_patch(&Verdict::unknown("x"), &evidence, None, now())
    };
    let mut status = usage(Some(PodUse { at: Time(now()), detail: "x".to_owned() }));
    assert_eq!(status["status"]["podUsage"]["lastUse"]["detail"], "x");
    json_patch::merge(&mut status, &usage(None));
    assert_eq!(status["status"]["podUsage"].get("lastUse"), None, "a merge leaves what is not named: {status}");
}
