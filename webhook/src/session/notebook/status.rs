//! How is a Slot's status read and written?

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_slots::text::harmless;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::json;

use super::{Noted, Slate};
use crate::session::Session;

const TIMEOUT: Duration = Duration::from_secs(10);
const MANAGER: &str = "hotdesk-webhook";

/// The Slots in the cluster.
#[derive(Clone)]
pub struct InCluster {
    client: Client,
}

impl InCluster {
    /// With a client of its own: what it hears says nothing about the watch.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub fn new(mut config: Config) -> kube::Result<Self> {
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        config.write_timeout = Some(TIMEOUT);
        // The notebook tries again.
        config.default_retry = false;
        Ok(Self { client: Client::try_from(config)? })
    }

    fn slot(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<Slot>(&()))
    }
}

impl Slate for InCluster {
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, String>> {
        async move {
            let found = self.slot(&slot).get_opt(SLOT_NAME).await.map_err(|error| reason(&error))?;
            Ok(found.map(|slot| Noted {
                last: last_of(&slot),
                version: slot.metadata.resource_version.unwrap_or_default(),
            }))
        }
        .boxed()
    }

    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let last = json!({"time": Time(session.time), "by": session.by, "kind": session.kind});
            let patch = json!({"metadata": {"resourceVersion": version}, "status": {"lastSession": last}});
            let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
            let written = self.slot(&session.slot).patch_status(SLOT_NAME, &parameters, &Patch::Merge(patch)).await;
            written.map(drop).map_err(|error| reason(&error))
        }
        .boxed()
    }
}

/// What whoever refused it says, without the rest of the answer.
fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => harmless(&status.message),
        other => harmless(&other.to_string()),
    }
}

fn last_of(slot: &DynamicObject) -> Option<Timestamp> {
    slot.data.get("status")?.get("lastSession")?.get("time")?.as_str()?.parse().ok()
}
