use hotdesk_slots::keys;
use serde_json::{Value, json};

use super::*;
use crate::slots::tests::read;

const NOW: &str = "2026-11-23T15:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn asked(id: &str, at: &str) -> Value {
    json!({"id": id, "claimID": "c1", "by": "alice@example.com", "at": at})
}

/// A slot that alice holds under the claim c1, in which this is asked.
fn slot(requests: &Value, status: &Value) -> ReadSlot {
    read(&json!({"claim": {"users": ["alice@example.com"]}, "requests": requests}), &json!({"request": status}))
}

fn cron_job() -> CronJob {
    let spec = json!({"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "r"}]}}}}});
    serde_json::from_value(json!({"metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs"}, "spec": spec}))
        .unwrap()
}

fn job(name: &str, id: &str, over: bool) -> Job {
    let conditions = if over { json!([{"type": "Complete", "status": "True"}]) } else { json!([]) };
    let env = json!([{"name": "HOTDESK_REQUEST_ID", "value": id}]);
    serde_json::from_value(json!({
        "metadata": {"name": name, "creationTimestamp": "2026-11-23T14:59:00Z"},
        "spec": {"template": {"spec": {"containers": [{"name": "r", "env": env}]}}},
        "status": {"conditions": conditions}
    }))
    .unwrap()
}

/// What is done about what is open in a slot, in a word or two.
fn done(slot: &ReadSlot, around: &Around<'_>) -> String {
    let Some(open) = open(slot) else { return "nothing".to_owned() };
    match next(slot, &open, around, now()) {
        Next::Make(job, status) => format!("make {} ({:?})", job.metadata.name.unwrap(), status.phase),
        Next::Follow(job) => format!("follow {}", job.metadata.name.unwrap()),
        Next::Write(status) => format!("{:?} {}: {}", status.phase, status.id, status.message.unwrap_or_default()),
    }
}

#[track_caller]
fn check(slot: &ReadSlot, jobs: &[Job], expected: &str) {
    let cron_job = cron_job();
    assert_eq!(done(slot, &Around { cron_job: Some(&cron_job), revives: true, jobs }), expected);
}

#[test]
fn a_new_request_becomes_a_job_which_is_then_followed() {
    let reap = slot(&json!({"reap": asked("r1r1r1r1", NOW)}), &Value::Null);
    check(&reap, &[], "make reap-mew-r1r1r1r1 (Pending)");
    check(&reap, &[job("reap-mew-r1r1r1r1", "r1r1r1r1", false)], "follow reap-mew-r1r1r1r1");
    let pending = json!({"id": "r1r1r1r1", "kind": "reap", "phase": "Pending"});
    let reap = slot(&json!({"reap": asked("r1r1r1r1", NOW)}), &pending);
    check(&reap, &[], "make reap-mew-r1r1r1r1 (Pending)");
    check(&slot(&json!({"revive": asked("v1", NOW)}), &Value::Null), &[], "make revive-mew-v1 (Pending)");
    check(&slot(&json!({"purge": asked("p1", NOW)}), &Value::Null), &[], "make purge-mew-p1 (Pending)");
    check(&slot(&json!({}), &Value::Null), &[], "nothing");
    check(&slot(&json!({"reap": {"dryRun": true}}), &Value::Null), &[], "nothing");
}

#[test]
fn what_is_over_is_not_done_again_and_an_older_wish_is_past() {
    let requests = json!({"reap": asked("r1", "2026-11-23T14:58:00Z"), "revive": asked("v1", "2026-11-23T14:59:00Z")});
    check(&slot(&requests, &Value::Null), &[], "make revive-mew-v1 (Pending)");
    for phase in ["Succeeded", "Failed", "Refused"] {
        check(&slot(&requests, &json!({"id": "v1", "kind": "revive", "phase": phase})), &[], "nothing");
        check(
            &slot(&requests, &json!({"id": "x", "kind": "reap", "phase": phase})),
            &[],
            "make revive-mew-v1 (Pending)",
        );
    }
}

#[test]
fn a_request_waits_for_the_one_before_it() {
    let requests = json!({"reap": asked("r1", "2026-11-23T14:58:00Z"), "revive": asked("v1", NOW)});
    let running = json!({"id": "r1", "kind": "reap", "phase": "Running"});
    check(&slot(&requests, &running), &[job("reap-mew-r1", "r1", false)], "follow reap-mew-r1");
    // Its status is gone, and it runs still.
    let waits = "Pending v1: it waits for the job reap-mew-r1, which runs in the slot";
    check(&slot(&requests, &Value::Null), &[job("reap-mew-r1", "r1", false)], waits);
    check(&slot(&requests, &Value::Null), &[job("reap-mew-r1", "r1", true)], "make revive-mew-v1 (Pending)");
}

#[test]
fn a_request_of_another_claim_or_of_long_ago_is_void() {
    let another = json!({"id": "r1", "claimID": "c0", "at": NOW});
    let changed = "Refused r1: the claim has changed since this was asked: ask again";
    check(&slot(&json!({"reap": another}), &Value::Null), &[], changed);
    check(&slot(&json!({"reap": {"id": "r1", "at": NOW}}), &Value::Null), &[], changed);
    check(&slot(&json!({"purge": another}), &Value::Null), &[], changed);
    let old = "Refused r1: more than 5 min have passed since this was asked: ask again";
    check(&slot(&json!({"reap": asked("r1", "2026-11-23T14:54:59Z")}), &Value::Null), &[], old);
    // The webhook took the wish away with the claim, before its Job was made.
    check(&slot(&json!({}), &json!({"id": "r1", "kind": "reap", "phase": "Pending"})), &[], changed);
    // A Job that runs is followed all the same: its program looks at the claim by itself.
    let running = slot(&json!({}), &json!({"id": "r1", "kind": "reap", "phase": "Running"}));
    check(&running, &[job("reap-mew-r1", "r1", false)], "follow reap-mew-r1");
    check(&running, &[], "Failed r1: its job was deleted before it ended");
}

#[test]
fn a_request_of_somebody_who_may_have_lost_the_slot_since_is_void() {
    let by = |by: &str| json!({"id": "r1", "claimID": "c1", "by": by, "at": "2026-11-23T14:58:00Z"});
    let after = "2026-11-23T14:59:00Z";
    let lost = "Refused r1: somebody lost the slot since this was asked: ask again";
    let made = "make reap-mew-r1 (Pending)";
    for (by, lost_at, expected) in [
        (by("bob@example.com"), Some(after), lost),
        (by("bob@example.com"), Some("2026-11-23T14:57:00Z"), made),
        (by("bob@example.com"), None, made),
        (by("Alice@example.com"), Some(after), made),
    ] {
        let mut slot = slot(&json!({"reap": by}), &Value::Null);
        let marks = slot.slot.metadata.annotations.get_or_insert_default();
        marks.extend(lost_at.map(|at| (keys::LOST_AT.to_owned(), at.to_owned())));
        check(&slot, &[], expected);
    }
}

#[test]
fn nobody_there_to_carry_it_out_is_said() {
    let (reap, revive) = (json!({"reap": asked("r1", NOW)}), json!({"revive": asked("v1", NOW)}));
    let cron_job = cron_job();
    let none = Around { cron_job: None, revives: false, jobs: &[] };
    let reaps = Around { cron_job: Some(&cron_job), ..none };
    let says = "Refused r1: mew has no reaper: an administrator sets reaper.enabled for it in charts/slots";
    assert_eq!(done(&slot(&reap, &Value::Null), &none), says);
    let says = "Refused v1: nothing is brought back in mew: an administrator sets reaper.revive.enabled for it in charts/slots";
    assert_eq!(done(&slot(&revive, &Value::Null), &reaps), says);
    let purge = json!({"purge": asked("p1", NOW)});
    let says =
        "Refused p1: nothing is purged in mew: an administrator sets reaper.revive.enabled for it in charts/slots";
    assert_eq!(done(&slot(&purge, &Value::Null), &reaps), says);
}

#[test]
fn nothing_that_kubernetes_would_expand_reaches_a_job() {
    for name in ["$(HOTDESK_NOTIFY)", "--keep=x", "Web", "", "a..b", "-a", "a_b", &"a".repeat(54)] {
        let revive = json!({"revive": {"id": "v1", "claimID": "c1", "at": NOW, "releases": ["web", name]}});
        let says = format!("Refused v1: \"{name}\" is not the name of a release");
        check(&slot(&revive, &Value::Null), &[], &says);
        let purge = json!({"purge": {"id": "p1", "claimID": "c1", "at": NOW, "names": ["web", name]}});
        check(&slot(&purge, &Value::Null), &[], &says.replace("v1", "p1"));
    }
    let revive = json!({"revive": {"id": "v1", "claimID": "c1", "at": NOW, "releases": ["web", "my-app.v2"]}});
    check(&slot(&revive, &Value::Null), &[], "make revive-mew-v1 (Pending)");
    check(
        &slot(&json!({"reap": asked("$(X)", NOW)}), &Value::Null),
        &[],
        "Refused $(X): its id cannot be used: ask again",
    );
}

#[test]
fn the_job_of_another_request_is_not_taken_for_its_own() {
    let reap = slot(&json!({"reap": asked("0a1b2c3d-4e5f", NOW)}), &Value::Null);
    let others = job("reap-mew-0a1b2c3d", "0a1b2c3d-9999", true);
    let says = "Refused 0a1b2c3d-4e5f: the name reap-mew-0a1b2c3d is taken by the job of another request: ask again";
    check(&reap, &[others], says);
}

#[test]
fn in_a_free_slot_only_an_administrator_asks_and_reaches_what_is_anybodys() {
    let beyond = |spec: &Value| {
        let slot = read(spec, &json!({}));
        let cron_job = cron_job();
        let around = Around { cron_job: Some(&cron_job), revives: true, jobs: &[] };
        let Next::Make(job, _) = next(&slot, &open(&slot).unwrap(), &around, now()) else { panic!("no job") };
        serde_json::to_string(&job).unwrap().contains("HOTDESK_ANY_CLAIM")
    };
    let revive = json!({"revive": asked("v1", NOW)});
    assert!(beyond(&json!({"requests": revive})));
    assert!(!beyond(&json!({"requests": revive, "claim": {"users": ["alice"]}})));
    let lapsed = json!({"users": ["alice"], "until": "2026-11-23T14:00:00Z"});
    assert!(!beyond(&json!({"requests": revive, "claim": lapsed})), "its last holder may still write there");
}

#[test]
fn what_was_cleared_before_claims_had_ids_is_an_administrators_while_nobody_holds_the_slot() {
    let asked = json!({"revive": {"id": "v1", "by": "chief", "at": NOW}});
    let mut free = read(&json!({"requests": asked}), &json!({}));
    free.slot.metadata.annotations = None;
    check(&free, &[], "make revive-mew-v1 (Pending)");
    let mut held = read(&json!({"requests": asked, "claim": {"users": ["alice"]}}), &json!({}));
    held.slot.metadata.annotations = None;
    check(&held, &[], "Refused v1: the claim has changed since this was asked: ask again");
}

#[track_caller]
fn check_followed(progress: &Progress, log: Option<&str>, made_seconds_ago: i64, expected: &str) {
    let running = json!({"id": "r1", "kind": "reap", "phase": "Running", "steps": ["before"], "stepsLeftOut": 2});
    let slot = slot(&json!({"reap": asked("r1", NOW)}), &running);
    let mut job = job("reap-mew-r1", "r1", false);
    job.metadata.creation_timestamp.as_mut().unwrap().0 = now() - SignedDuration::from_secs(made_seconds_ago);
    let is = open(&slot).unwrap().followed(&job, progress, log, now());
    let shown = format!("{:?} {:?} {} {:?} {:?}", is.phase, is.exit_code, is.steps_left_out, is.steps, is.message);
    assert_eq!(shown, expected);
}

#[test]
fn a_job_is_told_of_as_it_goes_on() {
    let waiting = Progress::Waiting("its pod waits: ImagePullBackOff".to_owned());
    check_followed(&waiting, None, 5, "Pending None 2 [\"before\"] None");
    check_followed(&waiting, None, 11, "Pending None 2 [\"before\"] Some(\"its pod waits: ImagePullBackOff\")");
    check_followed(&Progress::Running, Some("one\ntw"), 11, "Running None 0 [\"one\"] None");
    check_followed(&Progress::Running, None, 11, "Running None 2 [\"before\"] None");
    let ended = |code, message: &str| Progress::Ended { code, message: message.to_owned() };
    check_followed(
        &ended(0, "mew is in use"),
        Some("one\ntwo"),
        11,
        "Succeeded Some(0) 0 [\"one\", \"two\"] Some(\"mew is in use\")",
    );
    check_followed(&ended(3, "mew is not known"), None, 11, "Failed Some(3) 2 [\"before\"] Some(\"mew is not known\")");
    check_followed(
        &ended(0, ""),
        None,
        11,
        "Succeeded Some(0) 2 [\"before\"] Some(\"its job ended without a message\")",
    );
    let gone = Progress::Gone("evicted".to_owned());
    check_followed(&gone, None, 11, "Failed None 2 [\"before\"] Some(\"its job ended without a message: evicted\")");
}
