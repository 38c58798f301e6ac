//! The policy leaves out what is plainly right. What only looks so is judged in full, and denied with the full message.

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, path};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{Grant, TestSlot, alice, installation, templates, until};
use serde_json::{Value, json};

use crate::{PolicyAlone, delete, prepare, stamp};

const MARKS: &str = "hotdesk alone sets keys that begin with hotdesk.dev/";

/// A Deployment of alice's as the webhook would have stamped it, but for what is given.
fn deployment(slot: &TestSlot, change: impl FnOnce(&mut Value)) -> Value {
    let (labels, annotations) = stamp(slot);
    let pod =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}});
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": labels, "annotations": annotations},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pod},
    });
    change(&mut object);
    object
}

/// What is odd about a Deployment, what its denial says (nothing if it is admitted), and how it comes to be so.
type Row<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Value));

const DEPLOYMENTS: &[Row<'_>] = &[
    ("as it should be", "", &|_| {}),
    ("with labels of her own", "", &|o| o["metadata"]["labels"]["app"] = json!("web")),
    ("for a person, whom she may not name", MARKS, &|o| o["metadata"]["labels"]["hotdesk.dev/for"] = json!("bob")),
    ("of another owner", MARKS, &|o| o["metadata"]["labels"]["hotdesk.dev/owner"] = json!("bob")),
    ("of another slot", MARKS, &|o| o["metadata"]["labels"]["hotdesk.dev/slot"] = json!("mew")),
    ("with a label more", MARKS, &|o| o["metadata"]["labels"]["hotdesk.dev/admin"] = json!("yes")),
    ("with an annotation more", MARKS, &|o| {
        o["metadata"]["annotations"]["hotdesk.dev/deployed-by"] = json!("alice@example.com");
    }),
    ("for another purpose", MARKS, &|o| o["metadata"]["annotations"]["hotdesk.dev/purpose"] = json!("play")),
    ("without its purpose", MARKS, &|o| {
        o["metadata"]["annotations"].as_object_mut().unwrap().remove("hotdesk.dev/purpose");
    }),
    ("without labels", MARKS, &|o| o["metadata"]["labels"] = json!({})),
    ("with as many labels as are looked at", "", &|o| labelled(o, "/metadata", 997)),
    ("with a label more than are looked at", "metadata.labels of this object holds more", &|o| {
        labelled(o, "/metadata", 999);
    }),
    ("with a mark among many labels", MARKS, &|o| {
        labelled(o, "/metadata", 900);
        o["metadata"]["labels"]["hotdesk.dev/admin"] = json!("yes");
    }),
    ("with as many labels of its pods as are looked at", "", &|o| labelled(o, "/spec/template/metadata", 199)),
    ("with more labels of its pods", "spec.template of this object holds more", &|o| {
        labelled(o, "/spec/template/metadata", 200);
    }),
    ("with a mark among many labels of its pods", "spec.template.metadata.labels has the key hotdesk.dev/x", &|o| {
        labelled(o, "/spec/template/metadata", 150);
        o["spec"]["template"]["metadata"]["labels"]["hotdesk.dev/x"] = json!("yes");
    }),
    ("with as many volumes as are looked at", "", &|o| volumes(o, 200)),
    (
        "with a volume more",
        "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate of this object holds more",
        &|o| {
            volumes(o, 201);
        },
    ),
    ("that selects by owner", "spec.selector names hotdesk.dev/owner", &|o| {
        o["spec"]["selector"]["matchExpressions"] = json!([{"key": "hotdesk.dev/owner", "operator": "DoesNotExist"}]);
    }),
];

/// Brings so many labels of no account to this metadata.
fn labelled(object: &mut Value, pointer: &str, count: usize) {
    let labels = &mut object.pointer_mut(pointer).unwrap()["labels"];
    (0..count).for_each(|i| labels[format!("own-{i}")] = json!("x"));
}

fn volumes(object: &mut Value, count: usize) {
    let empty = |i| json!({"name": format!("v{i}"), "emptyDir": {}});
    object["spec"]["template"]["spec"]["volumes"] = (0..count).map(empty).collect();
}

/// Who deletes what, and what the denial says; nothing if it is admitted.
const DELETIONS: &[(&str, &str, &str, &str)] = &[
    ("alice@example.com", "v1", "configmaps/for-nobody", ""),
    ("alice@example.com", "v1", "configmaps/for-bob-at-example.com", ""),
    ("alice@example.com", "v1", "configmaps", ""),
    ("bob@example.com", "v1", "configmaps/for-nobody", "is held by alice@example.com"),
    ("bob@example.com", "v1", "configmaps/for-bob-at-example.com", "is held by alice@example.com"),
    ("bob@example.com", "v1", "configmaps", "is held by alice@example.com"),
    // What a deployer does counts for the person whom the label names, no matter who else the deployer is.
    ("deployer@example.com", "v1", "configmaps/for-nobody", ""),
    ("deployer@example.com", "v1", "configmaps/for-alice-at-example.com", ""),
    ("deployer@example.com", "v1", "configmaps/for-bob-at-example.com", "deploys for \"bob_at_example.com\""),
    ("deployer@example.com", "v1", "configmaps", "deploys for \"bob_at_example.com\""),
    ("alice@example.com", "rbac.authorization.k8s.io/v1", "rolebindings/hotdesk-edit", "belongs to hotdesk"),
    ("alice@example.com", "rbac.authorization.k8s.io/v1", "rolebindings", "belongs to hotdesk"),
    ("alice@example.com", "rbac.authorization.k8s.io/v1", "rolebindings/writers", ""),
    ("alice@example.com", "v1", "serviceaccounts/default", ""),
    ("bob@example.com", "v1", "serviceaccounts/default", "is held by alice@example.com"),
];

