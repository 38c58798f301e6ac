//! A slot that is idle in every way, until a row breaks something: what the API server says, and the sources.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_http::fake_server::{Reply, Request, serve};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{objects, pod_log};

/// No run takes longer, whatever hangs.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    pub code: Option<i32>,
    pub message: String,
    pub log: String,
    pub uninstalls: Vec<String>,
    /// What the Slot's status says afterwards; none if it was never written.
    pub verdict: Option<String>,
}

/// What happens to a world.
pub(crate) type Change = Box<dyn FnOnce(&mut FakeCluster) + Send>;

/// What is asked of the API server, and answered otherwise than usual.
pub(crate) type Fault = Arc<dyn Fn(&mut FakeCluster, &Request) -> Option<Reply> + Send + Sync>;

/// The cluster as the program sees it.
#[derive(Clone)]
pub(crate) struct FakeCluster {
    pub spec: Value,
    pub status: Value,
    /// The Slot's annotations: the id of its claim among them.
    pub annotations: Value,
    pub records: Vec<Value>,
    pub services: Vec<Value>,
    /// Whatever else there is, in any namespace.
    pub objects: Vec<Value>,
    pub ingresses: Vec<Value>,
    pub pods: Vec<Value>,
    /// The records of the webhooks, by their entries.
    pub noting: BTreeMap<String, Noted>,
    pub replica_sets: Vec<Value>,
    pub log: String,
    /// The log before the container's last start.
    pub previous: String,
    pub fault: Option<Fault>,
    /// How many requests have come.
    pub requests: usize,
    /// True once the program has noted that it reaps.
    pub reaping: bool,
    /// The program is killed when this many requests have come.
    pub kill_at: Option<usize>,
    pub args: Vec<String>,
    /// What helm does beyond noting that it was asked to uninstall; nothing: it is not there.
    pub helm: &'static str,
    /// The version of the Slot.
    version: u64,
}

pub(crate) fn clock() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
    Timestamp::now()
}

pub(crate) fn ago(minutes: i64) -> Timestamp {
    clock() - SignedDuration::from_mins(minutes)
}

/// A line of ingress-nginx's log, as the kubelet serves it.
pub(crate) fn line(minutes: i64, upstream: &str, path: &str, agent: &str) -> String {
    let at = ago(minutes);
    let local = at.strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!(
        "{at} 203.0.113.9 - - [{local}] \"GET {path} HTTP/1.1\" 200 6 \"-\" \"{agent}\" 512 0.004 [{upstream}] [] \
         10.244.0.7:8080 612 0.004 200 0af1\n"
    )
}

pub(crate) fn record(revision: i64, status: &str, minutes: i64) -> Value {
    let deployed = ago(minutes).to_string();
    let info = json!({"status": status, "last_deployed": deployed});
    let manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let release = json!({"name": "web", "namespace": "mew", "version": revision, "info": info, "manifest": manifest});
    let release = STANDARD.encode(STANDARD.encode(release.to_string()));
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": format!("sh.helm.release.v1.web.v{revision}"), "namespace": "mew", "resourceVersion": "7",
            "uid": format!("r{revision}"), "creationTimestamp": second(ago(minutes)),
            "labels": {"owner": "helm", "name": "web", "status": status, "version": revision.to_string()},
        },
        "data": {"release": release},
    })
}

pub(crate) fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(crate) fn controller(name: &str, started: i64) -> Value {
    let own = |flag: &str, name: &str| format!("--{flag}=$(POD_NAMESPACE)/{name}");
    let args = [
        own("configmap", "ingress-nginx-controller"),
        own("tcp-services-configmap", "tcp-services"),
        own("udp-services-configmap", "udp-services"),
    ];
    json!({
        "spec": {"containers": [{"name": "controller", "args": args}]},
        "metadata": {
            "namespace": "ingress-nginx",
            "name": name, "uid": name, "creationTimestamp": second(ago(started)),
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "controller", "uid": "1", "controller": true,
            }],
        },
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "controller", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": second(ago(started))}},
        }]},
    })
}

/// The record of a webhook: what it says at any moment.
#[derive(Debug, Clone)]
pub(crate) struct Noted {
    /// Since when and until when it was there, in seconds before that moment.
    pub over: (i64, i64),
    pub more: Value,
}

pub(crate) fn noted(since: i64, until: i64) -> Noted {
    Noted { over: (since, until), more: json!({}) }
}

impl Noted {
    fn record(&self) -> Value {
        let at = |seconds| (clock() - SignedDuration::from_secs(seconds)).to_string();
        let mut record = json!({"since": at(self.over.0), "writtenUntil": at(self.over.1)});
        json_patch::merge(&mut record, &self.more);
        record
    }
}

