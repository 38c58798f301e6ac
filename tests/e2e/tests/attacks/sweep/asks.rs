//! Which requests does the sweep send?

use serde_json::{Value, json};

use super::{Family, Slots};
use crate::api::{Ask, administrator};
use crate::gated::CONNECTIONS;
use crate::kinds::{Kind, Subresource};
use crate::stage::World;

/// One resource with one verb or patch type.
#[derive(Debug, Clone)]
pub struct Combination {
    pub name: String,
    pub group: String,
    pub resource: String,
    pub ask: Ask,
    /// Discovery shows the verb, and there is an object: it must be hotdesk that says no.
    pub reaches_admission: bool,
    /// It deletes a collection, which may be empty.
    pub of_collection: bool,
}

/// All combinations of a family in a slot.
pub fn all(world: &World, slots: &Slots, slot: &str, family: Family) -> Vec<Combination> {
    let kinds = world.kinds().iter();
    kinds.flat_map(|kind| of_kind(world, slots.victim(kind), kind, slot, family)).collect()
}

fn of_kind(world: &World, victim: Option<&str>, kind: &Kind, slot: &str, family: Family) -> Vec<Combination> {
    match family {
        Family::Creates => creates(kind, slot),
        Family::Changes => changes(world, victim, kind, slot),
        Family::Deletes => deletes(victim, kind, slot),
        Family::Subresources => {
            kind.subresources.iter().flat_map(|sub| subresource(world, victim, kind, sub, slot)).collect()
        }
    }
}

fn combination(kind: &Kind, verb: &str, ask: Ask, reaches_admission: bool) -> Combination {
    Combination {
        name: format!("{} {} {verb}", kind.version, kind.resource),
        group: kind.group.clone(),
        resource: kind.resource.clone(),
        ask,
        reaches_admission,
        of_collection: false,
    }
}

/// Each as it is, and as a dry run.
fn with_dry_runs(combinations: &[Combination]) -> Vec<Combination> {
    let dry =
        |c: &Combination| Combination { name: format!("{} (dry run)", c.name), ask: c.ask.clone().dry(), ..c.clone() };
    combinations.iter().flat_map(|c| [c.clone(), dry(c)]).collect()
}

fn creates(kind: &Kind, slot: &str) -> Vec<Combination> {
    let new = kind.sample(slot, "attack");
    let mut generated = new.clone();
    generated["metadata"] = json!({"generateName": "attack-", "namespace": slot});
    let (collection, one) = (kind.path(slot, ""), kind.path(slot, "attack"));
    let applied = kind.can("patch") && kind.can("create");
    with_dry_runs(&[
        combination(kind, "create", Ask::post(&collection, &new), kind.can("create")),
        combination(kind, "create with generateName", Ask::post(&collection, &generated), kind.can("create")),
        combination(kind, "apply a new one", Ask::apply(&one, &new), applied),
        // Some kinds are created by an update.
        combination(kind, "put a new one", Ask::put(&one, &new), false),
    ])
}

fn changes(world: &World, victim: Option<&str>, kind: &Kind, slot: &str) -> Vec<Combination> {
    let name = victim.unwrap_or("victim");
    let path = kind.path(slot, name);
    let label = json!({"metadata": {"labels": {"attack": "x"}}});
    let mut whole = current(world, &path).unwrap_or_else(|| kind.sample(slot, "victim"));
    whole["metadata"]["labels"]["attack"] = json!("x");
    let (update, patch) = (victim.is_some() && kind.can("update"), victim.is_some() && kind.can("patch"));
    let combinations =
        [vec![combination(kind, "put", Ask::put(&path, &whole), update)], patches(kind, "", name, slot, &label, patch)];
    with_dry_runs(&combinations.concat())
}

/// One change, as each patch type says it.
fn patches(kind: &Kind, subresource: &str, name: &str, slot: &str, change: &Value, reaches: bool) -> Vec<Combination> {
    let path =
        &kind.path(slot, &if subresource.is_empty() { name.to_owned() } else { format!("{name}/{subresource}") });
    let label = json!([{"op": "add", "path": "/metadata/labels/attack", "value": "x"}]);
    let replicas = json!([{"op": "replace", "path": "/spec/replicas", "value": 5}]);
    let operations = if subresource == "scale" { replicas } else { label };
    let mut applied = change.clone();
    applied["apiVersion"] = json!(if subresource == "scale" { "autoscaling/v1" } else { &kind.version });
    applied["kind"] = json!(if subresource == "scale" { "Scale" } else { &kind.kind });
    applied["metadata"]["name"] = json!(name);
    vec![
        combination(kind, &format!("{subresource} merge patch"), Ask::merge(path, change), reaches),
        combination(kind, &format!("{subresource} JSON patch"), Ask::json_patch(path, &operations), reaches),
        combination(kind, &format!("{subresource} strategic patch"), Ask::strategic(path, change), reaches),
        combination(kind, &format!("{subresource} apply with force"), Ask::apply(path, &applied), reaches),
    ]
}

