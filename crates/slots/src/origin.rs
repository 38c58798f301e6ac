//! Does a claim of the sheet still say what the sheet says, or did somebody write over it?
//!
//! The API server notes who wrote which field. What the sync writes is its own; a field of such a claim that somebody
//! else owns was changed in the Slot, and lasts until the sync next reads the sheet.

use crate::slot::{Claim, Slot};
use crate::text::sanitize_short;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

/// Under which name the API server knows what the sync wrote.
pub const SYNC: &str = "hotdesk-sync";

/// The condition in which the sync says whether the Slot's claim is what the sheet says.
pub const CONDITION: &str = "ClaimSource";

/// The condition in which the sync says whether the sheet was read lately.
pub const SHEET_FRESH: &str = "SheetFresh";

/// The programs by which a sheet's claim was changed since the sync wrote it; none where it was not, or where the claim
/// is not a sheet's. A field that somebody wrote before, and that says the same, was not changed.
#[must_use]
pub fn written_over_by(slot: &Slot) -> Vec<String> {
    let Some(claim) = slot.spec.claim.as_ref().filter(|claim| claim.is_sheets()) else { return Vec::new() };
    let entries: Vec<&ManagedFieldsEntry> = slot.metadata.managed_fields.iter().flatten().collect();
    let syncs: Vec<_> = entries.iter().filter(|entry| entry.manager.as_deref() == Some(SYNC)).collect();
    let owned = |field: &str| syncs.iter().any(|entry| owns(entry, field));
    // A Slot that was put back from a backup has none of the sync's marks, and nobody changed it.
    if !owned("f:source") {
        return Vec::new();
    }
    let lost: Vec<&str> = fields(claim).into_iter().filter(|field| !owned(field)).collect();
    let took = |entry: &&&ManagedFieldsEntry| lost.iter().any(|field| owns(entry, field));
    let takers = entries.iter().filter(took).filter_map(|entry| entry.manager.as_deref());
    let mut takers: Vec<String> = takers.map(sanitize_short).collect();
    takers.sort();
    takers.dedup();
    if takers.is_empty() && !lost.is_empty() { vec!["somebody".to_owned()] } else { takers }
}

/// What of a claim the sync writes whenever it is there.
fn fields(claim: &Claim) -> Vec<&'static str> {
    let fields = [
        ("f:users", true),
        ("f:purpose", claim.purpose.is_some()),
        ("f:until", claim.until.is_some()),
        ("f:groups", !claim.groups.is_empty()),
    ];
    fields.into_iter().filter(|(_, there)| *there).map(|(field, _)| field).collect()
}

fn owns(entry: &ManagedFieldsEntry, field: &str) -> bool {
    let fields = entry.fields_v1.as_ref().filter(|_| entry.subresource.is_none());
    fields.and_then(|fields| fields.0.get("f:spec")?.get("f:claim")?.get(field)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::{ClaimSource, SlotSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(source: Option<ClaimSource>, entries: &[(&str, Option<&str>, Value)], expected: &[&str]) {
        let mut slot = Slot::new("slot", SlotSpec::default());
        slot.spec.claim = Some(Claim { source, purpose: Some("work".to_owned()), ..Claim::default() });
        let entry = |(manager, subresource, claim): &(&str, Option<&str>, Value)| ManagedFieldsEntry {
            manager: Some((*manager).to_owned()),
            subresource: subresource.map(str::to_owned),
            fields_v1: Some(FieldsV1(json!({"f:spec": {"f:claim": claim}}))),
            ..ManagedFieldsEntry::default()
        };
        slot.metadata.managed_fields = Some(entries.iter().map(entry).collect());
        assert_eq!(written_over_by(&slot), expected);
    }

    fn both() -> Value {
        json!({".": {}, "f:users": {}, "f:purpose": {}, "f:source": {}})
    }

    #[test]
    fn who_took_a_field_from_the_sync_has_changed_it() {
        let (sheet, rest, users) =
            (Some(ClaimSource::Sheet), json!({"f:purpose": {}, "f:source": {}}), json!({"f:users": {}}));
        check(sheet, &[(SYNC, None, both())], &[]);
        check(sheet, &[(SYNC, None, rest.clone()), ("kubectl-edit", None, users.clone())], &["kubectl-edit"]);
        let source = json!({"f:source": {}});
        check(sheet, &[(SYNC, None, source.clone()), ("b", None, rest), ("a", None, users)], &["a", "b"]);
        check(sheet, &[(SYNC, None, source)], &["somebody"]);
        check(None, &[("kubectl-edit", None, both())], &[]);
    }

    #[test]
    fn who_wrote_the_same_before_has_not() {
        check(Some(ClaimSource::Sheet), &[("velero-server", None, both())], &[]);
        check(Some(ClaimSource::Sheet), &[("hotdesk", None, both()), (SYNC, None, both())], &[]);
    }
}
