//! What was reaped comes back as it was, for those who hold the slot, whatever happened since.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod interrupted;
mod snapshot;
mod stays;
mod traps;

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::people::chart;
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::shared::shared;
use hotdesk_e2e::slot::{SAVED, SlotBuilder, test_image, unique};
use hotdesk_e2e::{Helm, Person, TestSlot, admin, alice, bob, installation, until};
use serde_json::{Value, json};

use self::snapshot::{assert_same, snapshot};

static SEEING: Mutex<Weak<Ingress>> = Mutex::new(Weak::new());

/// The controller of all these tests, which has served somebody else: it can see.
#[must_use = "the controller is deleted when the last of these is dropped"]
fn seeing() -> Arc<Ingress> {
    let ingress = shared(&SEEING, || Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]));
    ingress.request("/other-web-80").succeeded();
    ingress
}

fn slot_with(ingress: &Ingress, more: &Value) -> TestSlot {
    let mut values = reaper::reading(ingress, "1s");
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let slot = SlotBuilder::held_by(&["alice@example.com"]).reaper(values).make();
    reaper::until_it_may_read(&slot, ingress);
    slot
}

fn slot(ingress: &Ingress) -> TestSlot {
    slot_with(ingress, &json!({}))
}

/// Reaps the slot, and everything of it is gone but what is kept.
fn reap(slot: &TestSlot, who: &Person) -> reaper::Run {
    reaper::until_older(slot, who, 2);
    let run = reaper::run(slot).succeeded();
    assert_eq!(verdict(slot), "Idle", "{run:?}");
    assert_eq!(slot.names("deployments"), Vec::<String>::new(), "{run:?}");
    run
}

/// What helm says of a release.
fn as_helm_says(slot: &TestSlot, who: &Person, helm: Helm, release: &str) -> Vec<String> {
    let get = |what: &str| who.helm(helm, &["get", what, release, "-n", slot.name()]).succeeded().stdout;
    ["values", "manifest", "hooks"].map(get).into()
}

