//! Releases that are hard to reap and to revive: the templates of jobs/reap/tests/data/undo, by their ids.

use super::*;

/// A chart with one of the templates.
struct Trap(tempfile::TempDir);

impl Trap {
    fn of(files: &[&str]) -> Vec<Self> {
        files.iter().map(|file| Self::from(&template(file))).collect()
    }

    fn from(trap: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        std::fs::write(folder.path().join("Chart.yaml"), template("Chart.yaml")).unwrap();
        std::fs::write(folder.path().join("templates/trap.yaml"), trap).unwrap();
        Self(folder)
    }

    fn helm(&self, slot: &TestSlot, who: &Person, helm: Helm, verb: &str) -> hotdesk_e2e::CommandOutput {
        let path = self.0.path().to_string_lossy().into_owned();
        who.helm(helm, &[verb, "web", &path, "-n", slot.name()])
    }
}

fn template(file: &str) -> String {
    let path = format!("{}/../../jobs/reap/tests/data/undo/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().replace("hotdesk-test/app:test", &test_image("app"))
}

/// What helm wrote, byte by byte, by the name of the record.
fn records(slot: &TestSlot) -> Vec<(String, Value)> {
    let all = slot.kubectl(&admin(), &["get", "secrets", "-l", "owner=helm", "-o", "json"]).succeeded().json();
    let record = |secret: &Value| (secret["metadata"]["name"].as_str().unwrap().to_owned(), secret["data"].clone());
    all["items"].as_array().unwrap().iter().map(record).collect()
}

/// Installed by either helm, scaled by hand where there is a number, reaped and revived, all is as before but what is lost.
fn comes_back(id: &str, files: &[&str], replicas: Option<&str>, lost: &[&str]) {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        comes_back_by(helm, &ingress, id, files, replicas, lost);
    }
}

fn comes_back_by(helm: Helm, ingress: &Ingress, id: &str, files: &[&str], replicas: Option<&str>, lost: &[&str]) {
    let slot = slot(ingress);
    for (at, trap) in Trap::of(files).iter().enumerate() {
        let ran = trap.helm(&slot, &alice(), helm, if at == 0 { "install" } else { "upgrade" });
        assert_eq!(ran.ok(), at == 0, "{id}: {ran}");
    }
    if let Some(replicas) = replicas {
        slot.kubectl(&alice(), &["scale", "deployment/web", &format!("--replicas={replicas}")]).succeeded();
    }
    let (mut before, as_recorded) = (snapshot(&slot), records(&slot));
    reap(&slot, &alice());
    assert_eq!((slot.names("deployments"), records(&slot)), (vec![], vec![]), "{id}");
    reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
    lost.iter().for_each(|name| drop(before.as_object_mut().unwrap().remove(*name)));
    assert_same(&before, &snapshot(&slot));
    assert_eq!(records(&slot), as_recorded, "{id}: every record is as it was, byte by byte");
    let by =
        slot.get("secret", "sh.helm.release.v1.web.v1")["metadata"]["annotations"]["hotdesk.dev/deployed-by"].clone();
    assert_eq!(by, "alice@example.com", "{id}: who deployed it, not the account that revived it");
    reaper::revive(&slot, &[]).succeeded().said(&["web came back", "already"]);
}

#[test]
fn u01_comes_back_byte_by_byte() {
    comes_back("u01", &["u01-default-mode.yaml"], Some("2"), &[]);
}

#[test]
fn u02_comes_back_byte_by_byte() {
    comes_back("u02", &["u02-octal-numbers.yaml"], Some("2"), &[]);
}

#[test]
fn u03_comes_back_byte_by_byte() {
    comes_back("u03", &["u03-keys-y-n-on.yaml"], Some("2"), &[]);
}

#[test]
fn u04_comes_back_byte_by_byte() {
    comes_back("u04", &["u04-binary-tag.yaml"], None, &[]);
}

#[test]
fn u05_comes_back_byte_by_byte() {
    comes_back("u05", &["u05-many-aliases.yaml"], None, &[]);
}

#[test]
fn u07_comes_back_byte_by_byte() {
    comes_back("u07", &["u07-scaled.yaml"], Some("3"), &[]);
}

#[test]
fn u08_comes_back_byte_by_byte() {
    comes_back("u08", &["u08-failed-upgrade.v1.yaml", "u08-failed-upgrade.v2.yaml"], None, &[]);
}

#[test]
fn u09_comes_back_byte_by_byte() {
    comes_back("u09", &["u09-renamed.v1.yaml", "u09-renamed.v2.yaml"], None, &["Deployment/new"]);
}

