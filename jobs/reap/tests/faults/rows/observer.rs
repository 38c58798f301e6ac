//! One job reads for all slots: what it sees keeps a slot, and whatever is wrong with it makes nobody idle.

use std::sync::{Arc, Mutex};

use clap::Parser as _;
use hotdesk_reap::args::Args;
use serde_json::{Value, json};

use super::{Expect, Row, row, ways};
use crate::world::{FakeCluster, RunOutcome, ago, controller, failure, idle, line, second};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = evidence();
    rows.extend(meanwhile());
    rows.extend(observing());
    rows.extend(unreadable());
    rows
}

/// What was asked of the API server: method, path and body.
type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A row whose requests are looked at afterwards.
fn noting(
    name: &str,
    expect: Expect,
    world: FakeCluster,
    check: impl FnOnce(&RunOutcome, &[(String, String, Value)]) + Send + 'static,
) -> Row {
    let (name, asked) = (format!("observer: {name}"), Asked::default());
    let (noted, before) = (asked.clone(), world.fault.clone());
    let world = world.fault(move |world, request| {
        let body = serde_json::from_str(&request.body).unwrap_or_default();
        noted.lock().unwrap().push((request.method.clone(), request.path().to_owned(), body));
        before.as_ref().and_then(|fault| fault(world, request))
    });
    let play = Box::new(move || {
        let ran = world.run();
        check(&ran, &asked.lock().unwrap());
        ran
    });
    Row { name, expect, play }
}

/// The digest of the settings with which a run reads.
fn settings(world: &FakeCluster) -> String {
    let args = Args::try_parse_from(["hotdesk-reap"].into_iter().chain(world.args.iter().map(String::as_str))).unwrap();
    args.rules().unwrap().0.observed_with.concat()
}

/// What the observer saw: when it looked and when the slot was used, in minutes before now.
fn seen(world: &mut FakeCluster, looked: i64, used: i64) {
    let settings = settings(world);
    let last_use = json!({"time": second(ago(used)), "detail": "a request for /cart was served by mew-web-80"});
    world.status["evidence"] =
        json!([{"source": "ingress-logs", "settings": settings, "at": second(ago(looked)), "lastUse": last_use}]);
}

fn logs(asked: &[(String, String, Value)]) -> usize {
    asked.iter().filter(|(_, path, _)| path.ends_with("/log")).count()
}

/// Whom the observer wrote to, with the detail of the first source.
fn written(asked: &[(String, String, Value)]) -> Vec<(String, String)> {
    let patches = asked.iter().filter(|(method, ..)| method == "PATCH");
    let of = |(_, path, body): &(String, String, Value)| {
        assert_eq!(body["status"].as_object().unwrap().keys().collect::<Vec<_>>(), ["evidence"], "{body}");
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let slot = path.split('/').nth(5).unwrap().to_owned();
        (slot, body["status"]["evidence"][0]["lastUse"]["detail"].as_str().unwrap().to_owned())
    };
    patches.map(of).collect()
}

fn evidence() -> Vec<Row> {
    let with = |looked, used| idle().with(move |world| seen(world, looked, used));
    let reads = |name: &str, expect, world| {
        noting(name, expect, world, |ran, asked| assert!(logs(asked) > 0, "no log was read: {ran:?}"))
    };
    let used = |world: FakeCluster| world.with(|world| world.log += &line(30, "mew-web-80", "/own", "curl"));
    let blind = |world: FakeCluster| world.with(|world| world.log = line(30, "mewtwo-web-80", "/", "curl"));
    vec![
        noting(
            "a use within the window keeps the slot, and no log is read",
            Expect::Kept,
            with(10, 20),
            |ran, asked| {
                let told = "mew is in use: a request for /cart was served by mew-web-80 (seen by the observing job in ingress-logs)";
                assert!(ran.code == Some(0) && ran.message.starts_with(told), "{ran:?}");
                assert_eq!(logs(asked), 0, "{asked:?}");
            },
        ),
        reads("control, a use before the window", Expect::Reaped, with(10, 61)),
        reads("control, of an hour ago that was seen long ago", Expect::Reaped, with(60, 61)),
        reads("control, a look that lies ahead", Expect::Reaped, with(-20, 20)),
        reads("control, a use that lies ahead", Expect::Reaped, with(-20, -20)),
        reads("control, a use after the look that saw it", Expect::Reaped, with(30, 20)),
        reads("control, with other paths to ignore", Expect::Reaped, with(10, 20).args(&["--ignore-path=/cart"])),
        reads(
            "control, with other user agents to ignore",
            Expect::Reaped,
            with(10, 20).args(&["--ignore-user-agent=curl/*"]),
        ),
        reads("control, of another format", Expect::Reaped, with(10, 20).args(&["--ingress-log-format=nginx"])),
        reads(
            "control, with other namespaces that are not slots",
            Expect::Reaped,
            with(10, 20).args(&["--other-namespaces=mew-tools"]),
        ),
        reads("what it did not see, the own reading sees", Expect::Kept, used(idle())),
        reads("what it saw before the window, the own reading sees since", Expect::Kept, used(with(10, 61))),
        reads("it saw nobody, and the own log cannot tell", Expect::Unknown, blind(idle())),
        reads("it saw a use before the window, and the own log cannot tell", Expect::Unknown, blind(with(10, 61))),
        row(
            "observer: evidence that cannot be read",
            Expect::Unknown,
            idle().with(|world| world.status["evidence"] = json!("nobody")),
        ),
    ]
}

