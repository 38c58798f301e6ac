//! Does what is read of a log now go on, without a gap, where an earlier reading of the same run ended?
//!
//! A reap looks again right before it acts. A log that is certainly the same one need not be read from its beginning then:
//! its last lines are asked for, by their number. No clock decides which lines those are, so one that was logged late, or
//! by a clock that was set back, is among them like any other. Whatever is not certain is read in full.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::tally::{Tally, Watch};
use crate::line::times;

/// How many of the last lines of a log are asked for: more than are logged between two looks, unless that is for long.
pub const ASKED: u16 = 500;

/// How many lines a reading is known again by, at most.
const KEPT: usize = 8;

/// The last lines of a reading, by which it is known again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    lines: VecDeque<String>,
}

impl Mark {
    /// Notes the next line.
    pub fn note(&mut self, line: &str) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// True if nothing is known of the reading.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines that came since, of an answer that holds the last lines of a log; none if that cannot be said.
    ///
    /// Lines are only ever added to the end of a log, so all that come behind the known ones are new. The known ones must
    /// be there once and behind an older line, so that they are no others which look the same; and the answer must reach
    /// to `end`, the time of the log's last line, which was asked for before.
    #[must_use]
    pub fn rest<'a>(&self, answer: &'a str, end: Timestamp) -> Option<Vec<&'a str>> {
        let lines: Vec<&str> = answer.strip_suffix('\n')?.split('\n').collect();
        let stamps: Vec<Timestamp> = lines.iter().map(|line| stamp(line)).collect::<Option<_>>()?;
        let known = self.lines.len();
        let mut places = lines.windows(known.max(1)).enumerate().filter(|(_, place)| place.iter().eq(&self.lines));
        let (Some((at, _)), None) = (places.next(), places.next()) else { return None };
        let reaches_back = stamps.first()? < stamps.get(at)?;
        let whole = reaches_back && stamps.iter().any(|stamp| *stamp >= end);
        whole.then(|| lines.get(at + known..).map(<[_]>::to_vec))?
    }
}

/// The time before a line.
fn stamp(line: &str) -> Option<Timestamp> {
    times::rfc3339(line.split_once(' ').unwrap_or((line, "")).0)
}

/// A container as long as it is the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The container's id.
    pub container: Option<String>,
    /// How often it was restarted.
    pub restarts: i32,
    /// When it started.
    pub started: Timestamp,
}

/// What was read of all logs, and showed nobody, without a doubt or a gap.
#[derive(Debug, Clone)]
pub struct Known {
    /// What was looked for.
    pub watch: Watch,
    /// From when on the logs had to be readable.
    pub need: Timestamp,
    /// What the lines came to.
    pub tally: Tally,
    /// Who wrote them, and where each reading ended.
    pub logs: Vec<(Writer, Mark)>,
}

impl Known {
    /// True if a reading in full, of the same lines, would have nothing else to say now.
    #[must_use]
    pub fn serves(&self, watch: &Watch, need: Timestamp) -> bool {
        let before = &self.watch;
        let same = before.names == watch.names && before.format == watch.format && before.slot == watch.slot;
        let later = before.since <= watch.since && before.look_back <= watch.look_back && before.now <= watch.now;
        // Which of them are still within the window and the look-back is not known of the lines one by one.
        same && later && self.need <= need && self.tally.is_plain() && self.tally.newest >= Some(watch.look_back)
    }

    /// Where the reading of a log ended, if it is the same one.
    #[must_use]
    pub fn mark(&self, writer: &Writer) -> Option<&Mark> {
        self.logs.iter().find(|(known, _)| known == writer).map(|(_, mark)| mark)
    }
}

#[cfg(test)]
mod tests;
