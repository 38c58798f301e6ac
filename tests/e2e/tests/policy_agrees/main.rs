//! The policy inside the API server gives the webhook's answer, row by row.
//!
//! The same requests go into two slots that are alike, but that only one of them is watched by the webhook: the other
//! carries another label, on which a copy of the chart's policy is bound.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, WRITERS, path};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{TestSlot, admin, until};
use serde_json::{Value, json};

mod neighbours;
mod plain;
mod table;
mod upgrade;

/// Copies of the chart's policies of the gate, bound to another label.
struct PolicyAlone {
    label: String,
}

impl PolicyAlone {
    fn bind() -> Self {
        let alone = Self { label: format!("e2e.hotdesk.test/{}", unique("policy")) };
        for (of_the_chart, name) in alone.names() {
            alone.copy(of_the_chart, &name);
        }
        alone
    }

    fn copy(&self, of_the_chart: &str, name: &str) {
        let get = |kind: &str| admin().kubectl(&["get", kind, of_the_chart, "-o", "json"]).succeeded().json();
        let (mut policy, mut binding) = (get("validatingadmissionpolicy"), get("validatingadmissionpolicybinding"));
        for object in [&mut policy, &mut binding] {
            object["metadata"] = json!({"name": name});
            object.as_object_mut().unwrap().remove("status");
        }
        let selector = json!({"matchExpressions": [{"key": self.label, "operator": "Exists"}]});
        for (object, field) in [(&mut policy, "matchConstraints"), (&mut binding, "matchResources")] {
            if object["spec"][field]["namespaceSelector"] != Value::Null {
                object["spec"][field]["namespaceSelector"] = selector.clone();
            }
        }
        binding["spec"]["policyName"] = json!(name);
        for object in [policy, binding] {
            admin().kubectl_with(&["apply", "-f", "-"], &object.to_string()).succeeded();
        }
    }

    /// The chart's policies, and their copies.
    fn names(&self) -> [(&'static str, String); 2] {
        [("hotdesk-gate", self.name().to_owned()), ("hotdesk-neighbours", format!("{}-neighbours", self.name()))]
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
        let [(_, gate), (_, neighbours)] = self.names();
        drop(admin().kubectl(&["delete", kinds, &gate, &neighbours, "--ignore-not-found"]));
    }
}

/// The labels and annotations that the webhook writes on the slot's objects.
fn stamp(slot: &TestSlot) -> (Value, Value) {
    let metadata = slot.object()["metadata"].clone();
    let own = |field: &str, keys: &[&str]| -> Value {
        let entries = keys.iter().filter_map(|k| Some(((*k).to_owned(), metadata[field].get(*k)?.clone())));
        Value::Object(entries.collect())
    };
    let annotations = ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"];
    (own("labels", &["hotdesk.dev/slot", "hotdesk.dev/owner"]), own("annotations", &annotations))
}

/// The name of the object that names this person.
fn name_for(person: Option<&str>) -> String {
    format!("for-{}", person.unwrap_or("nobody").replace('_', "-"))
}

/// A ConfigMap with these marks, which names a person.
fn config_map((labels, annotations): &(Value, Value), name: &str, person: Option<&str>) -> Value {
    let mut labels = labels.clone();
    if let Some(person) = person {
        labels["hotdesk.dev/for"] = json!(person);
    }
    let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}})
}

/// Lets everybody write as far as RBAC goes, and makes an object for each person.
fn prepare(slot: &TestSlot) {
    let group = format!("--group={WRITERS}");
    slot.kubectl(&admin(), &["create", "rolebinding", "writers", "--clusterrole=admin", &group]).succeeded();
    for person in [None, Some("alice_at_example.com"), Some("bob_at_example.com")] {
        let object = config_map(&stamp(slot), &name_for(person), person).to_string();
        admin().kubectl_with(&["-n", slot.name(), "create", "-f", "-"], &object).succeeded();
    }
}

fn delete(requests: &Requests, slot: &TestSlot, user: &str, version: &str, what: &str) -> Answer {
    requests.try_out(Identity::person(user), "DELETE", &path(slot.name(), version, what), None)
}
