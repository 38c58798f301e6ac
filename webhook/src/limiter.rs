//! Where do all webhooks together count who claims what at this moment?
//!
//! In one `ConfigMap`, which a write replaces only on the version that was read: so of all claims that count, in all
//! webhooks, one is judged after the other. It is asked for a claim under a limit and for nothing else, so an
//! installation without a limit never comes here. Whatever goes wrong here denies the claim.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::reservations::{Known, Reservations};
use crate::slot_cache::{Lookup, SlotCache, SlotEntry};
use crate::slot_validation::limit::Acquisition;

pub mod store;

/// More names than anybody goes by.
const MOST_NAMES: usize = 32;

/// What is kept, in bytes: a `ConfigMap` holds a little more, and nobody claims so many slots within two minutes.
const LARGEST: usize = 768 << 10;

/// The reservations as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredReservations {
    /// The reservations.
    pub text: String,
    /// Their version.
    pub version: String,
}

/// Where the reservations are kept, and the Slots can be read as they are stored.
pub trait ReservationStore: std::fmt::Debug + Send + Sync {
    /// Reads the reservations.
    fn read(&self) -> BoxFuture<'_, Result<StoredReservations, String>>;
    /// Writes the reservations on the version that was read; false if that has passed.
    fn write(&self, kept: StoredReservations) -> BoxFuture<'_, Result<bool, String>>;
    /// Reads a Slot as it is stored.
    fn slot(&self, namespace: String) -> BoxFuture<'_, Result<Option<SlotEntry>, String>>;
}

/// Counts claims, one at a time.
#[derive(Debug)]
pub struct Limiter {
    store: Box<dyn ReservationStore>,
    most: usize,
    /// In one process there is no need to find out by a conflict who is first.
    turn: Mutex<()>,
}

/// Why a claim is not let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The person holds these, and they are enough.
    Over(Vec<String>),
    /// It could not be counted.
    Uncounted(String),
}

impl Refused {
    /// One word for metrics and logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Over(_) => "limit",
            Self::Uncounted(_) => "uncounted",
        }
    }
}

impl Limiter {
    /// Keeps its reservations here, and lets each person hold so many slots.
    #[must_use]
    pub fn new(store: impl ReservationStore + 'static, most: usize) -> Self {
        Self { store: Box::new(store), most, turn: Mutex::new(()) }
    }

    /// Reserves the slot, if the person can have one more. It may take long: the caller gives up at the request's deadline.
    ///
    /// # Errors
    /// If they hold enough, or that cannot be found out.
    pub async fn admit(
        &self,
        acquisition: &Acquisition,
        slot_cache: &SlotCache,
        now: Timestamp,
        monotonic: Instant,
    ) -> Result<(), Refused> {
        let _turn = self.turn.lock().await;
        while !self.attempt(acquisition, slot_cache, now, monotonic).await? {}
        Ok(())
    }

    /// False if another webhook noted something at the same moment.
    async fn attempt(
        &self,
        acquisition: &Acquisition,
        slot_cache: &SlotCache,
        now: Timestamp,
        monotonic: Instant,
    ) -> Result<bool, Refused> {
        if !slot_cache.is_synced(monotonic) {
            return Err(Refused::Uncounted("the Slots cannot be seen at the moment".to_owned()));
        }
        let lookup = |slot: &str| entry(slot_cache, slot, monotonic);
        if acquisition.names.len() > MOST_NAMES {
            return Err(Refused::Uncounted(format!("more than {MOST_NAMES} names for one person")));
        }
        if lookup(&acquisition.slot).is_none() {
            // What a review says is written down only of slots that there are.
            return Err(Refused::Uncounted("there is no such Slot, or it is a second old".to_owned()));
        }
        if Reservations::comes_too_late(acquisition, lookup(&acquisition.slot).as_ref()) {
            return Ok(true);
        }
        let kept = self.store.read().await.map_err(Refused::Uncounted)?;
        let reservations = Reservations::parse(&kept.text).map_err(|what| {
            Refused::Uncounted(format!(
                "the reservations about claims cannot be read ({what}): an administrator empties them"
            ))
        })?;
        // Read after the reservations: what was noted before is in them or in here.
        let owned = slot_cache.owned(&acquisition.names);
        if reservations.held(acquisition, &owned, lookup, now).len() >= self.most {
            self.ask_again(acquisition, &reservations, &owned, slot_cache, now, monotonic).await?;
        }
        let text = reservations.with(acquisition, now).to_text().map_err(Refused::Uncounted)?;
        if text.len() > LARGEST {
            return Err(Refused::Uncounted("too many claims were made within two minutes".to_owned()));
        }
        self.store.write(StoredReservations { text, version: kept.version }).await.map_err(Refused::Uncounted)
    }

    /// Nobody is refused for a slot that they have just released: what counts against them is read as it is stored.
    async fn ask_again(
        &self,
        acquisition: &Acquisition,
        reservations: &Reservations,
        owned: &[String],
        slot_cache: &SlotCache,
        now: Timestamp,
        monotonic: Instant,
    ) -> Result<(), Refused> {
        let mut fresh: HashMap<String, Arc<SlotEntry>> = HashMap::new();
        for slot in reservations.held(acquisition, owned, |slot| entry(slot_cache, slot, monotonic), now) {
            let stored = self.store.slot(slot.clone()).await.map_err(Refused::Uncounted)?;
            fresh.insert(slot, Arc::new(stored.unwrap_or_default()));
        }
        let lookup = |slot: &str| fresh.get(slot).cloned().or_else(|| entry(slot_cache, slot, monotonic));
        let held = reservations.held_as(Known::AsStored, acquisition, owned, lookup, now);
        if held.len() >= self.most { Err(Refused::Over(held)) } else { Ok(()) }
    }
}

fn entry(slot_cache: &SlotCache, slot: &str, monotonic: Instant) -> Option<Arc<SlotEntry>> {
    match slot_cache.lookup(slot, monotonic) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing | Lookup::NotSynced => None,
    }
}

#[cfg(test)]
mod tests;
