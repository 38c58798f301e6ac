//! Each way in which the installation can be out of order.

use hotdesk_slots::webhook_path::{SecretPath, route};
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhook, ValidatingAdmissionPolicyBindingSpec};
use serde_json::json;

use super::super::finding::Level;
use super::super::gate::MUTATING;
use super::super::judge as judge_all;
use super::super::slot_policies;
use super::super::snapshot::Then;
use super::*;

fn now() -> jiff::Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// The policies that the chart makes, besides the one that `charts/slots` binds.
const POLICIES: [&str; 9] = [
    "hotdesk-gate",
    "hotdesk-namespaces",
    "hotdesk-neighbours",
    "hotdesk-reapers",
    "hotdesk-reapers-releases",
    "hotdesk-revivers-requests",
    "hotdesk-restamper",
    "hotdesk-claimants",
    "hotdesk-jobs",
];

/// An entry of a webhook configuration, as the chart makes it.
fn hook(name: &str, mutates: bool) -> Value {
    // The base64 of "-----BEGIN CERTIFICATE-----".
    let path = SecretPath::of(&[1; 32]).url(route(mutates, name));
    let client = json!({"service": {"namespace": "hotdesk", "name": "hotdesk-webhook", "path": path}, "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"});
    let rule = |operations: &[&str], groups: &[&str], resources: &[&str]| json!([{"operations": operations, "apiGroups": groups, "apiVersions": ["*"], "resources": resources, "scope": "Namespaced"}]);
    let (rules, failure_policy) = match (name, mutates) {
        (GATE, true) => (rule(&["CREATE", "UPDATE"], &["*"], &["*/*"]), "Fail"),
        (GATE, false) => (rule(&["DELETE", "CONNECT"], &["*"], &["*/*"]), "Fail"),
        ("machinery.hotdesk.dev", _) => (rule(&["CREATE"], &["*"], &["*"]), "Ignore"),
        _ => (rule(&["CREATE", "UPDATE", "DELETE"], &["hotdesk.dev"], &["slots", "slots/status"]), "Fail"),
    };
    let selector = json!({"matchExpressions": [{"key": "hotdesk.dev/slot", "operator": "Exists"}]});
    let selector = if name == "slots.hotdesk.dev" { json!({}) } else { selector };
    json!({
        "name": name, "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "rules": rules, "failurePolicy": failure_policy, "namespaceSelector": selector, "objectSelector": {},
    })
}

/// What the chart installs.
pub(in crate::commands::doctor) fn snapshot() -> Snapshot {
    let mut crd = crd();
    crd["status"] = json!({
        "acceptedNames": {"kind": "Slot", "plural": "slots"}, "storedVersions": ["v1alpha1"],
        "conditions": [{"type": "Established", "status": "True"}],
    });
    let policy = |name: &str| json!({"metadata": {"name": name}, "spec": {"failurePolicy": "Fail"}});
    let binding = |name: &str| {
        let by_slot = ["hotdesk-gate", "hotdesk-reapers-releases", "hotdesk-revivers-requests", "hotdesk-claimants"]
            .contains(&name);
        let param = if by_slot { json!({"name": "slot"}) } else { Value::Null };
        json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"], "paramRef": param}})
    };
    let labels =
        json!({"app.kubernetes.io/component": "webhook", "app.kubernetes.io/version": env!("CARGO_PKG_VERSION")});
    Snapshot {
        server: "https://cluster".to_owned(),
        version: "v1.37.2".to_owned(),
        crd: Ok(Some(from(crd))),
        mutating: Ok(vec![from(
            json!({"metadata": {"name": "hotdesk"}, "webhooks": MUTATING.map(|name| hook(name, true))}),
        )]),
        validating: Ok(vec![from(json!({"metadata": {"name": "hotdesk"}, "webhooks": [hook(GATE, false)]}))]),
        policies: Ok(POLICIES.into_iter().chain([slot_policies::POLICY]).map(|name| from(policy(name))).collect()),
        bindings: Ok(POLICIES.map(|name| from(binding(name))).into()),
        deployments: Ok(vec![from(json!({
            "metadata": {"name": "hotdesk-webhook", "namespace": "hotdesk", "labels": labels},
            "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": {"readyReplicas": 2},
        }))]),
        slots: Ok(vec![]),
        namespaces: Ok(vec![]),
        cron_jobs: Ok(vec![]),
        jobs: Ok(vec![]),
        pods: Ok(vec![]),
        events: Ok(vec![]),
        ingresses: Ok(vec![]),
        then: Then {
            sessions: Default::default(),
            probe: None,
            certificate: None,
            served: Ok(vec![]),
            rights: vec![],
            secrets: vec![],
            saved: Ok(std::collections::BTreeMap::new()),
            starts: vec![],
            reapers: vec![],
            controllers: vec![],
            known: Ok(vec![]),
            offered: Ok(vec![]),
            grants: Ok(super::super::beyond::Grants::default()),
            own_namespaces: Ok(vec![]),
            monitors: vec![],
            ways_in: Default::default(),
        },
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Snapshot), level: Level, message: &str) {
    let mut snapshot = snapshot();
    change(&mut snapshot);
    let found = judge(&snapshot);
    let odd: Vec<&Finding> = found.iter().filter(|finding| finding.level != Level::Ok).collect();
    let [finding] = odd.as_slice() else { panic!("{odd:?} is not one finding that says {message:?}") };
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
    assert_eq!(finding.fix.is_none(), level == Level::Unknown, "{finding:?}");
}

