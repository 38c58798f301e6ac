//! Whatever the text of an object is: its reserved keys are the stamp, and no stranger gets in.

use hotdesk_slots::stamp::Stamp;
use proptest::prelude::*;

use super::*;

/// JSON text for a key: as it is, or with its first letter as an escape, which means the same.
fn key_text(key: &str, escaped: bool) -> String {
    let text = serde_json::to_string(key).unwrap();
    match (escaped, key.chars().next()) {
        (true, Some(first)) if first.is_ascii_alphanumeric() => {
            text.replacen(first, &format!("\\u{:04x}", u32::from(first)), 1)
        }
        _ => text,
    }
}

fn map_text() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        3 => "hotdesk\\.dev/(slot|owner|claimants|purpose|deployed-by|for|x~1y|~0|a/b|)",
        1 => "[a-z]{1,4}",
        1 => "HotDesk\\.dev/owner|hotdesk\\.dev|hotdesk\\.dev~1owner|xhotdesk\\.dev/owner|owner",
        1 => "\\PC{1,6}",
    ];
    let value = prop_oneof![
        3 => "\\PC{0,6}".prop_map(|v| serde_json::to_string(&v).unwrap()),
        1 => Just("null".to_owned()),
        1 => Just("\"alice_at_example.com\"".to_owned()),
    ];
    let entries = prop::collection::btree_map(key, (value, any::<bool>()), 0..6);
    let map = entries.prop_map(|entries| {
        let entries = entries.into_iter().map(|(key, (value, escaped))| format!("{}:{value}", key_text(&key, escaped)));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    });
    prop_oneof![1 => Just(String::new()), 1 => Just("null".to_owned()), 5 => map]
}

fn object_text() -> impl Strategy<Value = String> {
    (map_text(), map_text(), any::<bool>()).prop_map(|(labels, annotations, odd)| {
        let field = |name: &str, text: String| if text.is_empty() { text } else { format!(r#","{name}":{text}"#) };
        let odd =
            if odd { r#","type":[{"a":1e3}],"spec":{"metadata":{"labels":{"hotdesk.dev/owner":"t"}}}"# } else { "" };
        let (labels, annotations) = (field("labels", labels), field("annotations", annotations));
        format!(r#"{{"metadata":{{"name":"x"{labels}{annotations}}}{odd}}}"#)
    })
}

fn review_of(object: &str) -> String {
    with("/object", json!("OBJECT")).to_string().replace("\"OBJECT\"", object)
}

/// What of an object is not hotdesk's, with empty and absent maps taken for the same.
fn others(object: &Value) -> Value {
    let mut object = object.clone();
    for field in ["labels", "annotations"] {
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        if let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) {
            // A claimant names nobody, so `hotdesk.dev/for` goes too.
            entries.retain(|key, _| !key.starts_with(keys::PREFIX));
        }
        if metadata.get(field).is_none_or(|entries| entries.is_null() || entries == &json!({})) {
            metadata.remove(field);
        }
    }
    object
}

proptest! {
    #[test]
    fn whatever_is_written_the_reserved_keys_are_the_stamp_and_nothing_else_changes(text in object_text()) {
        let before: Value = serde_json::from_str(&text).unwrap();
        let response = ask(Path::Mutate, &review_of(&text)).unwrap()["response"].clone();
        prop_assert_eq!(&response["allowed"], &json!(true));
        let after = patched(&before, &response);
        prop_assert_eq!(others(&after), others(&before));
        let stamp = Stamp::of("pikachu", Some(&alices()));
        for (field, wanted) in [("labels", stamp.labels), ("annotations", stamp.annotations)] {
            let found: Vec<_> = after["metadata"][field].as_object().unwrap().iter()
                .filter(|(key, _)| keys::is_reserved(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
            let mut wanted: Vec<_> = wanted.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(found, wanted);
        }
        let again = ask(Path::Mutate, &review_of(&after.to_string())).unwrap();
        prop_assert_eq!(again["response"].get("patch"), None);
    }

    #[test]
    fn no_body_whatever_lets_a_stranger_in(text in object_text(), cut in 0_usize..2000) {
        let body = review_of(&text).replace(ALICE, "bob@example.com");
        let cut: String = body.chars().take(cut).collect();
        for body in [body, cut] {
            if let Ok(answer) = ask(Path::Mutate, &body) {
                prop_assert_eq!(&answer["response"]["allowed"], &json!(false));
            }
        }
    }
}
