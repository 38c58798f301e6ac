//! What is collected from an API server that fails, lies by leaving out, or changes between two answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser as _;
use hotdesk_slots::slot::VerdictState;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

mod again;
#[path = "../../tests/support/pod_log.rs"]
mod pod_log;

fn now() -> Timestamp {
    "2026-11-23T20:00:00Z".parse().unwrap()
}

const OTHERS: &str = "2026-11-23T18:00:00.5Z 203.0.113.9 - - [23/Nov/2026:18:00:00 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \
                      \"curl/8.5\" 512 0.004 [mewtwo-web-80] [] 10.244.0.7:8080 612 0.004 200 0af1\n";
const OURS: &str = "2026-11-23T19:55:00.5Z 203.0.113.9 - - [23/Nov/2026:19:55:00 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \
                    \"curl/8.5\" 512 0.004 [mew-web-80] [] 10.244.0.7:8080 612 0.004 200 0af2\n";

/// An API server in memory: an old release, one controller pod, and a log in which nobody asked for the slot.
#[derive(Debug, Clone)]
struct FakeCluster {
    records: Vec<Value>,
    ingresses: Vec<Value>,
    pods: Vec<Value>,
    replica_sets: Vec<Value>,
    own_pods: Vec<Value>,
    log: String,
    spec: Value,
    status: Value,
    /// What the last line of the log is, where that differs from the last one that is served.
    end: Option<String>,
    /// What is said of lists, beside their items.
    list: Value,
    /// Happens when the log is read.
    meanwhile: Option<fn(&mut FakeCluster)>,
    /// How long that takes, the first time.
    slow: Duration,
    /// How often a record of helm's was read.
    records_read: usize,
    /// How many bytes of logs were.
    log_read: usize,
}

fn record(revision: i64, deployed: &str, created: &str) -> Value {
    let release =
        json!({"name": "web", "version": revision, "info": {"status": "deployed", "last_deployed": deployed}});
    let release = STANDARD.encode(STANDARD.encode(release.to_string()));
    json!({
        "metadata": {
            "name": format!("sh.helm.release.v1.web.v{revision}"), "namespace": "mew", "creationTimestamp": created,
            "resourceVersion": created,
            "labels": {"owner": "helm", "name": "web", "version": revision.to_string()},
        },
        "data": {"release": release},
    })
}

fn controller(name: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "uid": name, "creationTimestamp": "2026-11-23T09:59:59Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "controller", "uid": "1", "controller": true}],
        },
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "controller", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": "2026-11-23T10:00:00Z"}},
        }]},
    })
}

fn idle() -> FakeCluster {
    FakeCluster {
        records: vec![record(1, "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z")],
        ingresses: vec![],
        pods: vec![controller("controller-a")],
        replica_sets: vec![json!({"metadata": {"name": "controller"}})],
        own_pods: vec![],
        log: OTHERS.to_owned(),
        spec: json!({}),
        status: json!({}),
        end: None,
        list: json!({}),
        meanwhile: None,
        slow: Duration::ZERO,
        records_read: 0,
        log_read: 0,
    }
}

impl FakeCluster {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn answer(&mut self, request: &Request<Body>) -> Option<String> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let items = match path {
            "/version" => return Some("{}".to_owned()),
            "/apis" => {
                let version = json!({"groupVersion": "networking.k8s.io/v1", "version": "v1"});
                let group = json!({"name": "networking.k8s.io", "versions": [version], "preferredVersion": version});
                return Some(json!({"kind": "APIGroupList", "groups": [group]}).to_string());
            }
            "/apis/hotdesk.dev/v1alpha1/namespaces/mew/slots/slot" => {
                let metadata = json!({"name": "slot", "namespace": "mew"});
                return Some(json!({"metadata": metadata, "spec": self.spec, "status": self.status}).to_string());
            }
            "/api/v1/namespaces/hotdesk-jobs/configmaps/hotdesk-sessions" => {
                let record = json!({"since": "2026-11-23T00:00:00Z", "writtenUntil": "2026-11-23T19:59:55Z"});
                return Some(json!({"metadata": {}, "data": {"webhook.1": record.to_string()}}).to_string());
            }
            path if path.contains("/secrets/") => {
                self.records_read += 1;
                let found = self.records.iter().find(|record| Some(path) == path_of(record).as_deref());
                return found.map(Value::to_string);
            }
            path if path.ends_with("/log") => {
                let last = query.split('&').any(|part| part == "tailLines=1");
                let served =
                    self.end.clone().filter(|_| last).unwrap_or_else(|| pod_log::served(&self.log, query, now()));
                if let Some(meanwhile) = self.meanwhile.take_if(|_| !last) {
                    meanwhile(self);
                }
                self.log_read += served.len();
                return Some(served);
            }
            "/api/v1/namespaces/mew/secrets" => &self.records,
            "/apis/networking.k8s.io/v1/namespaces/mew/ingresses" => &self.ingresses,
            "/api/v1/namespaces/ingress-nginx/pods" => &self.pods,
            "/api/v1/namespaces/mew/pods" => &self.own_pods,
            "/apis/apps/v1/namespaces/ingress-nginx/replicasets" => &self.replica_sets,
            "/apis/hotdesk.dev/v1alpha1/slots" => {
                let slots = ["mew", "mewtwo"].map(|name| json!({"metadata": {"name": "slot", "namespace": name}}));
                return Some(json!({"metadata": {}, "items": slots}).to_string());
            }
            "/api/v1/namespaces/mew/services" => {
                let web = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
                return Some(json!({"metadata": {}, "items": [web]}).to_string());
            }
            _ => return Some(json!({"metadata": {}, "items": []}).to_string()),
        };
        Some(json!({"metadata": self.list, "items": items}).to_string())
    }
}

