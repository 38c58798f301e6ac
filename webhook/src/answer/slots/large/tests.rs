use std::time::Instant;

use hotdesk_slots::{ClaimView, Name};
use serde_json::{Value, json};

use super::*;
use crate::answer::{Path, answer as answer_whole, answer_condensed};
use crate::review::condense::condense;
use crate::settings::Settings;
use crate::slot_cache::{SlotCache, SlotEntry, SlotIndex};

/// alice writes the Slot of pikachu, which she holds.
fn review(by: &str, group: &str, operation: &str, new: usize, old: usize) -> Value {
    let slot = |size: usize, purpose: &str| {
        json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": {"claim": {"users": ["alice"], "purpose": purpose}},
            "metadata": {"name": "slot", "namespace": "pikachu", "labels": {"l": "x".repeat(size)}}})
    };
    let object = if operation == "DELETE" { Value::Null } else { slot(new, "another") };
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": operation, "namespace": "pikachu", "name": "slot",
        "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
        "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
        "userInfo": {"username": by, "groups": [group]}, "object": object, "oldObject": slot(old, "payments"),
    }})
}

/// The reason of the answer, and the code of a denial.
fn asked(review: &Value, condensed: bool) -> (&'static str, Option<u16>) {
    let claim = ClaimView { users: vec![Name::parse("alice").unwrap()], ..ClaimView::default() };
    let mut index = SlotIndex::default();
    index.put("pikachu", SlotEntry::new("pikachu", Some(claim), None));
    let monotonic = Instant::now();
    let slot_cache = SlotCache::new(monotonic);
    slot_cache.replace(index, monotonic);
    let settings = Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        administrator_groups: vec!["admins".to_owned()],
        ..Settings::default()
    };
    let context = Context {
        settings: &settings,
        slot_cache: &slot_cache,
        now: "2026-11-23T15:00:00Z".parse().unwrap(),
        monotonic,
    };
    let body = review.to_string();
    let short = condense(body.as_bytes()).unwrap();
    let answer = if condensed {
        answer_condensed(Path::Slots, &short, None, &context)
    } else {
        answer_whole(Path::Slots, body.as_bytes(), &context)
    };
    let answer = answer.unwrap();
    assert_eq!(answer.reply.uid, "u-1");
    (answer.note.reason, answer.reply.denial.map(|denial| denial.code))
}

#[test]
fn a_slot_stays_far_smaller_than_what_is_read_whole() {
    let grown = MOST + 1000;
    assert_eq!(asked(&review("alice", "", "UPDATE", 10, 10), false), ("claimant", None));
    assert_eq!(asked(&review("alice", "", "UPDATE", grown, 10), false), ("too-large", Some(413)));
    assert_eq!(asked(&review("root", "admins", "UPDATE", grown, 10), false), ("too-large", Some(413)));
    assert_eq!(asked(&review("root", "system:masters", "UPDATE", grown, 10), false), ("break-glass", None));
    assert_eq!(asked(&review("alice", "", "UPDATE", grown, grown + 10), false), ("claimant", None), "it shrinks");
    assert_eq!(asked(&review("root", "admins", "UPDATE", grown, grown + 10), false), ("administrator", None));
    assert_eq!(asked(&review("root", "admins", "UPDATE", grown, grown), false).1, None, "it is large already");
    assert_eq!(asked(&review("bob", "", "UPDATE", grown, 10), false).0, "too-large", "it is not even read");
}

#[test]
fn of_a_condensed_slot_nothing_is_taken_for_what_it_says() {
    // Without its spec, alice would release the slot by this.
    assert_eq!(asked(&review("alice", "", "UPDATE", 10, 10), true), ("too-large", Some(413)));
    assert_eq!(asked(&review("root", "admins", "CREATE", 10, 10), true), ("too-large", Some(413)));
    assert_eq!(asked(&review("root", "system:masters", "UPDATE", 10, 10), true), ("break-glass", None));
}

#[test]
fn a_slot_can_be_deleted_whatever_its_size() {
    assert_eq!(asked(&review("root", "admins", "DELETE", 0, 10), true), ("administrator", None));
    assert_eq!(asked(&review("root", "system:masters", "DELETE", 0, 10), true), ("break-glass", None));
    assert_eq!(asked(&review("alice", "", "DELETE", 0, 10), true), ("guard", Some(403)));
}
