//! Does a person come to own a field of the administrators by this write?
//!
//! The API server notes who applied which field. Who applies the same value beside an administrator owns it as well:
//! nothing changes that day, and the administrators' next change of it is a conflict.

use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::quoted;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

/// The administrators' fields, as the API server notes them.
const FIELDS: [(&str, &str); 2] = [("f:host", "spec.host"), ("f:mode", "spec.mode")];

/// As whose the API server notes fields that it has no note of.
const NOTED_LATER: &str = "before-first-apply";

/// What speaks against owners that this write adds.
pub(super) fn against(old: &Slot, new: &Slot) -> Vec<String> {
    let before: Vec<_> = entries(old).collect();
    // Of a Slot of which nothing was noted so far, the API server notes all that is there as nobody's in particular.
    let nobodys = |entry: &&ManagedFieldsEntry| {
        before.is_empty()
            && entry.manager.as_deref() == Some(NOTED_LATER)
            && entry.operation.as_deref() == Some("Update")
    };
    let gained = entries(new)
        .filter(|entry| !nobodys(entry))
        .flat_map(|entry| FIELDS.map(|field| (entry, field)))
        .filter(|(entry, (field, _))| {
            owns(entry, field) && !before.iter().any(|old| is_same(old, entry) && owns(old, field))
        });
    gained
        .map(|(entry, (_, field))| {
            format!(
                "{field}: only administrators can own it, and the field manager {} would too: leave it out of what you apply",
                quoted(entry.manager.as_deref().unwrap_or_default())
            )
        })
        .collect()
}

fn entries(slot: &Slot) -> impl Iterator<Item = &ManagedFieldsEntry> {
    slot.metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.as_deref().is_none_or(str::is_empty))
}

fn is_same(a: &ManagedFieldsEntry, b: &ManagedFieldsEntry) -> bool {
    (&a.manager, &a.operation) == (&b.manager, &b.operation)
}

fn owns(entry: &ManagedFieldsEntry, field: &str) -> bool {
    entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec")?.get(field)).is_some()
}

#[cfg(test)]
mod tests;
