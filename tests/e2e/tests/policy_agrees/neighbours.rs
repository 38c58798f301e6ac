//! What reaches for what is not the slot's, and needs no other slot to be known: both say it, in the same words.

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, WRITERS, path};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{TestSlot, admin, installation, until};
use serde_json::{Value, json};

use crate::{PolicyAlone, prepare, stamp};

/// What is written: the version, the resource, the object, and what its denial says; nothing if it is admitted.
type Row = (&'static str, &'static str, Value, &'static str);

const ADDRESS: &str = "a Service with the external address 10.96.10.7 takes what is sent there";
const PRIORITY: &str = "the priority class system-cluster-critical is for what the cluster or hotdesk itself needs";
const OWN_PRIORITY: &str = "the priority class hotdesk is for what the cluster or hotdesk itself needs";
const BY_HAND: &str = "written by hand lead to any address";

fn service(addresses: &[&str]) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}], "externalIPs": addresses}})
}

fn pod(class: &str) -> Value {
    let container = json!({"name": "a", "image": "a"});
    let metadata = json!({"labels": {"app": "a"}});
    json!({"metadata": metadata, "spec": {"priorityClassName": class, "restartPolicy": "Never", "containers": [container]}})
}

fn of(version: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "spec": spec})
}

fn always(class: &str) -> Value {
    let mut pod = pod(class);
    pod["spec"]["restartPolicy"] = json!("Always");
    pod
}

fn rows() -> Vec<Row> {
    let selecting = |class| json!({"selector": {"matchLabels": {"app": "a"}}, "template": always(class)});
    let job = |class| json!({"template": pod(class)});
    let cron = |class| json!({"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": job(class)}});
    let template = |class| json!({"apiVersion": "v1", "kind": "PodTemplate", "template": pod(class)});
    let bare = |class| of("v1", "Pod", &pod(class)["spec"]);
    let critical = "system-cluster-critical";
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.0.9"]}]});
    let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints",
        "subsets": [{"addresses": [{"ip": "10.244.0.9"}], "ports": [{"port": 80}]}]});
    vec![
        ("v1", "services", service(&[]), ""),
        ("v1", "services", service(&["10.96.10.7"]), ADDRESS),
        ("v1", "pods", bare(""), ""),
        ("v1", "pods", bare(critical), PRIORITY),
        ("v1", "pods", bare("hotdesk"), OWN_PRIORITY),
        ("v1", "podtemplates", template(critical), PRIORITY),
        (
            "v1",
            "replicationcontrollers",
            of("v1", "ReplicationController", &json!({"template": always(critical)})),
            PRIORITY,
        ),
        ("apps/v1", "deployments", of("apps/v1", "Deployment", &selecting("")), ""),
        ("apps/v1", "deployments", of("apps/v1", "Deployment", &selecting(critical)), PRIORITY),
        ("apps/v1", "daemonsets", of("apps/v1", "DaemonSet", &selecting(critical)), PRIORITY),
        ("apps/v1", "statefulsets", of("apps/v1", "StatefulSet", &selecting(critical)), PRIORITY),
        ("apps/v1", "replicasets", of("apps/v1", "ReplicaSet", &selecting(critical)), PRIORITY),
        ("batch/v1", "jobs", of("batch/v1", "Job", &job(critical)), PRIORITY),
        ("batch/v1", "cronjobs", of("batch/v1", "CronJob", &cron("")), ""),
        ("batch/v1", "cronjobs", of("batch/v1", "CronJob", &cron(critical)), PRIORITY),
        ("v1", "endpoints", endpoints, BY_HAND),
        ("discovery.k8s.io/v1", "endpointslices", slice, BY_HAND),
    ]
}

/// Lets everybody write also what the role `admin` does not give.
fn everything(requests: &Requests, slot: &TestSlot) {
    let group = format!("--group={WRITERS}");
    slot.kubectl(&admin(), &["create", "rolebinding", "everything", "--clusterrole=cluster-admin", &group]).succeeded();
    until("the rights to be known", Duration::from_secs(30), || {
        let templates = path(slot.name(), "v1", "podtemplates");
        let answer = requests.ask(Some(Identity::person("alice@example.com")), "GET", &templates, None);
        if answer.ok() { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

fn marked(slot: &TestSlot, object: &Value) -> Value {
    let (labels, annotations) = stamp(slot);
    let mut object = object.clone();
    object["metadata"] = json!({"name": "neighbour", "labels": labels, "annotations": annotations});
    object
}

/// What is wrong with the two answers, if anything is.
fn wrong(what: &str, expected: &str, answers: [(&Answer, &TestSlot); 2]) -> Option<String> {
    let [(webhook, _), (policy, _)] = answers;
    let said = answers.map(|(answer, slot)| answer.first_sentence().replace(slot.name(), "SLOT"));
    let right = if expected.is_empty() {
        webhook.ok() && policy.ok()
    } else {
        let denied = webhook.is_denial("gate.hotdesk.dev") && policy.is_denial("ValidatingAdmissionPolicy");
        denied && said[0] == said[1] && said[0].contains(expected)
    };
    (!right).then(|| format!("{what}, which should say {expected:?}:\n  {webhook:?}\n  {policy:?}"))
}

#[test]
fn the_policy_and_the_webhook_agree_over_what_is_nobodys_to_take() {
    let _held = installation::shared();
    let requests = Requests::start();
    let (both, alone) =
        (SlotBuilder::held_by(&["alice@example.com"]).make(), SlotBuilder::held_by(&["alice@example.com"]).make());
    let policy = PolicyAlone::bind();
    prepare(&both);
    prepare(&alone);
    policy.adopt(&alone);
    everything(&requests, &both);
    everything(&requests, &alone);
    let create = |who: &'static str, (version, resource, object, _): &Row, slot: &TestSlot| {
        requests.try_out(
            Identity::person(who),
            "POST",
            &path(slot.name(), version, resource),
            Some(&marked(slot, object)),
        )
    };
    let mut differences = Vec::new();
    for row in &rows() {
        for (who, expected) in [("alice@example.com", row.3), ("chief@example.com", "")] {
            let answers = [(&create(who, row, &both), &both), (&create(who, row, &alone), &alone)];
            differences.extend(wrong(&format!("{who} makes {} with {}", row.1, row.2), expected, answers));
        }
    }
    // What is there already is nobody's to judge again; one more is.
    let update = |slot: &TestSlot, addresses: &[&str]| {
        let made = path(slot.name(), "v1", "services");
        let there = format!("{made}/neighbour");
        drop(requests.ask(None, "DELETE", &there, None));
        let before = requests.ask(None, "POST", &made, Some(&marked(slot, &service(&["10.96.10.8"]))));
        assert!(before.ok(), "{before:?}");
        let mut after = marked(slot, &service(addresses));
        after["metadata"]["resourceVersion"] = before.object["metadata"]["resourceVersion"].clone();
        after["spec"]["clusterIP"] = before.object["spec"]["clusterIP"].clone();
        after["metadata"]["labels"]["app"] = json!("web");
        requests.try_out(Identity::person("alice@example.com"), "PUT", &there, Some(&after))
    };
    for (addresses, expected) in [(&["10.96.10.8"][..], ""), (&["10.96.10.8", "10.96.10.7"][..], ADDRESS)] {
        let answers = [(&update(&both, addresses), &both), (&update(&alone, addresses), &alone)];
        differences.extend(wrong(&format!("alice changes a Service to {addresses:?}"), expected, answers));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
