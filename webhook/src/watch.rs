//! How do the Slots get into the book, and when do they count as known?
//!
//! One watch over all namespaces. It ends and begins again every half minute, and each answer of the
//! API server proves that it is there; silence for a minute means that claims may have changed unseen. The client is
//! not that of `crates/runtime`: the call that streams the list may last longer than a watch, which a layer of its own says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use hotdesk_slots::text::harmless;
use kube::Client;
use kube::api::Api;
use kube::client::ClientBuilder;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tower::util::{MapRequestLayer, MapResponseLayer};

use crate::book::Book;

mod patience;
pub(crate) mod seen;

use seen::Seen;

/// For how long one watch call may last. Well below [`crate::book::TRUSTED_FOR`]: its renewal is the
/// proof that the API server is there even if no Slot changes.
const WATCH_SECONDS: u32 = 25;
/// Longer than a watch call, so that it strikes only where the connection is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause before a failed watch is tried again. The library's half minute is half of [`crate::book::TRUSTED_FOR`],
/// for which a webhook that hears nothing still answers.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A client for the watch alone, which notes in the book whenever the API server answers.
///
/// # Errors
/// If the configuration cannot be used, for example for an unreadable certificate.
pub fn client(mut config: kube::Config, book: Arc<Book>) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    config.reset_reader_on_write = true;
    // The watch has a backoff of its own; two of them would add up to minutes.
    config.default_retry = false;
    let heard = MapResponseLayer::new(move |response: http::Response<_>| {
        if response.status().is_success() {
            book.hear(Instant::now());
        }
        response
    });
    let patience = MapRequestLayer::new(patience::patient);
    Ok(ClientBuilder::try_from(config)?.with_layer(&heard).with_layer(&patience).build())
}

/// The library's pauses, up to the longest.
#[derive(Default)]
struct Pauses(DefaultBackoff);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Follows the Slots forever.
///
/// The list is streamed, one Slot at a time, from what the API server has in memory. In pages, each may cost it a reading of
/// its database: a hundred thousand Slots took minutes. An API server that does not stream says so.
pub async fn follow(client: Client, book: Arc<Book>) {
    let slots: Api<Seen> = Api::all(client);
    let settings = watcher::Config::default().timeout(WATCH_SECONDS);
    let streamed = watcher(slots.clone(), settings.clone().streaming_lists()).backoff(Pauses::default());
    keep(until_refused(streamed), &book).await;
    tracing::info!("the API server does not stream lists: the Slots are read in pages");
    keep(watcher(slots, settings).backoff(Pauses::default()), &book).await;
}

/// Writes what a watch says into the book.
pub async fn keep<S>(events: S, book: &Book)
where
    S: Stream<Item = watcher::Result<Event<Seen>>>,
{
    let mut events = std::pin::pin!(events);
    let mut failing = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the watch on Slots is back");
                }
                book.hear(Instant::now());
                note(event, book);
            }
            Err(error) => {
                // The first is worth a line; the rest are the same outage.
                if !std::mem::replace(&mut failing, true) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error = %harmless(&error), "the watch on Slots fails; trying again");
                }
            }
        }
    }
}

/// What a watch says until the API server knows no streamed lists, or may not serve them: it calls the request invalid.
fn until_refused<S>(events: S) -> impl Stream<Item = watcher::Result<Event<Seen>>>
where
    S: Stream<Item = watcher::Result<Event<Seen>>>,
{
    events.take_while(|event| {
        let refused = match event {
            Err(watcher::Error::WatchStartFailed(kube::Error::Api(status))) => matches!(status.code, 400 | 422),
            _ => false,
        };
        std::future::ready(!refused)
    })
}

fn note(event: Event<Seen>, book: &Book) {
    match event {
        Event::Init => book.begin_list(),
        Event::InitApply(slot) | Event::Apply(slot) => {
            if let Some(page) = slot.page() {
                book.put(page);
            }
        }
        Event::InitDone => {
            book.end_list(Instant::now());
            tracing::info!(slots = book.len(), "read all Slots");
        }
        Event::Delete(slot) => {
            if let Some(namespace) = slot.slot() {
                book.remove(namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests;
