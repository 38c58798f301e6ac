//! The second witness on a real node: the kubelet is asked over TLS, with a token of an account that may do nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{JOBS, SlotBuilder, test_image, unique};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, cluster, installation, until};
use serde_json::{Value, json};

const ASKING: &str = "system:serviceaccount:hotdesk-jobs:slots-pod-usage";

/// A slot of alice's with a release that nobody asks for by an Ingress, and a log that can tell.
fn stage(window: &str) -> (TestSlot, Ingress) {
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    let mut values = reaper::reading(&ingress, window);
    values["podUsage"] = json!({"from": "kubelets"});
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(values).make();
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    reaper::until_it_may_read(&slot, &ingress);
    may_ask(&slot);
    ingress.request("/other-web-80").succeeded();
    (slot, ingress)
}

/// Waits until the API server knows of the rights that the chart gives.
fn may_ask(slot: &TestSlot) {
    let own = format!("--as={}", reaper::account(slot));
    until("the rights to ask kubelets", Duration::from_secs(20), || {
        let token =
            ["auth", "can-i", "create", "serviceaccounts/slots-pod-usage", "--subresource=token", "-n", JOBS, &own];
        let stats = ["auth", "can-i", "get", "nodes", "--subresource=stats", &format!("--as={ASKING}")];
        let node = ["auth", "can-i", "get", "nodes", &own];
        admin()
            .kubectl(&token)
            .as_result()
            .and(admin().kubectl(&stats).as_result())
            .and(admin().kubectl(&node).as_result())
    });
}

/// What the kubelet has counted of the slot's pods, or what it says instead.
fn bytes_counted(slot: &TestSlot) -> Result<(), String> {
    let node = admin().kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]).succeeded().stdout;
    let summary =
        admin().kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")]).succeeded().json();
    let pods = summary["pods"].as_array().unwrap();
    let own: Vec<&Value> = pods.iter().filter(|pod| pod["podRef"]["namespace"] == slot.name()).collect();
    let counted = own.iter().any(|pod| pod["network"]["rxBytes"].is_u64());
    if counted { Ok(()) } else { Err(format!("no counter of the bytes received in {own:?}")) }
}

/// True where the kubelet counts what the slot's pods receive, as that of the tests' own cluster does. Of another cluster a line
/// says that it does not.
fn bytes_are_counted(slot: &TestSlot) -> bool {
    if cluster::is_own() {
        until("the kubelet to count what the pods receive", Duration::from_secs(60), || bytes_counted(slot));
        return true;
    }
    let counted = bytes_counted(slot).is_ok();
    if !counted {
        cluster::not_run("this cluster's kubelet does not count what pods receive");
    }
    counted
}

/// A neighbour that calls the slot's app twice a second, past every ingress controller; it goes with the test.
struct Neighbour {
    namespace: String,
}

impl Neighbour {
    fn calling(slot: &TestSlot) -> Self {
        let neighbour = Self { namespace: unique("neighbour") };
        let service = slot.get("service", "web");
        let (ip, port) = (service["spec"]["clusterIP"].as_str().unwrap(), &service["spec"]["ports"][0]["port"]);
        let call = format!("while true; do wget -q -O /dev/null http://{ip}:{port}/; sleep 0.5; done");
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", neighbour.namespace);
        admin().kubectl_with(&["apply", "-f", "-"], &namespace).succeeded();
        let container = json!({
            "name": "caller", "image": test_image("app"), "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", call],
        });
        let spec = json!({"terminationGracePeriodSeconds": 0, "containers": [container]});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "caller"}, "spec": spec});
        admin().apply(&neighbour.namespace, &pod.to_string()).succeeded();
        neighbour
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]));
    }
}

/// Runs the reaper, dry, until the verdict says this.
fn until_told(slot: &TestSlot, parts: &[&str]) -> Value {
    until(&format!("the verdict to say {parts:?}"), Duration::from_secs(180), || {
        let run = reaper::run_with(slot, &[("HOTDESK_OBSERVE", "true")]);
        let told = slot.object()["status"]["verdict"].clone();
        let says = |part: &&str| told.to_string().contains(*part);
        if parts.iter().all(says) { Ok(told) } else { Err(format!("{run:?}")) }
    })
}

