//! What may the restamper send? From section 11 of the design: an UPDATE of an object itself, which changes hotdesk's keys and
//! nothing else.

use serde_json::{Map, Value};

use super::{Asked, Part, is_reserved};

/// Groups, and of some only one resource, that the restamper leaves alone.
const LEFT_ALONE: [(&str, Option<&str>); 8] = [
    ("rbac.authorization.k8s.io", None),
    ("authorization.k8s.io", None),
    ("hotdesk.dev", None),
    ("coordination.k8s.io", Some("leases")),
    ("", Some("events")),
    ("events.k8s.io", Some("events")),
    ("", Some("endpoints")),
    ("discovery.k8s.io", Some("endpointslices")),
];

/// What the API server counts by itself.
const COUNTED: [&str; 3] = ["generation", "managedFields", "resourceVersion"];

/// What this request does that a restamp does not; nothing if it is one.
#[must_use]
pub fn wrong(asked: &Asked) -> Option<&'static str> {
    let (group, resource, subresource) = asked.target();
    if asked.operation != "UPDATE" {
        return Some("is of the restamper's and no update");
    }
    if !subresource.is_empty() {
        return Some("is of the restamper's and of a subresource");
    }
    let is_left = |(of, only): &(&str, Option<&str>)| *of == group && only.is_none_or(|only| only == resource);
    if LEFT_ALONE.iter().any(is_left) {
        return Some("is of the restamper's and of what it leaves alone");
    }
    let (Some(new), Some(old)) = (rest(&asked.object), rest(&asked.old)) else {
        return Some("is of the restamper's and has no object to compare");
    };
    (new != old).then_some("is of the restamper's and changes more than hotdesk's keys")
}

/// True for an empty patch: it is to be let in, and the webhook stamps what it updates.
#[must_use]
pub fn is_empty(asked: &Asked) -> bool {
    asked.is_unchanged && wrong(asked).is_none()
}

/// An object without what a restamp may change. None of one without metadata, or with marks that are not texts.
fn rest(part: &Part) -> Option<Value> {
    let mut object = part.value()?.clone();
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    for map in ["labels", "annotations"] {
        let marks = match metadata.remove(map) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(marks)) if marks.values().all(Value::is_string) => marks,
            Some(_) => return None,
        };
        let foreign: Map<String, Value> = marks.into_iter().filter(|(key, _)| !is_reserved(key)).collect();
        metadata.insert(map.to_owned(), foreign.into());
    }
    COUNTED.iter().for_each(|field| drop(metadata.remove(*field)));
    Some(object)
}
