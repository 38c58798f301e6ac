//! Who is let in, and that what they bring works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::people::chart;
use hotdesk_e2e::slot::{SlotBuilder, test_image};
use hotdesk_e2e::{CommandOutput, Grant, Helm, Person, TestSlot, admin, alice, ci, installation, until};
use serde_json::{Value, json};

#[test]
fn a_claimant_installs_upgrades_rolls_back_and_uninstalls() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        let run =
            |args: &[&str]| alice().helm(helm, &[args, &["-n", slot.name(), "--timeout", "120s"]].concat()).succeeded();
        slot.helm_install(&alice(), helm, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
        run(&["upgrade", "web", &chart("web"), "--reuse-values", "--set", "greeting=hi", "--wait"]);
        assert_eq!(slot.get("configmap", "web-settings")["data"]["greeting"], "hi");
        run(&["rollback", "web", "1", "--wait"]);
        assert_eq!(slot.get("configmap", "web-settings")["data"]["greeting"], "hello");
        run(&["uninstall", "web", "--wait"]);
        assert!(slot.names("deployments").is_empty());
    }
}

#[test]
fn hooks_subcharts_and_config_map_records_work_for_a_claimant() {
    let _held = installation::shared();
    let _namespaces = Grant::to(&alice(), "", &["namespaces"], &["create", "patch"]);
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        slot.helm_install(&alice(), helm, "hooked", "hooked", &["--timeout", "120s"]).succeeded();
        let who = alice().with_env("HELM_DRIVER", "configmap");
        slot.helm_install(&who, helm, "web", "web", &["--create-namespace", "--set", "replicas=0"]).succeeded();
        assert!(slot.names("configmaps").contains(&"sh.helm.release.v1.web.v1".to_owned()));
        assert!(slot.names("services").contains(&"web-cache".to_owned()));
        alice().helm(helm, &["uninstall", "hooked", "-n", slot.name(), "--timeout", "120s"]).succeeded();
    }
}

#[test]
fn every_user_and_every_group_of_a_claim_is_a_claimant_in_any_case() {
    let _held = installation::shared();
    let slot = SlotBuilder::held_by(&[" Carol@Example.com ", "dave@example.com"]).make();
    slot.patch(&json!({"spec": {"claim": {"groups": ["payments"]}}}));
    slot.wait_until_known();
    until("the group to be seen", Duration::from_secs(20), || {
        as_(&slot, "erin@example.com", Some("payments")).as_result()
    });
    as_(&slot, "carol@example.com", None).succeeded();
    as_(&slot, "DAVE@example.com", None).succeeded();
    as_(&slot, "erin@example.com", Some("payments-readers")).failed_saying(&["is held by carol@example.com"]);
    as_(&slot, "dave@example.com.evil.test", None).failed_saying(&["is held by carol@example.com"]);
}

/// A probe as somebody, perhaps in a group.
fn as_(slot: &TestSlot, who: &str, group: Option<&str>) -> CommandOutput {
    let create = ["create", "configmap", "probe", "--dry-run=server", "--as", who, "--as-group", "developers"];
    let groups: Vec<&str> = group.into_iter().flat_map(|g| ["--as-group", g]).collect();
    slot.kubectl(&admin(), &[&create[..], &groups].concat())
}

#[test]
fn ci_deploys_as_the_person_whom_it_impersonates() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        let person =
            |name: &'static str| ["--kube-as-user", name, "--kube-as-group", "developers", "--set", "replicas=0"];
        slot.helm_install(&ci(), helm, "web", "web", &person("bob@example.com"))
            .failed_saying(&["is held by alice@example.com", "you are bob@example.com"]);
        slot.helm_install(&ci(), helm, "web", "web", &person("alice@example.com")).succeeded();
        let record = slot.get("secret", "sh.helm.release.v1.web.v1");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "alice@example.com");
    }
}

fn as_deployer(slot: &TestSlot, deployed_for: Option<&str>) -> CommandOutput {
    let labels: Value = deployed_for.map_or(json!({}), |person| json!({"hotdesk.dev/for": person}));
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": labels}});
    let who = ["--as", "deployer@example.com", "--as-group", "developers"];
    let args = [&["-n", slot.name(), "create", "--dry-run=server", "-f", "-"][..], &who].concat();
    admin().kubectl_with(&args, &object.to_string())
}

