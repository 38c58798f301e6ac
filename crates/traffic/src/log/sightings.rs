//! Which slots do the lines of the controllers' logs show in use, of all slots at once?
//!
//! Only what is certainly a slot's counts. What is left out, a doubt or a line that nobody can read, proves nothing here: the
//! slot's own reading ([`super::tally`]) judges it.

use globset::GlobSet;
use jiff::Timestamp;

use super::scan::{CLOCK_TOLERANCE, SeenRequest, ignored, overlong};
use crate::attribute::Directory;
use crate::line::{Entry, Format, Line, read, times};

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct Lookout<'a> {
    /// The names of all slots.
    pub directory: &'a Directory,
    /// The format of the log.
    pub format: Format,
    /// What was logged before this is passed over.
    pub since: Timestamp,
    /// When the run looks: what lies further ahead than clocks differ is not believed.
    pub now: Timestamp,
    /// User agents whose requests do not count as use.
    pub ignore_agents: GlobSet,
    /// Paths that do not count as use.
    pub ignore_paths: GlobSet,
}

/// The newest use of each slot. As large as there are slots, however long the logs are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    newest: Vec<Option<SeenRequest>>,
    /// How many lines were read.
    pub lines: u64,
}

impl Sightings {
    /// Takes one line of the stream, as `TIMESTAMP text`.
    pub fn take(&mut self, lookout: &Lookout<'_>, line: &str) {
        self.lines += 1;
        let (stamp, text) = line.split_once(' ').unwrap_or((line, ""));
        let Some(time) = times::rfc3339(stamp).filter(|time| lookout.believes(*time)) else { return };
        if let Line::Access(entry) = read(text, &lookout.format) {
            self.take_entry(lookout, time, &entry);
        }
    }

    /// Takes a line that was too long to be kept, by its beginning and its end.
    pub fn take_overlong(&mut self, lookout: &Lookout<'_>, head: &str, tail: &str) {
        self.lines += 1;
        let time = head.split_once(' ').and_then(|(stamp, _)| times::rfc3339(stamp));
        let Some(time) = time.filter(|time| lookout.believes(*time)) else { return };
        if let Some(entry) = overlong(head, tail) {
            self.take_entry(lookout, time, &entry);
        }
    }

    fn take_entry(&mut self, lookout: &Lookout<'_>, time: Timestamp, entry: &Entry<'_>) {
        let mut is_ignored = None;
        lookout.directory.owners(entry, |at| {
            if *is_ignored.get_or_insert_with(|| ignored(entry, &lookout.ignore_agents, &lookout.ignore_paths)) {
                return;
            }
            if self.newest.len() <= at {
                self.newest.resize(lookout.directory.len().max(at + 1), None);
            }
            if let Some(newest) = self.newest.get_mut(at)
                && newest.as_ref().is_none_or(|hit| hit.time < time)
            {
                *newest = Some(SeenRequest::of(time, entry));
            }
        });
    }

    /// The newest use of a slot, by its place in the directory.
    #[must_use]
    pub fn of(&self, at: usize) -> Option<&SeenRequest> {
        self.newest.get(at)?.as_ref()
    }
}

impl Lookout<'_> {
    fn believes(&self, time: Timestamp) -> bool {
        time >= self.since && time <= self.now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX)
    }
}
