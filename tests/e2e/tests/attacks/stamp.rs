//! Section 5, first part: hotdesk's keys on objects that a holder writes.

use std::collections::BTreeMap;
use std::time::Duration;

use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, administrator, alice, core, group};
use crate::kinds::idle_pod;
use crate::stage::{World, text};
use crate::table::{Failure, Row, Verdict, held, right, row};
use crate::templates::collection;

pub fn rows() -> Vec<Row> {
    [forged(), by_subresource(), copied(), large()].into_iter().flatten().collect()
}

const STAYS: &str = "the stamp stays the claim's";

/// hotdesk's keys of an object, labels and annotations.
fn reserved(object: &Value) -> [BTreeMap<String, String>; 2] {
    ["labels", "annotations"].map(|field| {
        let entries = object["metadata"][field].as_object().into_iter().flatten();
        let own = entries.filter(|(key, _)| key.starts_with("hotdesk.dev/"));
        own.map(|(key, value)| (key.clone(), text(value).to_owned())).collect()
    })
}

/// A breach, unless the object carries exactly what the Slot says.
pub fn is_the_claims(world: &World, namespace: &str, object: &Value) -> Verdict {
    let [mut labels, mut annotations] = reserved(&world.slot(namespace));
    labels.retain(|key, _| ["hotdesk.dev/slot", "hotdesk.dev/owner"].contains(&key.as_str()));
    let kept = ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"];
    annotations.retain(|key, _| kept.contains(&key.as_str()));
    let stamp = reserved(object);
    held(stamp == [labels.clone(), annotations.clone()], || {
        format!("{}: {stamp:?} is not {labels:?} {annotations:?}", object["metadata"]["name"])
    })
}

/// What alice would like to see there.
fn forgery() -> Value {
    json!({
        "labels": {"hotdesk.dev/owner": "carol_at_example.com", "hotdesk.dev/slot": "mew", "hotdesk.dev/anything": "x"},
        "annotations": {"hotdesk.dev/owner": "carol@example.com", "hotdesk.dev/claimants": "carol@example.com",
            "hotdesk.dev/purpose": "theirs", "hotdesk.dev/deployed-by": "carol@example.com", "hotdesk.dev/claimed-at": "x"},
    })
}

fn config_map(name: &str, metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    metadata["name"] = json!(name);
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}

/// An object of alice's with her stamp, which these requests then try to change.
fn keeps(id: &'static str, what: &'static str, name: &'static str, asks: fn(&str) -> Vec<Ask>) -> Row {
    row(id, "alice", what, STAYS, move |w| {
        let slot = w.workshop().name();
        let path = core(slot, &format!("configmaps/{name}"));
        w.api.send(&alice(), Ask::post(core(slot, "configmaps"), &config_map(name, &json!({})))).done()?;
        asks(&path).into_iter().try_for_each(|ask| {
            let answer = w.api.send(&alice(), ask);
            right(answer.ok() || answer.code == 403, || answer.to_string())?;
            is_the_claims(w, slot, &w.api.set_up(Ask::get(&path)))
        })
    })
}

