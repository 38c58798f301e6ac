//! The whole decision table, asked of both.

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, path};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{TestSlot, admin, installation, until};
use serde_json::{Value, json};

use crate::{PolicyAlone, config_map, name_for, prepare, stamp};

/// Who asks, and whom the object names.
type Row = (&'static str, &'static [&'static str], bool, Option<&'static str>);

const fn person(user: &'static str) -> Row {
    (user, &[], false, None)
}

const fn in_a_pod(user: &'static str) -> Row {
    (user, &[], true, None)
}

const ROWS: &[Row] = &[
    person("alice@example.com"),
    person(" Alice@Example.COM "),
    person("alice@example.com.evil.test"),
    person("malice@example.com"),
    person("carol@example.com"),
    person("bob@example.com"),
    ("dave@example.com", &["payments"], false, None),
    ("dave@example.com", &["payments-readers"], false, None),
    person("octocat"),
    person("github:alice@example.com"),
    ("bob@example.com", &[], false, Some("alice_at_example.com")),
    // Trusted deployers, and those who look like one.
    person("deployer@example.com"),
    ("deployer@example.com", &[], false, Some("alice_at_example.com")),
    ("deployer@example.com", &[], false, Some("bob_at_example.com")),
    ("deployer@example.com", &[], false, Some("")),
    person("Deployer@example.com"),
    person("flux@example.com"),
    person("argo@example.com"),
    // What runs in the slot, and elsewhere.
    person("system:serviceaccount:@SLOT@:default"),
    in_a_pod("system:serviceaccount:@SLOT@:default"),
    in_a_pod("system:serviceaccount:@SLOT@:default:more"),
    in_a_pod("system:serviceaccount:@SLOT@:"),
    in_a_pod("system:serviceaccount:elsewhere:default"),
    // hotdesk's own accounts.
    in_a_pod("system:serviceaccount:hotdesk-jobs:reaper-@SLOT@"),
    in_a_pod("system:serviceaccount:hotdesk-jobs:reviver-@SLOT@"),
    person("system:serviceaccount:hotdesk-jobs:reaper-@SLOT@"),
    person("system:serviceaccount:hotdesk-jobs:reviver-@SLOT@"),
    in_a_pod("system:serviceaccount:hotdesk-jobs:reviver-elsewhere"),
    in_a_pod("system:serviceaccount:elsewhere:reviver-@SLOT@"),
    person("system:serviceaccount:hotdesk:hotdesk-controller"),
    person("system:serviceaccount:hotdesk:hotdesk-restamper"),
    person("system:serviceaccount:hotdesk:hotdesk-sync"),
    person("system:serviceaccount:hotdesk:hotdesk-webhook"),
    // The cluster's machinery.
    person("system:serviceaccount:kube-system:deployment-controller"),
    person("system:serviceaccount:kube-system:deployment-controller-2"),
    person("system:serviceaccount:elsewhere:deployment-controller"),
    person("system:kube-controller-manager"),
    ("system:node:one", &["system:nodes"], false, None),
    person("system:node:one"),
    ("nobody", &["system:nodes"], false, None),
    // Administrators.
    person("chief@example.com"),
    person("Chief@example.com"),
    ("root", &["system:masters"], false, None),
    ("root", &["System:Masters"], false, None),
    ("system:anonymous", &["system:unauthenticated"], false, None),
];

const HELD: &str =
    r#"{"claim": {"users": ["alice@example.com", "carol@example.com"], "groups": ["payments"], "purpose": "a \"b"}}"#;
const TRUSTING: &str = r#"{"claim": {"users": ["alice@example.com"], "trustWorkloads": true}}"#;
const LAPSED: &str =
    r#"{"claim": {"users": ["alice@example.com"], "trustWorkloads": true, "until": "2020-01-01T10:00:00+01:00"}}"#;
const OTHERS: &str = r#"{"claim": {"users": ["erin@example.com"]}}"#;
const WARNING: &str = r#"{"mode": "warn", "claim": {"users": ["alice@example.com"]}}"#;
const AUDITING: &str = r#"{"mode": "audit", "claim": {"users": ["alice@example.com"]}}"#;

/// A state of the slot: its spec, who notices that it has come, and what they are told; nothing if they can write.
const STATES: &[(&str, &str, Row, &str)] = &[
    ("held", HELD, person("bob@example.com"), "is held by alice@example.com (\"a 'b\""),
    ("trusting", TRUSTING, in_a_pod("system:serviceaccount:@SLOT@:default"), ""),
    ("lapsed", LAPSED, person("alice@example.com"), "has lapsed"),
    ("another's", OTHERS, person("alice@example.com"), "is held by erin@example.com"),
    ("free", r#"{"claim": null}"#, person("bob@example.com"), "is free"),
    ("in warn mode", WARNING, person("bob@example.com"), ""),
    ("in audit mode", AUDITING, person("bob@example.com"), ""),
];

const OPERATIONS: [&str; 4] = ["create", "update", "delete", "heartbeat"];

/// A slot in a state.
struct Side<'a> {
    requests: &'a Requests,
    slot: &'a TestSlot,
    marks: (Value, Value),
}

impl Side<'_> {
    fn ask(&self, operation: &str, &(user, groups, in_a_pod, person): &Row) -> Answer {
        let user = user.replace("@SLOT@", self.slot.name());
        let who = Identity { user: &user, groups, in_a_pod };
        let config_maps = path(self.slot.name(), "v1", "configmaps");
        let kept = format!("{config_maps}/{}", name_for(person.filter(|person| !person.is_empty())));
        let lease =
            json!({"metadata": {"name": "beat", "labels": self.marks.0, "annotations": self.marks.1}, "spec": {}});
        let object = |name: &str| config_map(&self.marks, name, person);
        let name = kept.rsplit('/').next().unwrap();
        match operation {
            "create" => self.requests.try_out(who, "POST", &config_maps, Some(&object("new"))),
            "update" => self.requests.try_out(who, "PUT", &kept, Some(&object(name))),
            "delete" => self.requests.try_out(who, "DELETE", &kept, None),
            _ => {
                let leases = path(self.slot.name(), "coordination.k8s.io/v1", "leases");
                self.requests.try_out(who, "POST", &leases, Some(&lease))
            }
        }
    }
}

