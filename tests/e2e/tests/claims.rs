//! Who may write a Slot.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use hotdesk_e2e::slot::test_image;
use hotdesk_e2e::{CommandOutput, Grant, Person, TestSlot, admin, alice, bob, installation};
use serde_json::{Value, json};

fn patch(slot: &TestSlot, who: &Person, patch: &Value) -> CommandOutput {
    slot.kubectl(who, &["patch", "slot", "slot", "--type=merge", "-p", &patch.to_string()])
}

fn claim(slot: &TestSlot, who: &Person, users: &[&str]) -> CommandOutput {
    patch(slot, who, &json!({"spec": {"claim": {"users": users, "purpose": "mine"}}}))
}

#[test]
fn a_person_claims_a_free_slot_and_releases_it() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    claim(&slot, &alice(), &["Alice@Example.com "]).succeeded();
    let object = slot.object();
    assert_eq!(
        object["spec"]["claim"]["users"],
        json!(["alice@example.com"]),
        "names are written trimmed and lower-cased"
    );
    assert_eq!(object["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    slot.wait_until_known();
    slot.kubectl(&alice(), &["create", "configmap", "mine"]).succeeded();
    patch(&slot, &alice(), &json!({"spec": {"claim": null}})).succeeded();
    assert_eq!(slot.object()["metadata"]["labels"]["hotdesk.dev/owner"], Value::Null);
}

#[test]
fn nobody_takes_another_persons_slot() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let held = "is held by alice@example.com";
    claim(&slot, &bob(), &["bob@example.com"]).failed_saying(&[held]);
    claim(&slot, &bob(), &["alice@example.com", "bob@example.com"]).failed_saying(&[held]);
    patch(&slot, &bob(), &json!({"spec": {"claim": null}})).failed_saying(&[held]);
    patch(&slot, &bob(), &json!({"spec": {"keepUntil": "2030-01-01T00:00:00Z"}})).failed_saying(&[held]);
    patch(&slot, &bob(), &json!({"spec": {"mode": "audit"}})).failed_saying(&["administrator"]);
    patch(&slot, &alice(), &json!({"spec": {"mode": "audit"}})).failed_saying(&["administrator"]);
    slot.kubectl(&bob(), &["delete", "slot", "slot"]).failed_saying(&["Forbidden"]);
}

#[test]
fn nobody_claims_for_somebody_else() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    claim(&slot, &bob(), &["carol@example.com"])
        .failed_saying(&["spec.claim.users[0]", "the first user must be you, bob@example.com"]);
    claim(&slot, &admin(), &["carol@example.com"]).succeeded();
}

#[test]
fn a_holder_hands_a_slot_over() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    claim(&slot, &alice(), &["bob@example.com"]).failed_saying(&["To hand the slot over: kubectl hotdesk hand"]);
    let to_bob = json!({"spec": {"claim": {"users": ["bob@example.com"], "handTo": "bob@example.com"}}});
    patch(&slot, &alice(), &to_bob).succeeded();
    claim(&slot, &alice(), &["alice@example.com"]).failed_saying(&["is held by bob@example.com"]);
}

#[test]
fn the_status_is_the_reapers_alone() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let status =
        json!({"status": {"verdict": {"state": "Idle", "reason": "x", "at": "2026-01-01T00:00:00Z"}}}).to_string();
    let args = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &status];
    slot.kubectl(&alice(), &args).failed_saying(&["Forbidden"]);
    // By its name alone, without the token of a pod.
    let own = format!("system:serviceaccount:hotdesk-jobs:reaper-{}", slot.name());
    let says = ["only hotdesk's own accounts and administrators write the status"];
    slot.kubectl(&admin(), &[&args[..], &["--as", &own]].concat()).failed_saying(&says);
}

