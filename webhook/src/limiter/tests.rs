//! Several webhooks, each with a cache of its own, count in one store.

use std::sync::Mutex as Plain;

use futures::FutureExt as _;
use futures::future::join_all;
use hotdesk_slots::{ClaimView, Name};

use super::*;
use crate::slot_cache::SlotIndex;

const LIMIT: usize = 2;

/// The API server: the reservations, and the Slots as they are stored.
#[derive(Debug, Default)]
struct Stored {
    reservations: Plain<(String, u64)>,
    slots: Plain<HashMap<String, SlotEntry>>,
    conflicts: Plain<usize>,
    broken: bool,
}

#[derive(Debug, Clone)]
struct Server(Arc<Stored>);

impl ReservationStore for Server {
    fn read(&self) -> BoxFuture<'_, Result<StoredReservations, String>> {
        async {
            // Others run here, as they do while a real answer is under way.
            tokio::task::yield_now().await;
            let (text, version) = self.0.reservations.lock().unwrap().clone();
            if self.0.broken {
                Err("no answer".to_owned())
            } else {
                Ok(StoredReservations { text, version: version.to_string() })
            }
        }
        .boxed()
    }

    fn write(&self, kept: StoredReservations) -> BoxFuture<'_, Result<bool, String>> {
        async move {
            tokio::task::yield_now().await;
            let mut reservations = self.0.reservations.lock().unwrap();
            if reservations.1.to_string() != kept.version {
                *self.0.conflicts.lock().unwrap() += 1;
                return Ok(false);
            }
            *reservations = (kept.text, reservations.1 + 1);
            Ok(true)
        }
        .boxed()
    }

    fn slot(&self, namespace: String) -> BoxFuture<'_, Result<Option<SlotEntry>, String>> {
        async move { Ok(self.0.slots.lock().unwrap().get(&namespace).cloned()) }.boxed()
    }
}

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn acquisition(slot: &str, by: &str) -> Acquisition {
    Acquisition { slot: slot.to_owned(), owner: name(by), names: vec![name(by)], version: Some(10), is_yours: true }
}

fn entry(slot: &str, by: Option<&str>, version: u64) -> SlotEntry {
    let claim = by.map(|by| ClaimView { users: vec![name(by)], ..ClaimView::default() });
    SlotEntry::new(slot, claim, None).version(Some(version))
}

/// A webhook's view of the Slots: those of the tests are free, but for these.
fn slot_cache(slots: &[(&str, Option<&str>, u64)]) -> SlotCache {
    let mut index = SlotIndex::default();
    let numbered = (0..20).map(|i| format!("slot-{i:02}"));
    for slot in ["mew", "onix", "abra"].map(str::to_owned).into_iter().chain(numbered) {
        index.put(&slot, entry(&slot, None, 10));
    }
    for (slot, by, version) in slots {
        index.put(slot, entry(slot, *by, *version));
    }
    let slot_cache = SlotCache::new(Instant::now());
    slot_cache.replace(index, Instant::now());
    slot_cache
}

async fn asks(limiter: &Limiter, slot_cache: &SlotCache, acquisition: Acquisition) -> Result<(), Refused> {
    limiter.admit(&acquisition, slot_cache, now(), Instant::now()).await
}

#[tokio::test]
async fn twenty_claims_at_once_through_two_webhooks_that_have_seen_nothing_yet_are_two() {
    let server = Server(Arc::default());
    let webhooks = [
        (Limiter::new(server.clone(), LIMIT), slot_cache(&[])),
        (Limiter::new(server.clone(), LIMIT), slot_cache(&[])),
    ];
    let claims = (0..20).map(|i| {
        let (limiter, slot_cache) = &webhooks[i % 2];
        asks(limiter, slot_cache, acquisition(&format!("slot-{i:02}"), "alice"))
    });
    let admitted = join_all(claims).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(admitted, LIMIT);
    assert!(*server.0.conflicts.lock().unwrap() > 0, "the two never met, so this test shows nothing");
}

#[tokio::test]
async fn each_person_is_counted_alone_and_may_claim_the_same_slot_again() {
    let limiter = Limiter::new(Server(Arc::default()), LIMIT);
    let slot_cache = slot_cache(&[]);
    for (slot, by) in [("mew", "alice"), ("mew", "alice"), ("onix", "alice"), ("mew", "bob"), ("mew", "alice")] {
        assert_eq!(asks(&limiter, &slot_cache, acquisition(slot, by)).await, Ok(()), "{by} {slot}");
    }
    let held = vec!["mew".to_owned(), "onix".to_owned()];
    assert_eq!(asks(&limiter, &slot_cache, acquisition("abra", "alice")).await, Err(Refused::Over(held)));
    assert_eq!(asks(&limiter, &slot_cache, acquisition("abra", "bob")).await, Ok(()));
}

#[tokio::test]
async fn what_the_slots_say_counts_as_soon_as_they_are_newer_than_the_note() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    for slot in ["mew", "onix"] {
        asks(&limiter, &slot_cache(&[]), acquisition(slot, "alice")).await.unwrap();
    }
    // Of an older version nothing can be learnt. Bob was faster at onix: the reservation is void.
    let older = slot_cache(&[("mew", None, 9), ("onix", None, 9)]);
    server
        .0
        .slots
        .lock()
        .unwrap()
        .extend([("mew".to_owned(), entry("mew", None, 9)), ("onix".to_owned(), entry("onix", None, 9))]);
    assert!(asks(&limiter, &older, acquisition("abra", "alice")).await.is_err());
    let newer = slot_cache(&[("mew", Some("alice"), 11), ("onix", Some("bob"), 12)]);
    assert_eq!(asks(&limiter, &newer, acquisition("abra", "alice")).await, Ok(()));
}

