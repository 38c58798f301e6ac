//! What carries the owner's name, and that nothing else changes by it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::people::chart;
use hotdesk_e2e::{Grant, Helm, TestSlot, admin, alice, bob, installation, until};
use serde_json::{Value, json};

const ALICES: [(&str, &str, &str); 5] = [
    ("labels", "hotdesk.dev/owner", "alice_at_example.com"),
    ("annotations", "hotdesk.dev/owner", "alice@example.com"),
    ("annotations", "hotdesk.dev/claimants", "alice@example.com"),
    ("annotations", "hotdesk.dev/purpose", "checkout"),
    ("labels", "hotdesk.dev/slot", ""),
];

#[track_caller]
fn carries_alices_stamp(slot: &TestSlot, object: &Value) {
    for (field, key, value) in ALICES {
        let value = if value.is_empty() { slot.name() } else { value };
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        assert_eq!(object["metadata"][field][key], value, "{field} {key} of {kind} {name}");
    }
}

/// Everything of a kind in the slot that came with the release `web`.
fn of_web(slot: &TestSlot, kind: &str) -> Vec<Value> {
    let listed = admin().kubectl(&["-n", slot.name(), "get", kind, "-o", "json"]).succeeded().json();
    let is_webs = |o: &&Value| o["metadata"]["name"].as_str().unwrap().contains("web");
    listed["items"].as_array().unwrap().iter().filter(is_webs).cloned().collect()
}

fn web(helm: Helm) -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), helm, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot
}

#[test]
fn every_object_of_a_release_carries_the_owner_down_to_the_pods() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = web(helm);
        for (kind, count) in
            [("deployments", 1), ("replicasets", 1), ("pods", 1), ("services", 2), ("configmaps", 1), ("secrets", 2)]
        {
            let objects = of_web(&slot, kind);
            assert_eq!(objects.len(), count, "{kind} by {helm:?}");
            objects.iter().for_each(|object| carries_alices_stamp(&slot, object));
        }
        let record = slot.get("secret", "sh.helm.release.v1.web.v1");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "alice@example.com");
        let settings = slot.get("configmap", "web-settings");
        assert_eq!(settings["metadata"]["annotations"]["hotdesk.dev/deployed-by"], Value::Null);
        let template = &slot.get("deployment", "web")["spec"]["template"]["metadata"];
        assert_eq!(template["labels"], json!({"app": "web"}), "a stamp must never reach a pod template");
    }
}

#[test]
fn forged_changed_and_removed_stamps_are_put_right() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let forged = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "forged",
        "labels": {"hotdesk.dev/owner": "bob", "hotdesk.dev/anything": "x", "app": "mine"},
        "annotations": {"hotdesk.dev/deployed-by": "bob@example.com", "hotdesk.dev/owner": "bob@example.com"},
    }});
    alice().apply(slot.name(), &forged.to_string()).succeeded();
    let object = slot.get("configmap", "forged");
    carries_alices_stamp(&slot, &object);
    assert_eq!(object["metadata"]["labels"]["hotdesk.dev/anything"], Value::Null);
    assert_eq!(object["metadata"]["annotations"]["hotdesk.dev/deployed-by"], Value::Null);
    assert_eq!(object["metadata"]["labels"]["app"], "mine");
    slot.kubectl(&alice(), &["label", "configmap", "forged", "hotdesk.dev/owner=bob", "--overwrite"]).succeeded();
    carries_alices_stamp(&slot, &slot.get("configmap", "forged"));
    slot.kubectl(&alice(), &["label", "configmap", "forged", "hotdesk.dev/owner-", "hotdesk.dev/slot-"]).succeeded();
    slot.kubectl(&alice(), &["annotate", "configmap", "forged", "hotdesk.dev/purpose-"]).succeeded();
    carries_alices_stamp(&slot, &slot.get("configmap", "forged"));
}

#[test]
fn a_forged_stamp_in_a_pod_template_does_not_reach_the_pods() {
    let _held = installation::shared();
    let slot = web(Helm::V4);
    let template = json!({"spec": {"template": {"metadata": {"labels": {"hotdesk.dev/owner": "bob"}}}}}).to_string();
    slot.kubectl(&alice(), &["patch", "deployment", "web", "-p", &template]).succeeded();
    slot.kubectl(&alice(), &["rollout", "status", "deployment/web", "--timeout=60s"]).succeeded();
    until("pods and replica sets with alice's stamp only", Duration::from_secs(30), || {
        let bobs = admin().kubectl(&["-n", slot.name(), "get", "pods", "-l", "hotdesk.dev/owner=bob", "-o", "name"]);
        if bobs.stdout.trim().is_empty() { Ok(()) } else { Err(bobs.to_string()) }
    });
}

#[test]
fn a_status_is_written_although_the_object_carries_an_older_stamp() {
    // The API server puts back the labels and annotations that the object had, whatever the webhook made of them.
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let _rights = Grant::to(&alice(), "", &["pods/ephemeralcontainers"], &["patch", "get"]);
    slot.kubectl(&alice(), &["run", "web", "--image=a", "--image-pull-policy=Never"]).succeeded();
    slot.patch(&json!({"spec": {"claim": {"purpose": "refunds"}}}));
    until("the new purpose to be known", Duration::from_secs(30), || {
        let made = slot.kubectl(&alice(), &["create", "configmap", "x", "--dry-run=server", "-o", "json"]).succeeded();
        if made.stdout.contains("refunds") { Ok(()) } else { Err(made.to_string()) }
    });
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "look", "image": "a"}]}}).to_string();
    slot.kubectl(&alice(), &["patch", "pod", "web", "--subresource=ephemeralcontainers", "-p", &debug]).succeeded();
    assert_eq!(slot.get("pod", "web")["metadata"]["annotations"]["hotdesk.dev/purpose"], "checkout");
}

