//! How are Slots read and written?

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use hotdesk_runtime::text::chain;
use hotdesk_slots::ClaimView;
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_slots::text::{sanitize, sanitize_short};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Config, Resource as _};
use serde_json::{Map, Value, json};

use crate::plan::{Change, MANAGER};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that never waits forever.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    timeout: Duration,
}

/// All Slots of the cluster.
#[derive(Debug, Default)]
pub struct Listed {
    /// Those that can be read.
    pub slots: Vec<Slot>,
    /// The namespaces of the others, and what is wrong with them.
    pub unreadable: Vec<(String, String)>,
    /// The names of those that the sheet is not for.
    pub beyond: Vec<String>,
    /// The hosts of all of them, readable or not.
    pub hosts: BTreeMap<String, String>,
    /// The claims of all of them that can be read.
    pub claims: Vec<(String, ClaimView)>,
}

/// Why something was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The Slot has changed since it was read.
    #[error("the Slot has changed since it was read")]
    Conflict,
    /// The API server or the webhook says no, or nothing.
    #[error("{0}")]
    Refused(String),
}

impl Cluster {
    /// Reads the pod's own credentials, or a kubeconfig.
    ///
    /// # Errors
    /// When there are none, or they cannot be used.
    pub async fn connect(timeout: Duration) -> anyhow::Result<Self> {
        let config = Config::infer()
            .await
            .context("no cluster to write Slots to: run in a pod with a service account, or set KUBECONFIG")?;
        Self::of(config, timeout)
    }

    /// A client of this configuration.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn of(mut config: Config, timeout: Duration) -> anyhow::Result<Self> {
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(timeout);
        // The client's own retries (429, 503, 504) stay within the limit of each answer.
        config.default_retry = true;
        let client = Client::try_from(config).context("the cluster's credentials cannot be used")?;
        Ok(Self { client, timeout })
    }

    /// The namespace that this program runs in.
    #[must_use]
    pub fn own_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// Reads all Slots. One that cannot be read hides no other.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn slots(&self) -> Result<Listed, WriteError> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &ApiResource::erase::<Slot>(&()));
        let found = self.answer("the Slots cannot be listed", api.list(&ListParams::default())).await?;
        if found.metadata.continue_.as_deref().is_some_and(|token| !token.is_empty()) {
            return Err(WriteError::Refused("the API server gave only a part of the Slots".to_owned()));
        }
        let mut listed = Listed::default();
        for object in found.items.into_iter().filter(|object| object.metadata.name.as_deref() == Some(SLOT_NAME)) {
            let namespace = object.metadata.namespace.clone().unwrap_or_default();
            if let Some(host) = object.data.pointer("/spec/host").and_then(Value::as_str) {
                listed.hosts.insert(namespace.clone(), host.to_owned());
            }
            match object.try_parse::<Slot>() {
                Ok(slot) => {
                    let claim = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
                    listed.claims.extend(claim.map(|claim| (namespace, claim)));
                    listed.slots.push(slot);
                }
                Err(error) => listed.unreadable.push((namespace, sanitize(&error.to_string()))),
            }
        }
        Ok(listed)
    }

    /// Writes a change, on the version that it was made for, and returns the Slot as it is then.
    ///
    /// # Errors
    /// When the Slot has changed, or somebody says no.
    pub async fn write(&self, change: &Change) -> Result<Slot, WriteError> {
        let api: Api<Slot> = Api::namespaced(self.client.clone(), &change.slot);
        let what = format!("{} cannot be written", change.slot);
        let (mut version, mut written) = (change.version.clone(), None);
        if let Some(remove) = &change.remove {
            let patch = json!({"metadata": {"resourceVersion": version}, "spec": remove});
            let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
            let slot = self.answer(&what, api.patch(SLOT_NAME, &parameters, &Patch::Merge(patch))).await?;
            version = slot.metadata.resource_version.clone().unwrap_or_default();
            written = Some(slot);
        }
        if let Some(spec) = &change.apply {
            let object = json!({
                "apiVersion": Slot::api_version(&()),
                "kind": Slot::kind(&()),
                "metadata": {"name": SLOT_NAME, "namespace": change.slot, "resourceVersion": version},
                "spec": spec,
            });
            let parameters = PatchParams::apply(MANAGER).force();
            written = Some(self.answer(&what, api.patch(SLOT_NAME, &parameters, &Patch::Apply(object))).await?);
        }
        written.ok_or_else(|| WriteError::Refused(format!("{what}: the change is empty")))
    }

    /// Writes to a Slot's status, on the version that was read.
    ///
    /// # Errors
    /// When the Slot has changed, or somebody says no.
    pub async fn write_status(
        &self,
        slot: &Slot,
        conditions: Option<&[Condition]>,
        claimed_at: Option<Timestamp>,
    ) -> Result<(), WriteError> {
        let mut status = Map::new();
        status.extend(conditions.map(|conditions| ("conditions".to_owned(), json!(conditions))));
        status.extend(claimed_at.map(|at| ("claimedAt".to_owned(), json!(Time(at)))));
        let namespace = slot.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<Slot> = Api::namespaced(self.client.clone(), namespace);
        let patch = json!({
            "metadata": {"resourceVersion": slot.metadata.resource_version},
            "status": Value::Object(status),
        });
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let what = format!("the status of {} cannot be written", sanitize_short(namespace));
        self.answer(&what, api.patch_status(SLOT_NAME, &parameters, &Patch::Merge(patch))).await.map(drop)
    }

    /// Writes an Event.
    ///
    /// # Errors
    /// When it cannot be written; the caller says so and goes on.
    pub async fn tell(&self, event: &Event) -> Result<(), WriteError> {
        let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("an Event in {} cannot be written", sanitize_short(namespace));
        self.answer(&what, api.create(&PostParams::default(), event)).await.map(drop)
    }

    async fn answer<T>(&self, what: &str, answer: impl Future<Output = kube::Result<T>>) -> Result<T, WriteError> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(WriteError::Conflict),
            Ok(Err(kube::Error::Api(status))) => {
                Err(WriteError::Refused(format!("{what}: {} ({})", sanitize(&status.message), status.code)))
            }
            Ok(Err(error)) => Err(WriteError::Refused(format!("{what}: {}", sanitize(&chain(&error))))),
            Err(_) => Err(WriteError::Refused(format!("{what}: no answer within {:?}", self.timeout))),
        }
    }
}
