use std::time::Instant;

use futures::stream;
use kube::runtime::watcher::Error;
use serde_json::{Value, json};

use super::*;
use crate::slot_cache::Lookup;

#[expect(clippy::needless_pass_by_value, reason = "a value is made for one Slot")]
fn slot(namespace: &str, spec: Value) -> SlotMeta {
    serde_json::from_value(json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {"name": "slot", "namespace": namespace}, "spec": spec,
    }))
    .unwrap()
}

fn claimed(namespace: &str, by: &str) -> SlotMeta {
    slot(namespace, json!({"claim": {"users": [by]}, "mode": "warn"}))
}

async fn after(slot_cache: &SlotCache, events: Vec<watcher::Result<Event<SlotMeta>>>) {
    keep(stream::iter(events), slot_cache).await;
}

fn owner(slot_cache: &SlotCache, namespace: &str) -> Option<String> {
    let Lookup::Found(entry) = slot_cache.lookup(namespace, Instant::now()) else { return None };
    entry.claim.as_ref()?.owner().map(ToString::to_string)
}

#[tokio::test]
async fn slots_are_known_when_the_list_is_complete_and_not_before() {
    let slot_cache = SlotCache::new(Instant::now());
    after(&slot_cache, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice")))]).await;
    assert_eq!(slot_cache.lookup("mew", Instant::now()), Lookup::NotSynced);
    after(&slot_cache, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice"))), Ok(Event::InitDone)]).await;
    assert_eq!(owner(&slot_cache, "mew").as_deref(), Some("alice"));
}

#[tokio::test]
async fn changes_are_followed_and_a_new_list_replaces_all() {
    let slot_cache = SlotCache::new(Instant::now());
    let list = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(claimed("mew", "alice"))),
        Ok(Event::InitApply(claimed("onix", "alice"))),
        Ok(Event::InitDone),
        Ok(Event::Apply(claimed("mew", "bob"))),
        Ok(Event::Delete(claimed("onix", "alice"))),
    ];
    after(&slot_cache, list).await;
    assert_eq!((owner(&slot_cache, "mew").as_deref(), slot_cache.len()), (Some("bob"), 1));
    after(&slot_cache, vec![Err(Error::NoResourceVersion), Ok(Event::Init)]).await;
    assert_eq!(owner(&slot_cache, "mew").as_deref(), Some("bob"), "what was known stays while a new list is read");
    after(&slot_cache, vec![Ok(Event::Init), Ok(Event::InitApply(claimed("abra", "carol"))), Ok(Event::InitDone)])
        .await;
    assert_eq!((owner(&slot_cache, "abra").as_deref(), slot_cache.len()), (Some("carol"), 1));
}

#[tokio::test]
async fn a_slot_that_cannot_be_read_closes_itself_and_hides_no_other() {
    let slot_cache = SlotCache::new(Instant::now());
    let list = vec![
        Ok(Event::Init),
        Ok(Event::InitApply(slot("bad", json!({"claim": {"users": ["alice"], "until": "2026-12-01T18:00:00"}})))),
        Ok(Event::InitApply(slot("worse", json!("text")))),
        Ok(Event::InitApply(slot("odd", json!({"claim": {"users": ["alice"]}, "keepUntil": "whenever"})))),
        Ok(Event::InitApply(slot("free", json!({})))),
        Ok(Event::InitApply(slot("empty", Value::Null))),
        Ok(Event::InitDone),
    ];
    after(&slot_cache, list).await;
    for namespace in ["bad", "worse"] {
        let lookup = slot_cache.lookup(namespace, Instant::now());
        assert!(matches!(lookup, Lookup::Found(entry) if !entry.readable), "{namespace}");
    }
    assert_eq!(owner(&slot_cache, "odd").as_deref(), Some("alice"));
    for namespace in ["free", "empty"] {
        assert!(slot_cache.lookup(namespace, Instant::now()).entry().is_some_and(|p| p.claim.is_none()), "{namespace}");
    }
}

fn refused(code: u16) -> watcher::Result<Event<SlotMeta>> {
    let status = kube::core::Status { code, ..kube::core::Status::default() };
    Err(Error::WatchStartFailed(kube::Error::Api(Box::new(status))))
}

#[tokio::test]
async fn a_refusal_to_stream_ends_the_watch_and_other_errors_do_not() {
    let events =
        |code| vec![refused(code), Ok(Event::Init), Ok(Event::InitApply(claimed("mew", "alice"))), Ok(Event::InitDone)];
    for code in [400, 422] {
        let slot_cache = SlotCache::new(Instant::now());
        keep(until_refused(stream::iter(events(code))), &slot_cache).await;
        assert!(!slot_cache.was_read(), "{code}");
    }
    for code in [403, 410, 429, 500, 503] {
        let slot_cache = SlotCache::new(Instant::now());
        keep(until_refused(stream::iter(events(code))), &slot_cache).await;
        assert!(slot_cache.was_read(), "{code}");
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
