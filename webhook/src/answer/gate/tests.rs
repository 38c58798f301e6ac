use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::answer::answer;
use crate::answer::tests::{ALICE, NOW, mutate, patched, settings, slot_cache, with};
use crate::settings::Deployer;

mod neighbours;

/// What becomes of the label and the annotation `hotdesk.dev/for`: absent, or its value.
fn named(user: &str, new: &Value, old: &Value) -> (Value, Value) {
    let metadata =
        |person: &Value| json!({"metadata": {"labels": {keys::FOR: person}, "annotations": {keys::FOR: person}}});
    let mut review = with("/object", metadata(new));
    review["request"]["userInfo"] = json!({"username": user, "groups": ["system:authenticated"]});
    if !old.is_null() {
        review["request"]["operation"] = json!("UPDATE");
        review["request"]["oldObject"] = metadata(old);
    }
    let monotonic = Instant::now();
    let deployers = r#"[{"user": "ci", "authenticatesPeople": true}, {"user": "flux", "slots": ["pikachu"]}]"#;
    let settings = Settings { trusted_deployers: Deployer::parse(deployers).unwrap(), ..settings() };
    let slot_cache = slot_cache(monotonic);
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
    let body = review.to_string();
    let reply = answer(Path::Mutate, body.as_bytes(), &context).unwrap().reply;
    assert_eq!(reply.denial, None);
    let mut stored = review["request"]["object"].clone();
    if let Some(patch) = reply.patch {
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut stored, &patch).unwrap();
    }
    let stored = &stored["metadata"];
    (stored["labels"][keys::FOR].clone(), stored["annotations"][keys::FOR].clone())
}

#[test]
fn only_a_deployer_that_knows_people_names_them() {
    let (alice, bob, none) = (json!("alice_at_example.com"), json!("bob"), Value::Null);
    let both = |value: &Value| (value.clone(), value.clone());
    assert_eq!(named("ci", &alice, &none), both(&alice));
    assert_eq!(named("ci", &alice, &bob), both(&alice));
    for user in [ALICE, "flux"] {
        assert_eq!(named(user, &alice, &none), both(&none), "{user} names nobody");
        assert_eq!(named(user, &alice, &alice), both(&alice), "{user} changes something else");
        assert_eq!(named(user, &alice, &bob), both(&none), "{user} does not exchange the person");
    }
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    assert_eq!(named(controller, &bob, &none), both(&bob), "a selector may ask for it");
}

#[test]
fn a_rule_is_a_denial_with_a_reason_of_its_own_and_no_patch() {
    let secret = json!({"type": "kubernetes.io/service-account-token", "metadata": {"name": "t"}});
    let mut review = with("/object", secret);
    review["request"]["kind"] = json!({"group": "", "kind": "Secret"});
    let response = mutate(&review);
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(false), None));
    assert_eq!(response["status"]["code"], 403);
    assert_eq!(response["auditAnnotations"]["decision"], "deny token-secret");
    assert!(response["status"]["message"].as_str().unwrap().contains("never expires"), "{response}");
}

#[test]
fn a_reserved_key_in_a_template_is_named_with_its_field() {
    let claim = json!({"metadata": {"annotations": {"hotdesk.dev/owner": "bob"}}});
    let volumes = json!([{"name": "a"}, {"name": "b", "ephemeral": {"volumeClaimTemplate": claim}}]);
    let mut review =
        with("/object", json!({"metadata": {"name": "web"}, "spec": {"template": {"spec": {"volumes": volumes}}}}));
    review["request"]["kind"] = json!({"group": "apps", "kind": "Deployment"});
    let response = mutate(&review);
    assert_eq!(response["auditAnnotations"]["decision"], "deny reserved-key");
    let field = "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate.metadata.annotations";
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("{field} has the key hotdesk.dev/owner")), "{message}");
    review["request"]["oldObject"] = review["request"]["object"].clone();
    review["request"]["operation"] = json!("UPDATE");
    assert_eq!(mutate(&review)["allowed"], true, "it was there before");
}

#[test]
fn a_token_that_lasts_for_too_long_is_denied() {
    let mut review = with("/object", json!({"metadata": {"name": "web"}, "spec": {"expirationSeconds": 3601}}));
    review["request"]["kind"] = json!({"group": "authentication.k8s.io", "kind": "TokenRequest"});
    assert_eq!(mutate(&review)["auditAnnotations"]["decision"], "deny token-lifetime");
}

#[test]
fn hotdesks_own_accounts_are_not_who_deployed_a_release() {
    let record = |by: &str| json!({"type": "helm.sh/release.v1", "metadata": {"annotations": {keys::DEPLOYED_BY: by}}});
    let mut review = with("/object", record("eve"));
    review["request"]["kind"] = json!({"group": "", "kind": "Secret"});
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = record("carol");
    let mut by = |user: &str| {
        let extra = json!({"authentication.kubernetes.io/pod-name": ["reap-1"]});
        review["request"]["userInfo"] = json!({"username": user, "extra": extra});
        let stored = patched(&review["request"]["object"], &mutate(&review));
        stored["metadata"]["annotations"][keys::DEPLOYED_BY].clone()
    };
    assert_eq!(by(ALICE), ALICE);
    assert_eq!(by("system:serviceaccount:hotdesk-jobs:reaper-pikachu"), "carol", "as it was");
    assert_eq!(by("system:serviceaccount:hotdesk-jobs:reviver-pikachu"), "eve", "as it was saved");
}

