use hotdesk_slots::ClaimView;
use std::borrow::Cow;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn claimed(slot: &str, by: &str, until: Option<i64>) -> SlotEntry {
    let claim = ClaimView { users: vec![name(by)], until: until.map(at), ..ClaimView::default() };
    SlotEntry::new(slot, Some(claim), None)
}

fn book_of(slots: &[(&str, SlotEntry)]) -> SlotCache {
    let mut index = SlotIndex::default();
    for (slot, entry) in slots {
        index.put(slot, entry.clone());
    }
    let now = Instant::now();
    let slot_cache = SlotCache::new(now);
    slot_cache.replace(index, now);
    slot_cache
}

#[test]
fn nothing_is_known_before_the_first_complete_list() {
    let now = Instant::now();
    let slot_cache = SlotCache::new(now);
    slot_cache.put(SlotEntry::new("mew", None, None));
    slot_cache.hear(now);
    assert_eq!(slot_cache.lookup("mew", now), Lookup::NotSynced);
    slot_cache.replace(SlotIndex::default(), now);
    assert_eq!(slot_cache.lookup("mew", now), Lookup::Missing, "a complete list replaces what was there");
}

#[test]
fn a_list_is_taken_in_page_by_page_and_what_is_not_in_it_goes_at_its_end() {
    let now = Instant::now();
    let slot_cache = SlotCache::new(now);
    let list = |index: Vec<SlotEntry>| {
        slot_cache.begin_list();
        index.into_iter().for_each(|entry| slot_cache.put(entry));
    };
    list(vec![claimed("mew", "alice", None), claimed("onix", "alice", None)]);
    assert_eq!(slot_cache.lookup("mew", now), Lookup::NotSynced, "half a list says nothing");
    list(vec![claimed("onix", "alice", None), claimed("abra", "alice", None)]);
    slot_cache.end_list(now);
    assert_eq!(slot_cache.owned(&[name("alice")]), ["abra", "onix"], "mew was in a list that never ended");
    slot_cache.put(claimed("mew", "alice", None));
    list(vec![claimed("onix", "bob", None)]);
    assert_eq!(slot_cache.owned(&[name("alice")]), ["abra", "mew"], "what was known stays while a new list is read");
    slot_cache.end_list(now);
    assert_eq!((slot_cache.owned(&[name("alice")]), slot_cache.len()), (Vec::new(), 1));
}

/// More than are noted in one go.
#[test]
fn many_claims_may_lapse_in_the_same_moment() {
    let names: Vec<String> = (0..2_500).map(|i| format!("slot-{i}")).collect();
    let slots: Vec<(&str, SlotEntry)> = names.iter().map(|n| (n.as_str(), claimed(n, "alice", Some(10)))).collect();
    let slot_cache = book_of(&slots);
    assert_eq!(slot_cache.listing(&[], &[], at(9)).free, Truncated::default());
    let free = slot_cache.listing(&[], &[], at(10)).free;
    assert_eq!(free.names.len() + free.more, 2_500);
    slot_cache.put(claimed("slot-7", "bob", Some(10)));
    let free = slot_cache.listing(&[], &[], at(10)).free;
    assert_eq!(free.names.len() + free.more, 2_500, "a claim that had lapsed when it was seen");
    slot_cache.put(claimed("slot-7", "bob", Some(11)));
    let listing = slot_cache.listing(&[name("bob")], &[], at(10));
    assert_eq!((listing.yours.names.len(), listing.free.more), (1, 2_494));
}

#[test]
fn a_group_is_not_the_person_of_that_name() {
    let claim = ClaimView { groups: vec!["ops".to_owned()], ..ClaimView::default() };
    let slot_cache =
        book_of(&[("mew", SlotEntry::new("mew", Some(claim), None)), ("onix", claimed("onix", "ops", None))]);
    let yours =
        |names: &[Name], groups: &[Cow<'_, str>]| slot_cache.listing(names, groups, at(0)).yours.names.join(" ");
    assert_eq!(yours(&[name("ops")], &[]), "onix");
    assert_eq!(yours(&[], &["ops".into()]), "mew");
}

#[test]
fn a_change_of_the_version_alone_is_seen() {
    let slot_cache = book_of(&[("mew", claimed("mew", "alice", None).version(Some(1)))]);
    slot_cache.put(claimed("mew", "alice", None).version(Some(2)));
    let lookup = slot_cache.lookup("mew", Instant::now());
    assert_eq!(lookup.entry().and_then(|entry| entry.version), Some(2));
}

#[test]
fn a_change_of_trust_alone_is_seen() {
    let trusting = |trust_workloads| ClaimView { users: vec![name("alice")], trust_workloads, ..ClaimView::default() };
    let entry = |trusts| SlotEntry::new("mew", Some(trusting(trusts)), None).version(Some(1));
    let slot_cache = book_of(&[("mew", entry(false))]);
    for trusts in [true, false] {
        slot_cache.put(entry(trusts));
        let lookup = slot_cache.lookup("mew", Instant::now());
        assert_eq!(lookup.entry().and_then(|entry| entry.claim.as_ref()), Some(&trusting(trusts)));
    }
}

#[test]
fn a_listing_names_ones_own_slots_and_the_free_ones() {
    let slot_cache = book_of(&[
        ("abra", SlotEntry::new("abra", None, None)),
        ("eevee", claimed("eevee", "alice", None)),
        ("mew", claimed("mew", "alice", Some(10))),
        ("onix", claimed("onix", "bob", Some(10))),
        ("pikachu", SlotEntry::unreadable("pikachu")),
    ]);
    let names = |some: &Truncated| some.names.join(" ");
    let before = slot_cache.listing(&[name("alice")], &[], at(9));
    assert_eq!((names(&before.yours), names(&before.free)), ("eevee mew".to_owned(), "abra".to_owned()));
    let after = slot_cache.listing(&[name("alice")], &[], at(10));
    assert_eq!((names(&after.yours), names(&after.free)), ("eevee".to_owned(), "abra mew onix".to_owned()));
}

#[test]
fn a_long_listing_is_cut_and_counted() {
    let names: Vec<String> = (10..22).map(|i| format!("slot-{i}")).collect();
    let slots: Vec<(&str, SlotEntry)> = names.iter().map(|n| (n.as_str(), SlotEntry::new(n, None, None))).collect();
    let free = book_of(&slots).listing(&[], &[], at(0)).free;
    assert_eq!((free.names.len(), free.more), (5, 7));
}

#[test]
fn a_slot_that_changes_hands_leaves_no_trace_of_its_former_holder() {
    let slot_cache = book_of(&[("mew", claimed("mew", "alice", Some(99)))]);
    slot_cache.put(claimed("mew", "bob", None));
    let listing = slot_cache.listing(&[name("alice")], &[], at(100));
    assert_eq!(listing, Listing::default());
    slot_cache.remove("mew");
    assert_eq!(slot_cache.listing(&[name("bob")], &[], at(0)), Listing::default());
    assert_eq!(slot_cache.lookup("mew", Instant::now()), Lookup::Missing);
}
