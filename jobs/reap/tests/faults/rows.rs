//! What can go wrong: one row each.

use std::sync::Arc;
use std::sync::Mutex;

use hotdesk_fetch::stand_in::{Reply, Request, serve};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::{Ran, World, ago, clock, controller, failure, idle, line, record, second};

/// What a row must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It is reaped: nothing is wrong with it.
    Reaped,
    /// It is not reaped.
    Kept,
    /// It is not reaped, and the run says that it cannot know: exit code 3.
    Unknown,
}

/// One row.
pub(crate) struct Row {
    pub name: String,
    pub expect: Expect,
    pub play: Box<dyn FnOnce() -> Ran + Send>,
}

fn row(name: impl Into<String>, expect: Expect, world: World) -> Row {
    Row { name: name.into(), expect, play: Box::new(move || world.run()) }
}

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = vec![row("control: nothing is wrong, and it is reaped", Expect::Reaped, idle())];
    rows.extend(api_server());
    rows.extend(logs());
    rows.extend(controllers());
    rows.extend(meanwhile());
    rows.extend(killed());
    rows.extend(sources());
    rows
}

/// How a server fails.
fn ways() -> Vec<(&'static str, Reply)> {
    vec![
        ("answers 401", failure(401, "Unauthorized", "Unauthorized")),
        ("answers 403", failure(403, "Forbidden", "forbidden")),
        ("answers 404", failure(404, "NotFound", "not found")),
        ("answers 429", failure(429, "TooManyRequests", "too many requests")),
        ("answers 500", failure(500, "InternalError", "etcdserver: request timed out")),
        ("never answers", Reply::Silence),
        ("breaks off", Reply::Truncated(json!({"metadata": {}, "items": []}))),
        ("gives half of its JSON", Reply::Half(json!({"metadata": {}, "items": []}))),
        ("answers something else", Reply::Text(200, "<html>sign in</html>".to_owned())),
    ]
}

type Asks = fn(&Request) -> bool;

fn api_server() -> Vec<Row> {
    let paths: [(&str, Asks); 9] = [
        ("the clock", |r| r.path() == "/version"),
        ("the Slot", |r| r.method == "GET" && r.path().ends_with("/slots/slot")),
        ("the list of Slots", |r| r.path() == "/apis/hotdesk.dev/v1alpha1/slots"),
        ("helm's records", |r| r.path().ends_with("/mew/secrets")),
        ("the Services", |r| r.path().ends_with("/mew/services")),
        ("the Ingresses", |r| r.path().ends_with("/ingresses")),
        ("the controller's pods", |r| r.path().ends_with("/ingress-nginx/pods")),
        ("the controller's ReplicaSets", |r| r.path().ends_with("/replicasets")),
        ("the controller's log", |r| r.path().ends_with("/log")),
    ];
    let mut rows = Vec::new();
    for (what, is) in paths {
        for (how, reply) in ways() {
            // The clock is read from a header, whatever the answer says.
            if what == "the clock" && how != "never answers" {
                continue;
            }
            let world = idle().fault(move |_, request| is(request).then(|| reply.clone()));
            rows.push(row(format!("API server, {what}: {how}"), Expect::Unknown, world));
        }
    }
    for hours in [-2, 2] {
        let world = idle().fault(move |_, request| {
            let at = clock() + SignedDuration::from_hours(hours);
            let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            (request.path() == "/version").then(|| Reply::Headed(200, vec![("date", date)], json!({})))
        });
        rows.push(row(format!("API server: its clock is {hours} h off"), Expect::Unknown, world));
    }
    for (what, part) in [("pods", "/ingress-nginx/pods"), ("records", "/mew/secrets"), ("Services", "/mew/services")] {
        let world = idle().fault(move |_, request| {
            let list = json!({"metadata": {"continue": "abc"}, "items": []});
            request.path().ends_with(part).then_some(Reply::Json(200, list))
        });
        rows.push(row(format!("API server: only the first page of the {what}"), Expect::Unknown, world));
    }
    rows
}

