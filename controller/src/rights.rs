//! How do the rights of Kubernetes' own roles follow the claim?
//!
//! Where charts/slots says `access: follow-claim`, each slot has a `RoleBinding` `hotdesk-claimants`, whose role the chart names
//! and nobody can exchange. Whenever it or its Slot changes, the Slot is read as it is then, and the subjects are brought to its
//! claim, on the version of the binding that was judged.
//!
//! Architecture Invariant: rights are taken away without asking, and given only for a claim that can be read and that is in
//! force. A Slot that is missing, or cannot be read, gives nobody any; one that could not be asked for changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use hotdesk_runtime::client::{self, WATCH_SECONDS};
use hotdesk_slots::slot::SLOT_NAME;
use hotdesk_slots::text::{list, sanitize, sanitize_short};
use hotdesk_slots::{ClaimView, keys};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::MANAGER;
use crate::attempts::Attempts;
use crate::lapse;
use crate::metrics::{Metrics, Outcome};
use crate::slots::{self, ReadSlot};

pub mod subjects;

use subjects::{Wanted, wanted};

/// What the reconciliation of a binding needs.
pub struct Rights {
    client: Client,
    prefixes: Vec<String>,
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    attempts: Attempts,
}

/// Why the rights in a slot could not be brought to its claim.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The Slot could not be asked for.
    #[error("its Slot cannot be read: {}", client::reason(.0))]
    Unread(#[source] kube::Error),
    /// The binding could not be written.
    #[error("its RoleBinding cannot be written: {}", client::reason(.0))]
    Unwritten(#[source] kube::Error),
}

impl Rights {
    /// Of a client that writes, and names with these prefixes.
    #[must_use]
    pub fn new(client: Client, prefixes: Vec<String>, metrics: Arc<Metrics>, clock: fn() -> Timestamp) -> Self {
        Self { client, prefixes, metrics, clock, attempts: Attempts::default() }
    }

    /// Follows the bindings and the Slots until asked to end. Also gives the bindings, to know when they have been read.
    pub fn follow(
        self: Arc<Self>,
        watching: Client,
        ended: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> (Store<RoleBinding>, impl Future<Output = ()>) {
        let watches = || watcher::Config::default().timeout(WATCH_SECONDS);
        let named = format!("metadata.name={}", keys::CLAIMANTS_BINDING);
        let controller = Controller::new(Api::all(watching.clone()), watches().fields(&named));
        let store = controller.store();
        let reconciled = controller
            .watches_with(slots::all(watching), slots::resource(), watches(), binding_of)
            .graceful_shutdown_on(ended)
            .run(reconcile, retry, self.clone());
        (store, self.count(reconciled))
    }

    async fn count<E: std::error::Error + 'static>(
        self: Arc<Self>,
        reconciled: impl Stream<Item = Result<(ObjectRef<RoleBinding>, Action), ControllerError<RightsError, E>>>,
    ) {
        reconciled
            .for_each(|ended| {
                match ended {
                    // Most slots have no binding, and one may be gone.
                    Err(ControllerError::ObjectNotFound(gone)) => {
                        self.attempts.succeeded(&gone.namespace.unwrap_or_default());
                    }
                    Err(ControllerError::QueueError(error)) => {
                        tracing::warn!(error = %sanitize(&client::reason(&error)), "the watch on RoleBindings and Slots fails; trying again");
                    }
                    _ => {}
                }
                self.metrics.rights_behind(self.attempts.waiting());
                std::future::ready(())
            })
            .await;
    }

    /// The claim of a slot as it is now.
    async fn claim(&self, slot: &str) -> Result<Option<ClaimView>, RightsError> {
        let found = slots::within(self.client.clone(), slot).get_opt(SLOT_NAME).await.map_err(RightsError::Unread)?;
        let Some(found) = found else { return Ok(None) };
        match ReadSlot::read(&found) {
            Ok(read) => Ok(read.and_then(|read| read.claim)),
            Err(error) => {
                tracing::error!(slot = %sanitize_short(slot), error = %sanitize_short(&error), "a Slot cannot be read: nobody has rights there");
                Ok(None)
            }
        }
    }

    async fn write(&self, slot: &str, binding: &RoleBinding, wanted: &Wanted) -> Result<(), RightsError> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), slot);
        let version = binding.metadata.resource_version.as_deref();
        let patch = json!({"metadata": {"resourceVersion": version}, "subjects": wanted.subjects()});
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let written = api.patch(keys::CLAIMANTS_BINDING, &parameters, &Patch::Merge(patch)).await;
        self.metrics.wrote_rights(if written.is_ok() { Outcome::Done } else { Outcome::Failed });
        written.map(|_| say(slot, wanted)).map_err(RightsError::Unwritten)
    }
}

