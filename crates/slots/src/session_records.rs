//! Over which time did the webhooks note every session and write?
//!
//! That no session is noted shows that there was none only where a webhook was there to note it. So each webhook keeps a record:
//! since when it has noted them, until when it has said so, and where it knows of a gap. All records are entries of one
//! `ConfigMap` in the namespace of the reapers, in which no holder of a slot may write. Some webhook must have covered each
//! moment. One that went without a word is a gap, for what it let in last may not have been written.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::text::{human_time, sanitize_short, sentence};

/// The `ConfigMap`, in the namespace of the reapers.
pub const CONFIG_MAP: &str = "hotdesk-sessions";

/// The entry that says before which moment records were given up.
const GIVEN_UP: &str = "given-up-before";
/// How often a webhook writes its record.
pub const BEAT: SignedDuration = SignedDuration::from_secs(10);
/// A webhook that has not written for so long may be gone. Clocks of nodes may differ by less than that.
const SILENT: SignedDuration = SignedDuration::from_secs(60);
/// So long after its last word, requests may still have been sent to a webhook that is gone: a node that died is found out
/// after 50 s.
const MISSED: SignedDuration = SignedDuration::from_secs(75);
/// Records that ended longer ago are given up.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);
/// So many are kept: a ConfigMap holds a thousand of them.
const MOST_RECORDS: usize = 64;
/// So many gaps a record names; beyond that, one that takes in all.
const MOST_GAPS: usize = 32;
/// So many bytes of reasons are enough of one gap, before one more is added.
const MOST_REASONS: usize = 200;

/// What one webhook says of itself.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Since when it has been there to note sessions.
    pub since: Timestamp,
    /// Until when it says so.
    pub written_until: Timestamp,
    /// It ended, and had written all that it had noted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_cleanly: bool,
    /// When something was not noted all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A time over which a session may not have been noted.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// The slot that it concerns; all of them if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Why.
    pub why: String,
}

/// What all webhooks said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Each by the name of its pod and when it began.
    of: BTreeMap<String, Record>,
    /// Nothing is known of the time before.
    given_up_before: Option<Timestamp>,
}

/// The entry of a webhook that began at a moment, in a pod.
#[must_use]
pub fn entry(pod: &str, since: Timestamp) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let pod: String = pod.chars().take(200).map(known).collect();
    format!("{pod}.{}", since.as_millisecond())
}

impl Record {
    /// Adds a gap. One that touches another of the same slot, or for which there is no more room, widens that.
    pub fn add(&mut self, gap: Gap) {
        let touches = |known: &&mut Gap| known.slot == gap.slot && known.from <= gap.to && gap.from <= known.to;
        if let Some(known) = self.gaps.iter_mut().find(touches) {
            known.from = known.from.min(gap.from);
            known.to = known.to.max(gap.to);
        } else {
            self.gaps.push(gap);
        }
        if self.gaps.len() > MOST_GAPS {
            let all = self.gaps.drain(..).reduce(|a, b| Gap {
                from: a.from.min(b.from),
                to: a.to.max(b.to),
                slot: None,
                ..b
            });
            self.gaps.extend(all);
        }
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        now.duration_since(self.written_until) > SILENT
    }

    /// Until when it may have failed to note something.
    fn last_doubt(&self) -> Timestamp {
        let after = if self.ended_cleanly { self.written_until } else { later(self.written_until, MISSED) };
        self.gaps.iter().map(|gap| gap.to).fold(after, Timestamp::max)
    }
}

impl Records {
    /// Reads the entries of the `ConfigMap`.
    ///
    /// # Errors
    /// If one of them is not a record.
    pub fn parse(entries: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut records = Self::default();
        for (entry, text) in entries {
            let wrong =
                |why: &dyn std::fmt::Display| format!("its entry {} cannot be read: {why}", sanitize_short(entry));
            if entry == GIVEN_UP {
                records.given_up_before = Some(text.parse().map_err(|why| wrong(&why))?);
            } else {
                records.of.insert(entry.clone(), serde_json::from_str(text).map_err(|why| wrong(&why))?);
            }
        }
        Ok(records)
    }

    /// What concerns one slot.
    #[must_use]
    pub fn of_slot(mut self, slot: &str) -> Self {
        for record in self.of.values_mut() {
            record.gaps.retain(|gap| gap.slot.as_deref().is_none_or(|of| of == slot));
        }
        self
    }

    /// When sessions were not noted, from one moment to another: gaps that touch are one, with the reasons of all. The
    /// last is the newest.
    #[must_use]
    pub fn gaps(&self, from: Timestamp, now: Timestamp) -> Vec<Gap> {
        let mut found = self.doubts(now);
        found.extend(self.uncovered(from, now));
        found.retain(|gap| gap.to > from && gap.from <= now);
        found.sort_by(|a, b| (a.from, b.to).cmp(&(b.from, a.to)));
        let mut joined: Vec<Gap> = Vec::new();
        for gap in found {
            match joined.last_mut().filter(|before| gap.from <= before.to) {
                Some(before) => before.join(&gap),
                None => joined.push(gap),
            }
        }
        joined
    }

