//! What an API server answers of objects of any kind: which kinds there are, and what there is of them.

use hotdesk_http::fake_server::Reply;
use serde_json::{Value, json};

use crate::world::{FakeCluster, missing};

/// Kinds that need no object to be served.
const ALWAYS: [(&str, &str); 2] = [("networking.k8s.io/v1", "IngressClass"), ("networking.k8s.io/v1", "Ingress")];

/// The slot.
const NAMESPACE: &str = "/api/v1/namespaces/mew";

/// True for what is answered here.
pub(crate) fn serves(path: &str) -> bool {
    let of_core =
        ["/api/v1/services", "/api/v1/namespaces/mew/pods", NAMESPACE].contains(&path) || path.contains("/configmaps/");
    of_core || path == "/apis" || read(path).is_some()
}

/// These, and those objects of the slot that are of a kind.
pub(crate) fn with(own: &[Value], objects: &[Value], kind: &str) -> Vec<Value> {
    let of_slot = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["namespace"] == "mew");
    own.iter().chain(of_slot).cloned().collect()
}

/// Answers.
pub(crate) fn answer(world: &FakeCluster, path: &str, target: &str) -> Reply {
    if path == "/apis" {
        return Reply::Json(200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(world)}));
    }
    let version = path.trim_start_matches("/apis/");
    if version.split('/').count() == 2 && path.starts_with("/apis/") {
        let resources: Vec<Value> =
            kinds(world).iter().filter(|(of, _)| of == version).map(|(_, kind)| resource(kind)).collect();
        return Reply::Json(200, json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources}));
    }
    if path == NAMESPACE {
        let usual = json!({"metadata": {"name": "mew", "labels": {"kubernetes.io/metadata.name": "mew"}}});
        let found = world.objects.iter().find(|object| object["kind"] == "Namespace");
        return Reply::Json(200, found.cloned().unwrap_or(usual));
    }
    let Some(Asked { version, namespace, plural, name }) = read(path) else { return missing() };
    let external = |object: &Value| !target.contains("ExternalName") || object["spec"]["type"] == "ExternalName";
    let of_kind = |object: &&Value| {
        object["apiVersion"] == version
            && self::plural(object["kind"].as_str().unwrap()) == plural
            && namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
            && external(object)
    };
    let mut found = world.objects.iter().filter(of_kind);
    match name {
        Some(name) => {
            let found = found.find(|object| object["metadata"]["name"] == name);
            found.map_or_else(missing, |object| Reply::Json(200, object.clone()))
        }
        None => Reply::Json(200, json!({"metadata": {}, "items": found.collect::<Vec<_>>()})),
    }
}

struct Asked<'a> {
    version: &'a str,
    namespace: Option<&'a str>,
    plural: &'a str,
    name: Option<&'a str>,
}

/// What a path is about, if it is a kind of the tables or a version of one of their groups.
fn read(path: &str) -> Option<Asked<'_>> {
    let (version, rest) = match path.strip_prefix("/api/v1/") {
        Some(rest) => ("v1", rest),
        None => {
            let path = path.strip_prefix("/apis/")?;
            let end = path.match_indices('/').nth(1).map_or(path.len(), |(end, _)| end);
            (path.get(..end)?, path.get(end..)?.trim_start_matches('/'))
        }
    };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    if !["", "networking.k8s.io", "discovery.k8s.io"].contains(&group) && !is_of_routes(group) {
        return None;
    }
    let mut parts = rest.split('/');
    let first = parts.next().filter(|part| !part.is_empty());
    let (namespace, plural) = match first {
        Some("namespaces") => (parts.next(), parts.next()?),
        other => (None, other.unwrap_or_default()),
    };
    Some(Asked { version, namespace, plural, name: parts.next() })
        .filter(|asked| !group.is_empty() || ["services", "pods", "configmaps"].contains(&asked.plural))
}

fn is_of_routes(group: &str) -> bool {
    hotdesk_traffic::ways_in::kinds::looked_for(group).next().is_some()
}

/// The version and the kind of all that is served.
fn kinds(world: &FakeCluster) -> Vec<(String, String)> {
    let text = |object: &Value, key: &str| object[key].as_str().unwrap().to_owned();
    let of = |object: &Value| (text(object, "apiVersion"), text(object, "kind"));
    let always = ALWAYS.iter().map(|(version, kind)| ((*version).to_owned(), (*kind).to_owned()));
    let mut kinds: Vec<(String, String)> = world.objects.iter().map(of).chain(always).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn groups(world: &FakeCluster) -> Vec<Value> {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for (version, _) in kinds(world) {
        let Some((group, number)) = version.split_once('/') else { continue };
        let written = json!({"groupVersion": version, "version": number});
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, versions)) if versions.contains(&written) => {}
            Some((_, versions)) => versions.push(written),
            None => groups.push((group.to_owned(), vec![written])),
        }
    }
    let written = |(name, versions): (String, Vec<Value>)| json!({"name": name, "versions": versions, "preferredVersion": versions[0]});
    groups.into_iter().map(written).collect()
}

fn resource(kind: &str) -> Value {
    let namespaced = !kind.ends_with("Class");
    json!({"name": plural(kind), "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]})
}

fn plural(kind: &str) -> String {
    let known = hotdesk_traffic::ways_in::kinds::ALL.iter().find(|row| row.kind == kind);
    let lower = kind.to_ascii_lowercase();
    if let Some(stem) = lower.strip_suffix('y').filter(|_| kind == "EnvoyProxy" || kind == "Telemetry") {
        return format!("{stem}ies");
    }
    let suffix = if lower.ends_with('s') { "es" } else { "s" };
    known
        .filter(|row| row.group != "serving.knative.dev")
        .map_or_else(|| format!("{lower}{suffix}"), |row| row.plural.to_owned())
}
