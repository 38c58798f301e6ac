//! Who is turned away, by which means, and with what words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::people::chart;
use hotdesk_e2e::slot::{SlotBuilder, test_image};
use hotdesk_e2e::{CommandOutput, Grant, Helm, Person, TestSlot, admin, alice, bob, installation, until};
use serde_json::json;

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: intruder}\ndata: {a: b}\n";

/// Turned away with the holder's name, the purpose, and one's own name.
#[track_caller]
fn denied(slot: &TestSlot, ran: CommandOutput) -> CommandOutput {
    let held = format!("slot \"{}\" is held by alice@example.com (\"checkout\"", slot.name());
    ran.failed_saying(&[&held, "and you are bob@example.com"])
}

/// Alice's slot, with a deployment of hers that runs.
fn alices_slot_in_use() -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot
}

fn pod(slot: &TestSlot) -> String {
    slot.names("pods").into_iter().find(|name| name.starts_with("web-")).expect("a pod of web")
}

#[test]
fn a_stranger_creates_nothing_by_kubectl() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    denied(&slot, slot.kubectl(&bob(), &["create", "configmap", "intruder"]));
    denied(&slot, bob().apply(slot.name(), CONFIG_MAP));
    denied(&slot, bob().kubectl_with(&["-n", slot.name(), "apply", "--server-side", "-f", "-"], CONFIG_MAP));
    denied(&slot, bob().kubectl_with(&["-n", slot.name(), "create", "--dry-run=server", "-f", "-"], CONFIG_MAP));
    assert!(!slot.names("configmaps").contains(&"intruder".to_owned()));
}

#[test]
fn nobody_writes_into_nobodys_slot() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let free = format!("slot \"{}\" is free", slot.name());
    slot.kubectl(&alice(), &["create", "configmap", "x"]).failed_saying(&[&free, "Claim it", "hotdesk claim"]);
    slot.helm_install(&alice(), Helm::V4, "web", "web", &[]).failed_saying(&[&free]);
}

#[test]
fn a_lapsed_claim_counts_as_none() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.patch(&json!({"spec": {"claim": {"until": "2020-01-01T00:00:00Z"}}}));
    let lapsed = "lapsed";
    until("the lapse to be seen", Duration::from_secs(20), || {
        let ran = slot.kubectl(&alice(), &["create", "configmap", "x", "--dry-run=server"]);
        if ran.ok() { Err(ran.to_string()) } else { Ok(ran) }
    })
    .said(&[lapsed, "alice@example.com"]);
}

#[test]
fn a_service_account_of_another_namespace_is_a_stranger_even_with_the_same_name() {
    let _held = installation::shared();
    let (slot, other) = (TestSlot::held_by("alice@example.com"), TestSlot::held_by("bob@example.com"));
    for name in [&slot, &other] {
        admin().kubectl(&["-n", name.name(), "create", "serviceaccount", "builder"]).succeeded();
    }
    let user = format!("system:serviceaccount:{}:builder", other.name());
    let role = format!("--user={user}");
    admin().kubectl(&["-n", slot.name(), "create", "rolebinding", "b", "--clusterrole=edit", &role]).succeeded();
    let token = admin().kubectl(&["-n", other.name(), "create", "token", "builder"]).succeeded().stdout;
    let ran = with_token(token.trim(), slot.name(), &["create", "configmap", "x"]);
    ran.failed_saying(&["is held by alice@example.com", &user]);
}

fn with_token(token: &str, namespace: &str, args: &[&str]) -> CommandOutput {
    let config = admin().kubectl(&["config", "view", "--raw", "-o", "json"]).succeeded().json();
    let mut config = config;
    config["users"][0]["user"] = json!({"token": token});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let mut command = admin().command("kubectl");
    command.env("KUBECONFIG", file.path()).args(["-n", namespace]).args(args);
    CommandOutput::run(command, "")
}

