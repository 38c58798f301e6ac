//! `hotdesk doctor` where something real is broken: it says what, and how to fix it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod aggregated;
mod gate;
mod ingress;
mod routes;

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, reading, start, until_it_may_read};
use hotdesk_e2e::slot::{JOBS, SlotBuilder, test_image, unique};
use hotdesk_e2e::{Person, TestSlot, admin, alice, installation, until};
use serde_json::{Value, json};

fn doctor(who: &Person) -> Value {
    who.hotdesk(&["doctor", "-o", "json"]).json()
}

fn findings(report: &Value) -> &[Value] {
    report["findings"].as_array().unwrap()
}

/// Waits until the doctor finds this, for what was changed takes a moment to be known.
#[track_caller]
fn finds(id: &str, about: &str, level: &str, says: &str, fix: &str) -> Value {
    let fits = |f: &Value| {
        let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
        f["id"] == id
            && f["subject"] == about
            && f["level"] == level
            && text("message").contains(says)
            && text("fix").contains(fix)
    };
    until(&format!("the doctor to find {id}, {says:?}, {fix:?}"), Duration::from_secs(40), || {
        let report = doctor(&admin());
        let near: Vec<&Value> = findings(&report).iter().filter(|f| f["subject"] == about || f["id"] == id).collect();
        near.iter().find(|f| fits(f)).map(|f| (*f).clone()).ok_or_else(|| format!("{near:#?}"))
    })
}

fn slot(slot: &TestSlot) -> String {
    format!("slot {}", slot.name())
}

fn controller(namespace: &str) -> String {
    format!("the controller in {namespace}")
}

/// A namespace that is deleted when the test ends.
struct Scratch(String);

impl Scratch {
    fn new(prefix: &str, labels: impl Fn(&str) -> Value) -> Self {
        let scratch = Self(unique(prefix));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scratch.0, "labels": labels(&scratch.0)}});
        admin().kubectl_with(&["apply", "-f", "-"], &namespace.to_string()).succeeded();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "namespace", &self.0, "--wait=false", "--ignore-not-found"]));
    }
}

