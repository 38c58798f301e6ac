//! What can only administrators write in a slot, never its holder, whatever its mode is?

use std::collections::BTreeSet;

use serde_json::Value;

use super::claim::Claim;
use super::role::may_name;
use super::{Asked, FOR, PREFIX, Part, Role, restamp};

/// How long a token may last that somebody makes, in seconds.
const TOKEN_SECONDS: i64 = 3600;

/// What the charts put into a slot.
const FIXTURES: [(&str, &[&str], &[&str]); 3] = [
    (
        "rbac.authorization.k8s.io",
        &["rolebindings", "roles"],
        &[
            "hotdesk-access",
            "hotdesk-claim",
            "hotdesk-claimants",
            "hotdesk-controller",
            "hotdesk-edit",
            "hotdesk-reaper",
            "hotdesk-reviver",
            "hotdesk-view",
        ],
    ),
    ("", &["serviceaccounts"], &["hotdesk-reaper", "hotdesk-reviver"]),
    ("batch", &["cronjobs"], &["hotdesk-observer", "hotdesk-reaper"]),
];

/// Where the built-in kinds hold the metadata of what a controller makes of them.
const POD: &str = "spec.template";
const IN_A_POD: &str = "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate";
const TEMPLATES: [(&str, &str, &[&str]); 10] = [
    ("apps", "DaemonSet", &[POD, IN_A_POD]),
    ("apps", "Deployment", &[POD, IN_A_POD]),
    ("apps", "ReplicaSet", &[POD, IN_A_POD]),
    ("apps", "StatefulSet", &[POD, IN_A_POD, "spec.volumeClaimTemplates[]"]),
    ("batch", "Job", &[POD, IN_A_POD]),
    (
        "batch",
        "CronJob",
        &[
            "spec.jobTemplate",
            "spec.jobTemplate.spec.template",
            "spec.jobTemplate.spec.template.spec.volumes[].ephemeral.volumeClaimTemplate",
        ],
    ),
    ("", "ReplicationController", &[POD, IN_A_POD]),
    ("", "PodTemplate", &["template", "template.spec.volumes[].ephemeral.volumeClaimTemplate"]),
    ("", "Pod", &["spec.volumes[].ephemeral.volumeClaimTemplate"]),
    ("resource.k8s.io", "ResourceClaimTemplate", &["spec"]),
];

/// What this write does that is nobody's to do but the administrators'; nothing if it does not.
#[must_use]
pub fn broken(asked: &Asked, role: Option<Role>, claim: Option<&Claim>) -> Option<String> {
    if role.is_some_and(Role::is_exempt) {
        return None;
    }
    if role == Some(Role::Restamper) {
        // What is in an object already stays there: it changes nothing else.
        return fixture(asked).or_else(|| restamp::wrong(asked).map(str::to_owned));
    }
    let fixture = if role == Some(Role::Controller) { None } else { fixture(asked) };
    fixture.or_else(|| token(asked)).or_else(|| reserved_key(asked, role, claim))
}

fn fixture(asked: &Asked) -> Option<String> {
    let part = if asked.operation == "DELETE" { &asked.old } else { &asked.object };
    let names = [asked.name.as_str(), part.text("/metadata/name").unwrap_or_default()];
    let (group, resource) = (asked.resource.0.as_str(), asked.resource.1.as_str());
    let is = |name: &&str| {
        FIXTURES
            .iter()
            .any(|(g, resources, names)| *g == group && resources.contains(&resource) && names.contains(name))
    };
    names.into_iter().find(is).map(|name| format!("changes {resource} {name}, which hotdesk put there"))
}

fn token(asked: &Asked) -> Option<String> {
    let object = asked.object.value().filter(|_| asked.writes())?;
    match (asked.group.as_str(), asked.kind.as_str()) {
        ("authentication.k8s.io", "TokenRequest") => {
            let is_long = |seconds: &Value| {
                seconds.as_i64().is_some_and(|s| s > TOKEN_SECONDS) || seconds.as_i64().is_none() && seconds.is_u64()
            };
            let long = object.pointer("/spec/expirationSeconds").filter(|seconds| is_long(seconds));
            let of_pod = object.pointer("/spec/boundObjectRef/kind").and_then(Value::as_str) == Some("Pod");
            long.map(|seconds| format!("makes a token for {seconds} seconds"))
                .or_else(|| of_pod.then(|| "makes the token of a pod".to_owned()))
        }
        ("", "Secret") => {
            let is_token = asked.object.text("/type") == Some("kubernetes.io/service-account-token");
            is_token.then(|| "writes a Secret that holds a token that never expires".to_owned())
        }
        _ => None,
    }
}

/// One of hotdesk's keys that this write brings into a template of a built-in kind.
fn reserved_key(asked: &Asked, role: Option<Role>, claim: Option<&Claim>) -> Option<String> {
    let kind = (asked.group.as_str(), asked.kind.as_str());
    let (_, _, fields) = TEMPLATES.iter().find(|(group, name, _)| (*group, *name) == kind)?;
    let object = asked.object.value().filter(|_| asked.writes())?;
    let before = if let Part::Read(old) = &asked.old { keys_in(old, fields) } else { BTreeSet::new() };
    let new = keys_in(object, fields).into_iter().filter(|found| !before.contains(found));
    let mut new = new.filter(|(_, _, key, value)| !(key == FOR && may_name(asked, role, claim, value)));
    new.next().map(|(field, map, key, _)| format!("brings {key} into {field}.metadata.{map}"))
}

type Key = (String, &'static str, String, String);

fn keys_in(object: &Value, fields: &[&str]) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for field in fields {
        for template in at(object, field) {
            for map in ["labels", "annotations"] {
                let entries = template.get("metadata").and_then(|m| m.get(map)).and_then(Value::as_object);
                let reserved = entries.into_iter().flatten().filter(|(key, _)| key.starts_with(PREFIX));
                keys.extend(reserved.map(|(key, value)| {
                    ((*field).to_owned(), map, key.clone(), value.as_str().unwrap_or_default().to_owned())
                }));
            }
        }
    }
    keys
}

/// All values at a path, with `[]` behind a list.
fn at<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![object], |found, step| {
        let field = step.trim_end_matches("[]");
        let values = found.into_iter().filter_map(|value| value.get(field));
        if step == field { values.collect() } else { values.filter_map(Value::as_array).flatten().collect() }
    })
}
