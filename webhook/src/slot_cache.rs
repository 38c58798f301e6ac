//! Which slots are there, who holds them, and is that still known?
//!
//! The watch writes one entry at a time; a request copies one pointer. A new list of all Slots is taken in entry by entry
//! as well: a second cache beside the first would take as much room again, and be older all the while.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hotdesk_slots::Name;
use jiff::Timestamp;

use crate::decide::SlotView;
use crate::neighbours::HostIndex;

pub mod entry;
pub mod index;
pub mod truncated;

pub use entry::SlotEntry;
pub use index::SlotIndex;
pub use truncated::{Listing, Truncated};

/// For how long the Slots count as known after the API server was last heard of. Claims may have
/// changed unseen since; the watch renews itself every half minute, so a healthy one never gets near.
pub const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// For how long after that reviews should be sent here. So much shorter that the readiness probe, which asks every two seconds
/// and gives up at the third refusal, takes a webhook that hears nothing from its Service before it has to deny.
pub const READY_FOR: Duration = Duration::from_secs(50);

/// The Slots as the watch has read them, shared by all requests.
#[derive(Debug)]
pub struct SlotCache {
    index: RwLock<SlotIndex>,
    read: AtomicBool,
    opened: Instant,
    /// Milliseconds from `opened` to the last sign of life of the API server.
    heard: AtomicU64,
}

/// What is known of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The Slots have not been read, or not for too long.
    NotSynced,
    /// There is no Slot.
    Missing,
    /// There is one.
    Found(Arc<SlotEntry>),
}

impl Lookup {
    /// The view of it that the decision takes.
    #[must_use]
    pub fn view(&self) -> SlotView<'_> {
        match self {
            Self::NotSynced => SlotView::NotSynced,
            Self::Missing => SlotView::Missing,
            Self::Found(entry) if !entry.readable => SlotView::Unreadable,
            Self::Found(entry) => {
                SlotView::Known { claim: entry.claim.as_ref(), mode: entry.mode, has_claim_id: entry.has_claim_id }
            }
        }
    }

    /// The entry, if there is one that could be read.
    #[must_use]
    pub fn entry(&self) -> Option<&SlotEntry> {
        match self {
            Self::Found(entry) if entry.readable => Some(entry),
            _ => None,
        }
    }
}

impl SlotCache {
    /// An empty cache: nothing is known until a list is complete.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { index: RwLock::default(), read: AtomicBool::new(false), opened: now, heard: AtomicU64::new(0) }
    }

    /// Takes a complete list of Slots in place of everything that was known.
    pub fn replace(&self, index: SlotIndex, now: Instant) {
        let old = std::mem::replace(&mut *self.write(), index);
        self.know(now);
        drop(old); // outside the lock: freeing many entries takes a while
    }

    /// From now on, the Slots that are put are those of a new list.
    pub fn begin_list(&self) {
        self.write().begin_list();
    }

    /// The list is complete: what was not in it is forgotten, and from now on the Slots are known.
    pub fn end_list(&self, now: Instant) {
        let unlisted = self.read().unlisted();
        for slot in &unlisted {
            self.remove(slot);
        }
        self.know(now);
    }

    /// Notes one slot.
    pub fn put(&self, entry: SlotEntry) {
        let slot = entry.slot().clone();
        self.write().put(&slot, entry);
    }

    /// Forgets one slot.
    pub fn remove(&self, namespace: &str) {
        self.write().remove(namespace);
    }

    /// Notes that the API server was heard of.
    pub fn hear(&self, now: Instant) {
        let at = u64::try_from(now.saturating_duration_since(self.opened).as_millis()).unwrap_or(u64::MAX);
        self.heard.fetch_max(at, Ordering::AcqRel);
    }

    /// How long ago the API server was heard of; since the start, if never.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Acquire));
        now.saturating_duration_since(self.opened).saturating_sub(heard)
    }

    /// True if every Slot has been read, and the API server was heard of lately.
    #[must_use]
    pub fn is_synced(&self, now: Instant) -> bool {
        self.was_read() && self.age(now) < TRUSTED_FOR
    }

    /// True if the API server was heard of so lately that reviews should be sent here.
    #[must_use]
    pub fn hears(&self, now: Instant) -> bool {
        self.age(now) < READY_FOR
    }

    /// True if every Slot has been read once.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.read.load(Ordering::Acquire)
    }

    /// What is known of a namespace.
    #[must_use]
    pub fn lookup(&self, namespace: &str, now: Instant) -> Lookup {
        if !self.is_synced(now) {
            return Lookup::NotSynced;
        }
        self.read().get(namespace).map_or(Lookup::Missing, |entry| Lookup::Found(entry.clone()))
    }

    /// True if there is such a slot, as far as was ever read.
    #[must_use]
    pub fn knows(&self, namespace: &str) -> bool {
        self.read().get(namespace).is_some()
    }

    /// Whose the hosts are, as it is known now.
    #[must_use]
    pub fn hosts(&self) -> Arc<HostIndex> {
        self.read().hosts().clone()
    }

    /// The slots that a person holds and could claim.
    #[must_use]
    pub fn listing(&self, names: &[Name], groups: &[Cow<'_, str>], now: Timestamp) -> Listing {
        self.settle(now);
        let index = self.read();
        Listing { yours: index.yours(names, groups, now), free: index.free() }
    }

    /// The slots whose claims name one of these, lapsed or not.
    #[must_use]
    pub fn owned(&self, names: &[Name]) -> Vec<String> {
        self.read().claimed(names, &[], |_| true).into_iter().map(str::to_owned).collect()
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Others get their turn in between: at the end of a day many claims lapse in the same moment.
    fn settle(&self, now: Timestamp) {
        let mut all = self.read().is_settled(now);
        while !all {
            all = self.write().settle(now);
        }
    }

    fn know(&self, now: Instant) {
        self.hear(now);
        self.read.store(true, Ordering::Release);
    }

    // A panic while the lock was held leaves at worst one slot half indexed; the map itself is whole.
    fn read(&self) -> std::sync::RwLockReadGuard<'_, SlotIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, SlotIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