/// What is wrong with the policy's answer, if anything is.
fn wrong(what: &str, answer: &Answer, expected: &str) -> Option<String> {
    let by_policy = answer.is_denial("ValidatingAdmissionPolicy") && answer.message.contains(expected);
    let right = if expected.is_empty() { answer.ok() } else { by_policy };
    (!right).then(|| format!("{what}, which should say {expected:?}: {answer:?}"))
}

fn wrong_deletions(requests: &Requests, slot: &TestSlot) -> Vec<String> {
    let judged = DELETIONS.iter().filter_map(|(user, version, what, expected)| {
        wrong(&format!("{user} deletes {what}"), &delete(requests, slot, user, version, what), expected)
    });
    judged.collect()
}

fn wrong_deployments(requests: &Requests, slot: &TestSlot) -> Vec<String> {
    let deployments = path(slot.name(), "apps/v1", "deployments");
    let mut found = Vec::new();
    for (what, expected, change) in DEPLOYMENTS {
        let object = deployment(slot, change);
        let by = |user| requests.try_out(Identity::person(user), "POST", &deployments, Some(&object));
        found.extend(wrong(&format!("alice's Deployment {what}"), &by("alice@example.com"), expected));
        found.extend(wrong(&format!("bob's Deployment {what}"), &by("bob@example.com"), "is held by"));
    }
    found
}

/// Objects that carry the claim's marks, and break a rule that holds for every holder.
fn wrong_rules(requests: &Requests, slot: &TestSlot) -> Vec<String> {
    let (labels, annotations) = stamp(slot);
    let stamped = |mut object: Value, name: &str| {
        object["metadata"] = json!({"name": name, "labels": labels, "annotations": annotations});
        object
    };
    let mut token = stamped(json!({"type": "kubernetes.io/service-account-token"}), "t");
    token["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!("default");
    let role = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}});
    let of_pod = json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web"}}});
    let rows = [
        ("v1", "secrets", token, "a token that never expires"),
        ("v1", "secrets", stamped(json!({"type": "Opaque"}), "t"), ""),
        ("v1", "serviceaccounts/default/token", json!({"spec": {"expirationSeconds": 3601}}), "an hour at most"),
        ("v1", "serviceaccounts/default/token", json!({"spec": {"expirationSeconds": 3600}}), ""),
        ("v1", "serviceaccounts/default/token", of_pod, "passes for the pod's own"),
        (
            "v1",
            "serviceaccounts",
            stamped(json!({}), "hotdesk-reaper"),
            "hotdesk-reaper (serviceaccounts) belongs to hotdesk",
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "rolebindings",
            stamped(role.clone(), "hotdesk-claimants"),
            "hotdesk-claimants (rolebindings) belongs to hotdesk",
        ),
        ("rbac.authorization.k8s.io/v1", "rolebindings", stamped(role, "hotdesk-mine"), ""),
    ];
    let judged = rows.iter().filter_map(|(version, resource, object, expected)| {
        let url = path(slot.name(), version, resource);
        let answer = requests.try_out(Identity::person("alice@example.com"), "POST", &url, Some(object));
        wrong(&format!("alice makes {resource} {object}"), &answer, expected)
    });
    judged.collect()
}

/// Every template of every kind, clean and with a key of hotdesk's in its labels and annotations.
fn wrong_templates(requests: &Requests, slot: &TestSlot) -> Vec<String> {
    let (labels, annotations) = stamp(slot);
    let mut found = Vec::new();
    for template in templates::all() {
        for kind in &template.kinds {
            let (mut clean, version, resource) = templates::object(kind, "t");
            clean["metadata"] = json!({"name": "t", "labels": labels, "annotations": annotations});
            let url = path(slot.name(), version, resource);
            let make =
                |object: &Value| requests.try_out(Identity::person("alice@example.com"), "POST", &url, Some(object));
            found.extend(wrong(&format!("a clean {kind}"), &make(&clean), ""));
            for map in ["labels", "annotations"] {
                let mut object = clean.clone();
                templates::mark(&mut object, &template.field, map, "hotdesk.dev/owner", "bob");
                let expected = format!("{}.metadata.{map} has the key hotdesk.dev/owner", template.field);
                found.extend(wrong(&format!("{kind} with a mark"), &make(&object), &expected));
            }
        }
    }
    found
}

#[test]
fn what_only_looks_plainly_right_is_judged_in_full() {
    let _held = installation::shared();
    let requests = Requests::start();
    let slot = SlotBuilder::free().make();
    let policy = PolicyAlone::bind();
    // The role edit does not know these.
    let _templates = Grant::to(&alice(), "", &["podtemplates"], &["create"]);
    prepare(&slot);
    // A deployer can hold a slot, too.
    let users = ["alice@example.com", "deployer@example.com"];
    slot.patch(&json!({"spec": {"claim": {"users": users, "purpose": "checkout"}}}));
    policy.adopt(&slot);
    let judged =
        [wrong_deletions, wrong_deployments, wrong_rules, wrong_templates].map(|judge| judge(&requests, &slot));
    assert!(judged.concat().is_empty(), "{}", judged.concat().join("\n"));
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "checkout"}}}));
    until("the slot to be bob's, and what alice left in it", Duration::from_secs(30), || {
        let hers = delete(&requests, &slot, "alice@example.com", "v1", "configmaps/for-nobody");
        if hers.is_denial("is held by bob@example.com") { Ok(()) } else { Err(format!("{hers:?}")) }
    });
    assert!(delete(&requests, &slot, "bob@example.com", "v1", "configmaps/for-nobody").ok());
}
