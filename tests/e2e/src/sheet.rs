//! A sheet at a stand-in for Google, and a real hotdesk-sync that reads it as its own service account.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use hotdesk_http::fake_server::Reply;
use hotdesk_http::fake_server::sheets::{FIRST_TAB, Google, SHEET};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::people::root;
use crate::{CommandOutput, TestSlot, admin, until};

/// What the header says, unless a test is about headers.
pub const HEADER: &[&str] = &["Slot", "Usernames", "Purpose", "Until"];

/// Long enough for a machine that builds something at the same time; where time itself is tested, it is measured.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A sheet, and Google around it.
pub struct Sheet {
    pub google: Google,
    folder: TempDir,
    serving: Mutex<JoinHandle<()>>,
    runtime: Runtime,
}

/// A hotdesk-sync that follows a sheet until it is dropped.
pub struct Follower {
    child: Child,
    log: PathBuf,
    health: String,
}

impl Sheet {
    /// A sheet with these rows below its header.
    pub fn with(rows: &[&[&str]]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (google, serving) = runtime.block_on(Google::start(clock));
        let folder = tempfile::tempdir().unwrap();
        let sheet = Self { google, folder, serving: Mutex::new(serving), runtime };
        let (_key, kubeconfig) = (sheet.google.key(sheet.folder.path()), sheet.kubeconfig());
        std::fs::write(kubeconfig, as_the_sync().to_string()).unwrap();
        sheet.says(rows);
        sheet
    }

    /// Somebody edits the sheet: it has these rows below its header from now on.
    pub fn says(&self, rows: &[&[&str]]) {
        self.is(&[&[HEADER], rows].concat());
    }

    /// The sheet has these rows, header and all.
    pub fn is(&self, rows: &[&[&str]]) {
        self.google.tab(FIRST_TAB, rows);
    }

    /// Every reading is answered so, until it is [well](Self::is_well).
    pub fn fails_with(&self, reply: Reply) {
        self.google.with(|state| state.fault = Some(reply));
    }

    pub fn is_well(&self) {
        self.google.with(|state| state.fault = None);
    }

    /// Nobody listens at Google's address.
    pub fn refuses_connections(&self) {
        self.serving.lock().unwrap().abort();
    }

    /// Google listens again, at the same address.
    pub fn takes_connections(&self) {
        let address = self.google.address.trim_start_matches("http://");
        let listener = self.runtime.block_on(TcpListener::bind(address)).unwrap();
        let _within = self.runtime.enter();
        *self.serving.lock().unwrap() = self.google.serve(listener);
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// hotdesk-sync for these slots, as its service account, with settings that let a test be short.
    pub fn command(&self, slots: &[&TestSlot], more: &[&str]) -> Command {
        let names: Vec<&str> = slots.iter().map(|slot| slot.name()).collect();
        let mut command = Command::new(root().join("target/debug/hotdesk-sync"));
        command.env_clear().env("KUBECONFIG", self.kubeconfig());
        command.args(["--sheet", SHEET, "--sheets-endpoint", &self.google.address, "--slots", &names.join(",")]);
        command.arg("--google-key").arg(self.folder.path().join("key.json"));
        command.args(["--retry-delay", "50ms", "--health-listen", "127.0.0.1:0"]);
        if !more.contains(&"--sheets-timeout") {
            command.args(["--sheets-timeout", "1s"]);
        }
        command.args(["--claim-url", "https://sheets.example.com/slots"]).args(more);
        command
    }

    /// `hotdesk resolve` of this sheet, where there is no cluster.
    pub fn resolve(&self, user: &str, more: &[&str]) -> CommandOutput {
        let mut command = Command::new(root().join("target/debug/hotdesk"));
        command.env_clear().env("RUST_LOG", "trace").env("KUBECONFIG", "/nonexistent");
        command.args(["resolve", "--user", user, "--sheet", SHEET, "--sheets-endpoint", &self.google.address]);
        command.arg("--google-key").arg(self.folder.path().join("key.json"));
        command.args(["--sheets-timeout", "500ms"]).args(more);
        CommandOutput::run(command, "")
    }

    /// One pass.
    pub fn once(&self, slots: &[&TestSlot], more: &[&str]) -> CommandOutput {
        CommandOutput::run(self.command(slots, more), "")
    }

    /// Follows the sheet, and waits until the first pass is over.
    pub fn follow(&self, slots: &[&TestSlot], more: &[&str]) -> Follower {
        let log = self.folder.path().join("log");
        let mut command = self.command(slots, more);
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut follower = Follower { child, log, health: String::new() };
        follower.health = until("hotdesk-sync to listen", PATIENCE, || {
            let log = follower.log();
            let address = log.split_once("health=").and_then(|(_, rest)| rest.split_whitespace().next());
            address.map(str::to_owned).ok_or(log)
        });
        until("the first pass", PATIENCE, || if follower.passes() > 0.0 { Ok(()) } else { Err(follower.log()) });
        follower
    }
}

impl Follower {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A number of its metrics, or of all with this name together; 0 where there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics();
        let named = text.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with([' ', '{']));
        named.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub fn metrics(&self) -> String {
        let get = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.health)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: sync\r\nconnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        get().unwrap_or_else(|e| panic!("{e}; {}", self.log()))
    }

    fn passes(&self) -> f64 {
        self.metric("hotdesk_sync_passes_total")
    }

    /// Waits until so many passes that began after now are over.
    pub fn passes_again(&self, times: u8) {
        // The one that is under way may have read already.
        let enough = self.passes() + 1.0 + f64::from(times);
        until("more passes", PATIENCE, || if self.passes() >= enough { Ok(()) } else { Err(self.log()) });
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The identity that the chart gives the sync, with a token of its own.
fn as_the_sync() -> serde_json::Value {
    let token = admin().kubectl(&["-n", "hotdesk", "create", "token", "hotdesk-sync", "--duration=1h"]).succeeded();
    let view = admin().kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).succeeded().json();
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "sync",
        "clusters": [{"name": "sync", "cluster": view["clusters"][0]["cluster"]}],
        "users": [{"name": "sync", "user": {"token": token.stdout.trim()}}],
        "contexts": [{"name": "sync", "context": {"cluster": "sync", "user": "sync", "namespace": "hotdesk"}}],
    })
}

