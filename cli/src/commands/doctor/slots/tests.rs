//! Each way in which a slot can be out of order.

use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::reapers::Reaper;
use super::*;
use crate::view::tests::slot;

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn namespace(label: Option<&str>) -> Namespace {
    secured(label, Some("baseline"))
}

fn secured(label: Option<&str>, level: Option<&str>) -> Namespace {
    let labels = json!({"hotdesk.dev/slot": label, "pod-security.kubernetes.io/enforce": level});
    let labels: Value = labels.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(json!({"metadata": {"name": "mew", "labels": labels}})).unwrap()
}

fn cron_job(suspend: bool, dry_run: bool, last: Option<&str>) -> CronJob {
    let env = json!([{"name": "HOTDESK_DRY_RUN", "value": dry_run.to_string()}]);
    let template = json!({"spec": {"containers": [{"name": "reaper", "env": env}]}});
    serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "suspend": suspend, "jobTemplate": {"spec": {"template": template}}},
        "status": {"lastScheduleTime": last},
    }))
    .unwrap()
}

#[test]
fn what_a_reaper_refuses_to_start_with_is_named_with_its_variable() {
    let mut case = in_order();
    let cron_job = case.cron_job.as_mut().unwrap();
    let mut written = serde_json::to_value(&cron_job).unwrap();
    let env = json!([
        {"name": "HOTDESK_WINDOW", "value": "soon"},
        {"name": "HOTDESK_MAX_UNPARSED", "value": "all"},
        // It has a finding of its own.
        {"name": "HOTDESK_POD_USAGE", "value": "{from: rumour}"},
    ]);
    written["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"] = env;
    *cron_job = serde_json::from_value(written).unwrap();
    let message = "its reaper cannot read its settings: HOTDESK_WINDOW: write it like 90s, 5m or 1h, not \"soon\"; \
                HOTDESK_MAX_UNPARSED: write it like 1% or 0.01";
    check(&case, &[(Level::Problem, message)]);
}

fn with_status(status: &Value) -> Slot {
    let mut slot = slot("mew");
    slot.status = serde_json::from_value(status.clone()).unwrap();
    slot
}

fn active(at: &str) -> Slot {
    with_status(&json!({"verdict": {"state": "Active", "reason": "14 requests", "at": at}}))
}

/// A slot in order, but for what a test changes.
struct Case {
    slot: Option<Slot>,
    namespace: Option<Namespace>,
    cron_job: Option<CronJob>,
    outdated: bool,
}

fn in_order() -> Case {
    Case {
        slot: Some(active("2026-11-23T14:07:10Z")),
        namespace: Some(namespace(Some("mew"))),
        cron_job: Some(cron_job(false, false, Some("2026-11-23T14:07:00Z"))),
        outdated: false,
    }
}

fn known_of(case: &Case) -> Known<'_> {
    Known {
        name: "mew",
        slot: case.slot.as_ref(),
        namespace: Some(case.namespace.as_ref()),
        cron_job: Some(case.cron_job.as_ref()),
        outdated: case.outdated,
        reaper: None,
        runs: Runs { jobs: &[], pods: &[], events: &[] },
    }
}

#[track_caller]
fn check(case: &Case, expected: &[(Level, &str)]) {
    let reaper = case.cron_job.as_ref().and_then(|job| Reaper::read(job, &[]));
    let known = Known { reaper: reaper.as_ref(), ..known_of(case) };
    let found = one(&known, "hotdesk", now());
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (finding, (level, message)) in found.iter().zip(expected) {
        assert_eq!(finding.level, *level, "{finding:?}");
        assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
        assert_eq!(finding.fix.is_some(), *level != Level::Ok, "what is wrong comes with how to fix it: {finding:?}");
    }
}

#[test]
fn a_slot_in_order_says_how_it_was_found() {
    check(&in_order(), &[(Level::Ok, "Active 52 min 50 s ago: 14 requests")]);
}

#[test]
fn a_namespace_that_the_gate_does_not_see_is_a_problem_and_one_that_is_gone_is_none() {
    check(&Case { namespace: None, ..in_order() }, &[]);
    check(&Case { namespace: Some(namespace(None)), ..in_order() }, &[(Level::Problem, "everybody can write there")]);
    check(
        &Case { namespace: Some(namespace(Some("mewtwo"))), ..in_order() },
        &[(Level::Problem, "is mewtwo, not mew")],
    );
    check(&Case { slot: None, ..in_order() }, &[(Level::Problem, "has no Slot, so nobody can write there")]);
}

#[test]
fn a103_a_namespace_whose_pods_may_take_the_node_over_is_a_warning() {
    let at = |level| Case { namespace: Some(secured(Some("mew"), level)), ..in_order() };
    check(
        &at(None),
        &[(Level::Warning, "no label pod-security.kubernetes.io/enforce, so a pod there may take its node")],
    );
    check(&at(None), &[(Level::Warning, "unless the API server has a default, which cannot be seen")]);
    check(&at(Some("privileged")), &[(Level::Warning, "pod-security.kubernetes.io/enforce is privileged")]);
    for level in ["baseline", "restricted"] {
        check(&at(Some(level)), &[(Level::Ok, "Active")]);
    }
    // Where the namespace cannot be seen, nothing is said of its label.
    let case = in_order();
    let unknown = Known { namespace: None, ..known_of(&case) };
    assert_eq!(pod_security(&unknown, "slot mew"), None);
    let warned = Case { namespace: Some(secured(Some("mew"), Some("privileged"))), ..in_order() };
    let fix = pod_security(&known_of(&warned), "slot mew").unwrap().fix.unwrap();
    assert_eq!(fix, "kubectl label namespace mew pod-security.kubernetes.io/enforce=baseline --overwrite");
}

