//! The second witness: what the slot's own pods received, asked of a kubelet with TLS, or of a Prometheus.

use hotdesk_http::fake_server::{Reply, serve};
use serde_json::{Value, json};

use super::{Expect, Row};
use crate::kubelet::{BEFORE, Kubelet, quiet, ran, runtime};
use crate::world::{FakeCluster, ago, failure, idle, line, missing, second};

/// What an hour of a call twice a second brings, as it was measured: 1,025 bytes a second.
const TWICE_A_SECOND: u64 = 1025 * 3600;

fn pod() -> Value {
    let probe = json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "mew", "uid": "u1", "creationTimestamp": second(ago(5000))},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "x", "livenessProbe": probe}]},
        "status": {"phase": "Running", "podIP": "10.244.0.7", "startTime": second(ago(5000))},
    })
}

/// What the last run kept.
fn kept(minutes: i64) -> Value {
    json!({"since": second(ago(300)), "through": second(ago(minutes)), "pods": [{
        "uid": "u1", "name": "web-0", "started": second(ago(5000)), "at": second(ago(minutes)), "bytes": BEFORE,
        "probeBytes": 0, "cpuMs": 9000, "quietest": 400,
    }]})
}

/// An idle slot with one pod, that was last read an hour and a minute ago.
fn world() -> FakeCluster {
    idle().with(|world| {
        world.objects.push(pod());
        world.status = json!({"podUsage": kept(61)});
    })
}

/// A row whose message says this.
fn row(name: &str, expect: Expect, says: &'static str, world: FakeCluster, kubelet: Kubelet) -> Row {
    let name = format!("pod-usage: {name}");
    let told = name.clone();
    let play = Box::new(move || {
        let (ran, asked) = ran(world, kubelet.clone());
        assert!(ran.message.contains(says), "{told}: expected {says:?} in {ran:?}");
        if kubelet.stranger || kubelet.certified != "127.0.0.1" {
            assert_eq!(asked, 0, "{told}: a kubelet that is not verified was sent a token");
        }
        ran
    });
    Row { name, expect, play }
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = uses();
    rows.extend(counters());
    rows.extend(kubelets());
    rows.extend(of_api());
    rows.extend(prometheus());
    rows
}

fn grown(bytes: u64) -> Kubelet {
    Kubelet { bytes: Some(BEFORE + bytes), ..quiet() }
}

fn uses() -> Vec<Row> {
    let told = "that no log explains";
    let chat = 3 * 600 * 1200;
    let busy = Kubelet { cpu_ms: 9000 + 400_000, ..quiet() };
    let probed = Kubelet { probes: 3660, ..grown(524 * 3660) };
    let meanwhile = Kubelet { more: 48 << 20, ..quiet() };
    let request = world().with(|world| world.log += &line(1, "mew-web-80", "/", "curl"));
    let blind = world().with(|world| world.log.clear());
    vec![
        row("e21 a neighbour calls twice a second", Expect::Kept, told, world(), grown(TWICE_A_SECOND)),
        row("control: e22 only probes reach the pod", Expect::Reaped, "does not speak against it", world(), probed),
        row("e23 an upload that goes on since before the window", Expect::Kept, told, world(), grown(48 << 20)),
        row("e24 a WebSocket that has been open for hours", Expect::Kept, told, world(), grown(chat)),
        row("a pod computes for somebody", Expect::Kept, "cores more than in its quietest hour", world(), busy),
        row("bytes come between the verdict and the uninstall", Expect::Kept, told, world(), meanwhile),
        row("control: nothing came in", Expect::Reaped, "the pod received 0 B/s", world(), quiet()),
        row("it sees nobody, and the log cannot tell", Expect::Unknown, "has an empty log", blind, quiet()),
        row(
            "it cannot see, and the log shows somebody",
            Expect::Kept,
            "request",
            request,
            Kubelet { deaf: true, ..quiet() },
        ),
    ]
}