#[test]
fn a109_a_trusted_deployer_acts_for_the_claimant_whom_it_names_where_somebody_holds_the_slot() {
    let _held = installation::shared();
    let (slot, free) = (TestSlot::held_by("alice@example.com"), TestSlot::free());
    as_deployer(&slot, None).failed_saying(&["is listed neither for slot", "hotdesk.dev/for"]);
    as_deployer(&slot, Some("alice_at_example.com")).succeeded();
    as_deployer(&slot, Some("bob_at_example.com")).failed_saying(&["bob_at_example.com"]);
    as_deployer(&slot, Some("")).failed_saying(&["who does not hold slot"]);
    as_deployer(&free, None).failed_saying(&["nobody holds slot"]);
    as_deployer(&free, Some("alice_at_example.com")).failed_saying(&["nobody holds slot"]);
    let listed = |slot: &TestSlot| as_(slot, "flux@example.com", None);
    listed(&slot).succeeded();
    let bobs = TestSlot::held_by("bob@example.com");
    listed(&bobs).failed_saying(&["is listed neither for slot", "nor for bob@example.com"]);
    as_(&slot, "argo@example.com", None).failed_saying(&["is listed neither for slot"]);
}

/// Alice's slot with a service account that may write, and a pod of its own.
fn slot_with_builder() -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&alice(), &["create", "serviceaccount", "builder"]).succeeded();
    let account = format!("--serviceaccount={}:builder", slot.name());
    slot.kubectl(&admin(), &["create", "rolebinding", "builder", "--clusterrole=edit", &account]).succeeded();
    let account = json!({"spec": {"serviceAccountName": "builder"}}).to_string();
    let image = ["--image", &test_image("app"), "--image-pull-policy=IfNotPresent"];
    slot.kubectl(&alice(), &[&["run", "work", "--overrides", &account][..], &image].concat()).succeeded();
    slot
}

/// The token of the account that somebody makes.
fn token(slot: &TestSlot) -> CommandOutput {
    slot.kubectl(&alice(), &["create", "token", "builder"])
}

/// The token that the kubelet gave the pod.
fn pods_token(slot: &TestSlot) -> String {
    until("the pod to have its token", Duration::from_secs(60), || {
        let cat = ["exec", "work", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"];
        slot.kubectl(&alice(), &cat).as_result()
    })
    .stdout
}

/// Says that what runs in the slot may write there, and waits until that is known.
fn trust(slot: &TestSlot) {
    slot.patch(&json!({"spec": {"claim": {"trustWorkloads": true}}}));
    let own = format!("system:serviceaccount:{}:builder", slot.name());
    until("the claim to trust what runs", Duration::from_secs(30), || {
        let pod = "authentication.kubernetes.io/pod-name=work";
        let create = ["create", "configmap", "probe", "--dry-run=server", "--as", &own, "--as-user-extra", pod];
        slot.kubectl(&admin(), &create).as_result()
    });
}

#[test]
fn the_slots_own_service_account_is_let_in_by_a_pods_token_once_the_claim_trusts_what_runs() {
    let _held = installation::shared();
    let slot = slot_with_builder();
    let pods = pods_token(&slot);
    let untrusted = with_token(pods.trim(), &slot, &["create", "configmap", "built"]);
    let patch = r#"kubectl patch slot slot -n"#;
    untrusted.failed_saying(&["does not trust what runs there", "kubectl get all -n", patch]);
    trust(&slot);
    with_token(pods.trim(), &slot, &["create", "configmap", "built"]).succeeded();
    assert_eq!(slot.get("configmap", "built")["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    let made = token(&slot).succeeded().stdout;
    with_token(made.trim(), &slot, &["create", "configmap", "by-hand"]).failed_saying(&["no token of a pod"]);
}

#[test]
fn a33_what_a_former_holder_left_running_counts_no_more_when_the_slot_has_changed_hands() {
    let _held = installation::shared();
    let slot = slot_with_builder();
    trust(&slot);
    let pods = pods_token(&slot);
    with_token(pods.trim(), &slot, &["create", "configmap", "early"]).succeeded();
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "trustWorkloads": false}}}));
    slot.wait_until_known();
    let late = with_token(pods.trim(), &slot, &["create", "configmap", "late"]);
    late.failed_saying(&["is held by bob@example.com", "does not trust what runs there"]);
}

fn with_token(token: &str, slot: &TestSlot, args: &[&str]) -> CommandOutput {
    slot.kubectl(&Person::by_token(token), args)
}

#[test]
fn break_glass_is_let_in_with_a_warning() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&admin(), &["create", "configmap", "repair"]).succeeded().said(&[
        "Warning:",
        "alice@example.com",
        slot.name(),
    ]);
}

#[test]
fn controllers_create_and_replace_pods_whoever_holds_the_slot() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot.patch(&json!({"spec": {"claim": null}}));
    slot.wait_until_known();
    let pod = slot.names("pods").remove(0);
    slot.kubectl(&admin(), &["delete", "pod", &pod, "--wait=false"]).succeeded();
    slot.kubectl(&admin(), &["wait", "--for=delete", "pod", &pod, "--timeout=60s"]).succeeded();
    slot.kubectl(&admin(), &["rollout", "status", "deployment/web", "--timeout=60s"]).succeeded();
}
