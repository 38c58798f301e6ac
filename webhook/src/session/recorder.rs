//! How do sessions get into the Slots' status, without anybody waiting for it and without one getting lost?
//!
//! An answer leaves a session here and goes on. One task writes: of each slot only the newest, and at most once a minute,
//! whichever webhook saw the session, for the status itself says when the last one was. What the API server cannot take at the
//! moment is tried again until it does; a slot that waits holds up no other, and at the end of the process all that is left
//! is written at once.
//!
//! Writes of people are noted in the same way, by a recorder of their own.
//!
//! What is kept is bounded by the slots that there are: `serve` leaves sessions of no others here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::Session;

pub mod status;

/// A Slot's status says when the last session began, to the minute.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// So many slots are written at the same time.
const AT_ONCE: usize = 16;
/// Longer than a living API server takes, so that a dead connection takes one of these places not for long.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: how late a session is noted, at most, once the API server is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// At the end of the process there is no time for longer ones.
const LAST_PAUSE: Duration = Duration::from_millis(250);
/// How often the API server may say no. In its first seconds it says so for want of its roles and tokens; with these pauses
/// that is half a minute.
const REFUSALS: u32 = 8;

/// A Slot's status, as far as it concerns sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// When the last session began.
    pub last: Option<Timestamp>,
    /// The Slot's version.
    pub version: String,
}

/// Why a status was not read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may work later: no answer, a conflict, an error of the server.
    Transient(String),
    /// The API server does not let us. It may be just starting.
    Refused(String),
    /// It will never work.
    Permanent(String),
}

/// Where the Slots are.
pub trait StatusWriter: Send + Sync {
    /// Reads a status; nothing where there is no Slot.
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, Failure>>;
    /// Writes a session on the version that was read.
    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Sessions that are still to be written.
#[derive(Debug, Default)]
pub struct SessionRecorder {
    entries: Mutex<Entries>,
    news: Notify,
}

/// A session or write of a slot that is not in its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The slot.
    pub slot: String,
    /// When it began.
    pub time: Timestamp,
}

#[derive(Debug, Default)]
struct Entries {
    of: HashMap<String, Entry>,
    /// What was given up, of each slot the first, until somebody asks.
    lost: HashMap<String, Timestamp>,
    /// The process ends.
    closing: bool,
}

impl Entries {
    fn waiting(&self) -> usize {
        self.of.values().filter(|entry| !matches!(entry.state, State::Written(_))).count()
    }
}

#[derive(Debug)]
struct Entry {
    newest: Session,
    /// The time of the oldest one that is not written.
    oldest: Timestamp,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be written from then on, after so many failures.
    Waiting(Instant, u32),
    /// Being written.
    Writing(u32),
    /// Written: nothing is to be done for a minute after this session.
    Written(Timestamp),
}

impl SessionRecorder {
    /// Leaves a session to be written, unless the slot had one within the minute. Never waits.
    pub fn leave(&self, session: Session) {
        let mut entries = self.entries();
        let is_over =
            |entry: &Entry| matches!(entry.state, State::Written(at) if session.time.duration_since(at) >= EVERY);
        entries.of.retain(|_, entry| !is_over(entry));
        match entries.of.get_mut(&session.slot) {
            None => {
                let (slot, state) = (session.slot.clone(), State::Waiting(Instant::now(), 0));
                entries.of.insert(slot, Entry { oldest: session.time, newest: session, state });
            }
            Some(entry) if matches!(entry.state, State::Written(_)) => {}
            Some(entry) => entry.newest = session,
        }
        drop(entries);
        self.news.notify_one();
    }

    /// True if a session that begins at a moment would not be passed over.
    #[must_use]
    pub fn wants(&self, slot: &str, at: Timestamp) -> bool {
        let recent = |entry: &Entry| matches!(entry.state, State::Written(last) if at.duration_since(last) < EVERY);
        !self.entries().of.get(slot).is_some_and(recent)
    }

