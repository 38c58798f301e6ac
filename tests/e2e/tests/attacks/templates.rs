//! Section 5, second part: hotdesk's keys where a controller would copy them from, and objects of odd shapes.

use std::time::Duration;

use hotdesk_e2e::{admin, until};
use serde_json::{Value, json};

use crate::api::{Api, Ask, administrator, alice, core, group};
use crate::kinds::{idle_pod, idle_template};
use crate::stage::World;
use crate::stamp::is_the_claims;
use crate::table::{Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    [templates(), volumes(), selectors(), shapes()].into_iter().flatten().collect()
}

/// Where each kind keeps the template of its pods.
const KINDS: [(&str, &str, &str); 8] = [
    ("apps/v1", "deployments", "/spec/template"),
    ("apps/v1", "statefulsets", "/spec/template"),
    ("apps/v1", "daemonsets", "/spec/template"),
    ("apps/v1", "replicasets", "/spec/template"),
    ("v1", "replicationcontrollers", "/spec/template"),
    ("batch/v1", "jobs", "/spec/template"),
    ("batch/v1", "cronjobs", "/spec/jobTemplate/spec/template"),
    ("v1", "podtemplates", "/template"),
];

/// A path of a version, the core group's too.
pub fn collection(version: &str, namespace: &str, rest: &str) -> String {
    if version == "v1" { core(namespace, rest) } else { group(version, namespace, rest) }
}

fn templates() -> Vec<Row> {
    const REFUSED: &str = "refused, naming the key: a controller would copy it";
    let mut rows: Vec<Row> = KINDS
        .into_iter()
        .map(|(version, resource, pointer)| {
            row("a76", "alice", format!("puts reserved keys into the pod template of {resource}"), REFUSED, move |w| {
                let slot = w.workshop().name();
                let path = collection(version, slot, resource);
                let kind =
                    w.kinds().iter().find(|k| k.version == version && k.resource == resource).expect("a built-in kind");
                for (field, key) in [
                    ("labels", "hotdesk.dev/owner"),
                    ("annotations", "hotdesk.dev/purpose"),
                    ("labels", "hotdesk.dev/for"),
                ] {
                    let mut object = kind.sample(slot, "forging");
                    let template = object.pointer_mut(pointer).expect("a template");
                    template["metadata"][field][key] = json!("carol");
                    w.api.send(&alice(), Ask::post(&path, &object)).denied(&[slot, key])?;
                }
                Ok(())
            })
        })
        .collect();
    rows.push(row("a76", "alice", "puts a reserved key into the template of what is there", REFUSED, |w| {
        let slot = w.workshop().name();
        let all = group("apps/v1", slot, "deployments");
        let kind = w.kinds().iter().find(|kind| kind.resource == "deployments").expect("a built-in kind");
        w.api.send(&alice(), Ask::post(&all, &kind.sample(slot, "honest"))).done()?;
        let forged = json!({"spec": {"template": {"metadata": {"labels": {"hotdesk.dev/owner": "carol"}}}}});
        let path = format!("{all}/honest");
        w.api.send(&alice(), Ask::strategic(&path, &forged)).denied(&["hotdesk.dev/owner"])?;
        w.api.send(&alice(), Ask::merge(&path, &forged)).denied(&["hotdesk.dev/owner"])?;
        let operations =
            json!([{"op": "add", "path": "/spec/template/metadata/labels/hotdesk.dev~1owner", "value": "carol"}]);
        w.api.send(&alice(), Ask::json_patch(&path, &operations)).denied(&["hotdesk.dev/owner"])?;
        w.api.send(&alice(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "b"}}}))).done().map(drop)
    }));
    rows
}

fn claim_template(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"hotdesk.dev/owner": "carol_at_example.com"},
        "annotations": {"hotdesk.dev/owner": "carol@example.com"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Mi"}}}})
}

/// Refused, or what the controller makes has the claim's stamp.
fn volume(world: &World, path: &str, object: &Value, made: &str) -> Verdict {
    let slot = world.workshop().name();
    let answer = world.api.send(&alice(), Ask::post(path, object));
    if !answer.ok() {
        return answer.denied(&["hotdesk.dev/owner"]);
    }
    let made = core(slot, &format!("persistentvolumeclaims/{made}"));
    let claim = until("the claim of a volume", Duration::from_secs(30), || {
        let found = world.api.send(&administrator(), Ask::get(&made));
        if found.ok() { Ok(found.json) } else { Err(found.to_string()) }
    });
    is_the_claims(world, slot, &claim)
}