#[test]
fn the_installation_is_well_and_a_slot_that_strangers_may_write_in_is_not() {
    let _held = installation::shared();
    let ill = TestSlot::free();
    let ids = [
        "kubernetes-version",
        "slot-kind",
        "webhook-entries",
        "webhook-certificate",
        "webhook-trust",
        "webhook-pods",
        "policies",
        "programs",
        "write-probe",
        "rights",
    ];
    // A test before this one may have left pods that are just starting, or a certificate on its way to them.
    until("the installation to be well", Duration::from_secs(180), || {
        let report = doctor(&admin());
        let of = |id: &str| findings(&report).iter().filter(|f| f["id"] == id).cloned().collect::<Vec<_>>();
        let ill: Vec<_> =
            ids.iter().filter(|id| of(id).is_empty() || of(id).iter().any(|f| f["level"] != "ok")).collect();
        if ill.is_empty() { Ok(()) } else { Err(format!("{ill:?} in {report:#}")) }
    });
    admin().kubectl(&["label", "namespace", ill.name(), "hotdesk.dev/slot-"]).succeeded();
    let fix = format!("kubectl label namespace {0} hotdesk.dev/slot={0} --overwrite", ill.name());
    finds("slot-label", &slot(&ill), "problem", "everybody can write there", &fix);
    let ran = admin().hotdesk(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    ran.said(&[
        "The installation",
        "Where the reapers observe traffic",
        "The slots",
        "✗ PROBLEM",
        "to fix it:",
        ill.name(),
    ]);
}

#[test]
fn a_namespace_that_is_labelled_and_has_no_slot_is_closed_to_everybody_and_said() {
    let _held = installation::shared();
    let hollow = Scratch::new("hollow", |name| json!({"hotdesk.dev/slot": name}));
    let fix = format!("kubectl label namespace {} hotdesk.dev/slot-", hollow.0);
    finds("slot-there", &format!("slot {}", hollow.0), "problem", "has no Slot, so nobody can write there", &fix);
}

#[test]
fn a103_a_slot_without_pod_security_is_said_and_the_fix_brings_it_back() {
    let _held = installation::shared();
    let open = TestSlot::free();
    let warned =
        |report: &Value| findings(report).iter().any(|f| f["id"] == "slot-pod-security" && f["subject"] == slot(&open));
    let before = doctor(&admin());
    assert!(!warned(&before), "the chart asks for baseline: {before:#}");
    admin().kubectl(&["label", "namespace", open.name(), "pod-security.kubernetes.io/enforce-"]).succeeded();
    finds("slot-pod-security", &slot(&open), "warning", "which cannot be seen", "enforce=baseline");
    let privileged = "pod-security.kubernetes.io/enforce=privileged";
    admin().kubectl(&["label", "namespace", open.name(), privileged]).succeeded();
    let found = finds("slot-pod-security", &slot(&open), "warning", "is privileged", "enforce=baseline");
    admin().shell(found["fix"].as_str().unwrap()).succeeded();
    let after = doctor(&admin());
    assert!(!warned(&after), "{after:#}");
}

#[test]
fn what_could_not_be_looked_at_is_not_well_and_names_the_right() {
    let _held = installation::shared();
    let ran = alice().hotdesk(&["doctor"]);
    assert_eq!(ran.code, Some(1), "what could not be seen is not well: {ran}");
    ran.said(&[
        "? unknown",
        "Kubernetes does not let you get secrets in the namespace hotdesk (RBAC)",
        "create subjectaccessreviews.authorization.k8s.io",
        "such as an administrator",
    ]);
    let report = doctor(&alice());
    for id in ["webhook-certificate", "rights", "policies"] {
        let found: Vec<&Value> = findings(&report).iter().filter(|finding| finding["id"] == id).collect();
        assert!(!found.is_empty() && found.iter().all(|f| f["level"] == "unknown"), "{id}: {found:?}");
    }
    assert_eq!(report["well"], false);
}

#[test]
fn a_reaper_that_is_gone_suspended_or_blind_is_said() {
    let _held = installation::shared();
    let (gone, suspended, blind) = (TestSlot::free(), TestSlot::free(), TestSlot::free());
    reaper::kubectl(&["delete", "cronjob", &reaper::cron_job(&gone)]).succeeded();
    finds("reaper-there", &slot(&gone), "warning", "it has no reaper", "reaper.enabled");
    // As an earlier version of the charts made it.
    let container = json!({"name": "reaper", "image": "none.invalid/none"});
    let pod = json!({"restartPolicy": "Never", "containers": [container]});
    let outdated = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "hotdesk-reaper", "labels": {"app.kubernetes.io/part-of": "hotdesk"}},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    });
    admin().apply(gone.name(), &outdated.to_string()).succeeded();
    finds("reaper-there", &slot(&gone), "problem", "is of an earlier version", "helm upgrade slots");
    let patch =
        ["patch", "cronjob", &reaper::cron_job(&suspended), "--type=merge", "-p", r#"{"spec":{"suspend":true}}"#];
    reaper::kubectl(&patch).succeeded();
    finds("reaper-suspended", &slot(&suspended), "warning", "is suspended", "--set reaper.suspend=false");
    let status = json!({"status": {
        "verdict": {"state": "Unknown", "reason": "the log is unreadable", "at": "2026-11-23T14:00:00Z"},
        "conditions": [{"type": "Sighted", "status": "False", "reason": "Blind", "message": "x", "lastTransitionTime": "2026-11-23T12:00:00Z"}],
    }});
    let patch = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &status.to_string()];
    blind.kubectl(&admin(), &patch).succeeded();
    let found =
        finds("reaper-sight", &slot(&blind), "problem", "so it is never cleared: the log is unreadable", "hotdesk why");
    assert!(found["message"].as_str().unwrap().contains("cannot observe traffic since "), "{found}");
}

#[test]
fn a_reaper_that_may_not_read_the_log_is_told_with_the_question_for_kubectl() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let slot_of = SlotBuilder::free().reaper(reading(&ingress, "1h")).make();
    until_it_may_read(&slot_of, &ingress);
    let well = doctor(&admin());
    assert!(!findings(&well).iter().any(|f| f["id"] == "reaper-rights" && f["subject"] == slot(&slot_of)), "{well:#}");
    ingress.kubectl(&["delete", "rolebinding", &format!("slots-reaper-{}", slot_of.name())]).succeeded();
    let may_not = format!(
        "may not: list pods in {0}, get configmaps in {0}, list replicasets in {0} and get pods/log in {0}",
        ingress.namespace()
    );
    let found = finds("reaper-rights", &slot(&slot_of), "problem", &may_not, "--set reaper.ingress.rbac=true");
    // What the fix ends in asks the same, and says the same.
    let fix = found["fix"].as_str().unwrap();
    let question = fix.split_once("to ask again: kubectl ").unwrap().1;
    let words: Vec<&str> = question.split(' ').collect();
    let ran = admin().kubectl(&words);
    assert_eq!(ran.stdout.trim(), "no", "{ran}");
}

/// Changes the pod of a slot's reaper.
fn change_pod(slot: &TestSlot, patch: &Value) {
    let patch = patch.to_string();
    reaper::kubectl(&["patch", "cronjob", &reaper::cron_job(slot), "--type=json", "-p", &patch]).succeeded();
}

/// Something that is deleted when the test ends.
struct Deleted(Vec<String>);

impl Drop for Deleted {
    fn drop(&mut self) {
        let args: Vec<&str> = self.0.iter().map(String::as_str).collect();
        drop(admin().kubectl(&[&["delete", "--ignore-not-found"], args.as_slice()].concat()));
    }
}