#[test]
fn a_stranger_who_impersonates_the_slots_own_service_account_is_turned_away() {
    // The built-in edit role lets its holders impersonate the namespace's service accounts.
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let own = format!("system:serviceaccount:{}:default", slot.name());
    let subject = format!("--serviceaccount={}:default", slot.name());
    slot.kubectl(&admin(), &["create", "rolebinding", "own", "--clusterrole=edit", &subject]).succeeded();
    let ran = slot.kubectl(&bob(), &["create", "configmap", "x", "--as", &own]);
    ran.failed_saying(&[&own, "no token of a pod"]);
}

#[test]
fn a_stranger_changes_and_deletes_nothing() {
    let _held = installation::shared();
    let slot = alices_slot_in_use();
    let bob = bob();
    let patch = r#"{"data":{"greeting":"changed"}}"#;
    denied(&slot, slot.kubectl(&bob, &["patch", "configmap", "web-settings", "--type=merge", "-p", patch]));
    denied(&slot, slot.kubectl(&bob, &["label", "deployment", "web", "a=b"]));
    denied(&slot, slot.kubectl(&bob, &["set", "image", "deployment/web", "app=evil"]));
    denied(&slot, slot.kubectl(&bob, &["delete", "configmap", "web-settings"]));
    denied(&slot, slot.kubectl(&bob, &["delete", "configmaps", "--all"]));
    denied(&slot, slot.kubectl(&bob, &["delete", "all", "--all"]));
    let collection = format!("/api/v1/namespaces/{}/configmaps", slot.name());
    denied(&slot, bob.kubectl(&["delete", "--raw", &collection]));
    denied(&slot, slot.kubectl(&bob, &["scale", "deployment", "web", "--replicas=0"]));
    denied(&slot, slot.kubectl(&bob, &["rollout", "restart", "deployment", "web"]));
    denied(&slot, slot.kubectl(&bob, &["create", "token", "default"]));
    assert_eq!(slot.get("configmap", "web-settings")["data"]["greeting"], "hello");
    assert_eq!(slot.get("deployment", "web")["spec"]["replicas"], 1);
}

/// Rights of an administrator of the slot, as far as Kubernetes' roles go.
fn grant_admin(slot: &TestSlot, user: &str) {
    let binding = ["create", "rolebinding", "boss", "--clusterrole=admin", "--user", user];
    slot.kubectl(&admin(), &binding).succeeded();
}

#[test]
fn a36_a43_nobody_changes_what_hotdesk_put_into_a_slot_in_any_mode() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let both = ["--user=alice@example.com", "--user=bob@example.com"];
    slot.kubectl(&admin(), &[&["create", "rolebinding", "bosses", "--clusterrole=admin"][..], &both].concat())
        .succeeded();
    for mode in ["enforce", "warn", "audit"] {
        slot.patch(&json!({"spec": {"mode": mode}}));
        let tolerates = mode != "enforce";
        until("the mode to be known", Duration::from_secs(30), || {
            let ran = slot.kubectl(&bob(), &["create", "configmap", "x", "--dry-run=server"]);
            if ran.ok() == tolerates { Ok(()) } else { Err(ran.to_string()) }
        });
        let people: &[Person] = if tolerates { &[alice(), bob()] } else { &[alice()] };
        for person in people {
            let subjects = r#"{"subjects":[]}"#;
            let dry = "--dry-run=server";
            for denial in [
                slot.kubectl(person, &["patch", "rolebinding", "hotdesk-edit", "-p", subjects, dry]),
                slot.kubectl(person, &["delete", "rolebinding", "hotdesk-edit", dry]),
                slot.kubectl(person, &["delete", "rolebindings", "--all", dry]),
                slot.kubectl(person, &["create", "rolebinding", "hotdesk-claimants", "--clusterrole=edit", dry]),
                slot.kubectl(person, &["create", "serviceaccount", "hotdesk-reaper", dry]),
                slot.kubectl(
                    person,
                    &["create", "cronjob", "hotdesk-reaper", "--image=a", "--schedule=0 0 1 1 *", dry],
                ),
            ] {
                denial.failed_saying(&["belongs to hotdesk, not to the holder of the slot", person.name]);
            }
            slot.kubectl(person, &["create", "rolebinding", "mine", "--clusterrole=view", dry]).succeeded();
        }
    }
}

