//! From the API server's JSON to the answer and back.

use std::time::{Duration, Instant};

use base64::Engine as _;
use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::{ClaimView, Name, People, keys};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::book::{Page, Pages};
use crate::review::condense::condense;
use crate::settings::Deployer;

pub(super) const NOW: &str = "2026-11-23T15:00:00Z";
pub(super) const ALICE: &str = "alice@example.com";

fn alices() -> ClaimView {
    ClaimView {
        users: vec![Name::parse(ALICE).unwrap()],
        purpose: "payments refactor".to_owned(),
        ..ClaimView::default()
    }
}

/// A book with `pikachu`, which alice holds, and the free `mew`. Each has a host.
pub(super) fn book(opened: Instant) -> Book {
    let mut pages = Pages::default();
    pages.put("pikachu", Page::new("pikachu", Some(alices()), None).host(Some("pikachu.dev.example.com")));
    pages.put("mew", Page::new("mew", None, None).host(Some("mew.dev.example.com")));
    let book = Book::new(opened);
    book.replace(pages, opened);
    book
}

pub(super) fn settings() -> Settings {
    Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        people: People::from_rows([["alice@example.com", "octocat"]]).unwrap(),
        jobs_namespace: "hotdesk-jobs".to_owned(),
        own_namespaces: vec!["hotdesk".to_owned(), "hotdesk-jobs".to_owned()],
        ..Settings::default()
    }
}

/// A request of alice's to make a ConfigMap in her slot.
fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "requestKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "name": "web", "namespace": "pikachu", "operation": "CREATE",
            "userInfo": {"username": ALICE, "groups": ["system:authenticated"]},
            "object": {"metadata": {"name": "web"}, "data": {"a": "b"}},
            "oldObject": null, "dryRun": false, "options": {"kind": "CreateOptions"}
        }
    })
}

pub(super) fn with(pointer: &str, value: Value) -> Value {
    let mut review = review();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    review["request"].pointer_mut(parent).unwrap()[key] = value;
    review
}

/// The answer, as JSON. A review is asked about whole, and as a large one would be: but for Slots, which are always read whole,
/// both get the same answer.
fn ask(path: Path, body: &str) -> Result<Value, Unreadable> {
    let steady = Instant::now();
    let (settings, book) = (settings(), book(steady));
    let context = Context { settings: &settings, book: &book, now: NOW.parse().unwrap(), steady };
    let whole = answer(path, body.as_bytes(), &context);
    if path != Path::Slots && !body.contains("hotdesk.dev/v1alpha1") {
        agrees(&whole, path, body, &context);
    }
    Ok(serde_json::from_slice(&whole?.reply.to_json()).unwrap())
}

#[track_caller]
fn agrees(whole: &Result<Answer<'_>, Unreadable>, path: Path, body: &str, context: &Context<'_>) {
    match condense(body.as_bytes()) {
        Ok(short) => {
            let mut large = answer_condensed(path, &short, None, context);
            // Both name the place in the text where they stumbled, and have different texts.
            if let (Ok(whole), Ok(large)) = (whole, &mut large)
                && whole.note.reason == "unreadable"
                && large.note.reason == "unreadable"
            {
                large.reply.denial.clone_from(&whole.reply.denial);
            }
            assert_eq!(large.as_ref().ok(), whole.as_ref().ok(), "{body}");
        }
        Err(problem) => {
            let denied = whole.as_ref().ok().map(|answer| (answer.note.reason, answer.reply.uid.to_string()));
            assert_eq!(denied, problem.into_uid().map(|uid| ("unreadable", uid)), "{body}");
        }
    }
}

pub(super) fn mutate(review: &Value) -> Value {
    ask(Path::Mutate, &review.to_string()).unwrap()["response"].clone()
}

fn patch_of(response: &Value) -> Option<json_patch::Patch> {
    let patch = response.get("patch")?.as_str().unwrap();
    assert_eq!(response["patchType"], "JSONPatch");
    let bytes = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

pub(super) fn patched(object: &Value, response: &Value) -> Value {
    let mut object = object.clone();
    if let Some(patch) = patch_of(response) {
        json_patch::patch(&mut object, &patch).unwrap();
    }
    object
}

#[test]
fn an_answer_has_the_shape_that_the_api_server_expects() {
    let answer = ask(Path::Mutate, &review().to_string()).unwrap();
    assert_eq!((&answer["apiVersion"], &answer["kind"]), (&json!("admission.k8s.io/v1"), &json!("AdmissionReview")));
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)));
    assert_eq!(
        response["auditAnnotations"],
        json!({"slot": "pikachu", "owner": "alice@example.com", "decision": "allow claimant"})
    );
    assert_eq!(response.get("status"), None);
}

