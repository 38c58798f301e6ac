//! Releases that stay, and what stays in the slot where a release goes.

use super::*;

#[test]
fn a_release_that_cannot_be_saved_is_not_reaped() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let binding = format!("slots-reaper-{}", slot.name());
    admin().kubectl(&["-n", SAVED, "delete", "rolebinding", &binding]).succeeded();
    until("the right to be gone", Duration::from_secs(20), || {
        let who = format!("--as={}", reaper::account(&slot));
        let can = admin().kubectl(&["-n", SAVED, "auth", "can-i", "create", "secrets", &who]);
        if can.ok() { Err(can.to_string()) } else { Ok(()) }
    });
    reaper::until_older(&slot, &alice(), 2);
    let run = reaper::run_with(&slot, &[("HOTDESK_RETRIES", "0")]);
    run.failed_saying(&["Nothing of web is gone", "could not be brought back", "cannot create resource"]);
    assert_eq!((releases(&slot), slot.names("deployments")), (vec!["web".to_owned()], vec!["web".to_owned()]));
}

#[test]
fn what_gives_rights_stays_where_its_release_goes_and_the_holder_brings_back_the_rest() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&admin(), Helm::V4, "team", "rights", &[]).succeeded();
    let rights =
        || ["serviceaccount", "role", "rolebinding"].map(|kind| slot.get(kind, "team")["metadata"]["uid"].clone());
    let before = rights();
    let run = reap(&slot, &alice());
    run.said(&["ServiceAccount/team", "Role/team", "RoleBinding/team"]);
    assert_eq!((rights(), slot.names("services")), (before.clone(), vec![]));
    let told = slot.object()["status"]["saved"][0]["kept"].to_string();
    assert!(told.contains("RoleBinding/team"), "{told}");
    reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
    assert_eq!((rights(), slot.names("services")), (before, vec!["team".to_owned()]));
}

#[test]
fn an_object_that_is_no_longer_the_releases_stays() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot(&ingress);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let uid = slot.get("service", "web")["metadata"]["uid"].clone();
    slot.kubectl(&alice(), &["annotate", "service", "web", "--overwrite", "meta.helm.sh/release-name=other"])
        .succeeded();
    reap(&slot, &alice()).said(&["Uninstalled: web", "Service/web"]);
    assert_eq!(slot.get("service", "web")["metadata"]["uid"], uid);
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
        let name = format!("ClusterRole/{}", role.0);
        reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(&[&name]);
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
            reaper::revive(&slot, &[]).succeeded().said(&["Back in", &name]);
            assert_eq!((releases(&slot), slot.names("services")), (vec!["reach".to_owned()], vec!["reach".to_owned()]));
            let manifest = admin().helm(Helm::V4, &["get", "manifest", "reach", "-n", slot.name()]).succeeded();
            assert!(manifest.stdout.contains("kind: ClusterRole"), "{manifest}");
        }
    }
}

#[test]
fn a_release_with_hooks_stays_whole_where_the_reaper_may_run_none() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot_with(&ingress, &json!({"hooks": false}));
    slot.helm_install(&alice(), Helm::V4, "hooked", "hooked", &["--set", "hookSeconds=0"]).succeeded();
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    let kept = || slot.get("configmap", "hooked-settings")["metadata"]["uid"].clone();
    let before = kept();
    reaper::until_older(&slot, &alice(), 2);
    let why = "its pre-delete hook Job/hooked-pre-delete needs the right to create it, which the reaper lacks: set reaper.hooks=true";
    reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(&[why]);
    reaper::run(&slot).succeeded().said(&["Uninstalled: web", why]);
    assert_eq!((releases(&slot), kept()), (vec!["hooked".to_owned()], before));
}
