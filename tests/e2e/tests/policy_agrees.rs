//! The policy inside the API server gives the webhook's answer, row by row.
//!
//! The same requests go into two slots that are alike, but that only one of them is watched by the webhook: the other
//! carries another label, on which a copy of the chart's policy is bound.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::slot::{Wish, unique};
use hotdesk_e2e::{Ran, TestSlot, admin, installation, until};
use serde_json::{Value, json};

/// Who asks: user, groups, and whether a label names a person.
const REQUESTERS: &[(&str, &[&str], Option<&str>)] = &[
    ("alice@example.com", &[], None),
    (" Alice@Example.COM ", &[], None),
    ("alice@example.com.evil.test", &[], None),
    ("malice@example.com", &[], None),
    ("carol@example.com", &[], None),
    ("bob@example.com", &[], None),
    ("dave@example.com", &["payments"], None),
    ("dave@example.com", &["payments-readers"], None),
    ("octocat", &[], None),
    ("github:alice@example.com", &[], None),
    ("deployer@example.com", &[], None),
    ("deployer@example.com", &[], Some("alice_at_example.com")),
    ("deployer@example.com", &[], Some("bob_at_example.com")),
    ("bob@example.com", &[], Some("alice_at_example.com")),
    ("system:serviceaccount:elsewhere:default", &[], None),
    ("system:serviceaccount:hotdesk:hotdesk-controller", &[], None),
    ("system:serviceaccount:hotdesk:hotdesk-webhook", &[], None),
    ("system:serviceaccount:@SLOT@:default", &[], None),
    ("system:serviceaccount:kube-system:deployment-controller", &[], None),
    ("system:serviceaccount:kube-system:deployment-controller-2", &[], None),
    ("system:serviceaccount:elsewhere:deployment-controller", &[], None),
    ("system:kube-controller-manager", &[], None),
    ("system:node:one", &["system:nodes"], None),
    ("system:node:one", &[], None),
    ("nobody", &["system:nodes"], None),
    ("chief@example.com", &[], None),
    ("Chief@example.com", &[], None),
    ("root", &["system:masters"], None),
    ("root", &["System:Masters"], None),
    ("system:anonymous", &["system:unauthenticated"], None),
];

const STATES: &[(&str, &str)] = &[
    (
        "held",
        r#"{"claim": {"users": ["alice@example.com", "carol@example.com"], "groups": ["payments"], "purpose": "checkout"}}"#,
    ),
    ("free", r#"{"claim": null}"#),
    ("in warn mode", r#"{"mode": "warn", "claim": {"users": ["alice@example.com"]}}"#),
    ("in audit mode", r#"{"mode": "audit", "claim": {"users": ["alice@example.com"]}}"#),
];

const OPERATIONS: [&str; 3] = ["create", "update", "delete"];

/// A copy of the chart's gate policy, bound to another label.
struct PolicyAlone {
    label: String,
}

impl PolicyAlone {
    fn bind() -> Self {
        let alone = Self { label: format!("e2e.hotdesk.test/{}", unique("policy")) };
        let name = alone.name();
        let get = |kind: &str| admin().kubectl(&["get", kind, "hotdesk-gate", "-o", "json"]).succeeded().json();
        let (mut policy, mut binding) = (get("validatingadmissionpolicy"), get("validatingadmissionpolicybinding"));
        for object in [&mut policy, &mut binding] {
            object["metadata"] = json!({"name": name});
            object.as_object_mut().unwrap().remove("status");
        }
        let selector = json!({"matchExpressions": [{"key": alone.label, "operator": "Exists"}]});
        for (object, field) in [(&mut policy, "matchConstraints"), (&mut binding, "matchResources")] {
            if object["spec"][field]["namespaceSelector"] != Value::Null {
                object["spec"][field]["namespaceSelector"] = selector.clone();
            }
        }
        binding["spec"]["policyName"] = json!(name);
        for object in [policy, binding] {
            admin().kubectl_with(&["apply", "-f", "-"], &object.to_string()).succeeded();
        }
        alone
    }

    fn name(&self) -> &str {
        self.label.split_once('/').unwrap().1
    }

    /// Takes a slot out of the webhook's sight and into the policy's.
    fn adopt(&self, slot: &TestSlot) {
        let own = format!("{}=", self.label);
        admin().kubectl(&["label", "namespace", slot.name(), "hotdesk.dev/slot-", &own]).succeeded();
        until("the policy alone to judge", Duration::from_secs(60), || {
            let ran = slot.probe("bob@example.com");
            if ran.stderr.contains(self.name()) { Ok(()) } else { Err(ran.to_string()) }
        });
    }
}

impl Drop for PolicyAlone {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        drop(admin().kubectl(&["delete", kinds, self.name(), "--ignore-not-found"]));
    }
}

fn stamp(slot: &TestSlot) -> (Value, Value) {
    let metadata = slot.object()["metadata"].clone();
    let own = |field: &str, keys: &[&str]| -> Value {
        let entries = keys.iter().filter_map(|k| Some(((*k).to_owned(), metadata[field].get(*k)?.clone())));
        Value::Object(entries.collect())
    };
    let annotations = ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"];
    (own("labels", &["hotdesk.dev/slot", "hotdesk.dev/owner"]), own("annotations", &annotations))
}

fn object(slot: &TestSlot, name: &str, person: Option<&str>) -> String {
    // As the webhook would have stamped it: what is compared is the gate.
    let (mut labels, annotations) = stamp(slot);
    if let Some(person) = person {
        labels["hotdesk.dev/for"] = json!(person);
    }
    let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}).to_string()
}

