use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::cpu;
use crate::neighbours::Host;

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

fn settled(index: &mut SlotIndex, now: i64) {
    while !index.settle(at(now)) {}
}

proptest! {
    /// The indexes say what a walk over all slots would say, whatever came and went, and however often it was asked.
    #[test]
    fn the_indexes_agree_with_the_slots(
        events in prop::collection::vec((0..6_u8, 0..6_u8, prop::option::of(0..20_i64), prop::option::of(0..20_i64)), 0..60),
        later in 0..20_i64,
    ) {
        let mut index = SlotIndex::default();
        let mut now = 0;
        for (slot, what, until, asked) in events {
            let slot = format!("s{slot}");
            match what {
                0 => drop(index.remove(&slot)),
                1 => index.put(&slot, SlotEntry::new(&slot, None, None)),
                2 => index.put(&slot, SlotEntry::unreadable(&slot)),
                3 => index.put(&slot, claimed(&slot, "alice", until).version(asked.map(i64::unsigned_abs))),
                _ => index.put(&slot, claimed(&slot, "bob", until)),
            }
            now = now.max(asked.unwrap_or(0));
            settled(&mut index, now);
        }
        now = now.max(later);
        settled(&mut index, now);
        let all = || index.slots.values().map(|listed| &listed.entry);
        let state_at = |entry: &SlotEntry| entry.claim.as_ref().is_some_and(|c| c.state_at(at(now)).held().is_some());
        let free = all().filter(|p| p.readable && !state_at(p)).count();
        let mine = all().filter(|p| state_at(p) && p.claim.as_ref().unwrap().users == [name("alice")]).count();
        let (found, yours) = (index.free(), index.yours(&[name("alice")], &[], at(now)));
        prop_assert_eq!(found.names.len() + found.more, free);
        prop_assert_eq!(yours.names.len() + yours.more, mine);
        prop_assert!(index.slots.iter().all(|(key, listed)| Arc::ptr_eq(key, listed.entry.slot())), "a name is held once");
    }
}

#[test]
fn nothing_is_left_of_slots_that_went() {
    let mut index = SlotIndex::default();
    for (slot, entry) in [
        ("a", claimed("a", "alice", Some(9))),
        ("b", claimed("b", "bob", Some(1))),
        ("c", SlotEntry::new("c", None, None)),
    ] {
        index.put(slot, entry);
    }
    settled(&mut index, 5);
    for slot in ["a", "b", "c"] {
        index.remove(slot);
    }
    let left = (index.len(), index.free.len(), index.until.len(), index.claimants.len());
    assert_eq!(left, (0, 0, 0, 0));
}

/// As many slots as are supported are taken in, and one more event, or one more question, costs no walk over them.
#[test]
fn a_hundred_thousand_slots_fit() {
    let mut index = SlotIndex::default();
    for i in 0..100_000 {
        let slot = format!("slot-{i:06}");
        index.put(&slot, claimed(&slot, &format!("user{}", i % 1_000), Some(i)));
    }
    let took = cpu::time_of(|| {
        settled(&mut index, 90_000);
        for i in 0..10_000 {
            index.put("slot-000000", claimed("slot-000000", "alice", Some(i)));
            let (free, yours) = (index.free(), index.yours(&[name("alice"), name("user7")], &[], at(90_000)));
            assert_eq!((free.names.len(), yours.names.len()), (5, 5), "at {i}");
        }
    });
    assert_eq!(index.len(), 100_000);
    // Ten thousand walks over all would take minutes.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// What the index finds is looked at again: two names may have one hash.
#[test]
fn a_hash_alone_makes_nobody_a_holder() {
    let mut index = SlotIndex::default();
    index.put("mew", claimed("mew", "alice", None));
    let bobs = index.hasher.hash_one(Key::Name("bob"));
    index.claimants.insert((bobs, "mew".into()));
    assert_eq!(index.yours(&[name("bob")], &[], at(0)), Truncated::default());
    assert!(index.claimed(&[name("bob")], &[], |_| true).is_empty());
}

proptest! {
    /// A host is that of the slot that has it now, whatever came and went, and who asks in between keeps what was.
    #[test]
    fn the_index_of_hosts_agrees_with_the_slots(
        events in prop::collection::vec((0..4_u8, 0..4_u8, prop::option::of(0..3_u8)), 0..40),
    ) {
        let mut index = SlotIndex::default();
        let mut asking = Vec::new();
        for (slot, what, host) in events {
            let slot = format!("s{slot}");
            let host = host.map(|host| format!("h{host}.example"));
            let entry = match what {
                0 => None,
                1 => Some(SlotEntry::unreadable(&slot)),
                2 => Some(claimed(&slot, "alice", None)),
                _ => Some(SlotEntry::new(&slot, None, None)),
            };
            match entry {
                Some(entry) => index.put(&slot, entry.host(host.as_deref())),
                None => drop(index.remove(&slot)),
            }
            asking.push((index.hosts().clone(), format!("{:?}", index.hosts())));
        }
        for host in ["h0.example", "h1.example", "h2.example"] {
            let owners = index.slots.iter().filter(|(_, listed)| listed.entry.host.as_deref() == Some(host));
            let owners: BTreeSet<String> = owners.map(|(slot, _)| slot.to_string()).collect();
            let wanted = Host { name: host.into(), is_wildcard: false };
            let found = index.hosts().foreign(&wanted, "nobody").map(ToString::to_string);
            prop_assert!(found.as_ref().map_or(owners.is_empty(), |slot| owners.contains(slot)), "{host}: {found:?} {owners:?}");
            for owner in &owners {
                prop_assert_eq!(index.hosts().foreign(&wanted, owner), None);
            }
        }
        for (index, was) in asking {
            prop_assert_eq!(format!("{index:?}"), was);
        }
    }
}