#[test]
fn e21_a_neighbours_calls_that_no_log_has_keep_the_slot() {
    let _held = installation::shared();
    let (slot, _ingress) = stage("20s");
    let _neighbour = Neighbour::calling(&slot);
    reaper::until_older(&slot, &alice(), 21);
    if !bytes_are_counted(&slot) {
        return;
    }
    until_told(&slot, &["Kept", "the pods received", "that no log explains"]);
    assert_eq!(slot.object()["status"]["lastActivity"]["signal"], "pod-usage", "e21");
    assert_eq!(releases(&slot), ["web"], "e21");
}

#[test]
fn e22_a_slot_that_only_its_probes_reach_is_idle() {
    let _held = installation::shared();
    let (slot, _ingress) = stage("20s");
    reaper::until_older(&slot, &alice(), 21);
    if !bytes_are_counted(&slot) {
        return;
    }
    until_told(&slot, &["Idle", "pod-usage does not speak against it"]);
    reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(&["Would uninstall: web"]);
    assert_eq!(releases(&slot), ["web"], "e22");
}

#[test]
fn without_the_right_to_ask_the_verdict_names_it() {
    let _held = installation::shared();
    let (slot, _ingress) = stage("20s");
    let own = format!("hotdesk.dev/slot={}", slot.name());
    admin().kubectl(&["-n", JOBS, "delete", "rolebindings", "-l", &own]).succeeded();
    reaper::until_older(&slot, &alice(), 21);
    until_told(&slot, &["Unknown", "there is no token of the account hotdesk-jobs/slots-pod-usage for the kubelets"]);
    assert_eq!(verdict(&slot), "Unknown");
}

#[test]
fn who_asks_the_kubelets_may_read_metrics_of_nodes_and_nothing_else() {
    let _held = installation::shared();
    let asking = SlotBuilder::free().reaper(json!({"podUsage": {"from": "kubelets"}})).make();
    may_ask(&asking);
    let other = TestSlot::free();
    let may = |who: &str, args: &[&str]| {
        let who = format!("--as={who}");
        admin().kubectl(&[&["auth", "can-i"], args, &[who.as_str()]].concat()).stdout.trim() == "yes"
    };
    for subresource in ["--subresource=stats", "--subresource=metrics"] {
        assert!(may(ASKING, &["get", "nodes", subresource]), "{subresource}");
        assert!(!may(&reaper::account(&asking), &["get", "nodes", subresource]), "the reaper itself: {subresource}");
    }
    for subresource in ["--subresource=proxy", "--subresource=log", "--subresource=pods"] {
        assert!(!may(ASKING, &["get", "nodes", subresource]), "{subresource}");
    }
    for (verb, what, place) in [
        ("get", "nodes", "default"),
        ("create", "nodes", "default"),
        ("get", "secrets", JOBS),
        ("list", "pods", asking.name()),
        ("get", "slots.hotdesk.dev", asking.name()),
        ("list", "slots.hotdesk.dev", asking.name()),
        ("patch", "slots.hotdesk.dev", asking.name()),
    ] {
        // What everybody can do, such as seeing who holds a slot, is not a right of its own.
        let everybodys = may("system:serviceaccount:default:nobody-in-particular", &[verb, what, "-n", place]);
        assert_eq!(may(ASKING, &[verb, what, "-n", place]), everybodys, "{verb} {what} in {place}");
    }
    let own = reaper::account(&asking);
    let token = |of: &str| may(&own, &["create", &format!("serviceaccounts/{of}"), "--subresource=token", "-n", JOBS]);
    assert!(token("slots-pod-usage"));
    for of in [format!("reaper-{}", other.name()), format!("reviver-{}", other.name()), "pruner".to_owned()] {
        assert!(!token(&of), "a token of {of}");
    }
    let stranger = reaper::account(&other);
    assert!(
        !may(&stranger, &["create", "serviceaccounts/slots-pod-usage", "--subresource=token", "-n", JOBS]),
        "it is off there"
    );
    assert!(!may(&stranger, &["get", "nodes"]), "it is off there");
}
