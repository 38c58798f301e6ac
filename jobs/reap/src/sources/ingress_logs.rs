//! What do the logs of the ingress controller's pods show?
//!
//! Each container's log is read as one stream from its first line on, not from the window on: its
//! first line shows how far back it reaches, and no rotation can come between that and the reading.
//! What comes while the others are read is read behind that, as it was written, and not from a time on.

pub mod reading;
mod resume;

use std::time::Duration;

use hotdesk_slots::covered::Covered;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::LogParams;
use tokio::time::Instant;

use self::reading::{Last, PIECE_BYTES, Reader, Reading};
use self::resume::{Mark, Sequel};
use super::controllers::{self, Controller};
use crate::api::Cluster;
use hotdesk_traffic::log::coverage::{ContainerRun, covers, join, needed, reach};
use hotdesk_traffic::log::scan::{CLOCK_TOLERANCE, LogScan, ScanWindow};
use hotdesk_traffic::observation::Observation as Found;
use hotdesk_traffic::sources::PodSelector;

/// How long all logs together may take: longer than a gibibyte needs, shorter than a run's hour.
const LOOK_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A reading that took no longer needs no second one of what was logged while it ran.
const MOMENT: Duration = Duration::from_secs(10);

/// How much of a log is read by two runs, so that they leave no gap: ours is one clock, the node's another, which is believed
/// as long as it differs by no more.
const OVERLAP: SignedDuration = CLOCK_TOLERANCE;

/// How many of the last lines of a log are asked for first: more than are logged in a moment. All, if those do not reach back.
const LAST_LINES: i64 = 500;

/// Looks for a request of the slot, in all pods, until there is one. What earlier runs have read need not be readable
/// any more; what all of them have covered is given back, if this reading shows nobody. `known` is what this run has read, and
/// then what it has read now: only what came since is read again, where each log certainly goes on.
pub async fn look(
    cluster: &Cluster,
    source: &str,
    place: &PodSelector,
    watch: &ScanWindow,
    earlier: ResumePoint<'_>,
    known: &mut Option<Known>,
) -> (Found, Option<Covered>) {
    let ResumePoint { settings, covered: before } = earlier;
    let need = needed(before, watch.since, OVERLAP);
    let mut look = Observation {
        cluster,
        place,
        watch,
        need,
        tally: LogScan::default(),
        doubts: Vec::new(),
        gaps: Vec::new(),
        reach: Some(need),
        logs: Vec::new(),
    };
    if tokio::time::timeout(LOOK_LIMIT, look.all(known.take())).await.is_err() {
        look.doubts.push(format!("the ingress controller's logs took longer than {} min", LOOK_LIMIT.as_secs() / 60));
    }
    let Observation { mut doubts, gaps, reach, tally, logs, .. } = look;
    doubts.extend(tally.doubts(watch));
    if doubts.is_empty() && gaps.is_empty() && tally.is_plain() {
        *known = Some(Known { watch: watch.clone(), need, reach, logs, tally: tally.clone() });
    }
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
pub struct ResumePoint<'a> {
    /// A digest of whatever decides what a reading can see.
    pub settings: String,
    /// What they covered with the same settings.
    pub covered: Option<&'a Covered>,
}

/// What a run has read of the logs: nobody of the slot, without a doubt or a gap.
#[derive(Debug, Clone)]
pub struct Known {
    /// What was looked for.
    watch: ScanWindow,
    /// From when on the logs had to be readable, and were.
    need: Timestamp,
    reach: Option<Timestamp>,
    /// Whose they were, and where each ended.
    logs: Vec<(Controller, Mark)>,
    /// What their lines came to.
    tally: LogScan,
}

impl Known {
    /// True if a reading of the same lines would have nothing else to say now.
    fn serves(&self, watch: &ScanWindow, need: Timestamp, serving: &[Controller]) -> bool {
        let before = &self.watch;
        let same = before.names == watch.names && before.format == watch.format && before.slot == watch.slot;
        let later = before.since <= watch.since && before.now <= watch.now && self.need <= need;
        let sight = self.tally.newest.is_none_or(|newest| newest >= watch.look_back);
        let pods = self.logs.iter().map(|(controller, _)| controller);
        same && later && before.look_back <= watch.look_back && sight && pods.eq(serving)
    }
}

struct Observation<'a> {
    cluster: &'a Cluster,
    place: &'a PodSelector,
    watch: &'a ScanWindow,
    /// From when on the logs must be readable now.
    need: Timestamp,
    tally: LogScan,
    doubts: Vec<String>,
    /// Why they are not.
    gaps: Vec<String>,
    /// From when on all of them are.
    reach: Option<Timestamp>,
    /// What was read, and where each ended.
    logs: Vec<(Controller, Mark)>,
}

