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

use crate::book::{Book, Look, Page};
use crate::guard::limit::Gain;
use crate::notes::{Known, Notes};

pub mod shelf;

/// More names than anybody goes by.
const MOST_NAMES: usize = 32;

/// What is kept, in bytes: a `ConfigMap` holds a little more, and nobody claims so many slots within two minutes.
const LARGEST: usize = 768 << 10;

/// The notes as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The notes.
    pub text: String,
    /// Their version.
    pub version: String,
}

/// Where the notes are kept, and the Slots can be read as they are stored.
pub trait Shelf: std::fmt::Debug + Send + Sync {
    /// Reads the notes.
    fn read(&self) -> BoxFuture<'_, Result<Kept, String>>;
    /// Writes the notes on the version that was read; false if that has passed.
    fn write(&self, kept: Kept) -> BoxFuture<'_, Result<bool, String>>;
    /// Reads a Slot as it is stored.
    fn slot(&self, namespace: String) -> BoxFuture<'_, Result<Option<Page>, String>>;
}

/// Counts claims, one at a time.
#[derive(Debug)]
pub struct Limiter {
    shelf: Box<dyn Shelf>,
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
    pub fn word(&self) -> &'static str {
        match self {
            Self::Over(_) => "limit",
            Self::Uncounted(_) => "uncounted",
        }
    }
}

impl Limiter {
    /// Keeps its notes here, and lets each person hold so many slots.
    #[must_use]
    pub fn new(shelf: impl Shelf + 'static, most: usize) -> Self {
        Self { shelf: Box::new(shelf), most, turn: Mutex::new(()) }
    }

    /// Notes the gain, if the person can have one more. It may take long: the caller gives up at the request's deadline.
    ///
    /// # Errors
    /// If they hold enough, or that cannot be found out.
    pub async fn admit(&self, gain: &Gain, book: &Book, now: Timestamp, steady: Instant) -> Result<(), Refused> {
        let _turn = self.turn.lock().await;
        while !self.attempt(gain, book, now, steady).await? {}
        Ok(())
    }

    /// False if another webhook noted something at the same moment.
    async fn attempt(&self, gain: &Gain, book: &Book, now: Timestamp, steady: Instant) -> Result<bool, Refused> {
        if !book.is_synced(steady) {
            return Err(Refused::Uncounted("the Slots cannot be seen at the moment".to_owned()));
        }
        let look = |slot: &str| page(book, slot, steady);
        if gain.names.len() > MOST_NAMES {
            return Err(Refused::Uncounted(format!("more than {MOST_NAMES} names for one person")));
        }
        if look(&gain.slot).is_none() {
            // What a review says is written down only of slots that there are.
            return Err(Refused::Uncounted("there is no such Slot, or it is a second old".to_owned()));
        }
        if Notes::comes_too_late(gain, look(&gain.slot).as_ref()) {
            return Ok(true);
        }
        let kept = self.shelf.read().await.map_err(Refused::Uncounted)?;
        let notes = Notes::parse(&kept.text).map_err(|what| {
            Refused::Uncounted(format!("the notes about claims cannot be read ({what}): an administrator empties them"))
        })?;
        // Read after the notes: what was noted before is in them or in here.
        let owned = book.owned(&gain.names);
        if notes.held(gain, &owned, look, now).len() >= self.most {
            self.ask_again(gain, &notes, &owned, book, now, steady).await?;
        }
        let text = notes.with(gain, now).to_text().map_err(Refused::Uncounted)?;
        if text.len() > LARGEST {
            return Err(Refused::Uncounted("too many claims were made within two minutes".to_owned()));
        }
        self.shelf.write(Kept { text, version: kept.version }).await.map_err(Refused::Uncounted)
    }

    /// Nobody is refused for a slot that they have just released: what counts against them is read as it is stored.
    async fn ask_again(
        &self,
        gain: &Gain,
        notes: &Notes,
        owned: &[String],
        book: &Book,
        now: Timestamp,
        steady: Instant,
    ) -> Result<(), Refused> {
        let mut fresh: HashMap<String, Arc<Page>> = HashMap::new();
        for slot in notes.held(gain, owned, |slot| page(book, slot, steady), now) {
            let stored = self.shelf.slot(slot.clone()).await.map_err(Refused::Uncounted)?;
            fresh.insert(slot, Arc::new(stored.unwrap_or_default()));
        }
        let look = |slot: &str| fresh.get(slot).cloned().or_else(|| page(book, slot, steady));
        let held = notes.held_as(Known::AsStored, gain, owned, look, now);
        if held.len() >= self.most { Err(Refused::Over(held)) } else { Ok(()) }
    }
}

fn page(book: &Book, slot: &str, steady: Instant) -> Option<Arc<Page>> {
    match book.look(slot, steady) {
        Look::Found(page) => Some(page),
        Look::Missing | Look::NotSynced => None,
    }
}

#[cfg(test)]
mod tests;
