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

    fn helm(&self, slot: &TestSlot, who: &Person, helm: Helm, verb: &str) -> hotdesk_e2e::Ran {
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

fn comes_back(helm: Helm, id: &str, files: &[&str], replicas: Option<&str>, lost: &[&str]) {
    let ingress = seeing();
    let slot = slot(&ingress);
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

fn all_come_back(helm: Helm) {
    let _held = installation::shared();
    comes_back(helm, "u01", &["u01-default-mode.yaml"], Some("2"), &[]);
    comes_back(helm, "u02", &["u02-octal-numbers.yaml"], Some("2"), &[]);
    comes_back(helm, "u03", &["u03-keys-y-n-on.yaml"], Some("2"), &[]);
    comes_back(helm, "u04", &["u04-binary-tag.yaml"], None, &[]);
    comes_back(helm, "u05", &["u05-many-aliases.yaml"], None, &[]);
    comes_back(helm, "u07", &["u07-scaled.yaml"], Some("3"), &[]);
    comes_back(helm, "u08", &["u08-failed-upgrade.v1.yaml", "u08-failed-upgrade.v2.yaml"], None, &[]);
    comes_back(helm, "u09", &["u09-renamed.v1.yaml", "u09-renamed.v2.yaml"], None, &["Deployment/new"]);
}

#[test]
fn u01_to_u09_come_back_byte_by_byte_with_helm_4() {
    all_come_back(Helm::V4);
}

#[test]
fn u01_to_u09_come_back_byte_by_byte_with_helm_3() {
    all_come_back(Helm::V3);
}

#[test]
fn what_stays_is_told_before_and_after() {
    let _held = installation::shared();
    let ingress = seeing();
    for (id, file, who, stays) in [
        ("u11", "u11-policy-delete.yaml", alice(), &["Service/web"][..]),
        ("u18", "u18-role.yaml", admin(), &["Role/web", "RoleBinding/web"]),
    ] {
        let slot = slot(&ingress);
        Trap::of(&[file])[0].helm(&slot, &who, Helm::V4, "install").succeeded();
        let before = snapshot(&slot);
        reaper::until_older(&slot, &alice(), 2);
        reaper::run_with(&slot, &[("HOTDESK_DRY_RUN", "true")]).succeeded().said(stays);
        reaper::run(&slot).succeeded().said(stays);
        assert_eq!(releases(&slot), Vec::<String>::new(), "{id}");
        reaper::revive(&slot, &[]).succeeded().said(&["Back in"]);
        assert_same(&before, &snapshot(&slot));
    }
}

#[test]
fn u06_and_u15_stay_as_a_whole_and_say_why_before_anything_begins() {
    let _held = installation::shared();
    let ingress = seeing();
    for (file, why) in [
        ("u06-list-mixed.yaml", "what stays (ConfigMap/web-settings) and what goes (Deployment/web)"),
        ("u15-hook-kinds.yaml", "its pre-delete hook makes ServiceAccount/web-cleaner"),
    ] {
        let slot = slot(&ingress);
        Trap::of(&[file])[0].helm(&slot, &admin(), Helm::V4, "install").succeeded();
        let before = snapshot(&slot);
        reaper::until_older(&slot, &alice(), 2);
        reaper::run(&slot).succeeded().said(&[why]);
        assert_eq!(verdict(&slot), "Kept");
        alice().hotdesk(&["plan", slot.name()]).succeeded().said(&["web (revision 1) stays", why]);
        assert_same(&before, &snapshot(&slot));
    }
}

#[test]
fn u12_u14_and_u16_say_what_is_true_and_the_slot_is_open_at_once() {
    let _held = installation::shared();
    let ingress = seeing();
    for (id, file, says) in [
        ("u12", "u12-pre-delete-fails.yaml", &["Nothing was uninstalled", "Nothing of web is gone", "web-before"][..]),
        ("u13", "u13-pre-delete-hangs.yaml", &["Nothing was uninstalled", "Nothing of web is gone"]),
        ("u14", "u14-post-delete-fails.yaml", &["Uninstalled: web", "All of web is gone, but", "web-after"]),
        (
            "u16",
            "u16-finalizer.yaml",
            &["not all of it is gone: Service/web is there", "its finalizer example.com/hold"],
        ),
    ] {
        let slot = slot_with(&ingress, &json!({"uninstallTimeout": "5s"}));
        Trap::of(&[file])[0].helm(&slot, &alice(), Helm::V4, "install").succeeded();
        let before = records(&slot);
        reaper::until_older(&slot, &alice(), 2);
        let run = reaper::run_with(&slot, &[("HOTDESK_RETRIES", "0")]);
        run.failed_saying(says);
        assert!(id == "u14" || id == "u16" || records(&slot) == before, "{id}: its record is as it was");
        if id == "u12" {
            alice().hotdesk(&["why", slot.name()]).succeeded().said(&["web could not be cleared", "tried again from"]);
            reaper::run(&slot).succeeded().said(&["its uninstall failed", "is tried again from"]);
            assert_eq!(verdict(&slot), "Kept");
        }
        if id == "u13" {
            let hook = slot.kubectl(&admin(), &["get", "job", "web-before", "--ignore-not-found", "-o", "name"]);
            assert_eq!(hook.succeeded().stdout, "", "the hook does not run on");
        }
        if id == "u16" {
            reaper::revive(&slot, &[]).failed_saying(&["waits for its finalizer example.com/hold"]);
            let off = json!({"metadata": {"finalizers": []}}).to_string();
            slot.kubectl(&admin(), &["patch", "service", "web", "--type=merge", "-p", &off]).succeeded();
        }
        // A claim that changes shows that the slot is not closed.
        alice().hotdesk(&["keep", slot.name(), "1h"]).succeeded();
        reaper::revive(&slot, &[]).succeeded();
        assert_eq!((releases(&slot), records(&slot)), (vec!["web".to_owned()], before), "{id}");
    }
}

#[test]
fn u19_addresses_and_ports_that_were_assigned_are_told_before_and_after_and_the_services_come_back() {
    let _held = installation::shared();
    let ingress = seeing();
    let slot = slot_with(&ingress, &json!({"ignoreDirectTraffic": true}));
    Trap::of(&["u19-assigned-ports.yaml"])[0].helm(&slot, &alice(), Helm::V4, "install").succeeded();
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
    assert_eq!((&balanced["spec"]["type"], &balanced["status"]["loadBalancer"]), (&json!("LoadBalancer"), &json!({})));
    assert_eq!(slot.get("service", "node")["spec"]["type"], "NodePort");
}