/// Brings a slot into a state, and waits until it is seen.
fn bring<'a>(requests: &'a Requests, slot: &'a TestSlot, state: &(&str, &str, Row, &str)) -> Side<'a> {
    let (name, spec, notices, told) = state;
    slot.patch(&json!({"spec": {"claim": null, "mode": null}}));
    let spec: Value = serde_json::from_str(spec).unwrap();
    let mut in_force = spec.clone();
    if let Some(claim) = in_force["claim"].as_object_mut() {
        claim.remove("until");
    }
    // With the claim comes no trust: somebody says so afterwards.
    for spec in [&in_force, &in_force, &spec] {
        slot.patch(&json!({"spec": spec}));
    }
    // As the controller does, which spells the time in its own way.
    let lapsed = if *name == "lapsed" { json!("2020-01-01T09:00:00Z") } else { Value::Null };
    let status = json!({"status": {"lapsedUntil": lapsed}}).to_string();
    let patch = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &status];
    slot.kubectl(&admin(), &patch).succeeded();
    let side = Side { requests, slot, marks: stamp(slot) };
    until(&format!("{name} to be seen"), Duration::from_secs(30), || {
        let answer = side.ask("create", notices);
        let seen = if told.is_empty() { answer.ok() } else { answer.is_denial(told) };
        if seen { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    side
}

/// A time is told by the webhook as people say it, and the policy has no clock.
fn without_time(sentence: &str, slot: &TestSlot) -> String {
    let sentence = sentence.replace(slot.name(), "SLOT");
    match (sentence.find("until "), sentence.find(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &sentence[..from], &sentence[to..]),
        _ => sentence,
    }
}

/// What is wrong with the two answers, if they differ.
fn difference(operation: &str, webhook: (&Answer, &TestSlot), policy: (&Answer, &TestSlot)) -> Option<&'static str> {
    if webhook.0.ok() != policy.0.ok() {
        return Some("one admits it");
    }
    // hotdesk's own accounts are held by a policy of their own besides, which may be the first to say so.
    // None of these requests is a restamp: its PUT leaves out what the API server fills in.
    let anothers = ["'hotdesk-reapers", "hotdesk's restamper"];
    let by_another = [webhook.0, policy.0].iter().any(|answer| anothers.iter().any(|said| answer.is_denial(said)));
    // A kubelet writes leases in one namespace alone: the API server's NodeRestriction says so before anybody is asked.
    let by_kubernetes = [webhook.0, policy.0].iter().all(|answer| answer.message.contains("kube-node-lease"));
    if webhook.0.ok() || by_another || by_kubernetes {
        return None;
    }
    // What is created or changed meets the webhook first, what is deleted the policy.
    let first = if matches!(operation, "create" | "update") { "\"gate.hotdesk.dev\" denied" } else { "hotdesk" };
    if !webhook.0.is_denial(first) || !policy.0.is_denial("ValidatingAdmissionPolicy") {
        return Some("somebody else denies it");
    }
    let sentence = |(answer, slot): (&Answer, &TestSlot)| without_time(answer.first_sentence(), slot);
    (sentence(webhook) != sentence(policy)).then_some("they say it in other words")
}

#[test]
fn the_policy_and_the_webhook_agree_over_the_whole_decision_table() {
    let _held = installation::shared();
    let requests = Requests::start();
    let (both, alone) = (SlotBuilder::free().make(), SlotBuilder::free().make());
    let policy = PolicyAlone::bind();
    prepare(&both);
    prepare(&alone);
    policy.adopt(&alone);
    let (mut differences, mut rows) = (Vec::new(), 0);
    for state in STATES {
        let (webhook, only) = (bring(&requests, &both, state), bring(&requests, &alone, state));
        for operation in OPERATIONS {
            for row in ROWS {
                let answers = (webhook.ask(operation, row), only.ask(operation, row));
                rows += 1;
                if let Some(what) = difference(operation, (&answers.0, &both), (&answers.1, &alone)) {
                    let (by_webhook, by_policy) = answers;
                    differences
                        .push(format!("{}: {operation} by {row:?}: {what}\n{by_webhook:?}\n{by_policy:?}", state.0));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} of {rows} rows differ:\n{}", differences.len(), differences.join("\n"));
    println!("{rows} rows agree");
}
