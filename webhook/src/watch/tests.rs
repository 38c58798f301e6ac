use std::time::Instant;

use futures::stream;
use kube::runtime::watcher::Error;
use serde_json::{Value, json};

use super::*;
use crate::book::Look;

#[expect(clippy::needless_pass_by_value, reason = "a value is made for one Slot")]
fn slot(namespace: &str, spec: Value) -> Seen {
    serde_json::from_value(json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {"name": "slot", "namespace": namespace}, "spec": spec,
    }))
    .unwrap()
}

fn claimed(namespace: &str, by: &str) -> Seen {
    slot(namespace, json!({"claim": {"users": [by]}, "mode": "warn"}))
}

async fn after(book: &Book, events: Vec<watcher::Result<Event<Seen>>>) {
    keep(stream::iter(events), book).await;
}

fn owner(book: &Book, namespace: &str) -> Option<String> {
    let Look::Found(page) = book.look(namespace, Instant::now()) else { return None };
    page.claim.as_ref()?.owner().map(ToString::to_string)
}

#[tokio::test]
async fn slots_are_known_when_the_list_is_complete_and_not_before() {
    let book = Book::new(Instant::now());
    after(&book, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice")))]).await;
    assert_eq!(book.look("mew", Instant::now()), Look::NotSynced);
    after(&book, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice"))), Ok(Event::InitDone)]).await;
    assert_eq!(owner(&book, "mew").as_deref(), Some("alice"));
}

#[tokio::test]
async fn changes_are_followed_and_a_new_list_replaces_all() {
    let book = Book::new(Instant::now());
    let list = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(claimed("mew", "alice"))),
        Ok(Event::InitApply(claimed("onix", "alice"))),
        Ok(Event::InitDone),
        Ok(Event::Apply(claimed("mew", "bob"))),
        Ok(Event::Delete(claimed("onix", "alice"))),
    ];
    after(&book, list).await;
    assert_eq!((owner(&book, "mew").as_deref(), book.len()), (Some("bob"), 1));
    after(&book, vec![Err(Error::NoResourceVersion), Ok(Event::Init)]).await;
    assert_eq!(owner(&book, "mew").as_deref(), Some("bob"), "what was known stays while a new list is read");
    after(&book, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("abra", "carol"))), Ok(Event::InitDone)]).await;
    assert_eq!((owner(&book, "abra").as_deref(), book.len()), (Some("carol"), 1));
}

#[tokio::test]
async fn a_slot_that_cannot_be_read_closes_itself_and_hides_no_other() {
    let book = Book::new(Instant::now());
    let list = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(slot("bad", json!({"claim": {"users": ["alice"], "until": "2026-12-01T18:00:00"}})))),
        Ok(Event::InitApply(slot("worse", json!("text")))),
        Ok(Event::InitApply(slot("odd", json!({"claim": {"users": ["alice"]}, "keepUntil": "whenever"})))),
        Ok(Event::InitApply(slot("free", json!({})))),
        Ok(Event::InitApply(slot("empty", Value::Null))),
        Ok(Event::InitDone),
    ];
    after(&book, list).await;
    for namespace in ["bad", "worse"] {
        let look = book.look(namespace, Instant::now());
        assert!(matches!(look, Look::Found(page) if !page.readable), "{namespace}");
    }
    assert_eq!(owner(&book, "odd").as_deref(), Some("alice"));
    for namespace in ["free", "empty"] {
        assert!(book.look(namespace, Instant::now()).page().is_some_and(|p| p.claim.is_none()), "{namespace}");
    }
}

fn refused(code: u16) -> watcher::Result<Event<Seen>> {
    let status = kube::core::Status { code, ..kube::core::Status::default() };
    Err(Error::WatchStartFailed(kube::Error::Api(Box::new(status))))
}

#[tokio::test]
async fn a_refusal_to_stream_ends_the_watch_and_other_errors_do_not() {
    let events =
        |code| vec![refused(code), Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice"))), Ok(Event::InitDone)];
    for code in [400, 422] {
        let book = Book::new(Instant::now());
        keep(until_refused(stream::iter(events(code))), &book).await;
        assert!(!book.was_read(), "{code}");
    }
    for code in [403, 410, 429, 500, 503] {
        let book = Book::new(Instant::now());
        keep(until_refused(stream::iter(events(code))), &book).await;
        assert!(book.was_read(), "{code}");
    }
}

#[test]
fn a_broken_watch_is_tried_again_well_before_the_slots_count_as_unknown() {
    let mut pauses = Pauses::default();
    let first: Vec<Duration> = pauses.by_ref().take(50).collect();
    assert!(first[0] < Duration::from_secs(2), "{first:?}");
    assert!(first.iter().all(|pause| *pause <= LONGEST_PAUSE), "{first:?}");
    assert!(first.ends_with(&[LONGEST_PAUSE]), "{first:?}");
    pauses.reset();
    assert!(pauses.next().is_some_and(|pause| pause < Duration::from_secs(2)));
}