fn path_of(record: &Value) -> Option<String> {
    Some(format!("/api/v1/namespaces/mew/secrets/{}", record["metadata"]["name"].as_str()?))
}

fn looked(world: FakeCluster) -> (Verdict, Evidence) {
    let mut looks = Vec::new();
    looked_each(world, &mut [|_| {}], &mut looks);
    let (verdict, evidence, _) = looks.remove(0);
    (verdict, evidence)
}

/// Looks once behind each change, and says how many records were read for it.
fn looked_each(
    world: FakeCluster,
    changes: &mut [fn(&mut FakeCluster)],
    observations: &mut Vec<(Verdict, Evidence, usize)>,
) {
    let world = Arc::new(Mutex::new(world));
    let shared = world.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let mut world = shared.lock().unwrap();
        let answer = world.answer(&request);
        let reads = request.uri().path().ends_with("/log");
        let takes = if reads { std::mem::take(&mut world.slow) } else { Duration::ZERO };
        let (status, body) = match answer {
            Some(body) => (200, body),
            None => {
                (404, json!({"kind": "Status", "message": "not found", "reason": "NotFound", "code": 404}).to_string())
            }
        };
        let response = Response::builder().status(status).header("date", "Mon, 23 Nov 2026 20:00:00 GMT");
        let response = response.body(Body::from(body.into_bytes())).unwrap();
        async move {
            tokio::time::advance(takes).await;
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::pretended(Client::new(service, "mew"), Duration::from_secs(60));
        let args = Args::try_parse_from(["hotdesk-reap"]).unwrap();
        let (rules, patterns) = args.rules().unwrap();
        let collector =
            Collector { cluster: &cluster, args: &args, rules: &rules, patterns: &patterns, slot: "mew", now };
        let mut memory = Memory::default();
        for change in changes {
            change(&mut world.lock().unwrap());
            let (verdict, evidence) = collector.verdict(&mut memory).await;
            let read = std::mem::take(&mut world.lock().unwrap().records_read);
            observations.push((verdict, evidence, read));
        }
    });
}

#[track_caller]
fn check(change: impl FnOnce(&mut FakeCluster), state: VerdictState, reason: &str) {
    let mut world = idle();
    change(&mut world);
    let (verdict, _) = looked(world);
    assert!(verdict.state == state && verdict.reason.contains(reason), "{reason}: {verdict:?}");
}

#[test]
fn the_slot_from_which_each_test_starts_is_idle() {
    check(|_| {}, VerdictState::Idle, "");
}

#[test]
fn a_request_within_the_window_is_seen() {
    check(|world| world.log += OURS, VerdictState::Active, "mew-web-80");
}

#[test]
fn a_deploy_while_the_logs_are_read_is_seen() {
    let deploy: fn(&mut FakeCluster) =
        |world| world.records.push(record(2, "2026-11-23T19:59:59Z", "2026-11-23T19:59:59Z"));
    check(|world| world.meanwhile = Some(deploy), VerdictState::Active, "revision 2");
}

