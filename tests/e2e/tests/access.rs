//! Where access follows the claim: who holds the slot has rights there, and nobody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, admin, alice, bob, ci, installation, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const CONTROLLER: &str = "system:serviceaccount:hotdesk:hotdesk-controller";
/// What the controller takes, and what two shared cores add.
const SOON: Duration = Duration::from_secs(20);

fn slot_of(users: &[&str]) -> TestSlot {
    let builder = if users.is_empty() { SlotBuilder::free() } else { SlotBuilder::held_by(users) };
    builder.access_follows_the_claim().make()
}

/// The names of the subjects of the slot's binding.
fn claimants(slot: &TestSlot) -> Vec<String> {
    let binding = slot.get("rolebinding", "hotdesk-claimants");
    let subjects = binding["subjects"].as_array().cloned().unwrap_or_default();
    subjects.iter().map(|subject| subject["name"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn until_claimants(slot: &TestSlot, expected: &[&str]) {
    until(&format!("{expected:?} to have rights in {}", slot.name()), SOON, || {
        let names = claimants(slot);
        if names == expected { Ok(()) } else { Err(format!("{names:?}")) }
    });
}

/// Kubernetes says of this person's rights what is expected, and soon: its authorizer reads bindings by a watch.
#[track_caller]
fn until_may(slot: &TestSlot, who: &Person, verb: &str, what: &str, expected: &str) {
    until(&format!("{} to be told {expected} for {verb} {what}", who.name), SOON, || {
        let ran = slot.kubectl(who, &["auth", "can-i", verb, what]);
        if ran.stdout.trim() == expected { Ok(()) } else { Err(ran.to_string()) }
    });
}

fn read_secret(slot: &TestSlot, who: &Person) -> CommandOutput {
    slot.kubectl(who, &["get", "secret", "treasure", "-o", "jsonpath={.data.key}"])
}

fn run_a_pod(slot: &TestSlot, who: &Person) {
    let image = test_image("app");
    let run = ["run", "app", "--image", &image, "--image-pull-policy=IfNotPresent", "--restart=Never", "--"];
    slot.kubectl(who, &[&run[..], &["sleep", "3600"]].concat()).succeeded();
    slot.kubectl(who, &["wait", "pod/app", "--for=condition=Ready", "--timeout=90s"]).succeeded();
}

fn as_controller(slot: &TestSlot, args: &[&str]) -> CommandOutput {
    slot.kubectl(&admin(), &[args, &["--as", CONTROLLER]].concat())
}

#[test]
fn rights_go_with_the_slot_when_it_is_handed_over() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    let name = slot.name();
    slot.kubectl(&alice(), &["create", "secret", "generic", "treasure", "--from-literal=key=gold"]).succeeded();
    run_a_pod(&slot, &alice());
    slot.helm_install(&alice(), Helm::V4, "web", "web", &[]).succeeded();
    read_secret(&slot, &alice()).succeeded();
    slot.kubectl(&alice(), &["exec", "app", "--", "true"]).succeeded();
    // Bob looks, and that is all: in RBAC's words, before hotdesk is asked.
    slot.kubectl(&bob(), &["get", "pods"]).succeeded();
    until_may(&slot, &bob(), "get", "secrets", "no");
    until_may(&slot, &bob(), "create", "pods/exec", "no");
    let forbidden = ["Forbidden", "bob@example.com", "cannot get resource \"secrets\""];
    read_secret(&slot, &bob()).failed_saying(&forbidden);
    slot.kubectl(&bob(), &["exec", "app", "--", "true"]).failed_saying(&["forbidden", "pods/exec", "bob@example.com"]);
    slot.helm_install(&bob(), Helm::V4, "mine", "web", &[]).failed_saying(&["cannot", "bob@example.com"]);

    alice().hotdesk(&["hand", name, "bob@example.com"]).succeeded();
    until_claimants(&slot, &["bob@example.com", "github:bob@example.com"]);
    until_may(&slot, &bob(), "get", "secrets", "yes");
    until_may(&slot, &alice(), "get", "secrets", "no");
    read_secret(&slot, &bob()).succeeded();
    slot.kubectl(&bob(), &["exec", "app", "--", "true"]).succeeded();
    read_secret(&slot, &alice()).failed_saying(&["Forbidden", "alice@example.com", "cannot get resource \"secrets\""]);
    slot.kubectl(&alice(), &["exec", "app", "--", "true"]).failed_saying(&["forbidden", "pods/exec"]);
}

#[test]
fn ci_deploys_as_the_holder_and_as_nobody_else() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    let create = |who: &str| {
        let create = ["create", "configmap", "built", "--dry-run=server", "--as", who, "--as-group=developers"];
        slot.kubectl(&ci(), &create)
    };
    until("alice's rights to be known", SOON, || create("alice@example.com").as_result());
    create("bob@example.com").failed_saying(&["forbidden", "bob@example.com", "cannot create resource"]);
}

#[test]
fn whoever_looks_may_claim_and_then_deploy_and_a_release_takes_the_rights_away() {
    let _held = installation::shared();
    let slot = slot_of(&[]);
    assert_eq!(claimants(&slot), [""; 0]);
    slot.kubectl(&bob(), &["create", "configmap", "mine"]).failed_saying(&["forbidden", "cannot create resource"]);
    bob().hotdesk(&["claim", slot.name(), "--purpose", "search"]).succeeded();
    until_may(&slot, &bob(), "create", "configmaps", "yes");
    until("bob's first write", SOON, || slot.kubectl(&bob(), &["create", "configmap", "mine"]).as_result());
    bob().hotdesk(&["release", slot.name()]).succeeded();
    until_claimants(&slot, &[]);
    until_may(&slot, &bob(), "create", "configmaps", "no");
}

#[test]
#[allow(clippy::disallowed_methods)] // the test's own edge
fn a_claim_that_lapses_loses_its_rights_at_once() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    until_may(&slot, &alice(), "get", "secrets", "yes");
    let until = Timestamp::now() + SignedDuration::from_secs(6);
    let claim = json!({"spec": {"claim": {"until": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}}});
    slot.kubectl(&alice(), &["patch", "slot", "slot", "--type=merge", "-p", &claim.to_string()]).succeeded();
    assert_eq!(claimants(&slot).len(), 2, "the claim is in force until it lapses");
    until_claimants(&slot, &[]);
    let late = Timestamp::now().duration_since(until);
    assert!(late < SignedDuration::from_secs(4), "{late:#} after the lapse");
    until_may(&slot, &alice(), "get", "secrets", "no");
}

