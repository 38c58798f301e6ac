//! The binary itself: configuration, the watch, signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

#[path = "process/large.rs"]
mod large;
mod support;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{ALICE, Client, Issued, PATH, allowed, get, issue, review, wait_for, write_path};

/// Something that answers like an API server with one Slot, once it is allowed to.
struct ApiServer {
    address: SocketAddr,
    state: Arc<ApiState>,
}

#[derive(Default)]
struct ApiState {
    open: AtomicBool,
    /// Whether it streams lists, as those before 1.32 do not.
    streams: AtomicBool,
    /// Whether it can read and write a single Slot.
    writes: AtomicBool,
    /// The statuses that were written.
    written: Mutex<Vec<Value>>,
    /// What the webhook said of itself.
    records: Mutex<Vec<Value>>,
}

impl ApiServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(ApiState { streams: true.into(), writes: true.into(), ..ApiState::default() });
        let shared = state.clone();
        std::thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                std::thread::spawn(move || serve(tcp, &state));
            }
        });
        Self { address, state }
    }
}

/// Answers lists at once and leaves watches open until the other side goes away.
fn serve(mut tcp: TcpStream, state: &ApiState) {
    let mut from = BufReader::new(tcp.try_clone().unwrap());
    while let Some((request, body)) = read_request(&mut from) {
        if tcp.write_all(answer(state, &request, &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(from: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut lines = from.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let request = lines.next()?;
    let length =
        lines.filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()).last();
    let mut body = vec![0; length.unwrap_or_default()];
    from.read_exact(&mut body).ok()?;
    Some((request, body))
}

fn answer(state: &ApiState, request: &str, body: &[u8]) -> String {
    let slot = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {"name": "slot", "namespace": "pikachu", "resourceVersion": "1"},
        "spec": {"claim": {"users": [ALICE]}}});
    let failure =
        |code| respond(code, &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}));
    if !state.open.load(Ordering::Acquire) {
        failure(503)
    } else if request.contains("/namespaces/pikachu/slots/slot") {
        if !state.writes.load(Ordering::Acquire) {
            return failure(500);
        }
        if request.starts_with("PATCH") {
            state.written.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        }
        respond(200, &slot)
    } else if request.contains("/namespaces/hotdesk-jobs/configmaps/hotdesk-sessions") {
        if request.starts_with("PATCH") {
            state.records.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        }
        respond(200, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": "5"}}))
    } else if request.contains("sendInitialEvents=true") && !state.streams.load(Ordering::Acquire) {
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
    log: Arc<Mutex<String>>,
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
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push_str(&(line + "\n"))));
        let (reviews, health) = (address(&line, "reviews"), address(&line, "health"));
        Self { reviews, health, child, issued, api, log, _dir: dir }
    }

    fn ready(extra: &[&str]) -> Self {
        let webhook = Self::start(extra);
        webhook.api.state.open.store(true, Ordering::Release);
        wait_for("the webhook to be ready", || get(webhook.health, "/readyz").0 == 200);
        webhook
    }

    fn client(&self) -> Client {
        Client::connect(self.reviews, &self.issued)
    }

    /// What it has logged since it listens.
    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
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
    webhook.api.state.streams.store(streamed, Ordering::Release);
    assert_eq!(get(webhook.health, "/livez").0, 200);
    let (status, reasons) = get(webhook.health, "/readyz");
    assert!(status == 503 && reasons.contains("Slots have not been read"), "{reasons}");
    assert!(!allowed(&webhook.client().post("/mutate", &review(ALICE).to_string())));
    webhook.api.state.open.store(true, Ordering::Release);
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
    assert!(allowed(&webhook.client().post("/mutate", &body)), "it still answers every request that is sent here");
    wait_for("the port to close", || Client::try_connect(webhook.reviews, &webhook.issued).is_err());
    under_way.send(rest.as_bytes());
    assert!(allowed(&under_way.answer()), "what was under way is answered");
    assert_eq!(webhook.ended().code(), Some(0));
}

