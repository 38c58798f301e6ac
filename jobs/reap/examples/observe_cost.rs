//! What does an hour of many slots cost the API server and the kubelets, with and without the job that reads once for all slots?
//! The programs are real, the API server is a stand-in on loopback that counts what it is asked and what it sends. A reading that
//! ends at a hit is cut off, as a kubelet's is.
//!
//!     cargo build -p hotdesk-reap && cargo run -p hotdesk-reap --example observe_cost -- target/debug/hotdesk-reap --slots 10,100
//!
//! Each slot's own run is a dry run: what it writes is one change of the status and the same in both cases.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a measurement fails by a panic")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what this program is for")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How many runs of the observing job an hour has, as the chart sets it.
const OBSERVERS: u64 = 3;

/// How many minutes lie on the average between the last of them and the own run of a slot.
const LAST_OBSERVER: i64 = 10;

/// A kubelet writes its answer in pieces of about this size, and notices when nobody reads it.
const PIECE: usize = 16 * 1024;

/// How much of an answer may be under way that nobody reads any more.
const BUFFER: u32 = 64 * 1024;

/// How long the log is, in minutes: a little more than the window.
const MINUTES: i64 = 62;

#[derive(Parser)]
struct Args {
    /// hotdesk-reap.
    program: PathBuf,
    /// How many slots there are.
    #[arg(long, value_delimiter = ',', default_value = "10,100")]
    slots: Vec<usize>,
    /// How much the controller logs in the time, in MiB.
    #[arg(long, default_value_t = 4)]
    log_mib: usize,
    /// How many requests each slot in use has in that time; the other lines are nobody's. 0: all lines are theirs.
    #[arg(long, default_value_t = 0)]
    requests: usize,
    /// Of so many slots, only one's own run is made, and counted as often: they cost the same.
    #[arg(long, default_value_t = 1)]
    every: u32,
    /// The share of slots that somebody uses, in percent.
    #[arg(long, default_value_t = 90)]
    in_use: usize,
}

fn main() {
    let args = Args::parse();
    println!("| slots | | requests | of logs | MiB of logs | MiB of the rest | status writes | CPU s of programs |");
    println!("|---:|---|---:|---:|---:|---:|---:|---:|");
    for slots in &args.slots {
        let new = || serve(FakeCluster::new(*slots, &args));
        let (world, address) = new();
        tell(*slots, "each for itself", runs(&args, &world, &address));
        // That took a while: a log that ends now.
        let (world, address) = new();
        let observed = observe(&args.program, &world, &address, &[]).times(OBSERVERS);
        // What the runs of an hour have left together, the last of them as long ago as it is on the average.
        world.evidence.lock().unwrap().clear();
        world.hides.store(true, Ordering::Relaxed);
        observe(&args.program, &world, &address, &["--reach=60m"]);
        tell(*slots, "the observing job, three times", observed);
        tell(*slots, "and each for itself", runs(&args, &world, &address));
    }
}

fn tell(slots: usize, what: &str, Counted { requests, logs, log_bytes, bytes, writes, cpu_ms }: Counted) {
    let mib = |bytes: u64| format!("{}.{}", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20);
    let (seconds, tenths) = (cpu_ms / 1000, cpu_ms % 1000 / 100);
    let (log, rest) = (mib(log_bytes), mib(bytes - log_bytes));
    println!("| {slots} | {what} | {requests} | {logs} | {log} | {rest} | {writes} | {seconds}.{tenths} |");
}

/// What the API server was asked, and what it sent.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    requests: u64,
    logs: u64,
    log_bytes: u64,
    bytes: u64,
    writes: u64,
    cpu_ms: u64,
}

impl Counted {
    fn times(mut self, n: u64) -> Self {
        let Self { requests, logs, log_bytes, bytes, writes, cpu_ms } = &mut self;
        for count in [requests, logs, log_bytes, bytes, writes, cpu_ms] {
            *count *= n;
        }
        self
    }
}

/// Slots of one controller, each with a release and a Service.
struct FakeCluster {
    slots: Vec<String>,
    log: String,
    /// When each line was logged, and where it begins.
    lines: Vec<(Timestamp, usize)>,
    evidence: Mutex<HashMap<String, Value>>,
    /// The list of all Slots, until one is written.
    listed: Mutex<Option<String>>,
    counted: Mutex<Counted>,
    /// The observing job does not see what came since its last run.
    hides: AtomicBool,
}

