//! How do the Slots get into the cache, and when do they count as known?
//!
//! One watch over all namespaces. It ends and begins again every half minute, and each answer of the
//! API server proves that it is there; silence for a minute means that claims may have changed unseen. The client is
//! not that of `crates/runtime`: the call that streams the list may last longer than a watch, which a layer of its own says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use hotdesk_slots::text::sanitize;
use kube::Client;
use kube::api::Api;
use kube::client::ClientBuilder;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tower::util::{MapRequestLayer, MapResponseLayer};

use crate::slot_cache::SlotCache;

mod list_timeout;
pub(crate) mod slot_meta;

use slot_meta::SlotMeta;

/// For how long one watch call may last. Well below [`crate::slot_cache::TRUSTED_FOR`]: its renewal is the
/// proof that the API server is there even if no Slot changes.
const WATCH_SECONDS: u32 = 25;
/// Longer than a watch call, so that it strikes only where the connection is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause before a failed watch is tried again. The library's half minute is half of [`crate::slot_cache::TRUSTED_FOR`],
/// for which a webhook that hears nothing still answers.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A client for the watch alone, which notes in the cache whenever the API server answers.
///
/// # Errors
/// If the configuration cannot be used, for example for an unreadable certificate.
pub fn client(mut config: kube::Config, slot_cache: Arc<SlotCache>) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    config.reset_reader_on_write = true;
    // The watch has a backoff of its own; two of them would add up to minutes.
    config.default_retry = false;
    let heard = MapResponseLayer::new(move |response: http::Response<_>| {
        if response.status().is_success() {
            slot_cache.hear(Instant::now());
        }
        response
    });
    let list_timeout = MapRequestLayer::new(list_timeout::with_list_timeout);
    Ok(ClientBuilder::try_from(config)?.with_layer(&heard).with_layer(&list_timeout).build())
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
pub async fn follow(client: Client, slot_cache: Arc<SlotCache>) {
    let slots: Api<SlotMeta> = Api::all(client);
    let settings = watcher::Config::default().timeout(WATCH_SECONDS);
    let streamed = watcher(slots.clone(), settings.clone().streaming_lists()).backoff(Pauses::default());
    keep(until_refused(streamed), &slot_cache).await;
    tracing::info!("the API server does not stream lists: the Slots are read in pages");
    keep(watcher(slots, settings).backoff(Pauses::default()), &slot_cache).await;
}

/// Writes what a watch says into the cache.
pub async fn keep<S>(events: S, slot_cache: &SlotCache)
where
    S: Stream<Item = watcher::Result<Event<SlotMeta>>>,
{
    let mut events = std::pin::pin!(events);
    let mut failing = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the watch on Slots is back");
                }
                slot_cache.hear(Instant::now());
                note(event, slot_cache);
            }
            Err(error) => {
                // The first is worth a line; the rest are the same outage.
                if !std::mem::replace(&mut failing, true) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error = %sanitize(&error), "the watch on Slots fails; trying again");
                }
            }
        }
    }
}

/// What a watch says until the API server knows no streamed lists, or may not serve them: it calls the request invalid.
fn until_refused<S>(events: S) -> impl Stream<Item = watcher::Result<Event<SlotMeta>>>
where
    S: Stream<Item = watcher::Result<Event<SlotMeta>>>,
{
    events.take_while(|event| {
        let refused = match event {
            Err(watcher::Error::WatchStartFailed(kube::Error::Api(status))) => matches!(status.code, 400 | 422),
            _ => false,
        };
        std::future::ready(!refused)
    })
}

fn note(event: Event<SlotMeta>, slot_cache: &SlotCache) {
    match event {
        Event::Init => slot_cache.begin_list(),
        Event::InitApply(slot) | Event::Apply(slot) => {
            if let Some(entry) = slot.entry() {
                slot_cache.put(entry);
            }
        }
        Event::InitDone => {
            slot_cache.end_list(Instant::now());
            tracing::info!(slots = slot_cache.len(), "read all Slots");
        }
        Event::Delete(slot) => {
            if let Some(namespace) = slot.slot() {
                slot_cache.remove(namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests;