#[test]
fn a_window_that_grows_while_the_logs_are_read_is_not_taken_for_read() {
    let lapsed = json!({"claim": {"users": ["bob"], "until": "2026-11-23T17:00:00Z"}});
    let ours = OURS.replace("19:55:00", "19:25:00");
    check(|world| (world.spec, world.log) = (lapsed.clone(), OTHERS.to_owned() + &ours), VerdictState::Idle, "30 min");
    let freed: fn(&mut FakeCluster) = |world| world.spec = json!({});
    let freed = |world: &mut FakeCluster| {
        (world.spec, world.log, world.meanwhile) = (lapsed, OTHERS.to_owned() + &ours, Some(freed));
    };
    check(freed, VerdictState::Unknown, "ingress-logs was read for less than the window");
}

#[test]
fn a_record_is_read_again_only_if_it_was_written() {
    let upgrade: fn(&mut FakeCluster) =
        |world| world.records = vec![record(1, "2026-11-23T19:59:59Z", "2026-11-23T19:59:58Z")];
    let mut looks = Vec::new();
    looked_each(idle(), &mut [|_| {}, |_| {}, upgrade, |world| world.records.clear()], &mut looks);
    let seen: Vec<_> = looks.iter().map(|(verdict, _, read)| (verdict.state, *read)).collect();
    let (idle, active, kept) = (VerdictState::Idle, VerdictState::Active, VerdictState::Kept);
    assert_eq!(seen, [(idle, 1), (idle, 0), (active, 1), (kept, 0)]);
    // A record without a version is as good as written each time.
    let unversioned = |world: &mut FakeCluster| world.records[0]["metadata"]["resourceVersion"] = json!("");
    let mut looks = Vec::new();
    looked_each(idle_for_long(), &mut [unversioned], &mut looks);
    assert_eq!(looks[0].2, 2);
}

#[test]
fn a_request_while_a_long_log_is_read_is_seen() {
    let ask: fn(&mut FakeCluster) = |world| world.log += &OURS.replace("19:55:00.5Z", "20:00:00.5Z");
    // By a clock that is minutes behind, and by one that was set back during the run.
    let late: fn(&mut FakeCluster) = |world| world.log += OURS;
    let set_back: fn(&mut FakeCluster) = |world| world.log += &OURS.replace("19:55:00.5Z", "19:01:00.5Z");
    let slow =
        |world: &mut FakeCluster, meanwhile| (world.meanwhile, world.slow) = (Some(meanwhile), Duration::from_secs(40));
    for meanwhile in [ask, late, set_back] {
        check(|world| slow(world, meanwhile), VerdictState::Active, "mew-web-80");
    }
    let busy: fn(&mut FakeCluster) = |world| {
        world.log += OURS;
        (0..600).for_each(|number| world.log += &OTHERS.replace("18:00:00.5", &format!("19:59:00.{number:03}")));
    };
    check(|world| slow(world, busy), VerdictState::Active, "mew-web-80");
    let others: fn(&mut FakeCluster) = |world| world.log += &OTHERS.replace("18:00:00", "19:59:00");
    check(|world| slow(world, others), VerdictState::Idle, "");
    let rotated: fn(&mut FakeCluster) = |world| world.log = OTHERS.replace("18:00:00", "19:59:00");
    check(|world| slow(world, rotated), VerdictState::Unknown, "does not go on where its reading ended");
    // What comes after the verdict is the next look's.
    check(|world| world.meanwhile = Some(ask), VerdictState::Idle, "");
}

#[test]
fn a_deploy_by_a_clock_that_is_hours_behind_is_seen() {
    let skewed = record(2, "2026-11-23T16:59:00Z", "2026-11-23T19:59:00Z");
    check(|world| world.records.push(skewed), VerdictState::Active, "revision 2");
}

#[test]
fn a_log_that_breaks_off_between_two_lines_is_not_whole() {
    let cut = |world: &mut FakeCluster| world.end = Some("2026-11-23T19:55:00.5Z 203.0.113.9 - - [23/Nov".to_owned());
    check(cut, VerdictState::Unknown, "it broke off before its end, at 18:00:00 UTC");
    let set_back = |world: &mut FakeCluster| world.end = Some(OURS.replace("19:55:00.5Z", "17:55:00.5Z"));
    check(set_back, VerdictState::Unknown, "it broke off before its end, at 18:00:00 UTC");
    let empty = |world: &mut FakeCluster| (world.log, world.end) = (String::new(), Some(OTHERS.to_owned()));
    check(empty, VerdictState::Unknown, "it broke off before its end, at its beginning");
    let error = |world: &mut FakeCluster| world.end = Some("unable to retrieve container logs".to_owned());
    check(error, VerdictState::Unknown, "unable to retrieve container logs");
}

