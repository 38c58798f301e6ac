//! What was reaped comes back as it was, for those who hold the slot, whatever happened meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::people::chart;
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{Wish, test_image, unique};
use hotdesk_e2e::{Helm, Person, TestSlot, admin, alice, bob, installation, until};
use serde_json::{Value, json};

/// A controller that has served somebody else: it can see.
#[must_use = "the controller is deleted when this is dropped"]
fn seeing() -> Ingress {
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    ingress
}

fn slot_with(ingress: &Ingress, more: &Value) -> TestSlot {
    let mut values = reaper::reading(ingress, "1s");
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let slot = Wish::held_by(&["alice@example.com"]).reaper(values).make();
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

/// Every object that people deploy, without what each new object has of its own.
fn snapshot(slot: &TestSlot) -> Value {
    let kinds =
        "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,persistentvolumeclaims,jobs,roles";
    let listed = slot.kubectl(&admin(), &["get", kinds, "-o", "json"]).succeeded().json();
    let mut all = serde_json::Map::new();
    for mut object in listed["items"].as_array().unwrap().clone() {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let passing = ["sh.helm.release.", "reaped.", "run-", "revive-", "reap-by-hand-"];
        if passing.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        object.as_object_mut().unwrap().remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for own in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            metadata.remove(own);
        }
        if object["kind"] == "Service" {
            for own in ["clusterIP", "clusterIPs"] {
                object["spec"].as_object_mut().unwrap().remove(own);
            }
        }
        all.insert(format!("{}/{name}", object["kind"].as_str().unwrap()), object);
    }
    Value::Object(all)
}

/// What helm says of a release.
fn as_helm_says(slot: &TestSlot, who: &Person, helm: Helm, release: &str) -> Vec<String> {
    let get = |what: &str| who.helm(helm, &["get", what, release, "-n", slot.name()]).succeeded().stdout;
    ["values", "manifest", "hooks"].map(get).into()
}

#[track_caller]
fn assert_same(before: &Value, after: &Value) {
    let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, object) in before {
        assert_eq!(object, &after[name], "{name}");
    }
}

fn saved(slot: &TestSlot) -> Vec<String> {
    slot.names("secrets").into_iter().filter(|name| name.starts_with("reaped.")).collect()
}

fn install(slot: &TestSlot, who: &Person, helm: Helm, release: &str, more: &[&str]) {
    let wait = ["--wait", "--timeout", "120s"];
    slot.helm_install(who, helm, release, "shop", &[&wait[..], more].concat()).succeeded();
}