fn counters() -> Vec<Row> {
    let first = || world().with(|world| world.status = json!({}));
    let with = |change: fn(&mut Value)| world().with(|world| change(&mut world.objects[0]));
    let host = with(|pod| pod["spec"]["hostNetwork"] = json!(true)).args(&["--ignore-direct-traffic"]);
    let lost = with(|pod| pod["status"]["phase"] = json!("Unknown"));
    let jobs = with(|pod| {
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "x", "uid": "j", "controller": true}]);
    });
    let jobs = jobs.with(|world| world.status = json!({}));
    let old = world().with(|world| world.status = json!({"podUsage": kept(1300)}));
    let ahead = world().with(|world| world.status = json!({"podUsage": kept(-90)}));
    let gone = world().with(|world| world.objects.clear());
    let joined = world().with(|world| {
        world.status = json!({"podUsage": kept(61)});
        world.status["podUsage"]["since"] = json!(second(ago(20)));
    });
    vec![
        row("the first look", Expect::Unknown, "for this is the first reading", first(), quiet()),
        row(
            "control: the first look, and less than an hour may bring",
            Expect::Reaped,
            "",
            first(),
            Kubelet { bytes: Some(9000), ..quiet() },
        ),
        row("the last reading is a day old", Expect::Unknown, "the next run can tell", old, grown(48 << 20)),
        row("the last reading is from the future", Expect::Unknown, "is from the future", ahead, quiet()),
        row("the readings do not join up", Expect::Unknown, "the readings join up only since", joined, quiet()),
        row(
            "a counter went back",
            Expect::Unknown,
            "web-0 began again",
            world(),
            Kubelet { bytes: Some(9), ..quiet() },
        ),
        row("another sandbox", Expect::Unknown, "web-0 began again", world(), Kubelet { started: ago(20), ..grown(9) }),
        row("a pod has gone", Expect::Unknown, "the pod web-0 is gone since", gone, quiet()),
        row("a pod in the host's network", Expect::Unknown, "the pod web-0 is in the host's network", host, quiet()),
        row("a pod whose node is lost", Expect::Unknown, "kubectl get node n1", lost, quiet()),
        row("control: a pod of a Job receives much", Expect::Reaped, "", jobs, grown(48 << 20)),
        row(
            "no bytes are counted",
            Expect::Unknown,
            "no counter of the bytes received of the pod web-0",
            world(),
            Kubelet { bytes: None, ..quiet() },
        ),
        row(
            "a pod that it does not know",
            Expect::Unknown,
            "no counter of anything of the pod web-0",
            world(),
            Kubelet { uid: "u2", ..quiet() },
        ),
    ]
}

fn kubelets() -> Vec<Row> {
    let mut rows = vec![
        row(
            "nobody listens there",
            Expect::Unknown,
            "the kubelet of the node n1 (127.0.0.1:1): it is out of reach",
            world(),
            Kubelet { deaf: true, ..quiet() },
        ),
        row(
            "another certificate",
            Expect::Unknown,
            "its certificate cannot be verified, so it was asked nothing",
            world(),
            Kubelet { stranger: true, ..quiet() },
        ),
        row(
            "a certificate for another name",
            Expect::Unknown,
            "reaper.podUsage.kubelet.caFile",
            world(),
            Kubelet { certified: "n1", ..quiet() },
        ),
    ];
    for (path, which) in [("/stats/summary", "summary"), ("/metrics/probes", "probes")] {
        for (how, says, reply) in [
            ("401", "it takes no tokens of the cluster (401)", Reply::Text(401, "Unauthorized".to_owned())),
            ("403", "may not get nodes/stats and nodes/metrics", Reply::Text(403, "Forbidden".to_owned())),
            ("404", "(404): set reaper.podUsage.from: prometheus", Reply::Text(404, "not found".to_owned())),
            ("500", "it answered 500", Reply::Text(500, "oops".to_owned())),
            ("a redirect", "it answered 302", Reply::Text(302, String::new())),
            ("broken off", "out of reach", Reply::Truncated(json!({"pods": []}))),
        ] {
            let kubelet = Kubelet { fault: Some((path, reply)), ..quiet() };
            rows.push(row(&format!("{which}: {how}"), Expect::Unknown, says, world(), kubelet));
        }
    }
    for (how, reply) in
        [("half", Reply::Half(json!({"pods": [{"podRef": {}}]}))), ("a page", Reply::Text(200, "<html>".to_owned()))]
    {
        let kubelet = Kubelet { fault: Some(("/stats/summary", reply)), ..quiet() };
        rows.push(row(
            &format!("summary: {how}"),
            Expect::Unknown,
            "something else than a whole answer",
            world(),
            kubelet,
        ));
    }
    let broken = Reply::Text(200, "prober_probe_total{pod=\"web-0\n".to_owned());
    let kubelet = Kubelet { fault: Some(("/metrics/probes", broken)), ..quiet() };
    rows.push(row("probes: broken", Expect::Unknown, "a counter of probes cannot be read", world(), kubelet));
    rows
}