fn logs() -> Vec<Row> {
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

fn controllers() -> Vec<Row> {
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
            "slot: somebody is in a pod",
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
fn renamed() -> World {
    let log = [line(590, "mewtwo-web-80", "/", "curl"), line(30, "mew-web-80", "/", "curl")].concat();
    let api = json!({"metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}]}});
    idle().with(|world| (world.log, world.services) = (log, vec![api]))
}

/// Something happens between the decision and the act: after the note that the slot is being reaped.
fn meanwhile() -> Vec<Row> {
    let happens = |name: &str, change: fn(&mut World)| {
        let world = idle().fault(move |world, request| {
            if world.reaping && request.method == "GET" {
                change(world);
            }
            None
        });
        row(format!("between decision and act: {name}"), Expect::Kept, world)
    };
    let restart = idle().fault(|world, request| {
        let down = world.reaping && !request.path().is_empty();
        down.then(|| failure(503, "ServiceUnavailable", "the server is starting"))
    });
    let conflict = idle().fault(|_, request| {
        let note = request.method == "PATCH" && request.body.contains("resourceVersion");
        note.then(|| failure(409, "Conflict", "the object has been modified"))
    });
    let unwritable = idle().fault(|_, request| {
        (request.method == "PATCH").then(|| failure(403, "Forbidden", "slots/status is forbidden"))
    });
    vec![
        happens("a deploy", |world| world.records = vec![record(1, "superseded", 300), record(2, "deployed", 0)]),
        happens("an install under way", |world| world.records.push(record(2, "pending-upgrade", 0))),
        happens("a claim", |world| world.spec = json!({"claim": {"users": ["bob"]}})),
        happens("a keep", |world| world.spec = json!({"keepUntil": second(ago(-60))})),
        happens("a session", |world| {
            world.status["lastSession"] = json!({"time": second(ago(0)), "by": "a", "kind": "exec"});
        }),
        happens("a request", |world| world.log.push_str(&line(0, "mew-web-80", "/", "curl"))),
        happens("its record is written", |world| world.records[0]["metadata"]["resourceVersion"] = json!("8")),
        happens("the release goes", |world| world.records.clear()),
        row("between decision and act: the API server restarts", Expect::Kept, restart),
        row("between decision and act: somebody writes the Slot first", Expect::Unknown, conflict),
        row("the reap cannot be noted", Expect::Unknown, unwritable),
    ]
}

/// Killed at each request, and then somebody came back before the next run.
fn killed() -> Vec<Row> {
    let comes_back = |world: &mut World| world.log.push_str(&line(0, "mew-web-80", "/", "curl"));
    (1..=40)
        .map(|at| {
            let world = idle().with(|world| world.kill_at = Some(at));
            let play = Box::new(move || world.run_twice(Some(Box::new(comes_back))));
            Row { name: format!("killed at its request {at}, then somebody came back"), expect: Expect::Kept, play }
        })
        .collect()
}

/// A source beyond the cluster, asked at a stand-in.
fn asked(
    name: String,
    expect: Expect,
    source: &'static str,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Row {
    let play = Box::new(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(serve(answer));
        let host = address.trim_start_matches("http://");
        let sources = format!("[{}]", source.replace('@', &address).replace('%', host));
        idle().args(&["--sources", &sources]).run()
    });
    Row { name, expect, play }
}

const PROMETHEUS: &str = "{type: prometheus, url: '@', controller: ingress-nginx}";
const LOKI: &str = "{type: loki, url: '@', selector: '{app=\"x\"}'}";
const GOOGLE: &str = "{type: gcp-logging, project: wrong, cluster: dev, endpoint: '@', metadataHost: '%'}";
const BOTH: &str = "{type: ingress-logs}, {type: prometheus, url: '@', controller: ingress-nginx}";

fn sources() -> Vec<Row> {
    let mut rows = Vec::new();
    for (which, source) in
        [("prometheus", PROMETHEUS), ("loki", LOKI), ("gcp-logging", GOOGLE), ("logs and prometheus", BOTH)]
    {
        for (how, reply) in ways() {
            // They have no setting for their time limit, which is longer than a test likes to wait.
            if how == "never answers" {
                continue;
            }
            rows.push(asked(format!("{which}: {how}"), Expect::Unknown, source, move |_| reply.clone()));
        }
        rows.push(row(
            format!("{which}: nobody is at its address"),
            Expect::Unknown,
            idle().args(&[
                "--sources",
                &format!("[{}]", source.replace('@', "http://127.0.0.1:1").replace('%', "127.0.0.1:1")),
            ]),
        ));
    }
    let vector =
        |kind: &str, result: Value| json!({"status": "success", "data": {"resultType": kind, "result": result}});
    let nan = json!([{"metric": {"exported_namespace": "mew"}, "value": [0, "NaN"], "values": [[0, "NaN"]]}]);
    for (how, body) in [
        ("an empty vector", vector("vector", json!([]))),
        ("an empty matrix", vector("matrix", json!([]))),
        ("NaN", vector("matrix", nan.clone())),
        ("NaN in a vector", vector("vector", nan)),
        ("an error with status 200", json!({"status": "error", "errorType": "timeout", "error": "query timed out"})),
        ("success without data", json!({"status": "success"})),
        ("a scalar", json!({"status": "success", "data": {"resultType": "scalar", "result": [0, "0"]}})),
    ] {
        rows.push(asked(format!("prometheus: {how}"), Expect::Unknown, PROMETHEUS, move |_| {
            Reply::Json(200, body.clone())
        }));
    }
    for (how, body) in [("no streams", vector("streams", json!([]))), ("a vector", vector("vector", json!([])))] {
        rows.push(asked(format!("loki: {how}"), Expect::Unknown, LOKI, move |_| Reply::Json(200, body.clone())));
    }
    let token = |request: &Request| {
        let token = json!({"access_token": "x", "expires_in": 3600, "token_type": "Bearer"});
        request
            .path()
            .contains("/token")
            .then(|| Reply::Headed(200, vec![("metadata-flavor", "Google".to_owned())], token))
    };
    for (how, reply) in ways().into_iter().filter(|(how, _)| *how != "never answers") {
        rows.push(asked(format!("gcp-logging, with a good token: {how}"), Expect::Unknown, GOOGLE, move |request| {
            token(request).unwrap_or_else(|| reply.clone())
        }));
    }
    let pages = Arc::new(Mutex::new(0_u32));
    rows.push(asked(
        "gcp-logging: an empty page with a token, for ever".to_owned(),
        Expect::Unknown,
        GOOGLE,
        move |request| {
            *pages.lock().unwrap() += 1;
            token(request)
                .unwrap_or_else(|| Reply::Json(200, json!({"nextPageToken": format!("t{}", pages.lock().unwrap())})))
        },
    ));
    rows.push(asked(
        "gcp-logging: nothing of anybody (a wrong project or cluster)".to_owned(),
        Expect::Unknown,
        GOOGLE,
        move |request| token(request).unwrap_or_else(|| Reply::Json(200, json!({}))),
    ));
    rows.push(metrics("ingress-metrics: no earlier sample", "nginx_ingress_controller_requests 1\n"));
    rows.push(metrics("ingress-metrics: an empty page", ""));
    rows.push(metrics("ingress-metrics: no metrics but a page", "<html></html>\n"));
    rows
}

/// The controller's own counters, which the last run has not seen.
fn metrics(name: &str, page: &'static str) -> Row {
    let world = idle().args(&["--sources", "[{type: ingress-metrics, controller: ingress-nginx}]"]);
    let world =
        world.fault(move |_, request| request.path().contains("/proxy/").then(|| Reply::Text(200, page.to_owned())));
    row(name, Expect::Unknown, world)
}
