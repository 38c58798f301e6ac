//! Two slots next to each other.

use std::time::Duration;

use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Actor, Answer, Ask, bob, core, group};
use crate::stage::{World, trusted};

/// A collection of objects that can have hosts, lead somewhere, or take an address, and the group and version of it.
pub const INGRESSES: &str = "networking.k8s.io/v1/ingresses";
pub const SERVICES: &str = "v1/services";

/// Alice's slot and bob's, each with a host. Bob may do anything in his, as far as RBAC goes, and so may a program of his.
pub struct Street {
    pub alices: TestSlot,
    pub bobs: TestSlot,
}

impl Street {
    pub fn make(world: &World) -> Self {
        world.gadgets();
        let (alices, bobs) = (TestSlot::held_by("alice@example.com"), trusted("bob@example.com"));
        let street = Self { alices, bobs };
        street.alices.patch(&json!({"spec": {"host": street.host()}}));
        street.bobs.patch(&json!({"spec": {"host": street.bobs_host()}}));
        let bobs = street.bobs.name();
        world.bind(
            bobs,
            "cluster-admin",
            &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob@example.com"}),
        );
        world.bind(bobs, "cluster-admin", &json!({"kind": "ServiceAccount", "name": "default", "namespace": bobs}));
        let route = json!({"namespace": bobs, "group": "traefik.io", "resource": "ingressroutes", "verb": "create"});
        world.until_allowed("bob@example.com", &route);
        until("the host to be known", Duration::from_secs(30), || {
            let answer = street.post(world, &bob(), INGRESSES, &ingress("probe", &street.host()), true);
            if answer.ok() { Err(answer.to_string()) } else { Ok(()) }
        });
        street
    }

    /// Alice's host.
    pub fn host(&self) -> String {
        format!("web.{}.example.com", self.alices.name())
    }

    /// Bob's host, which is below alice's.
    pub fn bobs_host(&self) -> String {
        format!("bob.{}", self.host())
    }

    /// What runs in bob's slot.
    pub fn program(&self) -> Actor {
        Actor::account(self.bobs.name(), "default").in_a_pod()
    }

    /// The path of a collection in bob's slot, which is written `GROUP/VERSION/RESOURCE`.
    pub fn path(&self, collection: &str) -> String {
        match collection.rsplit_once('/') {
            Some(("v1", resource)) => core(self.bobs.name(), resource),
            Some((version, resource)) => group(version, self.bobs.name(), resource),
            None => panic!("{collection}"),
        }
    }

    /// Somebody makes an object in bob's slot.
    pub fn post(&self, world: &World, who: &Actor, collection: &str, object: &Value, dry: bool) -> Answer {
        let ask = Ask::post(self.path(collection), object);
        world.api.send(who, if dry { ask.dry() } else { ask })
    }
}

/// An Ingress of this name for a host.
pub fn ingress(name: &str, host: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"rules": [rule(host)]}})
}

/// A rule of an Ingress.
pub fn rule(host: &str) -> Value {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}})
}
