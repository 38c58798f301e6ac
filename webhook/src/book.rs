//! Which slots are there, who holds them, and is that still known?
//!
//! The watch writes one page at a time; a request copies one pointer. What a denial wants to list
//! (the slots that a person holds, the free ones) is indexed, so that it costs no walk over all.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::{ClaimView, Mode, Name};
use jiff::Timestamp;

use crate::decide::SlotView;

/// For how long the Slots count as known after the API server was last heard of. Claims may have
/// changed unseen since; the watch renews itself every half minute, so a healthy one never gets near.
pub const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// How many slots of a kind a message names before it says "and N more".
const NAMED: usize = 5;

/// One slot, with everything worked out that a request will want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The claim, lapsed or not.
    pub claim: Option<ClaimView>,
    /// The slot's own mode.
    pub mode: Option<Mode>,
    /// The stamp of its objects.
    pub stamp: Stamp,
    /// When somebody last lost the slot.
    pub lost_at: Option<Timestamp>,
    /// The version of the Slot, where it is a number, as it is in every API server so far.
    pub version: Option<u64>,
    /// False if the Slot could not be read. Then nobody holds it, and nobody may claim to.
    pub readable: bool,
}

/// All slots by namespace, with the indexes.
#[derive(Debug, Default)]
pub struct Pages {
    slots: HashMap<Arc<str>, Arc<Page>>,
    free: BTreeSet<Arc<str>>,
    until: BTreeSet<(Timestamp, Arc<str>)>,
    holders: HashMap<Name, BTreeSet<Arc<str>>>,
    groups: HashMap<String, BTreeSet<Arc<str>>>,
}

/// The Slots as the watch has read them, shared by all requests.
#[derive(Debug)]
pub struct Book {
    pages: RwLock<Pages>,
    read: AtomicBool,
    opened: Instant,
    /// Milliseconds from `opened` to the last sign of life of the API server.
    heard: AtomicU64,
}

/// Some slots, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Some5 {
    /// The first few, by name.
    pub names: Vec<String>,
    /// How many are not named.
    pub more: usize,
}

/// What a denied person wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The slots that they hold.
    pub yours: Some5,
    /// The slots that they could claim.
    pub free: Some5,
}

/// What is known of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The Slots have not been read, or not for too long.
    NotSynced,
    /// There is no Slot.
    Missing,
    /// There is one.
    Found(Arc<Page>),
}

impl Page {
    /// A slot with this claim and mode.
    #[must_use]
    pub fn new(namespace: &str, claim: Option<ClaimView>, mode: Option<Mode>) -> Self {
        Self { stamp: Stamp::of(namespace, claim.as_ref()), claim, mode, lost_at: None, version: None, readable: true }
    }

    /// The same slot, lost by somebody at this moment.
    #[must_use]
    pub fn lost_at(self, when: Option<Timestamp>) -> Self {
        Self { lost_at: when, ..self }
    }

    /// The same slot, of this version.
    #[must_use]
    pub fn version(self, version: Option<u64>) -> Self {
        Self { version, ..self }
    }

    /// A Slot that is there and cannot be read.
    #[must_use]
    pub fn unreadable(namespace: &str) -> Self {
        Self { readable: false, ..Self::new(namespace, None, None) }
    }
}

impl AsRef<Self> for Page {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Look {
    /// The view of it that the decision takes.
    #[must_use]
    pub fn view(&self) -> SlotView<'_> {
        match self {
            Self::NotSynced => SlotView::NotSynced,
            Self::Missing => SlotView::Missing,
            Self::Found(page) if !page.readable => SlotView::Unreadable,
            Self::Found(page) => SlotView::Known { claim: page.claim.as_ref(), mode: page.mode, lost_at: page.lost_at },
        }
    }

    /// The page, if there is one that could be read.
    #[must_use]
    pub fn page(&self) -> Option<&Page> {
        match self {
            Self::Found(page) if page.readable => Some(page),
            _ => None,
        }
    }
}

impl Pages {
    /// Notes a slot, in place of what was known of it.
    pub fn put(&mut self, namespace: &str, page: Page) {
        self.remove(namespace);
        let key: Arc<str> = namespace.into();
        match &page.claim {
            Some(claim) => self.index(&key, claim),
            None if page.readable => {
                self.free.insert(key.clone());
            }
            None => {}
        }
        self.slots.insert(key, Arc::new(page));
    }

