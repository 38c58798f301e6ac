//! Reviews that are written down: the first of the corpus, and those that tests spoil.

use serde_json::{Value, json};

use super::super::world::names;
use super::object::put;

/// Where a body goes, as its first byte: `/mutate`, `/validate`, `/slots`.
const WAYS: [&str; 3] = ["0", "1", "2"];

/// A name, and the input of [`super::super::raw`].
pub type Fixed = (String, Vec<u8>);

/// All of them.
#[must_use]
pub fn all() -> Vec<Fixed> {
    let raw = |name: &str, way: usize, body: &str| {
        let way = WAYS.get(way).copied().unwrap_or_default();
        (name.to_owned(), [way, body].concat().into_bytes())
    };
    let mut all: Vec<Fixed> =
        gate().into_iter().map(|(name, way, review)| raw(name, way, &review.to_string())).collect();
    all.extend(slots().into_iter().map(|(name, review)| raw(name, 2, &review.to_string())));
    let odd = odd();
    all.extend(odd.iter().map(|(name, body)| raw(name, 0, body)));
    all
}

/// A review of what is written into `mew`, which alice holds.
#[must_use]
pub fn review(more: &Value) -> Value {
    let mut request = json!({
        "uid": "u-1", "operation": "CREATE", "namespace": "mew", "name": "web", "dryRun": false, "oldObject": null,
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "userInfo": {"username": "alice@example.com", "groups": ["system:authenticated"]},
        "object": {"metadata": {"name": "web", "labels": {"app": "web"}}, "data": {"a": "b"}},
        "options": {"kind": "CreateOptions"}
    });
    if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
        request.extend(more.clone());
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

fn gate() -> Vec<(&'static str, usize, Value)> {
    let bob = json!({"username": "bob@example.com", "groups": ["system:authenticated"]});
    let workload = json!({
        "username": "system:serviceaccount:mew:default", "groups": ["system:serviceaccounts", "system:serviceaccounts:mew"],
        "extra": {"authentication.kubernetes.io/pod-name": ["web-0"], "authentication.kubernetes.io/credential-id": ["JTI=1"]}
    });
    // Another's name with a no-break space after it, behind more names than are compared one by one.
    let names: Vec<String> = (0..20).map(|n| format!("x{n}")).chain(["alice@example.com\u{a0}".to_owned()]).collect();
    let lookalike = json!({"username": "bob@example.com", "extra": {"example.com/login": names}});
    let forged = json!({"hotdesk.dev/owner": "carol", "hotdesk.dev/for": "carol", "a~/b": "c"});
    let exec = json!({
        "operation": "CONNECT", "subResource": "exec", "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": {"kind": "PodExecOptions", "command": ["sh"]}
    });
    let deployment = json!({
        "operation": "UPDATE", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "object": {"metadata": {"name": "web", "labels": forged, "annotations": null}, "spec": {
            "template": {"metadata": {"labels": {"hotdesk.dev/owner": "carol"}}, "spec": {"containers": []}}
        }},
        "oldObject": {"metadata": {"name": "web"}, "spec": {"template": {"metadata": {}}}}
    });
    let secret = |secret: Value| {
        json!({
            "kind": {"group": "", "version": "v1", "kind": "Secret"},
            "resource": {"group": "", "version": "v1", "resource": "secrets"}, "object": secret
        })
    };
    let release = secret(json!({
        "type": "helm.sh/release.v1", "data": {"release": "SDRz"},
        "metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm", "name": "web"}, "annotations": forged}
    }));
    let token = secret(json!({"type": "kubernetes.io/service-account-token", "metadata": {"name": "t"}}));
    let gone = json!({"operation": "DELETE", "object": null, "oldObject": {"metadata": {"labels": {"hotdesk.dev/for": "octocat"}}}});
    let ci = json!({"username": "ci@example.com", "groups": []});
    let web = json!({"metadata": {"name": "web", "labels": {"app": "web", "hotdesk.dev/owner": "carol"}}, "data": {"a": "b"}});
    let mut changed = web.clone();
    put(&mut changed, &["data", "a"], "c".into());
    let restamp = |object: &Value| {
        json!({
            "operation": "UPDATE", "userInfo": {"username": names::RESTAMPER}, "oldObject": web, "object": object
        })
    };
    let both = |a: &Value, b: Value| {
        let mut a = a.clone();
        if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
            a.extend(b);
        }
        review(&a)
    };
    vec![
        ("holder-creates", 0, review(&json!({}))),
        ("stranger-creates", 0, review(&json!({"userInfo": bob}))),
        ("lookalike-creates", 0, review(&json!({"userInfo": lookalike}))),
        ("workload-creates", 0, review(&json!({"userInfo": workload}))),
        ("holder-execs", 1, review(&exec)),
        ("stranger-execs", 1, both(&exec, json!({"userInfo": bob}))),
        ("holder-forges", 0, review(&deployment)),
        ("release-record", 0, review(&release)),
        ("token-secret", 0, review(&token)),
        ("deployer-deletes", 1, both(&gone, json!({"userInfo": ci}))),
        ("deployer-names-nobody", 0, review(&json!({"userInfo": ci}))),
        ("restamper-restamps", 0, review(&restamp(&web))),
        ("restamper-restamps-a-free-slot", 0, both(&restamp(&web), json!({"namespace": "onix"}))),
        ("restamper-changes", 0, review(&restamp(&changed))),
        ("restamper-creates", 0, both(&restamp(&web), json!({"operation": "CREATE", "oldObject": null}))),
        ("free-slot", 0, review(&json!({"namespace": "onix"}))),
        ("lapsed-slot", 0, review(&json!({"namespace": "eevee"}))),
        ("mode-warn", 0, review(&json!({"namespace": "ditto", "userInfo": bob}))),
        ("no-slot", 1, review(&json!({"namespace": "unfinished", "operation": "DELETE", "object": null}))),
        ("no-namespace", 0, review(&json!({"namespace": null}))),
    ]
}