#[tokio::test]
async fn a_slot_that_was_just_released_does_not_count_though_the_watch_has_not_said_so() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let slot_cache = slot_cache(&[("mew", Some("alice"), 11), ("onix", Some("alice"), 12)]);
    server
        .0
        .slots
        .lock()
        .unwrap()
        .extend([("mew".to_owned(), entry("mew", Some("alice"), 11)), ("onix".to_owned(), entry("onix", None, 13))]);
    assert_eq!(asks(&limiter, &slot_cache, acquisition("abra", "alice")).await, Ok(()));
}

#[tokio::test]
async fn a_claim_that_comes_too_late_is_left_to_the_api_server_and_notes_nothing() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    asks(&limiter, &slot_cache(&[("mew", Some("bob"), 11)]), acquisition("mew", "alice")).await.unwrap();
    assert_eq!(server.0.reservations.lock().unwrap().0, "");
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let unseen = SlotCache::new(Instant::now());
    let limiter = Limiter::new(Server(Arc::default()), LIMIT);
    assert!(matches!(asks(&limiter, &unseen, acquisition("mew", "alice")).await, Err(Refused::Uncounted(_))));
    let broken = Limiter::new(Server(Arc::new(Stored { broken: true, ..Stored::default() })), LIMIT);
    assert!(matches!(asks(&broken, &slot_cache(&[]), acquisition("mew", "alice")).await, Err(Refused::Uncounted(_))));
    let odd = Server(Arc::default());
    odd.0.reservations.lock().unwrap().0 = "{".to_owned();
    assert!(matches!(
        asks(&Limiter::new(odd, LIMIT), &slot_cache(&[]), acquisition("mew", "alice")).await,
        Err(Refused::Uncounted(_))
    ));
}

/// Whether Alice may have `onix` so long after a claim of `mew` was admitted, which the API server has stored or has not.
async fn may_have_another(seconds: i64, stored: Option<SlotEntry>) -> bool {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), 1);
    let slot_cache = slot_cache(&[]);
    asks(&limiter, &slot_cache, acquisition("mew", "alice")).await.unwrap();
    server.0.slots.lock().unwrap().extend(stored.map(|entry| ("mew".to_owned(), entry)));
    let later = now() + jiff::SignedDuration::from_secs(seconds);
    limiter.admit(&acquisition("onix", "alice"), &slot_cache, later, Instant::now()).await.is_ok()
}

#[tokio::test]
async fn a88_a_claim_that_was_never_made_counts_for_seconds() {
    for (seconds, admits) in [(0, false), (9, false), (10, true), (60, true), (130, true)] {
        assert_eq!(may_have_another(seconds, Some(entry("mew", None, 10))).await, admits, "{seconds} s later");
        assert_eq!(may_have_another(seconds, None).await, admits, "{seconds} s later, of a Slot that is gone");
    }
}

#[tokio::test]
async fn a_claim_that_was_stored_counts_though_the_watch_has_not_said_so() {
    for seconds in [0, 9, 10, 60, 119] {
        assert!(!may_have_another(seconds, Some(entry("mew", Some("alice"), 11))).await, "{seconds} s later");
    }
    assert!(may_have_another(5, Some(entry("mew", Some("bob"), 11))).await, "somebody else was faster");
}

#[tokio::test]
async fn a88_nothing_is_noted_of_a_slot_that_is_not_there_or_for_too_many_names() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let many = (0..=MOST_NAMES).map(|i| name(&format!("bob-{i}"))).collect();
    for made_up in [
        acquisition("no such 1", "bob"),
        acquisition("mew/slots/slot?x=", "bob"),
        acquisition("", "bob"),
        Acquisition { names: many, ..acquisition("mew", "bob") },
    ] {
        let said = asks(&limiter, &slot_cache(&[]), made_up.clone()).await;
        assert!(matches!(said, Err(Refused::Uncounted(_))), "{}: {said:?}", made_up.slot);
    }
    assert_eq!(server.0.reservations.lock().unwrap().0, "", "nothing is written down");
}

#[tokio::test]
async fn a88_there_is_an_end_to_what_is_noted() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let full = Reservations::default()
        .with(&Acquisition { names: vec![name(&"b".repeat(250)); 4000], ..acquisition("mew", "bob") }, now());
    server.0.reservations.lock().unwrap().0 = full.to_text().unwrap();
    let refused = Err(Refused::Uncounted("too many claims were made within two minutes".to_owned()));
    assert_eq!(asks(&limiter, &slot_cache(&[]), acquisition("onix", "alice")).await, refused);
    let later = now() + jiff::SignedDuration::from_mins(2);
    assert_eq!(limiter.admit(&acquisition("onix", "alice"), &slot_cache(&[]), later, Instant::now()).await, Ok(()));
}

#[tokio::test]
async fn a_slot_counts_from_the_note_on_though_it_is_stored_before_the_watch_has_said_so() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let stale = slot_cache(&[("mew", None, 10), ("onix", None, 10)]);
    for slot in ["mew", "onix"] {
        asks(&limiter, &stale, acquisition(slot, "alice")).await.unwrap();
        server.0.slots.lock().unwrap().insert(slot.to_owned(), entry(slot, Some("alice"), 11));
    }
    let held = vec!["mew".to_owned(), "onix".to_owned()];
    assert_eq!(asks(&limiter, &stale, acquisition("abra", "alice")).await, Err(Refused::Over(held)));
}
