//! Which marks does an object carry once it is admitted, and is everything else as it was?

use std::collections::BTreeMap;

use json_patch::Patch;
use serde_json::{Map, Value};

use super::super::world::STAMPS;
use super::claim::Claim;
use super::role::may_name;
use super::{Asked, FOR, PREFIX, Part, Role, is_reserved};

/// The subresources whose write stores the object's own metadata.
const STORED: [&str; 6] = ["", "status", "resize", "ephemeralcontainers", "finalize", "approval"];
/// Kinds that are stored nowhere.
const NOT_STORED: [(&str, &str); 5] = [
    ("", "Binding"),
    ("authentication.k8s.io", "TokenRequest"),
    ("authorization.k8s.io", "LocalSubjectAccessReview"),
    ("autoscaling", "Scale"),
    ("policy", "Eviction"),
];
const DEPLOYED_BY: &str = "hotdesk.dev/deployed-by";
const MAPS: [&str; 2] = ["labels", "annotations"];

/// What is stored of an object after this patch.
///
/// # Errors
/// If the patch does not apply.
pub fn patched(object: &Value, patch: Option<&[u8]>) -> Result<Value, String> {
    let mut after = object.clone();
    if let Some(patch) = patch {
        let text = String::from_utf8_lossy(patch);
        let patch: Patch = serde_json::from_slice(patch).map_err(|e| format!("{text} is not a JSON Patch: {e}"))?;
        json_patch::patch(&mut after, &patch).map_err(|e| format!("the patch does not apply: {e}: {text}"))?;
    }
    Ok(after)
}

/// True for a write after which the object carries the stamp. Machinery is stamped where it creates.
#[must_use]
pub fn is_stamped(asked: &Asked, role: Option<Role>) -> bool {
    let stored = STORED.contains(&asked.subresource.as_str());
    let exists = !NOT_STORED.contains(&(asked.group.as_str(), asked.kind.as_str()));
    let written = asked.operation == "CREATE" || asked.operation == "UPDATE" && role != Some(Role::Machinery);
    let has_metadata = asked.object.value().is_some_and(|object| object.get("metadata").is_some_and(Value::is_object));
    stored && exists && written && has_metadata
}

/// True for an object that no API server sends: its metadata is neither a map nor missing.
#[must_use]
pub fn is_odd(object: &Part) -> bool {
    match object {
        Part::Absent => false,
        Part::Odd => true,
        Part::Read(object) => {
            !object.is_object() || object.get("metadata").is_some_and(|m| !m.is_null() && !m.is_object())
        }
    }
}

/// Compares what is stored with what the Slot says.
///
/// # Errors
/// What is not as it must be.
pub fn compare(asked: &Asked, role: Option<Role>, claim: Option<&Claim>, after: &Value) -> Result<(), String> {
    let Some(before) = asked.object.value() else { return Ok(()) };
    let stamp = stamp_of(&asked.namespace).ok_or("there is no Slot, so there is no stamp")?;
    let release = is_release_record(asked);
    for (map, wanted) in MAPS.into_iter().zip(stamp) {
        let mut found = reserved(after, map)?;
        if release && map == "annotations" {
            deployed_by(asked, role, found.remove(DEPLOYED_BY))?;
        }
        if found != wanted {
            return Err(format!("metadata.{map} carries {found:?}, and the stamp is {wanted:?}"));
        }
        named(asked, role, claim, map, after)?;
    }
    if others(before.clone()) != others(after.clone()) {
        return Err(format!("the patch changes more than hotdesk's keys: {before} became {after}"));
    }
    Ok(())
}

/// Labels and annotations of this slot's objects.
fn stamp_of(namespace: &str) -> Option<[BTreeMap<&'static str, &'static str>; 2]> {
    let [slot, label, owner, claimants, purpose] = STAMPS.into_iter().find(|[slot, ..]| *slot == namespace)?;
    let marks = |marks: &[(&'static str, &'static str)]| {
        marks.iter().copied().filter(|(_, value)| !value.is_empty()).collect::<BTreeMap<_, _>>()
    };
    let labels = marks(&[("hotdesk.dev/slot", slot), ("hotdesk.dev/owner", label)]);
    let annotations =
        marks(&[("hotdesk.dev/owner", owner), ("hotdesk.dev/claimants", claimants), ("hotdesk.dev/purpose", purpose)]);
    Some([labels, annotations])
}