#[test]
fn a22_a23_a35_no_token_outlasts_an_hour_in_any_mode() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    for mode in ["enforce", "warn"] {
        slot.patch(&json!({"spec": {"mode": mode}}));
        let tolerates = mode != "enforce";
        until("the mode to be known", Duration::from_secs(30), || {
            let ran = slot.kubectl(&bob(), &["create", "configmap", "x", "--dry-run=server"]);
            if ran.ok() == tolerates { Ok(()) } else { Err(ran.to_string()) }
        });
        let people: &[Person] = if tolerates { &[alice(), bob()] } else { &[alice()] };
        for person in people {
            let token = |duration: &str| slot.kubectl(person, &["create", "token", "default", "--duration", duration]);
            token("1h").succeeded();
            token("2h").failed_saying(&["an hour at most"]);
            token("720h").failed_saying(&["an hour at most"]);
            let for_ever = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "default"}}});
            let create = ["-n", slot.name(), "create", "--dry-run=server", "-f", "-"];
            person.kubectl_with(&create, &for_ever.to_string()).failed_saying(&["holds a token that never expires"]);
        }
    }
}

#[test]
fn a07_what_is_left_out_for_the_slots_own_pods_is_denied_to_strangers() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    grant_admin(&slot, "bob@example.com");
    let _leases = Grant::to(&bob(), "coordination.k8s.io", &["leases"], &["create"]);
    let _slices = Grant::to(&bob(), "discovery.k8s.io", &["endpointslices"], &["create"]);
    let _events = Grant::to(&bob(), "events.k8s.io", &["events"], &["create"]);
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "x"}, "type": "Normal",
        "eventTime": "2026-11-29T10:00:00.000000Z", "action": "a", "reason": "r", "reportingController": "example.com/x",
        "reportingInstance": "x", "regarding": {"kind": "Pod", "name": "x", "namespace": slot.name()}});
    for object in [
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x"}, "spec": {}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"},
            "addressType": "IPv4", "endpoints": []}),
        event,
    ] {
        denied(&slot, bob().kubectl_with(&["-n", slot.name(), "create", "-f", "-"], &object.to_string()));
    }
}

#[test]
fn a_stranger_gets_no_session_in_a_pod() {
    let _held = installation::shared();
    let slot = alices_slot_in_use();
    let pod = pod(&slot);
    let _rights = Grant::to(&bob(), "", &["pods/ephemeralcontainers"], &["patch", "update"]);
    denied(&slot, slot.kubectl(&bob(), &["exec", &pod, "--", "true"]));
    denied(&slot, slot.kubectl(&bob(), &["attach", &pod]));
    denied(&slot, slot.kubectl(&bob(), &["port-forward", &pod, ":8080"]));
    denied(&slot, slot.kubectl(&bob(), &["debug", &pod, "--image", &test_image("app"), "--", "true"]));
    let proxy = format!("/api/v1/namespaces/{}/pods/{pod}:8080/proxy/", slot.name());
    denied(&slot, bob().kubectl(&["get", "--raw", &proxy]));
}

#[test]
fn a_stranger_rewrites_no_labels_through_a_subresource() {
    let _held = installation::shared();
    let slot = alices_slot_in_use();
    let pod = pod(&slot);
    let verbs = ["patch", "get", "update"];
    let _pods = Grant::to(&bob(), "", &["pods/status"], &verbs);
    let _deployments = Grant::to(&bob(), "apps", &["deployments/status"], &verbs);
    let patch = r#"{"metadata":{"labels":{"hotdesk.dev/owner":"bob"}}}"#;
    for (kind, name) in [("pod", pod.as_str()), ("deployment", "web")] {
        let args = ["patch", kind, name, "--subresource=status", "--type=merge", "-p", patch];
        denied(&slot, slot.kubectl(&bob(), &args));
        assert_eq!(slot.get(kind, name)["metadata"]["labels"]["hotdesk.dev/owner"], "alice_at_example.com");
    }
}