fn ago(minutes: i64) -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "the edge of the measurement")]
    let now = Timestamp::now();
    now - SignedDuration::from_mins(minutes)
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl FakeCluster {
    fn new(count: usize, args: &Args) -> Self {
        let (in_use, bytes) = (args.in_use, args.log_mib << 20);
        let slots: Vec<String> = (0..count).map(|number| format!("slot{number:04}")).collect();
        let used = (count * in_use / 100).max(1);
        let (mut log, mut lines, begin) = (String::new(), Vec::new(), ago(MINUTES));
        let expected = bytes / line(begin, &slots[0]).len();
        let every = if args.requests == 0 { 1 } else { (expected / (used * args.requests)).max(1) };
        let step = SignedDuration::from_mins(MINUTES).as_micros() / i128::try_from(expected).unwrap();
        for number in 0..expected {
            let at =
                begin + SignedDuration::from_micros(i64::try_from(step * i128::try_from(number).unwrap()).unwrap());
            // One slot after the other, so that each has its requests at even distances.
            let (slot, of_a_slot) = (number / every % used, number % every == 0);
            lines.push((at, log.len()));
            log += &line(at, if of_a_slot { &slots[slot] } else { "elsewhere" });
        }
        Self {
            slots,
            log,
            lines,
            evidence: Mutex::default(),
            listed: Mutex::default(),
            counted: Mutex::default(),
            hides: AtomicBool::default(),
        }
    }

    fn answer(&self, method: &str, target: &str, body: &str) -> (String, bool) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let list = |items: Vec<Value>| json!({"metadata": {}, "items": items});
        let parts: Vec<&str> = path.split('/').collect();
        let found = match (method, parts.as_slice()) {
            (_, ["", "version"]) => json!({"major": "1", "minor": "37"}),
            ("PATCH", ["", "apis", "hotdesk.dev", _, "namespaces", slot, ..]) => {
                let patch: Value = serde_json::from_str(body).unwrap();
                *self.listed.lock().unwrap() = None;
                self.evidence.lock().unwrap().insert((*slot).to_owned(), patch["status"]["evidence"].clone());
                self.slot(slot)
            }
            (_, ["", "apis", "hotdesk.dev", _, "slots"]) => {
                let all = || list(self.slots.iter().map(|slot| self.slot(slot)).collect()).to_string();
                return (self.listed.lock().unwrap().get_or_insert_with(all).clone(), false);
            }
            (_, ["", "apis", "hotdesk.dev", _, "namespaces", slot, ..]) => self.slot(slot),
            (_, ["", "apis"]) => {
                let version = json!({"groupVersion": "networking.k8s.io/v1", "version": "v1"});
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                    {"name": "networking.k8s.io", "versions": [version], "preferredVersion": version},
                ]})
            }
            (_, ["", "api", "v1", "services"]) if query.contains("ExternalName") => list(vec![]),
            (_, ["", "api", "v1", "services"]) => list(self.slots.iter().map(|slot| service(slot)).collect()),
            (_, ["", "api", "v1", "namespaces", slot, "services"]) => list(vec![service(slot)]),
            (_, ["", "api", "v1", "namespaces", slot, "secrets"]) => list(vec![secret(slot)]),
            (_, ["", "api", "v1", "namespaces", slot, "secrets", _]) => secret(slot),
            (_, ["", "api", "v1", "namespaces", "ingress-nginx", "pods"]) => list(vec![controller()]),
            (_, ["", "api", "v1", "namespaces", _, "pods", _, "log"]) => return (self.logged(query).to_owned(), true),
            (_, ["", "apis", "apps", _, "namespaces", "ingress-nginx", "replicasets"]) => {
                list(vec![json!({"metadata": {"name": "controller", "creationTimestamp": second(ago(600))}})])
            }
            (_, [.., "configmaps", _]) => json!({"metadata": {"name": "x"}}),
            _ => list(vec![]),
        };
        (found.to_string(), false)
    }

    fn slot(&self, slot: &str) -> Value {
        let evidence = self.evidence.lock().unwrap().get(slot).cloned().unwrap_or_else(|| json!([]));
        let claim = json!({"users": ["alice@example.com"], "purpose": "a fix for the checkout"});
        // As large as a real one, which also holds what its last check found.
        let signals: Vec<Value> = (0..8)
            .map(|n| json!({"name": format!("signal-{n}"), "state": "Quiet", "detail": "x".repeat(80)}))
            .collect();
        json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": {"claim": claim},
            "status": {"evidence": evidence, "signals": signals, "claimedAt": second(ago(600))},
            "metadata": {"name": "slot", "namespace": slot, "uid": slot, "resourceVersion": "1"},
        })
    }

    fn logged(&self, query: &str) -> &str {
        let since = query.split('&').find_map(|part| part.strip_prefix("sinceTime="));
        let since: Option<Timestamp> = since.map(|text| text.replace("%3A", ":").replace("%2B", "+").parse().unwrap());
        let first = since.map_or(0, |since| self.lines.partition_point(|(at, _)| *at < since));
        let first = if query.contains("tailLines=1") { self.lines.len() - 1 } else { first };
        let hides = since.is_some() && self.hides.load(Ordering::Relaxed);
        let last =
            if hides { self.lines.partition_point(|(at, _)| *at < ago(LAST_OBSERVER)) } else { self.lines.len() };
        let to = self.lines.get(last).map_or(self.log.len(), |(_, begin)| *begin);
        let from = self.lines.get(first).map_or(self.log.len(), |(_, begin)| *begin);
        &self.log[from.min(to)..to]
    }
}

fn line(at: Timestamp, slot: &str) -> String {
    let local = at.strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!(
        "{at} 203.0.113.9 - - [{local}] \"GET /api/v1/things HTTP/1.1\" 200 612 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\" 512 \
         0.004 [{slot}-web-80] [] 10.244.0.7:8080 612 0.004 200 0af1\n"
    )
}

