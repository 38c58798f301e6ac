use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::kept::{OBJECT_ROOM, REQUEST_ROOM, ROOM};
use super::*;
use crate::review::GateReview;
use crate::review::object::{Entries, Object};

fn review_of(object: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1",
        "kind":{{"group":"","version":"v1","kind":"Secret"}},"resource":{{"group":"","version":"v1","resource":"secrets"}},
        "requestKind":{{"group":"","version":"v1","kind":"Secret"}},"name":"big","namespace":"pikachu","operation":"UPDATE",
        "userInfo":{{"username":"alice","uid":"7","groups":["a","b\u003c"],"extra":{{"k":["v"],"n":null}}}},
        "object":{object},"oldObject":{object},"dryRun":false,"options":{{"kind":"UpdateOptions"}}}}}}"#
    )
}

fn condensed(body: &str) -> Condensed {
    condense(body.as_bytes()).unwrap()
}

#[test]
fn only_what_the_gate_reads_is_kept() {
    let object = r#"{"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{"name":"big","labels":{"app":"web",
        "hotdesk.dev/owner":"alice","owner":"helm"},"annotations":null,"managedFields":[{"f:data":{}}]},"data":{"a":"b"}}"#;
    let kept: Value = serde_json::from_slice(condensed(&review_of(object)).json()).unwrap();
    let object = json!({"type": "Opaque",
        "metadata": {"name": "big", "labels": {"hotdesk.dev/owner": "alice", "owner": "helm"}, "annotations": null}});
    let kind = json!({"group": "", "kind": "Secret"});
    assert_eq!(
        kept,
        json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": "u-1", "kind": kind, "resource": {"group": "", "resource": "secrets"}, "name": "big",
            "namespace": "pikachu", "operation": "UPDATE",
            "userInfo": {"username": "alice", "groups": ["a", "b<"], "extra": {"k": ["v"], "n": null}},
            "object": object, "oldObject": object, "dryRun": false,
        }})
    );
}

