//! How is the API server reached, without ever waiting forever?

use std::time::Duration;

use anyhow::Context as _;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use tower::util::MapResponseLayer;

use crate::text::chain;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For how long one watch call may last, in seconds. Its renewal is the sign that the API server is there even if nothing
/// changes.
pub const WATCH_SECONDS: u32 = 25;

/// Longer than a watch call, so that it strikes only where the connection is dead.
const WATCH_TIMEOUT: Duration = Duration::from_secs(40);

/// The pod's own credentials, or those of `KUBECONFIG`.
///
/// # Errors
/// Where there are none.
pub async fn infer() -> anyhow::Result<Config> {
    Config::infer().await.context("no cluster to ask: run in a pod with a service account, or set KUBECONFIG")
}

/// A client whose requests take so long at most, and are not tried again by themselves.
///
/// # Errors
/// If the configuration cannot be used.
pub fn asking(mut config: Config, timeout: Duration) -> anyhow::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(timeout);
    config.write_timeout = Some(timeout);
    // Without this, the time that a connection lay idle would count as read time.
    config.reset_reader_on_write = true;
    // The caller decides whether it is still worth asking.
    config.default_retry = false;
    Client::try_from(config).context(UNUSABLE)
}

/// A client for watches alone; `heard` is called whenever the API server answers well.
///
/// # Errors
/// If the configuration cannot be used.
pub fn watching(mut config: Config, heard: impl Fn() + Clone + Send + Sync + 'static) -> anyhow::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(WATCH_TIMEOUT);
    config.reset_reader_on_write = true;
    // The watch has a backoff of its own; two of them would add up to minutes.
    config.default_retry = false;
    let noting = MapResponseLayer::new(move |response: http::Response<_>| {
        if response.status().is_success() {
            heard();
        }
        response
    });
    Ok(ClientBuilder::try_from(config).context(UNUSABLE)?.with_layer(&noting).build())
}

/// Why a request failed: in the API server's own words, where it answered.
#[must_use]
pub fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let answered = causes.find_map(|error| match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => Some(status.message.clone()),
        _ => None,
    });
    answered.unwrap_or_else(|| chain(error))
}

const UNUSABLE: &str = "the cluster's address or certificate cannot be used";

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::runtime::watcher;

    use super::*;

    #[test]
    fn the_api_servers_words_are_enough_where_it_answered() {
        let denied = || {
            let status = Status { code: 403, message: "jobs is forbidden".to_owned(), ..Status::default() };
            kube::Error::Api(Box::new(status))
        };
        assert_eq!(reason(&denied()), "jobs is forbidden");
        assert_eq!(reason(&watcher::Error::WatchStartFailed(denied())), "jobs is forbidden");
        let silent = kube::Error::LinesCodecMaxLineLengthExceeded;
        assert_eq!(reason(&silent), silent.to_string());
    }
}