/// The releases that are saved, and that the Slot's status tells of the same.
fn saved(slot: &TestSlot) -> Vec<String> {
    let own = format!("{}.reaped.", slot.name());
    let release = |secret: &Value| {
        let name = secret["metadata"]["name"].as_str().unwrap();
        assert!(name.starts_with(&own), "its name says whose it is: {name}");
        secret["metadata"]["labels"]["reaped.hotdesk.dev/release"].as_str().unwrap().to_owned()
    };
    // Older revisions are saved with the newest, and not told of one by one.
    let is_newest = |secret: &&Value| {
        let about = secret["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap();
        serde_json::from_str::<Value>(about).unwrap()["isEarlier"] != true
    };
    let mut there: Vec<String> = reaper::saved(slot).iter().filter(is_newest).map(release).collect();
    let status = slot.object()["status"]["saved"].as_array().cloned().unwrap_or_default();
    let mut told: Vec<String> = status.iter().map(|saved| saved["release"].as_str().unwrap().to_owned()).collect();
    there.sort();
    told.sort();
    assert_eq!(there, told, "what is saved and what the Slot tells of");
    there
}

fn install(slot: &TestSlot, who: &Person, helm: Helm, release: &str, more: &[&str]) {
    let wait = ["--wait", "--timeout", "120s"];
    slot.helm_install(who, helm, release, "shop", &[&wait[..], more].concat()).succeeded();
}

fn comes_back_as_it_was(helm: Helm, who: &Person) {
    let _held = installation::shared();
    let ingress = seeing();
    // The controller whose log is read serves the release's Ingress.
    let slot = slot_with(&ingress, &json!({"ingress": {"namespace": ingress.namespace(), "classes": ["shop"]}}));
    install(&slot, who, helm, "shop", &["--set", "podinfo=true,greeting=hi,cache.port=7777"]);
    // What people do by hand, with and without a number of replicas in the manifest.
    for name in ["shop-front", "shop-back"] {
        slot.kubectl(&alice(), &["scale", "deployment", name, "--replicas=2"]).succeeded();
    }
    let edit = json!({"data": {"greeting": "by hand", "more": "yes"}}).to_string();
    slot.kubectl(&alice(), &["patch", "configmap", "shop-settings", "--type=merge", "-p", &edit]).succeeded();
    let (before, said) = (snapshot(&slot), as_helm_says(&slot, who, helm, "shop"));
    reap(&slot, who);
    assert_eq!(saved(&slot).len(), 1);

    let first = slot.name();
    let told = reaper::revive_with(&slot, &[], &[("HOTDESK_DRY_RUN", "true")]).succeeded();
    told.said(&["ConfigMap/shop-settings", "Would come back in", "shop"]);
    assert_eq!(slot.names("deployments"), Vec::<String>::new(), "a dry run does nothing");
    reaper::revive(&slot, &[]).succeeded().said(&["Back in", "shop"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(said, as_helm_says(&slot, who, helm, "shop"));
    assert_eq!(saved(&slot), Vec::<String>::new(), "what is back needs no copy");
    let history = who.helm(helm, &["history", "shop", "-n", first, "-o", "json"]).succeeded().json();
    let states: Vec<&str> = history.as_array().unwrap().iter().map(|h| h["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["deployed"], "its history is what it was");

    reaper::revive(&slot, &[]).succeeded().said(&["shop came back", "already"]);
    assert!(slot.object()["status"]["lastReap"]["restoredAt"].is_string());
    // helm 4 asks who wins where somebody else has written; here nobody has.
    let back = json!({"data": {"greeting": "hi"}}).to_string();
    slot.kubectl(&alice(), &["patch", "configmap", "shop-settings", "--type=merge", "-p", &back]).succeeded();
    let image = format!("image={}", test_image("app"));
    let path = chart("shop");
    let values = ["--set", &image, "--set", "podinfo=true,greeting=hi,cache.port=7778"];
    let upgrade = ["upgrade", "--install", "shop", &path, "-n", first, "--wait"];
    who.helm(helm, &[&upgrade[..], &values].concat()).succeeded();
    assert_eq!(slot.get("service", "shop-cache")["spec"]["ports"][0]["port"], 7778);
}

#[test]
fn a_release_of_helm_3_comes_back_as_it_was() {
    comes_back_as_it_was(Helm::V3, &alice());
}

#[test]
fn a_release_of_helm_4_comes_back_as_it_was() {
    comes_back_as_it_was(Helm::V4, &alice());
}

#[test]
fn a_release_recorded_in_a_config_map_comes_back_as_it_was() {
    comes_back_as_it_was(Helm::V3, &alice().with_env("HELM_DRIVER", "configmap"));
}

#[test]
fn hooks_of_the_install_do_not_run_again_and_what_a_hook_of_the_uninstall_does_is_said() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        slot.helm_install(&alice(), helm, "hooked", "hooked", &["--set", "hookSeconds=0"]).succeeded();
        let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), helm, "hooked"));
        let trace = |event: &str| slot.get("configmap", &format!("hooked-saw-{event}"))["metadata"]["uid"].clone();
        let installed = trace("post-install");
        reap(&slot, &alice());
        let revived = reaper::revive(&slot, &[]).succeeded();
        let undone = |event: &str| format!("what its uninstall hook Job/hooked-{event} does");
        revived.said(&[&format!("not brought back: {}", undone("pre-delete")), &undone("post-delete"), "Back in"]);
        assert_eq!(trace("post-install"), installed, "{helm:?}: it did not run again");
        let mut after = snapshot(&slot);
        for event in ["pre-rollback", "post-rollback"] {
            let ran = after.as_object_mut().unwrap().remove(&format!("ConfigMap/hooked-saw-{event}"));
            assert!(ran.is_some(), "{helm:?}: a revive is a rollback: {event}");
        }
        assert_same(&before, &after);
        assert_eq!(said, as_helm_says(&slot, &alice(), helm, "hooked"), "{helm:?}");
    }
}

/// A volume of this cluster's only node, deleted when the test ends.
struct Volume(String);

impl Volume {
    fn of(slot: &TestSlot, claim: &str) -> Self {
        let name = unique("volume");
        let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Mi"}, "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": slot.name(), "name": claim},
            "hostPath": {"path": format!("/tmp/{name}"), "type": "DirectoryOrCreate"}}});
        admin().kubectl_with(&["apply", "-f", "-"], &volume.to_string()).succeeded();
        Self(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "persistentvolume", &self.0, "--wait=false"]));
    }
}

