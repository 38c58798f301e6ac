//! Several webhooks, each with a book of its own, count on one shelf.

use std::sync::Mutex as Plain;

use futures::FutureExt as _;
use futures::future::join_all;
use hotdesk_slots::{ClaimView, Name};

use super::*;
use crate::book::Pages;

const LIMIT: usize = 2;

/// The API server: the notes, and the Slots as they are stored.
#[derive(Debug, Default)]
struct Stored {
    notes: Plain<(String, u64)>,
    slots: Plain<HashMap<String, Page>>,
    conflicts: Plain<usize>,
    broken: bool,
}

#[derive(Debug, Clone)]
struct Server(Arc<Stored>);

impl Shelf for Server {
    fn read(&self) -> BoxFuture<'_, Result<Kept, String>> {
        async {
            // Others run here, as they do while a real answer is under way.
            tokio::task::yield_now().await;
            let (text, version) = self.0.notes.lock().unwrap().clone();
            if self.0.broken { Err("no answer".to_owned()) } else { Ok(Kept { text, version: version.to_string() }) }
        }
        .boxed()
    }

    fn write(&self, kept: Kept) -> BoxFuture<'_, Result<bool, String>> {
        async move {
            tokio::task::yield_now().await;
            let mut notes = self.0.notes.lock().unwrap();
            if notes.1.to_string() != kept.version {
                *self.0.conflicts.lock().unwrap() += 1;
                return Ok(false);
            }
            *notes = (kept.text, notes.1 + 1);
            Ok(true)
        }
        .boxed()
    }

    fn slot(&self, namespace: String) -> BoxFuture<'_, Result<Option<Page>, String>> {
        async move { Ok(self.0.slots.lock().unwrap().get(&namespace).cloned()) }.boxed()
    }
}

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn gain(slot: &str, by: &str) -> Gain {
    Gain { slot: slot.to_owned(), owner: name(by), names: vec![name(by)], version: Some(10), is_yours: true }
}

fn page(slot: &str, by: Option<&str>, version: u64) -> Page {
    let claim = by.map(|by| ClaimView { users: vec![name(by)], ..ClaimView::default() });
    Page::new(slot, claim, None).version(Some(version))
}

/// A webhook's view of the Slots: those of the tests are free, but for these.
fn book(slots: &[(&str, Option<&str>, u64)]) -> Book {
    let mut pages = Pages::default();
    let numbered = (0..20).map(|i| format!("slot-{i:02}"));
    for slot in ["mew", "onix", "abra"].map(str::to_owned).into_iter().chain(numbered) {
        pages.put(&slot, page(&slot, None, 10));
    }
    for (slot, by, version) in slots {
        pages.put(slot, page(slot, *by, *version));
    }
    let book = Book::new(Instant::now());
    book.replace(pages, Instant::now());
    book
}

async fn asks(limiter: &Limiter, book: &Book, gain: Gain) -> Result<(), Refused> {
    limiter.admit(&gain, book, now(), Instant::now()).await
}

#[tokio::test]
async fn twenty_claims_at_once_through_two_webhooks_that_have_seen_nothing_yet_are_two() {
    let server = Server(Arc::default());
    let webhooks = [(Limiter::new(server.clone(), LIMIT), book(&[])), (Limiter::new(server.clone(), LIMIT), book(&[]))];
    let claims = (0..20).map(|i| {
        let (limiter, book) = &webhooks[i % 2];
        asks(limiter, book, gain(&format!("slot-{i:02}"), "alice"))
    });
    let admitted = join_all(claims).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(admitted, LIMIT);
    assert!(*server.0.conflicts.lock().unwrap() > 0, "the two never met, so this test shows nothing");
}

#[tokio::test]
async fn each_person_is_counted_alone_and_may_claim_the_same_slot_again() {
    let limiter = Limiter::new(Server(Arc::default()), LIMIT);
    let book = book(&[]);
    for (slot, by) in [("mew", "alice"), ("mew", "alice"), ("onix", "alice"), ("mew", "bob"), ("mew", "alice")] {
        assert_eq!(asks(&limiter, &book, gain(slot, by)).await, Ok(()), "{by} {slot}");
    }
    let held = vec!["mew".to_owned(), "onix".to_owned()];
    assert_eq!(asks(&limiter, &book, gain("abra", "alice")).await, Err(Refused::Over(held)));
    assert_eq!(asks(&limiter, &book, gain("abra", "bob")).await, Ok(()));
}

#[tokio::test]
async fn what_the_slots_say_counts_as_soon_as_they_are_newer_than_the_note() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    for slot in ["mew", "onix"] {
        asks(&limiter, &book(&[]), gain(slot, "alice")).await.unwrap();
    }
    // Of an older version nothing can be learnt. Bob was faster at onix: the note about it is void.
    let older = book(&[("mew", None, 9), ("onix", None, 9)]);
    server
        .0
        .slots
        .lock()
        .unwrap()
        .extend([("mew".to_owned(), page("mew", None, 9)), ("onix".to_owned(), page("onix", None, 9))]);
    assert!(asks(&limiter, &older, gain("abra", "alice")).await.is_err());
    let newer = book(&[("mew", Some("alice"), 11), ("onix", Some("bob"), 12)]);
    assert_eq!(asks(&limiter, &newer, gain("abra", "alice")).await, Ok(()));
}