/// What no output may ever hold: parts of the key, of its assertions, and of the tokens.
pub fn secrets(folder: &Path) -> Vec<String> {
    let kubeconfig = std::fs::read_to_string(folder.join("kubeconfig")).unwrap_or_default();
    let token = kubeconfig.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    ["ya29.", "PRIVATE KEY", "MIIE", "eyJ"].into_iter().map(str::to_owned).chain(token).collect()
}

impl Sheet {
    /// Nothing in a text is a credential.
    #[track_caller]
    pub fn keeps_its_secrets(&self, text: &str) {
        for secret in secrets(self.folder.path()) {
            assert!(!text.contains(&secret), "a credential ({}…) is in:\n{text}", &secret[..4]);
        }
    }
}

/// What a Slot's condition says of the sheet: `True FromSheet: …`, or nothing.
pub fn condition(slot: &TestSlot) -> String {
    let object = slot.object();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ours = conditions.iter().find(|condition| condition["type"] == "ClaimSource");
    let text = |c: &serde_json::Value, key: &str| c[key].as_str().unwrap_or_default().to_owned();
    ours.map(|c| format!("{} {}: {}", text(c, "status"), text(c, "reason"), text(c, "message"))).unwrap_or_default()
}

/// Who holds a slot by its claim, `alice@example.com, bob`; nothing for a free one.
pub fn holders(slot: &TestSlot) -> String {
    let users = slot.object()["spec"]["claim"]["users"].as_array().cloned().unwrap_or_default();
    users.iter().filter_map(|user| user.as_str()).collect::<Vec<_>>().join(", ")
}

/// The Events of a slot that the sync wrote: `RowRefused: …`, one a line.
pub fn events(slot: &TestSlot) -> String {
    let list = admin().kubectl(&["-n", slot.name(), "get", "events.events.k8s.io", "-o", "json"]).succeeded().json();
    let ours = list["items"].as_array().cloned().unwrap_or_default();
    let ours = ours.iter().filter(|event| event["reportingController"] == "hotdesk.dev/sync");
    ours.map(|e| format!("{}: {}\n", e["reason"].as_str().unwrap(), e["note"].as_str().unwrap())).collect()
}

#[track_caller]
pub fn waits_for(what: &str, limit: Duration, slot: &TestSlot, sync: &Follower, is: impl Fn() -> bool) {
    until(what, limit, || if is() { Ok(()) } else { Err(format!("{} {}", slot.object()["spec"], sync.log())) });
}

#[track_caller]
pub fn becomes(slot: &TestSlot, expected: &str, sync: &Follower) {
    waits_for(&format!("{} to be held by {expected:?}", slot.name()), PATIENCE, slot, sync, || {
        holders(slot) == expected
    });
}

#[track_caller]
pub fn has_condition(slot: &TestSlot, parts: &[&str], sync: &Follower) {
    let says = || parts.iter().all(|part| condition(slot).contains(part));
    until(&format!("the condition to say {parts:?}"), PATIENCE, || {
        if says() { Ok(()) } else { Err(format!("{}\n{}", condition(slot), sync.log())) }
    });
}

#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