#[test]
fn a_stateful_set_comes_back_to_its_data() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        let _volume = Volume::of(&slot, "data-shop-data-0");
        install(&slot, &alice(), helm, "shop", &["--set", "stateful=true"]);
        let write = ["exec", "shop-data-0", "--", "sh", "-c", "echo mine > /data/it"];
        slot.kubectl(&alice(), &write).succeeded();
        let before = snapshot(&slot);
        let claim = slot.get("persistentvolumeclaim", "data-shop-data-0")["metadata"]["uid"].clone();
        reaper::until_older(&slot, &alice(), 2);
        // She has just been in the pod.
        reaper::until_session_older(&slot, 2);
        reaper::run_with(&slot, &[("HOTDESK_SESSION_GRACE", "1s")]).succeeded();
        assert_eq!(slot.names("statefulsets"), Vec::<String>::new());
        reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
        assert_eq!(slot.get("persistentvolumeclaim", "data-shop-data-0")["metadata"]["uid"], claim);
        let read = slot.kubectl(&alice(), &["exec", "shop-data-0", "--", "cat", "/data/it"]).succeeded();
        assert_eq!(read.stdout, "mine\n", "{helm:?}");
    }
}

#[test]
fn five_releases_come_back_at_once_and_one_is_installed_again() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    let names = ["a", "b", "c", "d", "e"];
    for (index, name) in names.iter().enumerate() {
        let helm = Helm::BOTH[index % 2];
        slot.helm_install(&alice(), helm, name, "web", &["--set", "replicas=0"]).succeeded();
    }
    let before = snapshot(&slot);
    reap(&slot, &alice());
    assert_eq!(saved(&slot).len(), 5);
    // A plain install takes over what was kept.
    slot.helm_install(&alice(), Helm::V4, "e", "web", &["--set", "replicas=0"]).succeeded();
    let revived = reaper::revive(&slot, &[]);
    assert_eq!(revived.exit_code, 4, "{revived:?}");
    revived.failed_saying(&["a, b, c and d", "e is not back: a release of that name has been installed since"]);
    assert_eq!(saved(&slot), ["e"], "what is not back stays saved");
    assert_same(&before, &snapshot(&slot));
    assert_eq!(releases(&slot), names);
}

#[test]
fn only_who_holds_the_slot_revives_and_reaps_by_hand() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    bob().hotdesk(&["reap", slot.name()]).failed_saying(&["is held by alice@example.com"]);
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["nothing is saved in"]);
    reaper::until_older(&slot, &alice(), 2);
    let rehearsed = alice().hotdesk(&["reap", slot.name(), "--dry-run"]).succeeded();
    rehearsed.said(&["Dry run:", "Would uninstall: web.", "ConfigMap/web-settings"]);
    assert_eq!(releases(&slot), ["web"]);
    // Hotdesk carries out one request of a kind a minute.
    let reaped = until("the minute after the rehearsal to pass", Duration::from_secs(90), || {
        alice().hotdesk(&["reap", slot.name()]).as_result()
    });
    reaped.said(&["Uninstalled: web."]);
    alice().hotdesk(&["revive", slot.name(), "api"]).failed_saying(&["api is not saved in", "saved are: web"]);
    bob().hotdesk(&["revive", slot.name()]).failed_saying(&["is held by alice@example.com"]);
    slot.patch(&json!({"spec": {"claim": null}}));
    slot.wait_until_known();
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["nobody holds the slot", "claim it"]);
}

#[test]
fn what_was_reaped_under_a_claim_is_not_the_next_holders_to_bring_back() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let hers =
        slot.object()["metadata"]["annotations"]["hotdesk.dev/claim-id"].as_str().expect("a claim id").to_owned();
    reap(&slot, &alice());
    assert_eq!(slot.object()["status"]["saved"][0]["claimID"], json!(hers));
    slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "his own"}}}));
    reaper::revive(&slot, &[]).failed_saying(&["under another claim than yours", "an administrator of hotdesk"]);
    // What she asked for before does not count any more either.
    let late = [("HOTDESK_CLAIM_ID", hers.as_str()), ("HOTDESK_REQUEST_ID", "r1")];
    let changed = "the claim changed hands since this was asked for (request r1)";
    reaper::revive_with(&slot, &[], &late).failed_saying(&[changed]);
    reaper::run_with(&slot, &late).failed_saying(&[changed, "Nothing was uninstalled"]);
    assert_eq!(slot.names("deployments"), Vec::<String>::new());
    reaper::revive_with(&slot, &[], &[("HOTDESK_CLAIM_ID", "")]).failed_saying(&["nobody is named for whom"]);
    let any = [("HOTDESK_CLAIM_ID", ""), ("HOTDESK_ANY_CLAIM", "true")];
    reaper::revive_with(&slot, &["web"], &any).succeeded().said(&["Back in"]);
    assert_eq!((releases(&slot), saved(&slot)), (vec!["web".to_owned()], vec![]));
}