#[tokio::test]
async fn a_slot_that_was_just_released_does_not_count_though_the_watch_has_not_said_so() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let book = book(&[("mew", Some("alice"), 11), ("onix", Some("alice"), 12)]);
    server
        .0
        .slots
        .lock()
        .unwrap()
        .extend([("mew".to_owned(), page("mew", Some("alice"), 11)), ("onix".to_owned(), page("onix", None, 13))]);
    assert_eq!(asks(&limiter, &book, gain("abra", "alice")).await, Ok(()));
}

#[tokio::test]
async fn a_claim_that_comes_too_late_is_left_to_the_api_server_and_notes_nothing() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    asks(&limiter, &book(&[("mew", Some("bob"), 11)]), gain("mew", "alice")).await.unwrap();
    assert_eq!(server.0.notes.lock().unwrap().0, "");
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let unseen = Book::new(Instant::now());
    let limiter = Limiter::new(Server(Arc::default()), LIMIT);
    assert!(matches!(asks(&limiter, &unseen, gain("mew", "alice")).await, Err(Refused::Uncounted(_))));
    let broken = Limiter::new(Server(Arc::new(Stored { broken: true, ..Stored::default() })), LIMIT);
    assert!(matches!(asks(&broken, &book(&[]), gain("mew", "alice")).await, Err(Refused::Uncounted(_))));
    let odd = Server(Arc::default());
    odd.0.notes.lock().unwrap().0 = "{".to_owned();
    assert!(matches!(
        asks(&Limiter::new(odd, LIMIT), &book(&[]), gain("mew", "alice")).await,
        Err(Refused::Uncounted(_))
    ));
}

/// Whether Alice may have `onix` so long after a claim of `mew` was admitted, which the API server has stored or has not.
async fn may_have_another(seconds: i64, stored: Option<Page>) -> bool {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), 1);
    let book = book(&[]);
    asks(&limiter, &book, gain("mew", "alice")).await.unwrap();
    server.0.slots.lock().unwrap().extend(stored.map(|page| ("mew".to_owned(), page)));
    let later = now() + jiff::SignedDuration::from_secs(seconds);
    limiter.admit(&gain("onix", "alice"), &book, later, Instant::now()).await.is_ok()
}

#[tokio::test]
async fn a88_a_claim_that_was_never_made_counts_for_seconds() {
    for (seconds, admits) in [(0, false), (9, false), (10, true), (60, true), (130, true)] {
        assert_eq!(may_have_another(seconds, Some(page("mew", None, 10))).await, admits, "{seconds} s later");
        assert_eq!(may_have_another(seconds, None).await, admits, "{seconds} s later, of a Slot that is gone");
    }
}

#[tokio::test]
async fn a_claim_that_was_stored_counts_though_the_watch_has_not_said_so() {
    for seconds in [0, 9, 10, 60, 119] {
        assert!(!may_have_another(seconds, Some(page("mew", Some("alice"), 11))).await, "{seconds} s later");
    }
    assert!(may_have_another(5, Some(page("mew", Some("bob"), 11))).await, "somebody else was faster");
}

#[tokio::test]
async fn a88_nothing_is_noted_of_a_slot_that_is_not_there_or_for_too_many_names() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let many = (0..=MOST_NAMES).map(|i| name(&format!("bob-{i}"))).collect();
    for made_up in [
        gain("no such 1", "bob"),
        gain("mew/slots/slot?x=", "bob"),
        gain("", "bob"),
        Gain { names: many, ..gain("mew", "bob") },
    ] {
        let said = asks(&limiter, &book(&[]), made_up.clone()).await;
        assert!(matches!(said, Err(Refused::Uncounted(_))), "{}: {said:?}", made_up.slot);
    }
    assert_eq!(server.0.notes.lock().unwrap().0, "", "nothing is written down");
}

#[tokio::test]
async fn a88_there_is_an_end_to_what_is_noted() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let full = Notes::default().with(&Gain { names: vec![name(&"b".repeat(250)); 4000], ..gain("mew", "bob") }, now());
    server.0.notes.lock().unwrap().0 = full.to_text().unwrap();
    let refused = Err(Refused::Uncounted("too many claims were made within two minutes".to_owned()));
    assert_eq!(asks(&limiter, &book(&[]), gain("onix", "alice")).await, refused);
    let later = now() + jiff::SignedDuration::from_mins(2);
    assert_eq!(limiter.admit(&gain("onix", "alice"), &book(&[]), later, Instant::now()).await, Ok(()));
}

#[tokio::test]
async fn a_slot_counts_from_the_note_on_though_it_is_stored_before_the_watch_has_said_so() {
    let server = Server(Arc::default());
    let limiter = Limiter::new(server.clone(), LIMIT);
    let stale = book(&[("mew", None, 10), ("onix", None, 10)]);
    for slot in ["mew", "onix"] {
        asks(&limiter, &stale, gain(slot, "alice")).await.unwrap();
        server.0.slots.lock().unwrap().insert(slot.to_owned(), page(slot, Some("alice"), 11));
    }
    let held = vec!["mew".to_owned(), "onix".to_owned()];
    assert_eq!(asks(&limiter, &stale, gain("abra", "alice")).await, Err(Refused::Over(held)));
}