impl Observation<'_> {
    async fn all(&mut self, known: Option<Known>) {
        let begun = Instant::now();
        let pods = match controllers::pods(self.cluster, self.place).await {
            Ok(pods) => pods,
            Err(why) => return self.doubts.push(why),
        };
        let serving = self.serving(&pods);
        let known = known.filter(|known| self.doubts.is_empty() && known.serves(self.watch, self.need, &serving));
        let goes_on = match known {
            Some(known) => self.go_on(known, begun).await,
            None => false,
        };
        if !goes_on {
            self.in_full(&serving, begun).await;
        }
        self.catch_up(begun).await;
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
            let mark = self.controller(controller).await;
            self.logs.extend(mark.map(|mark| (controller.clone(), mark)));
            if self.tally.hit.is_some() {
                return;
            }
        }
    }

    /// Reads of every log what came since this run has read it. False, and nothing is read, if one does not certainly go on.
    async fn go_on(&mut self, known: Known, begun: Instant) -> bool {
        (self.tally, self.reach, self.logs) = (known.tally, known.reach, known.logs);
        let goes_on = self.further(begun).await.is_ok();
        if !goes_on {
            (self.tally, self.reach, self.logs) = (LogScan::default(), Some(self.need), Vec::new());
        }
        goes_on
    }

    /// Reads of every log what came since.
    async fn further(&mut self, begun: Instant) -> Result<(), String> {
        for at in 0..self.logs.len() {
            let Some((controller, mark)) = self.logs.get(at).cloned() else { continue };
            self.tally.opened_after = begun.elapsed();
            let end = self.behind(&controller.pod, &mark).await?;
            if let Some((_, mark)) = self.logs.get_mut(at) {
                *mark = end;
            }
            if self.tally.hit.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Reading takes time, and somebody may come back in it: what was logged since its start is read as well, until that
    /// takes but a moment.
    async fn catch_up(&mut self, begun: Instant) {
        let mut read_at = Duration::ZERO;
        loop {
            let now = begun.elapsed();
            if now.saturating_sub(read_at) <= MOMENT || self.tally.hit.is_some() || !self.doubts.is_empty() {
                return;
            }
            let read = self.further(begun).await;
            self.doubts.extend(read.err());
            read_at = now;
        }
    }

    /// Reads the logs of a pod, and gives back where that of the running container ended.
    async fn controller(&mut self, controller: &Controller) -> Option<Mark> {
        let (mut container_runs, mut marks) = (Vec::new(), Vec::new());
        let before = controller.before.filter(|_| controller.started > self.need);
        for (started, previous) in [(Some(controller.started), false), (before, true)] {
            let Some(started) = started else { continue };
            let all = LogParams { previous, ..self.wanted() };
            match self.stream(&controller.pod, &all, None).await {
                Ok(Reading { first, mark, .. }) => {
                    container_runs.push(ContainerRun { started, earliest: first });
                    marks.push(mark);
                }
                Err(why) => {
                    self.doubts.push(why);
                    return None;
                }
            }
            if self.tally.hit.is_some() {
                return None;
            }
        }
        if let Err(gap) = covers(&container_runs, self.need) {
            self.gaps.push(format!("the controller pod {} {gap}", controller.pod));
            self.reach = self.reach.zip(reach(&container_runs)).map(|(all, this)| all.max(this));
        }
        marks.into_iter().next()
    }

    /// Reads what came behind the end of an earlier reading, and gives back where that ended.
    async fn behind(&mut self, pod: &str, end: &Mark) -> Result<Mark, String> {
        for tail_lines in [Some(LAST_LINES), None] {
            let (wanted, before) = (LogParams { tail_lines, ..self.wanted() }, self.tally.clone());
            let mut resume = Sequel::behind(end);
            let read = self.stream(pod, &wanted, Some(&mut resume)).await?;
            if resume.is_certain() || self.tally.hit.is_some() {
                return Ok(read.mark);
            }
            self.tally = before;
        }
        Err(format!(
            "the log of the controller pod {pod} does not go on where its reading ended: it was rotated, or its container \
             restarted"
        ))
    }

    /// Reads one log to its end, or to a hit.
    async fn stream(
        &mut self,
        pod: &str,
        wanted: &LogParams,
        resume: Option<&mut Sequel<'_>>,
    ) -> Result<Reading, String> {
        let which = if wanted.previous { "log before the restart" } else { "log" };
        let what = format!("the {which} of the controller pod {pod} cannot be read");
        let end = self.end(&what, pod, wanted).await?;
        let stream = self.cluster.answer(&what, self.api().log_stream(pod, wanted)).await?;
        let reader =
            Reader { watch: self.watch, tally: &mut self.tally, end: end.as_ref(), resume, read: Reading::default() };
        let read = reader.all(stream).await.map_err(|why| format!("{what}: {why}"))?;
        if self.tally.hit.is_none() && !read.is_whole {
            // The API server ends its answer as if it were whole when the kubelet's breaks off.
            return Err(format!("{what}: it broke off before its end, at {}", shown(read.last)));
        }
        Ok(read)
    }

    /// A log's last line, or its last piece; none of an empty log.
    async fn end(&self, what: &str, pod: &str, wanted: &LogParams) -> Result<Option<Last>, String> {
        let last = LogParams { tail_lines: Some(1), limit_bytes: Some(PIECE_BYTES), ..wanted.clone() };
        Last::of(&self.cluster.answer(what, self.api().logs(pod, &last)).await?).map_err(|why| format!("{what}: {why}"))
    }

    fn wanted(&self) -> LogParams {
        LogParams { container: Some(self.place.container.clone()), timestamps: true, ..LogParams::default() }
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.place.namespace)
    }
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "its beginning".to_owned(), |time| time.strftime("%H:%M:%S UTC").to_string())
}
