//! Which slots are there, whose are they, and which are free? With indexes, so that no answer walks over all slots.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hotdesk_slots::{ClaimView, Name};
use jiff::Timestamp;

use super::entry::SlotEntry;
use super::truncated::Truncated;
use crate::neighbours::HostIndex;

/// How many lapsed claims are noted in one go. It is done while requests wait.
const AT_ONCE: usize = 1_000;

/// All slots by namespace, with the indexes.
#[derive(Debug, Default)]
pub struct SlotIndex {
    slots: HashMap<Arc<str>, Listed>,
    /// The slots that nobody holds, or whose claim had lapsed at `settled`.
    free: BTreeSet<Arc<str>>,
    /// When the other claims lapse.
    until: BTreeSet<(Timestamp, Arc<str>)>,
    settled: Timestamp,
    /// Whose the hosts are. Who judges a write by it holds it for a while, and not the slots.
    hosts: Arc<HostIndex>,
    /// The slots of everybody, by the hash of a name or a group. A hash is small, and what it finds is looked at again.
    claimants: BTreeSet<(u64, Arc<str>)>,
    hasher: RandomState,
    /// The number of the list that is being read, or was read last.
    list: u32,
}

#[derive(Debug)]
struct Listed {
    entry: Arc<SlotEntry>,
    /// The last list that it was in.
    list: u32,
}