#[test]
fn a_denial_has_code_403_and_a_message_and_no_patch() {
    let response = mutate(&with("/userInfo/username", json!("bob@example.com")));
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"]["code"], 403);
    assert_eq!(response["status"]["reason"], "Forbidden");
    assert_eq!(
        response["status"]["message"],
        "slot \"pikachu\" is held by alice@example.com (\"payments refactor\") and you are bob@example.com. \
         You hold: none. Free: mew. Claim one: kubectl hotdesk claim mew"
    );
    assert_eq!(response.get("patch"), None);
}

#[test]
fn what_a_claimant_writes_is_stamped() {
    let response = mutate(&review());
    let object = patched(&review()["request"]["object"], &response);
    assert_eq!(object["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    assert_eq!(object["metadata"]["annotations"]["hotdesk.dev/claimants"], ALICE);
    assert_eq!(object["data"], json!({"a": "b"}));
}

#[test]
fn break_glass_is_stamped_and_warned() {
    let response = mutate(&with("/userInfo", json!({"username": "root", "groups": ["system:masters"]})));
    assert!(patch_of(&response).is_some());
    assert!(response["warnings"][0].as_str().unwrap().contains("break-glass"), "{response}");
}

#[track_caller]
fn stamps(expected: bool, changes: &[(&str, Value)]) {
    let mut review = review();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        review["request"].pointer_mut(parent).unwrap()[key] = value.clone();
    }
    let response = mutate(&review);
    assert_eq!(response["allowed"], true, "{response}");
    assert_eq!(patch_of(&response).is_some(), expected, "{changes:?}");
}

#[test]
fn only_writes_that_store_the_objects_own_metadata_are_stamped() {
    let update = ("/operation", json!("UPDATE"));
    for subresource in ["status", "resize", "ephemeralcontainers", "finalize"] {
        stamps(true, &[update.clone(), ("/subResource", json!(subresource))]);
    }
    for (group, kind) in [
        ("autoscaling", "Scale"),
        ("", "Binding"),
        ("policy", "Eviction"),
        ("authentication.k8s.io", "TokenRequest"),
        ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ] {
        stamps(false, &[("/kind", json!({"group": group, "kind": kind}))]);
        stamps(true, &[("/kind", json!({"group": "example.com", "kind": kind}))]);
    }
    stamps(false, &[update.clone(), ("/subResource", json!("scale"))]);
    stamps(false, &[("/operation", json!("CONNECT")), ("/object", json!({"kind": "PodExecOptions"}))]);
    stamps(false, &[("/object", json!({"kind": "Odd"}))]);
    let machinery = ("/userInfo", json!({"username": "system:serviceaccount:kube-system:replicaset-controller"}));
    stamps(true, std::slice::from_ref(&machinery));
    stamps(false, &[machinery, update]);
}

#[test]
fn a_validating_answer_never_carries_a_patch() {
    let answer = ask(Path::Validate, &review().to_string()).unwrap();
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(answer["response"].get("patch"), None);
}

#[test]
fn helms_release_records_say_who_deployed_them() {
    let secret = ("Secret", json!({"type": "helm.sh/release.v1", "metadata": {"name": "any"}}));
    let labelled = json!({"metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm"}}});
    let records = [secret, ("Secret", labelled.clone()), ("ConfigMap", labelled.clone())];
    for (kind, object) in records {
        let mut review = with("/object", object.clone());
        review["request"]["kind"] = json!({"group": "", "kind": kind});
        let object = patched(&object, &mutate(&review));
        assert_eq!(object["metadata"]["annotations"]["hotdesk.dev/deployed-by"], ALICE, "{kind}");
    }
    let others = [
        ("ConfigMap", json!({"type": "helm.sh/release.v1", "metadata": {"name": "x"}})),
        ("Secret", json!({"type": ["helm.sh/release.v1"], "metadata": {"name": "x", "labels": {"owner": "helm"}}})),
        ("Secret", json!({"metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "flux"}}})),
        ("Deployment", labelled),
    ];
    for (kind, mut object) in others {
        object["metadata"]["annotations"] = json!({"hotdesk.dev/deployed-by": "forged"});
        let mut review = with("/object", object.clone());
        review["request"]["kind"] = json!({"group": "", "kind": kind});
        let object = patched(&object, &mutate(&review));
        assert_eq!(object["metadata"]["annotations"].get("hotdesk.dev/deployed-by"), None, "{kind}");
    }
}

#[test]
fn a_delete_is_judged_by_the_old_objects_label() {
    let mut review = with("/operation", json!("DELETE"));
    review["request"]["object"] = Value::Null;
    review["request"]["oldObject"] = json!({"metadata": {"labels": {"hotdesk.dev/for": "bob_at_example.com"}}});
    review["request"]["userInfo"] = json!({"username": "ci"});
    let steady = Instant::now();
    let settings = Settings { trusted_deployers: Deployer::parse("ci").unwrap(), ..settings() };
    let book = book(steady);
    let context = Context { settings: &settings, book: &book, now: NOW.parse().unwrap(), steady };
    let review = review.to_string();
    let answer = answer(Path::Validate, review.as_bytes(), &context).unwrap();
    assert_eq!((answer.note.decision, answer.note.reason), ("deny", "for-stranger"));
}

#[test]
fn a_stale_book_denies_and_a_refreshed_one_does_not() {
    let opened = Instant::now();
    let (settings, book) = (settings(), book(opened));
    let decision = |seconds| {
        let steady = opened + Duration::from_secs(seconds);
        let context = Context { settings: &settings, book: &book, now: NOW.parse().unwrap(), steady };
        answer(Path::Mutate, review().to_string().as_bytes(), &context).unwrap().note.reason
    };
    assert_eq!((decision(59), decision(60)), ("claimant", "not-synced"));
    book.hear(opened + Duration::from_secs(70));
    assert_eq!(decision(100), "claimant");
}

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

#[test]
fn a_slot_is_guarded_on_whichever_path_it_comes() {
    let mut review = with("/resource", json!({"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"}));
    review["request"]["object"] = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {"name": "slot", "namespace": "pikachu"}, "spec": {"claim": {"users": [ALICE]}}});
    for path in [Path::Mutate, Path::Validate, Path::Slots] {
        let answer = ask(path, &review.to_string()).unwrap();
        assert_eq!(answer["response"]["allowed"], false, "only administrators create Slots");
    }
    let other = ask(Path::Slots, &self::review().to_string()).unwrap();
    assert_eq!(other["response"]["status"]["code"], 400);
}

