use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn claimed(slot: &str, by: &str, until: Option<i64>) -> Page {
    let claim = ClaimView { users: vec![name(by)], until: until.map(at), ..ClaimView::default() };
    Page::new(slot, Some(claim), None)
}

fn book_of(slots: &[(&str, Page)]) -> Book {
    let mut pages = Pages::default();
    for (slot, page) in slots {
        pages.put(slot, page.clone());
    }
    let now = Instant::now();
    let book = Book::new(now);
    book.replace(pages, now);
    book
}

#[test]
fn nothing_is_known_before_the_first_complete_list() {
    let now = Instant::now();
    let book = Book::new(now);
    book.put("mew", Page::new("mew", None, None));
    book.hear(now);
    assert_eq!(book.look("mew", now), Look::NotSynced);
    book.replace(Pages::default(), now);
    assert_eq!(book.look("mew", now), Look::Missing, "a complete list replaces what was there");
}

#[test]
fn a_listing_names_ones_own_slots_and_the_free_ones() {
    let book = book_of(&[
        ("abra", Page::new("abra", None, None)),
        ("eevee", claimed("eevee", "alice", None)),
        ("mew", claimed("mew", "alice", Some(10))),
        ("onix", claimed("onix", "bob", Some(10))),
        ("pikachu", Page::unreadable("pikachu")),
    ]);
    let names = |some: &Some5| some.names.join(" ");
    let before = book.listing(&[name("alice")], &[], at(9));
    assert_eq!((names(&before.yours), names(&before.free)), ("eevee mew".to_owned(), "abra".to_owned()));
    let after = book.listing(&[name("alice")], &[], at(10));
    assert_eq!((names(&after.yours), names(&after.free)), ("eevee".to_owned(), "abra mew onix".to_owned()));
}

#[test]
fn a_long_listing_is_cut_and_counted() {
    let names: Vec<String> = (10..22).map(|i| format!("slot-{i}")).collect();
    let slots: Vec<(&str, Page)> = names.iter().map(|n| (n.as_str(), Page::new(n, None, None))).collect();
    let free = book_of(&slots).listing(&[], &[], at(0)).free;
    assert_eq!((free.names.len(), free.more), (5, 7));
}

#[test]
fn a_slot_that_changes_hands_leaves_no_trace_of_its_former_holder() {
    let book = book_of(&[("mew", claimed("mew", "alice", Some(99)))]);
    book.put("mew", claimed("mew", "bob", None));
    let listing = book.listing(&[name("alice")], &[], at(100));
    assert_eq!(listing, Listing::default());
    book.remove("mew");
    assert_eq!(book.listing(&[name("bob")], &[], at(0)), Listing::default());
    assert_eq!(book.look("mew", Instant::now()), Look::Missing);
}

proptest! {
    /// The indexes say what a walk over all slots would say, whatever came and went.
    #[test]
    fn the_indexes_agree_with_the_slots(events in prop::collection::vec((0..6_u8, 0..5_u8, prop::option::of(0..20_i64)), 0..60), now in 0..20_i64) {
        let mut pages = Pages::default();
        for (slot, what, until) in events {
            let slot = format!("s{slot}");
            match what {
                0 => pages.remove(&slot),
                1 => pages.put(&slot, Page::new(&slot, None, None)),
                2 => pages.put(&slot, Page::unreadable(&slot)),
                3 => pages.put(&slot, claimed(&slot, "alice", until)),
                _ => pages.put(&slot, claimed(&slot, "bob", until)),
            }
        }
        let standing = |page: &Page| page.claim.as_ref().is_some_and(|c| c.standing(at(now)).held().is_some());
        let free = pages.slots.values().filter(|p| p.readable && !standing(p)).count();
        let mine = pages.slots.values().filter(|p| standing(p) && p.claim.as_ref().unwrap().users == [name("alice")]).count();
        let (found, yours) = (pages.free(at(now)), pages.yours(&[name("alice")], &[], at(now)));
        prop_assert_eq!(found.names.len() + found.more, free);
        prop_assert_eq!(yours.names.len() + yours.more, mine);
    }
}

/// A list of the largest size that is supported is taken in, and one more event costs no copy of it.
#[test]
fn a_hundred_thousand_slots_fit() {
    let mut pages = Pages::default();
    for i in 0..100_000 {
        let slot = format!("slot-{i:06}");
        pages.put(&slot, claimed(&slot, &format!("user{}", i % 1_000), Some(i)));
    }
    let now = Instant::now();
    let book = Book::new(now);
    book.replace(pages, now);
    for i in 0..10_000 {
        book.put("slot-000000", claimed("slot-000000", "alice", Some(i)));
    }
    let took = now.elapsed();
    assert_eq!(book.len(), 100_000);
    // Ten thousand copies of the map would take minutes.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