/// Nothing is wrong, and nobody was there for hours.
pub(crate) fn idle() -> FakeCluster {
    let usual =
        ["--window=1h", "--office-hours=[]", "--api-timeout=3s", "--retries=0", "--pause=0s", "--uninstall-timeout=2s"];
    FakeCluster {
        spec: json!({}),
        status: json!({}),
        annotations: json!({"hotdesk.dev/claim-id": "c1"}),
        records: vec![record(1, "deployed", 300)],
        services: vec![json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})],
        objects: vec![],
        ingresses: vec![],
        pods: vec![controller("controller-a", 600)],
        noting: [("webhook-a.1", noted(900 * 60, 3)), ("webhook-b.1", noted(600 * 60, 8))]
            .map(|(entry, record)| (entry.to_owned(), record))
            .into(),
        replica_sets: vec![json!({"metadata": {"name": "controller", "creationTimestamp": second(ago(600))}})],
        log: [590, 120, 30, 1].map(|minutes| line(minutes, "mewtwo-web-80", "/", "curl/8.5")).concat(),
        previous: String::new(),
        fault: None,
        requests: 0,
        reaping: false,
        kill_at: None,
        args: usual.map(str::to_owned).to_vec(),
        helm: "true",
        version: 100,
    }
}

impl FakeCluster {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    pub(crate) fn fault(self, fault: impl Fn(&mut Self, &Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self { fault: Some(Arc::new(fault)), ..self }
    }

    fn slot(&self) -> Value {
        let version = self.version.to_string();
        json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": self.spec, "status": self.status,
            "metadata": {
                "name": "slot", "namespace": "mew", "uid": "s", "resourceVersion": version, "annotations": self.annotations,
            },
        })
    }

    fn verdict(&self) -> Option<String> {
        self.status["verdict"]["state"].as_str().map(str::to_owned)
    }

    /// Somebody has written the Slot.
    pub(crate) fn written(&mut self) {
        self.version += 1;
    }

    fn answer(&mut self, request: &Request) -> Reply {
        self.requests += 1;
        if let Some(reply) = self.fault.clone().and_then(|fault| fault(self, request)) {
            return reply;
        }
        let (path, target) = (request.path(), request.target.as_str());
        let list = |items: &[Value]| Reply::Json(200, json!({"metadata": {}, "items": items}));
        let own = "/apis/hotdesk.dev/v1alpha1/namespaces/mew/slots/slot";
        match (request.method.as_str(), path) {
            ("GET", "/version") => Reply::Json(200, json!({"major": "1", "minor": "37"})),
            ("GET", path) if path == own => Reply::Json(200, self.slot()),
            ("GET", "/apis/hotdesk.dev/v1alpha1/slots") => list(&["mew", "mewtwo"].map(|name| {
                let status = if name == "mew" { self.status.clone() } else { json!({}) };
                json!({"metadata": {"name": "slot", "namespace": name}, "spec": {}, "status": status})
            })),
            ("PATCH", path) if path.starts_with(own) => self.patched(request),
            // Of another slot, whatever is written.
            ("PATCH", path) if path.ends_with("/slots/slot/status") => Reply::Json(200, self.slot()),
            ("GET", "/api/v1/namespaces/mew/secrets") => list(&self.records),
            ("GET", "/api/v1/namespaces/mew/services") => {
                list(&objects::with(&self.services, &self.objects, "Service"))
            }
            ("GET", "/apis/networking.k8s.io/v1/namespaces/mew/ingresses") => {
                list(&objects::with(&self.ingresses, &self.objects, "Ingress"))
            }
            ("GET", "/api/v1/namespaces/ingress-nginx/pods") => list(&self.pods),
            ("GET", "/apis/apps/v1/namespaces/ingress-nginx/replicasets") => list(&self.replica_sets),
            ("GET", "/api/v1/namespaces/hotdesk-jobs/configmaps/hotdesk-sessions") => self.noting(),
            ("GET", path) if path.ends_with("/log") => self.logged(target),
            ("GET", path) if path.contains("/mew/secrets/") => {
                let name = path.rsplit('/').next();
                let found = self.records.iter().find(|record| record["metadata"]["name"].as_str() == name);
                found.map_or_else(missing, |record| Reply::Json(200, record.clone()))
            }
            ("GET", "/api/v1/namespaces/mew/services/web") => self.service(),
            ("GET", path) if path.contains("/mew/") && path.rsplit('/').next() == Some("web") => missing(),
            ("GET", "/api/v1") => Reply::Json(200, resources()),
            ("GET", path) if objects::serves(path) => objects::answer(self, path, target),
            ("GET", _) => list(&[]),
            // Whatever is written is taken as it is.
            _ => Reply::Json(200, serde_json::from_str(&request.body).unwrap_or_default()),
        }
    }

    /// What the webhooks say of the time over which they noted sessions.
    fn noting(&self) -> Reply {
        let record = |(entry, noted): (&String, &Noted)| (entry.clone(), Value::from(noted.record().to_string()));
        let data: serde_json::Map<String, Value> = self.noting.iter().map(record).collect();
        Reply::Json(200, json!({"metadata": {"name": "hotdesk-sessions"}, "data": data}))
    }

    /// The release's Service, which goes with its record.
    fn service(&self) -> Reply {
        if self.records.is_empty() {
            return missing();
        }
        let marks = json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "mew"});
        let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
        let metadata = json!({"name": "web", "namespace": "mew", "uid": "o1", "labels": labels, "annotations": marks});
        Reply::Json(200, json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata}))
    }

    /// Writes to the status, if they are about the Slot as it is.
    fn patched(&mut self, request: &Request) -> Reply {
        let patch: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let about = patch["metadata"]["resourceVersion"].as_str();
        if about.is_some_and(|version| version != self.version.to_string()) {
            return failure(409, "Conflict", "the object has been modified");
        }
        self.version += 1;
        self.reaping |= patch["status"]["reaping"].is_object();
        json_patch::merge(&mut self.status, &patch["status"]);
        Reply::Json(200, self.slot())
    }

    fn logged(&self, target: &str) -> Reply {
        let log = if target.contains("previous=true") { &self.previous } else { &self.log };
        Reply::Text(200, pod_log::served(log, target.split_once('?').map_or("", |(_, query)| query), clock()))
    }

    /// Runs the program to its end.
    pub(crate) fn run(self) -> RunOutcome {
        self.run_twice(None)
    }

    /// Runs the program, changes the world, and runs it once more; the uninstalls are those of the second run.
    pub(crate) fn run_twice(self, between: Option<Change>) -> RunOutcome {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async move {
            let folder = tempfile::tempdir().unwrap();
            let _made = (!self.helm.is_empty()).then(|| write_helm(folder.path(), self.helm));
            let (args, world) = (self.args.clone(), Arc::new(Mutex::new(self)));
            let (kill, killed) = tokio::sync::watch::channel(false);
            let shared = world.clone();
            let address = serve(move |request| {
                let mut world = shared.lock().unwrap();
                if world.kill_at == Some(world.requests + 1) {
                    let _nobody_listens = kill.send(true);
                    return Reply::Silence;
                }
                world.answer(request)
            })
            .await;
            let judged = |ran: RunOutcome| RunOutcome { verdict: world.lock().unwrap().verdict(), ..ran };
            let first = program(folder.path(), &address, &args, killed.clone()).await;
            let Some(between) = between else { return judged(first) };
            let args = {
                let mut world = world.lock().unwrap();
                world.kill_at = None;
                between(&mut world);
                world.args.clone()
            };
            std::fs::write(folder.path().join("uninstalls"), "").unwrap();
            let (_never, never) = tokio::sync::watch::channel(false);
            judged(program(folder.path(), &address, &args, never).await)
        })
    }
}

