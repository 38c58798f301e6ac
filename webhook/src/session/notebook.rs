//! How do sessions get into the Slots' status, without anybody waiting for it?
//!
//! An answer leaves a session here and goes on. One task writes: a Slot's status at most once a minute, whichever webhook
//! saw the session, for the status itself says when the last one was.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use hotdesk_slots::text::plain;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::Session;

pub mod status;

/// A Slot's status says when the last session began, to the minute.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// More slots than a cluster has namespaces for; who makes sessions up faster than they can be written finds an end here.
const MOST: usize = 10_000;
/// So many slots are written at the same time.
const AT_ONCE: usize = 16;
/// The pauses between the attempts at writing one session; then it is given up, and said.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// A Slot's status, as far as it concerns sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// When the last session began.
    pub last: Option<Timestamp>,
    /// The Slot's version.
    pub version: String,
}

/// Where the Slots are.
pub trait Slate: Send + Sync {
    /// Reads a status; nothing where there is no Slot.
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, String>>;
    /// Writes a session on the version that was read.
    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), String>>;
}

/// Sessions that are still to be written.
#[derive(Debug, Default)]
pub struct Notebook {
    entries: Mutex<Entries>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    waiting: HashMap<String, Session>,
    /// When a slot's session was last taken to be written. Not longer than a minute ago.
    lately: HashMap<String, Instant>,
}

impl Notebook {
    /// Leaves a session to be written, unless the slot had one within the minute. Never waits. False if there is no room.
    pub fn leave(&self, session: Session, now: Instant) -> bool {
        let mut entries = self.entries();
        let minute = Duration::try_from(EVERY).unwrap_or_default();
        entries.lately.retain(|_, taken| now.saturating_duration_since(*taken) < minute);
        if entries.lately.contains_key(&session.slot) || entries.waiting.contains_key(&session.slot) {
            return true;
        }
        if entries.waiting.len() >= MOST {
            return false;
        }
        entries.waiting.insert(session.slot.clone(), session);
        drop(entries);
        self.news.notify_one();
        true
    }

    /// Writes what is left here, for ever.
    pub async fn write_all(&self, slate: &dyn Slate) {
        // One slot that cannot be written holds up no other.
        let mut writing = FuturesUnordered::new();
        loop {
            while let Some(session) = if writing.len() < AT_ONCE { self.take(Instant::now()) } else { None } {
                writing.push(write(session, slate));
            }
            tokio::select! {
                Some(()) = writing.next() => {}
                () = self.news.notified(), if writing.len() < AT_ONCE => {}
            }
        }
    }

    fn take(&self, now: Instant) -> Option<Session> {
        let mut entries = self.entries();
        let slot = entries.waiting.keys().next()?.clone();
        let session = entries.waiting.remove(&slot)?;
        entries.lately.insert(slot, now);
        Some(session)
    }

    // A panic while the lock was held leaves at worst one session unwritten.
    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one session, or says that it could not be.
async fn write(session: Session, slate: &dyn Slate) {
    let mut failed = String::new();
    for pause in [Duration::ZERO].iter().chain(&PAUSES) {
        tokio::time::sleep(*pause).await;
        match attempt(&session, slate).await {
            Ok(()) => return,
            Err(error) => failed = error,
        }
    }
    let (slot, by) = (plain(&session.slot), &session.by);
    tracing::error!(%slot, %by, kind = session.kind, error = %failed, "a session could not be noted in the Slot's status: the reaper does not know of it");
}

async fn attempt(session: &Session, slate: &dyn Slate) -> Result<(), String> {
    let Some(noted) = slate.read(session.slot.clone()).await? else { return Ok(()) };
    let is_known = noted.last.is_some_and(|last| session.time.duration_since(last) < EVERY);
    if is_known { Ok(()) } else { slate.write(session.clone(), noted.version).await }
}

#[cfg(test)]
mod tests;
