//! What do the logs of the ingress controller's pods show?
//!
//! Each container's log is read as one stream from its first line on, not from the window on: its
//! first line shows how far back it reaches, and no rotation can come between that and the reading.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use futures::AsyncBufRead;
use hotdesk_slots::covered::Covered;
use hotdesk_slots::text::plain;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::LogParams;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;

use super::controllers::{self, Controller};
use super::lines::{End, Piece, each_line};
use crate::api::Cluster;
use crate::sight::Look as Found;
use crate::sources::Place;
use crate::traffic::coverage::{Life, covers, join, needed, reach};
use crate::traffic::tally::{Tally, Watch};

/// How long all logs together may take: longer than a gibibyte needs, shorter than a run's hour.
const LOOK_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A reading that took no longer needs no second one of what was logged meanwhile.
const MOMENT: Duration = Duration::from_secs(10);

/// How much of a log is read twice, so that clocks that differ a little leave no gap between two readings.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);

/// Enough for the timestamp before a line.
const STAMP_BYTES: i64 = 64;

/// Looks for a request of the slot, in all pods, until there is one. What earlier runs have read need not be readable
/// any more; what all of them have covered is given back, if this reading shows nobody.
pub async fn look(
    cluster: &Cluster,
    source: &str,
    place: &Place,
    watch: &Watch,
    earlier: Earlier<'_>,
) -> (Found, Option<Covered>) {
    let Earlier { settings, covered: before } = earlier;
    let need = needed(before, watch.since, OVERLAP);
    let (tally, gaps) = (Tally::default(), Vec::new());
    let mut look = Look { cluster, place, watch, need, tally, doubts: Vec::new(), gaps, reach: Some(need) };
    if tokio::time::timeout(LOOK_LIMIT, look.all()).await.is_err() {
        look.doubts.push(format!("the ingress controller's logs took longer than {} min", LOOK_LIMIT.as_secs() / 60));
    }
    let Look { mut doubts, gaps, reach, tally, .. } = look;
    doubts.extend(tally.doubts(watch));
    let from = reach.filter(|_| doubts.is_empty() && tally.hit.is_none());
    let covered = from.map(|from| {
        let since = Time(join(before, from.max(watch.since), watch.now, OVERLAP));
        Covered { source: source.to_owned(), settings, since, through: Time(watch.now) }
    });
    doubts.extend(gaps);
    let (hit, samples, seen) = (tally.hit.clone(), tally.samples, tally.seen());
    let found = Found { source: source.to_owned(), hit, doubts, samples, seen, from: watch.since, through: watch.now };
    (found, covered)
}

/// What earlier runs have covered.
pub struct Earlier<'a> {
    /// A digest of whatever decides what a reading can see.
    pub settings: String,
    /// What they covered with the same settings.
    pub covered: Option<&'a Covered>,
}

struct Look<'a> {
    cluster: &'a Cluster,
    place: &'a Place,
    watch: &'a Watch,
    /// From when on the logs must be readable now.
    need: Timestamp,
    tally: Tally,
    doubts: Vec<String>,
    /// Why they are not.
    gaps: Vec<String>,
    /// From when on all of them are.
    reach: Option<Timestamp>,
}

impl Look<'_> {
    async fn all(&mut self) {
        let begun = Instant::now();
        let pods = match controllers::pods(self.cluster, self.place).await {
            Ok(pods) => pods,
            Err(why) => return self.doubts.push(why),
        };
        for pod in &pods {
            self.tally.opened_after = begun.elapsed();
            match controllers::readable(pod, &self.place.container) {
                Ok(controller) => self.controller(&controller).await,
                Err(why) => self.doubts.push(why),
            }
            if self.tally.hit.is_some() {
                return;
            }
        }
        self.catch_up(&pods, begun).await;
        // Last, so that a pod that goes while the others' logs are read is seen as well.
        if self.tally.hit.is_none() {
            let still = controllers::unchanged(self.cluster, self.place, &pods, self.need).await;
            self.doubts.extend(still.err());
        }
    }

    /// Reading takes time, and somebody may come back in it: what was logged meanwhile is read as well, until that
    /// takes but a moment.
    async fn catch_up(&mut self, pods: &[Pod], begun: Instant) {
        let mut read_at = Duration::ZERO;
        loop {
            let now = begun.elapsed();
            if now.saturating_sub(read_at) <= MOMENT || self.tally.hit.is_some() || !self.doubts.is_empty() {
                return;
            }
            let since = self.watch.now.saturating_add(read_at).and_then(|at| at.saturating_sub(OVERLAP)).ok();
            for pod in pods {
                self.tally.opened_after = begun.elapsed();
                let read = self.stream(&pod.name_any(), false, since).await;
                self.doubts.extend(read.err());
                if self.tally.hit.is_some() {
                    return;
                }
            }
            read_at = now;
        }
    }

    async fn controller(&mut self, controller: &Controller) {
        let mut lives = Vec::new();
        let before = controller.before.filter(|_| controller.started > self.need);
        for (started, previous) in [(Some(controller.started), false), (before, true)] {
            let Some(started) = started else { continue };
            match self.stream(&controller.pod, previous, None).await {
                Ok(earliest) => lives.push(Life { started, earliest }),
                Err(why) => return self.doubts.push(why),
            }
            if self.tally.hit.is_some() {
                return;
            }
        }
        if let Err(gap) = covers(&lives, self.need) {
            self.gaps.push(format!("the controller pod {} {gap}", controller.pod));
            self.reach = self.reach.zip(reach(&lives)).map(|(all, this)| all.max(this));
        }
    }

    /// Reads one log to its end, or to a hit, and returns the time of its first line.
    async fn stream(
        &mut self,
        pod: &str,
        previous: bool,
        since: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, String> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &self.place.namespace);
        let container = Some(self.place.container.clone());
        let wanted = LogParams { container, previous, timestamps: true, since_time: since, ..LogParams::default() };
        let which = if previous { "log before the restart" } else { "log" };
        let what = format!("the {which} of the controller pod {pod} cannot be read");
        let last = LogParams { tail_lines: Some(1), limit_bytes: Some(STAMP_BYTES), ..wanted.clone() };
        let end =
            stamp(&self.cluster.answer(&what, api.logs(pod, &last)).await?).map_err(|why| format!("{what}: {why}"))?;
        let stream = self.cluster.answer(&what, api.log_stream(pod, &wanted)).await?;
        let read = read_all(stream, self.watch, &mut self.tally).await.map_err(|why| format!("{what}: {why}"))?;
        if self.tally.hit.is_none() && read.last < end {
            // The API server ends its answer as if it were whole when the kubelet's breaks off.
            return Err(format!("{what}: it broke off before its end, at {}", shown(read.last)));
        }
        Ok(read.first)
    }
}

