//! What is written through the API server? A ConfigMap, a Deployment and a large Secret, as people write them.

use serde_json::{Value, json};

/// An object that is created again and again, and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// About 1 KiB.
    ConfigMap,
    /// With two containers.
    Deployment,
    /// 500 KiB before it is encoded.
    Secret,
}

/// All of them.
pub(super) const ALL: [Object; 3] = [Object::ConfigMap, Object::Deployment, Object::Secret];

const SECRET_BYTES: usize = 500 << 10;

impl Object {
    /// As a table shows it.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Deployment => "Deployment",
            Self::Secret => "Secret of 500 KiB",
        }
    }

    /// How long such a load must last to count enough answers: some take most of a second.
    #[must_use]
    pub(super) fn least_seconds(self) -> u64 {
        match self {
            Self::ConfigMap | Self::Deployment => 1,
            Self::Secret => 4,
        }
    }

    /// The path under which such objects are created, asking that nothing be stored.
    #[must_use]
    pub(super) fn path(self, namespace: &str) -> String {
        let collection = match self {
            Self::ConfigMap => format!("api/v1/namespaces/{namespace}/configmaps"),
            Self::Deployment => format!("apis/apps/v1/namespaces/{namespace}/deployments"),
            Self::Secret => format!("api/v1/namespaces/{namespace}/secrets"),
        };
        format!("/{collection}?dryRun=All")
    }

    /// The object, without labels or annotations.
    #[must_use]
    pub(super) fn in_namespace(self, namespace: &str) -> Value {
        let metadata = json!({"name": "web", "namespace": namespace});
        match self {
            Self::ConfigMap => {
                let data: serde_json::Map<_, _> = (0..12).map(|i| (format!("SETTING_{i}"), setting(i))).collect();
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
            }
            Self::Deployment => deployment(&metadata),
            Self::Secret => json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque",
                "data": {"blob": encoded(SECRET_BYTES)},
            }),
        }
    }
}

fn setting(i: usize) -> Value {
    format!("https://service-{i}.example.com/a/path/that/is/about/as/long/as/others").into()
}

/// Base64 that no compression shortens much.
fn encoded(bytes: usize) -> String {
    use base64::Engine as _;
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    };
    let raw: Vec<u8> = (0..bytes / 4).flat_map(|_| next()).collect();
    base64::engine::general_purpose::STANDARD.encode(raw)
}

fn deployment(metadata: &Value) -> Value {
    let labels = json!({"app": "web"});
    let container = |name: &str, port: u16| {
        let env: Vec<Value> = (0..8).map(|i| json!({"name": format!("SETTING_{i}"), "value": setting(i)})).collect();
        json!({
            "name": name, "image": format!("registry.example.com/team/{name}:1.2.3"), "env": env,
            "ports": [{"name": "http", "containerPort": port}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}],
        })
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [container("web", 8080), container("worker", 8081)],
                "volumes": [{"name": "config", "configMap": {"name": "web"}}],
            }},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_as_large_as_its_name_says() {
        let secret = Object::Secret.in_namespace("pikachu");
        let encoded = secret.pointer("/data/blob").and_then(Value::as_str).map_or(0, str::len);
        assert_eq!(encoded / 4 * 3 / 1024, 500);
    }

    #[test]
    fn objects_carry_nothing_that_a_constant_patch_would_overwrite() {
        for object in ALL {
            let metadata = object.in_namespace("pikachu")["metadata"].clone();
            assert_eq!(metadata, json!({"name": "web", "namespace": "pikachu"}), "{object:?}");
        }
    }
}
