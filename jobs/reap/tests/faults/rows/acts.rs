//! Something happens while the program works.

use hotdesk_http::fake_server::Reply;
use serde_json::json;

use super::{Expect, Row, row};
use crate::world::{FakeCluster, ago, failure, idle, line, record, second};

/// Something happens between the decision and the act: after the note that the slot is being reaped.
pub(crate) fn meanwhile() -> Vec<Row> {
    let happens = |name: &str, change: fn(&mut FakeCluster)| {
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
    // Right before the note of the reap is taken.
    let written = |name: &str, expect, change: fn(&mut FakeCluster)| {
        let world = idle().fault(move |world, request| {
            if !world.reaping && request.method == "PATCH" && request.body.contains("\"reaping\":{") {
                change(world);
                world.written();
                world.fault = None;
            }
            None
        });
        row(format!("between decision and act: {name}"), expect, world)
    };
    let unwritable = idle().fault(|_, request| {
        (request.method == "PATCH").then(|| failure(403, "Forbidden", "slots/status is forbidden"))
    });
    vec![
        happens("a deploy", |world| world.records = vec![record(1, "superseded", 300), record(2, "deployed", 0)]),
        happens("an install under way", |world| world.records.push(record(2, "pending-upgrade", 0))),
        happens("the slot changes hands", |world| world.annotations["hotdesk.dev/claim-id"] = json!("c2")),
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
        written("the controller tells of a step of this run", Expect::Reaped, |world| {
            world.status["request"] = json!({"id": "r1", "kind": "reap", "phase": "Running", "steps": ["mew is idle"]});
        }),
        // What was written is judged as well.
        written("a session is noted", Expect::Kept, |world| {
            world.status["lastSession"] = json!({"time": second(ago(0)), "by": "a", "kind": "exec"});
        }),
        written("somebody claims it", Expect::Kept, |world| {
            world.spec = json!({"claim": {"users": ["bob"]}});
            world.annotations = json!({"hotdesk.dev/claim-id": "c2", "hotdesk.dev/claimed-at": second(ago(0))});
        }),
        written("somebody keeps it", Expect::Kept, |world| world.spec = json!({"keepUntil": second(ago(-60))})),
        written("nothing that is use", Expect::Reaped, |world| world.spec = json!({"host": "mew.example.com"})),
    ]
}

/// The log changes between the decision and the act, and the look that precedes the act must see it.
pub(crate) fn logs_before_the_act() -> Vec<Row> {
    // Once, before the first request of the look that precedes the act.
    let happens = |name: &str, expect, world: FakeCluster, change: fn(&mut FakeCluster)| {
        let world = world.fault(move |world, request| {
            if world.reaping && request.method == "GET" {
                change(world);
                world.reaping = false;
            }
            None
        });
        row(format!("between decision and act: {name}"), expect, world)
    };
    let reads = |what: &'static str, expect, reply: fn(&FakeCluster) -> Reply, request: bool| {
        let world = idle().fault(move |world, asked| {
            if world.reaping && request && !world.log.contains("mew-web-80") {
                world.log.push_str(&line(0, "mew-web-80", "/", "curl/8.5"));
            }
            let last = asked.target.split(['?', '&']).any(|part| part == "tailLines=1");
            (world.reaping && asked.path().ends_with("/log") && !last).then(|| reply(world))
        });
        let came = if request { ", and somebody came" } else { "" };
        row(format!("between decision and act: what is read of the log {what}{came}"), expect, world)
    };
    let neighbours = idle()
        .with(|world| world.log.insert_str(0, &line(595, "mewtwo-web-80", "/", "curl/8.5")))
        .with(|world| world.log.push_str(&line(0, "mew-two-web-80", "/", "curl/8.5")))
        .fault(|world, request| {
            let list = |names: &[&str]| {
                let slots = names.iter().map(|name| json!({"metadata": {"name": "slot", "namespace": name}}));
                Reply::Json(200, json!({"metadata": {}, "items": slots.collect::<Vec<_>>()}))
            };
            let known: &[&str] = if world.reaping { &["mew"] } else { &["mew", "mew-two"] };
            (request.path() == "/apis/hotdesk.dev/v1alpha1/slots").then(|| list(known))
        });
    let cut: fn(&FakeCluster) -> Reply = |world| Reply::Text(200, world.log.trim_end().to_owned());
    let early: fn(&FakeCluster) -> Reply = |world| {
        let end = world.log.trim_end().rfind('\n').unwrap_or_default();
        Reply::Text(200, world.log[..=end].to_owned())
    };
    let rotated: fn(&FakeCluster) -> Reply = |_| Reply::Text(200, line(0, "mewtwo-web-80", "/", "curl/8.5"));
    let failed: fn(&FakeCluster) -> Reply = |_| failure(500, "InternalError", "the node is gone");
    let other: fn(&FakeCluster) -> Reply = |_| Reply::Text(200, "failed to open log file\n".to_owned());
    let empty: fn(&FakeCluster) -> Reply = |_| Reply::Text(200, String::new());
    let mut rows = vec![
        happens("others' requests", Expect::Reaped, idle(), |world| {
            world.log.push_str(&line(0, "mewtwo-web-80", "/", "curl/8.5"));
        }),
        happens("a request, by a clock that was set back", Expect::Kept, idle(), |world| {
            world.log.push_str(&line(40, "mew-web-80", "/", "curl/8.5"));
        }),
        happens("a request before many others", Expect::Kept, idle(), |world| {
            world.log.push_str(&line(0, "mew-web-80", "/", "curl/8.5"));
            (0..600).for_each(|_| world.log.push_str(&line(0, "mewtwo-web-80", "/", "curl/8.5")));
        }),
        happens("its log is rotated, and nobody came", Expect::Unknown, idle(), |world| {
            world.log = line(0, "mewtwo-web-80", "/", "curl/8.5");
        }),
        happens("its log is rotated, and is empty", Expect::Unknown, idle(), |world| world.log.clear()),
        happens("the controller restarts", Expect::Unknown, idle(), |world| {
            world.log = line(0, "mewtwo-web-80", "/", "curl/8.5");
            world.pods[0]["status"]["containerStatuses"][0]["restartCount"] = json!(1);
            world.pods[0]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = json!(second(ago(0)));
        }),
        happens("another pod takes over under the same name", Expect::Unknown, idle(), |world| {
            world.pods[0]["metadata"]["uid"] = json!("another");
            world.log = line(0, "mewtwo-web-80", "/", "curl/8.5");
        }),
        happens("a line that cannot be read", Expect::Unknown, idle(), |world| {
            world.log.push_str(&format!("{} something odd\n", ago(0)));
        }),
        row("between decision and act: a neighbour whose lines are in the log goes", Expect::Unknown, neighbours),
    ];
    for (what, reply) in [
        ("is cut within a line", cut),
        ("is cut between two", early),
        ("is of a rotated log", rotated),
        ("is an error", failed),
        ("is something else", other),
        ("is nothing", empty),
    ] {
        rows.push(reads(what, Expect::Unknown, reply, false));
        rows.push(reads(what, Expect::Unknown, reply, true));
    }
    rows
}

