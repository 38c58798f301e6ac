//! What do the lines of the controllers' logs come to, for one slot?

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use globset::GlobSet;
use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};

use crate::attribute::{Names, Pointer, Whose, is_of_the_controller};
use crate::line::unreadable::{Unreadable, kind};
use crate::line::{Entry, Format, Line, is_own_log, json, nginx, own, read, times};

/// How far a clock may be ahead before what it says about the window is not believed.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// How long after it was logged an entry may be written. nginx writes at once, unless it is told to buffer its log:
/// then the newest requests are not in it yet.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(60);

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct ScanWindow {
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
    /// User agents whose requests do not count as use.
    pub ignore_agents: GlobSet,
    /// Paths that do not count as use.
    pub ignore_paths: GlobSet,
    /// The share of lines in the window that may be unparsed.
    pub max_unparsed: f64,
}

/// A request that somebody made of the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// When it was logged, by the node's clock.
    pub time: Timestamp,
    /// Which upstream served it.
    pub upstream: String,
    /// The path, where the log has it, without the query.
    pub path: Option<String>,
}

impl SeenRequest {
    /// What an entry says of a request.
    pub(super) fn of(time: Timestamp, entry: &Entry<'_>) -> Self {
        Self { time, upstream: server(entry), path: entry.path.as_deref().map(quoted) }
    }

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
pub struct LogScan {
    /// The first request of the slot within the window; no more is read after it.
    pub hit: Option<SeenRequest>,
    /// How long after the watch's `now` the present log was opened: a line that was written since is not from the future.
    pub opened_after: Duration,
    /// Entries within the look-back that name somebody who exists.
    pub samples: u64,
    /// The latest time of those.
    pub newest: Option<Timestamp>,
    /// Entries within the look-back that do not.
    pub nameless: u64,
    /// The first name of nobody who exists.
    pub stranger: Option<String>,
    /// Access entries within the window.
    pub entries: u64,
    /// Lines of text within the window that nobody can read.
    pub unparsed: u64,
    /// Lines of JSON within the window that nobody can read.
    pub unknown_json: u64,
    /// Lines before the window, within the look-back, that could have been entries.
    pub unparsed_before: u64,
    /// The first entry of each kind that may have been the slot's: why nothing seen does not mean nobody there.
    pub doubtful: BTreeMap<Whose, String>,
    /// The first line that cannot be read and was certainly a request, and its kind.
    pub request: Option<(&'static str, String)>,
    /// An unparsed line that points at the slot.
    pub suspect: Option<(Pointer, String)>,
    /// True if an entry is told by the namespace of a route.
    pub by_route: bool,
    /// A line from the future.
    pub future: Option<Timestamp>,
    /// The last entry that was written long after it was logged.
    pub held_back: Option<HeldBack>,
    /// The stream said something that no container wrote.
    pub broken: Option<String>,
}

impl LogScan {
    /// Takes one line of the stream, as `TIMESTAMP text`, and returns its time. Breaks at a hit.
    pub fn take(&mut self, watch: &ScanWindow, line: &str) -> ControlFlow<(), Option<Timestamp>> {
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

    fn is_future(&self, watch: &ScanWindow, time: Timestamp) -> bool {
        let latest = watch.now.saturating_add(self.opened_after).and_then(|at| at.saturating_add(CLOCK_TOLERANCE));
        time > latest.unwrap_or(Timestamp::MAX)
    }

    /// Adds what the newest lines of anybody show, where only some lines of a log were asked for.
    pub fn add_newest(&mut self, newest: &Self) {
        self.samples += newest.samples;
        self.nameless += newest.nameless;
        self.unparsed_before += newest.unparsed_before;
        self.stranger = self.stranger.take().or_else(|| newest.stranger.clone());
        self.held_back = newest.held_back.or(self.held_back);
    }

    /// Takes a line that was too long to be kept, by its beginning and its end.
    pub fn take_overlong(&mut self, watch: &ScanWindow, head: &str, tail: &str) -> ControlFlow<(), Option<Timestamp>> {
        let time = head.split_once(' ').and_then(|(stamp, _)| times::rfc3339(stamp));
        let Some(at) = time.filter(|time| *time >= watch.since) else { return ControlFlow::Continue(time) };
        match overlong(head, tail) {
            Some(entry) => self.take_entry(watch, at, &entry, tail),
            // Only its beginning is certainly not the sender's.
            _ if head.split_once(' ').is_some_and(|(_, text)| is_own_log(text)) => {}
            _ => {
                self.request.get_or_insert_with(|| ("a line too long to be read", quoted(head)));
            }
        }
        if self.hit.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(time) }
    }

