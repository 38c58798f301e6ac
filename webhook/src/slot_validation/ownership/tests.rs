//! Who comes to own a field by applying it.

use serde_json::json;

use crate::slot_validation::tests::{NOW, administrator, alices, allows, applied_by, denies, write_at};

#[test]
fn a50_nobody_comes_to_own_the_administrators_fields_by_applying_their_values() {
    let old = applied_by(alices(), "helm", json!({"f:host": {}}));
    let because = "spec.host: only administrators can own it, and the field manager \"alice\" would too";
    let applied = |spec| applied_by(old.clone(), "alice", spec);
    denies("alice@example.com", &old, &applied(json!({"f:host": {}, "f:claim": {"f:users": {}}})), because);
    denies("alice@example.com", &old, &applied(json!({"f:mode": {}})), "spec.mode: only administrators can own it");
    allows("alice@example.com", &old, &applied(json!({"f:claim": {"f:users": {}}, "f:keepUntil": {}})));
    assert!(write_at(NOW, "u", &administrator(), &old, &applied(json!({"f:host": {}}))).is_ok());
}

#[test]
fn what_somebody_owned_before_is_not_held_against_them() {
    let old = applied_by(alices(), "alice", json!({"f:host": {}}));
    let both = applied_by(alices(), "alice", json!({"f:host": {}, "f:claim": {}}));
    allows("alice@example.com", &old, &both);
}

#[test]
fn what_the_api_server_notes_of_a_slot_without_notes_is_not_the_writers_doing() {
    let noted = |operation: &str| {
        let mut slot = applied_by(alices(), "before-first-apply", json!({"f:host": {}}));
        slot.metadata.managed_fields.as_mut().unwrap()[0].operation = Some(operation.to_owned());
        slot
    };
    allows("alice@example.com", &alices(), &noted("Update"));
    denies("alice@example.com", &alices(), &noted("Apply"), "spec.host: only administrators can own it");
    let helms = applied_by(alices(), "helm", json!({"f:host": {}}));
    let mut both = noted("Update");
    both.metadata.managed_fields.as_mut().unwrap().extend(helms.metadata.managed_fields.clone().unwrap());
    denies("alice@example.com", &helms, &both, "spec.host: only administrators can own it");
}

#[test]
fn a_name_of_a_field_manager_cannot_end_its_quotation() {
    let applied = applied_by(alices(), "x\" is fine", json!({"f:host": {}}));
    denies("alice@example.com", &alices(), &applied, "the field manager \"x' is fine\" would too");
}
