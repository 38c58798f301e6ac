use std::time::Duration;

use super::*;
use crate::cpu;

/// A review of an object with this much in it.
fn review_of(payload: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1",
        "kind":{{"group":"","version":"v1","kind":"Secret"}},"resource":{{"group":"","version":"v1","resource":"secrets"}},
        "name":"big","namespace":"pikachu","operation":"CREATE","userInfo":{{"username":"alice","groups":null,"extra":{{"k":null}}}},
        "object":{{"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{{"name":"big","labels":{{"app":"web"}}}},
        "data":{{"blob":"{payload}"}}}},"oldObject":null,"dryRun":false}}}}"#
    )
}

fn fastest(mut run: impl FnMut()) -> Duration {
    (0..5).map(|_| cpu::time_of(&mut run)).min().unwrap()
}

#[test]
fn nulls_where_the_api_server_may_write_them_are_read_as_absent() {
    let body = review_of("x");
    let review = GateReview::parse(body.as_bytes()).unwrap();
    assert!(review.request.old_object.is_none());
    let requester = review.request.user_info.into_requester();
    assert_eq!((requester.groups.len(), requester.extra("k").count()), (0, 0));
}

#[test]
fn a_key_that_is_there_twice_is_an_error() {
    let body = review_of("x").replace(r#"{"k":null}"#, r#"{"k":["a"],"k":["b"]}"#);
    let problem = GateReview::parse(body.as_bytes()).unwrap_err();
    assert_eq!(problem.uid.as_deref(), Some("u-1"));
    assert!(problem.what.contains("userInfo.extra has the key k twice"), "{}", problem.what);
}

/// In a release build the first number is a small multiple of the second. A test build is not optimised, so here
/// only the order is held: skipping is much cheaper than building a tree.
#[test]
fn a_large_object_is_skipped_and_not_built() {
    let entries: Vec<String> = (0..1 << 14).map(|i| format!(r#""key-{i}":"QUJDREVG""#)).collect();
    let many = review_of("x").replace(r#""blob":"x""#, &entries.join(","));
    for (what, body) in [("one value", review_of(&"QUJD".repeat(1 << 18))), ("many values", many.clone())] {
        let parse = fastest(|| assert_eq!(GateReview::parse(body.as_bytes()).unwrap().request.name(), "big"));
        let search = fastest(|| assert!(!body.as_bytes().contains(&0)));
        println!("{what}, {} bytes: parse {parse:?}, a search for a byte {search:?}", body.len());
    }
    let parse = fastest(|| assert!(GateReview::parse(many.as_bytes()).is_ok()));
    let tree = fastest(|| assert!(serde_json::from_str::<serde_json::Value>(&many).unwrap().is_object()));
    assert!(parse * 2 < tree, "parse {parse:?}, a tree {tree:?}");
}

#[test]
fn what_is_read_is_borrowed_from_the_body() {
    let labels = r#""labels":{"app":"web","hotdesk.dev/owner":"alice","owner":"helm"}"#;
    let body = review_of("x").replace(r#""labels":{"app":"web"}"#, labels);
    let review = GateReview::parse(body.as_bytes()).unwrap();
    let object = review.request.object.unwrap();
    let metadata = object.metadata.unwrap();
    let texts = [Some(&review.request.uid.0), metadata.name.as_ref().map(|n| &n.0), object.type_.0.as_ref()];
    for text in texts.into_iter().flatten() {
        assert!(matches!(text, Cow::Borrowed(_)), "{text}");
    }
    assert_eq!(metadata.labels.unwrap().get("hotdesk.dev/owner"), Some("alice"));
}

#[test]
fn what_is_not_read_may_be_as_deep_as_it_likes() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let body = review_of("x").replace(r#""blob":"x""#, &format!(r#""blob":{deep}"#));
    assert!(GateReview::parse(body.as_bytes()).is_ok(), "it is skipped without recursion");
}
