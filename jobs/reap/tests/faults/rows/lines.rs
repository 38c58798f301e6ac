//! Cases of `crates/traffic/tests/data/reaper-lines.jsonl` that are about more than a line: the controller's pods, the pieces
//! of a long line, and what the reaper finds out about the slot before it reads one.

use hotdesk_http::fake_server::Reply;
use serde_json::{Value, json};

use super::{Expect, Row, row};
use crate::world::{FakeCluster, ago, controller, idle, line, second};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = dead();
    rows.extend(long());
    rows.extend(known());
    rows.extend(objects());
    rows
}

/// A row that is Unknown for this reason.
fn unknown(name: &'static str, why: &'static str, world: FakeCluster) -> Row {
    let play = Box::new(move || {
        let ran = world.run();
        assert!(ran.message.contains(why), "{name}: {why:?} is not in {:?}\n{}", ran.message, ran.log);
        ran
    });
    Row { name: name.to_owned(), expect: Expect::Unknown, play }
}

fn ended(phase: &str, minutes: i64) -> Value {
    let mut pod = controller("controller-b", 4000);
    pod["status"]["phase"] = json!(phase);
    let terminated = json!({"exitCode": 0, "finishedAt": second(ago(minutes))});
    pod["status"]["containerStatuses"][0]["state"] = json!({"terminated": terminated});
    pod
}

/// What the kubelet leaves of a pod that it evicts: no container, and conditions.
fn evicted(minutes: i64) -> Value {
    let mut pod = controller("controller-b", 4000);
    let condition = json!({"type": "Ready", "status": "False", "lastTransitionTime": second(ago(minutes))});
    pod["status"] = json!({"phase": "Failed", "reason": "Evicted", "conditions": [condition]});
    pod
}

fn dead() -> Vec<Row> {
    let with = |pod: Value| idle().with(|world| world.pods.push(pod));
    let mut pending = controller("controller-b", 60);
    pending["status"] = json!({"phase": "Pending"});
    let mut creating = pending.clone();
    creating["status"]["containerStatuses"] = json!([{
        "name": "controller", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff"}},
    }]);
    let alone = pending.clone();
    vec![
        row("dead-1: a pod that Failed 30 h ago", Expect::Reaped, with(ended("Failed", 1800))),
        row("dead-1: a pod that Succeeded 30 h ago", Expect::Reaped, with(ended("Succeeded", 1800))),
        row("dead-1: a pod that was evicted 30 h ago", Expect::Reaped, with(evicted(1800))),
        row("dead-2: a pod that is Pending and never ran", Expect::Reaped, with(pending)),
        row("dead-2: a pod whose image cannot be had", Expect::Reaped, with(creating)),
        unknown("dead-3: a pod that was evicted 10 min ago", "controller-b is Failed since", with(evicted(10))),
        unknown("dead-3: a pod that Failed 10 min ago", "controller-b is Failed since", with(ended("Failed", 10))),
        unknown(
            "dead: the only pod is Pending",
            "no pod of the ingress controller runs",
            idle().with(|world| world.pods = vec![alone]),
        ),
    ]
}

/// The last line of the log, and what the kubelet shows as its last piece.
fn pieces(last: impl Fn(i64) -> String, piece: impl Fn(&str) -> String) -> FakeCluster {
    let written = last(1);
    let shown = format!("{} {}", ago(0), piece(written.trim_end()));
    idle().with(|world| world.log += &written).fault(move |_, request| {
        let end = request.path().ends_with("/log") && request.target.contains("tailLines=1");
        end.then(|| Reply::Text(200, format!("{shown}\n")))
    })
}

fn long() -> Vec<Row> {
    let others = |minutes| line(minutes, "mewtwo-web-80", &format!("/{}", "a".repeat(60_000)), "curl");
    let end = |line: &str| line[line.len() - 11_000..].to_owned();
    let other = |_: &str| "203.0.113.9 - - something that was not served".to_owned();
    let whole = |line: &str| line.split_once(' ').map(|(_, text)| text.to_owned()).unwrap();
    vec![
        row("share-6: the newest line was written in pieces", Expect::Reaped, pieces(others, end)),
        unknown("share-6: the last piece is of another line", "it broke off before its end", pieces(others, other)),
        unknown(
            "share-6: the last line is one of its own, and was not served",
            "it broke off before its end",
            pieces(others, whole),
        ),
    ]
}

