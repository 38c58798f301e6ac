//! A real Traefik in the test cluster, which the tests of one program share, and the ways into a slot that it serves.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::shared::shared;
use crate::slot::{test_image, unique};
use crate::{CommandOutput, TestSlot, admin, objects, people, until};

/// A controller, which goes with its last user.
#[derive(Debug)]
pub struct Traefik {
    namespace: String,
    _kinds: Arc<Kinds>,
}

/// What it serves beside Ingresses: the kinds go with the last controller.
#[derive(Debug)]
struct Kinds;

static RUNNING: Mutex<Weak<Traefik>> = Mutex::new(Weak::new());
static KINDS: Mutex<Weak<Kinds>> = Mutex::new(Weak::new());

impl Kinds {
    fn folder() -> String {
        let folder = people::root().join("target/servers/traefik-kinds");
        assert!(
            folder.exists(),
            "{} is missing: run tests/servers/get traefik first (make e2e does)",
            folder.display()
        );
        folder.to_string_lossy().into_owned()
    }

    fn install() -> Self {
        admin().kubectl(&["apply", "--server-side", "-f", &Self::folder()]).succeeded();
        admin().kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &Self::folder()]).succeeded();
        Self
    }
}

impl Drop for Kinds {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "-f", &Self::folder(), "--wait=false", "--ignore-not-found"]));
    }
}

/// How a slot is reached by Traefik.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Ingress,
    IngressRoute,
    HttpRoute,
    Tcp,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::IngressRoute => "ingressroute",
            Self::HttpRoute => "httproute",
            Self::Tcp => "tcp",
        }
    }
}

impl Traefik {
    /// The one that all tests of a program ask.
    pub fn shared() -> Arc<Self> {
        shared(&RUNNING, || Self::logging("json"))
    }

    /// One of a test's own, with an access log of this format.
    pub fn logging(format: &str) -> Self {
        let traefik = Self { _kinds: shared(&KINDS, Kinds::install), namespace: unique("traefik") };
        let manifest = include_str!("traefik.yaml")
            .replace("@NAME@", &traefik.namespace)
            .replace("@FORMAT@", format)
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
    pub fn kubectl(&self, args: &[&str]) -> CommandOutput {
        admin().kubectl(&[&["-n", self.namespace()], args].concat())
    }

    /// A real request to a host, by somebody in the cluster.
    pub fn request(&self, host: &str, path: &str) -> CommandOutput {
        let script = format!("wget -q -O - --header 'Host: {host}' http://$TRAEFIK_SERVICE_HOST{path}");
        self.kubectl(&["exec", "visitor", "--", "sh", "-c", &script])
    }

    /// The same, once Traefik knows the route.
    pub fn until_served(&self, host: &str) {
        until(&format!("Traefik to serve {host}"), Duration::from_secs(60), || self.request(host, "/").as_result());
    }

    /// The same by the entry point for TCP.
    pub fn connect(&self) -> CommandOutput {
        self.kubectl(&["exec", "visitor", "--", "sh", "-c", "wget -q -O - http://$TRAEFIK_SERVICE_HOST:5432/"])
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

    /// How many requests it has counted for the Services of its own whose names begin so.
    pub fn counted(&self, service: &str) -> u64 {
        let pods = objects::list(&self.namespace, "pods", "app.kubernetes.io/name=traefik");
        let pod = pods[0]["metadata"]["name"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:9100/proxy/metrics", self.namespace);
        let metrics = objects::raw(&path).succeeded().stdout;
        let label = format!("service=\"{service}");
        let of_it =
            metrics.lines().filter(|line| line.starts_with("traefik_service_requests_total{") && line.contains(&label));
        of_it.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
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

    /// Opens a way to a Service of the slot, by its own host ([`host`]); for an IngressRoute by these middlewares.
    pub fn open(&self, slot: &TestSlot, way: Way, service: &str, middlewares: &[Value]) {
        let host = host(slot, way);
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
                let route = json!({"kind": "Rule", "match": format!("Host(`{host}`)"), "middlewares": middlewares,
                    "services": [{"name": service, "port": 80}]});
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

/// The host by which a slot is reached this way: one router serves each, and each Service is counted by itself.
pub fn host(slot: &TestSlot, way: Way) -> String {
    format!("{}.{}.test", way.name(), slot.name())
}

impl Drop for Traefik {
    fn drop(&mut self) {
        let name = self.namespace.as_str();
        for kind in ["ingressclass", "gatewayclass", "clusterrole", "clusterrolebinding", "namespace"] {
            drop(admin().kubectl(&["delete", kind, name, "--wait=false", "--ignore-not-found"]));
        }
    }
}