pub(crate) fn missing() -> Reply {
    failure(404, "NotFound", "not found")
}

pub(crate) fn failure(code: u16, reason: &str, message: &str) -> Reply {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code});
    Reply::Json(code, status)
}

fn resources() -> Value {
    let service = json!({"name": "services", "singularName": "service", "namespaced": true, "kind": "Service", "verbs": ["get", "list", "delete"]});
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [service]})
}

/// A helm that notes each uninstall, and then does as it is told.
fn write_helm(folder: &Path, then: &str) {
    let uninstalls = folder.join("uninstalls");
    let note = format!("echo \"$@\" >>'{}'; {then}", uninstalls.display());
    let helm = format!("#!/bin/sh\ncase \"$1\" in version) echo v4.3.1 ;; *) {note} ;; esac\n");
    let mut file = std::fs::File::create(folder.join("helm")).unwrap();
    file.write_all(helm.as_bytes()).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs hotdesk-reap with a helm that only notes what it is asked.
async fn program(
    folder: &Path,
    address: &str,
    args: &[String],
    mut kill: tokio::sync::watch::Receiver<bool>,
) -> RunOutcome {
    let path = |name: &str| folder.join(name);
    let cluster = json!({"name": "x", "cluster": {"server": address}});
    let context = json!({"name": "x", "context": {"cluster": "x", "user": "x", "namespace": "mew"}});
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x", "clusters": [cluster], "contexts": [context],
        "users": [{"name": "x", "user": {}}],
    });
    std::fs::write(path("kubeconfig"), kubeconfig.to_string()).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hotdesk-reap"));
    command.env_clear().env("KUBECONFIG", path("kubeconfig")).env("HOME", folder).env("PATH", "/usr/bin:/bin");
    // The chart sets every list, and leaves these empty.
    command.env("HOTDESK_INGRESS_CLASS", "").env("HOTDESK_OTHER_NAMESPACES", "").env("HOTDESK_IGNORE_PATH", "");
    command.args(["--namespace", "mew", "--termination-log"]).arg(path("message")).arg("--helm").arg(path("helm"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Kubernetes has made it by then.
    std::fs::write(path("message"), "").unwrap();
    let mut child = command.spawn().unwrap();
    let mut out = child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut text = String::new();
        let _cut = tokio::io::AsyncReadExt::read_to_string(&mut out, &mut text).await;
        text
    });
    let code = tokio::select! {
        ended = child.wait() => ended.unwrap().code(),
        Ok(_) = kill.wait_for(|kill| *kill) => child.kill().await.map(|()| None).unwrap(),
        () = tokio::time::sleep(PATIENCE) => panic!("it ran for longer than {} s", PATIENCE.as_secs()),
    };
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap_or_default();
    let uninstalls = read("uninstalls").lines().map(str::to_owned).collect();
    RunOutcome { code, message: read("message"), log: log.await.unwrap(), uninstalls, verdict: None }
}