#[test]
fn a_stranger_takes_no_label_off_a_slots_namespace() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let resources = ["namespaces", "namespaces/status", "namespaces/finalize"];
    let _rights = Grant::to(&bob(), "", &resources, &["patch", "update", "delete", "get"]);
    let remove = r#"{"metadata":{"labels":{"hotdesk.dev/slot":null}}}"#;
    let change = r#"{"metadata":{"labels":{"hotdesk.dev/slot":"mine"}}}"#;
    for patch in [remove, change] {
        for sub in [&[][..], &["--subresource=status"]] {
            let args = [&["patch", "namespace", slot.name(), "--type=merge", "-p", patch], sub].concat();
            bob().kubectl(&args).failed_saying(&["hotdesk.dev/", slot.name()]);
        }
    }
    let mut namespace = admin().kubectl(&["get", "namespace", slot.name(), "-o", "json"]).succeeded().json();
    namespace["metadata"]["labels"]["hotdesk.dev/slot"] = json!("mine");
    let finalize = format!("/api/v1/namespaces/{}/finalize", slot.name());
    let put = bob().kubectl_with(&["replace", "--raw", &finalize, "-f", "-"], &namespace.to_string());
    put.failed_saying(&["hotdesk.dev/", slot.name()]);
    bob().kubectl(&["delete", "namespace", slot.name()]).failed_saying(&["administrator"]);
    bob().kubectl(&["label", "namespace", slot.name(), "team=payments"]).succeeded();
    assert_eq!(
        admin().kubectl(&["get", "namespace", slot.name(), "-o", "json"]).json()["metadata"]["labels"]["hotdesk.dev/slot"],
        slot.name()
    );
}

#[test]
fn a_denied_install_leaves_nothing_behind() {
    let _held = installation::shared();
    let _namespaces = Grant::to(&bob(), "", &["namespaces"], &["create", "patch"]);
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        let before = everything(&slot);
        denied(&slot, slot.helm_install(&bob(), helm, "web", "web", &[]));
        denied(&slot, slot.helm_install(&bob(), helm, "web", "web", &["--create-namespace"]));
        denied(&slot, slot.helm_install(&bob(), helm, "hooked", "hooked", &[]));
        let by_config_map = bob().with_env("HELM_DRIVER", "configmap");
        denied(&slot, slot.helm_install(&by_config_map, helm, "web", "web", &[]));
        // Without a record to deny, every object is denied by itself.
        let image = format!("image={}", test_image("app"));
        let rendered = bob().helm(helm, &["template", "web", &chart("web"), "--set", &image]).succeeded().stdout;
        let said = denied(&slot, bob().apply(slot.name(), &rendered)).stderr;
        assert_eq!(said.matches("is held by alice@example.com").count(), 5, "each object is denied: {said}");
        assert_eq!(everything(&slot), before, "after {helm:?}");
    }
}

fn everything(slot: &TestSlot) -> String {
    let kinds = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,persistentvolumeclaims";
    slot.kubectl(&admin(), &["get", kinds, "-o", "name"]).succeeded().stdout
}

#[test]
fn of_a_denied_chart_with_crds_only_the_crds_exist() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let verbs = ["create", "patch", "get", "list", "watch"];
    let _crds = Grant::to(&bob(), "apiextensions.k8s.io", &["customresourcedefinitions"], &verbs);
    let _gadgets = Grant::to(&bob(), "e2e.hotdesk.test", &["gadgets"], &verbs);
    for helm in Helm::BOTH {
        denied(&slot, slot.helm_install(&bob(), helm, "gadgets", "gadgets", &[]));
        assert!(slot.names("gadgets.e2e.hotdesk.test").is_empty());
        assert!(!slot.names("secrets").iter().any(|s| s.starts_with("sh.helm.release")));
    }
}

