//! What is reaped, and what never is: the CronJob's own image on a real node, with real logs and a real helm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::people::chart;
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, installation, until};
use serde_json::{Value, json};

/// A window that has passed by the time that a Job's pod runs.
const SHORT: &str = "1s";

fn install(slot: &TestSlot, helm: Helm, release: &str) {
    slot.helm_install(&alice(), helm, release, "web", &["--wait", "--timeout", "120s"]).succeeded();
}

/// A slot of alice's, whose reaper reads this controller.
fn slot(ingress: &Ingress, window: &str) -> TestSlot {
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper::reading(ingress, window)).make();
    reaper::until_it_may_read(&slot, ingress);
    slot
}

/// A controller that has served somebody else: it can see.
#[must_use = "the controller is deleted when this is dropped"]
fn seeing() -> Ingress {
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    ingress
}

/// Nothing was touched, and the Job failed with these words in the termination message.
#[track_caller]
fn blind(slot: &TestSlot, run: reaper::Run, says: &[&str]) {
    run.failed_saying(says);
    assert_eq!(releases(slot), ["web"]);
    assert_eq!(slot.names("deployments"), ["web"]);
}

fn neighbours(format: LogFormat, busy_is_the_longer_name: bool) {
    let _held = installation::shared();
    // No dash: a name that begins with another slot's name and a dash would be ambiguous in the log.
    let mew = unique("mew").replace('-', "");
    let mewtwo = format!("{mew}two");
    let (busy, idle) = if busy_is_the_longer_name { (&mewtwo, &mew) } else { (&mew, &mewtwo) };
    let ingress = Ingress::start(format, &[Route::answering(&format!("{busy}-web-80"))]);
    let make = |name: &str| {
        let slot =
            SlotBuilder::held_by(&["alice@example.com"]).named(name).reaper(reaper::reading(&ingress, "15s")).make();
        reaper::until_it_may_read(&slot, &ingress);
        install(&slot, Helm::V4, "web");
        slot
    };
    let (busy_slot, idle_slot) = (make(busy), make(idle));
    reaper::until_older(&idle_slot, &alice(), 16);
    ingress.request(&format!("/{busy}-web-80")).succeeded();
    reaper::run(&busy_slot).succeeded();
    reaper::run(&idle_slot).succeeded();
    assert_eq!((verdict(&busy_slot).as_str(), verdict(&idle_slot).as_str()), ("Active", "Idle"));
    assert_eq!(busy_slot.object()["status"]["lastActivity"]["signal"], "traffic");
    assert_eq!(releases(&busy_slot), ["web"]);
    assert!(releases(&idle_slot).is_empty());
    assert!(idle_slot.names("deployments").is_empty());
}

#[test]
fn mew_is_reaped_while_mewtwo_has_traffic() {
    neighbours(LogFormat::Text, true);
}

#[test]
fn mewtwo_is_reaped_while_mew_has_traffic() {
    neighbours(LogFormat::Text, false);
}

#[test]
fn mew_is_reaped_while_mewtwo_has_traffic_in_json_logs() {
    neighbours(LogFormat::Json, true);
}

#[test]
fn an_idle_slot_loses_its_releases_and_keeps_roles_config_and_data() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress, SHORT);
        for release in ["web", "roles", "app-config-eu"] {
            slot.helm_install(&alice(), helm, release, "web", &["--set", "replicas=0"]).succeeded();
        }
        reaper::until_older(&slot, &alice(), 1);
        let run = reaper::run(&slot).succeeded();
        assert!(run.message.contains("web"), "{run:?}");
        assert_eq!(releases(&slot), ["app-config-eu", "roles"], "{helm:?}");
        assert!(!slot.names("deployments").contains(&"web".to_owned()));
        assert!(slot.names("configmaps").contains(&"web-settings".to_owned()), "{helm:?}");
        assert!(slot.names("secrets").contains(&"web-password".to_owned()), "{helm:?}");
        let status = slot.object()["status"].clone();
        assert_eq!(status["lastReap"]["releases"], json!(["web"]));
        assert_eq!(status["reaping"], Value::Null);
        let events = slot.kubectl(&admin(), &["get", "events", "-o", "json"]).json().to_string();
        assert!(events.contains("hotdesk"), "no Event tells of the reap");

        let again = reaper::run(&slot).succeeded();
        assert_eq!(releases(&slot), ["app-config-eu", "roles"], "{again:?}");
        assert_eq!(slot.object()["status"]["lastReap"], status["lastReap"], "a second run does nothing");
        // What was kept is adopted by a plain install of the same name.
        slot.helm_install(&alice(), helm, "web", "web", &["--set", "replicas=0"]).succeeded();
    }
}