    /// What counts even where others were there: something that one webhook let in may not have been written.
    fn doubts(&self, now: Timestamp) -> Vec<Gap> {
        let mut found: Vec<Gap> = self.of.values().flat_map(|record| record.gaps.clone()).collect();
        for (entry, record) in &self.of {
            let pod = sanitize_short(pod_of(entry));
            let until = record.written_until;
            if until.duration_since(now) > SILENT {
                let why = format!("the clock of the webhook {pod} is ahead of this one");
                found.push(Gap { from: Timestamp::MIN, to: until, slot: None, why });
            } else if self.is_over(entry, record, now) && !record.ended_cleanly {
                let why = format!("the webhook {pod} ended abruptly, or cannot write its record");
                let to = later(until, MISSED).min(self.comes_back(entry, until).unwrap_or(Timestamp::MAX)).min(now);
                found.push(Gap { from: until, to, slot: None, why });
            }
        }
        found
    }

    /// True if it has ended, as it says, or as its silence or another beginning in the same pod shows.
    fn is_over(&self, entry: &str, record: &Record, now: Timestamp) -> bool {
        let restarted = || self.comes_back(entry, record.written_until).is_some();
        record.ended_cleanly || record.is_silent(now) || restarted()
    }

    /// When the same pod began once more.
    fn comes_back(&self, entry: &str, after: Timestamp) -> Option<Timestamp> {
        let same = self.of.iter().filter(|(other, _)| pod_of(other) == pod_of(entry));
        same.map(|(_, record)| record.since).filter(|since| *since > after).min()
    }

    /// When no webhook was there at all.
    fn uncovered(&self, from: Timestamp, now: Timestamp) -> Vec<Gap> {
        let mut spans: Vec<(Timestamp, Timestamp)> = self
            .of
            .iter()
            .map(|(entry, record)| {
                (record.since, if self.is_over(entry, record, now) { record.written_until } else { now })
            })
            .collect();
        spans.sort();
        let mut found = Vec::new();
        let mut reached = from;
        if let Some(known_from) = self.given_up_before.filter(|known_from| *known_from > from) {
            let why = "there is no record from before".to_owned();
            found.push(Gap { from, to: known_from.min(now), slot: None, why });
            reached = known_from;
        }
        let mut first = true;
        for (since, until) in spans.into_iter().chain([(now, now)]) {
            if since > reached {
                let why = if first { "there is no record from before" } else { "no webhook was running" };
                found.push(Gap { from: reached, to: since, slot: None, why: why.to_owned() });
            }
            first = false;
            reached = reached.max(until);
        }
        found
    }

    /// The entries to remove, so that there is room for one more, and what is then written of the time before. What they
    /// said is given up with them, so nothing is known of that time.
    #[must_use]
    pub fn without_the_oldest(&self, now: Timestamp) -> BTreeMap<String, Option<String>> {
        let mut over: Vec<(&String, &Record)> =
            self.of.iter().filter(|(entry, record)| self.is_over(entry, record, now)).collect();
        over.sort_by_key(|(_, record)| record.last_doubt());
        let room = (self.of.len() + 1).saturating_sub(MOST_RECORDS);
        let is_old = |record: &Record| now.duration_since(record.last_doubt()) > KEPT_FOR;
        let gone: Vec<(&String, &Record)> = over
            .into_iter()
            .enumerate()
            .filter(|(i, (_, record))| *i < room || is_old(record))
            .map(|(_, of)| of)
            .collect();
        let before = gone.iter().map(|(_, record)| record.last_doubt()).chain(self.given_up_before).max();
        let mut changes: BTreeMap<String, Option<String>> =
            gone.iter().map(|(entry, _)| ((*entry).clone(), None)).collect();
        if !changes.is_empty() {
            changes.insert(GIVEN_UP.to_owned(), before.map(|before| before.to_string()));
        }
        changes
    }
}

impl Gap {
    /// Takes in one that begins within it. Many reasons are not all told.
    fn join(&mut self, other: &Self) {
        self.to = self.to.max(other.to);
        if !self.why.contains(&other.why) && self.why.len() < MOST_REASONS {
            self.why = format!("{}; {}", self.why, other.why);
        }
    }

    /// It in a sentence.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> String {
        let to = human_time(self.to, now);
        let from = match self.from {
            from if from == Timestamp::MIN => String::new(),
            from => format!("from {} ", human_time(from, now)),
        };
        let until = if from.is_empty() { "until" } else { "to" };
        format!("sessions were not noted {from}{until} {to}: {}", sentence(&self.why))
    }
}

fn pod_of(entry: &str) -> &str {
    entry.rsplit_once('.').map_or(entry, |(pod, _)| pod)
}

fn later(moment: Timestamp, length: SignedDuration) -> Timestamp {
    moment.checked_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