#[test]
fn a_stranger_upgrades_rolls_back_and_uninstalls_nothing() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        slot.helm_install(&alice(), helm, "web", "web", &["--set", "replicas=0"]).succeeded();
        let more = ["--set", "greeting=hi", "--set", "replicas=0"];
        helm_in(&slot, &alice(), helm, &[&["upgrade", "web", &chart("web"), "--reuse-values"][..], &more].concat())
            .succeeded();
        denied(&slot, helm_in(&slot, &bob(), helm, &["upgrade", "web", &chart("web"), "--reuse-values"]));
        denied(&slot, helm_in(&slot, &bob(), helm, &["upgrade", "--install", "web", &chart("web"), "--reuse-values"]));
        denied(&slot, helm_in(&slot, &bob(), helm, &["rollback", "web", "1"]));
        // helm keeps the errors of an uninstall to itself; it shows warnings.
        let uninstall = helm_in(&slot, &bob(), helm, &["uninstall", "web"]);
        uninstall.failed_saying(&["Warning", "is held by alice@example.com", "you are bob@example.com"]);
        assert_eq!(slot.get("configmap", "web-settings")["data"]["greeting"], "hi");
        let releases = helm_in(&slot, &alice(), helm, &["list", "-o", "json"]).succeeded().json();
        assert_eq!((&releases[0]["name"], &releases[0]["revision"]), (&json!("web"), &json!("2")), "{helm:?}");
    }
}

fn helm_in(slot: &TestSlot, who: &Person, helm: Helm, args: &[&str]) -> CommandOutput {
    who.helm(helm, &[args, &["-n", slot.name()]].concat())
}

#[test]
fn a_namespace_with_the_label_and_no_slot_admits_nobody() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&admin(), &["delete", "slot", "slot"]).succeeded();
    until("the Slot's end to be seen", Duration::from_secs(20), || {
        let ran = slot.kubectl(&alice(), &["create", "configmap", "x", "--dry-run=server"]);
        if ran.ok() || ran.stderr.contains("is free") { Err(ran.to_string()) } else { Ok(ran) }
    })
    .said(&["no Slot"]);
}

#[test]
fn the_holder_of_one_slot_is_a_stranger_in_another_and_is_told_what_is_free() {
    let _held = installation::shared();
    let (slot, own, free) =
        (TestSlot::held_by("alice@example.com"), TestSlot::held_by("bob@example.com"), TestSlot::free());
    let ran = denied(&slot, slot.kubectl(&bob(), &["create", "configmap", "x"]));
    let ran = ran.said(&["You hold:", own.name(), "Free:", "kubectl hotdesk claim"]);
    drop((ran, free));
}

#[test]
fn a_purpose_cannot_reach_another_persons_terminal_as_an_escape() {
    let _held = installation::shared();
    let slot = SlotBuilder::held_by(&["alice@example.com"]).make();
    let bad = json!({"spec": {"claim": {"purpose": "x\u{1b}[2Jy"}}}).to_string();
    let ran = slot.kubectl(&alice(), &["patch", "slot", "slot", "--type=merge", "-p", &bad]);
    assert!(!ran.ok(), "a control character was accepted as a purpose: {ran}");
    let tricky = json!({"spec": {"claim": {"purpose": "x\u{202e}y"}}}).to_string();
    let ran = slot.kubectl(&alice(), &["patch", "slot", "slot", "--type=merge", "-p", &tricky]);
    if ran.ok() {
        let said = slot.kubectl(&bob(), &["create", "configmap", "x"]);
        assert!(!said.stderr.contains('\u{202e}'), "{said}");
    }
}