#[test]
fn a_part_of_a_list_is_not_the_list() {
    check(|world| world.list = json!({"continue": "abc"}), VerdictState::Unknown, "only a part of the list");
}

#[test]
fn an_ingress_that_is_not_logged_leaves_the_slot_alone() {
    let annotations = json!({"nginx.ingress.kubernetes.io/enable-access-log": "false"});
    let silent = json!({"metadata": {"name": "web", "annotations": annotations}});
    check(|world| world.ingresses.push(silent), VerdictState::Unknown, "Ingress mew/web turns its access log off");
}

#[test]
fn a_controller_pod_that_changes_while_logs_are_read_is_seen() {
    let replace: fn(&mut FakeCluster) = |world| world.pods = vec![controller("controller-b")];
    check(|world| world.meanwhile = Some(replace), VerdictState::Unknown, "changed while their logs were read");
    check(|world| world.replica_sets.clear(), VerdictState::Unknown, "ReplicaSet controller is not among those");
}

/// The log was rotated twenty minutes ago.
fn rotated(covered: &Value) -> (Verdict, Evidence) {
    let log = OTHERS.replace("18:00:00", "19:40:00");
    looked(FakeCluster { log, status: json!({"covered": covered}), ..idle() })
}

fn covered(evidence: &Evidence) -> (String, String, String) {
    let covered = &evidence.traffic.as_ref().unwrap().covered[0];
    (covered.settings.clone(), covered.since.0.to_string(), covered.through.0.to_string())
}

#[test]
fn what_several_runs_have_read_counts_as_one_reading_if_there_is_no_gap() {
    let (verdict, evidence) = rotated(&json!([]));
    assert_eq!(verdict.state, VerdictState::Unknown);
    assert!(verdict.reason.contains("begins at 19:40:00 UTC, within the window"), "{}", verdict.reason);
    let (settings, since, through) = covered(&evidence);
    assert_eq!((since.as_str(), through.as_str()), ("2026-11-23T19:40:00.5Z", "2026-11-23T20:00:00Z"));

    let before = |since: &str, through: &str, settings: &str| json!([{"source": "ingress-logs", "settings": settings, "since": since, "through": through}]);
    let (early, late) = ("2026-11-23T18:59:00Z", "2026-11-23T19:50:00Z");
    let (verdict, evidence) = rotated(&before(early, late, &settings));
    assert_eq!(verdict.state, VerdictState::Idle, "{}", verdict.reason);
    assert_eq!(covered(&evidence), (settings.clone(), early.to_owned(), "2026-11-23T20:00:00Z".to_owned()));

    for (why, before) in [
        ("it begins within the window", before("2026-11-23T19:01:00Z", late, &settings)),
        ("there is a gap", before(early, "2026-11-23T19:40:00Z", &settings)),
        ("there may be one, by a clock that is minutes behind", before(early, "2026-11-23T19:44:59Z", &settings)),
        ("others read it otherwise", before(early, late, "0")),
    ] {
        assert_eq!(rotated(&before).0.state, VerdictState::Unknown, "{why}");
    }
    let grown = covered(&rotated(&before("2026-11-23T19:01:00Z", late, &settings)).1);
    assert_eq!(grown.1, "2026-11-23T19:01:00Z", "it grows until it covers a window");
}

#[test]
fn a_request_ends_what_was_covered_without_one() {
    let covered = json!([{"source": "ingress-logs", "settings": "0", "since": "2026-11-23T18:59:00Z", "through": "2026-11-23T19:50:00Z"}]);
    let (verdict, evidence) =
        looked(FakeCluster { log: format!("{OTHERS}{OURS}"), status: json!({"covered": covered}), ..idle() });
    assert_eq!(verdict.state, VerdictState::Active);
    assert_eq!(evidence.traffic.unwrap().covered, []);
}

#[test]
fn a_log_covers_nothing_while_requests_come_past_it() {
    let annotations = json!({"nginx.ingress.kubernetes.io/enable-access-log": "false"});
    let silent = json!({"metadata": {"name": "web", "annotations": annotations}});
    let (verdict, evidence) = looked(FakeCluster { ingresses: vec![silent], ..idle() });
    assert_eq!(verdict.state, VerdictState::Unknown);
    assert_eq!(evidence.traffic.unwrap().covered, []);
}

/// Two lines of others, of which the first is from the container's start.
fn idle_for_long() -> FakeCluster {
    let log = format!("{}{OTHERS}", OTHERS.replace("18:00:00", "10:00:00"));
    FakeCluster { log, ..idle() }
}
