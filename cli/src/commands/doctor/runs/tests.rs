//! How a reaper's last run can have gone.

use serde_json::{Value, json};

use super::super::finding::Level;
use super::*;

const NOW: &str = "2026-11-23T15:00:00Z";

fn job(name: &str, at: &str, status: &Value) -> Job {
    let metadata = json!({
        "name": name, "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"},
        "creationTimestamp": format!("2026-11-23T{at}Z"),
    });
    serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
}

fn pod(job: &str, status: &Value) -> Pod {
    let metadata = json!({
        "name": format!("{job}-x"), "namespace": "hotdesk-jobs",
        "labels": {"job-name": job, "hotdesk.dev/slot": "mew"}, "creationTimestamp": "2026-11-23T14:07:01Z",
    });
    serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
}

fn container(state: &Value) -> Value {
    json!({"containerStatuses": [{"name": "reaper", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": state}]})
}

fn event(message: &str) -> Event {
    let object = json!({"kind": "Job", "namespace": "hotdesk-jobs", "name": "run"});
    serde_json::from_value(
        json!({"metadata": {}, "involvedObject": object, "reason": "FailedCreate", "message": message}),
    )
    .unwrap()
}

#[track_caller]
fn check(jobs: &[Job], pods: &[Pod], events: &[Event], expected: Option<(Id, &str, &str)>) {
    let found = judge("mew", Runs { jobs, pods, events }, NOW.parse().unwrap());
    match (&found, expected) {
        (None, None) => {}
        (Some(finding), Some((id, message, fix))) => {
            assert_eq!((finding.id, finding.level), (id, Level::Problem), "{finding:?}");
            assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
            assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?} does not say {fix:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_failed_is_told_with_its_message() {
    let run = [job("run", "14:07:00", &json!({"failed": 1}))];
    let ended = |code: i32| {
        let message = "helm uninstall web: timed out";
        [pod(
            "run",
            &container(
                &json!({"terminated": {"exitCode": code, "message": message, "finishedAt": "2026-11-23T14:10:00Z"}}),
            ),
        )]
    };
    let failed = Some((
        Id::ReaperRun,
        "failed 50 min ago (exit code 4): helm uninstall web: timed out",
        "kubectl -n hotdesk-jobs logs run-x",
    ));
    check(&run, &ended(4), &[], failed);
    // The verdict tells of it, and why.
    check(&run, &ended(UNKNOWN), &[], None);
}

#[test]
fn only_the_slots_own_runs_count() {
    let failed = |namespace: &str, slot: &str| {
        let mut job = job("run", "14:07:00", &json!({"conditions": [{"type": "Failed", "status": "True"}]}));
        job.metadata.namespace = Some(namespace.to_owned());
        job.metadata.labels = Some([("hotdesk.dev/slot".to_owned(), slot.to_owned())].into());
        job
    };
    check(&[failed("hotdesk-jobs", "mewtwo"), failed("mew", "mew")], &[], &[], None);
    check(
        &[failed("hotdesk-jobs", "mew")],
        &[],
        &[],
        Some((Id::ReaperRun, "failed", "-n hotdesk-jobs describe job run")),
    );
}

#[test]
fn only_the_newest_run_counts() {
    let jobs = [job("old", "13:07:00", &json!({"failed": 1})), job("run", "14:07:00", &json!({"succeeded": 1}))];
    let old = pod("old", &container(&json!({"terminated": {"exitCode": 4}})));
    check(&jobs, &[old], &[], None);
    check(&[], &[], &[], None);
}

#[test]
fn an_image_that_cannot_be_pulled_is_told() {
    let run = [job("run", "14:07:00", &json!({"active": 1}))];
    let waits =
        |reason: &str| [pod("run", &container(&json!({"waiting": {"reason": reason, "message": "no such image"}})))];
    check(
        &run,
        &waits("ImagePullBackOff"),
        &[],
        Some((Id::ReaperStart, "ImagePullBackOff: no such image", "reaper.image.repository")),
    );
    check(&run, &waits("ContainerCreating"), &[], None);
}

#[test]
fn a_pod_for_which_no_node_has_room_is_told() {
    let run = [job("run", "14:07:00", &json!({"active": 1}))];
    let condition =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"});
    let unplaced = [pod("run", &json!({"conditions": [condition]}))];
    check(&run, &unplaced, &[], Some((Id::ReaperStart, "Unschedulable: 0/1 nodes", "reaper.nodeSelector")));
}

#[test]
fn a_job_without_a_pod_says_why_by_its_event() {
    let run = [job("run", "14:07:00", &json!({}))];
    let quota = event("Error creating: pods \"run-\" is forbidden: exceeded quota: q, requested: pods=1");
    check(&run, &[], &[quota], Some((Id::ReaperStart, "cannot start: exceeded quota: q", "describe resourcequota")));
    let late = json!({"conditions": [{"type": "Failed", "status": "True", "message": "deadline", "lastTransitionTime": "2026-11-23T14:57:00Z"}]});
    check(
        &[job("run", "14:07:00", &late)],
        &[],
        &[],
        Some((Id::ReaperRun, "failed 3 min ago: deadline", "describe job run")),
    );
}
