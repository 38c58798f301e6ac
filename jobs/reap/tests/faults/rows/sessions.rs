//! Somebody may be at work in a pod, and no log shows it.

use hotdesk_http::fake_server::Reply;
use serde_json::json;

use super::{Expect, Row, ways};
use crate::world::{FakeCluster, Noted, ago, idle, noted, second};

const MAP: &str = "/api/v1/namespaces/hotdesk-jobs/configmaps/hotdesk-sessions";
const HOUR: i64 = 3600;

/// What keeps up the number of pods.
const KEEPERS: [(&str, &str); 4] = [
    ("ReplicaSet", "/apis/apps/v1/namespaces/mew/replicasets"),
    ("StatefulSet", "/apis/apps/v1/namespaces/mew/statefulsets"),
    ("DaemonSet", "/apis/apps/v1/namespaces/mew/daemonsets"),
    ("ReplicationController", "/api/v1/namespaces/mew/replicationcontrollers"),
];

/// A row that also says why.
fn row(name: impl Into<String>, expect: Expect, says: &'static str, world: FakeCluster) -> Row {
    let name = name.into();
    let told = name.clone();
    let play = move || {
        let ran = world.run();
        assert!(ran.message.contains(says), "{told}: it does not say {says:?}: {}", ran.message);
        ran
    };
    Row { name, expect, play: Box::new(play) }
}

const OPEN: &str = "a session, which may still be open, counts for 4 h";
const IDLE: &str = "mew was idle: no request, deploy, session or claim";
const UNREAD: &str = "where hotdesk's webhooks say that they note sessions, cannot be read";
const NO_RECORD: &str = "there is no record from before";
const DOWN: &str = "no webhook was running";
const DIED: &str = "the webhook a ended abruptly, or cannot write its record";

/// A session of the holder began so many minutes ago.
fn session(kind: &str, minutes: i64) -> FakeCluster {
    let last = json!({"time": second(ago(minutes)), "by": "alice@example.com", "kind": kind});
    idle().with(|world| world.status = json!({"lastSession": last}))
}

/// The slot has one pod, which was made and became ready so many minutes ago.
fn pod(world: FakeCluster, made: i64, ready: i64) -> FakeCluster {
    let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": second(ago(ready))});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "web"}]},
        "metadata": {"name": "web-1", "namespace": "mew", "creationTimestamp": second(ago(made))},
        "status": {"phase": "Running", "conditions": [condition]},
    });
    world.with(|world| world.objects.push(pod))
}

fn records<const N: usize>(records: [(&str, Noted); N]) -> FakeCluster {
    idle().with(|world| world.noting = records.map(|(entry, record)| (entry.to_owned(), record)).into())
}

fn ended(since: i64, until: i64) -> Noted {
    Noted { more: json!({"endedCleanly": true}), ..noted(since, until) }
}

fn with_gap(slot: Option<&str>) -> Noted {
    let gap = json!({"from": second(ago(30)), "to": second(ago(25)), "slot": slot, "why": "a note was refused"});
    Noted { more: json!({"gaps": [gap]}), ..noted(9 * HOUR, 5) }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = open();
    rows.extend(scaled());
    rows.extend(finished());
    rows.extend(unnoted());
    for (how, reply) in ways() {
        let world = idle().fault(move |_, request| (request.path() == MAP).then(|| reply.clone()));
        rows.push(row(format!("e32: the records of the webhooks: {how}"), Expect::Unknown, UNREAD, world));
    }
    rows
}

