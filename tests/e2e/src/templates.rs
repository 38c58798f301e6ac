//! The templates of built-in kinds: which there are, by the chart's own table, and an object that has each.

use serde_json::{Value, json};

use crate::people::root;

/// A template that some kinds have.
#[derive(Debug)]
pub struct Template {
    /// Such as `spec.template`.
    pub field: String,
    /// As `GROUP/KIND`.
    pub kinds: Vec<String>,
}

/// All of them.
pub fn all() -> Vec<Template> {
    let file = root().join("charts/hotdesk/files/gated.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let table = serde_saphyr::from_str::<Value>(&text).unwrap();
    let texts = |list: &Value| list.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
    let template =
        |row: &Value| Template { field: row["field"].as_str().unwrap().to_owned(), kinds: texts(&row["kinds"]) };
    table["templates"].as_array().unwrap().iter().map(template).collect()
}

/// A valid object of this kind that has every template that the kind has, its version, and its resource.
pub fn object(kind: &str, name: &str) -> (Value, &'static str, &'static str) {
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let pod = |restart: &str| {
        let ephemeral = json!({"metadata": {}, "spec": claim["spec"]});
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "restartPolicy": restart, "containers": [{"name": "web", "image": "web"}],
                "volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": ephemeral}}],
            },
        })
    };
    let selector = json!({"matchLabels": {"app": "web"}});
    let job = json!({"metadata": {}, "spec": {"template": pod("Never")}});
    let (version, resource, body) = match kind {
        "/Pod" => ("v1", "pods", json!({"spec": pod("Always")["spec"]})),
        "/PodTemplate" => ("v1", "podtemplates", json!({"template": pod("Always")})),
        "/ReplicationController" => {
            let spec = json!({"replicas": 0, "selector": {"app": "web"}, "template": pod("Always")});
            ("v1", "replicationcontrollers", json!({"spec": spec}))
        }
        "batch/Job" => ("batch/v1", "jobs", json!({"spec": job["spec"]})),
        "batch/CronJob" => ("batch/v1", "cronjobs", json!({"spec": {"schedule": "0 0 1 1 *", "jobTemplate": job}})),
        "apps/DaemonSet" => {
            ("apps/v1", "daemonsets", json!({"spec": {"selector": selector, "template": pod("Always")}}))
        }
        "apps/Deployment" => {
            ("apps/v1", "deployments", json!({"spec": {"selector": selector, "template": pod("Always")}}))
        }
        "apps/ReplicaSet" => {
            ("apps/v1", "replicasets", json!({"spec": {"selector": selector, "template": pod("Always")}}))
        }
        "apps/StatefulSet" => {
            let spec = json!({
                "serviceName": "web", "replicas": 0, "selector": selector, "template": pod("Always"),
                "volumeClaimTemplates": [claim],
            });
            ("apps/v1", "statefulsets", json!({"spec": spec}))
        }
        "resource.k8s.io/ResourceClaimTemplate" => {
            ("resource.k8s.io/v1", "resourceclaimtemplates", json!({"spec": {"metadata": {}, "spec": {"devices": {}}}}))
        }
        other => panic!("no object of the kind {other} is known here: add one"),
    };
    let mut object = body;
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind.rsplit('/').next().unwrap());
    object["metadata"] = json!({"name": name});
    (object, version, resource)
}

/// Puts a label or an annotation into a template.
pub fn mark(object: &mut Value, field: &str, map: &str, key: &str, value: &str) {
    let mut at = object;
    for step in field.split('.') {
        at = &mut at[step.trim_end_matches("[]")];
        if step.ends_with("[]") {
            at = &mut at[0];
        }
    }
    at["metadata"][map][key] = json!(value);
}