#[test]
fn nobody_elses_object_is_overwritten_by_what_comes_back() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reap(&slot, &alice());
    slot.kubectl(&alice(), &["create", "service", "clusterip", "web", "--tcp=81"]).succeeded();
    let refused = reaper::revive(&slot, &[]);
    refused.failed_saying(&["web is not back: Service/web is there and was made by somebody else"]);
    assert_eq!(slot.get("service", "web")["spec"]["ports"][0]["port"], 81);
    assert_eq!(slot.names("deployments"), Vec::<String>::new());
    slot.kubectl(&alice(), &["delete", "service", "web"]).succeeded();
    reaper::revive(&slot, &["web"]).succeeded().said(&["Back in"]);
}

/// Runs the job that removes what is kept for no longer, of all slots.
fn prune() -> reaper::Run {
    let job = unique("prune");
    reaper::kubectl(&["create", "job", &job, "--from=cronjob/prune-saved"]).succeeded();
    let run = reaper::finished(&job);
    reaper::kubectl(&["delete", "job", &job, "--wait=false"]).succeeded();
    run
}

#[test]
fn what_is_kept_for_no_longer_is_removed_and_nothing_younger_is() {
    let _held = installation::shared();
    let ingress = seeing();
    let slots = ["1s", "1h"].map(|kept| slot_with(&ingress, &json!({"revive": {"for": kept}})));
    for slot in &slots {
        slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
        reap(slot, &alice());
        assert_eq!(reaper::saved(slot).len(), 1);
    }
    let [over, young] = &slots;
    prune().succeeded().said(&["Removed "]);
    assert_eq!((reaper::saved(over).len(), reaper::saved(young).len()), (0, 1));
    reaper::revive(over, &[]).failed_saying(&["nothing is saved in", "Install it again with helm"]);
    reaper::run(over).succeeded();
    assert_eq!((saved(over), saved(young)), (vec![], vec!["web".to_owned()]), "and nobody is told of it any more");
    over.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
}

#[test]
fn plan_and_why_tell_what_each_signal_saw_and_what_would_go() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot_with(&ingress, &json!({"window": "1h"}));
    for release in ["web", "roles"] {
        slot.helm_install(&alice(), Helm::V4, release, "web", &["--set", "replicas=0"]).succeeded();
    }
    alice()
        .hotdesk(&["plan", slot.name()])
        .succeeded()
        .said(&["Nobody has checked yet", "not known until the next check"]);
    reaper::run(&slot).succeeded();
    let plan = bob().hotdesk(&["plan", slot.name()]).succeeded();
    plan.said(&[
        "is in use: release",
        "If nobody uses it, it is cleared after",
        "by the run of",
        "deploy",
        "(revision 1) by alice@example.com",
        "web (revision 1) goes",
        "what stays: Secret/web-password and ConfigMap/web-settings",
        "roles stays: by its name",
    ]);
    let told = alice().hotdesk(&["plan", slot.name(), "-o", "json"]).succeeded().json();
    assert_eq!(told["plan"]["releases"][0]["name"], "web", "{told}");
    alice().hotdesk(&["why", slot.name()]).succeeded().said(&["- deploy: in use, last saw something at"]);
    reap_after(&slot, "1s");
    assert_eq!(slot.object()["status"]["plan"], Value::Null);
    let signals = slot.object()["status"]["signals"].clone();
    let logs = signals.as_array().unwrap().iter().find(|signal| signal["name"] == "ingress-logs").cloned();
    assert_eq!(logs.unwrap()["state"], "Quiet", "{signals}");
}

fn reap_after(slot: &TestSlot, window: &str) {
    reaper::until_older(slot, &alice(), 2);
    reaper::run_with(slot, &[("HOTDESK_WINDOW", window)]).succeeded();
    assert_eq!(releases(slot), ["roles"]);
}