fn slots() -> Vec<(&'static str, Value)> {
    let slot = |spec: Value, annotations: Value| {
        json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": spec,
            "metadata": {"name": "slot", "namespace": "mew", "annotations": annotations}
        })
    };
    let write = |user: &str, old: Value, new: Value, more: Value| {
        let mut asked = json!({
            "operation": "UPDATE", "name": "slot", "userInfo": {"username": user, "groups": ["system:authenticated"]},
            "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
            "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
            "oldObject": slot(old, json!({"hotdesk.dev/claim-id": "id-1"})), "object": slot(new, json!({}))
        });
        if let (Value::Object(asked), Value::Object(more)) = (&mut asked, more) {
            asked.extend(more);
        }
        review(&asked)
    };
    let claim = |users: &[&str]| json!({"claim": {"users": users}});
    let (alice, bob) = ("alice@example.com", "bob@example.com");
    let handed = json!({"claim": {"users": [bob], "handTo": bob, "trustWorkloads": true}});
    let status = json!({
        "subResource": "status", "object": {
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"}, "spec": claim(&[alice]),
            "status": {"lastSession": {"time": "2026-11-29T12:00:00Z", "by": alice, "kind": "exec"}}
        }
    });
    let webhook = "system:serviceaccount:hotdesk:hotdesk-webhook";
    vec![
        ("slot-claimed", write(bob, json!({}), claim(&["Bob@Example.com "]), json!({}))),
        ("slot-taken", write(bob, claim(&[alice]), claim(&[bob]), json!({}))),
        ("slot-touched", write(bob, claim(&[alice]), claim(&[alice]), json!({}))),
        (
            "slot-handed-over",
            write(alice, json!({"claim": {"users": [alice], "trustWorkloads": true}}), handed, json!({})),
        ),
        ("slot-shared", write(alice, claim(&[alice]), claim(&[alice, "dave"]), json!({}))),
        ("slot-released", write(alice, claim(&[alice]), json!({}), json!({}))),
        (
            "slot-wish",
            write(alice, claim(&[alice]), json!({"claim": {"users": [alice]}, "requests": {"reap": {}}}), json!({})),
        ),
        ("slot-status", write(webhook, claim(&[alice]), claim(&[alice]), status)),
        ("slot-deleted", write(bob, claim(&[alice]), claim(&[alice]), json!({"operation": "DELETE", "object": null}))),
    ]
}

/// Bodies that no API server sends.
fn odd() -> Vec<(&'static str, String)> {
    let whole = review(&json!({})).to_string();
    let deep = format!(r#""data":{}{}"#, "[".repeat(300), "]".repeat(300));
    let twice = |what: &str| whole.replacen(what, &format!("{what},{what}"), 1);
    vec![
        ("odd-empty", String::new()),
        ("odd-list", "[]".to_owned()),
        ("odd-two-documents", format!("{whole}{whole}")),
        ("odd-cut", whole.chars().take(whole.len() / 2).collect()),
        ("odd-operation-twice", twice(r#""operation":"CREATE""#)),
        ("odd-namespace-twice", twice(r#""namespace":"mew""#)),
        ("odd-deep", whole.replacen(r#""data":{"a":"b"}"#, &deep, 1)),
        ("odd-number", whole.replacen(r#"{"a":"b"}"#, r#"{"a":1e999,"b":-0.0}"#, 1)),
        ("odd-surrogate", whole.replacen(r#"{"a":"b"}"#, r#"{"a":"\ud800"}"#, 1)),
        ("odd-escapes", whole.replacen("alice@", r"\u0061lice\u0040", 1)),
    ]
}
