//! Is this request a write of a person, and does it change anything? Or does it call the app through the API server?
//!
//! Somebody who scales, restarts or applies something is at work in the slot, whether or not anybody makes a request. Only
//! claimants and the deployers that work for them count. A dry run, a denial and an update that leaves everything as it is are
//! no use of a slot.

use serde_json::Value;
use serde_json::value::RawValue;

use hotdesk_slots::keys;
use jiff::Timestamp;

use super::{Field, Session, shown};
use crate::decide::{Decision, Role};
use crate::review::{Operation, Request, SlotReview};

/// What is noted of a write. What a review says is not repeated, for who forged one could say anything.
const RESOURCES: [(&str, &str); 16] = [
    ("configmaps", "a ConfigMap"),
    ("cronjobs", "a CronJob"),
    ("daemonsets", "a DaemonSet"),
    ("deployments", "a Deployment"),
    ("horizontalpodautoscalers", "a HorizontalPodAutoscaler"),
    ("httproutes", "an HTTPRoute"),
    ("ingresses", "an Ingress"),
    ("jobs", "a Job"),
    ("persistentvolumeclaims", "a PersistentVolumeClaim"),
    ("pods", "a Pod"),
    ("replicasets", "a ReplicaSet"),
    ("rolebindings", "a RoleBinding"),
    ("secrets", "a Secret"),
    ("serviceaccounts", "a ServiceAccount"),
    ("services", "a Service"),
    ("statefulsets", "a StatefulSet"),
];

/// The members of an object's metadata that the API server writes by itself.
const NOT_THE_WRITERS: [&str; 3] = ["managedFields", "resourceVersion", "generation"];

/// The write that this request is, if it is let through and somebody of the claim makes it.
#[must_use]
pub fn made<O>(request: &Request<'_, O>, by: &str, decision: Decision, now: Timestamp) -> Option<Session> {
    let kind = match request.operation {
        Operation::Create => "created",
        Operation::Update => "changed",
        Operation::Delete => "deleted",
        Operation::Connect if is_proxied(request) => "called",
        Operation::Connect => return None,
    };
    let (group, resource) = (request.resource.group.as_str(), request.resource.resource.as_str());
    // Questions are asked by a CREATE as well, and what happened is told by one.
    let asks =
        matches!(group, "authorization.k8s.io" | "events.k8s.io" | "coordination.k8s.io") || resource == "events";
    let stored = matches!(request.subresource(), "" | "scale" | "resize" | "eviction") || is_proxied(request);
    let by = match decision {
        Decision::Allow(Role::Claimant | Role::Deployer) => shown(by, decision),
        _ => return None,
    };
    let on = RESOURCES.iter().find(|(name, _)| *name == resource).map_or("an object", |(_, shown)| shown);
    let counts = stored && !asks && request.dry_run != Some(true);
    counts.then(|| Session { slot: request.namespace().to_owned(), time: now, by, kind, field: Field::Write(on) })
}

/// A request to the app through the API server, as `kubectl proxy` and dashboards send it. It is over when it is answered, so it
/// counts as a write does, and takes no place of a session that lasts.
fn is_proxied<O>(request: &Request<'_, O>) -> bool {
    let resource = (request.resource.group.as_str(), request.resource.resource.as_str(), request.subresource());
    request.operation == Operation::Connect && matches!(resource, ("", "pods" | "services", "proxy"))
}

/// True unless the review is of an update that leaves everything as it is. What cannot be compared may change something.
#[must_use]
pub fn changes(body: &[u8]) -> bool {
    let Ok(review) = SlotReview::parse(body) else { return true };
    let request = review.request;
    let (Some(new), Some(old)) = (request.object, request.old_object) else { return true };
    match (written(new), written(old)) {
        (Some(new), Some(old)) => new != old,
        _ => true,
    }
}

