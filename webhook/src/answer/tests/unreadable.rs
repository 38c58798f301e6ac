//! Reviews that cannot be judged are denied, with what is wrong and nothing that harms a terminal.

use super::*;

#[track_caller]
fn refuses(body: &str, because: &str) {
    let answer = ask(Path::Mutate, body).unwrap();
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(false)), "{body}");
    assert_eq!(response["status"]["code"], 400, "{body}");
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains(because), "{message:?} does not say {because:?}");
}

fn without(pointer: &str) -> String {
    let mut review = review();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    review.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    review.to_string()
}

#[test]
fn a_review_that_cannot_be_judged_is_denied_with_what_is_wrong() {
    refuses(&with("/operation", json!("PATCH")).to_string(), "unknown variant `PATCH`");
    for field in ["kind", "resource", "operation", "userInfo", "object"] {
        refuses(&without(&format!("/request/{field}")), field);
    }
    refuses(&without("/apiVersion"), "apiVersion");
    refuses(&review().to_string().replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), "v1beta1");
    refuses(&review().to_string().replace("\"AdmissionReview\"", "\"Pod\""), "Pod");
    refuses(&with("/object", json!({"metadata": {"labels": ["a"]}})).to_string(), "map");
    refuses(&with("/object", json!({"metadata": {"labels": {"hotdesk.dev/owner": 7}}})).to_string(), "string");
    refuses(&with("/object", json!({"metadata": {"annotations": {"hotdesk.dev/x": {"a": 1}}}})).to_string(), "string");
    refuses(&with("/object", json!("text")).to_string(), "struct Object");
    refuses(&with("/userInfo", json!({})).to_string(), "username");
}

#[test]
fn nothing_from_a_bad_review_reaches_a_terminal_unescaped() {
    let answer = ask(Path::Mutate, &with("/operation", json!("\u{1b}[31mEVIL\n")).to_string()).unwrap();
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(!message.contains(['\u{1b}', '\n']), "{message:?}");
}

#[test]
fn what_has_no_uid_is_no_review() {
    for body in ["", "{", "[]", "null", "7", "{}", "\u{0}", "{\"request\": null}", "{\"request\":{\"uid\":\"\"}}"] {
        assert!(ask(Path::Mutate, body).is_err(), "{body}");
    }
    refuses(&format!("{} x", review()), "trailing characters");
    assert!(ask(Path::Mutate, &without("/request/uid")).is_err());
}

#[test]
fn a_key_that_is_there_twice_is_never_let_through() {
    let twice = |key: &str| {
        let labels = format!(r#"{{"hotdesk.dev/owner":"alice_at_example.com","{key}":"bob"}}"#);
        with("/object", json!({"metadata": {"labels": "LABELS"}})).to_string().replace("\"LABELS\"", &labels)
    };
    refuses(&twice("hotdesk.dev/owner"), "twice");
    refuses(&twice(r"\u0068otdesk.dev/owner"), "twice");
    let labels = r#""labels":{},"labels":{"hotdesk.dev/owner":"bob"}"#;
    let body = with("/object", json!({"metadata": {"x": 1}})).to_string().replace("\"x\":1", labels);
    refuses(&body, "duplicate field");
}