fn comes_back_as_it_was(helm: Helm, who: &Person) {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    install(&slot, who, helm, "shop", &["--set", "greeting=hi", "--set", "cache.port=7777"]);
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
    let told = alice().hotdesk(&["revive", first, "--dry-run"]).succeeded();
    told.said(&["shop (revision 1), cleared", "ConfigMap/shop-settings", "Would come back in", "shop"]);
    assert_eq!(slot.names("deployments"), Vec::<String>::new(), "a dry run does nothing");
    alice().hotdesk(&["revive", first]).succeeded().said(&["Back in", "shop"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(said, as_helm_says(&slot, who, helm, "shop"));
    assert_eq!(saved(&slot), Vec::<String>::new(), "what is back needs no copy");
    let history = who.helm(helm, &["history", "shop", "-n", first, "-o", "json"]).succeeded().json();
    let states: Vec<&str> = history.as_array().unwrap().iter().map(|h| h["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["superseded", "deployed"]);

    alice().hotdesk(&["revive", first]).failed_saying(&["nothing is saved in"]);
    // helm 4 asks who wins where somebody else has written; here nobody has.
    let back = json!({"data": {"greeting": "hi"}}).to_string();
    slot.kubectl(&alice(), &["patch", "configmap", "shop-settings", "--type=merge", "-p", &back]).succeeded();
    let image = format!("image={}", test_image("app"));
    let path = chart("shop");
    let upgrade = [
        "upgrade",
        "--install",
        "shop",
        &path,
        "-n",
        first,
        "--set",
        &image,
        "--set",
        "greeting=hi",
        "--set",
        "cache.port=7778",
        "--wait",
    ];
    who.helm(helm, &upgrade).succeeded();
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
        reap(&slot, &alice());
        let revived = alice().hotdesk(&["revive", slot.name()]).succeeded();
        revived.said(&["not brought back: what its uninstall hook Job/hooked-pre-delete does", "Back in"]);
        assert_same(&before, &snapshot(&slot));
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
        alice().hotdesk(&["revive", slot.name()]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
        assert_eq!(slot.get("persistentvolumeclaim", "data-shop-data-0")["metadata"]["uid"], claim);
        let read = slot.kubectl(&alice(), &["exec", "shop-data-0", "--", "cat", "/data/it"]).succeeded();
        assert_eq!(read.stdout, "mine\n", "{helm:?}");
    }
}

#[test]
fn five_releases_come_back_at_once_and_one_is_installed_anew() {
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
    let revived = alice().hotdesk(&["revive", slot.name(), "-o", "json"]);
    let told: Value = serde_json::from_str(&revived.stdout).unwrap_or_else(|e| panic!("{e}: {revived}"));
    let message = told["message"].as_str().unwrap();
    assert!(
        message.contains("a, b, c and d") && message.contains("e is not back: a release of that name was installed"),
        "{told}"
    );
    assert_eq!(revived.code, Some(1), "{revived}");
    assert_same(&before, &snapshot(&slot));
    assert_eq!(releases(&slot), names);
}

#[test]
fn only_who_holds_the_slot_revives_and_reaps_by_hand() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    for command in ["revive", "reap"] {
        bob().hotdesk(&[command, slot.name()]).failed_saying(&["is held by alice@example.com"]);
    }
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["nothing is saved in"]);
    reaper::until_older(&slot, &alice(), 2);
    let rehearsed = alice().hotdesk(&["reap", slot.name(), "--dry-run"]).succeeded();
    rehearsed.said(&["Dry run:", "Would uninstall: web.", "ConfigMap/web-settings"]);
    assert_eq!(releases(&slot), ["web"]);
    let reaped = alice().hotdesk(&["reap", slot.name(), "-o", "json"]).succeeded().json();
    assert!(reaped["message"].as_str().unwrap().contains("Uninstalled: web."), "{reaped}");
    alice().hotdesk(&["revive", slot.name(), "api"]).failed_saying(&["api is not saved in", "saved are: web"]);
    bob().hotdesk(&["revive", slot.name()]).failed_saying(&["is held by alice@example.com"]);
    // Whoever held the slot could else act in it for ever.
    slot.kubectl(&alice(), &["create", "token", "hotdesk-reviver"]).failed_saying(&["belong to hotdesk"]);
    slot.kubectl(&alice(), &["delete", "serviceaccount", "hotdesk-reviver"]).failed_saying(&["belong to hotdesk"]);
    slot.patch(&json!({"spec": {"claim": null}}));
    slot.wait_until_known();
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["is free", "claim"]);
    slot.kubectl(&admin(), &["delete", "cronjob", "hotdesk-reaper"]).succeeded();
    alice().hotdesk(&["reap", slot.name()]).failed_saying(&["has no reaper"]);
}

#[test]
fn a_revive_that_was_killed_is_finished_by_the_next() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        // A pod that takes its time leaves time to kill the reviver in the middle of the rollback.
        install(&slot, &alice(), helm, "shop", &["--set", "readySeconds=10"]);
        let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), helm, "shop"));
        reap(&slot, &alice());
        alice().hotdesk(&["revive", slot.name(), "--wait=false"]).succeeded();
        until("the rollback to be under way", Duration::from_secs(60), || {
            let found =
                slot.kubectl(&admin(), &["get", "secrets", "-l", "owner=helm,status=pending-rollback", "-o", "name"]);
            let there = found.stdout.contains("shop") && slot.names("deployments").len() == 2;
            if there { Ok(()) } else { Err(found.to_string()) }
        });
        alice().hotdesk(&["revive", slot.name()]).failed_saying(&["somebody is reviving"]);
        let reviver = "app.kubernetes.io/component=reviver";
        slot.kubectl(&admin(), &["delete", "jobs", "-l", reviver, "--cascade=background"]).succeeded();
        slot.kubectl(&admin(), &["delete", "pods", "-l", reviver, "--grace-period=0", "--force"]).succeeded();
        assert_eq!(saved(&slot).len(), 1, "what is not back stays saved");
        alice().hotdesk(&["revive", slot.name()]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
        assert_eq!(said, as_helm_says(&slot, &alice(), helm, "shop"));
        let pending =
            slot.kubectl(&admin(), &["get", "secrets", "-l", "owner=helm,status=pending-rollback", "-o", "name"]);
        assert_eq!(pending.stdout, "", "{helm:?}");
    }
}