/// helm's record of the release `web`.
fn secret(slot: &str) -> Value {
    let info = json!({"status": "deployed", "last_deployed": ago(300).to_string()});
    let manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let release = json!({"name": "web", "namespace": slot, "version": 1, "info": info, "manifest": manifest});
    let labels = json!({"owner": "helm", "name": "web", "status": "deployed", "version": "1"});
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "data": {"release": STANDARD.encode(STANDARD.encode(release.to_string()))},
        "metadata": {
            "name": "sh.helm.release.v1.web.v1", "namespace": slot, "resourceVersion": "7", "uid": slot,
            "creationTimestamp": second(ago(300)), "labels": labels,
        },
    })
}

fn service(slot: &str) -> Value {
    let spec =
        json!({"clusterIP": "10.96.0.9", "ports": [{"port": 80}], "selector": {"app": "web"}, "type": "ClusterIP"});
    let labels = json!({"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/name": "web"});
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": slot, "labels": labels}, "spec": spec})
}

fn controller() -> Value {
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "controller", "uid": "1", "controller": true});
    let started = second(ago(600));
    let status = json!({"name": "controller", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
                        "state": {"running": {"startedAt": started}}});
    let args = ["configmap", "tcp-services-configmap", "udp-services-configmap"];
    let args = args.map(|flag| format!("--{flag}=$(POD_NAMESPACE)/{flag}"));
    json!({
        "metadata": {"namespace": "ingress-nginx", "name": "controller-a", "uid": "a", "creationTimestamp": started,
                     "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "controller", "args": args}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    })
}

/// Serves on loopback, one request a connection.
fn serve(world: FakeCluster) -> (Arc<FakeCluster>, String) {
    let listener = listener();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(world);
    let shared = Arc::clone(&world);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let world = Arc::clone(&shared);
            std::thread::spawn(move || one(&world, stream.unwrap()));
        }
    });
    (world, address)
}

/// A listener whose connections hold back little of what nobody has read yet.
fn listener() -> TcpListener {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap().into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        listener
    })
}

fn one(world: &FakeCluster, mut stream: TcpStream) {
    let (mut text, mut piece) = (Vec::new(), [0; 8192]);
    let (head, body) = loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend_from_slice(&piece[..read]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut first = head.split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (text, is_log) = world.answer(method, target, &body);
    let date = ago(0).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let kind = if is_log { "text/plain" } else { "application/json" };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let mut sent = 0;
    if stream.write_all(head.as_bytes()).is_ok() {
        for piece in text.as_bytes().chunks(PIECE) {
            if stream.write_all(piece).is_err() {
                break;
            }
            sent += piece.len() as u64;
        }
    }
    let mut counted = world.counted.lock().unwrap();
    counted.requests += 1;
    counted.bytes += sent;
    counted.writes += u64::from(method == "PATCH");
    if is_log {
        counted.logs += 1;
        counted.log_bytes += sent;
    }
}

/// The own run of each slot, and how often each verdict came.
fn runs(args: &Args, world: &FakeCluster, address: &str) -> Counted {
    let mut verdicts: HashMap<String, usize> = HashMap::new();
    let counted = counting(world, || {
        for slot in world.slots.iter().step_by(args.every as usize) {
            let own =
                ["--namespace", slot, "--dry-run", "--window=1h", "--office-hours=[]", "--ignore-unnoted-sessions"];
            let message = run(&args.program, address, &own);
            let verdict = message.trim_start_matches("Dry run: ").split(':').next().unwrap_or_default();
            *verdicts.entry(verdict.replace(slot.as_str(), "a slot")).or_default() += 1;
        }
    });
    eprintln!("{verdicts:?}");
    counted.times(args.every.into())
}

fn observe(program: &PathBuf, world: &FakeCluster, address: &str, how: &[&str]) -> Counted {
    counting(world, || eprintln!("{}", run(program, address, &[&["observe"], how].concat())))
}

fn counting(world: &FakeCluster, act: impl FnOnce()) -> Counted {
    *world.counted.lock().unwrap() = Counted::default();
    let cpu = cpu_of_children();
    act();
    Counted { cpu_ms: cpu_of_children() - cpu, ..*world.counted.lock().unwrap() }
}

/// The CPU time of all programs that have ended, in milliseconds: the kernel counts it in hundredths of a second.
fn cpu_of_children() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    [13, 14].iter().map(|at| fields[*at].parse::<u64>().unwrap() * 10).sum()
}

fn run(program: &PathBuf, address: &str, args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (kubeconfig, message) = (folder.path().join("kubeconfig"), folder.path().join("message"));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": address}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}], "users": [{"name": "x", "user": {}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    std::fs::write(&message, "").unwrap();
    let mut command = Command::new(program);
    command.env_clear().env("KUBECONFIG", &kubeconfig).env("HOME", folder.path()).env("PATH", "/usr/bin:/bin");
    command.arg("--termination-log").arg(&message).args(args);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_some(), "it was ended");
    std::fs::read_to_string(&message).unwrap()
}
