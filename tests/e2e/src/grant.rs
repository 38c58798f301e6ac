//! Rights by RBAC that a test adds, so that only hotdesk stands in the way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::slot::unique;
use crate::{Person, objects, until};

/// A cluster-wide right, taken back when the test ends.
#[derive(Debug)]
pub struct Grant {
    name: String,
}

impl Grant {
    /// Lets a person do these things, and waits until the API server knows.
    pub fn to(person: &Person, group: &str, resources: &[&str], verbs: &[&str]) -> Self {
        let grant = Self { name: unique("grant") };
        let name = &grant.name;
        let object = |kind: &str, more: &Value| {
            let mut object =
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            objects::create("", &object);
        };
        object("ClusterRole", &json!({"rules": [{"apiGroups": [group], "resources": resources, "verbs": verbs}]}));
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name});
        let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": person.name});
        object("ClusterRoleBinding", &json!({"roleRef": role, "subjects": [subject]}));
        // Asked of the API server directly: `kubectl auth can-i` knows no resource whose CRD is still to come.
        let (resource, sub) = resources[0].split_once('/').unwrap_or((resources[0], ""));
        let asked = json!({"group": group, "resource": resource, "subresource": sub, "verb": verbs[0]});
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked}});
        until("the right to be known", Duration::from_secs(20), || {
            let ran = person.kubectl_with(
                &["create", "--validate=false", "-f", "-", "-o", "jsonpath={.status.allowed}"],
                &review.to_string(),
            );
            if ran.stdout.trim() == "true" { Ok(()) } else { Err(ran.to_string()) }
        });
        grant
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        objects::delete("", "clusterroles", &self.name);
        objects::delete("", "clusterrolebindings", &self.name);
    }
}