fn ask(slot: &TestSlot, operation: &str, user: &str, groups: &[&str], person: Option<&str>) -> Ran {
    let user = user.replace("@SLOT@", slot.name());
    let name = if operation == "create" {
        "new".to_owned()
    } else {
        format!("for-{}", person.unwrap_or("nobody").replace('_', "-"))
    };
    let manifest = object(slot, &name, person);
    let verb: &[&str] = match operation {
        "create" => &["create", "--validate=false"],
        "update" => &["replace", "--validate=false"],
        _ => &["delete", "--wait=false"],
    };
    let mut args = vec!["-n", slot.name(), "--dry-run=server", "-f", "-", "--as", &user, "--as-group", "e2e-writers"];
    groups.iter().for_each(|group| args.extend(["--as-group", *group]));
    admin().kubectl_with(&[verb, &args[..]].concat(), &manifest)
}

fn prepare(slot: &TestSlot) {
    let bind = ["create", "rolebinding", "writers", "--clusterrole=edit", "--group=e2e-writers"];
    slot.kubectl(&admin(), &bind).succeeded();
    for person in ["nobody", "alice_at_example.com", "bob_at_example.com"] {
        let name = format!("for-{}", person.replace('_', "-"));
        let label = (person != "nobody").then_some(person);
        admin().kubectl_with(&["-n", slot.name(), "create", "-f", "-"], &object(slot, &name, label)).succeeded();
    }
}

