//! What does this webhook say of itself: over which time has it noted sessions and writes?
//!
//! The reapers read it, for that no session is noted shows nothing unless somebody was there to note it. It is written every few
//! seconds and at the end, and never for a request. What a note is worth is said in `hotdesk_slots::session_records`.

use std::time::{Duration, Instant};

use hotdesk_slots::session_records::{BEAT, Gap, Record, entry};
use jiff::{SignedDuration, Timestamp};

use super::recorder::Missed;

pub mod keeper;

/// A process that did nothing for so long was stopped, and what was asked of it came to nothing.
const STOPPED: SignedDuration = SignedDuration::from_secs(30);
/// A note that is not written after so long is told.
const LATE: SignedDuration = BEAT;

/// The record of this process.
#[derive(Debug)]
pub struct OwnRecord {
    pod: String,
    /// Nothing before it could answer its first review.
    record: Option<Record>,
    before: Option<Before>,
    /// The last of it is being written.
    ended: bool,
}

/// How it was at the last look.
#[derive(Debug, Clone, Copy)]
struct Before {
    mono: Instant,
    can_answer: bool,
}

/// How it is now.
#[derive(Debug)]
pub struct State {
    /// The time.
    pub now: Timestamp,
    /// The same, by a clock that nobody sets.
    pub mono: Instant,
    /// API servers can reach it: it has a certificate and a path.
    pub can_answer: bool,
    /// Notes that were given up.
    pub lost: Vec<Missed>,
    /// Notes that are late.
    pub late: Vec<Missed>,
}

/// An entry of the `ConfigMap`, and what it says.
pub type Written = (String, Record);

impl OwnRecord {
    /// Of the webhook in this pod.
    #[must_use]
    pub fn of(pod: &str) -> Self {
        Self { pod: pod.to_owned(), record: None, before: None, ended: false }
    }

    /// From which moment on notes are late.
    #[must_use]
    pub fn late_before(now: Timestamp) -> Timestamp {
        now.saturating_sub(LATE).unwrap_or(Timestamp::MIN)
    }

    /// What is to be written; nothing before it can answer, and after its end.
    pub fn tick(&mut self, state: State) -> Option<Written> {
        let State { now, mono, can_answer, lost, late } = state;
        let mut before = self.before.replace(Before { mono, can_answer });
        if self.record.is_none() && can_answer {
            self.record = Some(Record { since: now, written_until: now, ended_cleanly: false, gaps: Vec::new() });
            before = None;
        }
        let record = self.record.as_mut().filter(|_| !self.ended)?;
        let until = record.written_until;
        let why = before.and_then(|before| missed(before, until, now, mono, can_answer));
        if let Some(why) = why {
            let why = format!("the webhook {} {why}", self.pod);
            record.add(Gap { from: until.min(now), to: now, slot: None, why });
        }
        for Missed { slot, time } in lost {
            let why = "the API server refused to take a note of one".to_owned();
            record.add(Gap { from: time.min(now), to: now, slot: Some(slot), why });
        }
        record.written_until = now;
        let entry = entry(&self.pod, record.since);
        let mut written = record.clone();
        for Missed { slot, time } in late {
            let why = "the API server has not taken a note of one yet".to_owned();
            written.add(Gap { from: time.min(now), to: now, slot: Some(slot), why });
        }
        Some((entry, written))
    }

    /// The last that is written. The end is clean if nothing is left, and all reviews were answered.
    pub fn end(&mut self, state: State, all_answered: bool) -> Option<Written> {
        let all_written = state.lost.is_empty() && state.late.is_empty();
        let (entry, written) = self.tick(state)?;
        self.ended = true;
        Some((entry, Record { ended_cleanly: all_answered && all_written, ..written }))
    }
}

/// What requests since the last look may have come to, if not to an answer.
fn missed(before: Before, until: Timestamp, now: Timestamp, mono: Instant, can_answer: bool) -> Option<&'static str> {
    let stopped = Duration::try_from(STOPPED).unwrap_or_default();
    // A machine that sleeps stops only one of the two clocks.
    if mono.saturating_duration_since(before.mono) > stopped || now.duration_since(until) > STOPPED {
        Some("was stopped")
    } else if !(before.can_answer && can_answer) {
        Some("had no valid certificate or path")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