/// The object without what hotdesk and the API server write into it.
fn written(object: &RawValue) -> Option<Value> {
    let mut object: Value = serde_json::from_str(object.get()).ok()?;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !NOT_THE_WRITERS.contains(&key.as_str()));
        for marks in ["labels", "annotations"] {
            if let Some(entries) = metadata.get_mut(marks).and_then(Value::as_object_mut) {
                entries.retain(|key, _| !keys::is_reserved(key));
                if entries.is_empty() {
                    metadata.remove(marks);
                }
            }
        }
    }
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Reason;
    use crate::review::GateReview;
    use hotdesk_slots::Mode;
    use serde_json::json;

    const CLAIMANT: Decision = Decision::Allow(Role::Claimant);

    fn review(change: &Value) -> String {
        let mut request = json!({
            "uid": "u", "operation": "UPDATE", "namespace": "mew", "name": "web",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"}, "userInfo": {"username": "alice"},
            "object": {"metadata": {"name": "web"}, "spec": {"replicas": 2}},
            "oldObject": {"metadata": {"name": "web"}, "spec": {"replicas": 1}},
        });
        json_patch::merge(&mut request, change);
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string()
    }

    #[track_caller]
    fn check(id: &str, change: &Value, decision: Decision, expected: Option<&str>) {
        let review = review(change);
        let parsed = GateReview::parse(review.as_bytes()).unwrap();
        let write = made(&parsed.request, "alice", decision, Timestamp::UNIX_EPOCH);
        let told = write.map(|write| match write.field {
            Field::Write(on) => format!("{} {} {on}", write.by, write.kind),
            Field::Session => panic!("{id}: a write is not a session"),
        });
        assert_eq!(told.as_deref(), expected, "{id}");
    }

    #[test]
    fn e10_e11_writes_of_claimants_and_their_deployers_are_use() {
        check("e10, set an env", &json!({}), CLAIMANT, Some("alice changed a Deployment"));
        check("e10, scale", &json!({"subResource": "scale"}), CLAIMANT, Some("alice changed a Deployment"));
        let resize = json!({"subResource": "resize", "resource": {"group": "", "resource": "pods"}});
        check("e10, resize a pod", &resize, CLAIMANT, Some("alice changed a Pod"));
        check("e11, resize a pod", &resize, Decision::Allow(Role::Deployer), Some("a deployer changed a Pod"));
        check("e14, resize a pod", &resize, Decision::Allow(Role::Machinery), None);
        let config = json!({"operation": "CREATE", "resource": {"group": "", "resource": "configmaps"}});
        check("e10, a ConfigMap", &config, CLAIMANT, Some("alice created a ConfigMap"));
        let pod = json!({"operation": "DELETE", "resource": {"group": "", "resource": "pods"}});
        check("e10, delete a pod", &pod, CLAIMANT, Some("alice deleted a Pod"));
        check("e11", &json!({}), Decision::Allow(Role::Deployer), Some("a deployer changed a Deployment"));
        for (id, resource, on) in [("e06", "services", "a Service"), ("e07", "pods", "a Pod")] {
            let call = json!({"operation": "CONNECT", "subResource": "proxy", "resource": {"group": "", "resource": resource}});
            check(id, &call, CLAIMANT, Some(&format!("alice called {on}")));
            check(id, &call, Decision::Allow(Role::Machinery), None);
        }
        let nodes =
            json!({"operation": "CONNECT", "subResource": "proxy", "resource": {"group": "", "resource": "nodes"}});
        check("a node", &nodes, CLAIMANT, None);
        let odd = json!({"resource": {"group": "x", "resource": "run `rm`"}});
        check("a forged review", &odd, CLAIMANT, Some("alice changed an object"));
    }

    #[test]
    fn e12_to_e16_what_is_not_written_by_people_of_the_claim_is_no_use() {
        check("e12, a dry run", &json!({"dryRun": true}), CLAIMANT, None);
        check("e13, a denial", &json!({}), Decision::Deny(Reason::Held), None);
        check("e14, machinery", &json!({}), Decision::Allow(Role::Machinery), None);
        check("e14, a status", &json!({"subResource": "status"}), CLAIMANT, None);
        check("e15, the reaper", &json!({}), Decision::Allow(Role::Reaper), None);
        check("e15, the restamper", &json!({}), Decision::Allow(Role::Restamper), None);
        check("e16, an administrator", &json!({}), Decision::Allow(Role::Administrator), None);
        check("e16, break-glass", &json!({}), Decision::Allow(Role::BreakGlass), None);
        check("a stranger who is warned", &json!({}), Decision::Tolerate(Reason::Held, Mode::Warn), None);
        check("a pod of the slot", &json!({}), Decision::Allow(Role::OwnServiceAccount), None);
        let asks = json!({"operation": "CREATE", "resource": {"group": "authorization.k8s.io", "resource": "localsubjectaccessreviews"}});
        check("a question", &asks, CLAIMANT, None);
        check("a token", &json!({"operation": "CREATE", "subResource": "token"}), CLAIMANT, None);
        check("a session", &json!({"operation": "CONNECT", "subResource": "exec"}), CLAIMANT, None);
    }

    #[track_caller]
    fn check_changes(change: &Value, expected: bool) {
        let same = json!({"object": {"spec": {"replicas": 1}}});
        let mut change_of = same;
        json_patch::merge(&mut change_of, change);
        assert_eq!(changes(review(&change_of).as_bytes()), expected, "{change}");
    }

    #[test]
    fn an_update_that_leaves_everything_as_it_is_changes_nothing() {
        check_changes(&json!({}), false);
        let by_server = json!({"managedFields": [{"manager": "kubectl"}], "resourceVersion": "8", "generation": 3});
        check_changes(&json!({"object": {"metadata": by_server}}), false);
        check_changes(&json!({"oldObject": {"metadata": {"labels": {"hotdesk.dev/owner": "alice"}}}}), false);
        check_changes(&json!({"object": {"metadata": {"labels": {"x": "y"}}}}), true);
        check_changes(&json!({"object": {"spec": {"replicas": 2}}}), true);
        check_changes(&json!({"object": {"data": {"a": "b"}}}), true);
        assert!(changes(review(&json!({"operation": "CREATE", "oldObject": null})).as_bytes()), "a new object");
        assert!(changes(b"{"), "what cannot be read may change something");
    }
}
