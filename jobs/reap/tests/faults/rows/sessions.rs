//! Somebody may be at work in a pod, and no log shows it.

use hotdesk_fetch::stand_in::Reply;
use serde_json::json;

use super::{Expect, Row, row, ways};
use crate::world::{Noted, World, ago, idle, noted, second};

const MAP: &str = "/api/v1/namespaces/hotdesk-jobs/configmaps/hotdesk-sessions";
const HOUR: i64 = 3600;

/// A session of the holder began so many minutes ago.
fn session(kind: &str, minutes: i64) -> World {
    let last = json!({"time": second(ago(minutes)), "by": "alice@example.com", "kind": kind});
    idle().with(|world| world.status = json!({"lastSession": last}))
}

/// The slot has one pod, which was made and became ready so many minutes ago.
fn pod(world: World, made: i64, ready: i64) -> World {
    let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": second(ago(ready))});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "web"}]},
        "metadata": {"name": "web-1", "namespace": "mew", "creationTimestamp": second(ago(made))},
        "status": {"phase": "Running", "conditions": [condition]},
    });
    world.with(|world| world.objects.push(pod))
}

fn records<const N: usize>(records: [(&str, Noted); N]) -> World {
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
    rows.extend(unnoted());
    for (how, reply) in ways() {
        let world = idle().fault(move |_, request| (request.path() == MAP).then(|| reply.clone()));
        rows.push(row(format!("e32: the records of the webhooks: {how}"), Expect::Unknown, world));
    }
    rows
}

/// Sessions whose end was not seen, and those that have certainly ended.
fn open() -> Vec<Row> {
    let no_pods = |world: World| {
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
                    row(format!("{id}: {kind} of 3 h 20 min ago, still open"), Expect::Kept, still),
                    row(format!("{id}: {kind}, and no pod tells"), Expect::Kept, session(kind, 230)),
                ]
            })
            .collect();
    rows.extend([
        row("control, e02: a session counts for 4 h", Expect::Reaped, pod(session("exec", 241), 500, 500)),
        row("control, e03: every pod is younger", Expect::Reaped, pod(session("exec", 100), 90, 70)),
        row("e03: the pod before may have gone within the window", Expect::Kept, pod(session("exec", 100), 90, 50)),
        row("e03: every pod is younger, by less than clocks differ", Expect::Kept, pod(session("exec", 100), 100, 99)),
        row("e03: the pods cannot be read whole", Expect::Kept, no_pods(pod(session("exec", 100), 90, 70))),
        row(
            "e02: with --session-grace",
            Expect::Kept,
            pod(session("exec", 700), 900, 900).args(&["--session-grace=12h"]),
        ),
    ]);
    rows
}

/// Times over which nobody noted them.
fn unnoted() -> Vec<Row> {
    let alive = || noted(9 * HOUR, 5);
    let rolled = [("a.1", ended(9 * HOUR, 1800)), ("b.2", noted(1805, 4))];
    let down = [("a.1", ended(9 * HOUR, 1800)), ("b.2", noted(1700, 4))];
    let ahead = noted(9 * HOUR, -120);
    vec![
        row("e30: a note was refused for too long", Expect::Unknown, records([("a.1", with_gap(Some("mew")))])),
        row("control, e30: a note of another slot", Expect::Reaped, records([("a.1", with_gap(Some("mewtwo")))])),
        row("e31: the notebook was full", Expect::Unknown, records([("a.1", with_gap(None)), ("b.1", alive())])),
        row("e32: all webhooks were down for a part of the window", Expect::Unknown, records(down)),
        row("e32: all webhooks are down", Expect::Unknown, records([("a.1", ended(9 * HOUR, 600))])),
        row("e32: all webhooks died", Expect::Unknown, records([("a.1", noted(9 * HOUR, 61))])),
        row(
            "e32: one webhook died, and another was there",
            Expect::Unknown,
            records([("a.1", noted(9 * HOUR, 600)), ("b.1", alive())]),
        ),
        row("e32: no webhook ever said that it notes sessions", Expect::Unknown, records([])),
        row("e32: the webhooks were installed within the window", Expect::Unknown, records([("a.1", noted(1800, 5))])),
        row(
            "e32: installed before it, and a session of before may be open",
            Expect::Unknown,
            pod(records([("a.1", noted(2 * HOUR, 5))]), 500, 500),
        ),
        row(
            "control, e32: installed before it, and every pod is younger",
            Expect::Reaped,
            pod(records([("a.1", noted(2 * HOUR, 5))]), 110, 70),
        ),
        row("e32: the clock of a webhook is ahead", Expect::Unknown, records([("a.1", ahead), ("b.1", alive())])),
        row(
            "e32: a record that cannot be read",
            Expect::Unknown,
            records([("a.1", Noted { more: json!({"since": null}), ..alive() }), ("b.1", alive())]),
        ),
        row(
            "control, e32: no webhook notes sessions, and that is said",
            Expect::Reaped,
            records([]).args(&["--ignore-unnoted-sessions"]),
        ),
        row("control, e33: a rollout without a gap", Expect::Reaped, records(rolled.clone())),
        // What was noted before the end is in the status, for it drains before it says so.
        row(
            "e34: a session was noted at the end of a webhook",
            Expect::Kept,
            records(rolled.clone()).with(|world| {
                world.status = session("exec", 31).status;
            }),
        ),
        row("e34: a webhook ended before it had written all", Expect::Unknown, {
            let [(a, record), b] = rolled;
            records([(a, Noted { more: json!({}), ..record }), b])
        }),
    ]
}