/// Sessions whose end was not seen, and those that have certainly ended.
fn open() -> Vec<Row> {
    let no_pods = |world: FakeCluster| {
        world.fault(|_, request| {
            let pods = request.path() == "/api/v1/namespaces/mew/pods";
            pods.then(|| Reply::Json(200, json!({"metadata": {"continue": "more"}, "items": []})))
        })
    };
    let mut rows: Vec<Row> =
        [("e02", "exec"), ("e04", "portforward"), ("e05", "attach"), ("e05", "ephemeralcontainers")]
            .into_iter()
            .flat_map(|(id, kind)| {
                let still = pod(session(kind, 200), 500, 500);
                [
                    row(format!("{id}: {kind} of 3 h 20 min ago, still open"), Expect::Kept, OPEN, still),
                    row(format!("{id}: {kind}, and no pod tells"), Expect::Kept, OPEN, session(kind, 230)),
                ]
            })
            .collect();
    rows.extend([
        row("control, e02: a session counts for 4 h", Expect::Reaped, IDLE, pod(session("exec", 241), 500, 500)),
        row("control, e03: every pod is younger", Expect::Reaped, IDLE, pod(session("exec", 100), 90, 70)),
        row(
            "e03: the pod before may have gone within the window",
            Expect::Kept,
            OPEN,
            pod(session("exec", 100), 90, 50),
        ),
        row(
            "e03: every pod is younger, by less than clocks differ",
            Expect::Kept,
            OPEN,
            pod(session("exec", 100), 100, 99),
        ),
        row("e03: the pods cannot be read whole", Expect::Kept, OPEN, no_pods(pod(session("exec", 100), 90, 70))),
        row(
            "e02: with --session-grace",
            Expect::Kept,
            "counts for 12 h",
            pod(session("exec", 700), 900, 900).args(&["--session-grace=12h"]),
        ),
    ]);
    rows
}

/// A pod went, no other came, and all that are left are younger than the session: it is over, but since when?
fn scaled() -> Vec<Row> {
    let younger = || pod(session("exec", 100), 90, 70);
    let last_written = |path: &'static str, minutes: i64| {
        let fields = json!([{"manager": "kube-controller-manager", "time": second(ago(minutes))}]);
        let items = json!([{"metadata": {"name": "web", "namespace": "mew", "managedFields": fields}}]);
        younger().fault(move |_, request| {
            let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": items});
            (request.path() == path).then_some(Reply::Json(200, list))
        })
    };
    let mut rows = Vec::new();
    for (kind, path) in KEEPERS {
        rows.extend([
            row(format!("e03: a {kind} was scaled down within the window"), Expect::Kept, OPEN, last_written(path, 50)),
            row(format!("control, e03: a {kind} before it"), Expect::Reaped, IDLE, last_written(path, 61)),
        ]);
        for (how, reply) in ways() {
            let world = younger().fault(move |_, request| (request.path() == path).then(|| reply.clone()));
            rows.push(row(format!("e03: each {kind}: {how}"), Expect::Kept, OPEN, world));
        }
    }
    rows
}

/// The pod of the session has ended, or went with its Job, and all that run are younger.
fn finished() -> Vec<Row> {
    let younger = || pod(session("exec", 100), 90, 70);
    let ended = |made: i64, minutes: i64| {
        let condition = json!({"type": "Ready", "status": "False", "lastTransitionTime": second(ago(minutes))});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "shell"}]},
            "metadata": {"name": "shell", "namespace": "mew", "creationTimestamp": second(ago(made))},
            "status": {"phase": "Succeeded", "conditions": [condition]},
        });
        younger().with(|world| world.objects.push(pod))
    };
    let made = |path: &'static str, made: i64, minutes: i64| {
        let (made, fields) =
            (second(ago(made)), json!([{"manager": "kube-controller-manager", "time": second(ago(minutes))}]));
        let metadata = json!({"name": "x", "namespace": "mew", "creationTimestamp": made, "managedFields": fields});
        younger().fault(move |_, request| {
            let metadata_only = request.header("accept").contains("PartialObjectMetadata");
            let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": [{"metadata": metadata}]});
            (request.path() == path && metadata_only).then_some(Reply::Json(200, list))
        })
    };
    let mut rows = vec![
        row("e03: the pod of the session ended within the window", Expect::Kept, OPEN, ended(500, 1)),
        row("control, e03: a pod before it", Expect::Reaped, IDLE, ended(500, 61)),
        row("control, e03: a pod that came after the session ended", Expect::Reaped, IDLE, ended(90, 1)),
        row("e03: the pods of an operator", Expect::Kept, OPEN, {
            let owner = json!([{"apiVersion": "example.com/v1", "kind": "Cluster", "name": "db", "uid": "u", "controller": true}]);
            younger().with(|world| world.objects[0]["metadata"]["ownerReferences"] = owner)
        }),
    ];
    for (kind, path) in
        [("Job", "/apis/batch/v1/namespaces/mew/jobs"), ("CronJob", "/apis/batch/v1/namespaces/mew/cronjobs")]
    {
        rows.extend([
            row(format!("e03: a {kind} changed within the window"), Expect::Kept, OPEN, made(path, 500, 1)),
            row(format!("control, e03: a {kind} before it"), Expect::Reaped, IDLE, made(path, 500, 61)),
            row(format!("control, e03: a {kind} after the session"), Expect::Reaped, IDLE, made(path, 90, 1)),
        ]);
    }
    for (how, reply) in ways() {
        let cron_jobs = "/apis/batch/v1/namespaces/mew/cronjobs";
        let world = younger().fault(move |_, request| (request.path() == cron_jobs).then(|| reply.clone()));
        rows.push(row(format!("e03: each CronJob: {how}"), Expect::Kept, OPEN, world));
    }
    rows
}

