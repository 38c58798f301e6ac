//! Section 7: other people's things, from one's own slot.

mod hosts;
mod services;
mod street;

use std::time::Duration;

use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Ask, alice, bob, core};
use crate::kinds::idle_pod;
use crate::stage::World;
use crate::table::{Row, Verdict, held, right, row};

pub use street::Street;

pub fn rows() -> Vec<Row> {
    [hosts::rows(), services::rows(), privileged(), by_name()].into_iter().flatten().collect()
}

/// The chart asks for Pod Security of level baseline, which an administrator can switch off.
fn privileged() -> Vec<Row> {
    let with = |change: fn(&mut Value)| {
        let mut spec = idle_pod();
        change(&mut spec);
        spec
    };
    let pods = [
        ("the host's network", with(|spec| spec["hostNetwork"] = json!(true))),
        ("a path of the host", with(|spec| spec["volumes"] = json!([{"name": "host", "hostPath": {"path": "/"}}]))),
        (
            "a port of the host",
            with(|spec| spec["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": 80}])),
        ),
        ("every privilege", with(|spec| spec["containers"][0]["securityContext"] = json!({"privileged": true}))),
    ];
    pods.into_iter()
        .map(|(what, spec)| {
            row("a103", "bob", format!("runs a pod with {what}"), "refused by Pod Security", move |w| {
                let pod = json!({"metadata": {"name": "reaches"}, "spec": spec});
                let slot = w.bobs().name();
                w.unchanged(slot, || {
                    let answer = w.api.send(&bob(), Ask::post(core(slot, "pods"), &pod));
                    held(!answer.ok(), || answer.to_string())?;
                    right(answer.code == 403 && answer.message().contains("violates PodSecurity"), || {
                        answer.to_string()
                    })
                })
            })
        })
        .collect()
}

fn by_name() -> Vec<Row> {
    vec![
        row("a104", "bob", "says in an Event that something happened to alice's Slot", "refused", |w| {
            let (own, alices) = (w.bobs().name(), w.alices().name());
            let about =
                json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "namespace": alices, "name": "slot"});
            let event = json!({"metadata": {"name": "rumour"}, "involvedObject": about, "message": "released", "type": "Normal"});
            w.unchanged(alices, || {
                w.api.send(&w.mallory(), Ask::post(core(own, "events"), &event)).code_of(&[403, 422])
            })
        }),
        row("a104", "bob", "makes alice's Deployment the owner of a ConfigMap", "nothing of alice's is reached", |w| {
            let slot = w.desk();
            let web = w.api.set_up(Ask::get(w.alices().deployment()));
            let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": web["metadata"]["uid"],
                "blockOwnerDeletion": true}]);
            let object = json!({"metadata": {"name": "owned", "ownerReferences": owner}});
            w.unchanged(w.alices().name(), || {
                let answer = w.api.send(&bob(), Ask::post(core(slot.name(), "configmaps"), &object));
                right(answer.ok() || answer.code == 403, || answer.to_string())
            })
        }),
        row(
            "a104",
            "bob",
            "makes alice's Deployment the target of his autoscaler",
            "nothing of alice's is reached",
            |w| {
                let slot = w.desk();
                let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("{}/web", w.alices().name())});
                let scaler = json!({"metadata": {"name": "scaler"}, "spec": {"maxReplicas": 5, "minReplicas": 3, "scaleTargetRef": target}});
                let path = crate::api::group("autoscaling/v2", slot.name(), "horizontalpodautoscalers");
                w.unchanged(w.alices().name(), || w.api.send(&bob(), Ask::post(path, &scaler)).code_of(&[403, 422]))
            },
        ),
        row(
            "a104",
            "bob",
            "asks in a pod of his for a Secret of alice's slot",
            "there is none of that name in his",
            |w| {
                // The name of the Secret in which helm keeps alice's release.
                let secret = "sh.helm.release.v1.web.v1";
                w.api.set_up(Ask::get(w.alices().core(&format!("secrets/{secret}"))));
                let value = json!({"secretKeyRef": {"name": secret, "key": "release"}});
                let container = json!({"name": "app", "image": test_image("app"), "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": "STOLEN", "valueFrom": value}]});
                let pod = json!({"containers": [container]});
                finds_nothing(w, w.alices().name(), &pod, &["secret", secret])
            },
        ),
        row(
            "a104",
            "bob",
            "asks in a pod of his for a volume of alice's slot",
            "there is no claim of that name in his",
            |w| {
                let slot = TestSlot::held_by("alice@example.com");
                let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}});
                let name = unique("data");
                w.make(
                    &core(slot.name(), "persistentvolumeclaims"),
                    &json!({"metadata": {"name": name}, "spec": spec}),
                );
                let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": name}});
                let container = json!({"name": "app", "image": test_image("app"), "imagePullPolicy": "IfNotPresent",
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}]});
                let pod = json!({"containers": [container], "volumes": [volume]});
                finds_nothing(w, slot.name(), &pod, &["persistentvolumeclaim", &name])
            },
        ),
        row(
            "a105",
            "bob",
            "reads alice's Secrets where access is shared",
            "control: he reads them (docs/access.md)",
            |w| {
                for path in
                    ["secrets/sh.helm.release.v1.web.v1", "secrets", "configmaps/kube-root-ca.crt", "configmaps"]
                {
                    w.api.send(&bob(), Ask::get(w.alices().core(path))).done()?;
                }
                Ok(())
            },
        ),
        row("a105", "bob", "reads alice's Secrets where access follows the claim", "he lacks the right", |w| {
            let slot = SlotBuilder::held_by(&["alice@example.com"]).access_follows_the_claim().make();
            let path = core(slot.name(), "secrets");
            until("alice's rights", Duration::from_secs(20), || {
                let answer = w.api.send(&alice(), Ask::get(&path));
                if answer.ok() { Ok(()) } else { Err(answer.to_string()) }
            });
            w.api.send(&bob(), Ask::get(&path)).no_right()
        }),
    ]
}

/// Bob's pod waits for ever for a thing of this kind and name in his own slot, and alice's slot is as before.
fn finds_nothing(world: &World, alices: &str, spec: &Value, [kind, name]: &[&str; 2]) -> Verdict {
    let slot = world.desk().name();
    let asks = format!("asks-{kind}");
    let path = core(slot, &format!("pods/{asks}"));
    world.unchanged(alices, || {
        let pod = json!({"metadata": {"name": asks}, "spec": spec});
        world.api.send(&bob(), Ask::post(core(slot, "pods"), &pod)).done()?;
        let missing = format!("{kind} {name} not found");
        let pod = until(&format!("{asks} to miss it, or to run"), Duration::from_secs(60), || {
            let pod = world.api.set_up(Ask::get(&path));
            let said = pod["status"].to_string().replace(['\\', '"'], "");
            if pod["status"]["phase"] != "Pending" || said.contains(&missing) { Ok(pod) } else { Err(pod.to_string()) }
        });
        held(pod["status"]["phase"] == "Pending", || pod.to_string())?;
        world.api.send(&bob(), Ask::delete(&path)).done().map(drop)
    })
}