/// The time of the line that is the last one of a log; none of an empty log.
fn stamp(line: &str) -> Result<Option<Timestamp>, String> {
    let Some(first) = line.split_whitespace().next() else { return Ok(None) };
    first.parse().map(Some).map_err(|_| plain(line.trim()))
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "its beginning".to_owned(), |time| time.strftime("%H:%M:%S UTC").to_string())
}

/// From when to when a log was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The time of the first line.
    pub first: Option<Timestamp>,
    /// The latest time of any.
    pub last: Option<Timestamp>,
}

/// Reads a stream line by line in constant memory, to its end or to a hit.
///
/// # Errors
/// When it breaks off, or ends in the middle of a line.
pub async fn read_all(stream: impl AsyncBufRead, watch: &Watch, tally: &mut Tally) -> Result<Span, String> {
    let mut read = Span::default();
    let take = |piece: Piece<'_>| {
        let Piece::Line(line) = piece else {
            tally.take_overlong();
            return ControlFlow::Continue(());
        };
        let time = tally.take(watch, line)?;
        read = Span { first: read.first.or(time), last: read.last.max(time) };
        ControlFlow::Continue(())
    };
    match each_line(pin!(stream), take).await {
        Ok(End::WithinLine) => Err("it ends in the middle of a line".to_owned()),
        Ok(End::Whole | End::Enough(())) => Ok(read),
        Err(error) => Err(plain(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Names;
    use crate::collect::lines::MAX_LINE;
    use crate::traffic::Format;
    use futures::io::{BufReader, Cursor};

    fn watch() -> Watch {
        let at = |text: &str| format!("2026-11-23T{text}Z").parse().unwrap();
        Watch {
            format: Format::Auto,
            names: Names::new("mew", &[], &[]),
            slot: "mew".to_owned(),
            since: at("14:00:00"),
            look_back: at("03:00:00"),
            now: at("15:00:00"),
            ignore_agents: globset::GlobSet::empty(),
            ignore_paths: globset::GlobSet::empty(),
            max_unparsed: 0.0,
        }
    }

    fn read(text: &[u8]) -> (Result<Option<Timestamp>, String>, Tally) {
        let mut tally = Tally::default();
        let stream = BufReader::with_capacity(7, Cursor::new(text.to_vec()));
        let first = futures::executor::block_on(read_all(stream, &watch(), &mut tally));
        (first.map(|read| read.first), tally)
    }

    #[test]
    fn the_first_line_tells_how_far_back_a_log_reaches() {
        let (first, _) = read(b"2026-11-23T12:00:00Z \n2026-11-23T14:30:00.5Z \n");
        assert_eq!(first.unwrap(), Some("2026-11-23T12:00:00Z".parse().unwrap()));
        assert_eq!(read(b"").0.unwrap(), None);
    }

    #[test]
    fn a_stream_that_ends_within_a_line_is_an_error() {
        assert!(read(b"2026-11-23T12:00:00Z \n2026-11-23T14:3").0.unwrap_err().contains("in the middle of a line"));
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_counts_as_unparsed() {
        let mut text = b"2026-11-23T12:00:00Z ".to_vec();
        text.extend(std::iter::repeat_n(b'x', MAX_LINE * 3));
        text.extend(b"\n2026-11-23T14:30:00Z \n");
        let (first, tally) = read(&text);
        assert_eq!((tally.unparsed, first.unwrap()), (1, Some("2026-11-23T14:30:00Z".parse().unwrap())));
    }

    #[test]
    fn bytes_that_are_no_text_are_unparsed() {
        assert_eq!(read(b"2026-11-23T14:30:00Z \xff\xfe\n").1.unparsed, 1);
    }
}
