//! What a holder asks of hotdesk becomes a Job in its own namespace, is followed to its end, and is void for anybody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, admin, alice, bob, installation, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const CONTROLLER: [&str; 4] = ["-n", "hotdesk", "deployment", "hotdesk-controller"];
/// What the controller takes to note something, and what two shared cores add.
const SOON: Duration = Duration::from_secs(20);

fn jobs(args: &[&str]) -> CommandOutput {
    admin().kubectl(&[&["-n", "hotdesk-jobs"], args].concat())
}

/// The names of the Jobs that were made for requests of a slot.
fn jobs_of(slot: &TestSlot) -> Vec<String> {
    let selector = format!("hotdesk.dev/slot={},app.kubernetes.io/component=request", slot.name());
    let listed = jobs(&["get", "jobs", "-l", &selector, "-o", "name"]).succeeded().stdout;
    listed.lines().map(|line| line.trim_start_matches("job.batch/").to_owned()).collect()
}

fn ask(slot: &TestSlot, who: &Person, requests: &Value) -> CommandOutput {
    let patch = json!({"spec": {"requests": requests}}).to_string();
    slot.kubectl(who, &["patch", "slot", "slot", "--type=merge", "-p", &patch])
}

fn request(slot: &TestSlot) -> Value {
    slot.object()["status"]["request"].clone()
}

/// Waits until the controller has seen the slot's CronJob.
fn until_known(slot: &TestSlot) {
    until("the controller to know the slot's reaper", SOON, || {
        let status = slot.object()["status"].clone();
        if status["reaper"]["schedule"].is_string() { Ok(()) } else { Err(status.to_string()) }
    });
}

fn held() -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    until_known(&slot);
    slot
}

/// Puts the controller back, whatever a test did with it.
struct PutBack;

impl PutBack {
    /// Takes the controller away.
    fn stopped() -> Self {
        scale("0");
        until("the controller to be gone", Duration::from_secs(60), || {
            let pods = ["-n", "hotdesk", "get", "pods", "-l", "app.kubernetes.io/component=controller", "-o", "name"];
            let pods = admin().kubectl(&pods).succeeded().stdout;
            if pods.is_empty() { Ok(()) } else { Err(pods) }
        });
        Self
    }
}

impl Drop for PutBack {
    fn drop(&mut self) {
        scale("1");
    }
}

fn scale(replicas: &str) {
    let [_, namespace, kind, name] = CONTROLLER;
    admin().kubectl(&["-n", namespace, "scale", kind, name, &format!("--replicas={replicas}")]).succeeded();
}

#[test]
fn a_holder_has_the_slot_checked_without_any_right_in_hotdesks_namespaces() {
    let _held = installation::shared();
    let slot = held();
    let checked = alice().hotdesk(&["reap", slot.name(), "--dry-run"]).succeeded();
    assert!(checked.stdout.contains("kept"), "nothing is deployed there: {checked}");
    assert!(checked.stderr.lines().any(|line| line.starts_with("  ") && line.contains("INFO")), "no step: {checked}");
    let request = request(&slot);
    assert_eq!(
        (&request["kind"], &request["phase"], &request["exitCode"]),
        (&json!("reap"), &json!("Succeeded"), &json!(0))
    );
    assert_eq!(request["message"].as_str().map(str::trim), Some(checked.stdout.trim()));
    let (asked, made) = (slot.object()["spec"]["requests"]["reap"].clone(), jobs_of(&slot));
    assert_eq!(
        (&asked["by"], &asked["dryRun"], &asked["id"]),
        (&json!("alice@example.com"), &json!(true), &request["id"])
    );
    assert_eq!(made.len(), 1, "one Job for one request: {made:?}");
    let mine = ["-n", "hotdesk-jobs", "create", "job", "mine", "--image=x"];
    alice().kubectl(&mine).failed_saying(&["cannot create resource \"jobs\""]);
    until("the Event", SOON, || {
        let events = slot.kubectl(&alice(), &["get", "events", "-o", "json"]).succeeded().json();
        let reasons: Vec<Value> = events["items"].as_array().unwrap().iter().map(|one| one["reason"].clone()).collect();
        if reasons.contains(&json!("RequestSucceeded")) { Ok(()) } else { Err(format!("{reasons:?}")) }
    });
}

#[test]
fn what_was_cleared_comes_back_when_its_holder_asks() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper::reading(&ingress, "1s")).make();
    reaper::until_it_may_read(&slot, &ingress);
    until_known(&slot);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    reaper::until_older(&slot, &alice(), 2);
    alice().hotdesk(&["reap", slot.name()]).succeeded().said(&["Uninstalled: web"]);
    assert_eq!(releases(&slot), Vec::<String>::new());
    alice().hotdesk(&["revive", slot.name(), "other"]).failed_saying(&["other is not saved", "saved are: web"]);
    let back = alice().hotdesk(&["revive", slot.name(), "-o", "json"]).succeeded();
    back.clone().said(&["web (revision 1), cleared"]);
    assert_eq!((&back.json()["exitCode"], &back.json()["request"]), (&json!(0), &request(&slot)["id"]));
    assert_eq!(releases(&slot), ["web"]);
    let jobs = jobs_of(&slot);
    assert!(jobs.iter().any(|name| name.starts_with(&format!("revive-{}-", slot.name()))), "{jobs:?}");
}

