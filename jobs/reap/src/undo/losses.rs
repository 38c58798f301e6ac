//! What of an object would be other than before, once helm has made it again?
//!
//! helm makes what the release's manifest says. What others have written into the object since, and what Kubernetes has assigned to
//! it, does not stand there.

use hotdesk_slots::keys;
use hotdesk_slots::text::{list, sanitize_short};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;
use serde_json::Value;

mod volumes;

/// They write what follows from the rest of an object, and do so again.
const CONTROLLERS: [&str; 5] =
    ["kube-controller-manager", "kube-scheduler", "cloud-controller-manager", "kubelet", "kubernetes"];

/// What helm writes on all that it makes, and on what it takes over. The first is the release's name.
const MARKS: [&str; 3] = [
    "metadata.annotations.meta.helm.sh/release-name",
    "metadata.annotations.meta.helm.sh/release-namespace",
    "metadata.labels.app.kubernetes.io/managed-by",
];

/// The most fields of one manager, or volumes of one object, that are named.
const MAX_NAMED: usize = 3;

/// What is lost with an object, one line each; `shown` is its name.
#[must_use]
pub fn losses(live: &DynamicObject, shown: &str) -> Vec<String> {
    let mut lost: Vec<String> = volumes::claimed(live, shown).into_iter().collect();
    lost.extend(edits(live, shown));
    lost.extend(assigned(live, shown));
    let active = live.data.pointer("/status/active").and_then(Value::as_i64).unwrap_or_default();
    let is_job = live.types.as_ref().is_some_and(|types| types.kind == "Job");
    lost.extend((is_job && active > 0).then(|| format!("the run of {shown}, which is under way")));
    lost.extend(volumes::lost(live, shown));
    lost
}

/// The first few of them, and how many there are beyond.
fn first(all: &[String]) -> String {
    let mut named: Vec<String> = all.iter().take(MAX_NAMED).map(|one| sanitize_short(one)).collect();
    if all.len() > named.len() {
        named.push(format!("{} more", all.len() - named.len()));
    }
    list(&named)
}

/// What was changed by hand, or by another program.
fn edits(live: &DynamicObject, shown: &str) -> Vec<String> {
    let all = live.metadata.managed_fields.as_deref().unwrap_or_default();
    let mut told = Vec::new();
    for entry in all.iter().filter(|entry| is_anothers(entry)) {
        let written = paths(entry);
        let fields: Vec<String> = written.iter().filter(|path| is_lost(path)).cloned().collect();
        if fields.is_empty() || is_installers(entry, &written) {
            continue;
        }
        let who = sanitize_short(entry.manager.as_deref().unwrap_or("somebody"));
        told.push(format!("what {who} changed of {shown}: {}", first(&fields)));
    }
    told
}

/// True for what a program with helm built in wrote under its own name: the mark with the object itself, all of which comes back.
/// Who marks an object by hand, so that a release takes it over, writes nothing but metadata, or uses kubectl.
fn is_installers(entry: &ManagedFieldsEntry, written: &[String]) -> bool {
    let by_kubectl = entry.manager.as_deref().is_some_and(|manager| manager.starts_with("kubectl"));
    let marks = written.iter().any(|path| path == MARKS[0]);
    marks && !by_kubectl && written.iter().any(|path| !path.starts_with("metadata."))
}

fn is_anothers(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    let of_itself = entry.subresource.as_deref() == Some("status");
    !of_itself && !manager.starts_with("helm") && !CONTROLLERS.contains(&manager)
}

/// helm and hotdesk mark what is made again, and hotdesk sets the replicas.
fn is_lost(path: &str) -> bool {
    let of_metadata = path.strip_prefix("metadata.labels.").or_else(|| path.strip_prefix("metadata.annotations."));
    let by_itself = |key: &str| keys::is_reserved(key) || key.starts_with("deployment.kubernetes.io/");
    path != "spec.replicas" && !MARKS.contains(&path) && !of_metadata.is_some_and(by_itself)
}

/// The fields of an entry, as `spec.template.spec.containers[app].env`: each once, and where it ends.
fn paths(entry: &ManagedFieldsEntry) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(fields) = &entry.fields_v1 {
        descend(&fields.0, String::new(), &mut found);
    }
    found
}