async fn reconcile(binding: Arc<RoleBinding>, rights: Arc<Rights>) -> Result<Action, RightsError> {
    let Some(slot) = binding.namespace() else { return Ok(Action::await_change()) };
    let claim = rights.claim(&slot).await?;
    let now = (rights.clock)();
    let wanted = wanted(claim.as_ref(), &rights.prefixes, now);
    if !are_same(binding.subjects.as_deref().unwrap_or_default(), &wanted.subjects()) {
        rights.write(&slot, &binding, &wanted).await?;
    }
    rights.attempts.succeeded(&slot);
    Ok(lapse::look_again(claim.and_then(|claim| claim.until), now).map_or_else(Action::await_change, Action::requeue))
}

#[expect(clippy::needless_pass_by_value, reason = "kube calls it so")]
fn retry(binding: Arc<RoleBinding>, error: &RightsError, rights: Arc<Rights>) -> Action {
    let slot = binding.namespace().unwrap_or_default();
    let pause = rights.attempts.failed(&slot);
    let (slot, error) = (sanitize_short(&slot), sanitize(&error.to_string()));
    // The first few are the gate that learns of the claim a little later than we do.
    if pause > Duration::from_secs(1) {
        tracing::warn!(%slot, %error, ?pause, "the rights in a slot cannot be brought to its claim; trying again");
    } else {
        tracing::debug!(%slot, %error, ?pause, "the rights in a slot cannot be brought to its claim; trying again");
    }
    Action::requeue(pause)
}

#[expect(clippy::needless_pass_by_value, reason = "kube calls it so")]
fn binding_of(slot: DynamicObject) -> Option<ObjectRef<RoleBinding>> {
    let namespace = slot.namespace().filter(|_| slot.name_any() == SLOT_NAME)?;
    Some(ObjectRef::new(keys::CLAIMANTS_BINDING).within(&namespace))
}

fn say(slot: &str, wanted: &Wanted) {
    let shown = |names: &[String]| list(&names.iter().map(|name| sanitize_short(name)).collect::<Vec<_>>());
    let (slot, users, groups) = (sanitize_short(slot), shown(&wanted.users), shown(&wanted.groups));
    tracing::info!(%slot, %users, %groups, "rights follow the claim");
    if wanted.left_out > 0 {
        tracing::warn!(%slot, names = wanted.left_out, "names that begin with system: get no rights");
    }
}

/// True for the same subjects as RBAC tells them apart, whatever their order.
fn are_same(one: &[Subject], other: &[Subject]) -> bool {
    fn keys(subjects: &[Subject]) -> BTreeSet<(&str, &str, &str)> {
        subjects.iter().map(|s| (s.kind.as_str(), s.name.as_str(), s.namespace.as_deref().unwrap_or(""))).collect()
    }
    keys(one) == keys(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_already_is_left_alone_in_any_order() {
        let of = |users: &[&str]| {
            let users = users.iter().map(|user| (*user).to_owned()).collect();
            Wanted { users, ..Wanted::default() }.subjects()
        };
        assert!(are_same(&of(&["alice", "bob"]), &of(&["bob", "alice"])));
        assert!(!are_same(&of(&["alice", "mallory"]), &of(&["alice"])));
        let account = Subject { kind: "ServiceAccount".to_owned(), name: "alice".to_owned(), ..Subject::default() };
        assert!(!are_same(&[account], &of(&["alice"])), "a service account is somebody else");
    }
}