fn volumes() -> Vec<Row> {
    const MUST: &str = "refused, or the stamp stays on what the controller makes";
    vec![
        row("a76", "alice", "puts reserved keys into the template of a StatefulSet's volumes", MUST, |w| {
            let slot = w.workshop().name();
            let selector = json!({"matchLabels": {"app": "kept"}});
            let spec = json!({"replicas": 1, "serviceName": "none", "selector": selector, "template": idle_template("kept"),
                "volumeClaimTemplates": [claim_template("data")]});
            let set = json!({"metadata": {"name": "kept"}, "spec": spec});
            volume(w, &group("apps/v1", slot, "statefulsets"), &set, "data-kept-0")
        }),
        row("a76", "alice", "puts reserved keys into the template of a pod's own volume", MUST, |w| {
            let slot = w.workshop().name();
            let mut template = claim_template("x");
            template["metadata"].as_object_mut().expect("metadata").remove("name");
            let mut spec = idle_pod();
            spec["volumes"] = json!([{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}]);
            volume(w, &core(slot, "pods"), &json!({"metadata": {"name": "brief"}, "spec": spec}), "brief-data")
        }),
    ]
}

fn selectors() -> Vec<Row> {
    const DENIED: &str = "denied, naming the key";
    // A selector must match its template, or the API server says so first.
    let select = |selector: Value, labels: Value| {
        let mut template = idle_template("selected");
        template["metadata"]["labels"] = labels;
        json!({"metadata": {"name": "selected"}, "spec": {"replicas": 0, "selector": selector, "template": template}})
    };
    let by_label = json!({"app": "selected", "hotdesk.dev/owner": "alice_at_example.com"});
    let by_label = select(json!({"matchLabels": by_label}), by_label);
    let without = json!({"matchExpressions": [{"key": "hotdesk.dev/slot", "operator": "DoesNotExist"}]});
    let by_expression = select(without, json!({"app": "selected"}));
    vec![
        row("a77", "alice", "selects pods by a reserved label", DENIED, move |w| {
            let path = group("apps/v1", w.workshop().name(), "deployments");
            w.api.send(&alice(), Ask::post(path, &by_label)).denied(&["hotdesk.dev/owner"])
        }),
        row("a77", "alice", "selects pods by the want of a reserved label", DENIED, move |w| {
            let path = group("apps/v1", w.workshop().name(), "replicasets");
            w.api.send(&alice(), Ask::post(path, &by_expression)).denied(&["hotdesk.dev/slot"])
        }),
        row("a77", "alice", "selects pods by a reserved label in a custom resource", DENIED, |w| {
            w.gadgets();
            let selector = json!({"matchLabels": {"hotdesk.dev/owner": "alice_at_example.com"}});
            let gadget = json!({"apiVersion": Gadgets::VERSION, "kind": "Gadget", "metadata": {"name": "selects"},
                "spec": {"replicas": 0, "selector": selector, "template": idle_template("selected")}});
            let path = group(Gadgets::VERSION, w.workshop().name(), "gadgets");
            w.api.send(&alice(), Ask::post(path, &gadget)).denied(&["hotdesk.dev/owner"])
        }),
    ]
}

/// Custom resources of no particular shape, some by the names of routes; they go at the end.
pub struct Gadgets;

impl Gadgets {
    pub const VERSION: &str = "attacks.hotdesk.test/v1";
    const NAMES: [(&str, &str, &str); 6] = [
        ("attacks.hotdesk.test", "gadgets", "Gadget"),
        ("attacks.hotdesk.test", "bindings", "Binding"),
        ("traefik.io", "ingressroutes", "IngressRoute"),
        ("traefik.io", "tlsoptions", "TLSOption"),
        // cert-manager's group of before; its own kinds may be installed by another test.
        ("certmanager.k8s.io", "certificaterequests", "CertificateRequest"),
        ("gateway.networking.k8s.io", "httproutes", "HTTPRoute"),
    ];

