//! Is everything in a slot as it was?

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::{ATTACKER, Answer, Ask, administrator};
use crate::stage::World;

/// All objects of a namespace, as far as people write them.
#[derive(Debug)]
pub struct Snapshot {
    objects: BTreeMap<String, Value>,
    marks: Vec<String>,
}

/// What controllers write there all the time says nothing about an attack.
const RESTLESS: [&str; 2] = ["events", "leases"];

impl Snapshot {
    pub fn of(world: &World, namespace: &str) -> Self {
        let kinds: Vec<_> = world.kinds().iter().filter(|kind| kind.preferred && kind.can("list")).collect();
        let asks: Vec<_> = kinds.iter().map(|k| (administrator(), Ask::get(k.path(namespace, "")))).collect();
        let mut snapshot = Self { objects: BTreeMap::new(), marks: Vec::new() };
        let answers = world.api.send_all(&asks);
        let is_slots = |kind: &str, group: &str| kind == "slots" && group == "hotdesk.dev";
        let mut all = kinds.iter().zip(&answers);
        let slots = all.find(|(kind, _)| is_slots(&kind.resource, &kind.group)).map(|(_, answer)| answer);
        let stamp = slots.map(|slots| stamp(&slots.json["items"][0])).unwrap_or_default();
        for (kind, answer) in kinds.iter().zip(&answers) {
            for object in items(answer) {
                let path = kind.path(namespace, object["metadata"]["name"].as_str().unwrap_or_default());
                if is_marked(object) {
                    snapshot.marks.push(path.clone());
                }
                if !RESTLESS.contains(&kind.resource.as_str()) {
                    let own = is_slots(&kind.resource, &kind.group);
                    let object = written(object);
                    snapshot.objects.insert(path, if own { object } else { unstamped(object, &stamp) });
                }
            }
        }
        snapshot
    }

    /// What is another afterwards, and what carries the attacker's mark.
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let paths: std::collections::BTreeSet<&String> = self.objects.keys().chain(after.objects.keys()).collect();
        let differ = |path: &&&String| self.objects.get(**path) != after.objects.get(**path);
        let tell = |path: &String| {
            let side = |of: &Self| of.objects.get(path).map_or_else(|| "absent".to_owned(), ToString::to_string);
            let (before, after) = (side(self), side(after));
            let same = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
            format!("{path}: {} -> {}", around(&before, same), around(&after, same))
        };
        let new = after.marks.iter().filter(|path| !self.marks.contains(path));
        let marked = new.map(|path| format!("{path} was written by the attacker"));
        paths.iter().filter(differ).map(|path| tell(path)).chain(marked).collect()
    }

    /// The paths of all objects.
    pub fn paths(&self) -> Vec<&str> {
        self.objects.keys().map(String::as_str).collect()
    }
}

/// What stands where two texts begin to differ.
fn around(text: &str, at: usize) -> String {
    text.chars().skip(at.saturating_sub(60)).take(160).collect()
}

/// A kind may go with its CRD between discovery and the question.
fn items(answer: &Answer) -> impl Iterator<Item = &Value> {
    assert!(answer.ok() || answer.code == 404, "{answer}");
    answer.json["items"].as_array().into_iter().flatten()
}

fn is_marked(object: &Value) -> bool {
    let managers = object["metadata"]["managedFields"].as_array();
    managers.into_iter().flatten().any(|entry| entry["manager"] == ATTACKER)
}

/// Without what the API server and its controllers write by themselves.
fn written(object: &Value) -> Value {
    const KEPT: [&str; 7] =
        ["uid", "name", "labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp"];
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, _| KEPT.contains(&key.as_str()));
    }
    object
}

/// The marks that everything in the slot comes to carry, by field and key.
fn stamp(slot: &Value) -> Vec<(&'static str, &'static str, Value)> {
    let keys = [
        ("labels", "hotdesk.dev/slot"),
        ("labels", "hotdesk.dev/owner"),
        ("annotations", "hotdesk.dev/owner"),
        ("annotations", "hotdesk.dev/claimants"),
        ("annotations", "hotdesk.dev/purpose"),
    ];
    keys.map(|(field, key)| (field, key, slot["metadata"][field][key].clone())).to_vec()
}

/// Without the marks that are as the Slot has them, which the restamper adds when its turn comes. Any other stays.
fn unstamped(mut object: Value, stamp: &[(&str, &str, Value)]) -> Value {
    for (field, key, value) in stamp {
        if let Some(entries) = object["metadata"].get_mut(*field).and_then(Value::as_object_mut)
            && entries.get(*key) == Some(value)
        {
            entries.remove(*key);
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["labels", "annotations"] {
            if metadata.get(field).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                metadata.remove(field);
            }
        }
    }
    object
}