/// Times over which nobody noted them.
fn unnoted() -> Vec<Row> {
    let alive = || noted(9 * HOUR, 5);
    let rolled = [("a.1", ended(9 * HOUR, 1800)), ("b.2", noted(1805, 4))];
    let down = [("a.1", ended(9 * HOUR, 1800)), ("b.2", noted(1700, 4))];
    let ahead = noted(9 * HOUR, -120);
    vec![
        row(
            "e30: a note was refused for too long",
            Expect::Unknown,
            "a note was refused",
            records([("a.1", with_gap(Some("mew")))]),
        ),
        row("control, e30: a note of another slot", Expect::Reaped, IDLE, records([("a.1", with_gap(Some("mewtwo")))])),
        row(
            "e31: the notebook was full",
            Expect::Unknown,
            "a note was refused",
            records([("a.1", with_gap(None)), ("b.1", alive())]),
        ),
        row("e32: all webhooks were down for a part of the window", Expect::Unknown, DOWN, records(down)),
        row("e32: all webhooks are down", Expect::Unknown, DOWN, records([("a.1", ended(9 * HOUR, 600))])),
        row("e32: all webhooks died", Expect::Unknown, DIED, records([("a.1", noted(9 * HOUR, 61))])),
        row(
            "e32: one webhook died, and another was there",
            Expect::Unknown,
            DIED,
            records([("a.1", noted(9 * HOUR, 600)), ("b.1", alive())]),
        ),
        row("e32: no webhook ever said that it notes sessions", Expect::Unknown, NO_RECORD, records([])),
        row(
            "e32: the webhooks were installed within the window",
            Expect::Unknown,
            NO_RECORD,
            records([("a.1", noted(1800, 5))]),
        ),
        row(
            "e32: installed before it, and a session of before may be open",
            Expect::Unknown,
            "A session that began then may still be open",
            pod(records([("a.1", noted(2 * HOUR, 5))]), 500, 500),
        ),
        row(
            "control, e32: installed before it, and every pod is younger",
            Expect::Reaped,
            IDLE,
            pod(records([("a.1", noted(2 * HOUR, 5))]), 110, 70),
        ),
        row(
            "e32: the clock of a webhook is ahead",
            Expect::Unknown,
            "the clock of the webhook a is ahead",
            records([("a.1", ahead), ("b.1", alive())]),
        ),
        row(
            "e32: a record that cannot be read",
            Expect::Unknown,
            "its entry a.1 cannot be read",
            records([("a.1", Noted { more: json!({"since": null}), ..alive() }), ("b.1", alive())]),
        ),
        row(
            "control, e32: no webhook notes sessions, and that is said",
            Expect::Reaped,
            IDLE,
            records([]).args(&["--ignore-unnoted-sessions"]),
        ),
        row("control, e33: a rollout without a gap", Expect::Reaped, IDLE, records(rolled.clone())),
        // What was noted before the end is in the status, for it drains before it says so.
        row(
            "e34: a session was noted at the end of a webhook",
            Expect::Kept,
            "alice@example.com used exec, 3",
            records(rolled.clone()).with(|world| {
                world.status = session("exec", 31).status;
            }),
        ),
        row("e34: a webhook ended before it had written all", Expect::Unknown, DIED, {
            let [(a, record), b] = rolled;
            records([(a, Noted { more: json!({}), ..record }), b])
        }),
    ]
}
