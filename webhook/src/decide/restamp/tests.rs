//! What the restamper may send, and what it may not.

use serde_json::{Value, json};

use super::*;
use crate::review::SlotReview;

/// What is said of such a request, with an object as it was and as it shall be.
fn judged(more: &Value, old: &Value, new: &Value) -> Result<(), NotARestamp> {
    let mut request = json!({
        "uid": "u", "operation": "UPDATE", "namespace": "mew", "name": "web", "userInfo": {"username": "r"},
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"}, "object": new, "oldObject": old,
    });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string();
    let request = SlotReview::parse(body.as_bytes()).unwrap().request;
    let objects = request.object.zip(request.old_object);
    judge(&request, objects)
}

fn web() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "uid": "1", "generation": 1, "resourceVersion": "7", "managedFields": [{"manager": "helm"}],
            "labels": {"app": "web", "hotdesk.dev/owner": "alice"}, "annotations": {"hotdesk.dev/purpose": "x"},
        },
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}}}},
    })
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: Result<(), NotARestamp>) {
    let mut new = web();
    let (at, key) = pointer.rsplit_once('/').unwrap();
    let field = new.pointer_mut(at).unwrap();
    let key = key.replace("~1", "/");
    match value {
        Value::Null => drop(field.as_object_mut().unwrap().remove(&key)),
        value => field[key] = value,
    }
    assert_eq!(judged(&json!({}), &web(), &new), expected, "{pointer}");
}

#[test]
fn it_changes_nothing_but_reserved_keys_and_what_the_api_server_counts() {
    let (fine, change) = (Ok(()), Err(NotARestamp::Change));
    check("/metadata/generation", json!(2), fine);
    check("/metadata/resourceVersion", json!("8"), fine);
    check("/metadata/managedFields", json!([]), fine);
    check("/metadata/labels/hotdesk.dev~1owner", json!("bob"), fine);
    check("/metadata/labels/hotdesk.dev~1slot", json!("mew"), fine);
    check("/metadata/annotations", Value::Null, fine);
    check("/metadata/annotations/hotdesk.dev~1purpose", Value::Null, fine);
    check("/metadata/labels/app", json!("other"), change);
    check("/metadata/labels/app", Value::Null, change);
    check("/metadata/labels/x.hotdesk.dev~1owner", json!("bob"), change);
    check("/metadata/labels/hotdesk.dev~1for", json!("bob"), change);
    check("/metadata/labels", Value::Null, change);
    check("/metadata/annotations/note", json!("x"), change);
    check("/metadata/finalizers", json!(["x/y"]), change);
    check("/metadata/ownerReferences", json!([]), change);
    check("/metadata/deletionTimestamp", json!("2026-11-29T12:00:00Z"), change);
    check("/metadata/uid", json!("2"), change);
    check("/spec/replicas", json!(2), change);
    check("/spec/template/metadata/labels/hotdesk.dev~1owner", json!("bob"), change);
    check("/spec", Value::Null, change);
    check("/status", json!({}), change);
    check("/metadata", Value::Null, change);
}

#[test]
fn it_updates_objects_and_does_nothing_else() {
    let of = |more: Value| judged(&more, &web(), &web());
    assert_eq!(of(json!({})), Ok(()));
    for operation in ["CREATE", "DELETE", "CONNECT"] {
        assert_eq!(of(json!({"operation": operation})), Err(NotARestamp::Operation));
    }
    for subresource in ["status", "scale", "ephemeralcontainers"] {
        assert_eq!(of(json!({"subResource": subresource})), Err(NotARestamp::Subresource));
    }
    for (group, resource) in [
        ("rbac.authorization.k8s.io", "roles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("hotdesk.dev", "claimrecords"),
        ("coordination.k8s.io", "leases"),
    ] {
        let resource = json!({"group": group, "version": "v1", "resource": resource});
        assert_eq!(of(json!({"resource": resource})), Err(NotARestamp::Kind));
    }
    assert_eq!(of(json!({"oldObject": null})), Err(NotARestamp::Uncompared));
    assert_eq!(judged(&json!({}), &web(), &json!({"metadata": {"labels": 7}})), Err(NotARestamp::Uncompared));
}
