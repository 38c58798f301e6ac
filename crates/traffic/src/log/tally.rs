//! What do the lines of the controllers' logs come to, for one slot?

use std::ops::ControlFlow;
use std::time::Duration;

use globset::GlobSet;
use hotdesk_slots::text::plain;
use jiff::{SignedDuration, Timestamp};

use crate::attribute::{Names, Whose};
use crate::line::{Entry, Format, Line, read, times};

/// How far a clock may be ahead before what it says about the window is not believed.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How long after it was logged an entry may be written. nginx writes at once, unless it is told to buffer its log:
/// then the newest requests are not in it yet.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(60);

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The format of the log.
    pub format: Format,
    /// The slot's names.
    pub names: Names,
    /// The slot.
    pub slot: String,
    /// The start of the window.
    pub since: Timestamp,
    /// The start of the look-back, in which an entry of anybody proves that the log can tell.
    pub look_back: Timestamp,
    /// When the run looks.
    pub now: Timestamp,
    /// User agents whose requests are nobody's use.
    pub ignore_agents: GlobSet,
    /// Paths that are nobody's use.
    pub ignore_paths: GlobSet,
    /// The share of lines in the window that may be unparsed.
    pub max_unparsed: f64,
}

/// A request that somebody made of the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// When it was logged, by the node's clock.
    pub time: Timestamp,
    /// Which upstream served it.
    pub upstream: String,
    /// The path, where the log has it, without the query.
    pub path: Option<String>,
}

impl Hit {
    /// One line on what exactly was seen.
    #[must_use]
    pub fn detail(&self) -> String {
        let of = self.path.as_ref().map_or(String::new(), |path| format!(" for {path}"));
        format!("a request{of} was served by {}", self.upstream)
    }
}

/// An entry that the controller kept to itself for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// When it was logged, as the entry says.
    pub logged: Timestamp,
    /// When it was written.
    pub written: Timestamp,
}

/// What was read so far. Everything kept is bounded, however long the logs are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The first request of the slot within the window; no more is read after it.
    pub hit: Option<Hit>,
    /// How long after the watch's `now` the present log was opened: a line of meanwhile is not from the future.
    pub opened_after: Duration,
    /// Entries within the look-back that say whom they were for.
    pub samples: u64,
    /// Entries within the look-back that do not.
    pub nameless: u64,
    /// Access entries within the window.
    pub entries: u64,
    /// Lines within the window that could have been entries.
    pub unparsed: u64,
    /// Lines before the window, within the look-back, that could have been entries.
    pub unparsed_before: u64,
    /// The first problem of each kind: why nothing seen does not mean nobody there.
    pub ambiguous: Option<String>,
    /// Traffic that begins like the slot's.
    pub orphan: Option<String>,
    /// An unparsed line that mentions the slot.
    pub suspect: Option<String>,
    /// A line from the future.
    pub future: Option<Timestamp>,
    /// The last entry that was written long after it was logged.
    pub held_back: Option<HeldBack>,
    /// The stream said something that no container wrote.
    pub broken: Option<String>,
}