    fn judge(&mut self, watch: &ScanWindow, time: Timestamp, text: &str) {
        let in_window = time >= watch.since;
        match read(text, &watch.format) {
            Line::Noise if in_window && own::is_only_a_message(text) => {
                // The addresses of servers that cannot be reached are the controller's own talk.
                if let Some(pointer @ (Pointer::Name | Pointer::Host)) = watch.names.points_at_us(text) {
                    self.suspect.get_or_insert_with(|| (pointer, quoted(text)));
                }
            }
            Line::Noise => {}
            Line::Unparsed if in_window => self.unreadable(watch, text),
            Line::Unparsed => self.unparsed_before += 1,
            Line::Access(entry) => self.take_entry(watch, time, &entry, text),
        }
    }

    fn take_entry(&mut self, watch: &ScanWindow, time: Timestamp, entry: &Entry<'_>, text: &str) {
        let (whose, exists) = watch.names.judge(entry);
        if exists {
            self.samples += 1;
            self.newest = self.newest.max(Some(time));
        } else if !entry.stream && !entry.upstream.as_deref().is_some_and(is_of_the_controller) {
            self.nameless += 1;
            if self.stranger.is_none() {
                self.stranger = entry.upstream.as_deref().or(entry.namespace.as_deref()).map(sanitize_short);
            }
        }
        self.by_route |= entry.by_route && entry.backend.is_none();
        if let Some(logged) = entry.logged.filter(|logged| time.duration_since(*logged) > AT_ONCE) {
            self.held_back = Some(HeldBack { logged, written: time });
        }
        if time >= watch.since {
            self.entries += u64::from(!entry.stream);
            let whose = if whose == Whose::Theirs && !exists { watch.by_what_stands_beside(text) } else { whose };
            self.attribute(watch, time, entry, whose);
        }
    }

    /// A line that cannot be read is judged by its kind.
    fn unreadable(&mut self, watch: &ScanWindow, text: &str) {
        if let Some(pointer) = watch.names.points_at_us(text) {
            self.suspect.get_or_insert_with(|| (pointer, quoted(text)));
        }
        match kind(text, &watch.format) {
            Unreadable::Request { said, .. } if watch.names.mentions_another(said) => {}
            Unreadable::Request { kind, .. } => {
                self.request.get_or_insert_with(|| (kind, quoted(text)));
            }
            Unreadable::Json => self.unknown_json += 1,
            Unreadable::Text => self.unparsed += 1,
        }
    }

    fn attribute(&mut self, watch: &ScanWindow, time: Timestamp, entry: &Entry<'_>, whose: Whose) {
        if whose == Whose::Theirs || watch.ignores(entry) {
            return;
        }
        match whose {
            Whose::Ours => {
                self.hit.get_or_insert_with(|| SeenRequest::of(time, entry));
            }
            Whose::Answered => {
                self.doubtful.entry(whose).or_insert_with(|| sanitize_short(entry.served.as_deref().unwrap_or("?")));
            }
            Whose::LedIn => {
                let route = entry.route.as_deref().or(entry.upstream.as_deref());
                self.doubtful.entry(whose).or_insert_with(|| sanitize_short(route.unwrap_or("?")));
            }
            Whose::Hosted => {
                self.doubtful
                    .entry(whose)
                    .or_insert_with(|| sanitize_short(watch.names.host_of_ours(entry).unwrap_or("?")));
            }
            _ => {
                self.doubtful.entry(whose).or_insert_with(|| server(entry));
            }
        }
    }

    /// Every reason why nothing seen does not mean nobody there.
    #[must_use]
    pub fn doubts(&self, watch: &ScanWindow) -> Vec<String> {
        let slot = &watch.slot;
        let broken = self.broken.as_ref().map(|line| format!("a log stream broke off with \"{line}\""));
        let future =
            self.future.map(|time| format!("a controller's log has lines from the future ({time}): check the clocks"));
        let suspect = self.suspect.as_ref().map(|(pointer, line)| {
            let how = match pointer {
                Pointer::Name => "mentions",
                Pointer::Address => "holds an address of",
                Pointer::Host => "holds the host of",
            };
            format!("a line that {how} {slot} cannot be read as an access entry: \"{line}\"")
        });
        let request = self.request.as_ref().map(|(kind, line)| {
            format!("{kind} was a request, and does not say whose: \"{line}\": set --ingress-log-format")
        });
        let doubtful = self.doubtful.iter().rev().filter_map(|(whose, name)| whose.doubt(name, slot));
        let unread = [
            request,
            self.unreadable_at_all(),
            self.too_many_unparsed(watch),
            self.buffered(watch),
            self.granted(watch),
        ];
        let first = [broken, future, suspect].into_iter().flatten();
        first.chain(doubtful).chain(unread.into_iter().flatten()).collect()
    }

