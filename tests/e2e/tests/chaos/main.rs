//! What a steady load of a holder and a stranger meets while hotdesk is broken in one way after another. Strangers are
//! admitted in none; the holder loses nothing while one replica lives, but for what is in the hands of one that is killed or stopped
//! (with `availability: continue` not even that). These tests have the installation to themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod carried_on;
mod certificates;
mod control_plane;
mod upgrade;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hotdesk_e2e::certs::renew;
use hotdesk_e2e::load::{Ended, Flood, Load};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, TestSlot, admin, alice, installation, until};
use serde_json::{Value, json};

const WEBHOOK: &str = "deployment/hotdesk-webhook";
const WATCH_AGE: &str = "hotdesk_webhook_watch_age_seconds";
const PODS: [&str; 2] = ["-l", "app.kubernetes.io/component=webhook"];
/// How many writes the holder tries in a second.
const PER_SECOND: usize = 50;
/// Writes of the holder before and after what happens, so that both sides of it are seen.
const AROUND: u64 = 100;

fn in_hotdesk(args: &[&str]) -> CommandOutput {
    admin().kubectl(&[&["-n", "hotdesk"], args].concat())
}

fn webhook_pods() -> Vec<String> {
    let args = [&["get", "pods", "--field-selector=status.phase=Running", "-o", "name"][..], &PODS].concat();
    in_hotdesk(&args).succeeded().stdout.lines().map(str::to_owned).collect()
}

fn all_are_ready() {
    in_hotdesk(&["rollout", "status", WEBHOOK, "--timeout=120s"]).succeeded();
}

/// What each of the webhook's pods says by this metric.
fn told_by_each(metric: &str) -> Result<Vec<String>, String> {
    let of = |pod: String| {
        let url = format!("/api/v1/namespaces/hotdesk/pods/{}:8080/proxy/metrics", pod.trim_start_matches("pod/"));
        // A pod may go while it is asked.
        let metrics = admin().kubectl(&["get", "--raw", &url]);
        if !metrics.ok() {
            return Err(metrics.to_string());
        }
        Ok(metrics.stdout.lines().find(|line| line.starts_with(metric)).unwrap_or_default().to_owned())
    };
    webhook_pods().into_iter().map(of).collect()
}

