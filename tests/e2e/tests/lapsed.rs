//! What becomes of a slot that nobody holds any more: claims that lapsed, slots given back to be cleared, and those who
//! come while it happens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{Helm, TestSlot, alice, bob, installation, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A slot of alice's with one release, whose reaper reads this controller and never finds it idle by itself.
fn slot(ingress: &Ingress) -> TestSlot {
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper::reading(ingress, "2h")).make();
    reaper::until_it_may_read(&slot, ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot
}

/// A controller that has served somebody else: it can see.
fn seeing() -> Ingress {
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    ingress
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn a_slot_given_back_to_be_cleared_is_cleared_though_it_was_deployed_a_moment_ago() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Active", vec!["web".to_owned()]));

    bob().hotdesk(&["release", slot.name(), "--clean"]).failed_saying(&["is held by alice@example.com"]);
    let given_back = alice().hotdesk(&["release", slot.name(), "--clean", "--grace", "1h"]).succeeded();
    given_back.said(&["is free again", "The reaper's next run after", "in 1 h", "hotdesk claim"]);
    alice().hotdesk(&["why", slot.name()]).succeeded().said(&["gave it back to be cleared", "in 1 h"]);
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Active", vec!["web".to_owned()]), "its grace lasts");

    alice().hotdesk(&["claim", slot.name(), "--purpose", "after all"]).succeeded();
    assert_eq!(slot.object()["spec"]["clearAfter"], Value::Null, "a claim ends the wish");
    alice().hotdesk(&["release", slot.name(), "--clean", "--grace", "0s"]).succeeded();
    reaper::run(&slot).succeeded();
    assert_eq!(verdict(&slot), "Idle");
    let reason = slot.object()["status"]["verdict"]["reason"].to_string();
    assert!(reason.contains("its last holder gave it back to be cleared"), "{reason}");
    assert!(releases(&slot).is_empty());
    assert!(slot.names("deployments").is_empty());
    assert_eq!(slot.object()["status"]["reaping"], Value::Null, "the slot can be claimed again");
    bob().hotdesk(&["claim", slot.name(), "--purpose", "mine now"]).succeeded();
}

#[test]
fn a_new_claimant_keeps_what_a_former_one_gave_back_to_be_cleared() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    alice().hotdesk(&["release", slot.name(), "--clean", "--grace", "0s"]).succeeded();
    bob().hotdesk(&["claim", slot.name(), "--purpose", "I need what runs there"]).succeeded();
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Active", vec!["web".to_owned()]));
}

#[test]
fn nobody_else_has_a_slot_cleared() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let builder = json!({"spec": {"clearAfter": now().to_string()}}).to_string();
    let patched = slot.kubectl(&bob(), &["patch", "slot", "slot", "--type=merge", "-p", &builder]);
    patched.failed_saying(&["nobody holds the slot, and you are bob@example.com: claim it before you change it"]);
    bob()
        .hotdesk(&["release", slot.name(), "--clean"])
        .failed_saying(&["is free, so only an administrator can clear it"]);
}

#[test]
fn a_slot_is_claimed_only_when_its_clearing_is_done() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let until = |seconds| (now() + SignedDuration::from_secs(seconds)).to_string();
    let at_work = |until: String| {
        let reaping = json!({"since": now().to_string(), "releases": [], "until": until});
        let patch = json!({"status": {"reaping": reaping}}).to_string();
        let args = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &patch];
        slot.kubectl(&hotdesk_e2e::admin(), &args).succeeded();
    };
    at_work(until(60));
    let claim = ["claim", slot.name(), "--purpose", "checkout"];
    bob().hotdesk(&claim).failed_saying(&["hotdesk is just clearing the slot", "claim it when that is done"]);
    // A reaper that was killed stands in nobody's way forever.
    at_work(until(-1));
    bob().hotdesk(&claim).succeeded();
}

#[test]
fn a_lapsed_claim_leaves_its_slot_to_be_cleared_after_the_grace() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    let lapses = now() + SignedDuration::from_secs(3);
    slot.patch(&json!({"spec": {"claim": {"until": lapses.to_string()}}}));
    until("the claim to lapse, and its grace to pass", Duration::from_secs(30), || {
        if now() > lapses + SignedDuration::from_secs(4) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    reaper::run(&slot).succeeded();
    assert_eq!(
        (verdict(&slot).as_str(), releases(&slot)),
        ("Active", vec!["web".to_owned()]),
        "the usual grace: 30 min"
    );
    reaper::run_with(&slot, &[("HOTDESK_LAPSE_GRACE", "2s")]).succeeded();
    let reason = slot.object()["status"]["verdict"]["reason"].to_string();
    assert!(reason.contains("its claim lapsed"), "{reason}");
    assert!(releases(&slot).is_empty());
}
