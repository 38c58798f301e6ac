//! Whom the reaper tells what before and after a reap, and that nothing depends on whether they hear it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{Helm, TestSlot, admin, alice, installation, until};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A slot of alice's with one release that is older than the window, whose reaper tells this address of everything.
fn slot(ingress: &Ingress, notice: &str, url: &str) -> TestSlot {
    let mut values = reaper::reading(ingress, "1s");
    values["notice"] = json!(notice);
    values["notify"] = json!([{"name": "team", "format": "slack", "url": url}]);
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(values).make();
    reaper::until_it_may_read(&slot, ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    reaper::until_older(&slot, &alice(), 2);
    slot
}

/// A controller that has served somebody else, and takes messages at `/hook`.
fn seeing() -> Ingress {
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80"), Route::answering("hook")]);
    ingress.request("/other-web-80").succeeded();
    ingress
}

/// How many messages have come.
fn messages(ingress: &Ingress) -> usize {
    let log = ingress.kubectl(&["logs", "deployment/controller"]).succeeded().stdout;
    log.lines().filter(|line| line.contains("\"POST /hook HTTP/1.1\" 200") && line.contains("\"hotdesk/")).count()
}

fn events(slot: &TestSlot, reason: &str) -> Vec<String> {
    let list =
        slot.kubectl(&admin(), &["get", "events", "-o", "json", "--field-selector", &format!("reason={reason}")]);
    let list = list.succeeded().json();
    list["items"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits until a notice that was given has passed.
fn until_due(slot: &TestSlot) {
    let at = slot.object()["status"]["told"]["notice"]["reapAt"].as_str().expect("a notice").to_owned();
    let at: Timestamp = at.parse().unwrap();
    until(
        "the notice to pass",
        Duration::from_secs(60),
        || if now() > at { Ok(()) } else { Err("not yet".to_owned()) },
    );
}

#[test]
fn people_are_told_before_a_reap_and_keep_their_slot_by_answering() {
    let _held = installation::shared();
    let ingress = seeing();
    let address =
        ingress.kubectl(&["get", "service", "controller", "-o", "jsonpath={.spec.clusterIP}"]).succeeded().stdout;
    let slot = slot(&ingress, "10s", &format!("http://{address}/hook"));

    let told = reaper::run(&slot).succeeded();
    let message = "It will be cleared at";
    assert!(told.message.contains(message) && told.message.contains("hotdesk keep"), "{told:?}");
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Idle", vec!["web".to_owned()]));
    assert!(slot.object()["status"]["nextReapAt"].is_string());
    assert_eq!(messages(&ingress), 1);
    let noticed = events(&slot, "ReapNotice");
    assert!(noticed.len() == 1 && noticed[0].contains(&format!("hotdesk keep {} 4h", slot.name())), "{noticed:?}");

    reaper::run(&slot).succeeded();
    assert_eq!(messages(&ingress), 1, "nobody is told twice");

    alice().hotdesk(&["keep", slot.name(), "4h"]).succeeded();
    until_due(&slot);
    reaper::run(&slot).succeeded();
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Kept", vec!["web".to_owned()]));
    assert_eq!(slot.object()["status"]["told"]["notice"], Value::Null, "it is answered");

    alice().hotdesk(&["keep", slot.name(), "off"]).succeeded();
    reaper::run(&slot).succeeded();
    assert_eq!((messages(&ingress), releases(&slot)), (2, vec!["web".to_owned()]), "a new notice is given");
    until_due(&slot);
    reaper::run(&slot).succeeded();
    assert!(releases(&slot).is_empty());
    assert_eq!(messages(&ingress), 3, "that it was reaped is told as well");
    assert_eq!(events(&slot, "Reaped").len(), 1);
}

#[test]
fn a_reap_does_not_depend_on_whether_people_can_be_told() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress, "0s", "http://127.0.0.1:9/services/T0P-SECRET");
    let run = reaper::run(&slot).succeeded();
    assert!(releases(&slot).is_empty());
    assert!(run.log.contains("webhook team was not told"), "{}", run.log);
    assert!(!run.log.contains("T0P-SECRET"), "the address is nobody's business: {}", run.log);
}