#[test]
fn no_controller_selects_its_pods_by_what_hotdesk_writes() {
    // It would not know its pods again once they are stamped, and make new ones for ever.
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let replica_set = |selector: Value, labels: Value| {
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
        let spec = json!({"replicas": 0, "selector": selector, "template": template});
        let object = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec});
        alice().kubectl_with(&["-n", slot.name(), "create", "--dry-run=server", "-f", "-"], &object.to_string())
    };
    let forged = json!({"app": "web", "hotdesk.dev/owner": "bob"});
    replica_set(json!({"matchLabels": forged}), forged.clone()).failed_saying(&["hotdesk.dev/owner", "of your own"]);
    let absent = json!({"matchExpressions": [{"key": "hotdesk.dev/slot", "operator": "DoesNotExist"}]});
    replica_set(absent, json!({"app": "web"})).failed_saying(&["hotdesk.dev/slot", "of your own"]);
    replica_set(json!({"matchLabels": {"app": "web"}}), forged).succeeded();
}

#[test]
fn a_stamp_that_is_put_right_does_not_even_make_a_new_generation() {
    let _held = installation::shared();
    let slot = web(Helm::V4);
    let (before, pods) = (slot.get("deployment", "web"), slot.names("pods"));
    slot.kubectl(&alice(), &["label", "deployment", "web", "hotdesk.dev/owner=bob", "--overwrite"]).succeeded();
    slot.kubectl(&alice(), &["annotate", "deployment", "web", "hotdesk.dev/purpose-", "hotdesk.dev/owner-"])
        .succeeded();
    slot.kubectl(&alice(), &["label", "deployment", "web", "team=payments"]).succeeded();
    let after = slot.get("deployment", "web");
    carries_alices_stamp(&slot, &after);
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    assert_eq!(slot.names("pods"), pods);
}

#[test]
fn a_changed_claim_causes_no_rollout() {
    let _held = installation::shared();
    let slot = web(Helm::V4);
    let (before, replica_sets, pods) = (slot.get("deployment", "web"), slot.names("replicasets"), slot.names("pods"));
    slot.patch(&json!({"spec": {"claim": {"users": ["alice@example.com", "carol@example.com"], "purpose": "other"}}}));
    until("the new claim in a stamp", Duration::from_secs(20), || {
        let poke = format!("poke={}", hotdesk_e2e::slot::unique("word"));
        slot.kubectl(&alice(), &["label", "deployment", "web", &poke, "--overwrite"]).succeeded();
        let purpose = slot.get("deployment", "web")["metadata"]["annotations"]["hotdesk.dev/purpose"].clone();
        if purpose == "other" { Ok(()) } else { Err(purpose.to_string()) }
    });
    slot.kubectl(&alice(), &["rollout", "status", "deployment/web", "--timeout=60s"]).succeeded();
    let after = slot.get("deployment", "web");
    assert_eq!(after["metadata"]["annotations"]["hotdesk.dev/claimants"], "alice@example.com,carol@example.com");
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!((slot.names("replicasets"), slot.names("pods")), (replica_sets, pods));
}

#[test]
fn a_helm_upgrade_with_nothing_changed_changes_nothing() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = web(helm);
        let versions = || -> Vec<Value> {
            let of = |kind: &str| {
                of_web(&slot, kind).iter().map(|o| o["metadata"]["resourceVersion"].clone()).collect::<Vec<_>>()
            };
            [
                of("configmaps"),
                of("services"),
                vec![slot.get("secret", "web-password")["metadata"]["resourceVersion"].clone()],
            ]
            .concat()
        };
        let (before, generation) = (versions(), slot.get("deployment", "web")["metadata"]["generation"].clone());
        for _ in 0..2 {
            alice().helm(helm, &["upgrade", "web", &chart("web"), "-n", slot.name(), "--reuse-values"]).succeeded();
        }
        assert_eq!(versions(), before, "{helm:?}");
        assert_eq!(slot.get("deployment", "web")["metadata"]["generation"], generation, "{helm:?}");
        let record = slot.get("secret", "sh.helm.release.v1.web.v3");
        carries_alices_stamp(&slot, &record);
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "alice@example.com");
    }
}

#[test]
fn a_release_record_never_replays_a_former_owner() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        slot.helm_install(&alice(), helm, "web", "web", &["--set", "replicas=0"]).succeeded();
        slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "search"}}}));
        slot.wait_until_known();
        bob().helm(helm, &["upgrade", "web", &chart("web"), "-n", slot.name(), "--reuse-values"]).succeeded();
        let record = slot.get("secret", "sh.helm.release.v1.web.v2");
        assert_eq!(record["metadata"]["labels"]["hotdesk.dev/owner"], "bob_at_example.com", "{helm:?}");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "bob@example.com", "{helm:?}");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/purpose"], "search", "{helm:?}");
    }
}