#[test]
fn a_slot_that_no_reader_could_read_is_refused_with_what_is_wrong() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    for (bad, says) in [
        (json!({"spec": {"claim": {"users": []}}}), "spec.claim.users"),
        (json!({"spec": {"claim": {"users": ["a,b"]}}}), "spec.claim.users[0]"),
        (json!({"spec": {"claim": {"users": ["  "]}}}), "spec.claim.users[0]"),
        (json!({"spec": {"claim": {"users": ["alice@example.com"], "until": "soon"}}}), "spec.claim.until"),
        (json!({"spec": {"host": "not a host"}}), "spec.host"),
        (json!({"spec": {"mode": "maybe"}}), "spec.mode"),
    ] {
        patch(&slot, &admin(), &bad).failed_saying(&[says]);
    }
    let other =
        json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "second"}, "spec": {}});
    admin().apply(slot.name(), &other.to_string()).failed_saying(&["its name is 'slot'"]);
}

#[test]
fn the_command_claims_lists_explains_and_releases() {
    let _held = installation::shared();
    let (slot, other) = (TestSlot::free(), TestSlot::held_by("alice@example.com"));
    let name = slot.name();
    bob().hotdesk(&["claim", name, "--purpose", "search", "--until", "4h"]).succeeded().said(&[name]);
    bob().hotdesk(&["list", "--mine"]).succeeded().said(&[name, "bob@example.com", "search"]);
    bob().hotdesk(&["why", name]).succeeded().said(&["bob@example.com", "search"]);
    alice().hotdesk(&["claim", name, "--purpose", "x"]).failed_saying(&["bob@example.com"]);
    bob().hotdesk(&["release", other.name()]).failed_saying(&["alice@example.com"]);
    bob().hotdesk(&["release", name]).succeeded();
    assert_eq!(slot.object()["spec"]["claim"], Value::Null);
    let mistyped = format!("{name}x");
    bob().hotdesk(&["why", &mistyped]).failed_saying(&[name]);
}

#[test]
fn a_new_claim_trusts_what_runs_only_where_nothing_does_or_where_its_holder_says_so() {
    let _held = installation::shared();
    let trusts = |slot: &TestSlot| slot.object()["spec"]["claim"]["trustWorkloads"] == json!(true);
    // Other tests bring kinds of their own, and what bob may not list he is asked about.
    let _lists = ["e2e.hotdesk.test", "attacks.hotdesk.test"].map(|group| Grant::to(&bob(), group, &["*"], &["list"]));
    let empty = TestSlot::free();
    bob().hotdesk(&["claim", empty.name(), "--purpose", "search"]).succeeded();
    assert!(trusts(&empty), "nothing runs there that somebody could have left");
    let slot = TestSlot::free();
    let image = test_image("app");
    let run = ["run", "left", "--image", &image, "--image-pull-policy=IfNotPresent", "--restart=Never", "--", "true"];
    slot.kubectl(&admin(), &run).succeeded();
    let claimed = bob().hotdesk(&["claim", slot.name(), "--purpose", "search"]).succeeded();
    claimed.said(&["From before, there is in", "Pod/left", "is not trusted", "--trust-workloads"]);
    assert!(!trusts(&slot), "nobody was asked, so nobody said so");
    bob().hotdesk(&["claim", slot.name(), "--trust-workloads"]).succeeded();
    assert!(trusts(&slot));
    bob().hotdesk(&["claim", slot.name(), "--no-trust-workloads"]).succeeded();
    assert!(!trusts(&slot));
    // Its pod starts once the next holder's chart brings the account.
    let waits = TestSlot::free();
    let pod = json!({"serviceAccountName": "to-come", "containers": [{"name": "app", "image": image}]});
    let template = json!({"metadata": {"labels": {"app": "left"}}, "spec": pod});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "left"},
        "spec": {"selector": {"matchLabels": {"app": "left"}}, "template": template}});
    admin().apply(waits.name(), &deployment.to_string()).succeeded();
    assert!(waits.names("pods").is_empty(), "its account is missing");
    let claimed = bob().hotdesk(&["claim", waits.name(), "--purpose", "search"]).succeeded();
    claimed.said(&["From before, there is in", "Deployment/left", "is not trusted", "--trust-workloads"]);
    assert!(!trusts(&waits), "a pod can be made of what was left");
}
