//! What is in a slot carries the name of the one who holds it, within a minute after it changed hands and whatever the webhook
//! missed; nothing is restarted for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, bob, installation, until};
use serde_json::{Value, json};

/// Within a minute, and a little for a machine that does other things.
const A_MINUTE: Duration = Duration::from_secs(75);

/// What a chart brings, and what controllers make of it.
const KINDS: &str = "configmaps,secrets,services,deployments,replicasets,pods,serviceaccounts";

fn objects(slot: &TestSlot) -> Vec<Value> {
    let listed = slot.kubectl(&admin(), &["get", KINDS, "-o", "json"]).succeeded().json();
    listed["items"].as_array().unwrap().clone()
}

fn named(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// What still carries another owner's name than this one's.
fn not_yet(slot: &TestSlot, owner: &str) -> Result<(), String> {
    let label = owner.replace('@', "_at_");
    let is_right = |object: &&Value| {
        let metadata = &object["metadata"];
        metadata["labels"]["hotdesk.dev/owner"] == label.as_str()
            && metadata["annotations"]["hotdesk.dev/owner"] == owner
            && metadata["annotations"]["hotdesk.dev/claimants"] == owner
    };
    let all = objects(slot);
    let wrong: Vec<String> = all.iter().filter(|object| !is_right(object)).map(named).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
}

/// What says that a pod is the one that it was.
fn pods(slot: &TestSlot) -> Vec<(Value, Value)> {
    let of_pods = objects(slot).into_iter().filter(|object| object["kind"] == "Pod");
    let restarts = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].clone();
    of_pods.map(|pod| (pod["metadata"]["uid"].clone(), restarts(&pod))).collect()
}

fn stamped(slot: &TestSlot) -> Value {
    let conditions = slot.object()["status"]["conditions"].clone();
    let all = conditions.as_array().cloned().unwrap_or_default();
    all.into_iter().find(|condition| condition["type"] == "Stamped").unwrap_or_default()
}

fn until_stamped(slot: &TestSlot, status: &str, saying: &[&str]) {
    until(&format!("the condition Stamped to be {status}"), A_MINUTE, || {
        let condition = stamped(slot);
        let message = condition["message"].as_str().unwrap_or_default();
        let is = condition["status"] == status && saying.iter().all(|part| message.contains(part));
        if is { Ok(()) } else { Err(condition.to_string()) }
    });
}

/// Does something in a slot while hotdesk does not watch it, as in a time when it was not there.
fn unseen(slot: &TestSlot, act: &[&str]) {
    admin().kubectl(&["label", "namespace", slot.name(), "hotdesk.dev/slot-"]).succeeded();
    let (label, object) = (["label", "configmap", "probe", "hotdesk.dev/owner=nobody", "--overwrite"], "probe");
    drop(slot.kubectl(&admin(), &["create", "configmap", object]));
    until("hotdesk to look away", Duration::from_secs(30), || {
        slot.kubectl(&admin(), &label).succeeded();
        let owner = slot.get("configmap", object)["metadata"]["labels"]["hotdesk.dev/owner"].clone();
        if owner == "nobody" { Ok(()) } else { Err(owner.to_string()) }
    });
    slot.kubectl(&admin(), act).succeeded();
    slot.kubectl(&admin(), &["delete", "configmap", object]).succeeded();
    let again = format!("hotdesk.dev/slot={}", slot.name());
    admin().kubectl(&["label", "namespace", slot.name(), &again]).succeeded();
}

#[test]
fn after_a_hand_over_everything_carries_the_new_owner_and_nothing_was_restarted() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), Helm::V4, "web", "web", &[]).succeeded();
    let was = until("the pods", Duration::from_secs(60), || {
        let pods = pods(&slot);
        if pods.is_empty() { Err("none".to_owned()) } else { Ok(pods) }
    });
    let record = "sh.helm.release.v1.web.v1";
    let by = |slot: &TestSlot| slot.get("secret", record)["metadata"]["annotations"]["hotdesk.dev/deployed-by"].clone();
    assert_eq!(by(&slot), "alice@example.com");
    let replica_sets = slot.names("replicasets");
    until("alice's name on everything", A_MINUTE, || not_yet(&slot, "alice@example.com"));
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"]}}}));
    until("bob's name on everything", A_MINUTE, || not_yet(&slot, "bob@example.com"));
    assert_eq!(by(&slot), "alice@example.com", "who deployed it does not change");
    assert_eq!(slot.names("replicasets"), replica_sets, "nothing was rolled out");
    let is: Vec<Value> = pods(&slot).into_iter().map(|(uid, _)| uid).collect();
    assert_eq!(is, was.into_iter().map(|(uid, _)| uid).collect::<Vec<_>>(), "the pods are the same");
    until_stamped(&slot, "True", &["everything in the slot is marked as owned by bob@example.com"]);
    // What is free is nobody's.
    slot.patch(&json!({"spec": {"claim": null}}));
    until("nobody's name on anything", A_MINUTE, || {
        let owned = |object: &&Value| object["metadata"]["labels"].get("hotdesk.dev/owner").is_some();
        let all = objects(&slot);
        let wrong: Vec<String> = all.iter().filter(owned).map(named).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
    });
    assert_eq!(by(&slot), "alice@example.com");
}