#[test]
fn the_policy_and_the_webhook_agree_over_the_whole_decision_table() {
    let _held = installation::shared();
    let (both, alone) = (Wish::free().make(), Wish::free().make());
    let policy = PolicyAlone::bind();
    prepare(&both);
    prepare(&alone);
    policy.adopt(&alone);
    let mut differences = Vec::new();
    for (state, spec) in STATES {
        let patch = json!({"spec": serde_json::from_str::<Value>(spec).unwrap()});
        for slot in [&both, &alone] {
            slot.patch(&json!({"spec": {"claim": null, "mode": null}}));
            slot.patch(&patch);
        }
        settle(&both, &alone, state);
        for operation in &OPERATIONS {
            for (user, groups, person) in REQUESTERS {
                let by_webhook = ask(&both, operation, user, groups, *person);
                let by_policy = ask(&alone, operation, user, groups, *person);
                let row = format!("{state}: {operation} by {user:?} of {groups:?} for {person:?}");
                if by_webhook.ok() != by_policy.ok() {
                    differences.push(format!("{row}\nwebhook: {by_webhook}\npolicy: {by_policy}"));
                } else if !by_webhook.ok() {
                    // What is created or changed meets the webhook first, what is deleted the policy.
                    let first = if *operation == "delete" {
                        "ValidatingAdmissionPolicy"
                    } else {
                        "\"gate.hotdesk.dev\" denied"
                    };
                    assert!(by_webhook.stderr.contains(first), "{row}: {by_webhook}");
                    assert!(by_policy.stderr.contains("ValidatingAdmissionPolicy"), "{row}: {by_policy}");
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} rows differ:\n{}", differences.len(), differences.join("\n"));
}

/// Waits until both see the Slots as they are now.
fn settle(both: &TestSlot, alone: &TestSlot, state: &str) {
    let expected = |ran: &Ran| match state {
        "held" => ran.stderr.contains("is held by"),
        "free" => ran.stderr.contains("is free"),
        _ => ran.ok(),
    };
    for slot in [both, alone] {
        until(&format!("{state} to be seen"), Duration::from_secs(30), || {
            let ran = ask(slot, "create", "bob@example.com", &[], None);
            if expected(&ran) { Ok(()) } else { Err(ran.to_string()) }
        });
    }
}

/// A Deployment of alice's as the webhook would have stamped it, but for what is given.
fn deployment(slot: &TestSlot, change: impl FnOnce(&mut Value)) -> String {
    let (labels, annotations) = stamp(slot);
    let pod =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}});
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": labels, "annotations": annotations},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pod},
    });
    change(&mut object);
    object.to_string()
}

/// What is odd about a Deployment, what its denial says (parts that may stand for each other; nothing if it is admitted),
/// and how it comes to be so.
type Row<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Value));

/// Who deletes what, and what the denial says; nothing if it is admitted.
const DELETIONS: &[(&str, &str, &str, &str)] = &[
    ("alice@example.com", "api/v1", "configmaps/for-nobody", ""),
    ("alice@example.com", "api/v1", "configmaps/for-bob-at-example.com", ""),
    ("alice@example.com", "api/v1", "configmaps", ""),
    ("bob@example.com", "api/v1", "configmaps/for-nobody", "is held by alice@example.com"),
    ("bob@example.com", "api/v1", "configmaps/for-bob-at-example.com", "is held by alice@example.com"),
    ("bob@example.com", "api/v1", "configmaps", "is held by alice@example.com"),
    // What a deployer does counts for the person whom the label names, whoever else the deployer is.
    ("deployer@example.com", "api/v1", "configmaps/for-nobody", ""),
    ("deployer@example.com", "api/v1", "configmaps/for-alice-at-example.com", ""),
    ("deployer@example.com", "api/v1", "configmaps/for-bob-at-example.com", "names bob_at_example.com"),
    ("deployer@example.com", "api/v1", "configmaps", "names bob_at_example.com"),
    ("alice@example.com", "api/v1", "serviceaccounts/hotdesk-reaper", "belong to hotdesk, whoever holds the slot"),
    ("alice@example.com", "api/v1", "serviceaccounts", "belong to hotdesk, whoever holds the slot"),
    ("alice@example.com", "api/v1", "serviceaccounts/default", ""),
    ("bob@example.com", "api/v1", "serviceaccounts/default", "is held by alice@example.com"),
    ("alice@example.com", "apis/batch/v1", "cronjobs/hotdesk-reaper", "belong to hotdesk, whoever holds the slot"),
];

/// One object, or a whole collection of them; as a dry run.
fn delete(slot: &TestSlot, user: &str, version: &str, what: &str) -> Ran {
    let url = format!("/{version}/namespaces/{}/{what}?dryRun=All", slot.name());
    admin().kubectl(&["delete", "--raw", &url, "--as", user, "--as-group", "e2e-writers"])
}

fn wrong_deletions(slot: &TestSlot) -> Vec<String> {
    let wrong = |(user, version, what, expected): &(&str, &str, &str, &str)| {
        let ran = delete(slot, user, version, what);
        let by_policy = ran.stderr.contains("ValidatingAdmissionPolicy") && ran.stderr.contains(expected);
        let right = if expected.is_empty() { ran.ok() } else { !ran.ok() && by_policy };
        (!right).then(|| format!("{user} deletes {what}, which should say {expected:?}: {ran}"))
    };
    DELETIONS.iter().filter_map(wrong).collect()
}