    /// How many slots have a session that is not written yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.entries().waiting()
    }

    /// What is not written yet although it began before a moment.
    #[must_use]
    pub fn late(&self, before: Timestamp) -> Vec<Missed> {
        let entries = self.entries();
        let late =
            entries.of.iter().filter(|(_, entry)| !matches!(entry.state, State::Written(_)) && entry.oldest <= before);
        late.map(|(slot, entry)| Missed { slot: slot.clone(), time: entry.oldest }).collect()
    }

    /// What was given up since somebody last asked.
    #[must_use]
    pub fn take_lost(&self) -> Vec<Missed> {
        std::mem::take(&mut self.entries().lost).into_iter().map(|(slot, time)| Missed { slot, time }).collect()
    }

    /// From now on nothing is put off, and [`SessionRecorder::write_all`] ends when all is written.
    pub fn close(&self) {
        let mut entries = self.entries();
        entries.closing = true;
        for entry in entries.of.values_mut() {
            if let State::Waiting(due, _) = &mut entry.state {
                *due = Instant::now();
            }
        }
        drop(entries);
        self.news.notify_one();
    }

    /// Writes what is left here, until [`SessionRecorder::close`] and the end of it.
    pub async fn write_all(&self, writer: &dyn StatusWriter) {
        let mut writing = FuturesUnordered::new();
        loop {
            while let Some(session) = if writing.len() < AT_ONCE { self.take(Instant::now()) } else { None } {
                writing.push(attempt(session, writer));
            }
            if writing.is_empty() && self.is_done() {
                return;
            }
            let has_room = writing.len() < AT_ONCE;
            let due = self.next_due();
            tokio::select! {
                Some((session, result)) = writing.next() => self.finish(&session, result, Instant::now()),
                () = self.news.notified(), if has_room => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if has_room && due.is_some() => {}
            }
        }
    }

    /// A session whose time has come.
    fn take(&self, now: Instant) -> Option<Session> {
        let mut entries = self.entries();
        let is_due = |entry: &&mut Entry| matches!(entry.state, State::Waiting(due, _) if due <= now);
        let entry = entries.of.values_mut().find(is_due)?;
        if let State::Waiting(_, failures) = entry.state {
            entry.state = State::Writing(failures);
        }
        Some(entry.newest.clone())
    }

    fn next_due(&self) -> Option<Instant> {
        let due = |entry: &Entry| match entry.state {
            State::Waiting(due, _) => Some(due),
            State::Writing(_) | State::Written(_) => None,
        };
        self.entries().of.values().filter_map(due).min()
    }

    fn is_done(&self) -> bool {
        let entries = self.entries();
        entries.closing && entries.waiting() == 0
    }

    /// Takes down what came of a session.
    fn finish(&self, session: &Session, result: Result<(), Failure>, now: Instant) {
        let mut entries = self.entries();
        let closing = entries.closing;
        let Some(entry) = entries.of.get_mut(&session.slot) else { return };
        let State::Writing(failures) = entry.state else { return };
        match judge(result, failures) {
            Next::Done if entry.newest.time.duration_since(session.time) >= EVERY => {
                entry.oldest = entry.newest.time;
                entry.state = State::Waiting(now, 0);
            }
            Next::Done => entry.state = State::Written(session.time),
            Next::Again(error) => {
                if failures == 0 {
                    tracing::warn!(slot = %sanitize_short(&session.slot), %error, "a session or write could not be noted in the Slot's status; trying again");
                }
                entry.state = State::Waiting(now + pause(failures, closing), failures.saturating_add(1));
            }
            Next::Never(error) => {
                tracing::error!(slot = %sanitize_short(&session.slot), by = %session.by, kind = session.kind, %error,
                    "a session or write cannot be noted in the Slot's status: for a while the reaper cannot tell whether the slot is in use");
                let oldest = entry.oldest;
                entries.of.remove(&session.slot);
                entries.lost.entry(session.slot.clone()).or_insert(oldest);
            }
        }
    }

    // A panic while the lock was held leaves at worst one session unwritten.
    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is done after an attempt.
enum Next {
    Done,
    Again(String),
    Never(String),
}

fn judge(result: Result<(), Failure>, failures: u32) -> Next {
    match result {
        Ok(()) => Next::Done,
        Err(Failure::Refused(error)) if failures + 1 >= REFUSALS => Next::Never(error),
        Err(Failure::Transient(error) | Failure::Refused(error)) => Next::Again(error),
        Err(Failure::Permanent(error)) => Next::Never(error),
    }
}

fn pause(failures: u32, closing: bool) -> Duration {
    if closing { LAST_PAUSE } else { FIRST_PAUSE.saturating_mul(1 << failures.min(6)).min(LONGEST_PAUSE) }
}

async fn attempt(session: Session, writer: &dyn StatusWriter) -> (Session, Result<(), Failure>) {
    let noted = async {
        let Some(noted) = writer.read(session.slot.clone()).await? else { return Ok(()) };
        let is_known = noted.last.is_some_and(|last| session.time.duration_since(last) < EVERY);
        if is_known { Ok(()) } else { writer.write(session.clone(), noted.version).await }
    };
    let result = timeout(ATTEMPT, noted).await;
    let result = result.unwrap_or_else(|_| Err(Failure::Transient("it took too long".to_owned())));
    (session, result)
}

#[cfg(test)]
mod tests;
