//! Releases that are hard to reap, through the whole program: what helm is asked to do, with which record, and what is told.
//!
//! The API server is the stand-in of the fault table, and so is helm. The ids are those of `tests/data/undo`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test, and uses a part of the fault table's world"
)]

mod hooks;
#[path = "../faults/objects.rs"]
mod objects;
#[path = "../support/pod_log.rs"]
mod pod_log;
mod stays;
#[path = "../faults/world.rs"]
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_http::fake_server::Reply;
use serde_json::{Value, json};

use self::world::{FakeCluster, RunOutcome, ago, failure, idle, record, second};

/// What the program wrote, in order: method, path, body.
type Written = Arc<Mutex<Vec<(String, String, Value)>>>;

fn template(file: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/data/undo/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// helm's record of a release whose manifest is this, and its hooks.
fn release(revision: i64, status: &str, manifest: &str, hooks: &Value) -> Value {
    let mut record = record(revision, status, 300);
    let info = json!({"status": status, "first_deployed": ago(300).to_string(), "last_deployed": ago(300).to_string()});
    let release = json!({"name": "web", "namespace": "mew", "version": revision, "info": info, "manifest": manifest, "hooks": hooks});
    record["data"]["release"] = json!(STANDARD.encode(STANDARD.encode(release.to_string())));
    record["metadata"]["annotations"] = json!({"hotdesk.dev/deployed-by": "alice@example.com"});
    record
}

/// The manifest in the value of a record's `data.release`.
fn manifest(data: &Value) -> String {
    let outer = STANDARD.decode(data.as_str().unwrap()).unwrap();
    let packed = STANDARD.decode(outer).unwrap();
    let mut json = String::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut json).unwrap();
    } else {
        json = String::from_utf8(packed).unwrap();
    }
    serde_json::from_str::<Value>(&json).unwrap()["manifest"].as_str().unwrap().to_owned()
}

fn kinds() -> [(&'static str, Value); 6] {
    let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list", "create", "delete"]});
    let list = |version: &str, resources: Value| json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources});
    [
        (
            "/api/v1",
            list(
                "v1",
                json!([
                    resource("services", "Service"),
                    resource("configmaps", "ConfigMap"),
                    resource("secrets", "Secret"),
                    resource("replicationcontrollers", "ReplicationController")
                ]),
            ),
        ),
        ("/apis/apps/v1", list("apps/v1", json!([resource("deployments", "Deployment")]))),
        ("/apis/argoproj.io/v1alpha1", list("argoproj.io/v1alpha1", json!([resource("rollouts", "Rollout")]))),
        ("/apis/postgresql.cnpg.io/v1", list("postgresql.cnpg.io/v1", json!([resource("clusters", "Cluster")]))),
        ("/apis/batch/v1", list("batch/v1", json!([resource("jobs", "Job")]))),
        (
            "/apis/autoscaling/v2",
            list("autoscaling/v2", json!([resource("horizontalpodautoscalers", "HorizontalPodAutoscaler")])),
        ),
    ]
}

/// A live object of the release.
fn live(path: &str, spec: &Value) -> Value {
    let name = path.rsplit('/').next();
    let marks = json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "mew"});
    let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
    let metadata = json!({"name": name, "namespace": "mew", "uid": "o", "labels": labels, "annotations": marks});
    json!({"apiVersion": "v1", "kind": "X", "metadata": metadata, "spec": spec})
}

/// Volumes that an operator made for a cluster of its kind, and one that belongs to nobody.
fn claims() -> Value {
    let owner = json!([{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "web", "uid": "o"}]);
    let claim = |name: &str, owners: &Value| json!({"metadata": {"name": name, "ownerReferences": owners}});
    let items = [claim("web-1", &owner), claim("web-2", &owner), claim("upload", &json!([]))];
    json!({"metadata": {}, "items": items})
}

