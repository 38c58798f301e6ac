//! The logs, the controller and the slot are not as they should be.

use serde_json::{Value, json};

use super::{Expect, Row, row};
use crate::world::{FakeCluster, ago, controller, failure, idle, line, record, second};

pub(crate) fn logs() -> Vec<Row> {
    let usual = |minutes| line(minutes, "mewtwo-web-80", "/", "curl/8.5");
    let log = |log: String| idle().with(|world| world.log = log);
    let strange = "2026 served something to somebody\n";
    let at = |minutes: i64, text: &str| format!("{} {text}\n", ago(minutes));
    vec![
        row("log: rotated within the window", Expect::Unknown, log([30, 1].map(usual).concat())),
        row("log: empty", Expect::Unknown, log(String::new())),
        row("log: it ends in the middle of a line", Expect::Unknown, log(format!("{}2026", usual(590)))),
        row("log: no request of anybody for a day", Expect::Unknown, log(at(590, "started"))),
        row(
            "log: more lines than 1% cannot be read",
            Expect::Unknown,
            log([usual(590), at(30, strange), usual(20), at(10, strange)].concat()),
        ),
        row(
            "log: a request for the slot",
            Expect::Kept,
            log([usual(590), line(30, "mew-web-80", "/", "curl")].concat()),
        ),
        row(
            "log: a request for a Service of the slot that is gone",
            Expect::Unknown,
            log([usual(590), line(30, "mew-old-80", "/", "curl")].concat()),
        ),
        row(
            "log: a request with the slot's upstream in path and user agent is the other's",
            Expect::Reaped,
            log([usual(590), line(30, "mewtwo-web-80", "/[mew-web-80]", "[mew-web-80] []")].concat()),
        ),
        row(
            "log: a request with another's upstream in path and user agent is the slot's",
            Expect::Kept,
            log([usual(590), line(30, "mew-web-80", "/[mewtwo-web-80]", "[mewtwo-web-80] []")].concat()),
        ),
        row(
            "log: of nobody's upstream that begins as the slot's",
            Expect::Unknown,
            log([usual(590), line(30, "mew-x-y-80", "/", "curl")].concat()),
        ),
        row("log: text of another format", Expect::Unknown, log([at(590, strange), at(30, strange)].concat())),
    ]
}

pub(crate) fn controllers() -> Vec<Row> {
    let pods = |pods: Vec<Value>| idle().with(|world| world.pods = pods);
    let half = idle().with(|world| world.pods.push(controller("controller-b", 600))).fault(|_, request| {
        let second = request.path().ends_with("/controller-b/log");
        second.then(|| failure(500, "InternalError", "the node is gone"))
    });
    let restarted = controller("controller-a", 20);
    let started = ago(19);
    let fresh = [19, 1].map(|minutes| line(minutes, "mewtwo-web-80", "/", "curl")).concat();
    let direct = json!({"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    let silent = json!({"nginx.ingress.kubernetes.io/enable-access-log": "false"});
    let other = json!({"metadata": {"name": "web"}, "spec": {"ingressClassName": "traefik"}});
    vec![
        row("controller: scaled down to nothing", Expect::Unknown, pods(vec![])),
        row("controller: one of two pods cannot be read", Expect::Unknown, half),
        row(
            "controller: a new pod, and the old one's log is gone",
            Expect::Unknown,
            pods(vec![restarted.clone()]).with(|world| world.log.clone_from(&fresh)),
        ),
        row(
            "controller: restarted, and its last log cannot be read",
            Expect::Unknown,
            pods(vec![again(&restarted)]).with(|world| world.log.clone_from(&fresh)),
        ),
        row(
            "controller: a pod has gone within the window",
            Expect::Unknown,
            idle()
                .with(|world| world.replica_sets[0]["metadata"]["managedFields"] = json!([{"time": second(started)}])),
        ),
        row(
            "slot: its Ingress writes no log",
            Expect::Unknown,
            idle().with(|world| world.ingresses.push(json!({"metadata": {"name": "web", "annotations": silent}}))),
        ),
        row(
            "slot: Ingresses of two controllers",
            Expect::Unknown,
            idle().with(|world| {
                world
                    .ingresses
                    .extend([other, json!({"metadata": {"name": "api"}, "spec": {"ingressClassName": "nginx"}})]);
            }),
        ),
        row(
            "slot: requests reach it past the controller",
            Expect::Unknown,
            idle().with(|world| world.services = vec![direct]),
        ),
        row("slot: a Service was renamed within the window", Expect::Unknown, renamed()),
        row(
            "slot: a record that cannot be read",
            Expect::Unknown,
            idle().with(|world| world.records[0]["data"]["release"] = json!("JSUl")),
        ),
        row(
            "slot: a deploy within the window",
            Expect::Kept,
            idle().with(|world| world.records.push(record(2, "deployed", 5))),
        ),
        row(
            "slot: an install under way",
            Expect::Kept,
            idle().with(|world| world.records = vec![record(1, "pending-install", 5)]),
        ),
        row(
            "slot: somebody else's uninstall under way",
            Expect::Kept,
            idle().with(|world| world.records = vec![record(1, "uninstalling", 5)]),
        ),
        row(
            "slot: somebody asked to keep it",
            Expect::Kept,
            idle().with(|world| world.spec = json!({"keepUntil": second(ago(-5))})),
        ),
        row(
            "e01: somebody is in a pod",
            Expect::Kept,
            idle().with(|world| {
                world.status = json!({"lastSession": {"time": second(ago(5)), "by": "alice", "kind": "exec"}});
            }),
        ),
        row(
            "slot: claimed a minute ago",
            Expect::Kept,
            idle().with(|world| world.status = json!({"claimedAt": second(ago(1))})),
        ),
        row(
            "slot: its clock says the future",
            Expect::Unknown,
            idle().with(|world| world.status = json!({"claimedAt": second(ago(-90))})),
        ),
    ]
}

fn again(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let status = &mut pod["status"]["containerStatuses"][0];
    status["restartCount"] = json!(1);
    status["lastState"] =
        json!({"terminated": {"exitCode": 1, "startedAt": second(ago(600)), "finishedAt": second(ago(20))}});
    pod["metadata"]["creationTimestamp"] = json!(second(ago(600)));
    pod
}

/// Its requests stand in the log under the old name.
fn renamed() -> FakeCluster {
    let log = [line(590, "mewtwo-web-80", "/", "curl"), line(30, "mew-web-80", "/", "curl")].concat();
    let api = json!({"metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}]}});
    idle().with(|world| (world.log, world.services) = (log, vec![api]))
}