#[test]
fn a_written_claim_is_respelled_and_the_slot_stamped() {
    let mut review = with("/resource", json!({"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"}));
    let slot = |spec: Value| {
        json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": spec,
            "metadata": {"name": "slot", "namespace": "pikachu", "labels": {"hotdesk.dev/owner": "forged"}}})
    };
    let new = slot(json!({"claim": {"users": [" Octocat ", "bob@example.com"], "aliases": ["x"], "purpose": "p"}}));
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["object"] = new.clone();
    review["request"]["oldObject"] = slot(json!({}));
    let response = ask(Path::Slots, &review.to_string()).unwrap()["response"].clone();
    let stored = patched(&new, &response);
    assert_eq!(stored["spec"]["claim"]["users"], json!([ALICE, "bob@example.com"]));
    assert_eq!(stored["spec"]["claim"]["aliases"], json!(["octocat"]));
    assert_eq!(stored["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    assert_eq!(
        stored["metadata"]["annotations"]["hotdesk.dev/claimant-labels"],
        "alice_at_example.com,bob_at_example.com,octocat"
    );
    review["request"]["object"] = stored;
    let again = ask(Path::Slots, &review.to_string()).unwrap();
    assert_eq!(again["response"].get("patch"), None, "stored once, it stays");
}

#[test]
fn a_slot_that_cannot_be_read_is_refused_with_the_reason_to_everybody() {
    let mut review = with("/resource", json!({"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"}));
    review["request"]["userInfo"] = json!({"username": "root", "groups": ["system:masters"]});
    review["request"]["object"] = json!({"metadata": {"name": "slot"}, "spec": {"claim": {"users": ["a,b"]}}});
    let answer = ask(Path::Slots, &review.to_string()).unwrap();
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("spec.claim.users[0]"), "{message}");
    review["request"]["object"]["spec"] = json!({"claim": {"users": ["a"], "until": "tomorrow"}});
    let answer = ask(Path::Slots, &review.to_string()).unwrap();
    assert_eq!(answer["response"]["status"]["code"], 403, "{answer}");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("spec.claim.until cannot be read"), "{message}");
}

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

#[test]
fn a_denied_change_of_a_release_record_warns_too_since_helm_uninstall_hides_errors() {
    let mut review = with("/userInfo/username", json!("bob@example.com"));
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["kind"]["kind"] = json!("Secret");
    review["request"]["object"] = json!({"type": "helm.sh/release.v1", "metadata": {"name": "x"}});
    let response = mutate(&review);
    assert_eq!(response["warnings"][0], response["status"]["message"]);
    review["request"]["object"] = json!({"type": "Opaque", "metadata": {"name": "x"}});
    assert_eq!(mutate(&review).get("warnings"), None);
}