/// The answer to the restamper, and the object as it is stored then.
fn restamped(review: &Value, is_kept: bool) -> (Value, Value) {
    let mut review = review.clone();
    review["request"]["userInfo"] = json!({"username": "restamper"});
    let monotonic = Instant::now();
    let (settings, slot_cache) =
        (Settings { restamper_user: Some("restamper".to_owned()), ..settings() }, slot_cache(monotonic));
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
    let body = review.to_string();
    let kept = crate::review::condense::condense(body.as_bytes()).unwrap();
    let answered = match is_kept {
        true => answer(Path::Mutate, body.as_bytes(), &context),
        false => crate::answer::answer_condensed(Path::Mutate, &kept, None, &context),
    };
    let answered = answered.unwrap();
    assert_eq!(answered.session, None, "it does not count as use");
    let response: Value = serde_json::from_slice(&answered.reply.to_json()).unwrap();
    (response["response"].clone(), patched(&review["request"]["object"], &response["response"]))
}

#[test]
fn a_restamp_gets_the_claims_stamp_and_leaves_who_deployed_a_release() {
    let record = |annotations: &Value| {
        let labels = json!({"hotdesk.dev/owner": "bob", "owner": "helm"});
        json!({"type": "helm.sh/release.v1", "metadata": {"name": "r", "labels": labels, "annotations": annotations}})
    };
    let mut review = with("/object", Value::Null);
    review["request"]["kind"] = json!({"group": "", "kind": "Secret"});
    review["request"]["operation"] = json!("UPDATE");
    for (was, expected) in [(json!({keys::DEPLOYED_BY: "carol"}), json!("carol")), (json!({}), Value::Null)] {
        review["request"]["object"] = record(&was);
        review["request"]["oldObject"] = record(&was);
        let (response, stored) = restamped(&review, true);
        assert_eq!(response["allowed"], true, "{response}");
        assert_eq!(response["auditAnnotations"]["decision"], "allow restamper");
        assert_eq!(stored["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
        assert_eq!(stored["metadata"]["annotations"][keys::DEPLOYED_BY], expected);
    }
}

#[test]
fn what_nobody_may_bring_into_a_slot_is_restamped_where_it_is() {
    let secret = json!({"type": "kubernetes.io/service-account-token", "metadata": {"name": "t"}});
    let mut review = with("/object", secret.clone());
    review["request"]["kind"] = json!({"group": "", "kind": "Secret"});
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = secret;
    let (response, stored) = restamped(&review, true);
    assert_eq!(response["allowed"], true, "{response}");
    assert_eq!(stored["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    review["request"]["oldObject"] = json!({"type": "Opaque", "metadata": {"name": "t"}});
    assert_eq!(restamped(&review, true).0["allowed"], false, "it was another one");
}

#[test]
fn what_is_no_restamp_is_denied_to_the_restamper_and_says_why() {
    let mut review = with("/object", json!({"metadata": {"name": "web"}, "data": {"a": "c"}}));
    let check = |review: &Value, is_kept: bool, why: &str| {
        let (response, _) = restamped(review, is_kept);
        assert_eq!(response["auditAnnotations"]["decision"], "deny not-a-restamp", "{response}");
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.ends_with(why), "{message}");
    };
    check(&review, true, "and this is not an UPDATE");
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = json!({"metadata": {"name": "web"}, "data": {"a": "b"}});
    check(&review, true, "and this changes something else of the object");
    review["request"]["object"] = review["request"]["oldObject"].clone();
    assert_eq!(restamped(&review, true).0["allowed"], true);
    check(&review, false, "too large to be compared with what it was");
}

#[test]
fn e38_the_last_write_of_a_deploy_is_denied_with_how_to_go_on() {
    let denial = |operation: &str, name: &str, user: &str| {
        let mut review = with("/object", json!({"type": "helm.sh/release.v1", "metadata": {"name": name}}));
        review["request"]["kind"] = json!({"group": "", "kind": "Secret"});
        review["request"]["name"] = json!(name);
        review["request"]["operation"] = json!(operation);
        review["request"]["userInfo"] = json!({"username": user});
        mutate(&review)["status"]["message"].as_str().unwrap_or_default().to_owned()
    };
    let second = denial("UPDATE", "sh.helm.release.v1.web.v2", "mallory");
    let way_on = "; if this was the end of a deploy, release web stays pending, and the holder of the slot goes on with: \
                  helm rollback web -n pikachu, or helm uninstall web -n pikachu";
    assert!(second.starts_with("slot \"pikachu\" is held by") && second.ends_with(way_on), "{second}");
    let first = denial("UPDATE", "sh.helm.release.v1.web.v1", "mallory");
    assert!(first.ends_with("goes on with: helm uninstall web -n pikachu"), "{first}");
    for other in [denial("CREATE", "sh.helm.release.v1.web.v3", "mallory"), denial("UPDATE", "settings", "mallory")] {
        assert!(!other.is_empty() && !other.contains("pending"), "{other}");
    }
    assert_eq!(denial("UPDATE", "sh.helm.release.v1.web.v2", ALICE), "");
    assert!(!second.contains('\n'), "a denial is one line in logs and Events: {second}");
}
