//! Somebody waits for what runs in the slot, and no log shows it.

use hotdesk_http::fake_server::{Reply, Request};
use serde_json::{Value, json};

use super::{Expect, Row, row, ways};
use crate::world::{FakeCluster, ago, idle, record, second};

const JOBS: &str = "/apis/batch/v1/namespaces/mew/jobs";

fn held(mut world: FakeCluster) -> FakeCluster {
    world.spec = json!({"claim": {"users": ["alice"]}});
    world
}

fn with(world: FakeCluster, path: &'static str, items: Value) -> FakeCluster {
    world.fault(move |_, request: &Request| {
        (request.path() == path).then(|| Reply::Json(200, json!({"metadata": {}, "items": items})))
    })
}

fn job(change: &Value) -> Value {
    let mut job = json!({
        "metadata": {"name": "train", "creationTimestamp": second(ago(300))}, "spec": {"template": {}},
        "status": {"active": 1, "startTime": second(ago(300))},
    });
    json_patch::merge(&mut job, change);
    json!([job])
}

pub(crate) fn rows() -> Vec<Row> {
    let of_a_cronjob = |notes: Value| {
        let owner =
            json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "1", "controller": true}]);
        job(&json!({"metadata": {"ownerReferences": owner, "annotations": notes}}))
    };
    let due = json!({"batch.kubernetes.io/cronjob-scheduled-timestamp": second(ago(300))});
    let manual = json!({"cronjob.kubernetes.io/instantiate": "manual"});
    let done = json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}});
    let old = json!({"status": {"startTime": second(ago(25 * 60))}});
    let pending = |minutes| idle().with(|world| world.records = vec![record(1, "pending-install", minutes)]);
    let rolling = json!([{
        "metadata": {"name": "web"},
        "status": {"conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]},
    }]);
    let deployments = "/apis/apps/v1/namespaces/mew/deployments";
    let mut rows = vec![
        row("e17: a Job of the holder is running", Expect::Kept, with(held(idle()), JOBS, job(&json!({})))),
        row("control, e17: in a slot that nobody holds", Expect::Reaped, with(idle(), JOBS, job(&json!({})))),
        // People are given notice first.
        row("e17: a Job has been running for more than a day", Expect::Kept, with(held(idle()), JOBS, job(&old))),
        row("control, e18: the Job has finished", Expect::Reaped, with(held(idle()), JOBS, job(&done))),
        row("control, e19: the Job is a CronJob's", Expect::Reaped, with(held(idle()), JOBS, of_a_cronjob(due))),
        row("e17: a person started a CronJob's Job", Expect::Kept, with(held(idle()), JOBS, of_a_cronjob(manual))),
        row(
            "e17: a CronJob's Job that no clock started",
            Expect::Kept,
            with(held(idle()), JOBS, of_a_cronjob(json!({}))),
        ),
        row("e26: a hook of a deploy is running", Expect::Kept, with(pending(90), JOBS, job(&json!({})))),
        row("e27: a deploy waits for its rollout", Expect::Kept, with(pending(90), deployments, rolling.clone())),
        row("e28: helm was killed within the window", Expect::Kept, pending(30)),
        row("control, e29: helm was killed before it", Expect::Reaped, pending(90)),
        row(
            "control, e27: the rollout takes more than two hours",
            Expect::Reaped,
            with(pending(125), deployments, rolling),
        ),
    ];
    for (how, reply) in ways() {
        let world = idle().fault(move |_, request| (request.path() == JOBS).then(|| reply.clone()));
        rows.push(row(format!("API server, the Jobs: {how}"), Expect::Unknown, world));
    }
    rows
}