fn forged() -> Vec<Row> {
    vec![
        row("a72", "alice", "forges each reserved key of a new object", STAYS, |w| {
            let slot = w.workshop().name();
            let made =
                w.api.send(&alice(), Ask::post(core(slot, "configmaps"), &config_map("forged", &forgery()))).done()?;
            is_the_claims(w, slot, &made.json)
        }),
        row("a72", "alice", "forges each reserved key by server-side apply", STAYS, |w| {
            let slot = w.workshop().name();
            let path = core(slot, "configmaps/forged-by-apply");
            let made = w.api.send(&alice(), Ask::apply(&path, &config_map("forged-by-apply", &forgery()))).done()?;
            is_the_claims(w, slot, &made.json)?;
            let again = w.api.send(&alice(), Ask::apply(&path, &config_map("forged-by-apply", &forgery()))).done()?;
            is_the_claims(w, slot, &again.json)
        }),
        keeps("a72", "removes and replaces reserved keys by a JSON patch", "by-json-patch", |path| {
            let operation = |op: &str, field: &str, key: &str| json!([{"op": op, "path": format!("/metadata/{field}/hotdesk.dev~1{key}"), "value": "x"}]);
            let keys =
                [("labels", "owner"), ("labels", "slot"), ("annotations", "owner"), ("annotations", "claimants")];
            let one = |(field, key): (&str, &str)| {
                ["remove", "replace"].map(|op| Ask::json_patch(path, &operation(op, field, key)))
            };
            let whole = [("remove", "labels"), ("remove", "annotations")]
                .map(|(op, field)| Ask::json_patch(path, &json!([{"op": op, "path": format!("/metadata/{field}")}])));
            keys.into_iter().flat_map(one).chain(whole).collect()
        }),
        keeps("a72", "removes and replaces reserved keys by other patches", "by-patch", |path| {
            let null = json!({"metadata": {"labels": {"hotdesk.dev/owner": null}, "annotations": {"hotdesk.dev/purpose": null}}});
            let all = json!({"metadata": {"labels": null, "annotations": null}});
            let forged = json!({"metadata": forgery()});
            let strategic = json!({"metadata": {"labels": {"$patch": "replace", "mine": "x"}}});
            vec![
                Ask::merge(path, &null),
                Ask::merge(path, &all),
                Ask::strategic(path, &forged),
                Ask::strategic(path, &strategic),
            ]
        }),
        row("a73", "alice", "forges who deployed a release", "it is alice who deployed it", deployed_by),
        for_somebody("labels", "carol_at_example.com"),
        for_somebody("annotations", "carol@example.com"),
        row("a75", "alice", "uses keys that look like hotdesk's", "no query for hotdesk's keys finds them", lookalikes),
    ]
}

/// Only a trusted deployer says for whom it deploys.
fn for_somebody(field: &'static str, value: &'static str) -> Row {
    row("a74", "alice", format!("says in {field} for whom she deploys"), "removed or refused", move |w| {
        let slot = w.workshop().name();
        let name = format!("for-{field}");
        let metadata = json!({field: {"hotdesk.dev/for": value}});
        let created = w.api.send(&alice(), Ask::post(core(slot, "configmaps"), &config_map(&name, &metadata)));
        held(created.json["metadata"][field]["hotdesk.dev/for"] != value, || created.to_string())?;
        right(created.ok() || created.code == 403, || created.to_string())?;
        let plain = format!("{name}-later");
        w.api.send(&alice(), Ask::post(core(slot, "configmaps"), &config_map(&plain, &json!({})))).done()?;
        let path = core(slot, &format!("configmaps/{plain}"));
        let changed = w.api.send(&alice(), Ask::merge(&path, &json!({"metadata": metadata})));
        right(changed.ok() || changed.code == 403, || changed.to_string())?;
        let now = w.api.set_up(Ask::get(&path));
        held(now["metadata"][field]["hotdesk.dev/for"] != value, || now.to_string())
    })
}

