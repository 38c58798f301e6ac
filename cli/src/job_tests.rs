//! What is made of a CronJob, and what a pod's state means.

use super::*;
use serde_json::json;

fn reaper() -> CronJob {
    serde_json::from_value(json!({
        "metadata": {"name": CRON_JOB},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"metadata": {"labels": {COMPONENT: "reaper", "a": "b"}}, "spec": {
            "backoffLimit": 0,
            "template": {"metadata": {"labels": {COMPONENT: "reaper"}}, "spec": {
                "serviceAccountName": "hotdesk-reaper",
                "securityContext": {"runAsNonRoot": true},
                "containers": [{"name": "reaper", "image": "hotdesk/reaper:1", "env": [
                    {"name": "HOTDESK_LOG_FORMAT", "value": "json"}, {"name": "HOTDESK_WINDOW", "value": "1h"}]}],
            }},
        }}},
    }))
    .unwrap()
}

#[test]
fn a_job_is_the_cron_jobs_but_for_what_is_wished() {
    let wish = Wish {
        prefix: "revive",
        component: "reviver",
        service_account: Some("hotdesk-reviver"),
        args: vec!["revive".to_owned(), "web".to_owned()],
        env: vec![("HOTDESK_LOG_FORMAT", "text".to_owned())],
    };
    let job = serde_json::to_value(made(&reaper(), &wish)).unwrap();
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(job["metadata"]["generateName"], "revive-");
    assert_eq!(job["metadata"]["labels"], json!({COMPONENT: "reviver", "a": "b"}));
    assert_eq!(job["spec"]["template"]["metadata"]["labels"][COMPONENT], "reviver");
    assert_eq!((&job["spec"]["backoffLimit"], &job["spec"]["ttlSecondsAfterFinished"]), (&json!(0), &json!(86400)));
    assert_eq!(
        (&pod["serviceAccountName"], &pod["securityContext"]["runAsNonRoot"]),
        (&json!("hotdesk-reviver"), &json!(true))
    );
    let container = &pod["containers"][0];
    assert_eq!((&container["image"], &container["args"]), (&json!("hotdesk/reaper:1"), &json!(["revive", "web"])));
    let env = json!([{"name": "HOTDESK_WINDOW", "value": "1h"}, {"name": "HOTDESK_LOG_FORMAT", "value": "text"}]);
    assert_eq!(container["env"], env);
}

#[test]
fn a_reap_by_hand_runs_as_the_cron_job_does() {
    let wish = Wish { prefix: "reap", component: "reaper", service_account: None, args: vec![], env: vec![] };
    let job = made(&reaper(), &wish);
    let template = reaper().spec.unwrap().job_template.spec.unwrap().template;
    assert_eq!(job.spec.unwrap().template, template);
}

#[track_caller]
fn check(status: &serde_json::Value, expected: &str) {
    let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap();
    let found = match state(&pod) {
        Look::Waits(why) => format!("waits: {why}"),
        Look::Gone(why) => format!("gone: {why}"),
        Look::Runs { ended: Some(ended), .. } => format!("ended {}: {}", ended.code, ended.message),
        Look::Runs { .. } => "runs".to_owned(),
    };
    assert_eq!(found, expected);
}

#[test]
fn what_a_pod_is_at_is_said_in_words() {
    let container = |state: &serde_json::Value| {
        json!({"containerStatuses": [{"name": "reaper", "state": state, "ready": false,
        "restartCount": 0, "image": "", "imageID": ""}]})
    };
    check(&json!({"phase": "Pending"}), "waits: its pod has no node yet");
    check(
        &container(&json!({"waiting": {"reason": "ImagePullBackOff", "message": "no\nimage"}})),
        "waits: its pod waits: ImagePullBackOff no\u{fffd}image",
    );
    check(&container(&json!({"running": {}})), "runs");
    check(
        &container(&json!({"terminated": {"exitCode": 3, "message": "blind\u{1b}[2J"}})),
        "ended 3: blind\u{fffd}[2J",
    );
    check(&json!({"phase": "Failed", "message": "evicted"}), "gone: evicted");
}