#[test]
fn a_revive_that_failed_is_finished_by_the_next_and_what_was_kept_stays() {
    let _held = installation::shared();
    let ingress = seeing();
    // The pods are ready later than the reviver waits.
    let slot = slot_with(&ingress, &json!({"revive": {"timeout": "3s"}}));
    install(&slot, &alice(), Helm::V4, "shop", &["--set", "readySeconds=12"]);
    let edit = json!({"data": {"greeting": "by hand"}}).to_string();
    slot.kubectl(&alice(), &["patch", "configmap", "shop-settings", "--type=merge", "-p", &edit]).succeeded();
    let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), Helm::V4, "shop"));
    let kept = slot.get("configmap", "shop-settings")["metadata"]["uid"].clone();
    reap(&slot, &alice());
    alice()
        .hotdesk(&["revive", slot.name()])
        .failed_saying(&["shop is not back: helm failed", "stays saved: run it again"]);
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "shop"), "whoever deploys next compares with it");
    slot.kubectl(&alice(), &["wait", "deployments", "--all", "--for=condition=Available", "--timeout=60s"]).succeeded();
    alice().hotdesk(&["revive", slot.name()]).succeeded().said(&["Back in"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(slot.get("configmap", "shop-settings")["metadata"]["uid"], kept, "it was not deleted and made anew");
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "shop"));
}

#[test]
fn a_release_that_a_killed_reap_left_half_gone_is_made_whole() {
    let _held = installation::shared();
    let ingress = seeing();
    // How long a reap that died counts as under way.
    let slot = slot_with(&ingress, &json!({"uninstallTimeout": "5s"}));
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let (before, said) = (snapshot(&slot), as_helm_says(&slot, &alice(), Helm::V4, "web"));
    let hold = |list: Value| {
        let patch = json!({"metadata": {"finalizers": list}}).to_string();
        slot.kubectl(&alice(), &["patch", "service", "web", "--type=merge", "-p", &patch]).succeeded();
    };
    hold(json!(["e2e.hotdesk.test/hold"]));
    reaper::until_older(&slot, &alice(), 2);
    let job = reaper::start(&slot, &[]);
    until("the release to be half gone", Duration::from_secs(60), || {
        let service = slot.get("service", "web");
        let going = !service["metadata"]["deletionTimestamp"].is_null() && slot.names("deployments").is_empty();
        if going { Ok(()) } else { Err(service["metadata"].to_string()) }
    });
    slot.kubectl(&admin(), &["delete", "job", &job, "--cascade=foreground", "--grace-period=0", "--force"]).succeeded();
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["is just being cleared", "try again"]);
    hold(json!([]));
    until("the reap to count as ended", Duration::from_secs(120), || {
        alice().hotdesk(&["revive", slot.name()]).as_result()
    })
    .said(&["Back in"]);
    assert_same(&before, &snapshot(&slot));
    assert_eq!(said, as_helm_says(&slot, &alice(), Helm::V4, "web"));
}