/// Alice has every right of RBAC in the workshop.
fn by_subresource() -> Vec<Row> {
    type Forge = fn(&str, &str) -> Ask;
    let patches: [(&str, &str, Forge); 3] = [
        ("pods/status", "status", |slot, pod| {
            Ask::merge(core(slot, &format!("pods/{pod}/status")), &json!({"metadata": forgery()}))
        }),
        ("pods/resize", "resize", |slot, pod| {
            Ask::merge(core(slot, &format!("pods/{pod}/resize")), &json!({"metadata": forgery()}))
        }),
        ("pods/ephemeralcontainers", "ephemeral", |slot, pod| {
            let look = json!({"ephemeralContainers": [{"name": "look", "image": "none.invalid/none"}]});
            let patch = json!({"metadata": forgery(), "spec": look});
            Ask::strategic(core(slot, &format!("pods/{pod}/ephemeralcontainers")), &patch)
        }),
    ];
    let bindings = [("pods/binding", "binding"), ("the old bindings", "bindings")];
    let forges = |what: &str| format!("forges a pod's stamp by {what}");
    let patched = patches.into_iter().map(|(what, name, ask)| {
        row("a79", "alice", forges(what), STAYS, move |w| {
            let pod = waiting_pod(w, name);
            let slot = w.workshop().name();
            w.api.send(&alice(), ask(slot, &pod)).done()?;
            is_the_claims(w, slot, &w.api.set_up(Ask::get(core(slot, &format!("pods/{pod}")))))
        })
    });
    let bound = bindings.into_iter().map(|(what, name)| {
        row("a79", "alice", forges(what), "denied, naming the key; without it the pod can be bound", move |w| {
            let pod = waiting_pod(w, name);
            let slot = w.workshop().name();
            let bind = |metadata: Value| {
                let path = if name == "bindings" { name.to_owned() } else { format!("pods/{pod}/binding") };
                // Nobody looks whether there is such a node, and nothing is stored.
                let url = core(slot, &format!("{path}?dryRun=All"));
                w.api.send(&alice(), Ask::post(url, &binding(&pod, metadata)))
            };
            bind(json!({"annotations": {"note": "mine"}})).done()?;
            for field in ["labels", "annotations"] {
                let forged = json!({field: {"hotdesk.dev/owner": "carol_at_example.com"}});
                bind(forged).denied(&["hotdesk.dev/owner", "is not the claim's"])?;
            }
            is_the_claims(w, slot, &w.api.set_up(Ask::get(core(slot, &format!("pods/{pod}")))))
        })
    });
    patched.chain(bound).collect()
}

/// The name of a pod that waits for a node.
fn waiting_pod(world: &World, name: &str) -> String {
    let pod = format!("by-{name}");
    world.make(&core(world.workshop().name(), "pods"), &json!({"metadata": {"name": pod}, "spec": idle_pod()}));
    pod
}

fn binding(pod: &str, mut metadata: Value) -> Value {
    metadata["name"] = json!(pod);
    json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"kind": "Node", "name": "none"}})
}

fn copied() -> Vec<Row> {
    vec![row(
        "a78",
        "alice",
        "forges the labels of a Service, which its endpoints copy",
        "the stamp stays on both",
        |w| {
            let slot = w.workshop().name();
            let mut metadata = forgery();
            metadata["name"] = json!("copied");
            let service =
                json!({"metadata": metadata, "spec": {"selector": {"app": "copied"}, "ports": [{"port": 80}]}});
            let made = w.api.send(&alice(), Ask::post(core(slot, "services"), &service)).done()?;
            is_the_claims(w, slot, &made.json)?;
            let query = "endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dcopied";
            let slice = until("the endpoints of the Service", Duration::from_secs(20), || {
                let found = w.api.set_up(Ask::get(group("discovery.k8s.io/v1", slot, query)));
                found["items"].get(0).cloned().ok_or_else(|| found.to_string())
            });
            let [labels, _] = reserved(&slice);
            let owner = labels.get("hotdesk.dev/owner").map(String::as_str);
            held(owner == Some("alice_at_example.com"), || format!("{labels:?}"))
        },
    )]
}

/// JSON writes this sign as six bytes.
fn many(count: usize) -> String {
    "<".repeat(count)
}

fn deployment(name: &str, signs: usize, containers: usize, labels: &Value) -> Value {
    let mut labels = labels.clone();
    labels["app"] = json!(name);
    let container = |i: usize| {
        let env = if i == 0 { json!([{"name": "LARGE", "value": many(signs)}]) } else { json!([]) };
        json!({"name": format!("c{i}"), "image": "none.invalid/none", "env": env})
    };
    let spec = json!({"containers": (0..containers).map(container).collect::<Vec<_>>(), "nodeSelector": {"never": "scheduled"}});
    json!({"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": labels}, "spec": spec}}})
}

