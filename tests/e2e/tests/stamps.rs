//! What carries the owner's name, and that nothing else changes by it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::people::chart;
use hotdesk_e2e::{Grant, Helm, TestSlot, admin, alice, bob, installation, templates, until};
use serde_json::{Value, json};

const ALICES: [(&str, &str, &str); 5] = [
    ("labels", "hotdesk.dev/owner", "alice_at_example.com"),
    ("annotations", "hotdesk.dev/owner", "alice@example.com"),
    ("annotations", "hotdesk.dev/claimants", "alice@example.com"),
    ("annotations", "hotdesk.dev/purpose", "checkout"),
    ("labels", "hotdesk.dev/slot", ""),
];

#[track_caller]
fn carries_alices_stamp(slot: &TestSlot, object: &Value) {
    for (field, key, value) in ALICES {
        let value = if value.is_empty() { slot.name() } else { value };
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        assert_eq!(object["metadata"][field][key], value, "{field} {key} of {kind} {name}");
    }
}

/// Everything of a kind in the slot that came with the release `web`.
fn of_web(slot: &TestSlot, kind: &str) -> Vec<Value> {
    let listed = admin().kubectl(&["-n", slot.name(), "get", kind, "-o", "json"]).succeeded().json();
    let is_webs = |o: &&Value| o["metadata"]["name"].as_str().unwrap().contains("web");
    listed["items"].as_array().unwrap().iter().filter(is_webs).cloned().collect()
}

fn web(helm: Helm) -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), helm, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot
}

#[test]
fn every_object_of_a_release_carries_the_owner_down_to_the_pods() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = web(helm);
        for (kind, count) in
            [("deployments", 1), ("replicasets", 1), ("pods", 1), ("services", 2), ("configmaps", 1), ("secrets", 2)]
        {
            let objects = of_web(&slot, kind);
            assert_eq!(objects.len(), count, "{kind} by {helm:?}");
            objects.iter().for_each(|object| carries_alices_stamp(&slot, object));
        }
        let record = slot.get("secret", "sh.helm.release.v1.web.v1");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "alice@example.com");
        let settings = slot.get("configmap", "web-settings");
        assert_eq!(settings["metadata"]["annotations"]["hotdesk.dev/deployed-by"], Value::Null);
        let template = &slot.get("deployment", "web")["spec"]["template"]["metadata"];
        assert_eq!(template["labels"], json!({"app": "web"}), "a stamp must never reach a pod template");
    }
}

#[test]
fn forged_changed_and_removed_stamps_are_put_right() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let forged = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "forged",
        "labels": {"hotdesk.dev/owner": "bob", "hotdesk.dev/anything": "x", "app": "mine"},
        "annotations": {"hotdesk.dev/deployed-by": "bob@example.com", "hotdesk.dev/owner": "bob@example.com"},
    }});
    alice().apply(slot.name(), &forged.to_string()).succeeded();
    let object = slot.get("configmap", "forged");
    carries_alices_stamp(&slot, &object);
    assert_eq!(object["metadata"]["labels"]["hotdesk.dev/anything"], Value::Null);
    assert_eq!(object["metadata"]["annotations"]["hotdesk.dev/deployed-by"], Value::Null);
    assert_eq!(object["metadata"]["labels"]["app"], "mine");
    slot.kubectl(&alice(), &["label", "configmap", "forged", "hotdesk.dev/owner=bob", "--overwrite"]).succeeded();
    carries_alices_stamp(&slot, &slot.get("configmap", "forged"));
    slot.kubectl(&alice(), &["label", "configmap", "forged", "hotdesk.dev/owner-", "hotdesk.dev/slot-"]).succeeded();
    slot.kubectl(&alice(), &["annotate", "configmap", "forged", "hotdesk.dev/purpose-"]).succeeded();
    carries_alices_stamp(&slot, &slot.get("configmap", "forged"));
}

#[test]
fn a76_a_forged_stamp_in_a_template_is_refused_for_every_built_in_kind() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let _templates = Grant::to(&alice(), "", &["podtemplates"], &["create"]);
    let mut admitted = Vec::new();
    for template in templates::all() {
        for kind in &template.kinds {
            let (mut object, ..) = templates::object(kind, "forged");
            templates::mark(&mut object, &template.field, "labels", "hotdesk.dev/owner", "bob");
            let create = ["-n", slot.name(), "create", "--dry-run=server", "-f", "-"];
            let ran = admin().kubectl_with(&[&create[..], &AS_ALICE].concat(), &object.to_string());
            let says = format!("{}.metadata.labels has the key hotdesk.dev/owner", template.field);
            if ran.ok() || !ran.stderr.contains("\"gate.hotdesk.dev\" denied") || !ran.stderr.contains(&says) {
                admitted.push(format!("{kind} {}: {ran}", template.field));
            }
        }
    }
    assert!(admitted.is_empty(), "{}", admitted.join("\n"));
}