#[test]
fn what_the_chart_installs_is_well() {
    let found = judge(&snapshot());
    assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:?}");
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn an_old_cluster_is_a_problem() {
    check(|f| f.version = "v1.29.9".to_owned(), Level::Problem, "too old");
}

#[test]
fn the_kind_must_be_there_and_know_every_field() {
    check(|f| f.crd = Ok(None), Level::Problem, "hotdesk is not installed");
    check(|f| f.crd = Err("forbidden".to_owned()), Level::Unknown, "forbidden");
    let without = |path: &'static str, field: &'static str| {
        move |f: &mut Snapshot| {
            let mut crd = serde_json::to_value(f.crd.as_ref().unwrap()).unwrap();
            crd.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(field).unwrap();
            f.crd = Ok(Some(from(crd)));
        }
    };
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    check(without(spec, "keepUntil"), Level::Problem, "drops spec.keepUntil");
    let claim = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/claim/properties";
    check(without(claim, "aliases"), Level::Problem, "drops spec.claim.aliases");
    check(
        |f| f.crd.as_mut().unwrap().as_mut().unwrap().spec.versions[0].served = false,
        Level::Problem,
        "serve v1alpha1",
    );
    check(|f| f.crd.as_mut().unwrap().as_mut().unwrap().status = None, Level::Problem, "not established");
}

#[test]
fn every_webhook_must_be_there_and_trusted() {
    check(|f| f.validating = Ok(vec![]), Level::Problem, "gate.hotdesk.dev is not there");
    check(
        |f| drop(f.mutating.as_mut().unwrap()[0].webhooks.as_mut().unwrap().remove(2)),
        Level::Problem,
        "slots.hotdesk.dev is not there",
    );
    check(
        |f| f.mutating.as_mut().unwrap()[0].webhooks.as_mut().unwrap()[0].client_config.ca_bundle = None,
        Level::Problem,
        "gate.hotdesk.dev is without a CA bundle",
    );
    let path = |path: Option<String>| {
        move |f: &mut Snapshot| {
            let hook = &mut f.validating.as_mut().unwrap()[0].webhooks.as_mut().unwrap()[0];
            hook.client_config.service.as_mut().unwrap().path = path;
        }
    };
    let known = SecretPath::of(&[1; 32]);
    for wrong in [None, Some("/validate".to_owned()), Some(known.url("/mutate")), Some(known.url("/validate") + "/")] {
        check(path(wrong), Level::Problem, "gate.hotdesk.dev is without the path");
    }
    check(path(Some(SecretPath::of(&[2; 32]).url("/validate"))), Level::Warning, "do not all show the same path");
    check(|f| f.mutating = Err("forbidden".to_owned()), Level::Unknown, "forbidden");
    check(
        |f| {
            let all = f.validating.as_mut().unwrap();
            let again = all[0].clone();
            all.push(again);
        },
        Level::Warning,
        "two installations",
    );
}

#[test]
fn every_policy_must_be_there_and_bound() {
    check(
        |f| drop(f.policies.as_mut().unwrap().remove(0)),
        Level::Problem,
        "no ValidatingAdmissionPolicy hotdesk-gate",
    );
    check(|f| drop(f.bindings.as_mut().unwrap().remove(1)), Level::Problem, "hotdesk-namespaces is not bound");
    check(
        |f| f.bindings.as_mut().unwrap()[0].spec.as_mut().unwrap().validation_actions = Some(vec!["Audit".to_owned()]),
        Level::Problem,
        "hotdesk-gate is not bound",
    );
    check(
        |f| drop(f.policies.as_mut().unwrap().pop()),
        Level::Problem,
        "no ValidatingAdmissionPolicy hotdesk-jobs-as-cronjob",
    );
    for (number, name) in POLICIES.into_iter().enumerate() {
        let message = format!("the policy {name} is not bound");
        check(move |f| drop(f.bindings.as_mut().unwrap().remove(number)), Level::Problem, &message);
    }
    let blind = |f: &mut Snapshot| f.bindings.as_mut().unwrap()[5].spec.as_mut().unwrap().param_ref = None;
    check(blind, Level::Problem, "hotdesk-revivers-requests does not name the Slot");
}

