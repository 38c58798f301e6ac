//! What a former holder left is cleared, and nothing of it is started.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{Helm, TestSlot, admin, bob, carol, installation};

/// The Jobs that a controller ever made a pod for: hooks that worked are gone, and their Events are not.
fn jobs_that_ran(slot: &TestSlot) -> Vec<String> {
    let made = ["get", "events", "--field-selector", "involvedObject.kind=Job", "-o", "json"];
    let events = slot.kubectl(&admin(), &made).succeeded().json();
    let name = |event: &serde_json::Value| event["involvedObject"]["name"].as_str().unwrap().to_owned();
    events["items"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn the_hooks_of_a_former_holder_do_not_run_in_the_next_ones_slot() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    for helm in Helm::BOTH {
        let slot = SlotBuilder::held_by(&["bob@example.com"]).reaper(reaper::reading(&ingress, "1s")).make();
        reaper::until_it_may_read(&slot, &ingress);
        slot.helm_install(&bob(), helm, "left", "hooked", &["--set", "hookSeconds=0"]).succeeded();
        bob().hotdesk(&["hand", slot.name(), "carol@example.com"]).succeeded();
        slot.wait_until_known();
        slot.helm_install(&carol(), helm, "own", "hooked", &["--set", "hookSeconds=0"]).succeeded();
        reaper::until_older(&slot, &carol(), 2);

        let why = "without its hooks: it was deployed before carol@example.com claimed the slot";
        reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(&[&format!("left goes {why}")]);
        let run = reaper::run(&slot).succeeded();
        assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Idle", vec![]), "{run:?}");
        run.said(&[&format!("left went {why}")]);
        let ran = jobs_that_ran(&slot);
        let ran = |name: &str| ran.iter().any(|job| job == name);
        assert!(ran("left-pre-install") && !ran("left-pre-delete"), "{helm:?}: of bob's, the install's ran alone");
        assert!(ran("own-pre-delete"), "{helm:?}: what carol deployed is cleared with its hooks");
        assert!(slot.names("jobs").iter().all(|job| job != "left-pre-delete"), "{helm:?}");
    }
}