const AS_ALICE: [&str; 4] = ["--as", "alice@example.com", "--as-group", "developers"];

/// Every field of Kubernetes' own API that holds labels and annotations for other objects, by the kinds that it is part of.
#[test]
fn the_table_has_every_template_of_kubernetes_own_api() {
    let _held = installation::shared();
    let api = admin().kubectl(&["get", "--raw", "/openapi/v2"]).succeeded().json();
    let definitions = api["definitions"].as_object().unwrap();
    let properties = |name: &str| definitions[name]["properties"].as_object().cloned().unwrap_or_default();
    let refers = |value: &Value, name: &str| value.to_string().contains(&format!("definitions/{name}\""));
    let is_template = |name: &&String| {
        let own = properties(name);
        let metadata =
            own.get("metadata").is_some_and(|m| refers(m, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
        metadata && !own.contains_key("kind")
    };
    let found: Vec<&str> = definitions.keys().filter(is_template).filter_map(|name| name.rsplit('.').next()).collect();
    let known = ["JobTemplateSpec", "PersistentVolumeClaimTemplate", "PodTemplateSpec", "ResourceClaimTemplateSpec"];
    assert_eq!(found, known, "a new one belongs into charts/hotdesk/files/gated.yaml, under templates");
    for (template, holders) in [
        (
            "PodTemplateSpec",
            "DaemonSetSpec DeploymentSpec ReplicaSetSpec StatefulSetSpec JobSpec PodTemplate ReplicationControllerSpec",
        ),
        ("JobTemplateSpec", "CronJobSpec"),
        ("PersistentVolumeClaimTemplate", "EphemeralVolumeSource"),
        ("ResourceClaimTemplateSpec", "ResourceClaimTemplate"),
    ] {
        let whole = definitions.keys().find(|name| name.rsplit('.').next() == Some(template)).unwrap();
        let mut holding: Vec<&str> = definitions
            .keys()
            .filter(|name| properties(name).values().any(|value| refers(value, whole)))
            .filter_map(|name| name.rsplit('.').next())
            .filter(|name| !name.ends_with("List"))
            .collect();
        holding.sort_unstable();
        let mut expected: Vec<&str> = holders.split(' ').collect();
        expected.sort_unstable();
        assert_eq!(holding, expected, "{template}: a new holder belongs into charts/hotdesk/files/gated.yaml");
    }
}

#[test]
fn an_old_template_with_a_reserved_key_may_still_be_scaled() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let (mut object, ..) = templates::object("apps/Deployment", "old");
    object["spec"]["replicas"] = json!(0);
    templates::mark(&mut object, "spec.template", "annotations", "hotdesk.dev/owner", "bob");
    admin().kubectl_with(&["-n", slot.name(), "create", "-f", "-"], &object.to_string()).succeeded();
    slot.kubectl(&alice(), &["scale", "deployment", "old", "--replicas=1", "--dry-run=server"]).succeeded();
    let annotate = |value: &str| {
        let template = json!({"metadata": {"annotations": {"hotdesk.dev/owner": value}}});
        let patch = json!({"spec": {"paused": true, "template": template}}).to_string();
        slot.kubectl(&alice(), &["patch", "deployment", "old", "--dry-run=server", "-p", &patch])
    };
    annotate("bob").succeeded();
    annotate("eve").failed_saying(&["spec.template.metadata.annotations has the key hotdesk.dev/owner"]);
}

#[test]
fn a74_a_claimant_names_nobody_for_whom_she_deploys() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&alice(), &["create", "configmap", "x"]).succeeded();
    slot.kubectl(&alice(), &["label", "configmap", "x", "hotdesk.dev/for=carol_at_example.com"]).succeeded();
    slot.kubectl(&alice(), &["annotate", "configmap", "x", "hotdesk.dev/for=carol_at_example.com"]).succeeded();
    let metadata = slot.get("configmap", "x")["metadata"].clone();
    assert_eq!(metadata["labels"]["hotdesk.dev/for"], Value::Null);
    assert_eq!(metadata["annotations"]["hotdesk.dev/for"], Value::Null);
}

