//! What there is in a slot, as `kubectl get` shows it, to be compared before and after.

use hotdesk_e2e::{TestSlot, admin};
use serde_json::Value;

/// What people deploy; pods and what else a controller makes of these are others each time.
const KINDS: [&str; 17] = [
    "configmaps",
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "ingresses",
    "jobs",
    "networkpolicies",
    "persistentvolumeclaims",
    "poddisruptionbudgets",
    "replicationcontrollers",
    "rolebindings",
    "roles",
    "secrets",
    "serviceaccounts",
    "services",
    "statefulsets",
];

/// What each new object has of its own.
const OWN: [&str; 5] = ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"];

/// Every object that people deploy, without what each new object has of its own.
pub(crate) fn snapshot(slot: &TestSlot) -> Value {
    let listed = slot.kubectl(&admin(), &["get", &KINDS.join(","), "-o", "json"]).succeeded().json();
    let mut all = serde_json::Map::new();
    for mut object in listed["items"].as_array().unwrap().clone() {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        if is_nobodys(&kind, &name) {
            continue;
        }
        object.as_object_mut().unwrap().remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for own in OWN {
            metadata.remove(own);
        }
        if kind == "Service" {
            for own in ["clusterIP", "clusterIPs"] {
                object["spec"].as_object_mut().unwrap().remove(own);
            }
        }
        all.insert(format!("{kind}/{name}"), object);
    }
    Value::Object(all)
}

/// True for helm's records, for what the cluster puts into every namespace, and for the rights that the slots' chart and hotdesk's
/// controller give there: these were there before anybody deployed, and may be written at any moment.
fn is_nobodys(kind: &str, name: &str) -> bool {
    let of_rights = ["Role", "RoleBinding"].contains(&kind);
    name.starts_with("sh.helm.release.")
        || [("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")].contains(&(kind, name))
        || (of_rights && name.starts_with("hotdesk-"))
}

#[track_caller]
pub(crate) fn assert_same(before: &Value, after: &Value) {
    let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, object) in before {
        assert_eq!(object, &after[name], "{name}");
    }
}
