//! What runs in a slot, trusted by the claim, and with any right that Kubernetes' roles can give.

use hotdesk_e2e::requests::{Identity, Requests};
use hotdesk_e2e::{TestSlot, installation};
use serde_json::{Value, json};

use crate::{AllRights, in_slot, until_it, wrong};

#[test]
fn a42_a81_the_slots_own_workload_deploys_stamped_and_changes_neither_claim_nor_fixture_nor_makes_long_tokens() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), TestSlot::held_by("alice@example.com"));
    slot.patch(&json!({"spec": {"claim": {"trustWorkloads": true}}}));
    let user = format!("system:serviceaccount:{}:default", slot.name());
    let workload = Identity::in_a_pod(&user);
    let marks = json!({"hotdesk.dev/owner": "bob", "hotdesk.dev/for": "bob"});
    let config_maps = in_slot(&slot, "v1", "configmaps");
    let forged = json!({"metadata": {"name": "x", "labels": marks, "annotations": marks}});
    until_it(&requests, workload, &("POST", config_maps.clone(), forged.clone(), ""));
    let made = requests.try_out(workload, "POST", &config_maps, Some(&forged)).object;
    let metadata = |field: &str, key: &str| made["metadata"][field][key].clone();
    assert_eq!(metadata("labels", "hotdesk.dev/owner"), "alice_at_example.com");
    assert_eq!(metadata("annotations", "hotdesk.dev/owner"), "alice@example.com");
    assert_eq!(
        (metadata("labels", "hotdesk.dev/for"), metadata("annotations", "hotdesk.dev/for")),
        (Value::Null, Value::Null)
    );
    let the_slot = |what: &str| in_slot(&slot, "hotdesk.dev/v1alpha1", what);
    let claim = json!({"spec": {"claim": {"users": ["mallory@example.com"]}}});
    let status = json!({"status": {"nextReapAt": "2099-01-01T00:00:00Z"}});
    let binding = in_slot(&slot, "rbac.authorization.k8s.io/v1", "rolebindings/hotdesk-edit");
    let token = in_slot(&slot, "v1", "serviceaccounts/default/token");
    let tries = [
        ("PATCH", the_slot("slots/slot"), claim, "is held by alice@example.com"),
        ("PATCH", the_slot("slots/slot/status"), status, "status of a Slot"),
        ("PATCH", binding, json!({"subjects": []}), "belongs to hotdesk"),
        ("POST", token, json!({"spec": {"expirationSeconds": 86_400}}), "an hour at most"),
    ];
    let found = wrong(&requests, workload, &tries);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