/// Where all reapers live, a quota without room for one: it counts only the pods of a priority that nobody else has.
fn quota_for_one(slot: &TestSlot) -> (String, [Deleted; 2]) {
    let name = unique("full");
    let text = str::to_owned;
    let class =
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1});
    let scope = json!({"scopeName": "PriorityClass", "operator": "In", "values": [name]});
    let spec = json!({"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [scope]}});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name, "namespace": JOBS}, "spec": spec});
    for object in [class, quota] {
        admin().kubectl_with(&["apply", "-f", "-"], &object.to_string()).succeeded();
    }
    let gone = [
        Deleted(vec![text("-n"), text(JOBS), text("resourcequota"), name.clone()]),
        Deleted(vec![text("priorityclass"), name.clone()]),
    ];
    change_pod(
        slot,
        &json!([{"op": "add", "path": "/spec/jobTemplate/spec/template/spec/priorityClassName", "value": name}]),
    );
    (name, gone)
}

#[test]
fn a_quota_without_room_for_the_reaper_is_said_before_and_after_it_was_needed() {
    let _held = installation::shared();
    let full = TestSlot::free();
    let (name, _gone) = quota_for_one(&full);
    let says = format!("exceeded quota: {name}, requested: pods=1");
    finds("reaper-start", &slot(&full), "problem", &says, "kubectl -n hotdesk-jobs describe resourcequota");
    start(&full, &[]);
    until("the Job's Event", Duration::from_secs(30), || {
        let events = reaper::kubectl(&["get", "events", "-o", "json"]).succeeded();
        if events.stdout.contains(&says) { Ok(()) } else { Err(events.stdout) }
    });
    let report = doctor(&admin());
    let starts = findings(&report).iter().filter(|f| f["id"] == "reaper-start" && f["subject"] == slot(&full));
    assert!(starts.clone().all(|f| f["message"].as_str().unwrap().contains("exceeded quota: full")), "{report:#}");
    assert!(starts.count() >= 1, "{report:#}");
}

#[test]
fn a_limit_that_the_reapers_pod_does_not_keep_is_said() {
    // It limits every pod there while it lasts.
    let _held = installation::exclusive();
    let tight = TestSlot::free();
    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "tight"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
    });
    let _gone = Deleted(["-n", JOBS, "limitrange", "tight"].map(str::to_owned).to_vec());
    admin().apply(JOBS, &limits.to_string()).succeeded();
    let fix = "kubectl -n hotdesk-jobs describe limitrange; set reaper.resources";
    finds("reaper-start", &slot(&tight), "problem", "maximum memory usage per Container is 64Mi", fix);
}

#[test]
fn a_pod_that_pod_security_refuses_is_said() {
    let _held = installation::shared();
    let changed = TestSlot::free();
    change_pod(
        &changed,
        &json!([{"op": "add", "path": "/spec/jobTemplate/spec/template/spec/hostNetwork", "value": true}]),
    );
    finds("reaper-start", &slot(&changed), "problem", "violates PodSecurity \"restricted", "find out what changes it");
}

#[test]
fn an_image_that_cannot_be_pulled_is_said() {
    let _held = installation::shared();
    let slot_of = TestSlot::free();
    let container = "/spec/jobTemplate/spec/template/spec/containers/0";
    change_pod(
        &slot_of,
        &json!([
            {"op": "replace", "path": format!("{container}/image"), "value": "hotdesk.invalid/reaper:none"},
            {"op": "replace", "path": format!("{container}/imagePullPolicy"), "value": "Never"},
        ]),
    );
    start(&slot_of, &[]);
    finds("reaper-start", &slot(&slot_of), "problem", "Image", "reaper.image.repository");
}

#[test]
fn a_secret_that_is_left_in_the_slot_is_said_and_the_fix_moves_it() {
    let _held = installation::shared();
    let name = unique("key");
    let slot_of = SlotBuilder::held_by(&["alice@example.com"]).reaper(json!({"secrets": [name]})).make();
    let _gone = Deleted(["-n", JOBS, "secret", &name].map(str::to_owned).to_vec());
    finds(
        "reaper-secrets",
        &slot(&slot_of),
        "problem",
        &format!("needs the Secret {name}, which is not in"),
        "create secret",
    );
    slot_of.kubectl(&alice(), &["create", "secret", "generic", &name, "--from-literal=key.json=x"]).succeeded();
    let found = finds(
        "reaper-secrets",
        &slot(&slot_of),
        "problem",
        "it is in the slot, where everybody who deploys",
        "delete secret",
    );
    let fix = found["fix"].as_str().unwrap();
    admin().shell(fix).succeeded();
    let moved = reaper::kubectl(&["get", "secret", &name, "-o", "json"]).succeeded().json();
    assert_eq!(
        (&moved["data"]["key.json"], &moved["metadata"]["labels"]["hotdesk.dev/owner"]),
        (&json!("eA=="), &Value::Null)
    );
    slot_of.kubectl(&admin(), &["get", "secret", &name]).failed_saying(&["not found"]);
    let report = doctor(&admin());
    assert!(
        !findings(&report).iter().any(|f| f["id"] == "reaper-secrets" && f["subject"] == slot(&slot_of)),
        "{report:#}"
    );
}