/// TCP sessions, and Ingresses with snippets.
fn objects() -> Vec<Row> {
    let session = |world: &mut FakeCluster| {
        let at = ago(30);
        let time = at.strftime("%d/%b/%Y:%H:%M:%S +0000");
        world.log += &format!("{at} [203.0.113.9] [{time}] TCP 200 512 612 0.101\n");
    };
    let map = |to: &str| {
        let metadata = json!({"name": "tcp-services", "namespace": "ingress-nginx"});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"5432": format!("{to}/db:5432")}})
    };
    let streams = |world: FakeCluster, to: &str| world.with(|world| world.objects.push(map(to)));
    let snippet = |text: &str| {
        let annotations = json!({"nginx.ingress.kubernetes.io/server-snippet": text});
        let ingress = json!({
            "metadata": {"name": "web", "namespace": "mew", "annotations": annotations}, "spec": {"ingressClassName": "nginx"},
        });
        idle().with(|world| world.ingresses.push(ingress)).args(&["--ingress-class", "nginx"])
    };
    vec![
        unknown(
            "stream-1: a session, and a TCP service of the slot",
            "tcp-services passes the port 5432 on to mew/db",
            streams(idle().with(session), "mew"),
        ),
        unknown("stream-3: a session, and no ConfigMap", "a TCP or UDP session", idle().with(session)),
        row("stream-4: a session of another slot", Expect::Reaped, streams(idle().with(session), "pikachu")),
        unknown(
            "stream-5: a TCP service of the slot, and no session",
            "tcp-services passes the port 5432 on to mew/db",
            streams(idle(), "mew"),
        ),
        unknown("snippet-2: a snippet that answers", "Ingress mew/web", snippet("location /hook { return 200; }")),
        row("snippet-3: a snippet that adds a header", Expect::Reaped, snippet("more_set_headers \"X-Env: dev\";")),
    ]
}

/// A line that names nobody or a route: who served is told by what there is in the slot.
fn known() -> Vec<Row> {
    let nobody = |world: &mut FakeCluster| world.log += &line(30, "-", "/", "curl/8.5");
    let by = |world: &mut FakeCluster, upstream: &str| {
        world.log += &line(30, upstream, "/", "curl/8.5").replace("10.244.0.7:8080", "10.96.10.7:80");
    };
    let strange = |world: &mut FakeCluster| by(world, "infra-shop-80");
    let others = |world: &mut FakeCluster| by(world, "mewtwo-web-80");
    let pod = |status: Value, spec: Value| {
        let metadata = json!({"name": "web-7d9c", "namespace": "mew"});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})
    };
    let running = json!({"phase": "Running", "podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}]});
    let ended = json!({"phase": "Succeeded", "podIP": "10.244.0.7"});
    let with = |world: FakeCluster, object: Value| world.with(|world| world.objects.push(object));
    let service = json!({"metadata": {"name": "web"}, "spec": {"clusterIP": "10.96.10.7", "ports": [{"port": 80}]}});
    let served = |world: FakeCluster| world.with(|world| world.services = vec![service]);
    let hosted = |world: &mut FakeCluster| {
        let entry =
            json!({"status": 404, "path": "/", "proxy_upstream_name": "-", "vhost": "shop.example.com", "host": "x"});
        world.log += &format!("{} {entry}\n", ago(30));
    };
    let ingress = |host: &str| {
        let spec = json!({"ingressClassName": "nginx", "rules": [{"host": host}]});
        let world = idle().with(hosted).args(&["--ingress-class", "nginx"]);
        world.with(|world| world.ingresses.push(json!({"metadata": {"name": "web"}, "spec": spec})))
    };
    let traefik = |world: &mut FakeCluster| {
        let (at, service) = (ago(30), "mew-web-38bcef08ab977d6de43a@kubernetescrd");
        let line = json!({"DownstreamStatus": 200, "RouterName": service, "ServiceName": service, "time": second(at)});
        world.log += &format!("{at} {line}\n");
    };
    let route = json!({
        "apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": "web", "namespace": "mew"},
    });
    let none = json!({"containers": []});
    let own = pod(running.clone(), none.clone());
    let of_node = pod(running, json!({"hostNetwork": true, "containers": []}));
    let ignoring = idle().with(nobody).args(&["--ignore-direct-traffic"]);
    vec![
        row("unnamed-1: a pod of the slot served", Expect::Kept, with(idle().with(nobody), own.clone())),
        row(
            "unnamed-1: a pod that has ended had the address",
            Expect::Reaped,
            with(idle().with(nobody), pod(ended, none)),
        ),
        row("unnamed-1: the address is a node's", Expect::Reaped, with(ignoring, of_node)),
        row("cross-7: a Service of the slot served", Expect::Kept, served.clone()(idle().with(strange))),
        row("proof-1: it served under another slot's name", Expect::Kept, served(idle().with(others))),
        row("proof-1: an address that is none of the slot's", Expect::Reaped, idle().with(others)),
        unknown(
            "host-1: a request for the host of the slot's Ingress",
            "a request for the host of mew (shop.example.com)",
            ingress("shop.example.com"),
        ),
        row("host-4: a request for a host below it", Expect::Reaped, ingress("example.com")),
        row("cross-7: an alias, and nobody's address", Expect::Reaped, idle().with(strange)),
        row("hold-1: a pod of the slot has an address that was another slot's", Expect::Reaped, with(idle(), own)),
        row("traefik-1: an IngressRoute of the slot", Expect::Kept, with(idle().with(traefik), route)),
        unknown(
            "traefik-1: no such IngressRoute",
            "mew-web-38bcef08ab977d6de43a, which matches no Service",
            idle().with(traefik),
        ),
        unknown("sight-2: no name of a namespace that exists", "one names ghost-town-80", {
            idle().with(|world| world.log = world.log.replace("mewtwo-web-80", "ghost-town-80"))
        }),
    ]
}