#[test]
fn releases_recorded_in_config_maps_are_seen_and_reaped() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    let who = alice().with_env("HELM_DRIVER", "configmap");
    slot.helm_install(&who, Helm::V3, "web", "web", &["--set", "replicas=0"]).succeeded();
    reaper::until_older(&slot, &who, 1);
    reaper::run(&slot).succeeded();
    assert!(slot.names("deployments").is_empty());
    assert!(!slot.names("configmaps").iter().any(|name| name.starts_with("sh.helm.release")));
}

#[test]
fn keeps_a_release_deployed_within_the_window() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, "1h");
    install(&slot, Helm::V4, "web");
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Active", vec!["web".to_owned()]));
    // What helm wrote is seen as well, a moment later.
    let signal = slot.object()["status"]["lastActivity"]["signal"].clone();
    assert!(signal == "deploy" || signal == "write", "{signal}");
}

#[test]
fn keeps_everything_while_a_deploy_is_under_way() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, "30s");
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 31);
    let mut helm = alice().command("helm");
    let image = format!("image={}", test_image("app"));
    helm.args(["install", "hooked", &chart("hooked"), "-n", slot.name(), "--set", &image, "--set", "hookSeconds=600"]);
    let mut helm = helm.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the release to be pending", Duration::from_secs(30), || {
        let listed = admin().kubectl(&[
            "-n",
            slot.name(),
            "get",
            "secrets",
            "-l",
            "owner=helm,status=pending-install",
            "-o",
            "name",
        ]);
        if listed.stdout.contains("hooked") { Ok(()) } else { Err(listed.to_string()) }
    });
    let run = reaper::run(&slot);
    helm.kill().unwrap();
    helm.wait().unwrap();
    run.succeeded();
    assert_ne!(verdict(&slot), "Idle");
    assert!(slot.names("deployments").contains(&"web".to_owned()));
}

#[test]
fn keeps_a_slot_until_its_keep_until() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    slot.patch(&json!({"spec": {"keepUntil": "2099-01-01T00:00:00Z"}}));
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Kept", vec!["web".to_owned()]));
}

#[test]
fn uninstalls_nothing_when_the_logs_cannot_be_read() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    ingress.kubectl(&["delete", "rolebindings", "--all"]).succeeded();
    until("the reaper's right to be gone", Duration::from_secs(10), || {
        let who = format!("--as={}", reaper::account(&slot));
        let can = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &who]);
        if can.ok() { Err(can.to_string()) } else { Ok(()) }
    });
    blind(&slot, reaper::run(&slot), &["not known to be idle", ingress.namespace()]);
    assert_eq!(verdict(&slot), "Unknown");
}

#[test]
fn uninstalls_nothing_when_the_controller_is_missing() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    ingress.kubectl(&["scale", "deployment", "controller", "--replicas=0"]).succeeded();
    ingress.kubectl(&["wait", "--for=delete", "pod", "--all", "--timeout=60s"]).succeeded();
    reaper::until_older(&slot, &alice(), 1);
    blind(&slot, reaper::run(&slot), &["not known to be idle", ingress.namespace()]);
}

#[test]
fn uninstalls_nothing_when_nothing_proves_that_the_log_can_see() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 1);
    blind(&slot, reaper::run(&slot), &["not known to be idle"]);
}

#[test]
fn uninstalls_nothing_when_the_controller_started_within_the_window() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, "20s");
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 21);
    ingress.kubectl(&["rollout", "restart", "deployment", "controller"]).succeeded();
    ingress.kubectl(&["rollout", "status", "deployment", "controller", "--timeout=60s"]).succeeded();
    blind(&slot, reaper::run(&slot), &["not known to be idle", "within the window"]);
}

#[test]
fn uninstalls_nothing_when_the_log_has_an_unknown_format() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Strange, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    // The window reaches back over the unreadable lines.
    let slot = slot(&ingress, "20s");
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 21);
    ingress.request("/other-web-80").succeeded();
    blind(&slot, reaper::run(&slot), &["not known to be idle"]);
}

#[test]
fn uninstalls_nothing_when_the_log_was_rotated_within_the_window() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, "90s");
    install(&slot, Helm::V4, "web");
    // Else the reason would be the deploy, or that the controller is too young.
    reaper::until_older(&slot, &alice(), 91);
    ingress.flood("/other-web-80");
    blind(&slot, reaper::run(&slot), &["not known to be idle", "rotated"]);
}

#[test]
fn uninstalls_nothing_when_the_api_server_is_out_of_reach() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    // An address of TEST-NET-1, which nobody has.
    let run = reaper::run_with(&slot, &[("KUBERNETES_SERVICE_HOST", "192.0.2.1"), ("HOTDESK_API_TIMEOUT", "3s")]);
    blind(&slot, run, &["192.0.2.1", "out of reach"]);
}

