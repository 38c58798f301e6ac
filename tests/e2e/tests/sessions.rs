//! Somebody who works in a pod is seen in the Slot's status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper;
use hotdesk_e2e::slot::{SlotBuilder, test_image};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, bob, installation, until};
use serde_json::Value;

fn last(slot: &TestSlot) -> Value {
    slot.object()["status"]["lastSession"].clone()
}

/// A right in the slot that no role of the chart gives: kubectl reads a subresource before it patches it.
fn grant(slot: &TestSlot, resource: &str, subject: &str) {
    let role = ["create", "role", "more", "--verb=get,patch", "--resource", resource];
    slot.kubectl(&admin(), &role).succeeded();
    slot.kubectl(&admin(), &["create", "rolebinding", "more", "--role=more", subject]).succeeded();
}

#[test]
fn whoever_works_in_a_pod_is_noted_once_a_minute_and_whoever_is_kept_out_is_not() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let image = test_image("app");
    let run = ["run", "app", "--image", &image, "--image-pull-policy=IfNotPresent", "--restart=Never", "--"];
    slot.kubectl(&alice(), &[&run[..], &["sleep", "3600"]].concat()).succeeded();
    slot.kubectl(&alice(), &["wait", "pod/app", "--for=condition=Ready", "--timeout=90s"]).succeeded();
    slot.kubectl(&bob(), &["exec", "app", "--", "true"]).failed_saying(&["is held by alice@example.com"]);
    let debug = r#"{"spec": {"ephemeralContainers": [{"name": "debugger", "image": "none.invalid/none"}]}}"#;
    grant(&slot, "pods/ephemeralcontainers", "--user=alice@example.com");
    let patch = ["patch", "pod", "app", "--subresource=ephemeralcontainers", "-p", debug];
    until("the right to be known", Duration::from_secs(20), || {
        slot.kubectl(&alice(), &[&patch[..], &["--dry-run=server"]].concat()).as_result()
    });
    slot.kubectl(&alice(), &["logs", "app"]).succeeded();
    assert_eq!(last(&slot), Value::Null, "neither a stranger, nor a dry run, nor a look at the log is a session");

    slot.kubectl(&alice(), &["exec", "app", "--", "true"]).succeeded();
    let noted = until("the session to be noted", Duration::from_secs(15), || {
        let last = last(&slot);
        if last.is_null() { Err(last.to_string()) } else { Ok(last) }
    });
    assert_eq!((&noted["by"], &noted["kind"]), (&"alice@example.com".into(), &"exec".into()), "{noted}");

    // Both webhooks see some of these, and the minute is one for both.
    for _ in 0..6 {
        slot.kubectl(&alice(), &["exec", "app", "--", "true"]).succeeded();
    }
    slot.kubectl(&alice(), &patch).succeeded();
    assert_eq!(last(&slot), noted);
}

#[test]
fn the_webhooks_own_account_writes_nothing_but_sessions() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let own = "system:serviceaccount:hotdesk:hotdesk-webhook";
    grant(&slot, "slots.hotdesk.dev/status", "--serviceaccount=hotdesk:hotdesk-webhook");
    let patch = |sub: &[&str], patch: &str| {
        let args = ["patch", "slot", "slot", "--type=merge", "-p", patch, "--as", own];
        slot.kubectl(&admin(), &[&args[..], sub].concat())
    };
    let status = ["--subresource=status"];
    until("the right to be known", Duration::from_secs(20), || {
        let ran = patch(&status, "{}");
        if ran.stderr.contains("cannot get resource") { Err(ran.to_string()) } else { Ok(()) }
    });
    patch(&status, r#"{"status": {"nextReapAt": "2030-01-01T00:00:00Z"}}"#)
        .failed_saying(&["hotdesk's webhook does not write it"]);
    patch(&[], r#"{"spec": {"claim": null}}"#).failed_saying(&["Forbidden"]);
    let session = r#"{"status": {"lastSession": {"time": "2026-01-01T00:00:00Z", "by": "alice", "kind": "exec"}}}"#;
    patch(&status, session).succeeded();
}

#[test]
fn e01_somebody_at_a_breakpoint_keeps_a_slot_that_gets_no_request_and_e09_who_only_looks_does_not() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let mut values = reaper::reading(&ingress, "1s");
    values["sessionGrace"] = "2h".into();
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(values).make();
    reaper::until_it_may_read(&slot, &ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot.kubectl(&alice(), &["exec", "deployment/web", "--", "true"]).succeeded();
    until("the session to be noted", Duration::from_secs(15), || {
        if last(&slot).is_null() { Err("not yet".to_owned()) } else { Ok(()) }
    });
    reaper::until_older(&slot, &alice(), 2);
    reaper::until_session_older(&slot, 2);
    reaper::run(&slot).succeeded();
    assert_eq!((reaper::verdict(&slot).as_str(), reaper::releases(&slot)), ("Active", vec!["web".to_owned()]));
    let reason = slot.object()["status"]["verdict"]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("alice@example.com used exec,") && reason.contains("may still be open, counts for 2 h"),
        "{reason}"
    );
    // Looking is not use.
    slot.kubectl(&alice(), &["get", "pods", "-w", "--request-timeout=1s"]);
    slot.kubectl(&alice(), &["describe", "deployment/web"]).succeeded();
    slot.kubectl(&alice(), &["logs", "deployment/web"]).succeeded();
    alice().hotdesk(&["why", slot.name()]).succeeded();
    reaper::run_with(&slot, &[("HOTDESK_SESSION_GRACE", "1s")]).succeeded();
    assert!(reaper::releases(&slot).is_empty(), "e09: without the grace it would have gone");
}
