//! The gate itself: its configuration, its certificate, its policy.

use hotdesk_e2e::{CommandOutput, TestSlot, admin, installation};
use serde_json::{Value, json};

use crate::finds;

const CONFIGURATION: [&str; 2] = ["mutatingwebhookconfiguration", "hotdesk"];

/// Puts an object back as it was, also when the test fails.
struct PutBack(Value);

impl PutBack {
    fn of(kind: &str, name: &str) -> Self {
        let mut object = admin().kubectl(&["get", kind, name, "-o", "json"]).succeeded().json();
        for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(field);
        }
        Self(object)
    }

    fn put_back(&self) -> CommandOutput {
        // Not `apply`, which would leave a mark on it.
        let text = self.0.to_string();
        let replaced = admin().kubectl_with(&["replace", "-f", "-"], &text);
        if replaced.ok() { replaced } else { admin().kubectl_with(&["create", "-f", "-"], &text) }
    }
}

impl Drop for PutBack {
    fn drop(&mut self) {
        let ran = self.put_back();
        assert!(std::thread::panicking() || ran.ok(), "{ran}");
    }
}

#[test]
fn a_ca_that_did_not_sign_what_is_served_is_said_and_the_fix_works() {
    let _held = installation::exclusive();
    let _put_back = PutBack::of(CONFIGURATION[0], CONFIGURATION[1]);
    let _slot = TestSlot::free();
    // The cluster's own CA is a sound one, and not ours.
    let config = admin().kubectl(&["config", "view", "--raw", "-o", "json"]).succeeded().json();
    let foreign = &config["clusters"][0]["cluster"]["certificate-authority-data"];
    assert!(foreign.is_string(), "the kubeconfig holds the cluster's CA");
    let patch = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": foreign}]);
    admin()
        .kubectl(&["patch", CONFIGURATION[0], CONFIGURATION[1], "--type=json", "-p", &patch.to_string()])
        .succeeded();
    let renew = "kubectl -n hotdesk create job certs-now --from=cronjob/hotdesk-certs";
    let says = "gate.hotdesk.dev (mutating) did not sign the certificate that the webhook serves";
    let found = finds("webhook-trust", "the webhook's CA", "problem", says, renew);
    finds("write-probe", "a write in a slot", "problem", "the API server cannot call the webhook", "logs");
    let fix = found["fix"].as_str().unwrap().split(" (").next().unwrap().strip_prefix("kubectl ").unwrap().to_owned();
    let job = ["-n", "hotdesk", "delete", "job", "certs-now", "--ignore-not-found"];
    admin().kubectl(&job).succeeded();
    admin().kubectl(&fix.split(' ').collect::<Vec<_>>()).succeeded();
    finds("webhook-trust", "the webhook's CA", "ok", "and signed what is served", "");
    finds("write-probe", "a write in a slot", "ok", "with the stamp", "");
    admin().kubectl(&job).succeeded();
}

#[test]
fn a_policy_that_is_not_bound_or_narrowed_is_said() {
    let _held = installation::exclusive();
    let binding = ["validatingadmissionpolicybinding", "hotdesk-gate"];
    let put_back = PutBack::of(binding[0], binding[1]);
    let patch = json!([{"op": "add", "path": "/spec/matchResources", "value": {"objectSelector": {"matchLabels": {"judged": "yes"}}}}]);
    admin().kubectl(&["patch", binding[0], binding[1], "--type=json", "-p", &patch.to_string()]).succeeded();
    finds(
        "policies",
        "the policies",
        "problem",
        "the binding of hotdesk-gate has matchResources",
        "helm upgrade hotdesk charts/hotdesk",
    );
    admin().kubectl(&["delete", binding[0], binding[1]]).succeeded();
    let says = "the policy hotdesk-gate is not bound, so it denies nothing";
    finds("policies", "the policies", "problem", says, "--set gate.enabled=true");
    put_back.put_back().succeeded();
    finds("policies", "the policies", "ok", "are there, bound, and deny", "");
}
