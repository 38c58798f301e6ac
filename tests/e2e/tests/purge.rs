//! Who gives a slot back can have removed what was kept and saved of what was cleared there, and nothing else goes with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases};
use hotdesk_e2e::slot::{JOBS, SlotBuilder};
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, admin, alice, bob, installation, until};
use serde_json::{Value, json};

/// What the controller takes to note something, and what two shared cores add.
const SOON: Duration = Duration::from_secs(20);
/// One wish a minute.
const A_MINUTE: Duration = Duration::from_secs(90);

const NAMES: [&str; 2] = ["configmap", "secret"];

fn ask(slot: &TestSlot, who: &Person, builder: &Value) -> CommandOutput {
    let patch = json!({"spec": {"requests": {"purge": builder}}}).to_string();
    slot.kubectl(who, &["patch", "slot", "slot", "--type=merge", "-p", &patch])
}

/// The objects of a release that helm marked, but for its records.
fn left_of(slot: &TestSlot, release: &str) -> Vec<String> {
    let listed = slot.kubectl(&admin(), &["get", "all,configmaps,secrets", "-o", "json"]).succeeded().json();
    let of_release = |object: &&Value| {
        let metadata = &object["metadata"];
        metadata["annotations"]["meta.helm.sh/release-name"] == release
            && metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
            && metadata["ownerReferences"].is_null()
    };
    let all = listed["items"].as_array().unwrap().iter().filter(of_release);
    let mut names: Vec<String> = all
        .map(|object| format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap()))
        .collect();
    names.sort();
    names
}

/// A slot of alice's from which the release `web` was cleared.
fn cleared(ingress: &Ingress) -> TestSlot {
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper::reading(ingress, "1s")).make();
    reaper::until_it_may_read(&slot, ingress);
    until("the controller to know the slot's reaper", SOON, || {
        let status = slot.object()["status"].clone();
        if status["reaper"]["schedule"].is_string() { Ok(()) } else { Err(status.to_string()) }
    });
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reaper::until_older(&slot, &alice(), 2);
    alice().hotdesk(&["reap", slot.name()]).succeeded().said(&["Uninstalled: web"]);
    assert_eq!(releases(&slot), Vec::<String>::new());
    slot
}

#[test]
fn who_gives_a_slot_back_has_removed_what_was_kept_and_saved_and_nothing_else() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let slot = cleared(&ingress);
    let kept = left_of(&slot, "web");
    let kinds: Vec<&str> = kept.iter().filter_map(|object| object.split('/').next()).collect();
    assert_eq!(kinds, ["ConfigMap", "Secret"], "what a reap keeps: {kept:?}");
    assert_eq!(reaper::saved(&slot).len(), 1);
    // What is installed, and what nobody marked.
    slot.helm_install(&alice(), Helm::V4, "other", "web", &["--set", "replicas=0"]).succeeded();
    for kind in NAMES {
        let create =
            if kind == "secret" { vec!["create", kind, "generic", "mine"] } else { vec!["create", kind, "mine"] };
        slot.kubectl(&alice(), &create).succeeded();
    }
    let others = left_of(&slot, "other");
    assert!(others.len() > 2, "{others:?}");

    let held = "is held by alice@example.com";
    ask(&slot, &bob(), &json!({})).failed_saying(&[held]);
    bob().hotdesk(&["release", slot.name(), "--purge"]).failed_saying(&[held]);
    ask(&slot, &alice(), &json!({"names": ["--all"]})).failed_saying(&["is not the name of a helm release"]);

    let tried = alice().hotdesk(&["release", slot.name(), "--purge", "--dry-run"]).succeeded();
    tried.said(&[
        "Dry run: Would be removed from",
        "web (",
        kept[0].as_str(),
        kept[1].as_str(),
        "what was saved of it",
    ]);
    assert_eq!((left_of(&slot, "web"), reaper::saved(&slot).len()), (kept.clone(), 1), "a dry run removes nothing");
    assert_eq!(slot.object()["spec"]["claim"]["users"][0], "alice@example.com", "and gives nothing back");

    let purged = until("another wish to be let in", A_MINUTE, || {
        let ran = alice().hotdesk(&["release", slot.name(), "--purge"]);
        let too_soon = ran.stderr.contains("within the last minute");
        if too_soon { Err(ran.to_string()) } else { Ok(ran) }
    });
    let purged = purged.succeeded();
    purged.said(&["Removed from", kept[0].as_str(), kept[1].as_str(), "what was saved of it", "is free again"]);
    assert_eq!(left_of(&slot, "web"), Vec::<String>::new());
    assert_eq!(reaper::saved(&slot), Vec::<Value>::new());
    assert!(slot.object()["status"]["saved"].as_array().is_none_or(Vec::is_empty), "the Slot tells of none");
    assert_eq!(left_of(&slot, "other"), others, "what is installed stays");
    assert_eq!(releases(&slot), ["other"]);
    for kind in NAMES {
        assert_eq!(slot.get(kind, "mine")["metadata"]["name"], "mine", "nobody marked it");
    }
    let selector = format!("hotdesk.dev/slot={},app.kubernetes.io/component=request", slot.name());
    let jobs = admin().kubectl(&["-n", JOBS, "get", "jobs", "-l", &selector, "-o", "name"]).succeeded().stdout;
    assert!(jobs.contains(&format!("purge-{}-", slot.name())), "{jobs}");

    // She holds it no more: nobody does, and then bob.
    ask(&slot, &alice(), &json!({})).failed_saying(&["claim it before you change it"]);
    alice()
        .hotdesk(&["release", slot.name(), "--purge"])
        .failed_saying(&["is free, so you cannot remove what was kept there"]);
    bob().hotdesk(&["claim", slot.name(), "--purpose", "mine now"]).succeeded();
    ask(&slot, &alice(), &json!({})).failed_saying(&["is held by bob@example.com"]);
}
