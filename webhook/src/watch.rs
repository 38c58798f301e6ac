//! How do the Slots get into the book, and when do they count as known?
//!
//! One watch over all namespaces. It ends and begins anew every half minute, and each answer of the
//! API server proves that it is there; silence for a minute means that claims may have changed unseen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use hotdesk_slots::slot::{Claim, Mode, SLOT_NAME, Slot};
use hotdesk_slots::text::{harmless, plain};
use hotdesk_slots::{ClaimView, keys};
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::ClientBuilder;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde::Deserialize;
use tower::util::MapResponseLayer;

use crate::book::{Book, Page, Pages};

/// For how long one watch call may last. Well below [`crate::book::TRUSTED_FOR`]: its renewal is the
/// proof that the API server is there even if no Slot changes.
const WATCH_SECONDS: u32 = 25;
/// Longer than a watch call, so that it strikes only where the connection is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Of a Slot's spec: what the gate reads. The rest may be as odd as it likes.
#[derive(Debug, Default, Deserialize)]
struct GateSpec {
    #[serde(default)]
    claim: Option<Claim>,
    #[serde(default)]
    mode: Option<Mode>,
}

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
    Ok(ClientBuilder::try_from(config)?.with_layer(&heard).build())
}

/// Follows the Slots for ever.
pub async fn follow(client: Client, book: Arc<Book>) {
    let slots = ApiResource::erase::<Slot>(&());
    let api: Api<DynamicObject> = Api::all_with(client, &slots);
    let events = watcher(api, watcher::Config::default().timeout(WATCH_SECONDS)).default_backoff();
    keep(events, &book).await;
}

/// Writes what a watch says into the book.
pub async fn keep<S>(events: S, book: &Book)
where
    S: Stream<Item = watcher::Result<Event<DynamicObject>>>,
{
    let mut events = std::pin::pin!(events);
    let mut listed = Pages::default();
    let mut failing = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if std::mem::take(&mut failing) {
                    tracing::info!("the watch on Slots is back");
                }
                book.hear(Instant::now());
                note(event, &mut listed, book);
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

fn note(event: Event<DynamicObject>, listed: &mut Pages, book: &Book) {
    match event {
        Event::Init => *listed = Pages::default(),
        Event::InitApply(slot) => {
            if let Some((namespace, page)) = page_of(&slot) {
                listed.put(&namespace, page);
            }
        }
        Event::InitDone => {
            let pages = std::mem::take(listed);
            tracing::info!(slots = pages.len(), "read all Slots");
            book.replace(pages, Instant::now());
        }
        Event::Apply(slot) => {
            if let Some((namespace, page)) = page_of(&slot) {
                book.put(&namespace, page);
            }
        }
        Event::Delete(slot) => {
            if let Some((namespace, _)) = page_of(&slot) {
                book.remove(&namespace);
            }
        }
    }
}

/// What the book holds of a Slot. One that cannot be read must not hide the others, nor its slot be open.
pub(crate) fn page_of(slot: &DynamicObject) -> Option<(String, Page)> {
    let namespace = slot.namespace().filter(|_| slot.name_any() == SLOT_NAME)?;
    let spec = slot.data.get("spec").cloned().unwrap_or_default();
    let page = match Option::<GateSpec>::deserialize(spec).map(Option::unwrap_or_default) {
        Ok(spec) => {
            Page::new(&namespace, spec.claim.as_ref().map(ClaimView::lenient), spec.mode).lost_at(lost_at(slot))
        }
        Err(error) => {
            tracing::error!(slot = %plain(&namespace), error = %plain(&error.to_string()), "a Slot cannot be read: its slot is closed");
            Page::unreadable(&namespace)
        }
    };
    Some((namespace, page.version(version(slot))))
}

fn version(slot: &DynamicObject) -> Option<u64> {
    slot.resource_version()?.parse().ok()
}

/// When somebody last lost the slot. What cannot be read counts as the far future, so that nothing is trusted for it.
fn lost_at(slot: &DynamicObject) -> Option<Timestamp> {
    let text = slot.annotations().get(keys::LOST_AT)?;
    Some(text.parse().unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
