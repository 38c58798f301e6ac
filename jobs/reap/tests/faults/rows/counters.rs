//! The controller's own counters, read twice: an hour and a half of them, and what they say now.

use hotdesk_http::fake_server::Reply;
use serde_json::json;

use super::{Expect, Row, ways};
use crate::world::{Change, FakeCluster, ago, controller, idle, second};

const BEFORE: &str = "nginx_ingress_controller_requests{namespace=\"mew\",ingress=\"web\",path=\"/\"} 7\n\
                      nginx_ingress_controller_requests{namespace=\"mewtwo\",ingress=\"web\",path=\"/\"} 9\n";

/// The second run, after what happened since the first.
fn then(name: impl Into<String>, expect: Expect, happened: impl FnOnce(&mut FakeCluster) + Send + 'static) -> Row {
    let play = move || {
        let world = idle().args(&["--sources", "[{type: ingress-metrics, controller: ingress-nginx}]"]);
        let between: Change = Box::new(move |world| {
            let counted = &mut world.status["counted"][0];
            assert!(counted["pods"][0]["digest"].is_string(), "the first run kept no sample: {counted}");
            (counted["since"], counted["through"]) = (json!(second(ago(90))), json!(second(ago(30))));
            happened(world);
        });
        answers(world, Reply::Text(200, BEFORE.to_owned())).run_twice(Some(between))
    };
    Row { name: name.into(), expect, play: Box::new(play) }
}

/// What each pod's `/metrics` answers.
fn answers(world: FakeCluster, reply: Reply) -> FakeCluster {
    world.fault(move |_, request| request.path().contains("/proxy/").then(|| reply.clone()))
}

fn now_says(name: &'static str, expect: Expect, page: &str) -> Row {
    let page = page.to_owned();
    then(name, expect, move |world| *world = answers(world.clone(), Reply::Text(200, page)))
}

/// The controller began from zero, and has counted so many requests of the slot since.
fn restarted(name: &'static str, expect: Expect, pod: &'static str, requests: u32) -> Row {
    let page = if requests == 0 {
        BEFORE.replace("namespace=\"mew\"", "namespace=\"pikachu\"")
    } else {
        BEFORE.replace("} 7", &format!("}} {requests}"))
    };
    then(name, expect, move |world| {
        *world = answers(world.clone(), Reply::Text(200, page));
        world.pods = vec![controller(pod, 10)];
    })
}

pub(crate) fn rows() -> Vec<Row> {
    let own = |requests: &str| BEFORE.replace("} 7", requests);
    let more = |line: &str| format!("{BEFORE}{line}\n");
    let cut = BEFORE.trim_end().to_owned();
    let mut rows = vec![
        now_says("control, ingress-metrics: the counters stand still", Expect::Reaped, BEFORE),
        now_says("control, ingress-metrics: another slot's grew", Expect::Reaped, &BEFORE.replace("} 9", "} 90")),
        now_says("ingress-metrics: the slot's grew by one", Expect::Kept, &own("} 8")),
        now_says(
            "ingress-metrics: one of the slot is new",
            Expect::Kept,
            &more("nginx_ingress_controller_requests{namespace=\"mew\",ingress=\"api\",path=\"/\"} 1"),
        ),
        now_says("ingress-metrics: the slot's fell, and no pod is new", Expect::Unknown, &own("} 3")),
        now_says("ingress-metrics: the slot's is gone, and no pod is new", Expect::Unknown, {
            BEFORE.split_inclusive('\n').next_back().unwrap_or_default()
        }),
        now_says("ingress-metrics: NaN", Expect::Unknown, &own("} NaN")),
        now_says("ingress-metrics: without a namespace", Expect::Unknown, &BEFORE.replace("namespace=\"mew\",", "")),
        now_says("ingress-metrics: half of its last line", Expect::Unknown, &cut),
        now_says("ingress-metrics: it counts nobody any more", Expect::Unknown, "process_start_time_seconds 1e9\n"),
        then("ingress-metrics: the samples are younger than the window", Expect::Unknown, |world| {
            world.status["counted"][0]["since"] = json!(second(ago(40)));
        }),
        then("ingress-metrics: the slot was used within the window", Expect::Kept, |world| {
            world.status["counted"][0]["lastUse"] = json!(second(ago(40)));
            world.status["counted"][0]["since"] = json!(second(ago(40)));
        }),
        restarted("ingress-metrics: the container was restarted", Expect::Unknown, "controller-a", 0),
        restarted("ingress-metrics: another pod took its place", Expect::Unknown, "controller-b", 0),
        restarted("ingress-metrics: restarted, and the slot was used since", Expect::Kept, "controller-a", 2),
        restarted("ingress-metrics: another pod, and the slot was used since", Expect::Kept, "controller-b", 2),
        then("ingress-metrics: what was kept is of the future", Expect::Unknown, |world| {
            world.status["counted"][0]["through"] = json!(second(ago(-90)));
        }),
    ];
    for (how, reply) in ways() {
        rows.push(then(format!("ingress-metrics, the second time: {how}"), Expect::Unknown, move |world| {
            *world = answers(world.clone(), reply);
        }));
    }
    rows
}
