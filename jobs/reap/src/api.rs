//! How is the API server reached, and may its clock be compared with ours?

use std::time::Duration;

use anyhow::Context as _;
use hotdesk_runtime::text::chain;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use kube::api::ObjectList;
use kube::client::Body;
use kube::{Client, Config};

use crate::args::Args;
use hotdesk_traffic::log::scan::CLOCK_TOLERANCE;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that never waits forever.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    server: String,
    timeout: Duration,
}

impl Cluster {
    /// Reads the pod's own credentials, or a kubeconfig.
    ///
    /// # Errors
    /// When there are none, or they cannot be used.
    pub async fn connect(args: &Args) -> anyhow::Result<Self> {
        let timeout = Duration::try_from(args.api_timeout).context("--api-timeout")?;
        let mut config = Config::infer().await.context("neither a pod's credentials nor a kubeconfig can be read")?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Between two pieces of an answer, so that a long log may take longer than one answer.
        config.read_timeout = Some(timeout);
        // The client's own retries (429, 503, 504) stay within the limit of each answer below.
        config.default_retry = true;
        let server = config.cluster_url.to_string();
        let client = Client::try_from(config).context("the cluster's credentials cannot be used")?;
        Ok(Self { client, server, timeout })
    }

    /// A cluster that a test makes up.
    #[cfg(test)]
    pub(crate) fn pretended(client: Client, timeout: Duration) -> Self {
        Self { client, server: "https://pretended".to_owned(), timeout }
    }

    /// Waits for one answer, so long and no longer.
    ///
    /// # Errors
    /// When it does not come, or is an error; `what` begins the sentence that says so.
    pub async fn answer<T>(&self, what: &str, answer: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(kube::Error::Api(status))) => Err(format!("{what}: {} ({})", status.message, status.code)),
            Ok(Err(error @ (kube::Error::Service(_) | kube::Error::HyperError(_)))) => {
                Err(format!("{what}: the API server {} is out of reach: {}", self.server, chain(&error)))
            }
            Ok(Err(error)) => Err(format!("{what}: {}", chain(&error))),
            Err(_) => Err(format!("{what}: no answer from {} within {} s", self.server, self.timeout.as_secs())),
        }
    }

    /// Waits for one whole list: what comes in pages, and is read for the first one only, is a gap.
    ///
    /// # Errors
    /// When it does not come, is an error, or is only a part.
    pub async fn all<T: Clone>(
        &self,
        what: &str,
        answer: impl Future<Output = kube::Result<ObjectList<T>>>,
    ) -> Result<Vec<T>, String> {
        let list = self.answer(what, answer).await?;
        match list.metadata.continue_.as_deref() {
            None | Some("") => Ok(list.items),
            Some(_) => Err(format!("{what}: the API server gave only a part of the list")),
        }
    }

    /// Compares the API server's clock with ours.
    ///
    /// # Errors
    /// When they differ by more than a window bears, or the server does not say its time.
    pub async fn check_clock(&self, now: impl Fn() -> Timestamp) -> Result<(), String> {
        let request = http::Request::get("/version").body(Body::empty()).map_err(|e| e.to_string())?;
        let response = self.answer("the API server cannot be asked", self.client.send(request)).await?;
        let date = response.headers().get(http::header::DATE).and_then(|value| value.to_str().ok());
        let theirs = date.and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
        let theirs = theirs.ok_or("the API server does not say what time it is")?;
        let apart: SignedDuration = now().duration_since(theirs);
        if apart.abs() > CLOCK_TOLERANCE {
            return Err(format!(
                "this clock and the API server's differ by {} s: set the nodes' clocks",
                apart.as_secs().abs()
            ));
        }
        Ok(())
    }
}