#[test]
fn a_stranger_asks_for_nothing_and_nobody_says_for_whom() {
    let _held = installation::shared();
    let slot = held();
    let held = "is held by alice@example.com";
    bob().hotdesk(&["reap", slot.name()]).failed_saying(&[held]);
    ask(&slot, &bob(), &json!({"revive": {}})).failed_saying(&[held]);
    ask(&slot, &bob(), &json!({"reap": {"by": "alice@example.com", "id": "mine"}})).failed_saying(&[held]);
    let forged = json!({"reap": {"dryRun": true, "id": "mine", "by": "bob@example.com", "claimID": "another"}});
    ask(&slot, &alice(), &forged).succeeded();
    let asked = slot.object()["spec"]["requests"]["reap"].clone();
    assert_eq!(asked["by"], "alice@example.com");
    assert!(asked["id"] != "mine" && asked["claimID"] != "another", "{asked}");
}

#[test]
fn a_request_that_nobody_can_carry_out_says_why() {
    let _held = installation::shared();
    let without = SlotBuilder::held_by(&["alice@example.com"]).reaper(json!({"enabled": false})).make();
    until("the controller to know the slot", SOON, || {
        let phase = without.object()["status"]["phase"].clone();
        if phase == "Held" { Ok(()) } else { Err(phase.to_string()) }
    });
    alice().hotdesk(&["reap", without.name()]).failed_saying(&["has no reaper", "reaper.enabled"]);
    ask(&without, &alice(), &json!({"reap": {"dryRun": true}})).succeeded();
    until("the request to be refused", SOON, || {
        let request = request(&without);
        let says = request["message"].as_str().unwrap_or_default().contains("has no reaper");
        if request["phase"] == "Refused" && says { Ok(()) } else { Err(request.to_string()) }
    });
    let slot = held();
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["nothing is saved in"]);
    let image = json!([{"op": "replace", "path": "/spec/jobTemplate/spec/template/spec/containers/0/image",
        "value": "hotdesk.invalid/none:1"}]);
    let cron_job = format!("reap-{}", slot.name());
    jobs(&["patch", "cronjob", &cron_job, "--type=json", "-p", &image.to_string()]).succeeded();
    let stuck = alice().hotdesk(&["reap", slot.name(), "--timeout", "40s"]);
    stuck.failed_saying(&["its pod waits: ", "has not ended in time"]);
}

#[test]
fn a_request_waits_for_a_controller_that_is_away_and_dies_with_its_claim() {
    let _held = installation::exclusive();
    let slot = held();
    let put_back = PutBack::stopped();
    let silent = alice().hotdesk(&["reap", slot.name(), "--dry-run", "--timeout", "20s"]);
    silent.failed_saying(&[
        "hotdesk's controller does not answer",
        "kubectl -n hotdesk get pods",
        "kubectl get slot slot",
    ]);
    alice().hotdesk(&["hand", slot.name(), "bob@example.com"]).succeeded();
    assert_eq!(slot.object()["spec"]["requests"], Value::Null, "the wish goes with the claim");
    drop(put_back);
    // The controller is back and at work when it has noted what is new.
    jobs(&["patch", "cronjob", &format!("reap-{}", slot.name()), "--type=merge", "-p", r#"{"spec":{"suspend":true}}"#])
        .succeeded();
    until("the controller to be back", Duration::from_secs(90), || {
        let reaper = slot.object()["status"]["reaper"].clone();
        if reaper["suspended"] == true { Ok(()) } else { Err(reaper.to_string()) }
    });
    assert_eq!(jobs_of(&slot), Vec::<String>::new(), "nobody's wish is carried out for somebody else");
}

#[test]
fn a_request_goes_on_when_its_controller_is_restarted() {
    let _held = installation::exclusive();
    let slot = held();
    let put_back = PutBack::stopped();
    alice()
        .hotdesk(&["reap", slot.name(), "--dry-run", "--no-wait"])
        .succeeded()
        .said(&["Follow it: kubectl get slot"]);
    drop(put_back);
    until("the request to be carried out", Duration::from_secs(120), || {
        let request = request(&slot);
        if request["phase"] == "Succeeded" { Ok(()) } else { Err(request.to_string()) }
    });
    let pods = ["-n", "hotdesk", "delete", "pod", "-l", "app.kubernetes.io/component=controller", "--wait=true"];
    admin().kubectl(&pods).succeeded();
    until("another controller", Duration::from_secs(90), || {
        let ready =
            ["-n", "hotdesk", "get", "deployment", "hotdesk-controller", "-o", "jsonpath={.status.readyReplicas}"];
        let ready = admin().kubectl(&ready).succeeded().stdout;
        if ready == "1" { Ok(()) } else { Err(ready) }
    });
    assert_eq!(jobs_of(&slot).len(), 1, "it is not carried out twice");
}

#[test]
fn a_lapse_is_in_the_status_within_seconds_to_the_letter() {
    let _held = installation::shared();
    let slot = held();
    let is_held = || {
        let status = slot.object()["status"].clone();
        if status["phase"] == "Held" && status["lapsedUntil"].is_null() { Ok(()) } else { Err(status.to_string()) }
    };
    until("the claim to be noted", SOON, is_held);
    let until_ = in_a_while(4);
    slot.patch(&json!({"spec": {"claim": {"until": until_}}}));
    until("the lapse to be noted", SOON, || {
        let status = slot.object()["status"].clone();
        let noted = status["phase"] == "Lapsed" && status["lapsedUntil"] == slot.object()["spec"]["claim"]["until"];
        if noted { Ok(()) } else { Err(status.to_string()) }
    });
    slot.patch(&json!({"spec": {"claim": {"until": null}}}));
    until("the claim to be in force again", SOON, is_held);
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn in_a_while(seconds: i64) -> String {
    let then = Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
    then.round(jiff::Unit::Second).unwrap().to_string()
}
