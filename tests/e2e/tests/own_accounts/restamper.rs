//! The restamper, whose roles let it patch whatever there is in a slot.

use hotdesk_e2e::requests::{Identity, Requests, path};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{TestSlot, admin, installation};
use serde_json::{Value, json};

use crate::{AllRights, JOBS, SAVED, Try, in_slot, make, until_it, wrong};

const RESTAMPER: &str = "system:serviceaccount:hotdesk:hotdesk-restamper";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

fn furnish(requests: &Requests, slot: &TestSlot) {
    let labels = json!({"app": "web", "hotdesk.dev/for": "alice"});
    let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    for (version, what, object) in [
        ("v1", "configmaps", json!({"metadata": {"name": "c", "labels": labels}, "data": {"a": "b"}})),
        ("v1", "secrets", json!({"metadata": {"name": "s"}, "stringData": {"a": "b"}})),
        (
            "v1",
            "secrets",
            json!({"type": "kubernetes.io/service-account-token", "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}}}),
        ),
        ("v1", "services", json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})),
        (
            "apps/v1",
            "deployments",
            json!({"metadata": {"name": "web"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": pod}}),
        ),
        (RBAC, "roles", json!({"metadata": {"name": "r"}, "rules": []})),
        ("coordination.k8s.io/v1", "leases", json!({"metadata": {"name": "l"}, "spec": {}})),
    ] {
        make(requests, &in_slot(slot, version, what), &object);
    }
}

/// What it tries, and what is said of it: by the webhook, or by the policy alone.
fn tries(slot: &TestSlot, by_webhook: bool) -> Vec<Try<'static>> {
    let says = |webhook: &'static str, policy: &'static str| if by_webhook { webhook } else { policy };
    let at = |version: &str, what: &str| in_slot(slot, version, what);
    let label = |key: &str, value: Value| json!({"metadata": {"labels": {key: value}}});
    let other = says("this changes something else of the object", "labels and annotations, and nothing else");
    let foreign = says("this changes something else of the object", "keys that begin with hotdesk.dev/, and no others");
    let whole = says("this is of a subresource", "updates whole objects, and does nothing else");
    let no_update = says("this is not an UPDATE", "updates whole objects, and does nothing else");
    let alone = says("this is of a kind that is left as it is", "objects of this kind stay as they are");
    let config_map = || at("v1", "configmaps/c");
    vec![
        ("PATCH", config_map(), json!({}), ""),
        ("PATCH", at("apps/v1", "deployments/web"), json!({}), ""),
        ("PATCH", at("v1", "secrets/s"), json!({}), ""),
        ("PATCH", at("v1", "secrets/token"), json!({}), ""),
        ("PATCH", config_map(), label("hotdesk.dev/owner", json!("mallory")), ""),
        ("PATCH", config_map(), label("hotdesk.dev/for", json!("mallory")), foreign),
        ("PATCH", config_map(), label("hotdesk.dev/for", Value::Null), foreign),
        ("PATCH", config_map(), label("app", json!("other")), foreign),
        ("PATCH", config_map(), label("app", Value::Null), foreign),
        ("PATCH", config_map(), label("x.hotdesk.dev/owner", json!("x")), foreign),
        ("PATCH", config_map(), json!({"metadata": {"annotations": {"note": "x"}}}), foreign),
        ("PATCH", config_map(), json!({"data": {"a": "c"}}), other),
        ("PATCH", config_map(), json!({"data": null}), other),
        ("PATCH", config_map(), json!({"immutable": true}), other),
        ("PATCH", config_map(), json!({"metadata": {"finalizers": ["x.example.com/y"]}}), other),
        (
            "PATCH",
            config_map(),
            json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "1"}]}}),
            other,
        ),
        ("PATCH", at("v1", "secrets/s"), json!({"stringData": {"a": "c"}}), other),
        ("PATCH", at("apps/v1", "deployments/web"), json!({"spec": {"replicas": 3}}), other),
        ("PATCH", at("v1", "services/web"), json!({"spec": {"externalName": "evil.example.com"}}), other),
        (
            "PATCH",
            at("apps/v1", "deployments/web"),
            json!({"spec": {"template": {"metadata": {"labels": {"hotdesk.dev/owner": "x"}}}}}),
            other,
        ),
        ("PATCH", at("apps/v1", "deployments/web/scale"), json!({"spec": {"replicas": 3}}), whole),
        ("PATCH", at("apps/v1", "deployments/web/status"), json!({"status": {"replicas": 3}}), whole),
        ("PATCH", at(RBAC, "roles/r"), json!({}), alone),
        ("PATCH", at(RBAC, "roles/r"), label("hotdesk.dev/owner", json!("x")), alone),
        ("PATCH", at("coordination.k8s.io/v1", "leases/l"), json!({}), alone),
        ("POST", at("v1", "configmaps"), json!({"metadata": {"name": "new"}}), no_update),
        (
            "POST",
            at(RBAC, "rolebindings"),
            json!({"metadata": {"name": "new"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}}),
            no_update,
        ),
        ("POST", at("v1", "serviceaccounts/default/token"), json!({"spec": {}}), no_update),
        // Outside of slots, and of what makes a namespace one.
        ("PATCH", path("default", "v1", "serviceaccounts/default"), json!({}), "does not write outside of slots"),
        (
            "PATCH",
            format!("/api/v1/namespaces/{}", slot.name()),
            label("a", json!("b")),
            "does not write outside of slots",
        ),
        (
            "POST",
            path("default", "v1", "configmaps"),
            json!({"metadata": {"name": "x"}}),
            "does not write outside of slots",
        ),
        (
            "POST",
            format!("/apis/{RBAC}/clusterroles"),
            json!({"metadata": {"name": "x"}, "rules": []}),
            "does not write outside of slots",
        ),
    ]
}

