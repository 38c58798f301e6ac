//! Which JSON Patch makes a written Slot what is stored?

use hotdesk_slots::Claim;
use hotdesk_slots::slot::Slot;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::review::object::{Entries, Object};
use crate::slot_validation::marks::LAST_APPLIED;
use crate::slot_validation::{Stored, reap_lock};

/// The operations that turn what was written into what is stored. What the types do not know is left alone.
pub(super) fn of_slot(object: Option<&RawValue>, new: &Slot, stored: &Stored) -> Patch {
    let mut operations = Vec::new();
    if let (Some(written), Some(claim)) = (&new.spec.claim, &stored.claim) {
        of_claim(written, claim, &mut operations);
    }
    if stored.requests != new.spec.requests {
        operations.push(set(&["spec", "requests"], stored.requests.as_ref().map(|requests| json!(requests))));
    }
    if stored.keep_until != new.spec.keep_until {
        operations.push(set(&["spec", "keepUntil"], stored.keep_until.as_ref().map(|until| json!(until))));
    }
    if reap_lock::is_over(new) {
        operations.push(set(&["spec", "clearAfter"], None));
    }
    let object: Object<'_> = object.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let metadata = object.metadata.unwrap_or_default();
    let (labels, annotations) =
        (Entries::marks(metadata.labels.as_ref()), Entries::marks(metadata.annotations.as_ref()));
    operations.extend(stored.stamp.changes(&labels, &annotations).into_iter().map(PatchOperation::from));
    operations.extend(of_last_applied(new, stored));
    Patch(operations)
}

/// Puts back what kubectl noted, after the stamp, which makes the map where there is none.
fn of_last_applied(new: &Slot, stored: &Stored) -> Option<PatchOperation> {
    let written = new.metadata.annotations.as_ref();
    if written.and_then(|all| all.get(LAST_APPLIED)) == stored.last_applied.as_ref() {
        return None;
    }
    let value = stored.last_applied.as_ref().map(|text| json!(text));
    let has_map = written.is_some() || !stored.stamp.annotations.is_empty();
    Some(match value {
        Some(value) if !has_map => set(&["metadata", "annotations"], Some(json!({LAST_APPLIED: value}))),
        value => set(&["metadata", "annotations", LAST_APPLIED], value),
    })
}

/// The conditions of a status, where others' are put back.
pub(super) fn of_status(conditions: Option<Vec<Condition>>) -> Patch {
    Patch(conditions.map(|conditions| set(&["status", "conditions"], Some(json!(conditions)))).into_iter().collect())
}

fn of_claim(written: &Claim, stored: &Claim, operations: &mut Vec<PatchOperation>) {
    let list = |names: &[String]| (!names.is_empty()).then(|| json!(names));
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let fields = [
        ("users", written.users != stored.users, Some(json!(stored.users))),
        ("aliases", written.aliases != stored.aliases, list(&stored.aliases)),
        ("source", written.source != stored.source, stored.source.map(|source| json!(source))),
        (
            "trustWorkloads",
            written.trust_workloads != stored.trust_workloads,
            stored.trust_workloads.then_some(Value::Bool(true)),
        ),
        ("handTo", written.hand_to != stored.hand_to, text(&stored.hand_to)),
    ];
    let changed = fields.into_iter().filter(|(_, changed, _)| *changed);
    operations.extend(changed.map(|(field, _, value)| set(&["spec", "claim", field], value)));
}

/// Sets a field, or takes it away. It is taken away only where the types read something there, so it is there.
fn set(path: &[&str], value: Option<Value>) -> PatchOperation {
    let path = PointerBuf::from_tokens(path.iter().copied());
    match value {
        Some(value) => PatchOperation::Add(AddOperation { path, value }),
        None => PatchOperation::Remove(RemoveOperation { path }),
    }
}
