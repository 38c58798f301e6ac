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
use kube::Api;
use kube::api::LogParams;
use tokio::time::Instant;

use super::controllers::{self, Controller};
use super::lines::{End, Piece, each_line};
use crate::api::Cluster;
use hotdesk_traffic::log::coverage::{Life, covers, join, needed, reach};
use hotdesk_traffic::log::tally::{Tally, Watch};
use hotdesk_traffic::sight::Look as Found;
use hotdesk_traffic::sources::Place;

/// How long all logs together may take: longer than a gibibyte needs, shorter than a run's hour.
const LOOK_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A reading that took no longer needs no second one of what was logged meanwhile.
const MOMENT: Duration = Duration::from_secs(10);

/// How much of a log is read twice, so that clocks that differ a little leave no gap between two readings.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);

/// Enough for the last piece of a line: a container runtime writes a long line in pieces, of 16 KiB as it comes.
const PIECE_BYTES: i64 = 128 * 1024;

/// A line that is shorter is never written in pieces.
const SHORTEST_IN_PIECES: usize = 4 * 1024;

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
    let mut look = Look {
        cluster,
        place,
        watch,
        need,
        tally: Tally::default(),
        doubts: Vec::new(),
        gaps: Vec::new(),
        reach: Some(need),
    };
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
        let serving = self.serving(&pods);
        self.in_full(&serving, begun).await;
        if self.tally.hit.is_some() {
            return;
        }
        self.catch_up(&serving, begun).await;
        // Last, so that a pod that goes while the others' logs are read is seen as well.
        if self.tally.hit.is_none() {
            let still = controllers::unchanged(self.cluster, self.place, &pods, self.need).await;
            self.doubts.extend(still.err());
        }
    }

    /// The pods that may have served since the logs must be readable.
    fn serving(&mut self, pods: &[Pod]) -> Vec<Controller> {
        let (mut serving, mut doubts) = (Vec::new(), Vec::new());
        for pod in pods {
            match controllers::readable(pod, &self.place.container, self.need) {
                Ok(found) => serving.extend(found),
                Err(why) => doubts.push(why),
            }
        }
        if serving.is_empty() && doubts.is_empty() {
            doubts.push("no pod of the ingress controller runs: nothing tells who asked for the slot".to_owned());
        }
        self.doubts.extend(doubts);
        serving
    }

    /// Reads every log from its beginning.
    async fn in_full(&mut self, serving: &[Controller], begun: Instant) {
        for controller in serving {
            self.tally.opened_after = begun.elapsed();
            self.controller(controller).await;
            if self.tally.hit.is_some() {
                return;
            }
        }
    }

    /// Reading takes time, and somebody may come back in it: what was logged meanwhile is read as well, until that
    /// takes but a moment.
    async fn catch_up(&mut self, serving: &[Controller], begun: Instant) {
        let mut read_at = Duration::ZERO;
        loop {
            let now = begun.elapsed();
            if now.saturating_sub(read_at) <= MOMENT || self.tally.hit.is_some() || !self.doubts.is_empty() {
                return;
            }
            let since = self.watch.now.saturating_add(read_at).and_then(|at| at.saturating_sub(OVERLAP)).ok();
            for controller in serving {
                self.tally.opened_after = begun.elapsed();
                let read = self.stream(&controller.pod, false, since).await;
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
                Ok(Reading { first, .. }) => lives.push(Life { started, earliest: first }),
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

    /// Reads one log to its end, or to a hit.
    async fn stream(&mut self, pod: &str, previous: bool, since: Option<Timestamp>) -> Result<Reading, String> {
        let wanted = LogParams { previous, since_time: since, ..self.wanted() };
        let which = if previous { "log before the restart" } else { "log" };
        let what = format!("the {which} of the controller pod {pod} cannot be read");
        let end = self.end(&what, pod, &wanted).await?;
        let stream = self.cluster.answer(&what, self.api().log_stream(pod, &wanted)).await?;
        let read = read_all(stream, self.watch, &mut self.tally).await.map_err(|why| format!("{what}: {why}"))?;
        let ended = end.is_none_or(|end| read.last >= Some(end.time) || read.ends_with(&end));
        if self.tally.hit.is_none() && !ended {
            // The API server ends its answer as if it were whole when the kubelet's breaks off.
            return Err(format!("{what}: it broke off before its end, at {}", shown(read.last)));
        }
        Ok(read)
    }

    /// A log's last line, or its last piece; none of an empty log.
    async fn end(&self, what: &str, pod: &str, wanted: &LogParams) -> Result<Option<Last>, String> {
        let last = LogParams { tail_lines: Some(1), limit_bytes: Some(PIECE_BYTES), ..wanted.clone() };
        stamp(&self.cluster.answer(what, self.api().logs(pod, &last)).await?).map_err(|why| format!("{what}: {why}"))
    }

    fn wanted(&self) -> LogParams {
        LogParams { container: Some(self.place.container.clone()), timestamps: true, ..LogParams::default() }
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.place.namespace)
    }
}

/// The line that is the last one of a log, or its last piece; none of an empty log.
fn stamp(line: &str) -> Result<Option<Last>, String> {
    let line = line.trim_end_matches('\n');
    let (first, text) = line.split_once(' ').unwrap_or((line, ""));
    if first.trim().is_empty() {
        return Ok(None);
    }
    let time = first.parse().map_err(|_| plain(line.trim()))?;
    Ok(Some(Last { time, stamp: first.len(), text: text.as_bytes().to_vec() }))
}

/// The last line of a log, or its last piece.
struct Last {
    time: Timestamp,
    /// How long its time is.
    stamp: usize,
    text: Vec<u8>,
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "its beginning".to_owned(), |time| time.strftime("%H:%M:%S UTC").to_string())
}

/// What was read of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The time of the first line.
    pub first: Option<Timestamp>,
    /// The latest time of any.
    pub last: Option<Timestamp>,
    /// The last line, or its end, if it is so long that it may have been written in pieces.
    end: Vec<u8>,
}

impl Reading {
    /// True if the last piece of a log is the end of the last line that was read, and not a line of its own: the pieces have
    /// times of their own, and the line has that of the first.
    fn ends_with(&self, last: &Last) -> bool {
        !last.text.is_empty() && self.end.len() > 2 * last.stamp + last.text.len() && self.end.ends_with(&last.text)
    }

    fn keep_end(&mut self, line: &str) {
        self.end.clear();
        if line.len() >= SHORTEST_IN_PIECES {
            self.end.extend_from_slice(line.as_bytes());
        }
    }
}

/// Reads a stream line by line in constant memory, to its end or to a hit.
///
/// # Errors
/// When it breaks off, or ends in the middle of a line.
pub async fn read_all(stream: impl AsyncBufRead, watch: &Watch, tally: &mut Tally) -> Result<Reading, String> {
    let mut read = Reading::default();
    let take = |piece: Piece<'_>| {
        let (time, end) = match piece {
            Piece::Line(line) => (tally.take(watch, line)?, line),
            Piece::Overlong(head, tail) => (tally.take_overlong(watch, head, tail)?, tail),
        };
        (read.first, read.last) = (read.first.or(time), read.last.max(time));
        read.keep_end(end);
        ControlFlow::Continue(())
    };
    match each_line(pin!(stream), take).await {
        Ok(End::WithinLine) => Err("it ends in the middle of a line".to_owned()),
        Ok(End::Whole | End::Enough(())) => Ok(read),
        Err(error) => Err(plain(&error.to_string())),
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