/// What stays of a release is told by a dry run and by the reap, and the rest comes back.
fn what_stays_is_told(file: &str, who: &Person, stays: &[&str]) {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        Trap::of(&[file])[0].helm(&slot, who, helm, "install").succeeded();
        let before = snapshot(&slot);
        assert!(stays.iter().all(|name| before[*name].is_object()), "{before}");
        reaper::until_older(&slot, &alice(), 2);
        reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(stays);
        reaper::run(&slot).succeeded().said(stays);
        assert_eq!(releases(&slot), Vec::<String>::new(), "{file}: {helm:?}");
        let left = snapshot(&slot);
        assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), stays, "{file}: {helm:?}");
        reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
    }
}

#[test]
fn u11_what_the_chart_keeps_is_told_before_and_after() {
    what_stays_is_told("u11-policy-delete.yaml", &alice(), &["Service/web"]);
}

#[test]
fn u18_what_gives_rights_is_told_before_and_after() {
    what_stays_is_told("u18-role.yaml", &admin(), &["Role/web", "RoleBinding/web"]);
}

/// The release stays as a whole, and why is told before anything begins.
fn stays_as_a_whole(file: &str, why: &str) {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        Trap::of(&[file])[0].helm(&slot, &admin(), helm, "install").succeeded();
        let before = snapshot(&slot);
        reaper::until_older(&slot, &alice(), 2);
        reaper::run(&slot).succeeded().said(&[why]);
        assert_eq!(verdict(&slot), "Kept", "{file}: {helm:?}");
        alice().hotdesk(&["plan", slot.name()]).succeeded().said(&["web (revision 1) stays", why]);
        assert_same(&before, &snapshot(&slot));
    }
}

#[test]
fn u06_a_list_of_what_stays_and_what_goes_stays_as_a_whole() {
    stays_as_a_whole("u06-list-mixed.yaml", "what stays (ConfigMap/web-settings) and what goes (Deployment/web)");
}

#[test]
fn u15_a_release_with_hooks_that_the_reaper_may_not_make_stays_as_a_whole() {
    stays_as_a_whole("u15-hook-kinds.yaml", "its pre-delete hook makes ServiceAccount/web-cleaner");
}

/// An uninstall that fails within this limit says what is true, and the slot is open at once.
fn fails_and_says(file: &str, limit: &str, says: &[&str], is_gone: bool, then: impl Fn(&TestSlot)) {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot_with(&ingress, &json!({"uninstallTimeout": limit}));
        Trap::of(&[file])[0].helm(&slot, &alice(), helm, "install").succeeded();
        let before = records(&slot);
        reaper::until_older(&slot, &alice(), 2);
        reaper::run_with(&slot, &[("HOTDESK_RETRIES", "0")]).failed_saying(says);
        assert!(is_gone || records(&slot) == before, "{file}: {helm:?}: its record is as it was");
        then(&slot);
        // A claim that changes shows that the slot is not closed.
        alice().hotdesk(&["keep", slot.name(), "1h"]).succeeded();
        reaper::revive(&slot, &[]).succeeded();
        assert_eq!((releases(&slot), records(&slot)), (vec!["web".to_owned()], before), "{file}: {helm:?}");
    }
}

#[test]
fn u12_a_hook_that_fails_before_the_uninstall_is_told_and_tried_again_later() {
    let says = ["Nothing was uninstalled", "Nothing of web is gone", "web-before"];
    fails_and_says("u12-pre-delete-fails.yaml", "5s", &says, false, |slot| {
        alice().hotdesk(&["why", slot.name()]).succeeded().said(&["web could not be cleared", "tried again from"]);
        reaper::run(slot).succeeded().said(&["its uninstall failed", "is tried again from"]);
        assert_eq!(verdict(slot), "Kept");
    });
}

#[test]
fn u13_a_hook_that_hangs_before_the_uninstall_does_not_run_on() {
    let says = ["Nothing was uninstalled", "Nothing of web is gone"];
    fails_and_says("u13-pre-delete-hangs.yaml", "3s", &says, false, |slot| {
        let hook = slot.kubectl(&admin(), &["get", "job", "web-before", "--ignore-not-found", "-o", "name"]);
        assert_eq!(hook.succeeded().stdout, "", "the hook does not run on");
    });
}

#[test]
fn u14_a_hook_that_fails_after_the_uninstall_is_told_with_what_is_gone() {
    let says = ["Uninstalled: web", "All of web is gone, but", "web-after"];
    fails_and_says("u14-post-delete-fails.yaml", "5s", &says, true, |_| {});
}