fn large() -> Vec<Row> {
    vec![
        row(
            "a82",
            "alice",
            "forges the stamp of a pod that is larger than its Deployment",
            "refused, or the pod has the claim's stamp",
            |w| {
                let slot = w.workshop().name();
                let forged = json!({"hotdesk.dev/owner": "carol_at_example.com"});
                let object = deployment("larger", 1_380_000, 300, &forged);
                let answer = w.api.send(&alice(), Ask::post(group("apps/v1", slot, "deployments"), &object));
                if !answer.ok() {
                    return answer.denied(&[slot]);
                }
                match pod_of(w, slot, "larger") {
                    Some(pod) => is_the_claims(w, slot, &pod),
                    None => Err(Failure::Wrong("the Deployment was admitted, and its pod did not come".to_owned())),
                }
            },
        ),
        row("a83", "anybody", "deletes a large Deployment and its large pod", "it works", large_is_deleted),
        row("a83", "alice", "makes what is too much to look at", "denied, naming it", |w| {
            let slot = w.workshop().name();
            for (version, resource, object, what) in too_much() {
                let answer = w.api.send(&alice(), Ask::post(collection(version, slot, resource), &object));
                answer.denied(&[slot, what, "more than hotdesk's policy looks at"])?;
            }
            Ok(())
        }),
        row("a83", "alice, administrators", "deletes what is too much to look at", "it works", |w| {
            for who in [alice(), administrator()] {
                too_much_is_deleted(w, &who)?;
            }
            Ok(())
        }),
        row("a84", "alice", "keeps an honest large ConfigMap", "control: create, update and delete work", |w| {
            let slot = w.workshop().name();
            let object = |first: &str| json!({"metadata": {"name": "honest"}, "data": {"a": format!("{first}{}", many(700_000))}});
            let all = core(slot, "configmaps");
            let path = format!("{all}/honest");
            let made = w.api.send(&alice(), Ask::post(&all, &object("1"))).done()?;
            is_the_claims(w, slot, &made.json)?;
            w.api.send(&alice(), Ask::put(&path, &object("2"))).done()?;
            w.api.send(&alice(), Ask::merge(&path, &json!({"data": {"b": "c"}}))).done()?;
            w.api.send(&alice(), Ask::delete(&path)).done().map(drop)
        }),
        row(
            "a143",
            "bob",
            "changes and deletes a large object of alice's",
            "denied, naming alice; nothing changes",
            large_is_held,
        ),
    ]
}

/// The pod that a Deployment's controllers made, within half a minute.
fn pod_of(world: &World, namespace: &str, app: &str) -> Option<Value> {
    for _ in 0..200 {
        let pods = world.api.set_up(Ask::get(core(namespace, &format!("pods?labelSelector=app%3D{app}"))));
        if let Some(pod) = pods["items"].get(0) {
            return Some(pod.clone());
        }
        #[allow(clippy::disallowed_methods)] // the pause between two looks at a condition
        std::thread::sleep(Duration::from_millis(150));
    }
    None
}

fn lookalikes(world: &World) -> Verdict {
    let slot = world.workshop().name();
    for (i, key) in ["x.hotdesk.dev/owner", "xhotdesk.dev/owner", "hotdesk.dev", "HOTDESK.dev/owner"].iter().enumerate()
    {
        let labels = json!({"labels": {*key: "carol_at_example.com"}});
        let answer =
            world.api.send(&alice(), Ask::post(core(slot, "configmaps"), &config_map(&format!("looks-{i}"), &labels)));
        right(answer.ok() || answer.code == 422, || answer.to_string())?;
    }
    let query = "configmaps?labelSelector=hotdesk.dev%2Fowner%3Dcarol_at_example.com";
    let found = world.api.set_up(Ask::get(core(slot, query)));
    held(found["items"].as_array().is_some_and(Vec::is_empty), || found.to_string())
}