#[test]
fn a75_keys_that_only_look_reserved_are_anybodys_and_not_the_stamp() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&alice(), &["create", "configmap", "x"]).succeeded();
    let keys = ["HOTDESK.dev/owner", "x.hotdesk.dev/owner", "xhotdesk.dev/owner", "hotdesk.dev"];
    for key in keys.into_iter().filter(|key| key.to_lowercase() == *key) {
        slot.kubectl(&alice(), &["label", "configmap", "x", &format!("{key}=carol")]).succeeded();
    }
    // A label's prefix is a name of the DNS, in lower case.
    slot.kubectl(&alice(), &["label", "configmap", "x", "HOTDESK.dev/owner=carol"]).failed_saying(&["HOTDESK.dev"]);
    carries_alices_stamp(&slot, &slot.get("configmap", "x"));
}

#[test]
fn a79_a_binding_brings_no_forged_stamp_to_its_pod() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let _rights = Grant::to(&alice(), "", &["pods/binding", "bindings"], &["create"]);
    let spec = json!({"schedulerName": "none", "containers": [{"name": "a", "image": "a"}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec});
    alice().apply(slot.name(), &pod.to_string()).succeeded();
    let bind = |url: &str, annotations: Value| {
        let metadata = json!({"name": "web", "namespace": slot.name(), "annotations": annotations});
        let target = json!({"kind": "Node", "name": "nowhere"});
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target});
        let url = format!("/api/v1/namespaces/{}/{url}?dryRun=All", slot.name());
        alice().kubectl_with(&["create", "--raw", &url, "-f", "-"], &binding.to_string())
    };
    for url in ["pods/web/binding", "bindings"] {
        bind(url, json!({"hotdesk.dev/owner": "bob"})).failed_saying(&["hotdesk.dev/owner", "is not the claim's"]);
        bind(url, json!({"note": "mine"})).succeeded();
    }
}

#[test]
fn a_status_is_written_although_the_object_carries_an_older_stamp() {
    // The API server puts back the labels and annotations that the object had, whatever the webhook made of them.
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let _rights = Grant::to(&alice(), "", &["pods/ephemeralcontainers"], &["patch", "get"]);
    slot.kubectl(&alice(), &["run", "web", "--image=a", "--image-pull-policy=Never"]).succeeded();
    let purpose = || slot.get("pod", "web")["metadata"]["annotations"]["hotdesk.dev/purpose"].clone();
    // The controller puts the stamp right a second later: the write has to come before it, which a slow machine misses.
    let written_under_an_older_stamp = |number: usize| {
        let (older, newer) = (purpose(), format!("refunds {number}"));
        slot.patch(&json!({"spec": {"claim": {"purpose": newer}}}));
        until("the new purpose to be known", Duration::from_secs(30), || {
            let made =
                slot.kubectl(&alice(), &["create", "configmap", "x", "--dry-run=server", "-o", "json"]).succeeded();
            if made.stdout.contains(&newer) { Ok(()) } else { Err(made.to_string()) }
        });
        let container = json!({"name": format!("look-{number}"), "image": "a"});
        let debug = json!({"spec": {"ephemeralContainers": [container]}}).to_string();
        let args = ["patch", "pod", "web", "--subresource=ephemeralcontainers", "-p", &debug, "-o", "json"];
        let written: Value = serde_json::from_str(&slot.kubectl(&alice(), &args).succeeded().stdout).expect("JSON");
        written["metadata"]["annotations"]["hotdesk.dev/purpose"] == older
    };
    assert!((0..10).any(written_under_an_older_stamp), "the restamper came before the write each time: {}", purpose());
}

#[test]
fn no_controller_selects_its_pods_by_what_hotdesk_writes() {
    // It would not know its pods again once they are stamped, and make new ones forever.
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let replica_set = |selector: Value, labels: Value| {
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
        let spec = json!({"replicas": 0, "selector": selector, "template": template});
        let object = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec});
        alice().kubectl_with(&["-n", slot.name(), "create", "--dry-run=server", "-f", "-"], &object.to_string())
    };
    let forged = json!({"app": "web", "hotdesk.dev/owner": "bob"});
    replica_set(json!({"matchLabels": forged}), forged)
        .failed_saying(&["has the key hotdesk.dev/owner", "Take it out"]);
    let absent = json!({"matchExpressions": [{"key": "hotdesk.dev/slot", "operator": "DoesNotExist"}]});
    replica_set(absent, json!({"app": "web"})).failed_saying(&["hotdesk.dev/slot", "of your own"]);
    replica_set(json!({"matchLabels": {"app": "web"}}), json!({"app": "web"})).succeeded();
}