/// Somebody comes while the slot's own run is at work.
fn meanwhile() -> Vec<Row> {
    let on = |what: &'static str| {
        idle().fault(move |world, request| {
            if request.path().ends_with(what) && world.status["evidence"].is_null() {
                seen(world, 0, 0);
                world.written();
            }
            None
        })
    };
    vec![
        row("observer: a use is seen while the log is read", Expect::Kept, on("/log")),
        row("observer: a use is seen while the controller's pods are listed", Expect::Kept, on("ingress-nginx/pods")),
    ]
}

/// The observing job itself, with a Service of each slot.
fn observer(log: String) -> FakeCluster {
    let service = |slot: &str| {
        let spec = json!({"ports": [{"port": 80}]});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": slot}, "spec": spec})
    };
    idle()
        .with(|world| {
            (world.log, world.services) = (log, vec![]);
            world.objects = ["mew", "mewtwo", "elsewhere"].map(service).to_vec();
        })
        .args(&["observe"])
}

fn observing() -> Vec<Row> {
    let of = |upstream: &str, path: &str, agent: &str| line(10, upstream, path, agent);
    let writes = |name: &str, log: String, expected: &'static [(&'static str, &'static str)]| {
        noting(name, Expect::Kept, observer(log), move |ran, asked| {
            let expected: Vec<_> =
                expected.iter().map(|(slot, detail)| ((*slot).to_owned(), (*detail).to_owned())).collect();
            assert_eq!((written(asked), ran.code), (expected, Some(0)), "{ran:?}");
        })
    };
    let ours = of("mew-web-80", "/cart?token=x", "curl");
    let both = [ours.clone(), line(5, "mewtwo-web-80", "/", "curl"), line(2, "mew-web-80", "/new", "curl")].concat();
    let again = noting(
        "what is hardly newer is not written again",
        Expect::Kept,
        observer(ours.clone()).with(|world| {
            world.args.retain(|arg| arg != "observe");
            seen(world, 11, 12);
            world.args.push("observe".to_owned());
        }),
        |ran, asked| assert_eq!((written(asked), ran.code), (vec![], Some(0)), "{ran:?}"),
    );
    let refused = noting(
        "a source of another type",
        Expect::Kept,
        idle().args(&["--sources", "[{type: loki, url: 'http://127.0.0.1:1', selector: '{a=\"x\"}'}]", "observe"]),
        |ran, asked| {
            assert!(asked.is_empty() && ran.code == Some(2) && ran.message.contains("leave loki to"), "{ran:?}");
        },
    );
    vec![
        writes(
            "it tells a slot of its use, without the query",
            ours,
            &[("mew", "a request for /cart was served by mew-web-80")],
        ),
        writes(
            "a line of another slot is only that slot's",
            of("mewtwo-web-80", "/[mew-web-80]", "[mew-web-80] []"),
            &[("mewtwo", "a request for /[mew-web-80] was served by mewtwo-web-80")],
        ),
        writes(
            "each slot is told its newest use",
            both,
            &[
                ("mew", "a request for /new was served by mew-web-80"),
                ("mewtwo", "a request for / was served by mewtwo-web-80"),
            ],
        ),
        writes("health checks are not use", of("mew-web-80", "/", "kube-probe/1.37"), &[]),
        writes("a Service that is gone does not count as use", of("mew-old-80", "/", "curl"), &[]),
        writes("what was before its reach is not use", line(26, "mew-web-80", "/", "curl"), &[]),
        writes("a namespace that is not a slot is told nothing", of("elsewhere-web-80", "/", "curl"), &[]),
        writes("half a line at the end is not read", of("mew-web-80", "/", "curl").trim_end().to_owned(), &[]),
        of_a_route("an Ingress", "networking.k8s.io/v1", "Ingress"),
        of_a_route("an IngressRoute", "traefik.io/v1alpha1", "IngressRoute"),
        of_a_route("an HTTPRoute", "gateway.networking.k8s.io/v1", "HTTPRoute"),
        again,
        refused,
        first_it_then_the_reaper(),
    ]
}