/// As many reserved labels as make so many bytes.
fn marks(bytes: usize) -> String {
    let mut labels = String::from(r#""hotdesk.dev/for":"bob""#);
    let mut number = 0;
    while labels.len() < bytes {
        write!(labels, r#","hotdesk.dev/x{number}":"forged""#).unwrap();
        number += 1;
    }
    format!(r#"{{"metadata":{{"labels":{{{labels}}}}}}}"#)
}

fn reserved(object: Option<Box<Object<'_>>>) -> usize {
    Entries::marks(object.unwrap().metadata.as_ref().and_then(|m| m.labels.as_ref())).reserved.len()
}

#[test]
fn an_object_whose_marks_do_not_fit_is_there_and_nothing_of_it_is_known() {
    let fits = condensed(&review_of(&marks(OBJECT_ROOM - 1000)));
    assert!(!fits.lacks_an_object());
    let request = GateReview::parse(fits.json()).unwrap().request;
    assert!(reserved(request.object) > 60_000 && reserved(request.old_object) > 60_000);

    let body = review_of("NEW").replacen("NEW", &marks(OBJECT_ROOM + 1000), 1).replacen("NEW", &marks(10), 1);
    let short = condensed(&body);
    assert!(short.lacks_an_object());
    assert!(short.json().len() < 1000, "{} bytes are kept", short.json().len());
    let request = GateReview::parse(short.json()).unwrap().request;
    assert!(request.object.unwrap().metadata.is_none());
    assert_eq!(request.old_object.unwrap().label("hotdesk.dev/for"), Some("bob"));
    assert_eq!(request.dry_run, Some(false), "what follows is read");
}

#[test]
fn a_request_that_says_more_about_its_user_than_fits_is_refused_with_its_uid() {
    for part in [r#""extra":{"k":["#, r#""groups":["#] {
        let long = format!("{part}\"{}\",", "x".repeat(REQUEST_ROOM));
        let body = review_of("{}").replacen(part, &long, 1);
        assert_eq!(condense(body.as_bytes()), Err(CondenseError::TooLarge { uid: Some("u-1".to_owned()) }), "{part}");
    }
}

#[test]
fn what_is_kept_is_bounded_though_an_object_is_there_ten_times() {
    let many = format!(r#""dryRun":false,{}"x":1"#, format!(r#""object":{},"#, marks(OBJECT_ROOM / 2)).repeat(10));
    let short = condensed(&review_of("{}").replacen(r#""dryRun":false"#, &many, 1));
    assert!(short.json().len() <= ROOM, "{} bytes are kept", short.json().len());
    let problem = GateReview::parse(short.json()).unwrap_err();
    assert!(problem.what.contains("duplicate field `object`"), "{}", problem.what);
}

#[test]
fn what_breaks_off_is_no_review() {
    let body = review_of(r#"{"type":"Opaque","metadata":{"name":"big","labels":{"hotdesk.dev/owner":"alice"}}}"#);
    for end in (0..body.len()).filter(|end| body.is_char_boundary(*end)) {
        let problem = condense(&body.as_bytes()[..end]).unwrap_err();
        assert_eq!(problem.into_uid(), uid_of(&body.as_bytes()[..end]), "{end}");
    }
    let longer = format!("{body} {{}}");
    let Err(CondenseError::Unreadable(problem)) = condense(longer.as_bytes()) else { panic!("something follows") };
    assert!(problem.what.contains("trailing characters"), "{problem}");
}

/// What the gate reads of a review, in words. None if it cannot be read.
fn read(body: &[u8]) -> Option<String> {
    GateReview::parse(body).ok().map(|review| format!("{review:?}"))
}

/// Texts as JSON writes them: with escapes, with half a pair of surrogates, long, empty.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => prop::sample::select(vec![r#""a""#, r#""""#, r#""hotdesk.dev/owner""#, r#""\u0068otdesk.dev/owner""#]).prop_map(str::to_owned),
        10 => "\\PC{0,6}".prop_map(|text| Value::from(text).to_string()),
        10 => Just(r#""\u003c\/\n\ud83d\ude00""#.to_owned()),
        // No JSON, or nearly none.
        1 => prop::sample::select(vec![r#""\ud800""#, r#""\x""#, "\"\u{1}\""]).prop_map(str::to_owned),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let known =
        ["type", "metadata", "name", "labels", "annotations", "spec", "hotdesk.dev/owner", "hotdesk.dev/for", "owner"];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(|key| Value::from(key).to_string()), 2 => text()]
}

fn joined(parts: &[String], open: char, close: char) -> String {
    format!("{open}{}{close}", parts.join(","))
}

/// Any JSON, and some that is nearly JSON: keys that are there twice, numbers that are none, lists where maps should be.
fn json_text() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec!["null", "true", "false", "7", "-7.5e3", "18446744073709551616"]);
    let odd = prop::sample::select(vec!["01", "1e99999", "nul", ""]);
    let leaf = prop_oneof![60 => scalar.prop_map(str::to_owned), 60 => text(), 1 => odd.prop_map(str::to_owned)];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let entry = (key(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(|items| joined(&items, '[', ']')),
            4 => prop::collection::vec(entry, 0..5).prop_map(|entries| joined(&entries, '{', '}')),
        ]
    })
}

fn entries_text() -> impl Strategy<Value = String> {
    let entry = (key(), text()).prop_map(|(key, value)| format!("{key}:{value}"));
    prop::collection::vec(entry, 0..5).prop_map(|entries| joined(&entries, '{', '}'))
}

/// A field with templates in it, as those of the built-in kinds.
fn spec_text() -> impl Strategy<Value = String> {
    (entries_text(), entries_text(), json_text(), json_text()).prop_map(|(labels, annotations, odd, other)| {
        let metadata = format!(r#""metadata":{{"annotations":{annotations},"labels":{labels}}}"#);
        let volumes = format!(r#"[{odd},{{"ephemeral":{{"volumeClaimTemplate":{{{metadata},"spec":{odd}}}}}}}]"#);
        let class = r#""priorityClassName":"system-x""#;
        let template = format!(r#"{{{metadata},"spec":{{"volumes":{volumes},{class},"containers":{other}}}}}"#);
        format!(
            r#"{{"replicas":1,"template":{template},"expirationSeconds":3600,"boundObjectRef":{{"kind":"Pod","name":{odd}}},"jobTemplate":{{"spec":{{"template":{template}}}}},
            "volumeClaimTemplates":[{{{metadata}}},{other}]}}"#
        )
    })
}

/// An object as objects are, with anything in it.
fn object_text() -> impl Strategy<Value = String> {
    let spec = prop_oneof![spec_text(), json_text()];
    let like_it = (entries_text(), entries_text(), json_text(), spec).prop_map(|(labels, annotations, kind, spec)| {
        format!(
            r#"{{"spec":{spec},"metadata":{{"labels":{labels},"name":"web","annotations":{annotations}}},"type":{kind},"template":{spec}}}"#
        )
    });
    prop_oneof![3 => like_it, 1 => json_text()]
}

/// A review with its members in any order, some of them twice, missing, or something else.
fn review_text() -> impl Strategy<Value = String> {
    let members = (object_text(), object_text(), json_text()).prop_map(|(object, old, other)| {
        vec![
            r#""uid":"u-1""#.to_owned(),
            r#""kind":{"group":"","version":[1],"kind":"Secret"}"#.to_owned(),
            r#""resource":{"group":"","resource":"secrets"}"#.to_owned(),
            r#""operation":"UPDATE""#.to_owned(),
            r#""userInfo":{"username":"alice","groups":["a"],"extra":{"k":["v"],"n":null},"uid":{}}"#.to_owned(),
            format!(r#""object":{object}"#),
            format!(r#""oldObject":{old}"#),
            format!(r#""options":{other}"#),
            r#""name":"\u003cweb""#.to_owned(),
            r#""dryRun":true"#.to_owned(),
        ]
    });
    let shuffled = members.prop_flat_map(|members| Just(members).prop_shuffle());
    let changed = (shuffled, prop::option::weighted(0.3, (0..10_usize, 0..3_u8, json_text())));
    changed.prop_map(|(mut members, change)| {
        if let Some((at, how, value)) = change {
            let key = members[at].split(':').next().unwrap().to_owned();
            match how {
                0 => members.push(format!("{key}:{value}")),
                1 => members[at] = format!("{key}:{value}"),
                _ => drop(members.remove(at)),
            }
        }
        let request = joined(&members, '{', '}');
        format!(r#"{{"request":{request},"kind":"AdmissionReview","x":[{{}}],"apiVersion":"admission.k8s.io/v1"}}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Both ways of reading find the same in any review that both can read, and of those that an API server writes stumble over the
    /// same ones.
    #[test]
    fn what_is_kept_reads_as_the_whole_does(
        mut review in review_text().prop_map(String::into_bytes),
        change in prop::option::weighted(0.3, (any::<prop::sample::Index>(), prop::option::of(any::<u8>()))),
    ) {
        match change {
            Some((at, None)) => review.truncate(at.index(review.len())),
            Some((at, Some(byte))) => { let at = at.index(review.len()); review[at] = byte; }
            None => {}
        }
        // Of the rest, what passes the pieces of a body is UTF-8.
        prop_assume!(std::str::from_utf8(&review).is_ok());
        let short = condense(&*review);
        let as_short = short.as_ref().ok().and_then(|short| read(short.json()));
        let whole = read(&review);
        // What no API server writes may be skipped by the one and read by the other, which then denies.
        let one_denies = is_odd(&review) && (as_short.is_none() || whole.is_none());
        prop_assert!(one_denies || as_short == whole, "{as_short:?} {whole:?} {}", String::from_utf8_lossy(&review));
        if let Ok(short) = short {
            prop_assert_eq!(condense(short.json()), Ok(short.clone()), "what is left is left as it is");
        }
    }
}

/// Half of a surrogate pair, or a number beyond all floats.
fn is_odd(review: &[u8]) -> bool {
    let text = String::from_utf8_lossy(review).to_lowercase();
    text.contains("\\ud") || text.contains("e9")
}

#[test]
fn most_reviews_of_that_property_can_be_read() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let readable = (0..200).filter(|_| {
        use proptest::strategy::ValueTree as _;
        read(review_text().new_tree(&mut runner).unwrap().current().as_bytes()).is_some()
    });
    let readable = readable.count();
    assert!(readable > 40, "{readable} of 200: the property would show little");
}

#[test]
fn a_template_may_hold_any_text_under_a_key_that_is_not_read_there() {
    let labels = r#"{"owner":"\ud800","app":"\ud800"}"#;
    let body = review_of(&format!(r#"{{"spec":{{"template":{{"metadata":{{"labels":{labels}}}}}}}}}"#));
    assert_eq!(read(condensed(&body).json()), read(body.as_bytes()));
    assert!(read(body.as_bytes()).is_some());
}

#[test]
fn what_a_template_holds_of_hotdesks_own_is_kept_and_the_rest_is_not() {
    let object = r#"{"spec":{"replicas":3,"template":{"metadata":{"name":"x","labels":{"app":"web","hotdesk.dev/owner":"bob"}},
        "spec":{"containers":[{"name":"a"}],"volumes":[{"name":"v"}]}},"expirationSeconds":7,"boundObjectRef":{"kind":"Pod","name":"web"}},"metadata":{"name":"web"}}"#;
    let kept: Value = serde_json::from_slice(condensed(&review_of(object)).json()).unwrap();
    assert_eq!(
        kept["request"]["object"],
        json!({
            "spec": {
                "template": {"metadata": {"labels": {"hotdesk.dev/owner": "bob"}}, "spec": {"volumes": [{}]}},
                "expirationSeconds": 7,
                "boundObjectRef": {"kind": "Pod"},
            },
            "metadata": {"name": "web"},
        })
    );
}