#[test]
fn a_softened_mode_is_a_warning() {
    let mut case = in_order();
    case.slot.as_mut().unwrap().spec.mode = Some(Mode::Warn);
    check(&case, &[(Level::Warning, "its mode is warn")]);
}

#[test]
fn what_could_not_be_stamped_is_a_warning() {
    let stamped = |status: &str| {
        let condition = json!({"type": "Stamped", "status": status, "reason": "Refused", "message": "Secret/a: denied",
            "lastTransitionTime": "2026-11-23T14:00:00Z"});
        let verdict = json!({"state": "Active", "reason": "14 requests", "at": "2026-11-23T14:07:10Z"});
        Case { slot: Some(with_status(&json!({"verdict": verdict, "conditions": [condition]}))), ..in_order() }
    };
    check(&stamped("False"), &[(Level::Warning, "not everything in it carries its holder's name: Secret/a: denied")]);
    check(&stamped("True"), &[(Level::Ok, "14 requests")]);
}

#[test]
fn a_slot_that_nothing_clears_is_a_warning() {
    check(&Case { cron_job: None, ..in_order() }, &[(Level::Warning, "it has no reaper")]);
    let before = Case { cron_job: None, outdated: true, ..in_order() };
    check(&before, &[(Level::Problem, "its CronJob hotdesk-reaper is of an earlier version")]);
    check(&Case { outdated: true, ..in_order() }, &[(Level::Ok, "Active")]);
    check(&Case { cron_job: Some(cron_job(true, false, None)), ..in_order() }, &[(Level::Warning, "suspended")]);
    let dry = cron_job(false, true, Some("2026-11-23T14:07:00Z"));
    check(&Case { cron_job: Some(dry), ..in_order() }, &[(Level::Warning, "only says what it would do")]);
}

#[test]
fn a_reaper_that_cannot_see_is_a_problem() {
    let reason = "the log begins at 14:31, after the window did";
    let unknown = json!({"verdict": {"state": "Unknown", "reason": reason, "at": "2026-11-23T14:07:10Z"}});
    check(&Case { slot: Some(with_status(&unknown)), ..in_order() }, &[(Level::Problem, reason)]);
    let unsighted = json!({
        "verdict": {"state": "Kept", "reason": "asked for", "at": "2026-11-23T14:07:10Z"},
        "conditions": [{
            "type": "Sighted", "status": "False", "reason": "Blind", "message": reason,
            "lastTransitionTime": "2026-11-23T13:07:10Z",
        }],
    });
    let slot = Some(with_status(&unsighted));
    check(
        &Case { slot, ..in_order() },
        &[(Level::Problem, "cannot observe traffic since 1 h 52 min ago, so it is never cleared: the log")],
    );
}

#[test]
fn a_reaper_that_says_nothing_is_noticed() {
    let never = Case { slot: Some(slot("mew")), cron_job: Some(cron_job(false, false, None)), ..in_order() };
    check(&never, &[(Level::Warning, "has not run yet (schedule 7 * * * *)")]);
    let mute = Case {
        slot: Some(slot("mew")),
        cron_job: Some(cron_job(false, false, Some("2026-11-23T13:07:00Z"))),
        ..in_order()
    };
    check(&mute, &[(Level::Problem, "was started 1 h 53 min ago and has found nothing out since; it last did never")]);
    let stopped = Case {
        slot: Some(active("2026-11-23T09:07:10Z")),
        cron_job: Some(cron_job(false, false, Some("2026-11-23T13:07:00Z"))),
        ..in_order()
    };
    check(&stopped, &[(Level::Problem, "it last did 5 h 52 min ago")]);
    let running = Case {
        slot: Some(slot("mew")),
        cron_job: Some(cron_job(false, false, Some("2026-11-23T14:57:00Z"))),
        ..in_order()
    };
    check(&running, &[(Level::Ok, "gated")]);
    let old = Case {
        slot: Some(active("2026-11-20T14:07:10Z")),
        cron_job: Some(cron_job(false, false, Some("2026-11-20T14:07:00Z"))),
        ..in_order()
    };
    check(&old, &[(Level::Warning, "last looked 3 d ago")]);
}

#[test]
fn u12_a_release_that_could_not_be_cleared_is_a_warning_with_its_reason() {
    let mut case = in_order();
    let failed = json!([{"release": "web", "revision": 1, "times": 5, "at": "2026-11-23T14:07:00Z", "reason": "job web-before failed"}]);
    let status = case.slot.as_mut().and_then(|slot| slot.status.as_mut()).unwrap();
    status.failed_reaps = serde_json::from_value(failed).unwrap();
    check(&case, &[(Level::Warning, "web could not be cleared at 14:07 UTC (5 times by now): job web-before failed")]);
}