#[test]
fn what_the_webhook_missed_is_restamped() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&alice(), &["create", "configmap", "forged", "--from-literal=a=b"]).succeeded();
    unseen(
        &slot,
        &["label", "configmap", "forged", "hotdesk.dev/owner=mallory", "hotdesk.dev/admin=yes", "--overwrite"],
    );
    assert_eq!(slot.get("configmap", "forged")["metadata"]["labels"]["hotdesk.dev/owner"], "mallory");
    until("the forged label to go", A_MINUTE, || {
        let object = slot.get("configmap", "forged");
        let labels = object["metadata"]["labels"].clone();
        let is = labels["hotdesk.dev/owner"] == "alice_at_example.com" && labels.get("hotdesk.dev/admin").is_none();
        if is { Ok(()) } else { Err(labels.to_string()) }
    });
    assert_eq!(slot.get("configmap", "forged")["data"]["a"], "b");
}

/// Denies changes of one object, as somebody else's webhook may.
struct Obstacle(String);

impl Obstacle {
    fn before(slot: &TestSlot, object: &str) -> Self {
        let name = unique("obstacle");
        let rule =
            json!({"apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["UPDATE"]});
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": slot.name()}});
        let constraints = json!({"resourceRules": [rule], "namespaceSelector": selector});
        let says = format!("object.metadata.name != '{object}'");
        let validation = json!({"expression": says, "reason": "Forbidden", "message": "this one is set in stone"});
        let version = "admissionregistration.k8s.io/v1";
        for (kind, spec) in [
            (
                "ValidatingAdmissionPolicy",
                json!({"matchConstraints": constraints, "validations": [validation], "failurePolicy": "Fail"}),
            ),
            ("ValidatingAdmissionPolicyBinding", json!({"policyName": name, "validationActions": ["Deny"]})),
        ] {
            let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec});
            admin().kubectl_with(&["apply", "-f", "-"], &object.to_string()).succeeded();
        }
        until("the obstacle", Duration::from_secs(30), || {
            let ran = slot.kubectl(&admin(), &["label", "configmap", object, "a=b", "--dry-run=server", "--overwrite"]);
            if ran.stderr.contains("set in stone") { Ok(()) } else { Err(ran.to_string()) }
        });
        Self(name)
    }
}

impl Drop for Obstacle {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        drop(admin().kubectl(&["delete", kinds, &self.0, "--ignore-not-found"]));
    }
}

#[test]
fn what_cannot_be_restamped_is_told_in_a_condition_and_holds_up_nothing_else() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    for name in ["a", "stuck", "z"] {
        slot.kubectl(&alice(), &["create", "configmap", name]).succeeded();
    }
    until_stamped(&slot, "True", &["owned by alice@example.com"]);
    let obstacle = Obstacle::before(&slot, "stuck");
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"]}}}));
    until_stamped(&slot, "False", &["configmaps stuck", "set in stone"]);
    let only = until("bob's name on everything else", A_MINUTE, || match not_yet(&slot, "bob@example.com") {
        Err(wrong) if wrong == "ConfigMap stuck" => Ok(wrong),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(only, "ConfigMap stuck");
    let asked = bob().hotdesk(&["restamp", slot.name()]);
    asked.failed_saying(&["1 could not be: configmaps stuck", "set in stone"]);
    drop(obstacle);
    until("bob's name on the last one", A_MINUTE, || not_yet(&slot, "bob@example.com"));
    until_stamped(&slot, "True", &["owned by bob@example.com"]);
}

#[test]
fn the_holder_has_a_slot_restamped_at_once_and_nobody_else_does() {
    let _held = installation::shared();
    let slot = SlotBuilder::held_by(&["alice@example.com"]).make();
    slot.kubectl(&alice(), &["create", "configmap", "odd"]).succeeded();
    until_stamped(&slot, "True", &["owned by alice@example.com"]);
    // Beside the right label, which is all that is looked at each minute.
    unseen(&slot, &["annotate", "configmap", "odd", "hotdesk.dev/purpose=forged", "--overwrite"]);
    bob().hotdesk(&["restamp", slot.name()]).failed_saying(&["is held by"]);
    alice().hotdesk(&["restamp", slot.name()]).succeeded().said(&["restamped 1 object"]);
    assert_eq!(slot.get("configmap", "odd")["metadata"]["annotations"]["hotdesk.dev/purpose"], "checkout");
    let request = slot.object()["status"]["request"].clone();
    assert_eq!((&request["kind"], &request["phase"]), (&json!("restamp"), &json!("Succeeded")), "{request}");
    alice().hotdesk(&["restamp", slot.name()]).failed_saying(&["within the last minute"]);
}
