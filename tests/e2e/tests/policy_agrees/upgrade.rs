//! A claim from before claims had ids: what runs is trusted where the slot is enforced, until somebody says otherwise.

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, path};
use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{TestSlot, admin, installation, until};
use serde_json::{Value, json};

use crate::{PolicyAlone, config_map, prepare, stamp};

const CONFIGURATION: [&str; 2] = ["mutatingwebhookconfiguration", "hotdesk"];

/// The webhook that guards Slots passes over those with a label, so that they can be as an earlier version left them.
struct Unguarded {
    label: String,
    place: String,
}

impl Unguarded {
    fn start() -> Self {
        let found = admin().kubectl(&[&["get"], &CONFIGURATION[..], &["-o", "json"]].concat()).succeeded().json();
        let webhooks = found["webhooks"].as_array().unwrap();
        let number = webhooks.iter().position(|webhook| webhook["name"] == "slots.hotdesk.dev").unwrap();
        let own = Self {
            label: format!("e2e.hotdesk.test/{}", unique("old")),
            place: format!("/webhooks/{number}/objectSelector"),
        };
        own.select(&json!({"matchExpressions": [{"key": own.label, "operator": "DoesNotExist"}]}));
        own
    }

    fn select(&self, selector: &Value) {
        let patch = json!([{"op": "add", "path": self.place, "value": selector}]).to_string();
        admin().kubectl(&[&["patch"], &CONFIGURATION[..], &["--type=json", "-p", &patch]].concat()).succeeded();
    }

    /// Takes the id of a Slot's claim away, and makes it another Slot by this spec.
    fn age(&self, slot: &TestSlot, spec: &Value) {
        slot.patch(&json!({"metadata": {"labels": {&self.label: ""}}}));
        until("the Slot to have no id", Duration::from_secs(30), || {
            slot.patch(&json!({"metadata": {"annotations": {"hotdesk.dev/claim-id": null}}, "spec": spec}));
            let id = slot.object()["metadata"]["annotations"].get("hotdesk.dev/claim-id").cloned();
            id.map_or(Ok(()), |id| Err(id.to_string()))
        });
    }

    /// A write that the webhook sees again.
    fn write(&self, slot: &TestSlot, spec: &Value) -> Value {
        slot.patch(&json!({"metadata": {"labels": {&self.label: null}}, "spec": spec}));
        slot.object()
    }
}

impl Drop for Unguarded {
    fn drop(&mut self) {
        self.select(&json!({}));
    }
}

fn ask(requests: &Requests, slot: &TestSlot, in_a_pod: bool, heartbeat: bool) -> Answer {
    let user = format!("system:serviceaccount:{}:default", slot.name());
    let who = Identity { user: &user, groups: &[], in_a_pod };
    let marks = stamp(slot);
    let lease = json!({"metadata": {"name": "beat", "labels": marks.0, "annotations": marks.1}, "spec": {}});
    match heartbeat {
        true => requests.try_out(who, "POST", &path(slot.name(), "coordination.k8s.io/v1", "leases"), Some(&lease)),
        false => {
            let object = config_map(&marks, "new", None);
            requests.try_out(who, "POST", &path(slot.name(), "v1", "configmaps"), Some(&object))
        }
    }
}

#[test]
fn what_runs_under_a_claim_from_before_there_were_ids_is_trusted_by_both_where_it_is_enforced() {
    let _held = installation::exclusive();
    let requests = Requests::start();
    let (both, alone) =
        (SlotBuilder::held_by(&["alice@example.com"]).make(), SlotBuilder::held_by(&["alice@example.com"]).make());
    let (policy, unguarded) = (PolicyAlone::bind(), Unguarded::start());
    prepare(&both);
    prepare(&alone);
    policy.adopt(&alone);
    let mut found = Vec::new();
    let mut check = |slot: &TestSlot, what: &str, in_a_pod: bool, expected: &str| {
        for heartbeat in [false, true] {
            let answer = ask(&requests, slot, in_a_pod, heartbeat);
            let right = if expected.is_empty() { answer.ok() } else { answer.is_denial(expected) };
            if !right {
                found.push(format!("{what}, in a pod: {in_a_pod}, which should say {expected:?}: {answer:?}"));
            }
        }
    };
    for slot in [&both, &alone] {
        check(slot, "a claim with an id", true, "does not trust what runs there");
        for mode in [Value::Null, json!("enforce")] {
            unguarded.age(slot, &json!({"mode": mode}));
            until("the slot to be seen", Duration::from_secs(30), || {
                let answer = ask(&requests, slot, true, false);
                if answer.ok() { Ok(()) } else { Err(format!("{answer:?}")) }
            });
            check(slot, "a claim without an id", true, "");
            check(slot, "a claim without an id", false, "carries no token of a pod");
        }
        let written = unguarded.write(slot, &json!({"claim": {"purpose": "more"}}));
        assert_eq!(written["spec"]["claim"]["trustWorkloads"], true, "the holder's own write says so: {written}");
        assert!(written["metadata"]["annotations"]["hotdesk.dev/claim-id"].is_string(), "{written}");
        // As an earlier version had it, and then somebody else's.
        unguarded.age(slot, &json!({"claim": {"trustWorkloads": null}}));
        let written = unguarded.write(slot, &json!({"claim": {"users": ["bob@example.com"]}}));
        assert_eq!(written["spec"]["claim"].get("trustWorkloads"), None, "{written}");
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