    pub fn make(api: &Api) -> Self {
        for (of, plural, kind) in Self::NAMES {
            let any = json!({"x-kubernetes-preserve-unknown-fields": true});
            let schema = json!({"type": "object", "properties": {"spec": any, "status": any}});
            let scale = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"});
            // One kind with a scale is enough: of some groups the API server cannot convert it, and refuses it unasked.
            let subresources =
                if kind == "Gadget" { json!({"status": {}, "scale": scale}) } else { json!({"status": {}}) };
            let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": subresources});
            let names = json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")});
            // Kubernetes asks for this where a group is in its own domain.
            let approved = json!({"api-approved.kubernetes.io": "unapproved, for tests"});
            let crd = json!({"metadata": {"name": format!("{plural}.{of}"), "annotations": approved},
                "spec": {"group": of, "scope": "Namespaced", "names": names, "versions": [version]}});
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            let answer = api.send(&administrator(), Ask::post(path, &crd));
            assert!(answer.ok() || answer.code == 409, "{answer}");
            until(&format!("{plural} to be served"), Duration::from_secs(30), || {
                let answer = api.send(&administrator(), Ask::get(group(&format!("{of}/v1"), "default", plural)));
                if answer.ok() { Ok(()) } else { Err(answer.to_string()) }
            });
        }
        Self
    }
}

impl Drop for Gadgets {
    fn drop(&mut self) {
        for (of, plural, _) in Self::NAMES {
            let name = format!("{plural}.{of}");
            drop(admin().kubectl(&["delete", "crd", &name, "--ignore-not-found", "--wait=false"]));
        }
    }
}

/// By kubectl, which prints only what is asked for: what is 900 deep is not read back whole.
fn metadata_of(namespace: &str, plural: &str, name: &str) -> Value {
    let kind = format!("{plural}.attacks.hotdesk.test");
    let field = |field: &str| -> Value {
        let only = format!("jsonpath={{.metadata.{field}}}");
        let ran = admin().kubectl(&["-n", namespace, "get", &kind, name, "-o", &only]).succeeded();
        serde_json::from_str(&ran.stdout).unwrap_or(Value::Null)
    };
    json!({"metadata": {"name": name, "labels": field("labels"), "annotations": field("annotations")}})
}

fn shapes() -> Vec<Row> {
    const MUST: &str = "admitted with the claim's stamp, or refused cleanly";
    let mut nested = json!("end");
    for _ in 0..900 {
        nested = json!({"a": nested});
    }
    let odd = [
        ("of the kind Binding", "bindings", "Binding", json!({"spec": {"replicas": 1}})),
        ("whose spec is a text", "gadgets", "Gadget", json!({"spec": "text"})),
        ("whose spec is a list", "gadgets", "Gadget", json!({"spec": [1, 2]})),
        ("whose template is a number", "gadgets", "Gadget", json!({"spec": {"template": 7, "selector": "all"}})),
        (
            "whose template is of another shape",
            "gadgets",
            "Gadget",
            json!({"spec": {"template": {"metadata": [], "spec": null}}}),
        ),
        ("that is 900 deep", "gadgets", "Gadget", json!({"spec": nested})),
    ];
    let mut rows: Vec<Row> = odd
        .into_iter()
        .enumerate()
        .map(|(i, (what, plural, kind, more))| {
            row("a80", "alice", format!("makes a custom resource {what}"), MUST, move |w| {
                w.gadgets();
                let slot = w.workshop().name();
                let mut object = more;
                object["apiVersion"] = json!(Gadgets::VERSION);
                object["kind"] = json!(kind);
                object["metadata"] = json!({"name": format!("odd-{i}"), "labels": {"hotdesk.dev/owner": "carol"}});
                let answer = w.api.send(&alice(), Ask::post(group(Gadgets::VERSION, slot, plural), &object));
                if !answer.ok() {
                    return answer.code_of(&[400, 403, 422]);
                }
                is_the_claims(w, slot, &metadata_of(slot, plural, &format!("odd-{i}")))
            })
        })
        .collect();
    rows.push(row(
        "a80",
        "alice",
        "forges the stamp of a custom resource by its status",
        "the stamp stays the claim's",
        |w| {
            w.gadgets();
            let slot = w.workshop().name();
            let all = group(Gadgets::VERSION, slot, "gadgets");
            let object = json!({"apiVersion": Gadgets::VERSION, "kind": "Gadget", "metadata": {"name": "status"}});
            w.api.send(&alice(), Ask::post(&all, &object)).done()?;
            let forged = json!({"metadata": {"labels": {"hotdesk.dev/owner": "carol"}}, "status": {"x": 1}});
            let answer = w.api.send(&alice(), Ask::merge(format!("{all}/status/status"), &forged));
            right(answer.ok() || answer.code == 403, || answer.to_string())?;
            let now = w.api.set_up(Ask::get(format!("{all}/status")));
            held(now["metadata"]["labels"]["hotdesk.dev/owner"] != "carol", || now.to_string())?;
            is_the_claims(w, slot, &now)
        },
    ));
    rows
}
