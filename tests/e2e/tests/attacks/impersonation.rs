//! Section 3, third part: being somebody else, and rights that outlast a claim.

use hotdesk_e2e::TestSlot;
use serde_json::json;

use crate::api::{Actor, Ask, bob, ci, core, group};
use crate::stage::{World, create_config_map};
use crate::table::{DENIED, Row, row};
use crate::tokens::OF_HOTDESK;

pub fn rows() -> Vec<Row> {
    [accounts(), people(), roles(), own_namespaces()].into_iter().flatten().collect()
}

const POD: &str = "authentication.kubernetes.io/pod-name";
const NO_RIGHT: &str = "Kubernetes' own authorization refuses";

fn accounts() -> Vec<Row> {
    vec![
        row("a37", "bob", "impersonates an account of alice's slot and writes", "denied: no token", |w| {
            let (slot, _) = w.pod_of_alices();
            w.bind(
                slot.name(),
                "edit",
                &json!({"kind": "ServiceAccount", "name": "default", "namespace": slot.name()}),
            );
            let who = bob().impersonating(&format!("system:serviceaccount:{}:default", slot.name()));
            w.unchanged(slot.name(), || {
                w.api.send(&who, create_config_map(slot.name(), "x")).denied(&[
                    slot.name(),
                    "system:serviceaccount",
                    "token",
                ])
            })
        }),
        row("a37", "bob", "impersonates such an account with the name of a pod", NO_RIGHT, |w| {
            w.unchanged(w.alices().name(), || {
                let who = bob().impersonating(&account(w, "default")).with_extra(POD, "web");
                w.api.send(&who, create_config_map(w.alices().name(), "x")).no_right()
            })
        }),
        row("a37", "bob", "impersonates hotdesk's names in alice's slot and writes", DENIED_OR_NO_RIGHT, |w| {
            w.unchanged(w.alices().name(), || {
                ["hotdesk-reaper", "hotdesk-reviver"].iter().try_for_each(|name| {
                    let who = bob().impersonating(&account(w, name));
                    w.api.send(&who, create_config_map(w.alices().name(), "x")).no_right_or_denied()
                })
            })
        }),
        row("a38", "bob", "impersonates hotdesk's names and reads the ingress controller's log", NO_RIGHT, |w| {
            ["hotdesk-reaper", "hotdesk-reviver", "hotdesk-access"].iter().try_for_each(|name| {
                let log = Ask::get(core("ingress-nginx", "pods/controller/log"));
                w.api.send(&bob().impersonating(&account(w, name)), log).no_right()
            })
        }),
    ]
}

const DENIED_OR_NO_RIGHT: &str = "denied, or he lacks the right; nothing changes";

fn account(world: &World, name: &str) -> String {
    format!("system:serviceaccount:{}:{name}", world.alices().name())
}

fn people() -> Vec<Row> {
    let others = [
        ("alice", "alice@example.com"),
        ("a node", "system:node:x"),
        ("a controller", "system:serviceaccount:kube-system:deployment-controller"),
        ("the garbage collector", "system:serviceaccount:kube-system:generic-garbage-collector"),
        ("the controller manager", "system:kube-controller-manager"),
        ("the reaper", "system:serviceaccount:hotdesk-jobs:reaper-mew"),
        ("the webhook", "system:serviceaccount:hotdesk:hotdesk-webhook"),
    ];
    let mut rows: Vec<Row> = others
        .into_iter()
        .map(|(what, user)| {
            row("a39", "bob", format!("impersonates {what}"), NO_RIGHT, move |w| {
                let ask = |who: Actor| w.api.send(&who, create_config_map(w.alices().name(), "x")).no_right();
                w.unchanged(w.alices().name(), || {
                    ask(bob().impersonating(user))?;
                    ask(bob().impersonating(user).in_group("system:nodes"))?;
                    ask(bob().impersonating(user).in_group("system:masters"))
                })
            })
        })
        .collect();
    rows.push(row("a40", "ci", "impersonates bob with the name of a pod", NO_RIGHT, |w| {
        let who = ci().impersonating("bob@example.com").in_group("developers").with_extra(POD, "x");
        w.unchanged(w.alices().name(), || w.api.send(&who, create_config_map(w.alices().name(), "x")).no_right())
    }));
    rows.push(row("a40", "ci", "impersonates bob in alice's slot", DENIED, |w| {
        w.denied(&ci().impersonating("bob@example.com").in_group("developers"), |h| create_config_map(h.name(), "x"))
    }));
    rows.push(row("a40", "ci", "writes as itself in alice's slot", DENIED_OR_NO_RIGHT, |w| {
        w.unchanged(w.alices().name(), || {
            w.api.send(&ci(), create_config_map(w.alices().name(), "x")).no_right_or_denied()
        })
    }));
    rows
}

fn roles() -> Vec<Row> {
    const BELONGS: &str = "denied: it belongs to hotdesk, not to the holder of the slot";
    vec![
        row("a43", "bob", "changes hotdesk's RoleBindings of his own slot, with RBAC admin there", BELONGS, |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let user = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob@example.com"});
            w.bind(slot.name(), "admin", &user);
            let rbac = |rest: &str| group("rbac.authorization.k8s.io/v1", slot.name(), rest);
            let path = rbac("rolebindings/hotdesk-edit");
            let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
            let taken = json!({"metadata": {"name": "hotdesk-claimants"}, "roleRef": role, "subjects": [user]});
            w.until_allowed(
                "bob@example.com",
                &json!({"namespace": slot.name(), "verb": "patch",
                "group": "rbac.authorization.k8s.io", "resource": "rolebindings"}),
            );
            w.unchanged(slot.name(), || {
                let asks = [
                    Ask::merge(&path, &json!({"subjects": [user]})),
                    Ask::delete(&path),
                    Ask::post(rbac("rolebindings"), &taken),
                ];
                asks.into_iter().try_for_each(|ask| w.api.send(&bob(), ask).denied(&[OF_HOTDESK, "bob@example.com"]))
            })
        }),
        row("a44", "bob", "asks for a certificate of another name", NO_RIGHT, |w| {
            let spec = json!({"signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"], "request": "eA=="});
            let csr = json!({"metadata": {"name": "attack"}, "spec": spec});
            let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
            w.api.send(&bob(), Ask::post(path, &csr)).no_right()
        }),
    ]
}

/// Where hotdesk's accounts, sources and saved releases are.
fn own_namespaces() -> Vec<Row> {
    type In = fn(&str) -> Ask;
    let tried: [(&str, In); 5] = [
        ("reads the Secrets", |ns| Ask::get(core(ns, "secrets"))),
        ("makes a Job", |ns| Ask::post(group("batch/v1", ns, "jobs"), &json!({"metadata": {"name": "attack"}}))),
        ("makes a pod", |ns| Ask::post(core(ns, "pods"), &json!({"metadata": {"name": "attack"}}))),
        ("changes a CronJob", |ns| {
            Ask::merge(group("batch/v1", ns, "cronjobs/reap-mew"), &json!({"spec": {"suspend": true}}))
        }),
        ("works in a pod", |ns| Ask::post(core(ns, "pods/reap-mew/exec?command=id"), &json!({}))),
    ];
    tried
        .into_iter()
        .map(|(what, ask)| {
            row("a138", "bob", format!("{what} of hotdesk's own namespaces"), NO_RIGHT, move |w| {
                ["hotdesk", "hotdesk-jobs", "hotdesk-saved"]
                    .iter()
                    .try_for_each(|namespace| w.api.send(&bob(), ask(namespace)).no_right())
            })
        })
        .collect::<Vec<Row>>()
}