fn of_api() -> Vec<Row> {
    let failing = |part: &'static str, reply: Reply| {
        world().fault(move |_, request| request.path().contains(part).then(|| reply.clone()))
    };
    let forbidden = || failure(403, "Forbidden", "forbidden: User \"reaper-mew\" cannot do that");
    let nowhere = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {}});
    vec![
        row(
            "the Node may not be read",
            Expect::Unknown,
            "the node n1 cannot be read",
            failing("/nodes/n1", forbidden()),
            quiet(),
        ),
        row(
            "the Node is gone",
            Expect::Unknown,
            "the node n1 cannot be read",
            failing("/nodes/n1", missing()),
            quiet(),
        ),
        row(
            "the Node has no address",
            Expect::Unknown,
            "the node n1 has no internal address",
            failing("/nodes/n1", Reply::Json(200, nowhere)),
            quiet(),
        ),
        row(
            "no token may be made",
            Expect::Unknown,
            "no token of the account hotdesk-jobs/pod-usage",
            failing("/token", forbidden()),
            quiet(),
        ),
    ]
}

/// A Prometheus that was asked for the bytes received, and all else is quiet.
fn of_prometheus(
    name: &str,
    expect: Expect,
    says: &'static str,
    received: impl Fn() -> Reply + Send + Sync + 'static,
) -> Row {
    let name = format!("pod-usage by prometheus: {name}");
    let told = name.clone();
    let play = Box::new(move || {
        let address = runtime_serving(received);
        let usage = format!("{{from: prometheus, prometheus: {{url: '{}'}}}}", address.1);
        let ran = world().args(&["--pod-usage", &usage]).run();
        assert!(ran.message.contains(says), "{told}: expected {says:?} in {ran:?}");
        ran
    });
    Row { name, expect, play }
}

fn runtime_serving(received: impl Fn() -> Reply + Send + Sync + 'static) -> (tokio::runtime::Runtime, String) {
    let runtime = runtime();
    let address = runtime.block_on(serve(move |request| {
        if request.target.contains("receive") {
            return received();
        }
        if request.target.contains("min%5Fover%5Ftime") || request.target.contains("min_over_time") {
            return answer("vector", &json!([]));
        }
        let cpu = request.target.contains("cpu");
        answer("matrix", &if cpu { series(0.0) } else { json!([]) })
    }));
    (runtime, address)
}

fn answer(kind: &str, result: &Value) -> Reply {
    Reply::Json(200, json!({"status": "success", "data": {"resultType": kind, "result": result}}))
}

/// The pod's counter, scraped each minute.
fn series(a_second: f64) -> Value {
    let values: Vec<Value> = (0..=70_i32)
        .map(|minute| {
            let at = ago(i64::from(70 - minute)).as_second();
            json!([at, (1e6 + a_second * 60.0 * f64::from(minute)).to_string()])
        })
        .collect();
    json!([{"metric": {"pod": "web-0", "namespace": "mew", "interface": "eth0"}, "values": values}])
}

fn prometheus() -> Vec<Row> {
    vec![
        of_prometheus("e21 a neighbour calls twice a second", Expect::Kept, "that no log explains", || {
            answer("matrix", &series(1025.0))
        }),
        of_prometheus("control: e22 a pod at rest", Expect::Reaped, "does not speak against it", || {
            answer("matrix", &series(20.0))
        }),
        of_prometheus(
            "nothing of the pod",
            Expect::Unknown,
            "no container_network_receive_bytes_total of the pod web-0",
            || answer("matrix", &json!([])),
        ),
        of_prometheus("it answers 403", Expect::Unknown, "pod-usage: ", || Reply::Text(403, "forbidden".to_owned())),
        of_prometheus("an error with status 200", Expect::Unknown, "pod-usage: ", || {
            Reply::Json(200, json!({"status": "error", "error": "timeout"}))
        }),
    ]
}