fn reserved<'a>(object: &'a Value, map: &str) -> Result<BTreeMap<&'a str, &'a str>, String> {
    let entries = object.get("metadata").and_then(|m| m.get(map)).and_then(Value::as_object);
    let reserved = entries.into_iter().flatten().filter(|(key, _)| is_reserved(key));
    let texts = reserved.map(|(key, value)| {
        // An API server stores null as an empty text.
        let text = if value.is_null() { Some("") } else { value.as_str() };
        Ok((key.as_str(), text.ok_or_else(|| format!("metadata.{map} has {value} at {key}"))?))
    });
    texts.collect()
}

/// helm's record of a release says who deployed it: who asks, but for hotdesk's own jobs, which keep what it said.
fn deployed_by(asked: &Asked, role: Option<Role>, found: Option<&str>) -> Result<(), String> {
    let said = |part: &Part| part.entry("annotations", DEPLOYED_BY).and_then(Value::as_str).map(str::to_owned);
    if role == Some(Role::Restamper) {
        // It keeps what it said, and makes nothing up.
        let was = said(&asked.old);
        let is_kept = found == was.as_deref();
        return if is_kept {
            Ok(())
        } else {
            Err(format!("a restamp says that {found:?} deployed it, and it was {was:?}"))
        };
    }
    let kept = match role {
        Some(Role::Reaper) => said(&asked.old),
        Some(Role::Reviver) => said(&asked.object),
        _ => None,
    };
    let wanted = kept.unwrap_or_else(|| asked.username.clone());
    if found == Some(wanted.as_str()) {
        return Ok(());
    }
    Err(format!("the release was deployed by {wanted:?}, and its record says {found:?}"))
}

/// `hotdesk.dev/for` is brought in by those alone who know for whom they deploy, and by what brings back their releases.
fn named(asked: &Asked, role: Option<Role>, claim: Option<&Claim>, map: &str, after: &Value) -> Result<(), String> {
    // Null is how Go's JSON says the empty text.
    let text = |value: Option<&Value>| value.map(|value| value.as_str().unwrap_or_default().to_owned());
    let (new, old) = (text(asked.object.entry(map, FOR)), text(asked.old.entry(map, FOR)));
    let now = text(after.get("metadata").and_then(|metadata| metadata.get(map)).and_then(|entries| entries.get(FOR)));
    let named = new.as_deref().unwrap_or_default();
    let exempt = role.is_some_and(Role::is_exempt) || may_name(asked, role, claim, named);
    let right = if exempt { now == new } else { now.is_none() || now == old };
    if right { Ok(()) } else { Err(format!("metadata.{map} says {now:?} at {FOR}, and was asked to say {new:?}")) }
}

fn is_release_record(asked: &Asked) -> bool {
    let kinds = asked.group.is_empty() && matches!(asked.kind.as_str(), "Secret" | "ConfigMap");
    let typed = asked.kind == "Secret" && asked.object.text("/type") == Some("helm.sh/release.v1");
    let owned = asked.object.text("/metadata/labels/owner") == Some("helm");
    let is_named = asked.object.text("/metadata/name").is_some_and(|name| name.starts_with("sh.helm.release.v1."));
    kinds && (typed || owned && is_named)
}

/// An object without hotdesk's keys. An empty map is as good as none.
fn others(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for map in MAPS {
            if let Some(Value::Object(entries)) = metadata.get_mut(map) {
                entries.retain(|key, _| !key.starts_with(PREFIX));
            }
            if metadata
                .get(map)
                .is_some_and(|entries| entries.is_null() || entries.as_object().is_some_and(Map::is_empty))
            {
                metadata.remove(map);
            }
        }
    }
    object
}
