use serde_json::{Value, json};

use super::*;

fn job(conditions: &Value) -> Job {
    serde_json::from_value(json!({"metadata": {"name": "j"}, "status": {"conditions": conditions}})).unwrap()
}

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
}

fn said(progress: &Progress) -> String {
    match progress {
        Progress::Waiting(why) => format!("waits: {why}"),
        Progress::Gone(why) => format!("gone: {why}"),
        Progress::Running => "runs".to_owned(),
        Progress::Ended { code, message } => format!("ended {code}: {message}"),
    }
}

#[track_caller]
fn check_pod(status: &Value, expected: &str) {
    assert_eq!(said(&of(&job(&json!([])), Some(&pod(status)), None)), expected);
}

fn container(state: &Value) -> Value {
    json!({"containerStatuses": [{"name": "reaper", "state": state, "ready": false, "restartCount": 0, "image": "", "imageID": ""}]})
}

#[test]
fn what_a_pod_is_at_is_said_in_words() {
    check_pod(&json!({"phase": "Pending"}), "waits: its pod has no node yet");
    let full = json!([{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]);
    check_pod(
        &json!({"phase": "Pending", "conditions": full}),
        "waits: its pod has no node yet: 0/1 nodes are available",
    );
    let pull = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no\nimage"}});
    check_pod(&container(&pull), "waits: its pod waits: ImagePullBackOff no\u{fffd}image");
    check_pod(&container(&json!({"running": {}})), "runs");
    let end = json!({"terminated": {"exitCode": 3, "message": " not known.\n\nTry again\u{1b}[2J\n"}});
    check_pod(&container(&end), "ended 3: not known. Try again\u{fffd}[2J");
    check_pod(&json!({"phase": "Failed", "message": "evicted"}), "gone: evicted");
}

#[test]
fn a_job_without_a_pod_says_why() {
    let waits = job(&json!([]));
    assert_eq!(said(&of(&waits, None, None)), "waits: its pod has not been made");
    let quota = "Error creating: pods \"j\" is forbidden: exceeded quota";
    assert_eq!(said(&of(&waits, None, Some(quota))), format!("waits: its pod has not been made: {quota}"));
    let failed =
        json!([{"type": "Failed", "status": "True", "message": "Job was active longer than specified deadline"}]);
    assert_eq!(said(&of(&job(&failed), None, None)), "gone: Job was active longer than specified deadline");
    let complete = json!([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]);
    assert_eq!(said(&of(&job(&complete), None, None)), "gone: its pod is gone");
    assert!(is_over(&job(&complete)) && !is_over(&job(&json!([{"type": "Suspended", "status": "True"}]))));
}

#[test]
fn of_several_pods_the_newest_is_followed() {
    let made = |name: &str, at: &str| -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "creationTimestamp": at}})).unwrap()
    };
    let pods = [made("first", "2026-11-23T15:00:00Z"), made("second", "2026-11-23T15:01:00Z")];
    assert_eq!(newest(&pods).unwrap().name_any(), "second");
    assert!(newest(&[]).is_none());
}

#[test]
fn steps_are_whole_lines_the_last_of_them_and_harmless() {
    assert_eq!(steps("one\ntwo", false), (vec!["one".to_owned()], 0));
    assert_eq!(steps("one\n\ntwo \u{1b}[2J", true), (vec!["one".to_owned(), "two \u{fffd}[2J".to_owned()], 0));
    let log: String = (1..=25).map(|n| format!("{n}\n")).collect();
    let (shown, left_out) = steps(&log, false);
    assert_eq!((shown.first().map(String::as_str), shown.len(), left_out), (Some("6"), 20, 5));
    assert_eq!(steps(&"é".repeat(3000), true).0[0].chars().count(), 1024);
}