#[test]
fn uninstalls_nothing_when_helm_is_missing() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 1);
    blind(&slot, reaper::run_with(&slot, &[("HOTDESK_HELM", "/nowhere/helm")]), &["/nowhere/helm"]);
    let status = &slot.object()["status"];
    let (state, reason) = (&status["verdict"]["state"], status["verdict"]["reason"].as_str().unwrap());
    assert_eq!((state, &status["nextReapAt"]), (&json!("Unknown"), &Value::Null), "{status}");
    assert!(reason.starts_with("it is idle, and cannot be reaped: ") && reason.contains("/nowhere/helm"), "{reason}");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 1);
    let run = reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded();
    assert!(run.log.contains("web"), "{run:?}");
    assert_eq!(releases(&slot), ["web"]);
}

#[test]
fn an_uninstall_killed_half_way_is_finished_by_the_next_run() {
    let _held = installation::shared();
    let ingress = seeing();
    // The next run waits until the killed one counts as ended.
    let mut values = reaper::reading(&ingress, SHORT);
    values["uninstallTimeout"] = json!("5s");
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(values).make();
    reaper::until_it_may_read(&slot, &ingress);
    install(&slot, Helm::V4, "web");
    // Something holds the Service, so that helm waits with the release half gone.
    let hold = |list: Value| json!({"metadata": {"finalizers": list}}).to_string();
    let patch =
        |patch: String| slot.kubectl(&alice(), &["patch", "service", "web", "--type=merge", "-p", &patch]).succeeded();
    patch(hold(json!(["e2e.hotdesk.test/hold"])));
    reaper::until_older(&slot, &alice(), 1);
    let job = reaper::start(&slot, &[]);
    until("the release to be half gone", Duration::from_secs(60), || {
        let service = slot.get("service", "web");
        let going = !service["metadata"]["deletionTimestamp"].is_null() && slot.names("deployments").is_empty();
        if going { Ok(()) } else { Err(service["metadata"].to_string()) }
    });
    reaper::kubectl(&["delete", "job", &job, "--cascade=foreground", "--grace-period=0", "--force"]).succeeded();
    reaper::kubectl(&["wait", "--for=delete", "pod", "-l", &format!("job-name={job}"), "--timeout=60s"]).succeeded();
    assert_eq!(releases(&slot), ["web"], "the record says that the release is half gone");
    patch(hold(json!([])));
    reaper::run(&slot).succeeded();
    assert!(releases(&slot).is_empty());
    assert!(slot.names("configmaps").contains(&"web-settings".to_owned()));
    assert_eq!(slot.object()["status"]["reaping"], Value::Null);
}

/// Deletes of Deployments in this slot fail until it is dropped, as when an operator's webhook is overloaded.
struct FailingWebhook(String);

impl FailingWebhook {
    fn of(slot: &TestSlot) -> Self {
        let name = unique("failing");
        let service = json!({"namespace": slot.name(), "name": "nobody", "path": "/"});
        let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["deployments"]});
        let webhook = json!({
            "name": "deployments.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 2,
            "failurePolicy": "Fail", "clientConfig": {"service": service}, "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": slot.name()}},
        });
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": [webhook],
        });
        admin().kubectl_with(&["apply", "-f", "-"], &configuration.to_string()).succeeded();
        Self(name)
    }
}

impl Drop for FailingWebhook {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "validatingwebhookconfiguration", &self.0, "--ignore-not-found"]));
    }
}

#[test]
fn an_uninstall_that_meets_somebody_elses_failing_webhook_backs_off_and_is_finished_later() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, SHORT);
    install(&slot, Helm::V4, "web");
    reaper::until_older(&slot, &alice(), 2);

    let webhook = FailingWebhook::of(&slot);
    until("deletes to fail", Duration::from_secs(20), || {
        let deleted = slot.kubectl(&admin(), &["delete", "deployment", "web", "--dry-run=server"]);
        if deleted.ok() { Err(deleted.to_string()) } else { Ok(()) }
    });
    let run = reaper::run_with(&slot, &[("HOTDESK_RETRIES", "1")]);
    assert_eq!(run.exit_code, 4, "{run:?}");
    run.failed_saying(&["web is half gone", "deployments.example.com"]);
    assert_eq!(slot.names("deployments"), ["web"], "what could not go is there");
    assert_eq!(
        slot.object()["status"]["reaping"]["releases"],
        json!([{"name": "web", "revision": 1}]),
        "and is remembered"
    );

    drop(webhook);
    until("deletes to work again", Duration::from_secs(20), || {
        slot.kubectl(&admin(), &["delete", "deployment", "web", "--dry-run=server"]).as_result()
    });
    // By the clock it waits for the better part of an hour; who asks for it need not.
    reaper::run(&slot).succeeded().said(&["is tried again from"]);
    assert_eq!(releases(&slot), ["web"]);
    alice().hotdesk(&["reap", slot.name()]).succeeded();
    assert!(releases(&slot).is_empty());
    assert!(slot.names("deployments").is_empty());
}
