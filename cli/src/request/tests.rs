use serde_json::{Value, json};

use super::*;

fn slot(asked: &str, status: &Value) -> Slot {
    serde_json::from_value(json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot", "namespace": "mew"},
        "spec": {"requests": {"reap": {"id": asked}}}, "status": {"request": status}
    }))
    .unwrap()
}

/// What is told at each look, and what the last one comes to.
#[track_caller]
fn check(progress: &[Slot], expected: &[&str], end: &Progress) {
    let (mut told, mut lines, mut last) = (Told::default(), Vec::new(), Progress::Silent);
    for slot in progress {
        last = told.progress(slot, RequestKind::Reap, "r1", &mut |line: &str| lines.push(line.to_owned()));
    }
    assert_eq!((lines.iter().map(String::as_str).collect::<Vec<_>>(), &last), (expected.to_vec(), end));
}

fn at(phase: &str, more: &Value) -> Slot {
    let mut status = json!({"id": "r1", "kind": "reap", "phase": phase});
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    slot("r1", &status)
}

#[test]
fn a_wish_is_another_one_each_time_it_is_written() {
    let asked = wish(RequestKind::Revive, false, &["web".to_owned()]);
    let own = json!({"id": null, "claimID": null, "by": null, "at": null, "dryRun": false, "releases": ["web"]});
    assert_eq!(asked, json!({"requests": {"revive": own}}));
    assert_eq!(
        wish(RequestKind::Reap, true, &[])["requests"]["reap"]["releases"],
        Value::Null,
        "none of an earlier wish stay"
    );
    let asked = wish(RequestKind::Purge, false, &[]);
    let own = json!({"id": null, "claimID": null, "by": null, "at": null, "dryRun": false, "names": null});
    assert_eq!(asked, json!({"requests": {"purge": own}}));
}

#[test]
fn each_step_is_told_once_and_then_how_it_ended() {
    let progress = [
        slot("r1", &Value::Null),
        at("Pending", &json!({})),
        at("Running", &json!({"steps": ["one"]})),
        at("Running", &json!({"steps": ["one", "two\u{1b}[2J"]})),
        at("Running", &json!({"steps": ["five", "six"], "stepsLeftOut": 4})),
        at(
            "Succeeded",
            &json!({"steps": ["six", "seven"], "stepsLeftOut": 5, "exitCode": 0, "message": "mew is in use."}),
        ),
    ];
    let outcome = JobOutcome { code: 0, message: "mew is in use.".to_owned() };
    check(&progress, &["one", "two\u{fffd}[2J", "… 2 lines", "five", "six", "seven"], &Progress::JobOutcome(outcome));
}

#[test]
fn what_it_waits_for_is_told_once() {
    let other = |id: &str| slot("r1", &json!({"id": id, "kind": "revive", "phase": "Running"}));
    let pull = at("Pending", &json!({"message": "its pod waits: ImagePullBackOff"}));
    let progress = [other("v1"), other("v1"), pull.clone(), pull];
    let told = ["it waits for another request, revive v1", "its pod waits: ImagePullBackOff"];
    check(&progress, &told, &Progress::UnderWay);
}

#[test]
fn a_controller_that_says_nothing_is_told_of_after_fifteen_looks() {
    let over = slot("r1", &json!({"id": "r0", "kind": "reap", "phase": "Succeeded", "exitCode": 0}));
    let silent =
        "hotdesk's controller does not answer. The people who run the cluster see why: kubectl -n hotdesk get pods";
    check(&vec![over.clone(); 14], &[], &Progress::Silent);
    check(&vec![over; 40], &[silent], &Progress::Silent);
}

#[test]
fn a_request_that_is_void_is_not_waited_for() {
    let void = "the request is void: somebody asked again, or the claim has changed. Ask again if you still want it";
    check(&[slot("r2", &Value::Null)], &[], &Progress::Refused(void.to_owned()));
    let refused = at("Refused", &json!({"message": "mew has no reaper"}));
    check(&[refused], &[], &Progress::Refused("mew has no reaper".to_owned()));
    let gone = at("Failed", &json!({"message": "its job was deleted before it ended"}));
    check(&[gone], &[], &Progress::Refused("its job was deleted before it ended".to_owned()));
    let failed = JobOutcome { code: 3, message: "not known".to_owned() };
    check(&[at("Failed", &json!({"message": "not known", "exitCode": 3}))], &[], &Progress::JobOutcome(failed));
}