/// helm began, and did not do it.
pub(crate) fn helm() -> Vec<Row> {
    let ways = [
        ("fails", "echo 'Error: failed to delete release: web' >&2; exit 1"),
        ("is killed", "kill -9 $$"),
        ("hangs", "exec sleep 300"),
        ("says that it is done, and the record is there", "true"),
        ("works, and the pod is ended, as by its Job's deadline", "kill -TERM $PPID; exec sleep 30"),
    ];
    let rows =
        ways.map(|(how, helm)| row(format!("helm {how}"), Expect::Unfinished, idle().with(|world| world.helm = helm)));
    rows.into()
}

/// The program cannot do its work, whatever the slot is.
pub(crate) fn unfit() -> Vec<Row> {
    // An older verdict must not outlive it.
    let before = |world: &mut FakeCluster| {
        world.status["verdict"] = json!({"state": "Idle", "reason": "as before", "at": second(ago(60))});
        world.status["nextReapAt"] = json!(second(ago(5)));
    };
    vec![
        row("helm is not there", Expect::Failed(1), idle().with(before).with(|world| world.helm = "")),
        row("its sources cannot be read", Expect::Failed(2), idle().with(before).args(&["--sources=[{type: losgs}]"])),
    ]
}

/// Killed at each request, and then somebody came back before the next run.
pub(crate) fn killed() -> Vec<Row> {
    let comes_back = |world: &mut FakeCluster| world.log.push_str(&line(0, "mew-web-80", "/", "curl"));
    (1..=40)
        .map(|at| {
            let world = idle().with(|world| world.kill_at = Some(at));
            let play = Box::new(move || world.run_twice(Some(Box::new(comes_back))));
            Row { name: format!("killed at its request {at}, then somebody came back"), expect: Expect::Kept, play }
        })
        .collect()
}

/// Somebody asked for the run, under a claim.
pub(crate) fn requests() -> Vec<Row> {
    let asked = |under: &str| idle().args(&["--request-id=r1", &format!("--claim-id={under}")]);
    let while_it_reads = asked("c1").fault(|world, request| {
        if request.path().ends_with("/log") {
            world.annotations["hotdesk.dev/claim-id"] = json!("c2");
        }
        None
    });
    let unreadable = asked("c1").fault(|_, request| {
        let own = request.path().ends_with("/slots/slot") && request.method == "GET";
        own.then(|| failure(500, "InternalError", "etcdserver: request timed out"))
    });
    vec![
        row("control: it is asked for under the present claim", Expect::Reaped, asked("c1")),
        row("it was asked for under another claim", Expect::Kept, asked("c2")),
        row("it was asked for, and the slot changes hands while the log is read", Expect::Kept, while_it_reads),
        row("it was asked for, and the Slot cannot be read", Expect::Unknown, unreadable),
    ]
}

/// What goes is written down before it does.
pub(crate) fn saves() -> Vec<Row> {
    let answers = |reply: fn() -> Reply| {
        idle().fault(move |_, request| {
            let save = request.method == "POST" && request.path() == "/api/v1/namespaces/hotdesk-saved/secrets";
            save.then(reply)
        })
    };
    let untold = idle().fault(|_, request| {
        let told = request.method == "PATCH" && request.body.contains("\"saved\"");
        told.then(|| failure(403, "Forbidden", "slots/status is forbidden"))
    });
    let taken_over = idle().fault(|_, request| {
        let mark = json!({"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "mew"});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotations": mark}});
        let own = request.method == "GET" && request.path() == "/api/v1/namespaces/mew/services/web";
        own.then_some(Reply::Json(200, service))
    });
    vec![
        row("it cannot be saved", Expect::Kept, answers(|| failure(403, "Forbidden", "secrets is forbidden"))),
        row("nobody answers when it is saved", Expect::Kept, answers(|| Reply::Silence)),
        row("control: it was saved already", Expect::Reaped, answers(|| failure(409, "AlreadyExists", "it exists"))),
        row("nobody can be told that it is saved", Expect::Kept, untold),
        row("control: an object of it has become another release's, and stays", Expect::Reaped, taken_over),
    ]
}