/// The test before may have taken the API server from them, and then they hear of a new Slot some seconds later. Their number
/// alone would not tell: one that missed both has as many Slots after one is deleted and another is made.
fn all_hear_of(slot: &str) {
    let patch = format!(r#"{{"metadata":{{"annotations":{{"e2e.hotdesk.test/heard":"{}"}}}}}}"#, unique("at"));
    let since = Instant::now();
    admin().kubectl(&["-n", slot, "patch", "slot", "slot", "--type=merge", "-p", &patch]).succeeded();
    until("every webhook to hear of the Slot", Duration::from_secs(90), || {
        let told = told_by_each(WATCH_AGE)?;
        let age = |told: &String| told.strip_prefix(WATCH_AGE)?.trim().parse().ok();
        let heard = told.iter().all(|told| age(told).is_some_and(|age: f64| age < since.elapsed().as_secs_f64()));
        if heard && !told.is_empty() { Ok(()) } else { Err(format!("{told:?}")) }
    });
}

/// Puts the load around something, which may itself wait for more of the holder's writes.
fn under_load(what: &str, act: impl FnOnce(&TestSlot, &dyn Fn(u64))) -> Ended {
    let slot = TestSlot::held_by("alice@example.com");
    under_load_in(slot.name(), what, |more| act(&slot, more))
}

/// The same in a slot that Alice holds already.
fn under_load_in(slot: &str, what: &str, act: impl FnOnce(&dyn Fn(u64))) -> Ended {
    all_are_ready();
    all_hear_of(slot);
    let load = Load::begin(slot, "alice@example.com", "bob@example.com");
    let more = |count: u64| {
        let goal = load.admitted() + count;
        until("the holder's writes to be admitted", Duration::from_secs(90), || {
            let admitted = load.admitted();
            if admitted >= goal { Ok(()) } else { Err(format!("{admitted} of {goal}")) }
        });
    };
    more(AROUND);
    act(&more);
    more(AROUND);
    let mut ended = load.end();
    ended.tell(what);
    if !ended.failed.is_empty() {
        let pods = in_hotdesk(&[&["get", "pods", "-o", "yaml"][..], &PODS].concat());
        ended.meanwhile = format!("{}\n{pods}", in_hotdesk(&["get", "events", "--sort-by=.lastTimestamp"]));
    }
    ended
}

#[test]
fn one_replica_is_deleted() {
    let _held = installation::exclusive();
    under_load("one replica deleted", |_, _| {
        in_hotdesk(&["delete", &webhook_pods()[0]]).succeeded();
        all_are_ready();
    })
    .holder_lost_nothing();
}

#[test]
fn one_replica_is_killed() {
    let _held = installation::exclusive();
    let ended = under_load("one replica killed", |_, _| kill_one());
    // What was in the hands of the killed one is lost.
    assert!(ended.failed.len() <= 8, "{}: {:?}", ended.failed.len(), ended.failed.first());
}

#[test]
fn both_replicas_are_killed() {
    let _held = installation::exclusive();
    under_load("both replicas killed", |_, _| kill_both());
}

fn kill_one() {
    in_hotdesk(&["delete", &webhook_pods()[0], "--force", "--grace-period=0"]).succeeded();
    all_are_ready();
}

fn kill_both() {
    in_hotdesk(&[&["delete", "pods", "--force", "--grace-period=0"][..], &PODS].concat()).succeeded();
    all_are_ready();
}

#[test]
fn the_webhooks_roll_out() {
    let _held = installation::exclusive();
    under_load("rollout", |_, _| {
        let old = webhook_pods();
        in_hotdesk(&["rollout", "restart", WEBHOOK]).succeeded();
        until("the last old pod to end", Duration::from_secs(120), || {
            let left: Vec<String> = webhook_pods().into_iter().filter(|pod| old.contains(pod)).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
        all_are_ready();
    })
    .holder_lost_nothing();
}

#[test]
fn the_controller_is_down() {
    let _held = installation::exclusive();
    under_load("controller down", |_, _| {
        in_hotdesk(&["scale", "deployment/hotdesk-controller", "--replicas=0"]).succeeded();
        let gone = ["wait", "--for=delete", "pod", "-l", "app.kubernetes.io/component=controller", "--timeout=60s"];
        in_hotdesk(&gone).succeeded();
        in_hotdesk(&["scale", "deployment/hotdesk-controller", "--replicas=1"]).succeeded();
        in_hotdesk(&["rollout", "status", "deployment/hotdesk-controller", "--timeout=90s"]).succeeded();
    })
    .holder_lost_nothing();
}

#[test]
fn the_certificate_and_its_authority_and_the_path_are_renewed() {
    let _held = installation::exclusive();
    for what in ["leaf", "ca", "path"] {
        under_load(&format!("{what} renewed"), |_, _| renew(what).completed_within(240)).holder_lost_nothing();
    }
}

#[test]
fn idle_sockets_hold_no_place() {
    let _held = installation::exclusive();
    if !runs_here() {
        return not_run("idle_sockets_hold_no_place", "the webhook cannot be reached from here");
    }
    under_load("64 idle sockets at each replica", |_, more| {
        let sockets: Vec<TcpStream> = webhook_addresses()
            .into_iter()
            .flat_map(|address| (0..64).map(move |_| TcpStream::connect_timeout(&address, Duration::from_secs(5))))
            .map(|socket| socket.expect("a socket"))
            .collect();
        for mut socket in &sockets {
            // A first byte, and then nothing: a handshake that never goes on.
            let _closed = socket.write_all(&[0x16]);
        }
        more(2 * AROUND);
    })
    .holder_lost_nothing();
}

fn webhook_addresses() -> Vec<SocketAddr> {
    let pods = in_hotdesk(&[&["get", "pods", "-o", "json"][..], &PODS].concat()).succeeded().json();
    let pods = pods["items"].as_array().unwrap();
    pods.iter().map(|pod| format!("{}:8443", pod["status"]["podIP"].as_str().unwrap()).parse().unwrap()).collect()
}

/// A Deployment that is almost as large as one can be. Each `<` is six bytes in a review, in the object and in its old self: a
/// change of it is a review of 16.6 MB.
fn largest() -> Value {
    let env = json!([{"name": "LARGE", "value": "<".repeat(1_380_000)}]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "largest"},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "largest"}},
            "template": {
                "metadata": {"labels": {"app": "largest"}},
                "spec": {"containers": [{"name": "a", "image": "none.invalid/none", "env": env}]},
            },
        },
    })
}