/// A slot with these records, in which these objects are there, and what is written is remembered.
fn slot_with(records: Vec<Value>, objects: &[&'static str]) -> (FakeCluster, Written) {
    let written: Written = Arc::default();
    let (seen, objects) = (written.clone(), objects.to_vec());
    let world = idle().with(|world| world.records = records).fault(move |world, request| {
        let (method, path) = (request.method.as_str(), request.path());
        if ["PUT", "POST", "PATCH", "DELETE"].contains(&method) {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            if method == "PUT" && path.contains("/mew/secrets/") {
                let found = world
                    .records
                    .iter_mut()
                    .find(|record| record["metadata"]["name"].as_str() == path.rsplit('/').next());
                found.unwrap()["data"] = body["data"].clone();
            }
            let may = path.ends_with("/selfsubjectaccessreviews");
            seen.lock().unwrap().push((method.to_owned(), path.to_owned(), body.clone()));
            let mut answer = body;
            answer["status"] = json!({"allowed": true});
            return may.then_some(Reply::Json(201, answer));
        }
        if let Some((_, kinds)) = kinds().into_iter().find(|(version, _)| *version == path) {
            return Some(Reply::Json(200, kinds));
        }
        if path == "/api/v1/namespaces/mew/persistentvolumeclaims" && objects.contains(&CLUSTER) {
            return Some(Reply::Json(200, claims()));
        }
        if objects.contains(&path) {
            return Some(Reply::Json(200, live(path, &json!({"replicas": 3}))));
        }
        let named = path.contains("/namespaces/mew/")
            && ["web", "old", "new"].iter().any(|name| path.ends_with(&format!("/{name}")));
        named.then(|| failure(404, "NotFound", "not found"))
    });
    (world, written)
}

fn of<'a>(written: &'a [(String, String, Value)], method: &str, path: &str) -> Vec<&'a Value> {
    let wanted = |(m, p, _): &&(String, String, Value)| m == method && p.contains(path);
    written.iter().filter(wanted).map(|(_, _, body)| body).collect()
}

/// Runs it; the manifests that helm's record was given, in order.
fn run(world: FakeCluster, written: &Written) -> (RunOutcome, Vec<String>) {
    let ran = world.run();
    let all = written.lock().unwrap();
    let puts = of(&all, "PUT", "/namespaces/mew/secrets/sh.helm");
    let manifests = puts.into_iter().map(|body| manifest(&body["data"]["release"])).collect();
    (ran, manifests)
}

const WEB: &str = "/api/v1/namespaces/mew/services/web";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/mew/deployments/web";
const CONTROLLER: &str = "/api/v1/namespaces/mew/replicationcontrollers/web";
const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/mew/rollouts/web";
const CLUSTER: &str = "/apis/postgresql.cnpg.io/v1/namespaces/mew/clusters/web";
const NOTE: &str = "# hotdesk has left documents out of this manifest while it uninstalls the release.\n";

