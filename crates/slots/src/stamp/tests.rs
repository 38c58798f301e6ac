use super::*;
use proptest::prelude::*;
use serde_json::json;

fn alices() -> ClaimView {
    ClaimView {
        users: ["alice@example.com", "octocat"].iter().map(|n| Name::parse(n).unwrap()).collect(),
        purpose: "payments refactor".to_owned(),
        ..ClaimView::default()
    }
}

fn marks(object: &Value, field: &str) -> Marks<'static> {
    let entries = object.pointer(&format!("/metadata/{field}")).and_then(Value::as_object);
    let own = |(k, v): (&String, &Value)| (k.clone().into(), v.as_str().unwrap().to_owned().into());
    Marks {
        present: entries.is_some(),
        reserved: entries.into_iter().flatten().filter(|(k, _)| keys::is_reserved(k)).map(own).collect(),
    }
}

/// As the API server applies it: written, and read again.
fn stamped(object: &Value, stamp: &Stamp) -> Value {
    let (labels, annotations) = (marks(object, "labels"), marks(object, "annotations"));
    let changes = stamp.changes(&labels, &annotations);
    let patch: json_patch::Patch = serde_json::from_slice(&super::patch(&changes)).unwrap();
    assert_eq!(patch.0, changes.into_iter().map(PatchOperation::from).collect::<Vec<_>>());
    let mut result = object.clone();
    json_patch::patch(&mut result, &patch).unwrap();
    result
}

#[test]
fn stamps_the_owner_and_the_claim() {
    let object = stamped(&json!({"metadata": {"name": "web"}}), &Stamp::of("pikachu", Some(&alices())));
    assert_eq!(
        object["metadata"],
        json!({
            "name": "web",
            "labels": {"hotdesk.dev/slot": "pikachu", "hotdesk.dev/owner": "alice_at_example.com"},
            "annotations": {
                "hotdesk.dev/owner": "alice@example.com",
                "hotdesk.dev/claimants": "alice@example.com,octocat",
                "hotdesk.dev/purpose": "payments refactor",
            },
        })
    );
}

#[test]
fn a61_the_claimants_stay_below_a_kibibyte_with_a_count_of_the_rest() {
    let named = |count: usize, length: usize| {
        let users = (0..count).map(|n| Name::parse(&format!("{n:0>length$}")).unwrap()).collect();
        let stamp = Stamp::of("mew", Some(&ClaimView { users, ..ClaimView::default() }));
        stamp.annotations.into_iter().find(|(key, _)| *key == keys::CLAIMANTS).unwrap().1
    };
    assert_eq!(named(3, 1), "0,1,2");
    assert_eq!(named(10, 100), (0..10).map(|n| format!("{n:0>100}")).collect::<Vec<_>>().join(","), "not cut");
    let cut = named(16, 100);
    assert!(cut.starts_with("000") && cut.ends_with(",… +6") && cut.len() < 1024, "{cut}");
    for (count, length) in [(256, 256), (256, 3), (1024, 1), (5, 256), (4, 255)] {
        assert!(named(count, length.max(4)).len() <= MAX_CLAIMANTS, "{count} names of {length}");
    }
}

#[test]
fn stamps_only_the_slot_where_it_is_free() {
    let object = stamped(&json!({"metadata": {"annotations": {"a": "b"}}}), &Stamp::of("mew", None));
    assert_eq!(object["metadata"], json!({"labels": {"hotdesk.dev/slot": "mew"}, "annotations": {"a": "b"}}));
}

#[test]
fn a_former_owners_stamp_is_overwritten_and_forgeries_removed() {
    let forged = json!({"metadata": {
        "labels": {"hotdesk.dev/owner": "bob", "hotdesk.dev/admin": "yes", "hotdesk.dev/for": "bob", "app": "web"},
        "annotations": {"hotdesk.dev/deployed-by": "root"},
    }});
    let object = stamped(&forged, &Stamp::of("mew", None));
    assert_eq!(
        object["metadata"],
        json!({"labels": {"hotdesk.dev/slot": "mew", "hotdesk.dev/for": "bob", "app": "web"}, "annotations": {}})
    );
}

#[test]
fn a_release_record_says_who_deployed_it() {
    let stamp = Stamp::of("mew", Some(&alices())).with_deployed_by("ci@example.com");
    assert!(stamp.annotations.contains(&(keys::DEPLOYED_BY, "ci@example.com".to_owned())));
}

/// Any metadata: arbitrary keys, reserved keys true and forged, absent and empty fields.
fn objects() -> impl Strategy<Value = Value> {
    let key =
        prop_oneof!["[a-z]{1,5}", "[a-z]{1,4}/[~a-z]{1,4}", "hotdesk.dev/(slot|owner|claimants|purpose|x~/y|for)"];
    let field = prop::option::of(prop::collection::btree_map(key, "\\PC{0,8}", 0..5));
    (field.clone(), field, any::<bool>()).prop_map(|(labels, annotations, spec)| {
        let mut object = json!({"metadata": {"name": "x"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}});
        if let Some(labels) = labels {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(annotations) = annotations {
            object["metadata"]["annotations"] = json!(annotations);
        }
        if !spec {
            object.as_object_mut().unwrap().remove("spec");
        }
        object
    })
}

fn claims() -> impl Strategy<Value = Option<ClaimView>> {
    prop_oneof![Just(None), Just(Some(alices())), Just(Some(ClaimView { purpose: String::new(), ..alices() }))]
}

fn without_reserved(mut object: Value) -> Value {
    for field in ["labels", "annotations"] {
        if let Some(entries) = object["metadata"].get_mut(field).and_then(Value::as_object_mut) {
            entries.retain(|key, _| !keys::is_reserved(key));
            if entries.is_empty() {
                object["metadata"].as_object_mut().unwrap().remove(field);
            }
        }
    }
    object
}

proptest! {
    #[test]
    fn stamping_twice_changes_nothing(object in objects(), claim in claims()) {
        let stamp = Stamp::of("mew", claim.as_ref());
        let once = stamped(&object, &stamp);
        prop_assert!(stamp.changes(&marks(&once, "labels"), &marks(&once, "annotations")).is_empty());
    }

    #[test]
    fn only_reserved_keys_change(object in objects(), claim in claims()) {
        let after = stamped(&object, &Stamp::of("mew", claim.as_ref()));
        prop_assert_eq!(without_reserved(after), without_reserved(object));
    }

    #[test]
    fn whatever_was_there_the_reserved_keys_are_the_stamp(object in objects(), claim in claims()) {
        let stamp = Stamp::of("mew", claim.as_ref());
        let after = stamped(&object, &stamp);
        let mut found = marks(&after, "labels").reserved;
        found.sort();
        let wanted: Vec<_> = stamp.labels.iter().map(|(k, v)| (Cow::from(*k), Cow::from(v.as_str()))).collect();
        prop_assert_eq!(found, wanted);
    }
}
