//! Does a claim of the sheet still say what the sheet says, or did somebody write over it?
//!
//! The API server notes who wrote which field. What the sync writes is its own; a field of such a claim that somebody
//! else owns was changed in the Slot, and lasts until the sync next reads the sheet.

use crate::slot::{Claim, Slot};
use crate::text::plain;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

/// Under which name the API server knows what the sync wrote.
pub const SYNC: &str = "hotdesk-sync";

/// The condition in which the sync says whether the Slot's claim is what the sheet says.
pub const CONDITION: &str = "ClaimSource";

/// The programs by which fields of a sheet's claim were changed, in the order of the alphabet; none where the claim is
/// not a sheet's.
#[must_use]
pub fn written_over_by(slot: &Slot) -> Vec<String> {
    if !slot.spec.claim.as_ref().is_some_and(Claim::is_sheets) {
        return Vec::new();
    }
    let entries = slot.metadata.managed_fields.iter().flatten();
    let others = entries.filter(|entry| entry.manager.as_deref() != Some(SYNC) && entry.subresource.is_none());
    let mut managers: Vec<String> = others
        .filter(|entry| owns_part_of_claim(entry))
        .filter_map(|entry| entry.manager.as_deref())
        .map(plain)
        .collect();
    managers.sort();
    managers.dedup();
    managers
}

/// Who once made a claim goes on owning that there is one (`.`), whatever became of it.
fn owns_part_of_claim(entry: &ManagedFieldsEntry) -> bool {
    let claim = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:spec")?.get("f:claim"));
    claim.and_then(Value::as_object).is_some_and(|fields| fields.keys().any(|field| field != "."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::{ClaimSource, SlotSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1;
    use serde_json::json;

    #[track_caller]
    fn check(source: Option<ClaimSource>, fields: &[(&str, Option<&str>, Value)], expected: &[&str]) {
        let mut slot = Slot::new("slot", SlotSpec::default());
        slot.spec.claim = Some(Claim { source, ..Claim::default() });
        let entry = |(manager, subresource, fields): &(&str, Option<&str>, Value)| ManagedFieldsEntry {
            manager: Some((*manager).to_owned()),
            subresource: subresource.map(str::to_owned),
            fields_v1: Some(FieldsV1(json!({"f:spec": fields}))),
            ..ManagedFieldsEntry::default()
        };
        slot.metadata.managed_fields = Some(fields.iter().map(entry).collect());
        assert_eq!(written_over_by(&slot), expected);
    }

    #[test]
    fn who_owns_a_part_of_the_sheets_claim_has_changed_it() {
        let (sheet, users) = (Some(ClaimSource::Sheet), || json!({"f:claim": {".": {}, "f:users": {}}}));
        check(sheet, &[(SYNC, None, users())], &[]);
        check(
            sheet,
            &[(SYNC, None, users()), ("kubectl-edit", None, users()), ("a", None, users())],
            &["a", "kubectl-edit"],
        );
        check(None, &[("kubectl-edit", None, users())], &[]);
    }

    #[test]
    fn who_owns_something_else_has_not() {
        let sheet = Some(ClaimSource::Sheet);
        check(sheet, &[("kubectl", None, json!({"f:claim": {".": {}}}))], &[]);
        check(sheet, &[("helm", None, json!({"f:host": {}}))], &[]);
        check(sheet, &[("x", Some("status"), json!({"f:claim": {"f:users": {}}}))], &[]);
    }
}
