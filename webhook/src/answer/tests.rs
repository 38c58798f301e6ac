//! From the API server's JSON to the answer and back.

use std::time::{Duration, Instant};

use base64::Engine as _;
use hotdesk_slots::{ClaimView, Name, People, keys};
use serde_json::{Value, json};

use super::*;
use crate::review::condense::condense;
use crate::settings::Deployer;
use crate::slot_cache::{SlotEntry, SlotIndex};

mod any_text;
mod unreadable;

pub(super) const NOW: &str = "2026-11-23T15:00:00Z";
pub(super) const ALICE: &str = "alice@example.com";

fn alices() -> ClaimView {
    ClaimView {
        users: vec![Name::parse(ALICE).unwrap()],
        purpose: "payments refactor".to_owned(),
        ..ClaimView::default()
    }
}

/// A cache with `pikachu`, which alice holds, and the free `mew`. Each has a host.
pub(super) fn slot_cache(opened: Instant) -> SlotCache {
    let mut index = SlotIndex::default();
    index.put("pikachu", SlotEntry::new("pikachu", Some(alices()), None).host(Some("pikachu.dev.example.com")));
    index.put("mew", SlotEntry::new("mew", None, None).host(Some("mew.dev.example.com")));
    let slot_cache = SlotCache::new(opened);
    slot_cache.replace(index, opened);
    slot_cache
}

pub(super) fn settings() -> Settings {
    Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        people: People::from_rows([["alice@example.com", "octocat"]]).unwrap(),
        jobs_namespace: "hotdesk-jobs".to_owned(),
        own_namespaces: vec!["hotdesk".to_owned(), "hotdesk-jobs".to_owned()],
        own_priority_classes: vec!["hotdesk".to_owned()],
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
    let monotonic = Instant::now();
    let (settings, slot_cache) = (settings(), slot_cache(monotonic));
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
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
    let monotonic = Instant::now();
    let settings = Settings { trusted_deployers: Deployer::parse("ci").unwrap(), ..settings() };
    let slot_cache = slot_cache(monotonic);
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
    let review = review.to_string();
    let answer = answer(Path::Validate, review.as_bytes(), &context).unwrap();
    assert_eq!((answer.note.decision, answer.note.reason), ("deny", "for-stranger"));
}

#[test]
fn a_stale_book_denies_and_a_refreshed_one_does_not() {
    let opened = Instant::now();
    let (settings, slot_cache) = (settings(), slot_cache(opened));
    let decision = |seconds| {
        let monotonic = opened + Duration::from_secs(seconds);
        let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
        answer(Path::Mutate, review().to_string().as_bytes(), &context).unwrap().note.reason
    };
    assert_eq!((decision(59), decision(60)), ("claimant", "not-synced"));
    slot_cache.hear(opened + Duration::from_secs(70));
    assert_eq!(decision(100), "claimant");
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
