//! Which rights does a reaper need to read a source, and which to know what leads into its slot?
//!
//! `charts/slots` gives them, which a test holds it to, and the doctor asks for each whether it is there.

use super::{Kind, Source};

/// A verb, an API group, and a resource with its subresource, as RBAC writes it.
pub type Right = (&'static str, &'static str, &'static str);

/// What is looked at everywhere: whose slot a name is, who serves it, and what elsewhere leads into it. Routes of the kinds
/// that the cluster serves come on top.
pub const EVERYWHERE: [Right; 3] =
    [("list", SLOTS, "slots"), ("list", "networking.k8s.io", "ingressclasses"), ("list", "", "services")];

const SLOTS: &str = "hotdesk.dev";

/// What a reaper does in its slot.
pub const IN_SLOT: [Right; 10] = [
    ("list", "", "secrets"),
    ("update", "", "secrets"),
    ("list", "", "configmaps"),
    ("list", "", "services"),
    ("list", "", "pods"),
    ("list", "networking.k8s.io", "ingresses"),
    ("get", SLOTS, "slots"),
    ("patch", SLOTS, "slots/status"),
    ("delete", "apps", "deployments"),
    ("create", "events.k8s.io", "events"),
];

/// How it writes down what it is about to uninstall, where that is saved.
pub const SAVE: Right = ("create", "", "secrets");

/// How it reads over which time sessions were noted: the one ConfigMap of that, where the reapers are.
pub const SESSIONS: Right = ("get", "", "configmaps");

/// What the job that reads for all slots does everywhere.
pub const OBSERVES: [Right; 4] = [
    ("list", SLOTS, "slots"),
    ("patch", SLOTS, "slots/status"),
    ("list", "", "services"),
    ("list", "networking.k8s.io", "ingresses"),
];

const PODS: Right = ("list", "", "pods");
const LOG: Right = ("get", "", "pods/log");

impl Source {
    /// What a slot's own reaper needs in the namespace of the pods that it reads. A server is asked with its own credentials.
    #[must_use]
    pub fn rights(&self) -> Vec<Right> {
        let reads = match &self.kind {
            Kind::IngressLogs(_) => LOG,
            Kind::IngressMetrics(_) => ("get", "", "pods/proxy"),
            Kind::Prometheus(_) | Kind::Loki(_) | Kind::GcpLogging(_) => return Vec::new(),
        };
        vec![PODS, ("get", "", "configmaps"), ("list", "apps", "replicasets"), reads]
    }

    /// What the job needs there that reads for all slots.
    #[must_use]
    pub fn rights_to_observe(&self) -> Vec<Right> {
        if self.observed().is_some() { vec![PODS, LOG] } else { Vec::new() }
    }
}