/// The record that helm gets, and, since the stand-in of helm removes nothing, what it is given back.
#[track_caller]
fn check_cut(id: &str, file: &str, objects: &[&'static str], expected: impl Fn(&str) -> Option<String>) {
    let template = template(file);
    let records = vec![release(1, "deployed", &template, &json!([]))];
    let whole = records[0]["data"].clone();
    let (world, written) = slot_with(records, objects);
    let (ran, manifests) = run(world, &written);
    assert_eq!(ran.uninstalls.len(), 1, "{id}: {ran:?}");
    match expected(&template) {
        None => assert_eq!(manifests, Vec::<String>::new(), "{id}: its record is as it was"),
        Some(cut) => {
            assert_eq!(manifests, [format!("{NOTE}{cut}"), template], "{id}");
            let all = written.lock().unwrap();
            let back = of(&all, "PUT", "/namespaces/mew/secrets/sh.helm");
            assert_eq!(back.last().unwrap()["data"], whole, "{id}: byte by byte");
        }
    }
    let all = written.lock().unwrap();
    let saved = of(&all, "POST", "/namespaces/hotdesk-saved/secrets");
    let about: Value =
        serde_json::from_str(saved[0]["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap())
            .unwrap();
    assert_eq!(about["deployedBy"], "alice@example.com", "{id}");
    // What is saved lacks the outer base64.
    let saved = STANDARD.decode(saved[0]["data"]["release"].as_str().unwrap()).unwrap();
    let packed = STANDARD.encode(STANDARD.encode(saved));
    assert_eq!(packed, whole["release"].as_str().unwrap(), "{id}: saved byte by byte, before anything was left out");
}

fn from_second_document(template: &str) -> Option<String> {
    template.find("---\n").map(|at| template[at..].to_owned())
}

#[test]
fn u01_u02_u03_u05_u07_what_helm_gets_is_the_rest_byte_by_byte() {
    check_cut("u01", "u01-default-mode.yaml", &[DEPLOYMENT], from_second_document);
    for (id, file) in [
        ("u02", "u02-octal-numbers.yaml"),
        ("u03", "u03-keys-y-n-on.yaml"),
        ("u05", "u05-many-aliases.yaml"),
        ("u07", "u07-scaled.yaml"),
    ] {
        check_cut(id, file, &[DEPLOYMENT], |_| None);
    }
}

#[test]
fn u04_binary_data_is_not_looked_into() {
    check_cut("u04", "u04-binary-tag.yaml", &[WEB], from_second_document);
}

#[test]
fn u07_the_replicas_of_the_moment_are_written_down() {
    let (world, written) =
        slot_with(vec![release(1, "deployed", &template("u07-scaled.yaml"), &json!([]))], &[DEPLOYMENT]);
    run(world, &written);
    let all = written.lock().unwrap();
    let saved = of(&all, "POST", "/namespaces/hotdesk-saved/secrets");
    let about = saved[0]["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap();
    assert!(about.contains("\"replicas\":3}]"), "{about}");
}

/// What is saved of a release with this manifest.
fn saved_of(manifest: &str, objects: &[&'static str]) -> Value {
    let (world, written) = slot_with(vec![release(1, "deployed", manifest, &json!([]))], objects);
    run(world, &written);
    let all = written.lock().unwrap();
    let saved = of(&all, "POST", "/namespaces/hotdesk-saved/secrets");
    serde_json::from_str(saved[0]["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap()).unwrap()
}

#[test]
fn u07_the_replicas_of_any_kind_are_written_down_whether_or_not_the_manifest_says_any() {
    let manifest = "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web}\n---\n\
                    apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\n";
    let saved = saved_of(manifest, &[CONTROLLER, ROLLOUT]);
    let replicas: Vec<(&Value, &Value)> =
        saved["replicas"].as_array().unwrap().iter().map(|one| (&one["object"]["kind"], &one["replicas"])).collect();
    assert_eq!(replicas, [(&json!("ReplicationController"), &json!(3)), (&json!("Rollout"), &json!(3))]);
}

#[test]
fn the_volumes_that_an_operator_made_for_an_object_that_goes_are_told() {
    let manifest = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: web}\n";
    let told = |name: &str| format!("the data of PersistentVolumeClaim/{name}, which goes with Cluster/web");
    assert_eq!(saved_of(manifest, &[CLUSTER])["lost"], json!([told("web-1"), told("web-2")]));
}

#[track_caller]
fn check_kept(id: &str, ran: &RunOutcome, expected: &str) {
    assert!(ran.uninstalls.is_empty(), "{id}: {ran:?}");
    assert_eq!(ran.code, Some(0), "{id}: it is kept, which is not an error: {ran:?}");
    assert!(ran.message.contains(expected), "{id}: {}", ran.message);
}

#[test]
fn u06_a_list_that_holds_both_keeps_its_release() {
    let (world, written) =
        slot_with(vec![release(1, "deployed", &template("u06-list-mixed.yaml"), &json!([]))], &[DEPLOYMENT]);
    let (ran, manifests) = run(world, &written);
    check_kept("u06", &ran, "what stays (ConfigMap/web-settings) and what goes (Deployment/web)");
    assert_eq!(manifests, Vec::<String>::new());
}

#[test]
fn u15_a_hook_that_the_reaper_may_not_make_is_found_before_anything_begins() {
    let template = template("u15-hook-kinds.yaml");
    let (service, hooks) = template.split_once("---\n").unwrap();
    for event in ["pre-delete", "post-delete"] {
        let hooks: Vec<Value> = hooks
            .split("---\n")
            .map(|text| json!({"name": "web-cleaner", "kind": "X", "manifest": text.replace("pre-delete", event), "events": [event]}))
            .collect();
        let (world, written) = slot_with(vec![release(1, "deployed", service, &json!(hooks))], &[WEB]);
        let (ran, _) = run(world, &written);
        check_kept("u15", &ran, &format!("its {event} hook makes ServiceAccount/web-cleaner"));
    }
}

#[test]
fn u09_both_revisions_go_and_both_are_saved() {
    let (old, new) = (template("u09-renamed.v1.yaml"), template("u09-renamed.v2.yaml"));
    let records = vec![release(1, "deployed", &old, &json!([])), release(2, "failed", &new, &json!([]))];
    let there = ["/apis/apps/v1/namespaces/mew/deployments/old", "/apis/apps/v1/namespaces/mew/deployments/new"];
    let (world, written) = slot_with(records, &there);
    let (ran, manifests) = run(world, &written);
    assert_eq!(ran.uninstalls.len(), 1, "u09: {ran:?}");
    assert_eq!(manifests, [format!("{NOTE}---\n{new}---\n{old}"), new], "u09");
    let all = written.lock().unwrap();
    let names: Vec<&str> = of(&all, "POST", "/namespaces/hotdesk-saved/secrets")
        .iter()
        .filter_map(|saved| saved["metadata"]["name"].as_str())
        .collect();
    assert!(
        names.len() == 2 && names[0].contains(".web.v1.") && names[1].contains(".web.v2."),
        "u09: the newest last: {names:?}"
    );
}

#[test]
fn u12_a_hook_that_failed_waits_and_the_slot_is_open_meanwhile() {
    let failed = |retry: i64| {
        json!([{"release": "web", "revision": 1, "times": 1, "at": second(ago(30)), "retryAt": second(ago(-retry)),
            "reason": "job web-before failed"}])
    };
    let waits = idle().with(|world| world.status = json!({"failedReaps": failed(30)}));
    check_kept("u12", &waits.run(), "job web-before failed");
    let again = idle().with(|world| world.status = json!({"failedReaps": failed(-1)}));
    assert_eq!(again.run().uninstalls.len(), 1, "u12: its time has come");
    let asked = idle().with(|world| world.status = json!({"failedReaps": failed(30)}));
    let asked = asked.args(&["--request-id=r1", "--claim-id=c1"]);
    assert_eq!(asked.run().uninstalls.len(), 1, "u12: somebody asked");
}

#[test]
fn u22_a_second_reap_waits_for_the_first_and_does_nothing_twice() {
    let busy = json!({"since": second(ago(1)), "releases": [{"name": "web", "revision": 1}], "until": second(ago(-1))});
    let looks = AtomicUsize::new(0);
    let world = idle().with(|world| world.status = json!({"reaping": busy})).fault(move |world, request| {
        // The first is done when the second looks again.
        let own = request.path().ends_with("/slots/slot") && request.method == "GET";
        if own && looks.fetch_add(1, Ordering::Relaxed) == 2 {
            world.status = json!({});
            world.records.clear();
        }
        None
    });
    let ran = world.run();
    assert!(ran.log.contains("another reap is under way, until"), "u22: {}", ran.log);
    check_kept("u22", &ran, "nothing to reap: there is no release");
}