fn deletes(victim: Option<&str>, kind: &Kind, slot: &str) -> Vec<Combination> {
    let (one, all) = (kind.path(slot, victim.unwrap_or("victim")), kind.path(slot, ""));
    let (delete, collection) =
        (victim.is_some() && kind.can("delete"), victim.is_some() && kind.can("deletecollection"));
    let of_collection =
        |verb: &str, ask: Ask| Combination { of_collection: true, ..combination(kind, verb, ask, collection) };
    with_dry_runs(&[
        combination(kind, "delete", Ask::delete(&one), delete),
        combination(kind, "delete now", Ask::delete(format!("{one}?gracePeriodSeconds=0")), delete),
        combination(kind, "delete and orphan", Ask::delete(format!("{one}?propagationPolicy=Orphan")), delete),
        of_collection("delete the collection", Ask::delete(&all)),
    ])
}

fn subresource(world: &World, victim: Option<&str>, kind: &Kind, sub: &Subresource, slot: &str) -> Vec<Combination> {
    let name = victim.unwrap_or("victim");
    let path = kind.path(slot, &format!("{name}/{}", sub.name));
    let offers = |verb: &str| sub.verbs.iter().any(|v| v == verb);
    let there = victim.is_some();
    let combine = |verb: &str, ask: Ask| combination(kind, &format!("{} {verb}", sub.name), ask, there);
    if CONNECTIONS.contains(&sub.name.as_str()) {
        let path = if sub.name == "exec" { format!("{path}?command=id&stdout=true") } else { path };
        let by_method = [
            ("get", Ask::get(&path)),
            ("create", Ask::post(&path, &json!({}))),
            ("update", Ask::put(&path, &json!({}))),
            ("patch", Ask::merge(&path, &json!({}))),
            ("delete", Ask::delete(&path)),
        ];
        let offered = by_method.into_iter().filter(|(verb, _)| offers(verb));
        let upgraded = [("WebSocket", Ask::get(&path).by_websocket()), ("SPDY", Ask::get(&path).by_spdy())];
        let upgraded = upgraded.into_iter().filter(|_| offers("get"));
        return offered.chain(upgraded).map(|(verb, ask)| combine(verb, ask)).collect();
    }
    let mut combinations = Vec::new();
    if offers("create") {
        combinations.push(combine("create", Ask::post(&path, &posted(&sub.name, name))));
    }
    let change = changed(&sub.name);
    if offers("update") {
        let mut whole = current(world, &path).unwrap_or_else(|| kind.sample(slot, name));
        if sub.name == "scale" {
            whole["spec"]["replicas"] = json!(5);
        } else {
            whole["metadata"]["labels"]["attack"] = json!("x");
        }
        combinations.push(combine("put", Ask::put(&path, &whole)));
    }
    if offers("patch") {
        combinations.extend(patches(kind, &sub.name, name, slot, &change, there));
    }
    with_dry_runs(&combinations)
}

/// What is posted to a subresource.
fn posted(subresource: &str, name: &str) -> Value {
    match subresource {
        "eviction" => json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}),
        "token" => json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        "binding" => {
            let target = json!({"kind": "Node", "name": "none"});
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target})
        }
        _ => json!({}),
    }
}

fn changed(subresource: &str) -> Value {
    match subresource {
        "scale" => json!({"spec": {"replicas": 5}}),
        "ephemeralcontainers" => {
            json!({"spec": {"ephemeralContainers": [{"name": "attack", "image": "none.invalid/none"}]}})
        }
        "resize" => {
            json!({"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1m"}}}]}})
        }
        _ => json!({"metadata": {"labels": {"attack": "x"}}}),
    }
}

fn current(world: &World, path: &str) -> Option<Value> {
    let answer = world.api.send(&administrator(), Ask::get(path));
    answer.ok().then_some(answer.json)
}