/// What is wrong with the answers where two policies may be the first to say no: to a deletion, and to a PATCH that goes through
/// to what runs, which `patch` on everything seems to allow.
fn deletes_or_connects(requests: &Requests, who: Identity<'_>, slot: &TestSlot) -> Vec<String> {
    let says = ["updates whole objects, and does nothing else", "is held by alice@example.com"];
    let tries = [("DELETE", "configmaps/c"), ("DELETE", "configmaps"), ("PATCH", "services/web/proxy/")];
    let judged = tries.into_iter().filter_map(|(method, what)| {
        let answer = requests.ask(Some(who), method, &in_slot(slot, "v1", what), Some(&json!({})));
        let is_denied = answer.code == 403 && says.iter().any(|says| answer.message.contains(says));
        (!is_denied).then(|| format!("{} {method} {what}: {answer:?}", who.user))
    });
    judged.collect()
}

/// What it tries with the Slot itself, of which the webhook says everything.
fn with_the_slot(slot: &TestSlot) -> Vec<Try<'static>> {
    let at = |what: &str| in_slot(slot, "hotdesk.dev/v1alpha1", what);
    let status = |status: Value| json!({"status": status});
    let request = |kind: &str| status(json!({"request": {"id": "r", "kind": kind, "phase": "Succeeded"}}));
    let now = "2026-11-29T10:00:00Z";
    let condition =
        |kind: &str| json!({"type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": now});
    let denied = "hotdesk's restamper does not write it";
    vec![
        ("PATCH", at("slots/slot/status"), status(json!({"conditions": [condition("Stamped")]})), ""),
        ("PATCH", at("slots/slot/status"), request("restamp"), ""),
        ("PATCH", at("slots/slot/status"), request("reap"), "hotdesk's restamper does not write of a reap"),
        ("PATCH", at("slots/slot/status"), status(json!({"phase": "Free"})), denied),
        ("PATCH", at("slots/slot/status"), status(json!({"lapsedUntil": now})), denied),
        ("PATCH", at("slots/slot/status"), status(json!({"nextReapAt": now})), denied),
        (
            "PATCH",
            at("slots/slot/status"),
            status(json!({"lastSession": {"time": now, "by": "a", "kind": "exec"}})),
            denied,
        ),
        ("PATCH", at("slots/slot/status"), status(json!({"reaping": {"since": now, "releases": []}})), denied),
        ("PATCH", at("slots/slot"), json!({"spec": {"claim": null}}), "held by alice@example.com"),
        ("PATCH", at("slots/slot"), json!({"spec": {"requests": {"restamp": {}}}}), "held by alice@example.com"),
        ("DELETE", at("slots/slot"), Value::Null, "only administrators can create and delete Slots"),
    ]
}

