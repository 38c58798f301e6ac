//! How is a Slot's status read and written?

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use hotdesk_slots::text::sanitize;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::json;

use super::{Failure, Noted, StatusWriter};
use crate::session::{Field, Session};

const TIMEOUT: Duration = Duration::from_secs(10);
const MANAGER: &str = "hotdesk-webhook";

/// The Slots in the cluster, and one of the fields of their status.
#[derive(Clone)]
pub struct InCluster {
    client: Client,
    field: &'static str,
}

/// The status field of sessions.
pub const SESSIONS: &str = "lastSession";
/// The status field of writes.
pub const WRITES: &str = "lastWrite";

impl InCluster {
    /// With a client of its own: what it hears says nothing about the watch.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub fn new(mut config: Config) -> kube::Result<Self> {
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        config.write_timeout = Some(TIMEOUT);
        // The recorder tries again.
        config.default_retry = false;
        Ok(Self { client: Client::try_from(config)?, field: SESSIONS })
    }

    /// The same Slots, for writes.
    #[must_use]
    pub fn of_writes(&self) -> Self {
        Self { field: WRITES, ..self.clone() }
    }

    fn slot(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<Slot>(&()))
    }
}

impl StatusWriter for InCluster {
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, Failure>> {
        async move {
            let found = self.slot(&slot).get_opt(SLOT_NAME).await.map_err(|error| failure(&error))?;
            Ok(found.map(|slot| Noted {
                last: last_of(&slot, self.field),
                version: slot.metadata.resource_version.unwrap_or_default(),
            }))
        }
        .boxed()
    }

    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), Failure>> {
        async move {
            let (time, by, kind) = (Time(session.time), session.by, session.kind);
            let last = match session.field {
                Field::Session => json!({"time": time, "by": by, "kind": kind}),
                Field::Write(on) => json!({"time": time, "by": by, "kind": kind, "on": on}),
            };
            let patch = json!({"metadata": {"resourceVersion": version}, "status": {self.field: last}});
            let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
            let written = self.slot(&session.slot).patch_status(SLOT_NAME, &parameters, &Patch::Merge(patch)).await;
            match written {
                // Gone since it was read.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                written => written.map(drop).map_err(|error| failure(&error)),
            }
        }
        .boxed()
    }
}

/// Whether it is worth trying again, and what the API server says, without the rest of its answer.
fn failure(error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => {
            let text = sanitize(&status.message);
            match status.code {
                401 | 403 => Failure::Refused(text),
                408 | 409 | 429 => Failure::Transient(text),
                400..=499 => Failure::Permanent(text),
                _ => Failure::Transient(text),
            }
        }
        // What makes no request never will.
        kube::Error::HttpError(_) | kube::Error::BuildRequest(_) => Failure::Permanent(sanitize(&error.to_string())),
        other => Failure::Transient(sanitize(&other.to_string())),
    }
}

fn last_of(slot: &DynamicObject, field: &str) -> Option<Timestamp> {
    slot.data.get("status")?.get(field)?.get("time")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a87_what_the_api_server_will_never_take_is_told_from_what_it_takes_later() {
        let text = || "no".to_owned();
        for (code, expected) in [
            (400, Failure::Permanent(text())),
            (401, Failure::Refused(text())),
            (403, Failure::Refused(text())),
            (404, Failure::Permanent(text())),
            (408, Failure::Transient(text())),
            (409, Failure::Transient(text())),
            (422, Failure::Permanent(text())),
            (429, Failure::Transient(text())),
            (500, Failure::Transient(text())),
            (503, Failure::Transient(text())),
        ] {
            let status = Status { code, ..Status::failure("no", "Why") };
            assert_eq!(failure(&kube::Error::Api(status.boxed())), expected, "{code}");
        }
        let no_url = http::Uri::try_from("/no such 1").unwrap_err();
        assert!(matches!(failure(&kube::Error::HttpError(no_url.into())), Failure::Permanent(_)));
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(matches!(failure(&kube::Error::Service(gone.into())), Failure::Transient(_)));
    }
}