fn descend(fields: &Value, path: String, found: &mut Vec<String>) {
    // An item of a list that is theirs as a whole.
    if path.ends_with(']') && fields.get(".").is_some() {
        return found.push(path);
    }
    let parts = fields.as_object().into_iter().flatten().filter_map(|(key, below)| Some((step(key)?, below)));
    let mut any = false;
    for (step, below) in parts {
        any = true;
        let dot = if path.is_empty() || step.starts_with('[') { "" } else { "." };
        descend(below, format!("{path}{dot}{step}"), found);
    }
    if !any && !path.is_empty() {
        found.push(path);
    }
}

/// `f:image` is a field, `k:{"name":"app"}` an item by its key, `v:"a"` a value, and `.` the thing itself.
fn step(key: &str) -> Option<String> {
    if let Some(field) = key.strip_prefix("f:") {
        return Some(field.to_owned());
    }
    let item = key.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok());
    let first = item.as_ref().and_then(Value::as_object).and_then(|keys| keys.values().next().cloned());
    first.map(|value| format!("[{}]", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

/// The addresses and ports that Kubernetes gave to a Service; those that somebody wrote come back.
fn assigned(live: &DynamicObject, shown: &str) -> Option<String> {
    if live.types.as_ref().is_none_or(|types| types.kind != "Service" || types.api_version != "v1") {
        return None;
    }
    let managed = live.metadata.managed_fields.as_deref().unwrap_or_default();
    let of_spec = |entry: &&ManagedFieldsEntry| entry.subresource.is_none();
    let written: Vec<String> = managed.iter().filter(of_spec).flat_map(paths).collect();
    let at = |pointer: &str| live.data.pointer(pointer);
    let mut given = Vec::new();
    let address = at("/spec/clusterIP").and_then(Value::as_str).filter(|ip| !ip.is_empty() && *ip != "None");
    given.extend(address.filter(|_| !written.iter().any(|path| path == "spec.clusterIP")).map(sanitize_short));
    let ports = at("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let node_ports = ports.filter_map(|port| port.get("nodePort").and_then(Value::as_i64));
    if !written.iter().any(|path| path.ends_with(".nodePort")) {
        given.extend(node_ports.map(|port| format!("node port {port}")));
    }
    let balanced = at("/status/loadBalancer/ingress").and_then(Value::as_array).into_iter().flatten();
    let balanced = balanced.filter_map(|to| to.get("ip").or_else(|| to.get("hostname")).and_then(Value::as_str));
    given.extend(balanced.map(|to| format!("load balancer {}", sanitize_short(to))));
    (!given.is_empty()).then(|| format!("what {shown} was given, for it gets others: {}", list(&given)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(mut written: Value, managed: &Value) -> DynamicObject {
        let metadata = json!({"name": "web", "managedFields": managed});
        written.as_object_mut().unwrap().insert("metadata".to_owned(), metadata);
        serde_json::from_value(written).unwrap()
    }

    fn entry(manager: &str, subresource: Option<&str>, fields: &Value) -> Value {
        let mut entry = json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields});
        if let Some(subresource) = subresource {
            entry["subresource"] = json!(subresource);
        }
        entry
    }

    fn deployment(managed: &[Value]) -> Vec<String> {
        losses(&object(json!({"apiVersion": "apps/v1", "kind": "Deployment"}), &json!(managed)), "Deployment/web")
    }

    #[test]
    fn u20_what_others_than_the_installer_wrote_is_told_by_field() {
        let env = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
            "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}});
        let notes =
            json!({"f:metadata": {"f:annotations": {"f:note": {}}, "f:labels": {"f:a": {}, "f:b": {}, "f:c": {}}}});
        assert_eq!(
            deployment(&[entry("kubectl-set", None, &env), entry("kubectl-annotate", None, &notes)]),
            [
                "what kubectl-set changed of Deployment/web: spec.template.spec.containers[app].env[A]",
                "what kubectl-annotate changed of Deployment/web: metadata.annotations.note, metadata.labels.a, \
                 metadata.labels.b and 1 more",
            ]
        );
    }

    #[test]
    fn u20_what_comes_back_by_itself_is_not_told() {
        let mark = json!({"f:metadata": {"f:annotations": {"f:meta.helm.sh/release-name": {}}}, "f:spec": {"f:x": {}}});
        let status = json!({"f:status": {"f:replicas": {}}});
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let own = json!({"f:metadata": {"f:labels": {"f:hotdesk.dev/owner": {}}, "f:annotations": {"f:deployment.kubernetes.io/revision": {}}}});
        let managed = [
            entry("terraform-provider", None, &mark),
            entry("helm", None, &json!({"f:spec": {"f:y": {}}})),
            entry("somebody", Some("status"), &status),
            entry("kubectl", Some("scale"), &replicas),
            entry("hotdesk-reap", None, &replicas),
            entry("restamper", None, &own),
            entry("kube-controller-manager", None, &json!({"f:spec": {"f:z": {}}})),
        ];
        assert_eq!(deployment(&managed), Vec::<String>::new());
    }

    #[test]
    fn u07_what_somebody_scaled_is_told_unless_it_comes_back() {
        let scaled = |who: &str, field: &str| deployment(&[entry(who, Some("scale"), &json!({"f:spec": {field: {}}}))]);
        assert_eq!(scaled("kubectl", "f:instances"), ["what kubectl changed of Deployment/web: spec.instances"]);
        assert_eq!(scaled("kubectl", "f:replicas"), Vec::<String>::new());
        assert_eq!(
            scaled("kube-controller-manager", "f:instances"),
            Vec::<String>::new(),
            "an autoscaler does so again"
        );
    }

    #[test]
    fn u20_helms_mark_hides_only_itself_unless_the_installer_wrote_it() {
        let marks = |more: &Value| {
            let mut fields = json!({"f:metadata": {
                "f:annotations": {"f:meta.helm.sh/release-name": {}, "f:meta.helm.sh/release-namespace": {}},
                "f:labels": {"f:app.kubernetes.io/managed-by": {}},
            }});
            json_patch::merge(&mut fields, more);
            fields
        };
        let note = marks(&json!({"f:metadata": {"f:annotations": {"f:note": {}}}}));
        let image = marks(&json!({"f:spec": {"f:paused": {}}}));
        let told = |manager: &str, fields: &Value| deployment(&[entry(manager, None, fields)]);
        // Who has an object taken over by a release writes these, and helm writes them again.
        assert_eq!(told("kubectl-annotate", &marks(&json!({}))), Vec::<String>::new());
        let annotated = |who: &str| [format!("what {who} changed of Deployment/web: metadata.annotations.note")];
        assert_eq!(told("kubectl-annotate", &note), annotated("kubectl-annotate"));
        assert_eq!(told("dashboard", &note), annotated("dashboard"));
        assert_eq!(told("kubectl-edit", &image), ["what kubectl-edit changed of Deployment/web: spec.paused"]);
        // A program with helm built in writes the whole object under its own name.
        assert_eq!(told("terraform-provider", &image), Vec::<String>::new());
    }

    #[test]
    fn u19_what_kubernetes_assigned_is_told_and_what_somebody_wrote_is_not() {
        let service = |managed: &[Value]| {
            let spec = json!({"clusterIP": "10.96.0.8", "ports": [{"port": 80, "nodePort": 31234}]});
            let status = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
            let object =
                object(json!({"apiVersion": "v1", "kind": "Service", "spec": spec, "status": status}), &json!(managed));
            losses(&object, "Service/node")
        };
        let told = "what Service/node was given, for it gets others: ";
        assert_eq!(service(&[]), [format!("{told}10.96.0.8, node port 31234 and load balancer 192.0.2.7")]);
        let written = json!({"f:spec": {"f:clusterIP": {}, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}}}});
        assert_eq!(service(&[entry("helm", None, &written)]), [format!("{told}load balancer 192.0.2.7")]);
        let headless =
            object(json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}}), &json!([]));
        assert_eq!(losses(&headless, "Service/web"), Vec::<String>::new());
    }

    #[test]
    fn a_job_that_runs_is_lost() {
        let job = |active: i64| {
            object(json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"active": active}}), &json!([]))
        };
        assert_eq!(losses(&job(1), "Job/import"), ["the run of Job/import, which is under way"]);
        assert_eq!(losses(&job(0), "Job/import"), Vec::<String>::new());
    }
}