fn deployed_by(world: &World) -> Verdict {
    let slot = world.workshop().name();
    let labels = json!({"owner": "helm", "name": "forged", "version": "1", "status": "deployed"});
    let annotations = json!({"hotdesk.dev/deployed-by": "carol@example.com"});
    let metadata = json!({"name": "sh.helm.release.v1.forged.v1", "labels": labels, "annotations": annotations});
    let record = json!({"type": "helm.sh/release.v1", "metadata": metadata});
    let made = world.api.send(&alice(), Ask::post(core(slot, "secrets"), &record)).done()?;
    let by = &made.json["metadata"]["annotations"]["hotdesk.dev/deployed-by"];
    held(by == "alice@example.com", || by.to_string())
}

fn large_is_deleted(world: &World) -> Verdict {
    let slot = world.workshop();
    let object = deployment("large", 1_300_000, 2, &json!({}));
    let deployments = group("apps/v1", slot.name(), "deployments");
    world.api.send(&alice(), Ask::post(&deployments, &object)).done()?;
    let Some(pod) = pod_of(world, slot.name(), "large") else {
        return Err(Failure::Wrong("no pod came".to_owned()));
    };
    is_the_claims(world, slot.name(), &pod)?;
    let path = core(slot.name(), &format!("pods/{}?gracePeriodSeconds=0", text(&pod["metadata"]["name"])));
    world.api.send(&alice(), Ask::delete(path)).done()?;
    let path = format!("{deployments}/large");
    world.api.send(&alice(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "b"}}}))).done()?;
    world.api.send(&administrator(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "c"}}}))).done()?;
    world.api.send(&administrator(), Ask::delete(format!("{path}?gracePeriodSeconds=0"))).done().map(drop)
}

/// Objects of which nobody looks at each part, and the field that has too many: 60,000 labels, 20,000 volumes.
fn too_much() -> [(&'static str, &'static str, Value, &'static str); 2] {
    // Short, for the API server writes down who manages each of them.
    let labels: serde_json::Map<String, Value> = (0..60_000).map(|i| (format!("{i:x}"), json!(""))).collect();
    let volumes: Vec<Value> = (0..20_000).map(|i| json!({"name": format!("v{i:x}")})).collect();
    let mut deployment = deployment("volumes", 0, 1, &json!({}));
    deployment["spec"]["replicas"] = json!(0);
    deployment["spec"]["template"]["spec"]["volumes"] = json!(volumes);
    [
        ("v1", "configmaps", json!({"metadata": {"name": "labels", "labels": labels}}), "metadata.labels"),
        ("apps/v1", "deployments", deployment, "spec.template.spec.volumes"),
    ]
}

/// What somebody stored before there was a limit, as an administrator still can, and changes.
fn too_much_is_deleted(world: &World, who: &Actor) -> Verdict {
    let slot = world.workshop().name();
    for (version, resource, object, _) in too_much() {
        let all = collection(version, slot, resource);
        let path = format!("{all}/{}", text(&object["metadata"]["name"]));
        world.api.send(&administrator(), Ask::post(&all, &object)).done()?;
        world.api.send(&administrator(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "b"}}}))).done()?;
        world.api.send(who, Ask::delete(&path)).done()?;
        world.api.send(&administrator(), Ask::get(&path)).code_of(&[404])?;
    }
    Ok(())
}

fn large_is_held(world: &World) -> Verdict {
    let slot = TestSlot::held_by("alice@example.com");
    let object = json!({"metadata": {"name": "large"}, "data": {"a": many(900_000)}});
    world.api.send(&alice(), Ask::post(core(slot.name(), "configmaps"), &object)).done()?;
    let path = core(slot.name(), "configmaps/large");
    let bob: Actor = crate::api::bob();
    world.unchanged(slot.name(), || {
        let says = ["is held by alice@example.com"];
        world
            .api
            .send(
                &bob,
                Ask::post(
                    core(slot.name(), "configmaps"),
                    &json!({"metadata": {"name": "x"}, "data": {"a": many(900_000)}}),
                ),
            )
            .denied(&says)?;
        world.api.send(&bob, Ask::merge(&path, &json!({"data": {"b": many(100_000)}}))).denied(&says)?;
        world.api.send(&bob, Ask::delete(&path)).denied(&says)
    })
}
