//! How does this job talk to the API server, and what does its refusal mean?

use std::time::Duration;

use anyhow::Context as _;
use hotdesk_runtime::text::chain;
use hotdesk_slots::text::sanitize;
use kube::{Client, Config};

/// The manager under which this job's fields appear in `managedFields`.
pub(crate) const FIELD_MANAGER: &str = "hotdesk-certs";

/// Longer than any of these small requests takes on a loaded API server.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a request to the API server did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Somebody else wrote the object since it was read: read it and decide again.
    #[error("{0}: somebody else wrote it at the same time")]
    Conflict(String),
    #[error("{0}")]
    Failed(String),
}

/// A client from the pod's service account, or from `KUBECONFIG` outside a cluster.
///
/// # Errors
/// When neither is there, or they cannot be used.
pub(crate) async fn connect() -> anyhow::Result<Client> {
    let mut config = Config::infer().await.context("found no cluster: run this in a pod, or set KUBECONFIG")?;
    config.connect_timeout = Some(PATIENCE);
    config.read_timeout = Some(PATIENCE);
    config.write_timeout = Some(PATIENCE);
    // Without this, the time that a connection lay idle while we waited would count as read time.
    config.reset_reader_on_write = true;
    // The Job starts a failed run again; retries inside it would only hide why.
    config.default_retry = false;
    Client::try_from(config).context("cannot make a client of the kubeconfig or service account")
}

impl ApiError {
    /// Says what was tried, what came of it, and what to do.
    pub(crate) fn of(tried: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Failed(format!("cannot {tried}: no answer from the API server: {}", sanitize(&chain(error))));
        };
        match status.code {
            409 => Self::Conflict(tried.to_owned()),
            403 => Self::Failed(format!(
                "may not {tried}: {}. The chart's roles for hotdesk-certs give what it needs; \
                 a Secret that was deleted is made again by helm upgrade",
                sanitize(&status.message)
            )),
            _ => Self::Failed(format!("cannot {tried}: {}", sanitize(&status.message))),
        }
    }
}
