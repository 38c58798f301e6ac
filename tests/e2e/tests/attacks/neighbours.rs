//! Section 7: other people's things, from one's own slot.

mod hosts;
mod services;
mod street;

use hotdesk_e2e::slot::Wish;
use hotdesk_e2e::until;
use serde_json::{Value, json};

use crate::api::{Ask, alice, bob, core};
use crate::kinds::idle_pod;
use crate::table::{Row, held, right, row};

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
        row("a105", "bob", "reads alice's Secrets where access follows the claim", "he lacks the right", |w| {
            let slot = Wish::held_by(&["alice@example.com"]).access_follows_the_claim().make();
            let path = core(slot.name(), "secrets");
            until("alice's rights", std::time::Duration::from_secs(20), || {
                let answer = w.api.send(&alice(), Ask::get(&path));
                if answer.ok() { Ok(()) } else { Err(answer.to_string()) }
            });
            w.api.send(&bob(), Ask::get(&path)).no_right()
        }),
    ]
}