#[test]
fn groups_have_rights_and_names_of_kubernetes_own_never() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    let groups = ["payments", "system:authenticated", "system:unauthenticated"];
    slot.patch(&json!({"spec": {"claim": {"users": ["carol@example.com", "system:anonymous"], "groups": groups}}}));
    let people = ["carol@example.com", "github:carol@example.com", "github:octocat", "octocat", "payments"];
    until_claimants(&slot, &people);
}

#[test]
fn what_somebody_else_wrote_into_the_binding_is_taken_out_again() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    let both = ["alice@example.com", "github:alice@example.com"];
    until_claimants(&slot, &both);
    let mallory = json!({"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}]});
    let patch = ["patch", "rolebinding", "hotdesk-claimants", "--type=merge", "-p", &mallory.to_string()];
    slot.kubectl(&admin(), &patch).succeeded();
    until_claimants(&slot, &both);
}

#[test]
fn the_controller_may_write_that_one_object_and_give_that_one_role() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    until_claimants(&slot, &["alice@example.com", "github:alice@example.com"]);
    let patch = |name: &str, patch: Value| {
        as_controller(&slot, &["patch", "rolebinding", name, "--type=merge", "-p", &patch.to_string()])
    };
    let mallory = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}]);
    patch("hotdesk-claim", json!({"subjects": mallory})).failed_saying(&["Forbidden"]);
    patch("hotdesk-view", json!({"subjects": mallory})).failed_saying(&["Forbidden"]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
    patch("hotdesk-claimants", json!({"roleRef": role})).failed_saying(&["attempting to grant RBAC permissions"]);
    // Also where somebody has made the binding with a greater role: it may only give the one.
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "hotdesk-claimants"}, "roleRef": role, "subjects": []});
    slot.kubectl(&admin(), &["delete", "rolebinding", "hotdesk-claimants"]).succeeded();
    admin().apply(slot.name(), &binding.to_string()).succeeded();
    patch("hotdesk-claimants", json!({"subjects": mallory})).failed_saying(&["attempting to grant RBAC permissions"]);
    let create = |kind: &[&str]| as_controller(&slot, &[&["create"], kind].concat());
    create(&["rolebinding", "more", "--clusterrole=edit", "--user=mallory"]).failed_saying(&["forbidden"]);
    create(&["configmap", "more"]).failed_saying(&["forbidden"]);
    for what in ["get secrets", "create pods", "delete rolebindings", "update rolebindings", "patch slots"] {
        let (verb, resource) = what.split_once(' ').unwrap();
        let asked = as_controller(&slot, &["auth", "can-i", verb, resource]);
        assert_eq!(asked.stdout.trim(), "no", "{what}: {asked}");
    }
}