#[test]
fn nobody_elses_object_is_overwritten_by_what_comes_back() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reap(&slot, &alice());
    slot.kubectl(&alice(), &["create", "service", "clusterip", "web", "--tcp=81"]).succeeded();
    let refused = alice().hotdesk(&["revive", slot.name()]);
    refused.failed_saying(&["web is not back: Service/web is there and was made by somebody else"]);
    assert_eq!(slot.get("service", "web")["spec"]["ports"][0]["port"], 81);
    assert_eq!(slot.names("deployments"), Vec::<String>::new());
    slot.kubectl(&alice(), &["delete", "service", "web"]).succeeded();
    alice().hotdesk(&["revive", slot.name(), "web"]).succeeded().said(&["Back in"]);
}

#[test]
fn what_was_saved_too_long_ago_is_removed_by_a_later_run_and_nothing_younger_is() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reap(&slot, &alice());
    reaper::run(&slot).succeeded();
    assert_eq!(saved(&slot).len(), 1, "it is young");
    reaper::run_with(&slot, &[("HOTDESK_REVIVE_FOR", "1s")]).succeeded();
    assert_eq!(saved(&slot), Vec::<String>::new());
    alice().hotdesk(&["revive", slot.name()]).failed_saying(&["nothing is saved in", "installed anew with helm"]);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
}

#[test]
fn a_release_that_cannot_be_saved_is_not_reaped() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"secrets": "1"}}});
    admin().apply(slot.name(), &quota.to_string()).succeeded();
    until("the quota to be in force", Duration::from_secs(30), || {
        let status = slot.get("resourcequota", "full")["status"].clone();
        if status["used"]["secrets"].is_null() { Err(status.to_string()) } else { Ok(()) }
    });
    reaper::until_older(&slot, &alice(), 2);
    let run = reaper::run_with(&slot, &[("HOTDESK_RETRIES", "0")]);
    run.failed_saying(&["web was not uninstalled", "could not be brought back", "quota"]);
    assert_eq!((releases(&slot), slot.names("deployments")), (vec!["web".to_owned()], vec!["web".to_owned()]));
}

/// A ClusterRole that a test's chart made, deleted when the test ends.
struct ClusterRole(String);

impl Drop for ClusterRole {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "clusterrole", &self.0, "--ignore-not-found"]));
    }
}

#[test]
fn a_release_that_reaches_beyond_its_slot_stays_whole_or_leaves_that_behind_as_the_setting_says() {
    let _held = installation::shared();
    let ingress = seeing();
    for (setting, stays) in [("keep-release", true), ("keep-objects", false)] {
        let slot = slot_with(&ingress, &json!({"clusterScoped": setting}));
        let role = ClusterRole(format!("{}-reach", slot.name()));
        slot.helm_install(&admin(), Helm::V4, "reach", "reach", &[]).succeeded();
        reaper::until_older(&slot, &alice(), 2);
        let rehearsed = alice().hotdesk(&["reap", slot.name(), "--dry-run"]).succeeded();
        let name = format!("ClusterRole/{}", role.0);
        rehearsed.said(&[&name]);
        let run = reaper::run(&slot).succeeded();
        let exists = admin().kubectl(&["get", "clusterrole", &role.0]).ok();
        assert!(exists, "{setting}: {run:?}");
        if stays {
            assert_eq!((releases(&slot), slot.names("services")), (vec!["reach".to_owned()], vec!["reach".to_owned()]));
            assert_eq!(verdict(&slot), "Kept");
            assert!(
                run.message.contains(&format!("it holds {name}, which the reaper of a slot may not delete")),
                "{run:?}"
            );
            alice().hotdesk(&["plan", slot.name()]).succeeded().said(&["reach (revision 1) stays: it holds", &name]);
        } else {
            assert_eq!((releases(&slot), slot.names("services")), (vec![], vec![]));
            alice().hotdesk(&["revive", slot.name()]).succeeded().said(&["Back in", &name]);
            assert_eq!((releases(&slot), slot.names("services")), (vec!["reach".to_owned()], vec!["reach".to_owned()]));
            let manifest = admin().helm(Helm::V4, &["get", "manifest", "reach", "-n", slot.name()]).succeeded();
            assert!(manifest.stdout.contains("kind: ClusterRole"), "{manifest}");
        }
    }
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