#[test]
fn four_of_the_largest_objects_are_in_flight_all_the_time() {
    let _held = installation::exclusive();
    let ended = under_load("four of the largest reviews in flight", |slot, more| {
        let (url, object) = (format!("/apis/apps/v1/namespaces/{}/deployments", slot.name()), largest());
        alice().kubectl_with(&["create", "--raw", &url, "-f", "-"], &object.to_string()).succeeded();
        let flood = Flood::begin(4, "alice@example.com", &format!("{url}/largest?dryRun=All"), &object);
        more(6 * AROUND);
        let answered = flood.end();
        // Four of them keep the API server busy too. What it has no answer to in time is denied, on a busy machine.
        let wrong = |answer: &&Result<(), String>| answer.as_ref().is_err_and(|why| !why.contains("deadline exceeded"));
        assert_eq!(answered.iter().find(wrong), None);
        assert!(answered.len() >= 8, "only {} of them were answered: nothing was in flight", answered.len());
    });
    ended.holder_lost_nothing();
}

#[test]
fn one_replica_is_stopped() {
    let _held = installation::exclusive();
    let Some(pid) = webhook_processes().first().copied() else {
        return not_run("one_replica_is_stopped", "the webhook's processes are not on this machine");
    };
    let ended = under_load("one replica stopped", |_, _| stop_for_a_while(pid));
    // Calls that are in the hands of the stopped one, and those that reach it until the readiness probe has noticed, run into the API
    // server's timeout; each is tried on one connection only. That is less than a second's writes.
    assert!(ended.failed.iter().all(|why| why.contains("webhook") || why.contains("timeout")), "{:?}", ended.failed);
    assert!(ended.failed.len() < PER_SECOND, "the holder lost {}: {:?}", ended.failed.len(), ended.failed.first());
}

/// Until it is out of the Service.
fn stop_for_a_while(pid: i32) {
    let stopped = Stopped::new(pid);
    until("the stopped replica to leave the Service", Duration::from_secs(60), || {
        let args = ["get", "endpointslices", "-l", "kubernetes.io/service-name=hotdesk-webhook", "-o", "json"];
        let slices = in_hotdesk(&args).succeeded().json();
        let endpoints = slices["items"][0]["endpoints"].as_array().cloned().unwrap_or_default();
        let ready = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true).count();
        if ready == 1 { Ok(()) } else { Err(format!("{ready} are ready")) }
    });
    drop(stopped);
    all_are_ready();
}

/// A process that stands still until this is dropped.
struct Stopped(i32);

impl Stopped {
    fn new(pid: i32) -> Self {
        signal(pid, rustix::process::Signal::STOP);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, rustix::process::Signal::CONT);
    }
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// The webhook's processes, where the test cluster's node is this machine.
fn webhook_processes() -> Vec<i32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pid = |path: PathBuf| {
        let line = std::fs::read(path.join("cmdline")).ok()?;
        let program = String::from_utf8_lossy(line.split(|byte| *byte == 0).next()?).into_owned();
        let in_a_pod = std::fs::read_to_string(path.join("cgroup")).ok()?.contains("pod");
        (program.ends_with("hotdesk-webhook") && in_a_pod).then(|| path.file_name()?.to_str()?.parse().ok()).flatten()
    };
    all.filter_map(|entry| pid(entry.path())).collect()
}

fn runs_here() -> bool {
    !webhook_processes().is_empty()
}

fn not_run(name: &str, why: &str) {
    // Past the capture of the test harness: `tests/run` counts these lines.
    let _unwritable = std::io::stderr().write_all(format!("NOT RUN {name}: {why}\n").as_bytes());
}
