//! The part of an API server that the sync speaks to: Slots in memory, with versions, merge patches and applies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotdesk_sync::cluster::Cluster;
use serde_json::{Map, Value, json};

use super::{Reply, Request, serve};

#[derive(Default)]
pub(crate) struct State {
    pub(crate) slots: BTreeMap<String, Value>,
    /// What the sync applied last, a slot each.
    applied: BTreeMap<String, Value>,
    pub(crate) events: Vec<Value>,
    pub(crate) writes: Vec<String>,
    version: u64,
    /// Namespaces whose Slot changes under the next write.
    pub(crate) race: Vec<(String, Value)>,
    /// Namespaces whose Slot changes under the next write of its status.
    pub(crate) status_race: Vec<String>,
    /// Namespaces whose next claim is stored and answered by a conflict: the answer was lost, and the client asked again.
    pub(crate) lost: Vec<String>,
    /// Why every write is denied.
    pub(crate) deny: Option<String>,
    pub(crate) down: bool,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) async fn start(slots: &[&str]) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        for slot in slots {
            state.lock().unwrap().put(slot, json!({}));
        }
        let shared = state.clone();
        let address = serve(move |request| shared.lock().unwrap().answer(request)).await;
        Self { address, state }
    }

    pub(crate) fn client(&self) -> Cluster {
        let mut config = kube::Config::new(self.address.parse().unwrap());
        config.default_namespace = "hotdesk".to_owned();
        Cluster::of(config, Duration::from_secs(5)).unwrap()
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// `alice@example.com bob`, or nothing.
    pub(crate) fn users(&self, slot: &str) -> String {
        self.with(|state| {
            let users = state.slots[slot]["spec"]["claim"]["users"].as_array().cloned().unwrap_or_default();
            users.iter().map(|user| user.as_str().unwrap()).collect::<Vec<_>>().join(" ")
        })
    }

    /// `True FromSheet: …`
    pub(crate) fn condition(&self, slot: &str) -> String {
        self.with(|state| {
            let conditions = state.slots[slot]["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let text = |c: &Value, key: &str| c[key].as_str().unwrap().to_owned();
            let told = conditions
                .iter()
                .map(|c| format!("{} {}: {}", text(c, "status"), text(c, "reason"), text(c, "message")));
            told.collect::<Vec<_>>().join(" | ")
        })
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.writes))
    }
}

impl State {
    #[expect(clippy::needless_pass_by_value, reason = "so that calls read as JSON")]
    pub(crate) fn put(&mut self, slot: &str, spec: Value) {
        self.version += 1;
        let meta = json!({"name": "slot", "namespace": slot, "uid": slot, "generation": 1, "resourceVersion": self.version.to_string()});
        let object = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": meta, "spec": spec});
        self.slots.insert(slot.to_owned(), object);
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if self.down {
            return status(500, "InternalError", "etcd is away");
        }
        let parts: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["apis", "hotdesk.dev", "v1alpha1", "slots"]) => {
                let items: Vec<&Value> = self.slots.values().collect();
                let meta = json!({"resourceVersion": self.version.to_string()});
                Reply::Json(
                    200,
                    json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "SlotList", "metadata": meta, "items": items}),
                )
            }
            ("PATCH", ["apis", "hotdesk.dev", "v1alpha1", "namespaces", slot, "slots", "slot", rest @ ..]) => {
                self.patch(slot, rest.first() == Some(&"status"), request)
            }
            ("POST", ["apis", "events.k8s.io", "v1", "namespaces", _, "events"]) => {
                let event: Value = serde_json::from_str(&request.body).unwrap();
                self.events.push(event.clone());
                Reply::Json(201, event)
            }
            _ => status(404, "NotFound", request.path()),
        }
    }

    fn patch(&mut self, slot: &str, is_status: bool, request: &Request) -> Reply {
        if let Some(at) = self.race.iter().position(|(racing, _)| racing == slot) {
            let (_, spec) = self.race.remove(at);
            self.put(slot, spec);
        }
        if is_status && take(&mut self.status_race, slot) {
            self.version += 1;
            self.slots.get_mut(slot).unwrap()["metadata"]["resourceVersion"] = json!(self.version.to_string());
        }
        let patch: Value = serde_json::from_str(&request.body).unwrap();
        let mut object = self.slots[slot].clone();
        if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return status(409, "Conflict", "the object has been modified");
        }
        if let (Some(why), false) = (&self.deny, is_status) {
            return status(403, "Forbidden", why);
        }
        let kind = request.header("content-type").to_owned();
        let field = if is_status { "status" } else { "spec" };
        let before = object.clone();
        if kind == "application/apply-patch+yaml" {
            assert!(request.target.contains("fieldManager=hotdesk-sync") && request.target.contains("force=true"));
            let given_up = missing(self.applied.get(slot).unwrap_or(&json!({})), &patch["spec"]);
            merge(&mut object["spec"], &given_up);
            self.applied.insert(slot.to_owned(), patch["spec"].clone());
        }
        merge(&mut object[field], &patch[field]);
        if object != before {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            if !is_status {
                object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
            }
        }
        self.writes.push(format!("{slot} {field} {}", kind.trim_start_matches("application/")));
        self.slots.insert(slot.to_owned(), object.clone());
        if !is_status && take(&mut self.lost, slot) {
            return status(409, "Conflict", "the object has been modified");
        }
        Reply::Json(200, object)
    }
}

fn status(code: u16, reason: &str, message: &str) -> Reply {
    Reply::Json(
        code,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}),
    )
}

/// True if the slot was in the list; it is not any more.
fn take(list: &mut Vec<String>, slot: &str) -> bool {
    let found = list.iter().position(|listed| listed == slot);
    found.map(|at| list.remove(at)).is_some()
}

/// A merge patch (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// A merge patch that takes away what was applied and is not any more.
fn missing(old: &Value, new: &Value) -> Value {
    let (Some(old), new) = (old.as_object(), new.as_object().cloned().unwrap_or_default()) else { return json!({}) };
    let gone = old.iter().filter_map(|(key, value)| match new.get(key) {
        None => Some((key.clone(), Value::Null)),
        Some(now) if value.is_object() => Some((key.clone(), missing(value, now))),
        Some(_) => None,
    });
    Value::Object(gone.collect())
}
