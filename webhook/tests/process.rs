//! The binary itself: configuration, the watch, signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::{ALICE, Client, Issued, allowed, get, issue, review, wait_for, write_path};

/// Something that answers like an API server with one Slot, once it is allowed to.
struct ApiServer {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    /// Whether it streams lists, as those before 1.32 do not.
    streams: Arc<AtomicBool>,
}

impl ApiServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (open, streams) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let settings = (open.clone(), streams.clone());
        std::thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (open, streams) = settings.clone();
                std::thread::spawn(move || serve(tcp, &open, &streams));
            }
        });
        Self { address, open, streams }
    }
}

/// Answers lists at once and leaves watches open until the other side goes away.
fn serve(mut tcp: TcpStream, open: &AtomicBool, streams: &AtomicBool) {
    let mut lines = BufReader::new(tcp.try_clone().unwrap()).lines().map_while(Result::ok);
    let slot = json!({"metadata": {"name": "slot", "namespace": "pikachu", "resourceVersion": "1"},
        "spec": {"claim": {"users": [ALICE]}}});
    while let Some(request) = lines.next() {
        while lines.next().is_some_and(|header| !header.is_empty()) {}
        let failure =
            |code| respond(code, &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}));
        let answer = if !open.load(Ordering::Acquire) {
            failure(503)
        } else if request.contains("sendInitialEvents=true") && !streams.load(Ordering::Acquire) {
            failure(422)
        } else if request.contains("sendInitialEvents=true") {
            let end = json!({"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}});
            let end = json!({"kind": "Slot", "apiVersion": "hotdesk.dev/v1alpha1", "metadata": end});
            watch(&[json!({"type": "ADDED", "object": slot}), json!({"type": "BOOKMARK", "object": end})])
        } else if request.contains("watch=true") {
            watch(&[])
        } else {
            let list = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "SlotList",
                "metadata": {"resourceVersion": "1"}, "items": [slot]});
            respond(200, &list)
        };
        if tcp.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The beginning of a watch, which goes on.
fn watch(events: &[Value]) -> String {
    let chunk = |event: &Value| format!("{:x}\r\n{event}\n\r\n", event.to_string().len() + 1);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    head.to_owned() + &events.iter().map(chunk).collect::<String>()
}

fn respond(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

struct Webhook {
    child: Child,
    reviews: SocketAddr,
    health: SocketAddr,
    issued: Issued,
    api: ApiServer,
    _dir: tempfile::TempDir,
}

impl Webhook {
    fn start(extra: &[&str]) -> Self {
        let (api, dir, issued) = (ApiServer::start(), tempfile::tempdir().unwrap(), issue());
        issued.write(dir.path());
        write_path(dir.path());
        let kubeconfig = dir.path().join("kubeconfig");
        let cluster = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": format!("http://{}", api.address)}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]});
        std::fs::write(&kubeconfig, cluster.to_string()).unwrap();
        let mut child = command()
            .env("KUBECONFIG", &kubeconfig)
            .args(["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--log-format", "json"])
            .arg("--tls-cert")
            .arg(dir.path().join("tls.crt"))
            .arg("--tls-key")
            .arg(dir.path().join("tls.key"))
            .arg("--path-dir")
            .arg(dir.path())
            .args(extra)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = |line: &Value, key: &str| line[key].as_str().unwrap().parse().unwrap();
        let line = lines
            .by_ref()
            .map(|line| serde_json::from_str::<Value>(&line).unwrap())
            .find(|line| line["message"] == "listening")
            .expect("the webhook says where it listens");
        // The rest of its log must be taken away, or it would stand still at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { reviews: address(&line, "reviews"), health: address(&line, "health"), child, issued, api, _dir: dir }
    }

    fn ready(extra: &[&str]) -> Self {
        let webhook = Self::start(extra);
        webhook.api.open.store(true, Ordering::Release);
        wait_for("the webhook to be ready", || get(webhook.health, "/readyz").0 == 200);
        webhook
    }

    fn client(&self) -> Client {
        Client::connect(self.reviews, &self.issued)
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ended(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_for("the webhook to end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotdesk-webhook"));
    command.env_clear().stdout(Stdio::null());
    command
}

#[test]
fn it_denies_until_the_slots_are_read_and_then_knows_them() {
    denies_until_the_slots_are_read(true);
}

#[test]
fn an_api_server_that_does_not_stream_lists_is_read_in_pages() {
    denies_until_the_slots_are_read(false);
}

#[track_caller]
fn denies_until_the_slots_are_read(streamed: bool) {
    let webhook = Webhook::start(&[]);
    webhook.api.streams.store(streamed, Ordering::Release);
    assert_eq!(get(webhook.health, "/livez").0, 200);
    let (status, reasons) = get(webhook.health, "/readyz");
    assert!(status == 503 && reasons.contains("Slots have not been read"), "{reasons}");
    assert!(!allowed(&webhook.client().post("/mutate", &review(ALICE).to_string())));
    webhook.api.open.store(true, Ordering::Release);
    wait_for("the webhook to be ready", || get(webhook.health, "/readyz").0 == 200);
    assert!(allowed(&webhook.client().post("/mutate", &review(ALICE).to_string())));
    assert!(!allowed(&webhook.client().post("/mutate", &review("bob@example.com").to_string())));
}

#[test]
fn sigterm_makes_it_not_ready_and_lets_everything_under_way_end() {
    let mut webhook = Webhook::ready(&["--shutdown-delay", "1s", "--shutdown-timeout", "10s"]);
    let body = review(ALICE).to_string();
    let (begun, rest) = body.split_at(20);
    let mut idle = webhook.client();
    assert!(allowed(&idle.post("/mutate", &body)));
    let mut under_way = webhook.client();
    under_way.head("/mutate", body.len());
    under_way.send(begun.as_bytes());
    webhook.signal("-TERM");
    wait_for("the webhook to say that it is leaving", || get(webhook.health, "/readyz").1.contains("shutting down"));
    assert!(allowed(&webhook.client().post("/mutate", &body)), "it still answers whoever is sent here");
    wait_for("the port to close", || Client::try_connect(webhook.reviews, &webhook.issued).is_err());
    under_way.send(rest.as_bytes());
    assert!(allowed(&under_way.answer()), "what was under way is answered");
    assert_eq!(webhook.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut webhook = Webhook::ready(&["--shutdown-delay", "10m"]);
    webhook.signal("-TERM");
    wait_for("the webhook to say that it is leaving", || get(webhook.health, "/readyz").0 == 503);
    webhook.signal("-INT");
    let code = webhook.ended().code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
}

#[track_caller]
fn fails(args: &[&str], because: &str) {
    let mut child = command().env("KUBECONFIG", "/nowhere").args(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!child.wait().unwrap().success(), "{args:?} was taken");
    assert!(said.contains(because), "{said:?} does not say {because:?}");
}

#[test]
fn a_configuration_that_cannot_work_ends_it_with_what_to_do() {
    fails(&["--mode", "off"], "enforce, warn, audit");
    fails(&["--log-level", "=="], "--log-level");
    fails(&["--people", "/nowhere.json"], "--people /nowhere.json");
    fails(&[], "set KUBECONFIG");
}