#[test]
fn the_restamper_changes_hotdesks_keys_and_nothing_else_in_every_mode() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), TestSlot::held_by("alice@example.com"));
    furnish(&requests, &slot);
    let who = Identity::person(RESTAMPER);
    let mut found = wrong(&requests, who, &tries(&slot, true));
    found.extend(deletes_or_connects(&requests, who, &slot));
    found.extend(wrong(&requests, who, &with_the_slot(&slot)));
    // What it says is not what is stored.
    let forged = json!({"metadata": {"labels": {"hotdesk.dev/owner": "mallory"}}});
    let url = in_slot(&slot, "v1", "configmaps/c");
    let stored = requests.try_out(who, "PATCH", &url, Some(&forged)).object;
    assert_eq!(stored["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    slot.patch(&json!({"spec": {"mode": "warn"}}));
    let tolerated = ("POST", in_slot(&slot, "v1", "configmaps"), json!({"metadata": {"name": "x"}}), "");
    until_it(&requests, Identity::person("bob@example.com"), &tolerated);
    found.extend(wrong(&requests, who, &tries(&slot, true)));
    found.extend(deletes_or_connects(&requests, who, &slot));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A copy of the restamper's policy for another account and another label, where no webhook looks: as with the gate off.
struct PolicyAlone {
    name: String,
}

impl PolicyAlone {
    fn bind() -> Self {
        let alone = Self { name: unique("restamper") };
        let get = |kind: &str| admin().kubectl(&["get", kind, "hotdesk-restamper", "-o", "json"]).succeeded().json();
        let (mut policy, mut binding) = (get("validatingadmissionpolicy"), get("validatingadmissionpolicybinding"));
        for object in [&mut policy, &mut binding] {
            object["metadata"] = json!({"name": alone.name});
            object.as_object_mut().unwrap().remove("status");
        }
        binding["spec"]["policyName"] = json!(alone.name);
        let text = policy.to_string().replace(RESTAMPER, &alone.name).replace("hotdesk.dev/slot", &alone.label());
        for object in [text, binding.to_string()] {
            admin().kubectl_with(&["apply", "-f", "-"], &object).succeeded();
        }
        alone
    }

    fn label(&self) -> String {
        format!("e2e.hotdesk.test/{}", self.name)
    }
}

impl Drop for PolicyAlone {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        drop(admin().kubectl(&["delete", kinds, &self.name, "--ignore-not-found"]));
    }
}

#[test]
fn the_restampers_policy_alone_holds_it_where_the_gate_is_off() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot, policy) = (Requests::start(), TestSlot::held_by("alice@example.com"), PolicyAlone::bind());
    furnish(&requests, &slot);
    let own = format!("{}=", policy.label());
    admin().kubectl(&["label", "namespace", slot.name(), "hotdesk.dev/slot-", &own]).succeeded();
    let who = Identity::person(&policy.name);
    let probe =
        ("POST", in_slot(&slot, "v1", "configmaps"), json!({"metadata": {"name": "x"}}), "updates whole objects");
    until_it(&requests, who, &probe);
    let mut found = wrong(&requests, who, &tries(&slot, false));
    found.extend(deletes_or_connects(&requests, who, &slot));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_restamper_reads_nothing_outside_of_slots_and_writes_no_slot() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let who = format!("--as={RESTAMPER}");
    let can = |namespace: &str, verb: &str, what: &str| {
        let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
        let of = format!("--subresource={subresource}");
        admin().kubectl(&["auth", "can-i", verb, resource, &of, "-n", namespace, &who]).stdout.trim() == "yes"
    };
    assert!(can(slot.name(), "list", "secrets") && can(slot.name(), "patch", "deployments.apps"));
    assert!(can("default", "list", "slots.hotdesk.dev") && can("default", "patch", "slots.hotdesk.dev/status"));
    for (namespace, verb, what) in [
        ("default", "list", "secrets"),
        ("kube-system", "list", "configmaps"),
        ("hotdesk", "list", "secrets"),
        (JOBS, "list", "secrets"),
        (SAVED, "list", "secrets"),
        ("default", "patch", "configmaps"),
        ("default", "patch", "slots.hotdesk.dev"),
        (slot.name(), "get", "secrets"),
        (slot.name(), "watch", "secrets"),
        (slot.name(), "update", "configmaps"),
        (slot.name(), "create", "pods"),
        (slot.name(), "delete", "pods"),
        (slot.name(), "create", "pods/exec"),
        (slot.name(), "get", "pods/log"),
        (slot.name(), "create", "serviceaccounts/token"),
        (slot.name(), "impersonate", "serviceaccounts"),
        (slot.name(), "bind", "roles.rbac.authorization.k8s.io"),
        (slot.name(), "escalate", "roles.rbac.authorization.k8s.io"),
    ] {
        assert!(!can(namespace, verb, what), "the restamper may {verb} {what} in {namespace}");
    }
}
