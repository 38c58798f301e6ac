//! What happens while hotdesk itself is being restarted, killed or renewed. These tests have the installation to themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hotdesk_e2e::certs::renew;
use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper;
use hotdesk_e2e::slot::{JOBS, SlotBuilder, unique};
use hotdesk_e2e::{CommandOutput, Helm, TestSlot, admin, alice, bob, installation, people, until};
use serde_json::Value;

const NAMESPACE: [&str; 2] = ["-n", "hotdesk"];
const WEBHOOK: &str = "deployment/hotdesk-webhook";

fn in_hotdesk(args: &[&str]) -> CommandOutput {
    admin().kubectl(&[&NAMESPACE[..], args].concat())
}

/// Puts the installation back as `tests/install` makes it, also when the test fails.
struct PutBack;

impl Drop for PutBack {
    fn drop(&mut self) {
        let mut install = std::process::Command::new(people::root().join("tests/install"));
        install.arg("hotdesk");
        let ran = CommandOutput::run(install, "");
        drop(in_hotdesk(&["scale", WEBHOOK, "--replicas=2"]));
        let ready = in_hotdesk(&["rollout", "status", WEBHOOK, "--timeout=120s"]);
        assert!(std::thread::panicking() || (ran.ok() && ready.ok()), "{ran}\n{ready}");
    }
}

fn create(slot: &TestSlot, who: &people::Person) -> CommandOutput {
    slot.kubectl(who, &["create", "configmap", &unique("object"), "--request-timeout=15s"])
}

/// Does something to hotdesk while a stranger tries again and again; says how often the stranger was denied.
fn with_concurrent_denied_user(slot: &TestSlot, act: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let mut tries = 0;
            while !over.load(Ordering::Relaxed) {
                let ran = create(slot, &bob());
                assert!(!ran.ok(), "a stranger was admitted: {ran}");
                tries += 1;
            }
            tries
        });
        act();
        over.store(true, Ordering::Relaxed);
        stranger.join().expect("no stranger is admitted")
    })
}

fn webhook_pods() -> Vec<String> {
    let listed =
        in_hotdesk(&["get", "pods", "-l", "app.kubernetes.io/component=webhook", "-o", "name"]).succeeded().stdout;
    listed.lines().map(str::to_owned).collect()
}