    /// True if it holds nothing that would be judged otherwise by a window that begins later.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.hit.is_none() && self.unparsed == 0 && self.unknown_json == 0
    }

    /// A log that tells a request by its route names the requests of routes elsewhere as those namespaces'.
    fn granted(&self, watch: &ScanWindow) -> Option<String> {
        let namespace = watch.names.granted().first().filter(|_| self.by_route)?;
        Some(format!(
            "a ReferenceGrant lets routes of {} lead into the slot, and their requests are logged as that namespace's: put \
             the routes into the slot",
            sanitize_short(namespace)
        ))
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
    fn unreadable_at_all(&self) -> Option<String> {
        let lines = self.unparsed + self.unknown_json + self.unparsed_before + self.nameless;
        (self.samples == 0 && lines > 0).then(|| {
            let named = self.stranger.as_ref().map_or_else(String::new, |name| format!(" (one names {name})"));
            format!(
                "no line of the ingress log can be read as an access entry that says whom it was for, by a name that \
                 exists{named}: set --ingress-log-format, or name the namespaces that are not slots in --other-namespaces"
            )
        })
    }

    /// What was held back once counts only where nothing newer shows that it no longer is.
    fn buffered(&self, watch: &ScanWindow) -> Option<String> {
        let HeldBack { logged, written } =
            self.held_back.filter(|held| held.written >= watch.since || self.entries == 0)?;
        let [logged, written] = [logged, written].map(|time| time.strftime("%H:%M:%S UTC"));
        Some(format!(
            "the ingress controller holds its log back (a request of {logged} was written at {written}), so the newest \
             requests may not be in it: set its access log to be written at once, without a buffer"
        ))
    }

    /// Text and JSON that is certainly no request is bounded each for itself.
    fn too_many_unparsed(&self, watch: &ScanWindow) -> Option<String> {
        let (kind, unparsed) = [("text", self.unparsed), ("JSON", self.unknown_json)]
            .into_iter()
            .find(|(_, unparsed)| over(*unparsed, self.entries, watch.max_unparsed))?;
        let lines = self.entries + unparsed;
        Some(format!(
            "{unparsed} of {lines} lines within the window cannot be read as access entries ({kind} of no known form): \
             set --ingress-log-format, or --max-unparsed"
        ))
    }
}

/// True if a request does not count as use, no matter who served it.
pub(super) fn ignored(entry: &Entry<'_>, agents: &GlobSet, paths: &GlobSet) -> bool {
    let matches = |set: &GlobSet, text: Option<&str>| text.is_some_and(|text| set.is_match(text));
    matches(agents, entry.agent.as_deref()) || matches(paths, entry.path.as_deref())
}

/// What a line that was too long to be kept says, where its end tells.
pub(super) fn overlong<'a>(head: &str, tail: &'a str) -> Option<Entry<'a>> {
    nginx::tail(tail).filter(|_| !head.contains(" {"))
}

/// What an entry says of who served it.
fn server(entry: &Entry<'_>) -> String {
    let named = [&entry.upstream, &entry.namespace, &entry.route, &entry.served, &entry.host];
    sanitize_short(named.into_iter().find_map(|name| name.as_deref()).unwrap_or("?"))
}

#[expect(clippy::cast_precision_loss, reason = "a share of lines needs no more than a float holds")]
fn over(unparsed: u64, entries: u64, share: f64) -> bool {
    unparsed as f64 > share * (entries + unparsed) as f64
}

impl ScanWindow {
    /// Whose a request is that names nobody who exists, by what else its JSON says.
    fn by_what_stands_beside(&self, text: &str) -> Whose {
        let dialect = match &self.format {
            _ if !text.starts_with('{') => return Whose::Theirs,
            Format::Json(keys) => json::Dialect::Named(keys),
            _ => json::Dialect::Either,
        };
        let beside = json::beside(text, dialect);
        let points =
            self.names.points_at_us(&beside.values).is_some() || self.names.holds_a_host_of_ours(&beside.hosts);
        if points { Whose::Mentioned } else { Whose::Theirs }
    }

    fn ignores(&self, entry: &Entry<'_>) -> bool {
        ignored(entry, &self.ignore_agents, &self.ignore_paths)
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
    sanitize_short(&shown)
}

#[cfg(test)]
mod tests;
