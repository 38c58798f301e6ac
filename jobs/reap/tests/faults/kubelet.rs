//! A kubelet with TLS, as the reaper asks it for the usage of the slot's pods, and the API server's part in that.

use std::sync::{Arc, Mutex};

use hotdesk_http::fake_server::{Reply, Request, serve_tls};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::world::{FakeCluster, RunOutcome, ago, clock, second};

/// What the pod had received when it was last read, an hour ago.
pub(crate) const BEFORE: u64 = 3 << 30;

/// A kubelet with one pod of the slot's, which received nothing since it was last read.
#[derive(Clone)]
pub(crate) struct Kubelet {
    pub(crate) bytes: Option<u64>,
    pub(crate) cpu_ms: u64,
    pub(crate) probes: u64,
    pub(crate) started: Timestamp,
    pub(crate) uid: &'static str,
    /// What it answers otherwise.
    pub(crate) fault: Option<(&'static str, Reply)>,
    /// What comes in between two questions.
    pub(crate) more: u64,
    /// How often it was asked.
    pub(crate) asked: usize,
    /// The names that its certificate is for.
    pub(crate) certified: &'static str,
    /// True if the reaper knows it by another certificate.
    pub(crate) stranger: bool,
    /// True if nobody listens where its Node says.
    pub(crate) deaf: bool,
}

pub(crate) fn quiet() -> Kubelet {
    Kubelet {
        bytes: Some(BEFORE),
        cpu_ms: 9000,
        probes: 0,
        started: ago(5000),
        uid: "u1",
        fault: None,
        more: 0,
        asked: 0,
        certified: "127.0.0.1",
        stranger: false,
        deaf: false,
    }
}

impl Kubelet {
    fn answer(&mut self, request: &Request) -> Reply {
        self.asked += 1;
        if request.header("authorization") != "Bearer of-pod-usage" {
            return Reply::Text(401, "Unauthorized".to_owned());
        }
        match &self.fault {
            Some((path, reply)) if request.path() == *path => return reply.clone(),
            _ => {}
        }
        match request.path() {
            "/stats/summary" => {
                let received = self.bytes.map(|bytes| bytes + self.more * u64::try_from((self.asked - 1) / 2).unwrap());
                Reply::Json(200, self.summary(received))
            }
            "/metrics/probes" => Reply::Text(200, self.probes()),
            _ => Reply::Text(404, "404 page not found".to_owned()),
        }
    }

    fn summary(&self, received: Option<u64>) -> Value {
        let at = second(clock());
        let mut pod = json!({
            "podRef": {"name": "web-0", "namespace": "mew", "uid": self.uid}, "startTime": second(self.started),
            "cpu": {"time": at, "usageNanoCores": 1, "usageCoreNanoSeconds": self.cpu_ms * 1_000_000},
        });
        if let Some(bytes) = received {
            pod["network"] = json!({"time": at, "name": "eth0", "rxBytes": bytes, "interfaces": [{"name": "eth0", "rxBytes": bytes}]});
        }
        let theirs = json!({"podRef": {"name": "web-0", "namespace": "mewtwo", "uid": "u9"}, "startTime": at});
        json!({"node": {"nodeName": "n1"}, "pods": [theirs, pod]})
    }

    fn probes(&self) -> String {
        format!(
            "# TYPE prober_probe_total counter\nprober_probe_total{{container=\"c\",namespace=\"mew\",pod=\"web-0\",pod_uid=\"u1\",\
             probe_type=\"Liveness\",result=\"successful\"}} {}\n",
            self.probes
        )
    }
}

/// What the API server says of a Node, and of a token.
fn of_cluster(request: &Request, port: u16) -> Option<Reply> {
    match (request.method.as_str(), request.path()) {
        ("GET", "/api/v1/nodes/n1") => Some(Reply::Json(
            200,
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"},
                "status": {"addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "127.0.0.1"}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}},
            }),
        )),
        ("POST", "/api/v1/namespaces/hotdesk-jobs/serviceaccounts/pod-usage/token") => {
            let status = json!({"token": "of-pod-usage", "expirationTimestamp": second(clock() + SignedDuration::from_mins(10))});
            Some(Reply::Json(
                201,
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": {"audiences": []}, "status": status}),
            ))
        }
        _ => None,
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A run with a kubelet, and whether that was asked anything.
pub(crate) fn ran(world: FakeCluster, kubelet: Kubelet) -> (RunOutcome, usize) {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec![kubelet.certified.to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec![kubelet.certified.to_owned()]).unwrap();
    let known = if kubelet.stranger { other.cert.pem() } else { made.cert.pem() };
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, known).unwrap();
    let deaf = kubelet.deaf;
    let shared = Arc::new(Mutex::new(kubelet));
    let answering = shared.clone();
    let serving = serve_tls(made.cert.der().to_vec(), made.signing_key.serialize_der(), move |request| {
        answering.lock().unwrap().answer(request)
    });
    let address = runtime.block_on(serving);
    let port = if deaf { 1 } else { address.rsplit(':').next().unwrap().parse().unwrap() };
    let own = world.fault.clone();
    let usage = format!("{{from: kubelets, account: hotdesk-jobs/pod-usage, kubelet: {{caFile: {}}}}}", ca.display());
    let world = world.args(&["--pod-usage", &usage]).fault(move |world, request| {
        own.clone().and_then(|own| own(world, request)).or_else(|| of_cluster(request, port))
    });
    let ran = world.run();
    let asked = shared.lock().unwrap().asked;
    (ran, asked)
}