/// What the webhook in this pod says of the time over which it noted sessions, oldest first.
fn records_of(pod: &str) -> Vec<Value> {
    let map = admin().kubectl(&["-n", JOBS, "get", "configmap", "hotdesk-sessions", "-o", "json"]).succeeded().json();
    let own = |(entry, _): &(&String, &Value)| entry.rsplit_once('.').is_some_and(|(of, _)| of == pod);
    let entries = map["data"].as_object().into_iter().flatten().filter(own);
    entries.map(|(_, text)| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect()
}

fn webhooks_are_gone() {
    in_hotdesk(&["scale", WEBHOOK, "--replicas=0"]).succeeded();
    in_hotdesk(&["wait", "--for=delete", "pod", "-l", "app.kubernetes.io/component=webhook", "--timeout=90s"])
        .succeeded();
}

#[test]
fn no_stranger_is_admitted_while_the_webhook_restarts_and_holders_hardly_notice() {
    let _held = installation::exclusive();
    let slot = TestSlot::held_by("alice@example.com");
    let tries = with_concurrent_denied_user(&slot, || {
        let old = webhook_pods();
        in_hotdesk(&["rollout", "restart", WEBHOOK]).succeeded();
        let mut denied = Vec::new();
        // Until the last of the old pods has drained and ended.
        while webhook_pods().iter().any(|pod| old.contains(pod)) {
            let ran = create(&slot, &alice());
            if !ran.ok() {
                denied.push(ran.to_string());
            }
        }
        assert!(denied.is_empty(), "a holder was turned away {} times: {denied:?}", denied.len());
        // e33, e34: each says that it has written all that it noted, so this leaves no gap.
        for pod in old {
            let records = records_of(pod.trim_start_matches("pod/"));
            let clean = |record: &Value| record["endedCleanly"] == true && record["gaps"].is_null();
            assert!(records.last().is_some_and(clean), "e33: {pod}: {records:?}");
        }
    });
    assert!(tries > 0);
}

#[test]
fn no_stranger_is_admitted_while_both_webhooks_are_killed() {
    let _held = installation::exclusive();
    let _put_back = PutBack;
    let slot = TestSlot::held_by("alice@example.com");
    let tries = with_concurrent_denied_user(&slot, || {
        in_hotdesk(&["delete", "pods", "-l", "app.kubernetes.io/component=webhook", "--force", "--grace-period=0"])
            .succeeded();
        in_hotdesk(&["rollout", "status", WEBHOOK, "--timeout=120s"]).succeeded();
        webhooks_are_gone();
        // Strict: without the webhook nobody's object would be stamped, so nobody writes.
        create(&slot, &alice()).failed_saying(&["failed calling webhook"]);
    });
    assert!(tries > 0);
}

#[test]
fn controllers_carry_on_while_no_webhook_is_alive() {
    let _held = installation::exclusive();
    let _put_back = PutBack;
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    webhooks_are_gone();
    let pod = slot.names("pods").remove(0);
    // The administrator's delete would need the webhook; a controller's does not.
    let controller = ["--as=system:serviceaccount:kube-system:replicaset-controller", "--as-group=system:masters"];
    slot.kubectl(&admin(), &[&["delete", "pod", &pod, "--wait=false"][..], &controller].concat()).succeeded();
    until("a new pod in its place", Duration::from_secs(90), || {
        let pods = slot.names("pods");
        if pods.len() == 1 && pods[0] != pod { Ok(()) } else { Err(format!("{pods:?}")) }
    });
}

#[test]
fn with_availability_continue_and_no_webhook_a_claimant_deploys_and_a_stranger_does_not() {
    let _held = installation::exclusive();
    let _put_back = PutBack;
    let slot = TestSlot::held_by("alice@example.com");
    let chart = people::root().join("charts/hotdesk");
    let more =
        ["upgrade", "hotdesk", chart.to_str().unwrap(), "--reuse-values", "--set", "availability=continue", "--wait"];
    admin().helm(Helm::V4, &[&more[..], &NAMESPACE].concat()).succeeded();
    webhooks_are_gone();
    until("a claimant to deploy without a webhook", Duration::from_secs(30), || {
        slot.kubectl(&alice(), &["create", "configmap", "probe", "--dry-run=server"]).as_result()
    });
    for helm in Helm::BOTH {
        let release = if helm == Helm::V3 { "three" } else { "four" };
        slot.helm_install(&alice(), helm, release, "web", &["--wait", "--timeout", "120s"]).succeeded();
        let said = ["is held by alice@example.com", "ValidatingAdmissionPolicy"];
        slot.helm_install(&bob(), helm, "bobs", "web", &[]).failed_saying(&said);
        // Without a webhook there is nobody to warn, and helm keeps the errors of an uninstall to itself.
        bob().helm(helm, &["uninstall", release, "-n", slot.name()]).failed_saying(&["failed to delete release"]);
        assert!(slot.names("services").contains(&release.to_owned()), "{helm:?}");
    }
    // What the webhook did not stamp nobody can forge either.
    slot.kubectl(&alice(), &["label", "configmap", "three-settings", "hotdesk.dev/owner=bob"])
        .failed_saying(&["hotdesk.dev/"]);
}

#[test]
fn certificates_and_path_rotate_under_load_without_a_denial_of_holders_or_an_admission_of_strangers() {
    let _held = installation::exclusive();
    let slot = TestSlot::held_by("alice@example.com");
    for what in ["leaf", "ca", "path"] {
        let before = rotated(what);
        let tries = with_concurrent_denied_user(&slot, || {
            let renewal = renew(what);
            until("what is renewed to be in use", Duration::from_secs(180), || {
                create(&slot, &alice()).succeeded();
                let now = rotated(what);
                if now == before { Err(format!("the {what} is the old one")) } else { Ok(()) }
            });
            renewal.completed_within(60);
            (0..10).for_each(|_| drop(create(&slot, &alice()).succeeded()));
        });
        assert!(tries > 0, "{what}");
    }
}

/// The certificate in the Secret that the pods mount, which follow within seconds; or by which path the API server calls them.
fn rotated(what: &str) -> String {
    let (object, path) = if what == "path" {
        (["mutatingwebhookconfiguration", "hotdesk"], "jsonpath={.webhooks[*].clientConfig.service.path}")
    } else {
        (["secret", "hotdesk-webhook-tls"], "jsonpath={.data.tls\\.crt}")
    };
    in_hotdesk(&["get", object[0], object[1], "-o", path]).succeeded().stdout
}

#[test]
fn e32_a_session_that_no_webhook_was_there_to_note_leaves_the_slot_in_doubt() {
    let _held = installation::exclusive();
    let _put_back = PutBack;
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper::reading(&ingress, "1s")).make();
    reaper::until_it_may_read(&slot, &ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    let chart = people::root().join("charts/hotdesk");
    let more =
        ["upgrade", "hotdesk", chart.to_str().unwrap(), "--reuse-values", "--set", "availability=continue", "--wait"];
    admin().helm(Helm::V4, &[&more[..], &NAMESPACE].concat()).succeeded();
    webhooks_are_gone();
    slot.kubectl(&alice(), &["exec", "deployment/web", "--", "true"]).succeeded();
    in_hotdesk(&["scale", WEBHOOK, "--replicas=2"]).succeeded();
    in_hotdesk(&["rollout", "status", WEBHOOK, "--timeout=120s"]).succeeded();
    assert!(slot.object()["status"]["lastSession"].is_null(), "nobody noted it");
    reaper::until_older(&slot, &alice(), 91);
    let run = reaper::run_with(&slot, &[("HOTDESK_WINDOW", "90s")]);
    run.failed_saying(&["sessions were not noted from", "no webhook was running"]);
    assert_eq!((reaper::verdict(&slot).as_str(), reaper::releases(&slot)), ("Unknown", vec!["web".to_owned()]));
    // The webhooks have been back for longer than this window.
    reaper::run(&slot).succeeded();
    assert!(reaper::releases(&slot).is_empty(), "and it is found idle as before");
}