#[test]
fn u16_what_waits_for_a_finalizer_is_told_and_comes_back_as_soon_as_that_is_off() {
    let says = ["not all of it is gone: Service/web is there", "its finalizer example.com/hold"];
    fails_and_says("u16-finalizer.yaml", "3s", &says, true, |slot| {
        let waits = "waits for its finalizer example.com/hold";
        // Told at once where nothing is done; a revive looks again for a while.
        reaper::revive_with(slot, &[], &[("HOTDESK_DRY_RUN", "true")]).failed_saying(&[waits]);
        let job = reaper::start_revive(slot, &[], &[]);
        until("the revive to say what it waits for", Duration::from_secs(60), || {
            let log = reaper::kubectl(&["logs", &format!("job/{job}")]);
            if log.stdout.contains(waits) { Ok(()) } else { Err(log.to_string()) }
        });
        let off = json!({"metadata": {"finalizers": []}}).to_string();
        slot.kubectl(&admin(), &["patch", "service", "web", "--type=merge", "-p", &off]).succeeded();
        reaper::finished(&job).succeeded().said(&["Back in"]);
    });
}

#[test]
fn u19_addresses_and_ports_that_were_assigned_are_told_before_and_after_and_the_services_come_back() {
    let _held = installation::shared();
    let ingress = seeing();
    for helm in Helm::BOTH {
        let slot = slot_with(&ingress, &json!({"ignoreDirectTraffic": true}));
        Trap::of(&["u19-assigned-ports.yaml"])[0].helm(&slot, &alice(), helm, "install").succeeded();
        // As a cloud's controller does.
        let address = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}).to_string();
        let status = ["patch", "service", "balanced", "--subresource=status", "--type=merge", "-p", &address];
        slot.kubectl(&admin(), &status).succeeded();
        let port = slot.get("service", "node")["spec"]["ports"][0]["nodePort"].clone();
        let told = [&format!("node port {port}")[..], "load balancer 192.0.2.7", "for it gets others"];
        reaper::until_older(&slot, &alice(), 2);
        reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(&told);
        reaper::run(&slot).succeeded();
        assert_eq!((releases(&slot), slot.names("services")), (vec![], vec![]));
        reaper::revive(&slot, &[]).succeeded().said(&[&told[..], &["Back in"]].concat());
        let balanced = slot.get("service", "balanced");
        assert_eq!(
            (&balanced["spec"]["type"], &balanced["status"]["loadBalancer"]),
            (&json!("LoadBalancer"), &json!({}))
        );
        assert_eq!(slot.get("service", "node")["spec"]["type"], "NodePort");
    }
}

/// What there was, without what was changed by hand.
fn without_edits(mut before: Value) -> Value {
    let web = &mut before["Deployment/web"];
    web["metadata"]["annotations"].as_object_mut().unwrap().remove("note").unwrap();
    // How many pod templates there have been.
    web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
    web["metadata"]["labels"].as_object_mut().unwrap().remove("team").unwrap();
    let container = web["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap();
    container.remove("env").unwrap();
    container.remove("command").unwrap();
    container.insert("resources".to_owned(), json!({})).unwrap();
    before
}

#[test]
fn u20_what_somebody_changed_by_hand_is_told_before_and_after_and_all_else_is_as_before() {
    let _held = installation::shared();
    let ingress = seeing();
    let command = json!({"containers": [{"name": "app", "command": ["sleep", "86400"]}]});
    let command = json!({"spec": {"template": {"spec": command}}}).to_string();
    let told = [
        "what kubectl-set changed of Deployment/web: spec.template.spec.containers[app].env[A]",
        "spec.template.spec.containers[app].resources",
        "what kubectl-annotate changed of Deployment/web: metadata.annotations.note",
        "what kubectl-label changed of Deployment/web: metadata.labels.team",
        "what kubectl-patch changed of Deployment/web: spec.template.spec.containers[app].command",
    ];
    for helm in Helm::BOTH {
        let slot = slot(&ingress);
        Trap::of(&["u20-hand-edits.yaml"])[0].helm(&slot, &alice(), helm, "install").succeeded();
        for edit in [
            &["set", "env", "deployment/web", "A=b"][..],
            &["set", "resources", "deployment/web", "--requests=cpu=1m"],
            &["annotate", "deployment/web", "note=by hand"],
            &["label", "deployment/web", "team=shop"],
            &["patch", "deployment/web", "-p", &command],
        ] {
            slot.kubectl(&alice(), edit).succeeded();
        }
        let before = snapshot(&slot);
        reaper::run_with(&slot, &[("HOTDESK_WINDOW", "1h")]).succeeded();
        alice().hotdesk(&["plan", slot.name()]).succeeded().said(&["web (revision 1) goes"]).said(&told);
        reap(&slot, &alice());
        reaper::revive(&slot, &[]).succeeded().said(&["Back in"]).said(&told);
        assert_same(&without_edits(before), &snapshot(&slot));
    }
}