impl Tally {
    /// Takes one line of the stream, as `TIMESTAMP text`, and returns its time. Breaks at a hit.
    pub fn take(&mut self, watch: &Watch, line: &str) -> ControlFlow<(), Option<Timestamp>> {
        let (stamp, text) = line.split_once(' ').unwrap_or((line, ""));
        let Some(time) = times::rfc3339(stamp) else {
            // The kubelet reports some of its errors inside a stream that it began as a success.
            self.broken.get_or_insert_with(|| quoted(line));
            return ControlFlow::Continue(None);
        };
        if time > watch.now && self.is_future(watch, time) {
            self.future.get_or_insert(time);
        }
        if time >= watch.look_back {
            self.judge(watch, time, text);
        }
        if self.hit.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(Some(time)) }
    }

    fn is_future(&self, watch: &Watch, time: Timestamp) -> bool {
        let latest = watch.now.saturating_add(self.opened_after).and_then(|at| at.saturating_add(CLOCK_TOLERANCE));
        time > latest.unwrap_or(Timestamp::MAX)
    }

    /// Takes a line that was too long to be kept.
    pub fn take_overlong(&mut self) {
        self.unparsed += 1;
    }

    fn judge(&mut self, watch: &Watch, time: Timestamp, text: &str) {
        let in_window = time >= watch.since;
        match read(text, &watch.format) {
            Line::Noise => {}
            Line::Unparsed if in_window => {
                self.unparsed += 1;
                if mentions(text, &watch.slot) {
                    self.suspect.get_or_insert_with(|| quoted(text));
                }
            }
            Line::Unparsed => self.unparsed_before += 1,
            Line::Access(entry) => {
                if entry.names_somebody() {
                    self.samples += 1;
                } else {
                    self.nameless += 1;
                }
                if let Some(logged) = entry.logged.filter(|logged| time.duration_since(*logged) > AT_ONCE) {
                    self.held_back = Some(HeldBack { logged, written: time });
                }
                if in_window {
                    self.entries += 1;
                    self.attribute(watch, time, &entry);
                }
            }
        }
    }

    fn attribute(&mut self, watch: &Watch, time: Timestamp, entry: &Entry<'_>) {
        let whose = watch.names.whose(entry);
        if whose == Whose::Theirs || watch.ignores(entry) {
            return;
        }
        let upstream = || plain(entry.upstream.as_deref().or(entry.namespace.as_deref()).unwrap_or("?"));
        match whose {
            Whose::Ours => {
                let path = entry.path.as_deref().map(quoted);
                self.hit.get_or_insert_with(|| Hit { time, upstream: upstream(), path });
            }
            Whose::Ambiguous => {
                self.ambiguous.get_or_insert_with(upstream);
            }
            Whose::Orphan => {
                self.orphan.get_or_insert_with(upstream);
            }
            Whose::Theirs => {}
        }
    }

    /// Every reason why nothing seen does not mean nobody there.
    #[must_use]
    pub fn doubts(&self, watch: &Watch) -> Vec<String> {
        let slot = &watch.slot;
        let broken = self.broken.as_ref().map(|line| format!("a log stream broke off with \"{line}\""));
        let future =
            self.future.map(|time| format!("a controller's log has lines from the future ({time}): check the clocks"));
        let suspect = self
            .suspect
            .as_ref()
            .map(|line| format!("a line that mentions {slot} cannot be read as an access entry: \"{line}\""));
        let ambiguous = self.ambiguous.as_ref().map(|name| {
            format!(
                "traffic for {name} could be this slot's or another's: name the namespaces so that none begins with \
                 another's name and a dash, or add the namespace to the log format"
            )
        });
        let orphan = self.orphan.as_ref().map(|name| {
            format!(
                "traffic for {name}, which matches no Service that exists: was one renamed? If it is a namespace of \
                 its own, name it in --other-namespaces"
            )
        });
        let unread = [self.unreadable(), self.too_many_unparsed(watch), self.buffered(watch)];
        [broken, future, suspect, ambiguous, orphan].into_iter().chain(unread).flatten().collect()
    }

    /// What was seen of anybody, in a few words.
    #[must_use]
    pub fn seen(&self) -> String {
        if self.samples == 1 {
            "1 request of all slots".to_owned()
        } else {
            format!("{} requests of all slots", self.samples)
        }
    }

    /// Where silence is fine, a log that nobody can read is still not silent.
    fn unreadable(&self) -> Option<String> {
        (self.samples == 0 && self.unparsed + self.unparsed_before + self.nameless > 0).then(|| {
            "no line of the ingress log can be read as an access entry that says whom it was for: \
             set --ingress-log-format"
                .to_owned()
        })
    }

    /// What was held back once counts only where nothing newer shows that it no longer is.
    fn buffered(&self, watch: &Watch) -> Option<String> {
        let HeldBack { logged, written } =
            self.held_back.filter(|held| held.written >= watch.since || self.entries == 0)?;
        let [logged, written] = [logged, written].map(|time| time.strftime("%H:%M:%S UTC"));
        Some(format!(
            "the ingress controller holds its log back (a request of {logged} was written at {written}), so the newest \
             requests may not be in it: set its access log to be written at once, without a buffer"
        ))
    }

    fn too_many_unparsed(&self, watch: &Watch) -> Option<String> {
        let (unparsed, lines) = (self.unparsed, self.entries + self.unparsed);
        self.over(watch).then(|| {
            format!(
                "{unparsed} of {lines} lines within the window cannot be read as access entries: \
                 set --ingress-log-format, or --max-unparsed"
            )
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of lines needs no more than a float holds")]
    fn over(&self, watch: &Watch) -> bool {
        self.unparsed as f64 > watch.max_unparsed * (self.entries + self.unparsed) as f64
    }
}

impl Watch {
    fn ignores(&self, entry: &Entry<'_>) -> bool {
        let matches = |set: &GlobSet, text: Option<&str>| text.is_some_and(|text| set.is_match(text));
        matches(&self.ignore_agents, entry.agent.as_deref()) || matches(&self.ignore_paths, entry.path.as_deref())
    }
}

/// A piece of a log, as everybody who sees the Slot may read it: without queries, in which tokens travel.
fn quoted(text: &str) -> String {
    let mut pieces = text.split('?');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find([' ', '"', '\'', ',']).unwrap_or(piece.len());
        shown += "?…";
        shown += piece.get(end..).unwrap_or_default();
    }
    plain(&shown)
}

/// True if a text holds a name as a word of its own: `mew-web-80` mentions mew, `mewtwo` does not.
fn mentions(text: &str, name: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    let alone = |(at, found): (usize, &str)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + found.len()..).unwrap_or_default());
        edge(before.chars().next_back()) && edge(after.chars().next())
    };
    text.match_indices(name).any(alone)
}

#[cfg(test)]
mod tests;
