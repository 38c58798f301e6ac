//! Something happens while the program works.

use serde_json::json;

use super::{Expect, Row, row};
use crate::world::{World, ago, failure, idle, line, record, second};

/// Something happens between the decision and the act: after the note that the slot is being reaped.
pub(crate) fn meanwhile() -> Vec<Row> {
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

/// helm began, and did not do it.
pub(crate) fn helm() -> Vec<Row> {
    let ways = [
        ("fails", "echo 'Error: failed to delete release: web' >&2; exit 1"),
        ("is killed", "kill -9 $$"),
        ("hangs", "exec sleep 300"),
        ("says that it is done, and the record is there", "true"),
    ];
    let rows =
        ways.map(|(how, helm)| row(format!("helm {how}"), Expect::Unfinished, idle().with(|world| world.helm = helm)));
    rows.into()
}

/// Killed at each request, and then somebody came back before the next run.
pub(crate) fn killed() -> Vec<Row> {
    let comes_back = |world: &mut World| world.log.push_str(&line(0, "mew-web-80", "/", "curl"));
    (1..=40)
        .map(|at| {
            let world = idle().with(|world| world.kill_at = Some(at));
            let play = Box::new(move || world.run_twice(Some(Box::new(comes_back))));
            Row { name: format!("killed at its request {at}, then somebody came back"), expect: Expect::Kept, play }
        })
        .collect()
}