/// Alice execs into a pod of hers, and the API server hears of it by a status that names her.
fn alice_execs(webhook: &Webhook) {
    let mut exec = review(ALICE);
    exec["request"]["operation"] = "CONNECT".into();
    exec["request"]["subResource"] = "exec".into();
    exec["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "pods"});
    assert!(allowed(&webhook.client().post("/validate", &exec.to_string())));
}

fn noted(webhook: &Webhook) -> Vec<Value> {
    let written = webhook.api.state.written.lock().unwrap();
    written.iter().map(|patch| patch["status"]["lastSession"]["by"].clone()).collect()
}

/// The newest record, and the patch in which it was written.
fn record(webhook: &Webhook) -> Option<(Value, Value)> {
    let patch = webhook.api.state.records.lock().unwrap().last()?.clone();
    let text = patch["data"].as_object()?.values().next()?.as_str()?.to_owned();
    Some((serde_json::from_str(&text).unwrap(), patch))
}

#[test]
fn it_says_from_its_beginning_on_that_it_notes_sessions() {
    let silent = Webhook::ready(&[]);
    let webhook = Webhook::ready(&["--session-user", "hotdesk", "--pod", "webhook-7d9"]);
    wait_for("its record", || record(&webhook).is_some());
    let (record, patch) = record(&webhook).unwrap();
    assert_eq!(patch["metadata"]["resourceVersion"], "5", "the first is written on what was read");
    assert!(patch["data"].as_object().unwrap().keys().all(|entry| entry.starts_with("webhook-7d9.")), "{patch}");
    assert_eq!((&record["since"], &record["endedCleanly"]), (&record["writtenUntil"], &Value::Null), "{record}");
    assert!(self::record(&silent).is_none(), "who notes no sessions says nothing");
}

#[test]
fn a_session_is_noted_when_the_api_server_is_back() {
    let webhook = Webhook::ready(&["--session-user", "hotdesk"]);
    webhook.api.state.writes.store(false, Ordering::Release);
    alice_execs(&webhook);
    wait_for("the webhook to say that it could not be noted", || webhook.log().contains("could not be noted"));
    assert_eq!(noted(&webhook), [0; 0]);
    webhook.api.state.writes.store(true, Ordering::Release);
    wait_for("the session to be noted", || noted(&webhook) == [ALICE]);
}

#[test]
fn sessions_are_noted_before_it_ends_or_said_to_be_lost() {
    for (comes_back, lost) in [(true, false), (false, true)] {
        let mut webhook =
            Webhook::ready(&["--session-user", "hotdesk", "--shutdown-delay", "0s", "--shutdown-timeout", "4s"]);
        webhook.api.state.writes.store(false, Ordering::Release);
        alice_execs(&webhook);
        wait_for("the webhook to try", || webhook.log().contains("could not be noted"));
        webhook.signal("-TERM");
        wait_for("the webhook to drain", || webhook.log().contains("draining"));
        webhook.api.state.writes.store(comes_back, Ordering::Release);
        assert_eq!(webhook.ended().code(), Some(0));
        assert_eq!(noted(&webhook) == [ALICE], comes_back);
        wait_for("the end of its log", || webhook.log().contains("\"ended\""));
        assert_eq!(webhook.log().contains("sessions could not be noted in time"), lost, "{}", webhook.log());
        // e34: the last that it says is whether it had written all.
        let (record, _) = record(&webhook).unwrap();
        assert_eq!((&record["endedCleanly"] == true, record["gaps"].is_array()), (comes_back, lost), "e34: {record}");
    }
}

#[test]
fn the_path_is_in_no_line_of_the_log() {
    let webhook = Webhook::ready(&["--log-level", "trace"]);
    assert!(allowed(&webhook.client().post("/mutate", &review(ALICE).to_string())));
    assert_eq!(webhook.client().post("/nowhere", "").0, 404);
    wait_for("the answer to be logged", || webhook.log().contains("allowed"));
    assert!(!webhook.log().contains(PATH.trim_start_matches('/')), "{}", webhook.log());
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