/// A line of Traefik's that names a route in the place of a Service.
fn of_a_route(what: &str, version: &str, kind: &str) -> Row {
    let (at, service) = (ago(10), "mew-shop-38bcef08ab977d6de43a@kubernetescrd");
    let said = json!({"DownstreamStatus": 200, "RouterName": service, "ServiceName": service, "time": second(at)});
    let route =
        |slot: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "shop", "namespace": slot}});
    let world = observer(format!("{at} {said}\n"));
    let world = world.with(|world| world.objects.extend(["mew", "elsewhere"].map(route)));
    noting(&format!("a line that names {what}"), Expect::Kept, world, |ran, asked| {
        let told: Vec<String> = written(asked).into_iter().map(|(slot, _)| slot).collect();
        assert_eq!((told, ran.code), (vec!["mew".to_owned()], Some(0)), "{ran:?}");
    })
}

/// The whole of it: the observing job sees a use that the log of the slot's own run no longer has.
fn first_it_then_the_reaper() -> Row {
    let play = || {
        let log = [line(590, "mewtwo-web-80", "/", "curl"), line(10, "mew-web-80", "/cart", "curl")].concat();
        let ran = observer(log).run_twice(Some(Box::new(|world| {
            assert!(world.status["evidence"].is_array(), "nothing was written");
            world.log = idle().log;
            world.args.retain(|arg| arg != "observe");
        })));
        assert!(ran.message.contains("seen by the observing job"), "{ran:?}");
        ran
    };
    Row {
        name: "observer: it sees a use, and the reaper keeps the slot".to_owned(),
        expect: Expect::Kept,
        play: Box::new(play),
    }
}

fn unreadable() -> Vec<Row> {
    let used = || line(10, "mew-web-80", "/", "curl");
    let says = |name: String, world: FakeCluster, says: &'static [&'static str]| {
        noting(&name, Expect::Unknown, world, move |ran, asked| {
            assert_eq!(written(asked), vec![], "{ran:?}");
            assert!(says.iter().all(|part| ran.message.contains(part)), "{says:?} is not in {ran:?}");
        })
    };
    let mut rows = vec![says(
        "its source may not be read".to_owned(),
        observer(used()).fault(|_, request| {
            request.path().ends_with("/log").then(|| failure(403, "Forbidden", "pods/log is forbidden"))
        }),
        &[
            "Slots seen in use: 0 of 2",
            "ingress-logs: the log of the controller pod controller-a cannot be read",
            "reads for itself",
        ],
    )];
    for (how, reply) in ways() {
        for (what, path) in
            [("the Slots", "/apis/hotdesk.dev/v1alpha1/slots"), ("the pods", "/api/v1/namespaces/ingress-nginx/pods")]
        {
            let reply = reply.clone();
            let world = observer(used()).fault(move |_, request| (request.path() == path).then(|| reply.clone()));
            rows.push(says(format!("{what}: {how}"), world, &["reads for itself"]));
        }
    }
    let half = observer(used()).with(|world| world.pods.push(controller("controller-b", 600)));
    let half = half.fault(|_, request| {
        let second = request.path().ends_with("/controller-b/log");
        second.then(|| failure(500, "InternalError", "the node is gone"))
    });
    rows.push(noting(
        "one of two pods cannot be read: what the other showed is written",
        Expect::Unknown,
        half,
        |ran, asked| {
            assert_eq!(written(asked).len(), 1, "{ran:?}");
            assert!(ran.message.contains("controller-b cannot be read"), "{ran:?}");
        },
    ));
    rows
}