/// The policy leaves out what is plainly right. What only looks so is judged in full, and denied with the full message.
#[test]
fn what_only_looks_plainly_right_is_judged_in_full() {
    let _held = installation::shared();
    let slot = Wish::free().make();
    let policy = PolicyAlone::bind();
    prepare(&slot);
    // A deployer may hold a slot, too.
    let users = ["alice@example.com", "deployer@example.com"];
    slot.patch(&json!({"spec": {"claim": {"users": users, "purpose": "checkout"}}}));
    policy.adopt(&slot);
    let marks = "labels and annotations that begin with hotdesk.dev/|keys that begin with hotdesk.dev/";
    let rows: &[Row] = &[
        ("as it should be", "", &|_| {}),
        ("with labels of her own", "", &|o| o["metadata"]["labels"]["app"] = json!("web")),
        ("for a person, which is hers to say", "", &|o| o["metadata"]["labels"]["hotdesk.dev/for"] = json!("bob")),
        ("of another owner", marks, &|o| o["metadata"]["labels"]["hotdesk.dev/owner"] = json!("bob")),
        ("of another slot", marks, &|o| o["metadata"]["labels"]["hotdesk.dev/slot"] = json!("mew")),
        ("with a label more", marks, &|o| o["metadata"]["labels"]["hotdesk.dev/admin"] = json!("yes")),
        ("with an annotation more", marks, &|o| {
            o["metadata"]["annotations"]["hotdesk.dev/deployed-by"] = json!("alice@example.com");
        }),
        ("for another purpose", marks, &|o| o["metadata"]["annotations"]["hotdesk.dev/purpose"] = json!("play")),
        ("without its purpose", marks, &|o| {
            o["metadata"]["annotations"].as_object_mut().unwrap().remove("hotdesk.dev/purpose");
        }),
        ("without labels", marks, &|o| o["metadata"]["labels"] = json!({})),
        ("that selects by owner", "spec.selector names hotdesk.dev/owner", &|o| {
            o["spec"]["selector"]["matchLabels"]["hotdesk.dev/owner"] = json!("alice_at_example.com");
            o["spec"]["template"]["metadata"]["labels"]["hotdesk.dev/owner"] = json!("alice_at_example.com");
        }),
        ("that selects by owner otherwise", "spec.selector names hotdesk.dev/owner", &|o| {
            o["spec"]["selector"]["matchExpressions"] = json!([{"key": "hotdesk.dev/owner", "operator": "Exists"}]);
            o["spec"]["template"]["metadata"]["labels"]["hotdesk.dev/owner"] = json!("alice_at_example.com");
        }),
        ("that is a fixture", "belong to hotdesk, whoever holds the slot", &|o| {
            let metadata = o["metadata"].clone();
            *o = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
            o["metadata"]["name"] = json!("hotdesk-reaper");
        }),
    ];
    let create = |user: &str, manifest: &str| {
        let verb = ["create", "--validate=false", "--dry-run=server", "-n", slot.name(), "-f", "-"];
        let who = ["--as", user, "--as-group", "e2e-writers"];
        admin().kubectl_with(&[&verb[..], &who].concat(), manifest)
    };
    let mut wrong = wrong_deletions(&slot);
    for (what, expected, change) in rows {
        let manifest = deployment(&slot, change);
        let hers = create("alice@example.com", &manifest);
        let said = if expected.is_empty() { hers.ok() } else { expected.split('|').any(|e| hers.stderr.contains(e)) };
        let strangers = create("bob@example.com", &manifest);
        if !said || strangers.ok() || !strangers.stderr.contains("ValidatingAdmissionPolicy") {
            wrong.push(format!("a Deployment {what}\nalice: {hers}\nbob: {strangers}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "checkout"}}}));
    until("the slot to be bob's, and what alice left in it", Duration::from_secs(30), || {
        let hers = delete(&slot, "alice@example.com", "api/v1", "configmaps/for-nobody");
        if hers.stderr.contains("is held by bob@example.com") { Ok(()) } else { Err(hers.to_string()) }
    });
    delete(&slot, "bob@example.com", "api/v1", "configmaps/for-nobody").succeeded();
}