    /// Forgets a slot.
    pub fn remove(&mut self, namespace: &str) {
        let Some((key, page)) = self.slots.remove_entry(namespace) else { return };
        self.free.remove(&key);
        let Some(claim) = &page.claim else { return };
        if let Some(until) = claim.until {
            self.until.remove(&(until, key.clone()));
        }
        for name in claim.users.iter().chain(&claim.aliases) {
            drop_from(&mut self.holders, name, &key);
        }
        for group in &claim.groups {
            drop_from(&mut self.groups, group, &key);
        }
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

    fn index(&mut self, key: &Arc<str>, claim: &ClaimView) {
        if let Some(until) = claim.until {
            self.until.insert((until, key.clone()));
        }
        for name in claim.users.iter().chain(&claim.aliases) {
            self.holders.entry(name.clone()).or_default().insert(key.clone());
        }
        for group in &claim.groups {
            self.groups.entry(group.clone()).or_default().insert(key.clone());
        }
    }

    fn yours(&self, names: &[Name], groups: &[String], now: Timestamp) -> Some5 {
        let by_name = names.iter().filter_map(|name| self.holders.get(name));
        let by_group = groups.iter().filter_map(|group| self.groups.get(group));
        let held: BTreeSet<&Arc<str>> =
            by_name.chain(by_group).flatten().filter(|key| self.is_held(key, now)).collect();
        Some5::of(held.iter().map(|key| &***key), held.len())
    }

    fn free(&self, now: Timestamp) -> Some5 {
        let lapsed: BTreeSet<&str> =
            self.until.iter().take_while(|(until, _)| *until <= now).map(|(_, k)| &**k).collect();
        let all = self.free.iter().map(|key| &**key).chain(lapsed.iter().copied());
        Some5::of(all, self.free.len() + lapsed.len())
    }

    fn is_held(&self, key: &str, now: Timestamp) -> bool {
        let claim = self.slots.get(key).and_then(|page| page.claim.as_ref());
        claim.is_some_and(|claim| claim.standing(now).held().is_some())
    }
}

impl Book {
    /// An empty book: nothing is known until [`Book::replace`].
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { pages: RwLock::default(), read: AtomicBool::new(false), opened: now, heard: AtomicU64::new(0) }
    }

    /// Takes a complete list of Slots in place of everything that was known.
    pub fn replace(&self, pages: Pages, now: Instant) {
        let old = std::mem::replace(&mut *self.write(), pages);
        self.hear(now);
        self.read.store(true, Ordering::Release);
        drop(old); // outside the lock: freeing a hundred thousand pages takes a while
    }

    /// Notes one slot.
    pub fn put(&self, namespace: &str, page: Page) {
        self.write().put(namespace, page);
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

    /// True if every Slot has been read once.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.read.load(Ordering::Acquire)
    }

    /// What is known of a namespace.
    #[must_use]
    pub fn look(&self, namespace: &str, now: Instant) -> Look {
        if !self.is_synced(now) {
            return Look::NotSynced;
        }
        self.read().slots.get(namespace).map_or(Look::Missing, |page| Look::Found(page.clone()))
    }

    /// The slots that a person holds and could claim.
    #[must_use]
    pub fn listing(&self, names: &[Name], groups: &[String], now: Timestamp) -> Listing {
        let pages = self.read();
        Listing { yours: pages.yours(names, groups, now), free: pages.free(now) }
    }

    /// The slots whose claims name one of these, lapsed or not.
    #[must_use]
    pub fn owned(&self, names: &[Name]) -> Vec<String> {
        let pages = self.read();
        let slots: BTreeSet<&Arc<str>> = names.iter().filter_map(|name| pages.holders.get(name)).flatten().collect();
        slots.into_iter().map(ToString::to_string).collect()
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

    // A panic while the lock was held leaves at worst one slot half indexed; the map itself is whole.
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Pages> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Pages> {
        self.pages.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Some5 {
    fn of<'a>(all: impl Iterator<Item = &'a str>, count: usize) -> Self {
        let names: Vec<String> = all.take(NAMED).map(str::to_owned).collect();
        Self { more: count.saturating_sub(names.len()), names }
    }
}

fn drop_from<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<Arc<str>>>, key: &K, slot: &Arc<str>) {
    if let Some(slots) = index.get_mut(key) {
        slots.remove(slot);
        if slots.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
