//! Which namespaced resources and subresources does the API server offer today? And one small object of each.

use serde_json::{Value, json};

use crate::api::{Api, Ask, administrator};

/// A namespaced resource of one version.
#[derive(Debug, Clone)]
pub struct Kind {
    pub group: String,
    /// `v1`, or `apps/v1`.
    pub version: String,
    pub resource: String,
    pub kind: String,
    pub verbs: Vec<String>,
    /// Of several versions of a group, the one that the API server names first.
    pub preferred: bool,
    pub subresources: Vec<Subresource>,
}

#[derive(Debug, Clone)]
pub struct Subresource {
    pub name: String,
    pub verbs: Vec<String>,
}

impl Kind {
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// The path of its collection, or of one object.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        format!("{root}/{}/namespaces/{namespace}/{}{name}", self.version, self.resource)
    }

    /// An object of this kind that the API server takes, if such a one is known.
    pub fn sample(&self, namespace: &str, name: &str) -> Value {
        let mut object = sample(&self.group, &self.resource, namespace);
        object["apiVersion"] = json!(self.version);
        object["kind"] = json!(self.kind);
        object["metadata"] = json!({"name": name, "namespace": namespace, "labels": {"app": self.resource}});
        if self.group == "authorization.k8s.io" {
            object["metadata"] = json!({"namespace": namespace});
        }
        object
    }
}

/// All of them, by discovery.
pub fn discover(api: &Api) -> Vec<Kind> {
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let asked = ["/api", "/apis"].map(|root| {
        let answer = api.send(&administrator(), Ask::get(root).with_header("Accept", aggregated));
        assert!(answer.json["kind"] == "APIGroupDiscoveryList", "discovery: {answer}");
        list(&answer.json["items"]).iter().flat_map(kinds_of).collect::<Vec<_>>()
    });
    asked.into_iter().flatten().collect()
}

fn kinds_of(group: &Value) -> Vec<Kind> {
    let name = text(&group["metadata"]["name"]);
    let versions = list(&group["versions"]);
    let of_version = |(i, version): (usize, &Value)| -> Vec<Kind> {
        let word = text(&version["version"]);
        let version_name = if name.is_empty() { word } else { format!("{name}/{word}") };
        let namespaced = list(&version["resources"]).into_iter().filter(|r| r["scope"] == "Namespaced");
        namespaced.map(|r| kind(&name, &version_name, i == 0, &r)).collect()
    };
    versions.iter().enumerate().flat_map(of_version).collect()
}

fn kind(group: &str, version: &str, preferred: bool, resource: &Value) -> Kind {
    let subresource = |sub: &Value| Subresource {
        name: text(&sub["subresource"]),
        verbs: list(&sub["verbs"]).iter().map(text).collect(),
    };
    Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: text(&resource["resource"]),
        kind: text(&resource["responseKind"]["kind"]),
        verbs: list(&resource["verbs"]).iter().map(text).collect(),
        preferred,
        subresources: list(&resource["subresources"]).iter().map(subresource).collect(),
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A pod that is never scheduled.
pub fn idle_pod() -> Value {
    json!({"containers": [{"name": "app", "image": "none.invalid/none"}], "nodeSelector": {"never": "scheduled"}})
}

/// A template of such pods, which are told from others by this label.
pub fn idle_template(app: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": idle_pod()})
}

/// What an object holds besides its metadata. An unknown kind gets nothing: it may do without.
fn sample(group: &str, resource: &str, namespace: &str) -> Value {
    // Each workload has a label of its own, or one would adopt the pods of another.
    let (selector, template) = (json!({"matchLabels": {"app": resource}}), idle_template(resource));
    let workload = json!({"spec": {"replicas": 0, "selector": selector, "template": template}});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    match (group, resource) {
        ("", "pods") => json!({"spec": idle_pod()}),
        ("", "podtemplates") => json!({"template": template}),
        ("", "replicationcontrollers") => {
            json!({"spec": {"replicas": 0, "selector": {"app": resource}, "template": template}})
        }
        ("", "services") => json!({"spec": {"ports": [{"port": 80}]}}),
        ("", "persistentvolumeclaims") => json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
            "resources": {"requests": {"storage": "1Mi"}}}}),
        ("", "limitranges") => json!({"spec": {"limits": []}}),
        ("", "resourcequotas") => json!({"spec": {"hard": {}}}),
        ("", "events") => json!({"involvedObject": {"kind": "Pod", "namespace": namespace, "name": "victim"}}),
        ("", "bindings") => json!({"target": {"kind": "Node", "name": "none"}}),
        ("events.k8s.io", "events") => json!({"eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal",
            "reason": "Attack", "action": "Attack", "reportingController": "attack/attack", "reportingInstance": "attack",
            "regarding": {"kind": "Pod", "namespace": namespace, "name": "victim"}}),
        ("apps", "deployments" | "replicasets") => workload,
        ("apps", "statefulsets") => {
            let mut set = workload;
            set["spec"]["serviceName"] = json!("none");
            set
        }
        ("apps", "daemonsets") => json!({"spec": {"selector": selector, "template": template}}),
        ("apps", "controllerrevisions") => json!({"revision": 1, "data": {}}),
        ("batch", "jobs") => json!({"spec": {"suspend": true, "template": once}}),
        ("batch", "cronjobs") => {
            json!({"spec": {"suspend": true, "schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}}})
        }
        ("autoscaling", _) => json!({"spec": {"maxReplicas": 1,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}}}),
        ("networking.k8s.io", "ingresses") => {
            json!({"spec": {"defaultBackend": {"service": {"name": "none", "port": {"number": 80}}}}})
        }
        ("networking.k8s.io", "networkpolicies") => {
            json!({"spec": {"podSelector": {"matchLabels": {"never": "runs"}}}})
        }
        ("policy", "poddisruptionbudgets") => json!({"spec": {"selector": {"matchLabels": {"never": "runs"}}}}),
        ("rbac.authorization.k8s.io", "roles") => json!({"rules": []}),
        ("rbac.authorization.k8s.io", "rolebindings") => {
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "none"}})
        }
        ("resource.k8s.io", "resourceclaimtemplates") => json!({"spec": {"spec": {}}}),
        ("storage.k8s.io", "csistoragecapacities") => json!({"storageClassName": "none"}),
        ("discovery.k8s.io", "endpointslices") => json!({"addressType": "IPv4", "endpoints": []}),
        ("authorization.k8s.io", _) => json!({"spec": {"user": "bob@example.com",
            "resourceAttributes": {"namespace": namespace, "verb": "get", "resource": "pods"}}}),
        ("attacks.hotdesk.test" | "traefik.io" | "gateway.networking.k8s.io", _) => json!({"spec": {"replicas": 1}}),
        ("coordination.k8s.io" | "resource.k8s.io", _) => json!({"spec": {}}),
        _ => json!({}),
    }
}
