//! How are the reservations kept in a `ConfigMap`?

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hotdesk_slots::slot::SLOT_NAME;
use hotdesk_slots::text::sanitize;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Config};

use super::{ReservationStore, StoredReservations};
use crate::slot_cache::SlotEntry;
use crate::watch::slot_meta::SlotMeta;

/// The entry of the `ConfigMap` that holds the reservations.
const ENTRY: &str = "claims.json";
/// A claim waits no longer for any single answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A `ConfigMap` in the namespace of the webhook.
#[derive(Clone)]
pub struct InCluster {
    client: Client,
    name: String,
}

impl InCluster {
    /// Keeps the reservations in the `ConfigMap` of this name. It has a client of its own: what it hears says nothing
    /// about the watch.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub fn new(mut config: Config, name: &str) -> kube::Result<Self> {
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        config.write_timeout = Some(TIMEOUT);
        // The person who makes the claim tries it again.
        config.default_retry = false;
        Ok(Self { client: Client::try_from(config)?, name: name.to_owned() })
    }

    fn reservations(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    fn failed(&self, error: &kube::Error) -> String {
        format!("ConfigMap {}: {}", self.name, reason(error))
    }
}

/// What the part that refused it says, without the rest of the answer.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => sanitize(&status.message),
        other => sanitize(&other.to_string()),
    }
}

impl std::fmt::Debug for InCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InCluster").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ReservationStore for InCluster {
    fn read(&self) -> BoxFuture<'_, Result<StoredReservations, String>> {
        async move {
            let map = self.reservations().get(&self.name).await.map_err(|error| self.failed(&error))?;
            let text = map.data.unwrap_or_default().remove(ENTRY).unwrap_or_default();
            Ok(StoredReservations { text, version: map.metadata.resource_version.unwrap_or_default() })
        }
        .boxed()
    }

    fn write(&self, kept: StoredReservations) -> BoxFuture<'_, Result<bool, String>> {
        async move {
            let patch = serde_json::json!({"metadata": {"resourceVersion": kept.version}, "data": {ENTRY: kept.text}});
            let patch = Patch::Merge(patch);
            match self.reservations().patch(&self.name, &PatchParams::default(), &patch).await {
                Ok(_) => Ok(true),
                Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
                Err(error) => Err(self.failed(&error)),
            }
        }
        .boxed()
    }

    fn slot(&self, namespace: String) -> BoxFuture<'_, Result<Option<SlotEntry>, String>> {
        async move {
            let api: Api<SlotMeta> = Api::namespaced(self.client.clone(), &namespace);
            let found = api.get_opt(SLOT_NAME).await.map_err(|error| reason(&error))?;
            Ok(found.and_then(SlotMeta::entry))
        }
        .boxed()
    }
}