#[test]
fn the_webhook_must_run() {
    let ready = |n: i32| {
        move |f: &mut Snapshot| f.deployments.as_mut().unwrap()[0].status.as_mut().unwrap().ready_replicas = Some(n)
    };
    check(ready(0), Level::Problem, "none of 2 pods is ready");
    check(ready(1), Level::Warning, "1 of 2 pods are ready");
    check(|f| f.deployments = Ok(vec![]), Level::Problem, "its Deployment is missing");
    check(
        |f| {
            drop(
                f.deployments.as_mut().unwrap()[0]
                    .metadata
                    .labels
                    .as_mut()
                    .unwrap()
                    .insert("app.kubernetes.io/version".to_owned(), "9.9.9".to_owned()),
            );
        },
        Level::Warning,
        "hotdesk 9.9.9, and this is",
    );
}

#[test]
fn nothing_that_the_cluster_says_can_harm_the_terminal() {
    let mut snapshot = snapshot();
    snapshot.slots = Err("\u{1b}]0;owned\u{7}".to_owned());
    snapshot.version = "v1.37\u{9b}2J".to_owned();
    let text = serde_json::to_string(&judge_all(&snapshot, "hotdesk", now())).unwrap();
    assert!(!text.contains("\\u001b") && !text.contains("\\u0007") && !text.contains('\u{9b}'), "{text}");
}

#[test]
fn an_entry_that_lets_writes_past_is_a_problem() {
    let of = |entry: usize, change: fn(&mut MutatingWebhook)| {
        move |f: &mut Snapshot| change(&mut f.mutating.as_mut().unwrap()[0].webhooks.as_mut().unwrap()[entry])
    };
    type Change = fn(&mut MutatingWebhook);
    let cases: [(usize, Change, &str); 8] = [
        (
            0,
            |hook| hook.rules.as_mut().unwrap()[0].operations = Some(vec!["CREATE".to_owned()]),
            "UPDATE of */* does not",
        ),
        (0, |hook| hook.rules.as_mut().unwrap()[0].resources = Some(vec!["*".to_owned()]), "CREATE of */* does not"),
        (
            0,
            |hook| hook.rules.as_mut().unwrap()[0].api_groups = Some(vec!["apps".to_owned()]),
            "CREATE of */* does not",
        ),
        (0, |hook| hook.rules.as_mut().unwrap()[0].scope = Some("Cluster".to_owned()), "CREATE of */* does not"),
        (0, |hook| hook.namespace_selector = None, "its namespaceSelector is not"),
        (0, |hook| hook.object_selector = Some(from(json!({"matchLabels": {"a": "b"}}))), "it has an objectSelector"),
        (1, |hook| hook.failure_policy = Some("Fail".to_owned()), "without a webhook, controllers stop"),
        (2, |hook| hook.failure_policy = Some("Ignore".to_owned()), "anybody can claim any slot"),
    ];
    for (entry, change, message) in cases {
        check(of(entry, change), Level::Problem, message);
    }
}

#[test]
fn a_gate_that_goes_on_without_a_webhook_is_as_the_operator_chose() {
    let mut snapshot = snapshot();
    snapshot.mutating.as_mut().unwrap()[0].webhooks.as_mut().unwrap()[0].failure_policy = Some("Ignore".to_owned());
    let found = judge(&snapshot);
    assert!(found.iter().all(|finding| finding.level == Level::Ok), "{found:?}");
    assert!(found.iter().any(|finding| finding.message.contains("availability is continue")), "{found:?}");
}

#[test]
fn a_policy_that_is_narrowed_is_a_problem() {
    let gate = |change: fn(&mut ValidatingAdmissionPolicyBindingSpec)| {
        move |f: &mut Snapshot| change(f.bindings.as_mut().unwrap()[0].spec.as_mut().unwrap())
    };
    check(gate(|spec| spec.match_resources = Some(from(json!({})))), Level::Problem, "has matchResources");
    check(gate(|spec| spec.param_ref = None), Level::Problem, "does not name the Slot");
    check(
        |f| f.policies.as_mut().unwrap()[0].spec.as_mut().unwrap().failure_policy = Some("Ignore".to_owned()),
        Level::Problem,
        "where it cannot judge, it admits",
    );
}