#[test]
fn a_stamp_that_is_put_right_does_not_even_make_a_new_generation() {
    let _held = installation::shared();
    let slot = web(Helm::V4);
    let (before, pods) = (slot.get("deployment", "web"), slot.names("pods"));
    slot.kubectl(&alice(), &["label", "deployment", "web", "hotdesk.dev/owner=bob", "--overwrite"]).succeeded();
    slot.kubectl(&alice(), &["annotate", "deployment", "web", "hotdesk.dev/purpose-", "hotdesk.dev/owner-"])
        .succeeded();
    slot.kubectl(&alice(), &["label", "deployment", "web", "team=payments"]).succeeded();
    let after = slot.get("deployment", "web");
    carries_alices_stamp(&slot, &after);
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    assert_eq!(slot.names("pods"), pods);
}

#[test]
fn a_changed_claim_causes_no_rollout() {
    let _held = installation::shared();
    let slot = web(Helm::V4);
    let (before, replica_sets, pods) = (slot.get("deployment", "web"), slot.names("replicasets"), slot.names("pods"));
    slot.patch(&json!({"spec": {"claim": {"users": ["alice@example.com", "carol@example.com"], "purpose": "other"}}}));
    until("the new claim in a stamp", Duration::from_secs(20), || {
        let poke = format!("poke={}", hotdesk_e2e::slot::unique("word"));
        slot.kubectl(&alice(), &["label", "deployment", "web", &poke, "--overwrite"]).succeeded();
        let purpose = slot.get("deployment", "web")["metadata"]["annotations"]["hotdesk.dev/purpose"].clone();
        if purpose == "other" { Ok(()) } else { Err(purpose.to_string()) }
    });
    slot.kubectl(&alice(), &["rollout", "status", "deployment/web", "--timeout=60s"]).succeeded();
    let after = slot.get("deployment", "web");
    assert_eq!(after["metadata"]["annotations"]["hotdesk.dev/claimants"], "alice@example.com,carol@example.com");
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!((slot.names("replicasets"), slot.names("pods")), (replica_sets, pods));
}

#[test]
fn a_helm_upgrade_with_nothing_changed_changes_nothing() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = web(helm);
        let versions = || -> Vec<Value> {
            let of = |kind: &str| {
                of_web(&slot, kind).iter().map(|o| o["metadata"]["resourceVersion"].clone()).collect::<Vec<_>>()
            };
            [
                of("configmaps"),
                of("services"),
                vec![slot.get("secret", "web-password")["metadata"]["resourceVersion"].clone()],
            ]
            .concat()
        };
        let (before, generation) = (versions(), slot.get("deployment", "web")["metadata"]["generation"].clone());
        for _ in 0..2 {
            alice().helm(helm, &["upgrade", "web", &chart("web"), "-n", slot.name(), "--reuse-values"]).succeeded();
        }
        assert_eq!(versions(), before, "{helm:?}");
        assert_eq!(slot.get("deployment", "web")["metadata"]["generation"], generation, "{helm:?}");
        let record = slot.get("secret", "sh.helm.release.v1.web.v3");
        carries_alices_stamp(&slot, &record);
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "alice@example.com");
    }
}

#[test]
fn a_release_record_never_replays_a_former_owner() {
    let _held = installation::shared();
    for helm in Helm::BOTH {
        let slot = TestSlot::held_by("alice@example.com");
        slot.helm_install(&alice(), helm, "web", "web", &["--set", "replicas=0"]).succeeded();
        slot.patch(&json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "search"}}}));
        slot.wait_until_known();
        bob().helm(helm, &["upgrade", "web", &chart("web"), "-n", slot.name(), "--reuse-values"]).succeeded();
        let record = slot.get("secret", "sh.helm.release.v1.web.v2");
        assert_eq!(record["metadata"]["labels"]["hotdesk.dev/owner"], "bob_at_example.com", "{helm:?}");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/deployed-by"], "bob@example.com", "{helm:?}");
        assert_eq!(record["metadata"]["annotations"]["hotdesk.dev/purpose"], "search", "{helm:?}");
    }
}
