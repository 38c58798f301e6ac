use serde_json::{Value, json};

use super::*;
use crate::decide::Reason;
use crate::review::GateReview;
use crate::settings::Deployer;
use hotdesk_slots::{Mode, Name};

const ALICE: Decision = Decision::Allow(Role::Claimant);

fn settings() -> Settings {
    Settings { trusted_deployers: Deployer::parse("ci").unwrap(), ..Settings::default() }
}

/// The word of the rule that a request breaks; empty if it breaks none.
fn found(request: &Value, decision: Decision, user: &str, settings: &Settings) -> &'static str {
    let mut whole = json!({
        "uid": "u", "operation": "CREATE", "namespace": "mew", "name": "web",
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "userInfo": {"username": user}, "object": {"metadata": {"name": "web"}},
    });
    whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": whole}).to_string();
    let mut review = GateReview::parse(review.as_bytes()).unwrap();
    let requester = review.request.take_requester();
    let claim = ClaimView { users: vec![Name::parse("bob").unwrap()], ..ClaimView::default() };
    broken(&review.request, decision, &requester, Some(&claim), settings).map_or("", |broken| broken.rule().as_str())
}

#[track_caller]
fn check(request: &Value, expected: &str) {
    assert_eq!(found(request, ALICE, "alice", &settings()), expected, "{request}");
    let tolerated = Decision::Tolerate(Reason::Held, Mode::Audit);
    assert_eq!(found(request, tolerated, "bob", &settings()), expected, "in every mode: {request}");
    for exempt in [Role::Machinery, Role::BreakGlass, Role::Administrator] {
        assert_eq!(found(request, Decision::Allow(exempt), "root", &settings()), "", "{exempt:?}: {request}");
    }
    assert_eq!(found(request, Decision::Deny(Reason::Held), "bob", &settings()), "", "who is denied hears why");
}

fn binding(operation: &str, name: &str) -> Value {
    let resource = json!({"group": "rbac.authorization.k8s.io", "version": "v1", "resource": "rolebindings"});
    json!({"operation": operation, "resource": resource, "name": name, "oldObject": {"metadata": {"name": name}}})
}

#[test]
fn what_hotdesk_put_into_a_slot_stays_as_it_is() {
    for operation in ["CREATE", "UPDATE", "DELETE"] {
        check(&binding(operation, "hotdesk-edit"), "fixture");
        check(&binding(operation, "hotdesk-edit-mine"), "");
    }
    let mut of_many = binding("DELETE", "hotdesk-claimants");
    of_many["name"] = json!("");
    check(&of_many, "fixture");
    let mut generated = binding("CREATE", "");
    generated["object"] = json!({"metadata": {"name": "hotdesk-view"}});
    check(&generated, "fixture");
    let token = json!({
        "name": "hotdesk-reaper", "subResource": "token", "resource": {"group": "", "resource": "serviceaccounts"},
        "kind": {"group": "authentication.k8s.io", "kind": "TokenRequest"}, "object": {"spec": {}},
    });
    check(&token, "fixture");
    let controllers =
        found(&binding("UPDATE", "hotdesk-claimants"), Decision::Allow(Role::Controller), "c", &settings());
    assert_eq!(controllers, "");
    let reapers = found(&binding("DELETE", "hotdesk-claimants"), Decision::Allow(Role::Reaper), "r", &settings());
    assert_eq!(reapers, "fixture");
}

#[test]
fn a_token_lasts_an_hour_at_most() {
    let token = |group: &str, spec: Value| {
        json!({
            "subResource": "token", "resource": {"group": "", "resource": "serviceaccounts"},
            "kind": {"group": group, "kind": "TokenRequest"}, "object": {"spec": spec},
        })
    };
    let of = |seconds: Value| token("authentication.k8s.io", json!({"expirationSeconds": seconds}));
    check(&of(json!(3600)), "");
    check(&of(json!(3601)), "token-lifetime");
    check(&of(json!(4_294_967_296_i64)), "token-lifetime");
    check(&of(json!(-1)), "");
    check(&token("authentication.k8s.io", json!({})), "");
    check(&token("example.com", json!({"expirationSeconds": 9_999_999})), "");
}

#[test]
fn a150_nobody_but_a_kubelet_makes_the_token_of_a_pod() {
    let bound = |kind: &str| {
        json!({
            "subResource": "token", "resource": {"group": "", "resource": "serviceaccounts"},
            "kind": {"group": "authentication.k8s.io", "kind": "TokenRequest"},
            "object": {"spec": {"expirationSeconds": 600, "boundObjectRef": {"kind": kind, "name": "web-0"}}},
        })
    };
    check(&bound("Pod"), "token-of-pod");
    for kind in ["Node", "Secret"] {
        check(&bound(kind), "");
    }
    let workload = Decision::Allow(Role::OwnServiceAccount);
    assert_eq!(found(&bound("Pod"), workload, "system:serviceaccount:mew:default", &settings()), "token-of-pod");
}

#[test]
fn no_secret_holds_a_token_without_an_end_unless_the_operator_says_so() {
    let secret = |kind: &str, operation: &str| {
        let object = json!({"type": "kubernetes.io/service-account-token", "metadata": {"name": "t"}});
        json!({"operation": operation, "kind": {"group": "", "kind": kind}, "object": object, "oldObject": object})
    };
    check(&secret("Secret", "CREATE"), "token-secret");
    check(&secret("Secret", "UPDATE"), "token-secret");
    check(&secret("Secret", "DELETE"), "");
    check(&secret("ConfigMap", "CREATE"), "");
    let allowing = Settings { token_secrets: TokenSecrets::Allow, ..settings() };
    assert_eq!(found(&secret("Secret", "CREATE"), ALICE, "alice", &allowing), "");
}

#[test]
fn no_template_holds_a_key_of_hotdesks_but_a_deployer_that_knows_people_names_them() {
    let deployment = |key: &str| {
        let object = json!({"metadata": {"name": "web"}, "spec": {"template": {"metadata": {"labels": {key: "bob"}}}}});
        json!({"kind": {"group": "apps", "kind": "Deployment"}, "object": object})
    };
    check(&deployment("hotdesk.dev/owner"), "reserved-key");
    check(&deployment("app"), "");
    let named = deployment("hotdesk.dev/for");
    check(&named, "reserved-key");
    assert_eq!(found(&named, Decision::Allow(Role::Deployer), "ci", &settings()), "");
    assert_eq!(found(&named, Decision::Allow(Role::Deployer), "flux", &settings()), "reserved-key");
    assert_eq!(found(&named, Decision::Allow(Role::Reviver), "reviver", &settings()), "", "bob holds the slot");
    let mut forged = named.clone();
    forged["object"]["spec"]["template"]["metadata"]["labels"]["hotdesk.dev/for"] = json!("carol");
    let revived = found(&forged, Decision::Allow(Role::Reviver), "reviver", &settings());
    assert_eq!(revived, "reserved-key", "a152: a release that its holder forged names nobody else when it comes back");
    assert_eq!(found(&forged, Decision::Allow(Role::Deployer), "ci", &settings()), "");
    let mut scaled = deployment("hotdesk.dev/owner");
    scaled["operation"] = json!("UPDATE");
    scaled["oldObject"] = scaled["object"].clone();
    check(&scaled, "");
}
