use kube::core::{ObjectList, WatchEvent};
use serde_json::json;

use super::*;

/// A Slot as an API server writes it, with all that the gate passes over.
fn written(spec: &Value) -> Value {
    json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {
            "annotations": {"hotdesk.dev/owner": "alice", "note": "trustWorkloads"}, "labels": {"namespace": "onix", "name": "other"}, "generation": 3,
            "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {"f:claim": {".": {}}}}}],
            "name": "slot", "namespace": "mew", "resourceVersion": "77",
        },
        "spec": spec,
        "status": {"verdict": {"state": "Idle"}, "spec": {"claim": {"users": ["mallory"]}}},
    })
}

fn read(spec: &Value) -> SlotEntry {
    serde_json::from_value::<SlotMeta>(written(spec)).unwrap().entry().unwrap()
}

fn users(entry: &SlotEntry) -> Vec<&str> {
    entry.claim.iter().flat_map(|claim| &claim.users).map(hotdesk_slots::Name::as_str).collect()
}

#[test]
fn reads_what_the_gate_needs_and_passes_over_the_rest() {
    let entry = read(&json!({"host": "h", "claim": {"users": ["Alice", "bob"], "groups": ["g"]}, "mode": "warn"}));
    assert_eq!((users(&entry), entry.mode, entry.version), (vec!["alice", "bob"], Some(Mode::Warn), Some(77)));
    assert!(entry.readable);
    let slot = ("hotdesk.dev/slot", "mew".to_owned());
    assert!(entry.stamp().labels.contains(&slot), "{:?}", entry.stamp());
}

#[test]
fn what_runs_is_trusted_only_where_the_claim_says_so() {
    let trusts = |claim: Value| read(&json!({"claim": claim})).claim.map(|claim| claim.trust_workloads);
    assert_eq!(trusts(json!({"users": ["alice"], "trustWorkloads": true})), Some(true));
    assert_eq!(trusts(json!({"users": ["alice"], "trustWorkloads": false})), Some(false));
    assert_eq!(trusts(json!({"users": ["alice"]})), Some(false));
}

#[test]
fn a_claim_has_an_id_or_is_from_before_there_were_any() {
    let with = |annotations: Value| {
        let mut slot = written(&json!({"claim": {"users": ["alice"]}}));
        slot["metadata"]["annotations"] = annotations;
        let entry = serde_json::from_value::<SlotMeta>(slot).unwrap().entry().unwrap();
        (entry.readable, entry.has_claim_id)
    };
    assert_eq!(with(json!({"note": "x", "hotdesk.dev/claim-id": "c1", "z": "y"})), (true, true));
    for without in [json!({"hotdesk.dev/claim-ids": "c1"}), json!({}), Value::Null] {
        assert_eq!(with(without.clone()), (true, false), "{without}");
    }
}

#[track_caller]
fn closes(spec: &Value) {
    let entry = read(spec);
    assert!(!entry.readable && entry.claim.is_none(), "{spec}: {entry:?}");
}

#[test]
fn a_spec_that_does_not_fit_closes_its_slot() {
    closes(&json!("text"));
    closes(&json!(7));
    closes(&json!({"claim": "alice"}));
    closes(&json!({"claim": {"users": "alice"}}));
    closes(&json!({"claim": {"users": ["alice", 7]}}));
    closes(&json!({"claim": {"users": ["alice"], "until": "2026-12-01T18:00:00"}}));
    closes(&json!({"claim": {"users": ["alice"], "purpose": {}}}));
    closes(&json!({"claim": {"users": ["alice"], "trustWorkloads": "true"}}));
    closes(&json!({"mode": "off"}));
}

#[track_caller]
fn is_free(spec: &Value) {
    let entry = read(spec);
    assert!(entry.readable && entry.claim.is_none(), "{spec}: {entry:?}");
}

#[test]
fn a_spec_without_a_claim_is_a_free_slots() {
    is_free(&Value::Null);
    is_free(&json!({}));
    is_free(&json!({"claim": null, "mode": null, "keepUntil": "whenever", "host": 7}));
}

#[test]
fn the_host_is_read_also_of_a_slot_that_cannot_be_read() {
    let host = |spec: &Value| read(spec).host.map(String::from);
    assert_eq!(host(&json!({"host": "mew.example"})).as_deref(), Some("mew.example"));
    let odd = json!({"host": "mew.example", "mode": "off"});
    assert!(!read(&odd).readable);
    assert_eq!(host(&odd).as_deref(), Some("mew.example"));
    assert_eq!((host(&json!({"host": 7})), host(&json!("text"))), (None, None));
}

#[test]
fn what_is_not_the_slot_of_a_namespace_is_none() {
    for (field, value) in [("name", json!("other")), ("name", Value::Null), ("namespace", Value::Null)] {
        let mut object = written(&json!({}));
        object["metadata"][field] = value;
        assert_eq!(serde_json::from_value::<SlotMeta>(object).unwrap().entry(), None, "{field}");
    }
    assert_eq!(serde_json::from_value::<SlotMeta>(json!({})).unwrap().entry(), None, "no metadata at all");
}

#[test]
fn one_odd_slot_hides_no_other_in_a_list() {
    let items = [json!({"claim": {"users": ["alice"]}}), json!("text"), json!({"claim": {"users": ["bob"]}})];
    let items: Vec<Value> = items.iter().map(written).collect();
    let list = json!({"apiVersion": "v1", "items": items, "kind": "SlotList", "metadata": {"continue": "c"}});
    let list: ObjectList<SlotMeta> = serde_json::from_str(&list.to_string()).unwrap();
    let index: Vec<SlotEntry> = list.items.into_iter().filter_map(SlotMeta::entry).collect();
    let readable: Vec<bool> = index.iter().map(|entry| entry.readable).collect();
    assert_eq!((readable, users(&index[2])), (vec![true, false, true], vec!["bob"]));
}

/// An API server writes the type first. Should one ever write it last, changes must be seen all the same.
#[test]
fn an_event_is_read_whatever_the_order_of_its_fields() {
    let slot = written(&json!({"claim": {"users": ["alice"]}})).to_string();
    for text in [format!(r#"{{"type":"ADDED","object":{slot}}}"#), format!(r#"{{"object":{slot},"type":"ADDED"}}"#)] {
        let event: WatchEvent<SlotMeta> = serde_json::from_str(&text).unwrap();
        let WatchEvent::Added(slot) = event else { panic!("{text}") };
        assert_eq!(users(&slot.entry().unwrap()), ["alice"], "{text}");
    }
}

#[test]
fn the_api_server_is_asked_for_slots() {
    assert_eq!(SlotMeta::url_path(&(), None), Slot::url_path(&(), None));
}
