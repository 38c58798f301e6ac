//! A real Traefik in the test cluster, which the tests of one program share, and the ways into a slot that it serves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::slot::{test_image, unique};
use crate::{Ran, TestSlot, admin, people, until};

/// The controller; it goes with its last user, and so do the kinds that only it serves.
#[derive(Debug)]
pub struct Traefik {
    namespace: String,
}

static RUNNING: Mutex<Weak<Traefik>> = Mutex::new(Weak::new());

/// How a slot is reached by Traefik.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Ingress,
    IngressRoute,
    HttpRoute,
    Tcp,
}

fn kinds() -> PathBuf {
    people::root().join("target/servers/traefik-kinds")
}

impl Traefik {
    /// The one that runs, or another one: the last test that holds it takes it away.
    pub fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(traefik) = running.upgrade() {
            return traefik;
        }
        let traefik = Arc::new(Self::start());
        *running = Arc::downgrade(&traefik);
        traefik
    }

    fn start() -> Self {
        let folder = kinds();
        assert!(
            folder.exists(),
            "{} is missing: run tests/servers/get traefik first (make e2e does)",
            folder.display()
        );
        let folder = folder.to_string_lossy();
        admin().kubectl(&["apply", "--server-side", "-f", &folder]).succeeded();
        admin().kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &folder]).succeeded();
        let traefik = Self { namespace: unique("traefik") };
        let manifest = include_str!("traefik.yaml")
            .replace("@NAME@", &traefik.namespace)
            .replace("@FORMAT@", "json")
            .replace("@TRAEFIK@", &test_image("traefik"))
            .replace("@APP@", &test_image("app"));
        admin().kubectl_with(&["apply", "-f", "-"], &manifest).succeeded();
        traefik.kubectl(&["rollout", "status", "deployment", "traefik", "--timeout=90s"]).succeeded();
        traefik.kubectl(&["wait", "pod/visitor", "--for=condition=Ready", "--timeout=60s"]).succeeded();
        traefik
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// kubectl in the controller's namespace, as the administrator.
    pub fn kubectl(&self, args: &[&str]) -> Ran {
        admin().kubectl(&[&["-n", self.namespace()], args].concat())
    }

    /// A real request to a host, by somebody in the cluster.
    pub fn request(&self, host: &str, path: &str) -> Ran {
        let script = format!("wget -q -O - --header 'Host: {host}' http://$TRAEFIK_SERVICE_HOST{path}");
        self.kubectl(&["exec", "visitor", "--", "sh", "-c", &script])
    }

    /// The same, once Traefik knows the route.
    pub fn until_served(&self, host: &str) {
        until(&format!("Traefik to serve {host}"), Duration::from_secs(60), || self.request(host, "/").as_result());
    }

    /// What was said on a TCP connection.
    pub fn connect(&self) -> Ran {
        let script = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 5 nc $TRAEFIK_SERVICE_HOST 5432";
        self.kubectl(&["exec", "visitor", "--", "sh", "-c", script])
    }

    /// The lines of its access log that mention this, as JSON.
    pub fn log(&self, mentioning: &str) -> Vec<Value> {
        let log = self.kubectl(&["logs", "deployment/traefik"]).succeeded().stdout;
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.filter(|entry| entry.to_string().contains(mentioning)).collect()
    }

    /// When its log last mentioned this.
    pub fn last_request(&self, mentioning: &str) -> Option<jiff::Timestamp> {
        let times = self.log(mentioning);
        times.iter().filter_map(|entry| entry["time"].as_str()?.parse().ok()).max()
    }

    /// The source `ingress-logs`.
    pub fn logs(&self) -> Value {
        json!({"type": "ingress-logs", "namespace": self.namespace, "selector": "app.kubernetes.io/name=traefik",
            "container": "traefik", "logFormat": "traefik-json"})
    }

    /// The source `ingress-metrics`.
    pub fn metrics(&self) -> Value {
        json!({"type": "ingress-metrics", "controller": "traefik", "namespace": self.namespace,
            "selector": "app.kubernetes.io/name=traefik", "container": "traefik"})
    }

    /// Opens a way to a Service of the slot, by the host of [`host`]; `more` goes into its one route.
    pub fn open(&self, slot: &TestSlot, way: Way, service: &str) {
        self.open_by(slot, way, service, &json!({}));
    }

    /// The same, by way of middlewares of the slot.
    pub fn open_by(&self, slot: &TestSlot, way: Way, service: &str, middlewares: &Value) {
        let host = host(slot);
        let class = json!({"kubernetes.io/ingress.class": self.namespace});
        let own = json!({"name": "way", "annotations": class});
        let object = match way {
            Way::Ingress => {
                let backend = json!({"service": {"name": service, "port": {"number": 80}}});
                let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
                let spec =
                    json!({"ingressClassName": self.namespace, "rules": [{"host": host, "http": {"paths": paths}}]});
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "way"}, "spec": spec})
            }
            Way::IngressRoute => {
                let mut route = json!({"kind": "Rule", "match": format!("Host(`{host}`)"),
                    "services": [{"name": service, "port": 80}]});
                if middlewares.is_array() {
                    route["middlewares"] = middlewares.clone();
                }
                let spec = json!({"entryPoints": ["web"], "routes": [route]});
                json!({"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": own, "spec": spec})
            }
            Way::HttpRoute => {
                let parent = json!({"name": "edge", "namespace": self.namespace});
                let rule = json!({"backendRefs": [{"name": service, "port": 80}]});
                let spec = json!({"parentRefs": [parent], "hostnames": [host], "rules": [rule]});
                json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "way"}, "spec": spec})
            }
            Way::Tcp => {
                let route = json!({"match": "HostSNI(`*`)", "services": [{"name": service, "port": 80}]});
                let spec = json!({"entryPoints": ["tcp"], "routes": [route]});
                json!({"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRouteTCP", "metadata": own, "spec": spec})
            }
        };
        admin().apply(slot.name(), &object.to_string()).succeeded();
    }
}

/// The host of a slot.
pub fn host(slot: &TestSlot) -> String {
    format!("{}.test", slot.name())
}

impl Drop for Traefik {
    fn drop(&mut self) {
        let name = self.namespace.as_str();
        for kind in ["ingressclass", "gatewayclass", "clusterrole", "clusterrolebinding", "namespace"] {
            drop(admin().kubectl(&["delete", kind, name, "--wait=false", "--ignore-not-found"]));
        }
        drop(admin().kubectl(&["delete", "-f", &kinds().to_string_lossy(), "--wait=false", "--ignore-not-found"]));
    }
}