#[test]
fn the_gate_knows_the_controller_by_name_and_object_whatever_rbac_says() {
    let _held = installation::shared();
    let slot = slot_of(&["alice@example.com"]);
    let everything = ["create", "rolebinding", "everything", "--clusterrole=cluster-admin", "--group=everything"];
    slot.kubectl(&admin(), &everything).succeeded();
    let annotate = |who: &str, name: &str| {
        let annotate = ["annotate", "rolebinding", name, "a=b", "--overwrite", "--dry-run=server", "--as", who];
        slot.kubectl(&admin(), &[&annotate[..], &["--as-group=everything"]].concat())
    };
    until("the right to be known", SOON, || annotate(CONTROLLER, "hotdesk-claimants").as_result());
    annotate(CONTROLLER, "hotdesk-view").failed_saying(&["is held by alice@example.com", CONTROLLER]);
    annotate("bob@example.com", "hotdesk-claimants").failed_saying(&["is held by alice@example.com"]);
    annotate("alice@example.com", "hotdesk-claimants")
        .failed_saying(&["belongs to hotdesk, not to the holder of the slot"]);
}

#[test]
fn an_upgrade_of_the_chart_leaves_the_rights_with_the_claim() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let (release, name) = (unique("release"), unique("slot"));
        let upgrade = |access: &str, host: &str| {
            let values = json!({"access": access, "slots": [{"name": name, "host": host}],
                "editors": {"groups": ["developers"]}, "reaper": {"enabled": false}});
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), values.to_string()).unwrap();
            let chart = hotdesk_e2e::people::root().join("charts/slots");
            let args = ["upgrade", "--install", &release, chart.to_str().unwrap(), "-n", "hotdesk", "-f"];
            admin().helm(helm, &[&args[..], &[file.path().to_str().unwrap()]].concat())
        };
        upgrade("shared", "a.example.com").succeeded();
        let slot = TestSlot::adopt(&name);
        assert!(slot.names("rolebinding").contains(&"hotdesk-edit".to_owned()));
        upgrade("follow-claim", "a.example.com").succeeded();
        assert!(!slot.names("rolebinding").contains(&"hotdesk-edit".to_owned()));
        slot.patch(&json!({"spec": {"claim": {"users": ["alice@example.com"], "purpose": "checkout"}}}));
        let both = ["alice@example.com", "github:alice@example.com"];
        until_claimants(&slot, &both);
        let version =
            |slot: &TestSlot| slot.get("rolebinding", "hotdesk-claimants")["metadata"]["resourceVersion"].clone();
        let before = version(&slot);
        upgrade("follow-claim", "b.example.com").succeeded();
        assert_eq!(slot.object()["spec"]["host"], "b.example.com");
        assert_eq!((claimants(&slot), version(&slot)), (both.map(str::to_owned).to_vec(), before), "{helm:?}");
        admin().helm(helm, &["uninstall", &release, "-n", "hotdesk"]).succeeded();
    }
}
