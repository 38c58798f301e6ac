//! How do the claims and the bindings come in?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use hotdesk_slots::slot::{Claim, SLOT_NAME, Slot};
use hotdesk_slots::text::plain;
use hotdesk_slots::{ClaimView, keys};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::ClientBuilder;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde::Deserialize;
use tower::util::MapResponseLayer;

use crate::metrics::Metrics;
use crate::state::{Binding, State};

/// For how long one watch call may last. Its renewal is the sign that the API server is there even if nothing changes.
const WATCH_SECONDS: u32 = 25;
/// Longer than a watch call, so that it strikes only where the connection is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What of a Slot's spec is read here.
#[derive(Debug, Default, Deserialize)]
struct ClaimSpec {
    #[serde(default)]
    claim: Option<Claim>,
}

/// A client for the watches alone, which notes whenever the API server answers.
///
/// # Errors
/// If the configuration cannot be used.
pub fn client(mut config: kube::Config, metrics: Arc<Metrics>) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // The watch has a backoff of its own; two of them would add up to minutes.
    config.default_retry = false;
    let heard = MapResponseLayer::new(move |response: http::Response<_>| {
        if response.status().is_success() {
            metrics.hear();
        }
        response
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&heard).build())
}

/// What a Slot's watch says. A Slot that cannot be read must not hide the others.
pub fn slots(client: Client) -> impl Stream<Item = watcher::Result<Event<DynamicObject>>> {
    let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<Slot>(&()));
    watcher(api, watcher::Config::default().timeout(WATCH_SECONDS)).default_backoff()
}

/// What the watch of all bindings of that one name says.
pub fn bindings(client: Client) -> impl Stream<Item = watcher::Result<Event<RoleBinding>>> {
    let named = format!("metadata.name={}", keys::CLAIMANTS_BINDING);
    let config = watcher::Config::default().timeout(WATCH_SECONDS).fields(&named);
    watcher(Api::all(client), config).default_backoff()
}

/// Lists that come in piece by piece.
#[derive(Debug, Default)]
pub struct Lists {
    claims: BTreeMap<String, Option<ClaimView>>,
    bindings: BTreeMap<String, Binding>,
}

impl Lists {
    /// Notes what happened to a Slot.
    pub fn note_slot(&mut self, event: Event<DynamicObject>, state: &mut State) {
        match event {
            Event::Init => self.claims.clear(),
            Event::InitApply(slot) => self.claims.extend(claim_of(&slot)),
            Event::InitDone => state.replace_claims(std::mem::take(&mut self.claims)),
            Event::Apply(slot) => claim_of(&slot).into_iter().for_each(|(slot, claim)| state.put_claim(&slot, claim)),
            Event::Delete(slot) => claim_of(&slot).into_iter().for_each(|(slot, _)| state.remove_claim(&slot)),
        }
    }

    /// Notes what happened to a binding.
    pub fn note_binding(&mut self, event: Event<RoleBinding>, state: &mut State) {
        match event {
            Event::Init => self.bindings.clear(),
            Event::InitApply(binding) => self.bindings.extend(binding_of(binding)),
            Event::InitDone => state.replace_bindings(std::mem::take(&mut self.bindings)),
            Event::Apply(binding) => {
                binding_of(binding).into_iter().for_each(|(slot, binding)| state.put_binding(&slot, binding));
            }
            Event::Delete(binding) => {
                binding_of(binding).into_iter().for_each(|(slot, _)| state.remove_binding(&slot));
            }
        }
    }
}

fn claim_of(slot: &DynamicObject) -> Option<(String, Option<ClaimView>)> {
    let namespace = slot.namespace().filter(|_| slot.name_any() == SLOT_NAME)?;
    let spec = slot.data.get("spec").cloned().unwrap_or_default();
    let claim = match Option::<ClaimSpec>::deserialize(spec).map(Option::unwrap_or_default) {
        Ok(spec) => spec.claim.as_ref().map(ClaimView::lenient),
        Err(error) => {
            tracing::error!(slot = %plain(&namespace), error = %plain(&error.to_string()), "a Slot cannot be read: nobody has rights there");
            None
        }
    };
    Some((namespace, claim))
}

/// A binding, by its slot.
#[must_use]
pub fn binding_of(binding: RoleBinding) -> Option<(String, Binding)> {
    let named = binding.name_any() == keys::CLAIMANTS_BINDING;
    let (slot, version) = (binding.namespace().filter(|_| named)?, binding.resource_version().unwrap_or_default());
    Some((slot, Binding { subjects: binding.subjects.unwrap_or_default(), version }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slot(name: &str, spec: &Value) -> DynamicObject {
        let object = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": spec,
            "metadata": {"name": name, "namespace": "mew"}});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_slot_that_cannot_be_read_is_held_by_nobody() {
        let users = |object: &DynamicObject| claim_of(object).map(|(_, claim)| claim.map(|claim| claim.users.len()));
        assert_eq!(users(&slot("slot", &json!({"claim": {"users": ["alice"]}}))), Some(Some(1)));
        assert_eq!(users(&slot("slot", &json!({"claim": {"users": "alice"}}))), Some(None));
        assert_eq!(users(&slot("slot", &Value::Null)), Some(None));
        assert_eq!(users(&slot("other", &json!({"claim": {"users": ["alice"]}}))), None);
    }

    #[test]
    fn a_list_counts_when_it_is_complete() {
        let (mut lists, mut state) = (Lists::default(), State::default());
        lists.note_slot(Event::Init, &mut state);
        lists.note_slot(Event::InitApply(slot("slot", &json!({}))), &mut state);
        let binding = json!({"metadata": {"name": "hotdesk-claimants", "namespace": "mew", "resourceVersion": "1"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}});
        let binding: RoleBinding = serde_json::from_value(binding).unwrap();
        lists.note_binding(Event::InitApply(binding), &mut state);
        lists.note_binding(Event::InitDone, &mut state);
        assert_eq!((state.bindings(), state.is_listed()), (1, false));
        lists.note_slot(Event::InitDone, &mut state);
        assert!(state.is_listed());
    }
}
