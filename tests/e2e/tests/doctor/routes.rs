//! Kinds of route that no source of the slot sees: the doctor names each of them, and so does the slot's own run.

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, reading, until_it_may_read};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{Helm, admin, alice, installation, until};
use serde_json::{Value, json};

use super::{finds, slot};

/// A kind of route, without its controller: one that brings its own is not needed for it to be served by somebody.
struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    served_by: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        group: "networking.istio.io",
        version: "v1",
        kind: "VirtualService",
        plural: "virtualservices",
        served_by: "Istio",
    },
    Kind { group: "projectcontour.io", version: "v1", kind: "HTTPProxy", plural: "httpproxies", served_by: "Contour" },
    Kind {
        group: "route.openshift.io",
        version: "v1",
        kind: "Route",
        plural: "routes",
        served_by: "OpenShift's router",
    },
    Kind { group: "getambassador.io", version: "v3alpha1", kind: "Mapping", plural: "mappings", served_by: "Emissary" },
    Kind { group: "zalando.org", version: "v1", kind: "RouteGroup", plural: "routegroups", served_by: "Skipper" },
];

impl Kind {
    fn definition(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    fn define(&self) -> Value {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let names = json!({"kind": self.kind, "plural": self.plural, "singular": self.kind.to_lowercase()});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": self.definition()},
            "spec": {
                "group": self.group, "scope": "Namespaced", "names": names,
                "versions": [{"name": self.version, "served": true, "storage": true, "schema": schema}],
            },
        })
    }

    /// One that leads to the slot's Service, in the words of its product.
    fn route(&self) -> Value {
        let spec = match self.kind {
            "VirtualService" => {
                json!({"hosts": ["web.example.com"], "gateways": ["edge"], "http": [{"route": [{"destination": {"host": "web"}}]}]})
            }
            "HTTPProxy" => {
                json!({"virtualhost": {"fqdn": "web.example.com"}, "routes": [{"services": [{"name": "web", "port": 80}]}]})
            }
            "Route" => json!({"host": "web.example.com", "to": {"kind": "Service", "name": "web"}}),
            "Mapping" => json!({"hostname": "web.example.com", "prefix": "/", "service": "web"}),
            _ => {
                json!({"hosts": ["web.example.com"], "backends": [{"name": "web", "type": "service", "serviceName": "web", "servicePort": 80}]})
            }
        };
        json!({"apiVersion": format!("{}/{}", self.group, self.version), "kind": self.kind, "metadata": {"name": "web"}, "spec": spec})
    }
}

/// The kinds, as long as the test runs.
struct Defined;

impl Defined {
    fn all() -> Self {
        for kind in &KINDS {
            admin().kubectl_with(&["apply", "-f", "-"], &kind.define().to_string()).succeeded();
            let name = format!("crd/{}", kind.definition());
            admin().kubectl(&["wait", &name, "--for=condition=Established", "--timeout=30s"]).succeeded();
        }
        Self
    }
}

impl Drop for Defined {
    fn drop(&mut self) {
        let names = KINDS.iter().map(Kind::definition).collect::<Vec<_>>();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        drop(admin().kubectl(&[&["delete", "crd", "--ignore-not-found"], names.as_slice()].concat()));
    }
}

#[test]
fn five_kinds_of_route_that_nobody_watches_are_named_by_the_doctor_and_keep_the_slot() {
    let _held = installation::exclusive();
    let _defined = Defined::all();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let held = SlotBuilder::held_by(&["alice@example.com"]).reaper(reading(&ingress, "1s")).make();
    until_it_may_read(&held, &ingress);
    held.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    for kind in &KINDS {
        let put = || admin().apply(held.name(), &kind.route().to_string()).as_result();
        until(&format!("a {} to be taken", kind.kind), Duration::from_secs(30), put);
    }
    for kind in &KINDS {
        let says =
            format!("the {} {}/web is served by {}, and no source reads", kind.kind, held.name(), kind.served_by);
        let fix = match kind.kind {
            "VirtualService" => "add a source with type: prometheus, controller: istio".to_owned(),
            other => format!("sees: {{kinds: [{other}]}}"),
        };
        finds("slot-ingress", &slot(&held), "problem", &says, &fix);
    }
    reaper::run(&held).failed_saying(&["/web is served by Istio", "(and 4 more: see the log)"]);
    assert_eq!((reaper::verdict(&held).as_str(), reaper::releases(&held)), ("Unknown", vec!["web".to_owned()]));
}