/// A name or a group, for a hash: a group called `alice` is not Alice.
#[derive(Hash)]
enum Key<'a> {
    Name(&'a str),
    Group(&'a str),
}

impl SlotIndex {
    /// Notes a slot, in place of what was known of it.
    pub fn put(&mut self, namespace: &str, entry: SlotEntry) {
        let list = self.list;
        self.put_host(namespace, entry.host.as_deref());
        if let Some((key, known)) = self.slots.get_key_value(namespace)
            && known.entry.is_held_as(&entry)
        {
            // Most changes of a Slot are of its status, and most Slots of a new list are as they were.
            let (same, entry) = (*known.entry == entry, entry.named(key.clone()));
            if let Some(listed) = self.slots.get_mut(namespace) {
                listed.list = list;
                if !same {
                    listed.entry = Arc::new(entry);
                }
            }
            return;
        }
        let key = self.take_out(namespace).unwrap_or_else(|| namespace.into());
        let entry = entry.named(key.clone());
        match &entry.claim {
            Some(claim) => self.index(&key, claim),
            None if entry.readable => {
                self.free.insert(key.clone());
            }
            None => {}
        }
        self.slots.insert(key, Listed { entry: Arc::new(entry), list });
    }

    /// Forgets a slot, and gives back its name.
    pub fn remove(&mut self, namespace: &str) -> Option<Arc<str>> {
        self.put_host(namespace, None);
        self.take_out(namespace)
    }

    /// Notes the host that a slot has now. The index is written only if it is another: its readers then have to be left a
    /// copy.
    fn put_host(&mut self, namespace: &str, host: Option<&str>) {
        let known = self.slots.get(namespace).and_then(|listed| listed.entry.host.as_deref());
        if known == host {
            return;
        }
        let hosts = Arc::make_mut(&mut self.hosts);
        if let Some(known) = known {
            hosts.remove(known, namespace);
        }
        if let Some(host) = host {
            hosts.insert(host, namespace.into());
        }
    }

    fn take_out(&mut self, namespace: &str) -> Option<Arc<str>> {
        let (key, Listed { entry, .. }) = self.slots.remove_entry(namespace)?;
        self.free.remove(&key);
        if let Some(claim) = &entry.claim {
            if let Some(until) = claim.until {
                self.until.remove(&(until, key.clone()));
            }
            for hash in self.hashes(claim) {
                self.claimants.remove(&(hash, key.clone()));
            }
        }
        Some(key)
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What is known of a slot.
    pub(super) fn get(&self, namespace: &str) -> Option<&Arc<SlotEntry>> {
        self.slots.get(namespace).map(|listed| &listed.entry)
    }

    /// Whose the hosts are.
    pub(super) fn hosts(&self) -> &Arc<HostIndex> {
        &self.hosts
    }

    /// From now on, what is put is in a new list.
    pub(super) fn begin_list(&mut self) {
        self.list = self.list.wrapping_add(1);
    }

    /// The slots that are not in the last list.
    pub(super) fn unlisted(&self) -> Vec<Arc<str>> {
        self.slots.iter().filter(|(_, listed)| listed.list != self.list).map(|(key, _)| key.clone()).collect()
    }

    /// Notes some of the claims that have lapsed, and says whether that were all.
    ///
    /// A claim lapses once. Should the clock go back, its slot is told to be free for so long; who may write there is
    /// decided elsewhere.
    pub(super) fn settle(&mut self, now: Timestamp) -> bool {
        for _ in 0..AT_ONCE {
            if self.is_settled(now) {
                break;
            }
            self.free.extend(self.until.pop_first().map(|(_, key)| key));
        }
        let all = self.is_settled(now);
        if all {
            self.settled = self.settled.max(now);
        }
        all
    }

    /// True if every claim that has lapsed is noted.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        self.until.first().is_none_or(|(until, _)| *until > now)
    }

    /// The slots that one of these holds.
    pub(super) fn yours(&self, names: &[Name], groups: &[Cow<'_, str>], now: Timestamp) -> Truncated {
        let held = |claim: &ClaimView| claim.state_at(now).held().is_some();
        let slots = self.claimed(names, groups, held);
        Truncated::of(slots.iter().copied(), slots.len())
    }

    /// The slots that nobody holds, as of the last time that [`SlotIndex::settle`] was done.
    pub(super) fn free(&self) -> Truncated {
        Truncated::of(self.free.iter().map(|key| &**key), self.free.len())
    }

    /// The slots whose claims name one of these, and are as asked for.
    pub(super) fn claimed(
        &self,
        names: &[Name],
        groups: &[Cow<'_, str>],
        wanted: impl Fn(&ClaimView) -> bool,
    ) -> BTreeSet<&str> {
        let claim = |slot: &str| self.get(slot).and_then(|entry| entry.claim.as_ref()).filter(|claim| wanted(claim));
        let claim = &claim;
        let named = names.iter().flat_map(|name| {
            let found = self.found(self.hasher.hash_one(Key::Name(name.as_str())));
            found.filter(move |slot| claim(slot).is_some_and(|claim| claim.names(name)))
        });
        let grouped = groups.iter().flat_map(|group| {
            let found = self.found(self.hasher.hash_one(Key::Group(group)));
            found.filter(move |slot| claim(slot).is_some_and(|claim| claim.groups.iter().any(|g| g == group)))
        });
        named.chain(grouped).collect()
    }

    fn found(&self, hash: u64) -> impl Iterator<Item = &str> {
        let first = (hash, Arc::default());
        self.claimants.range(first..).take_while(move |(found, _)| *found == hash).map(|(_, key)| &**key)
    }

    fn index(&mut self, key: &Arc<str>, claim: &ClaimView) {
        if let Some(until) = claim.until {
            if until <= self.settled {
                self.free.insert(key.clone());
            } else {
                self.until.insert((until, key.clone()));
            }
        }
        let hashes = self.hashes(claim);
        self.claimants.extend(hashes.into_iter().map(|hash| (hash, key.clone())));
    }

    fn hashes(&self, claim: &ClaimView) -> Vec<u64> {
        let names = claim.users.iter().chain(&claim.aliases).map(|name| Key::Name(name.as_str()));
        let keys = names.chain(claim.groups.iter().map(|group| Key::Group(group)));
        keys.map(|key| self.hasher.hash_one(key)).collect()
    }
}

#[cfg(test)]
mod tests;
