//! What does a Prometheus know of the counters of the slot's pods?
//!
//! It keeps what pods counted that have gone, so no reading is kept for it. A slot's name holds nothing but letters, digits and
//! dashes, so it stands in a query as it is.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};

use super::compare::{Asked, Excess, quiet, told};
use super::probes::Costs;
use super::{Finding, Usage};
use crate::prometheus::samples::{Series, covers};

/// The series of bytes received.
#[must_use]
pub fn received(slot: &str) -> String {
    format!("container_network_receive_bytes_total{{namespace=\"{slot}\",pod!=\"\",interface!=\"lo\"}}")
}

/// The series of CPU time.
#[must_use]
pub fn cpu(slot: &str) -> String {
    format!("container_cpu_usage_seconds_total{{namespace=\"{slot}\",pod!=\"\",container!=\"\",container!=\"POD\"}}")
}

/// The series of probes.
#[must_use]
pub fn probes(slot: &str) -> String {
    format!("prober_probe_total{{namespace=\"{slot}\",result=\"successful\"}}")
}

/// The mean of each pod's quietest hour of the day.
#[must_use]
pub fn quietest(slot: &str) -> String {
    format!("min_over_time((sum by (pod) (rate({}[1h])))[24h:1h])", cpu(slot))
}

/// A pod that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// When it started.
    pub started: Timestamp,
    /// What its probes bring.
    pub costs: Costs,
}

/// What was answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// To [`received`], since a little before the window.
    pub received: Vec<Series>,
    /// To [`cpu`], the same.
    pub cpu: Vec<Series>,
    /// To [`probes`], the same.
    pub probes: Vec<Series>,
    /// To [`quietest`].
    pub quietest: Vec<Series>,
}

/// Judges the answers. `jobs` are the names of pods of Jobs; `gap` is the longest time without a sample that is none.
#[must_use]
pub fn judge(
    asked: &Asked<'_>,
    gap: SignedDuration,
    watched: &[Watched],
    jobs: &BTreeSet<String>,
    answers: &Answers,
) -> Usage {
    let received = by_pod(&answers.received);
    let cpu = by_pod(&answers.cpu);
    let mut doubts = Vec::new();
    for pod in watched {
        doubts.extend(seen(pod, asked, gap, received.get(pod.name.as_str()), cpu.get(pod.name.as_str())));
    }
    let mut most = 0.0_f64;
    let mut above = Vec::new();
    for (pod, series) in received.iter().filter(|(pod, _)| !jobs.contains(**pod)) {
        let known = watched.iter().find(|known| known.name == **pod);
        let grown = Grown::of(known, asked);
        let bytes = grown.bytes(series, of(&answers.probes, pod), &mut doubts);
        most = most.max(bytes / grown.seconds());
        let usual = of(&answers.quietest, pod).filter_map(|series| Some(series.samples.last()?.1)).reduce(f64::min);
        let used: f64 = cpu.get(*pod).into_iter().flatten().map(|series| grown.by(series).0).sum();
        let beyond = usual.map(|usual| used - usual * grown.seconds());
        let beyond = beyond.filter(|beyond| *beyond > asked.allowed(asked.floor.cores, grown.over));
        let received = (bytes > asked.allowed(asked.floor.bytes, grown.over)).then_some(whole(bytes));
        let cores = beyond.map(|beyond| beyond / grown.seconds());
        if received.is_some() || cores.is_some() {
            let name = (*pod).to_owned();
            above.push(Excess { name, from: asked.since, over: grown.over, bytes: received, cores });
        }
    }
    let finding = match (told(&above, &asked.floor, asked.now), doubts.as_slice()) {
        (Some(detail), _) => Finding::Above { at: asked.now, detail },
        (None, [first, more @ ..]) => {
            let more = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
            Finding::Unclear(format!("{first}{more}"))
        }
        (None, []) => Finding::Quiet(quiet(watched.len(), most)),
    };
    Usage { finding, kept: None }
}

type Pods<'a> = BTreeMap<&'a str, Vec<&'a Series>>;

fn by_pod(series: &[Series]) -> Pods<'_> {
    let mut pods: Pods<'_> = BTreeMap::new();
    for one in series {
        if let Some(pod) = one.labels.get("pod") {
            pods.entry(pod).or_default().push(one);
        }
    }
    pods
}

fn of<'a>(series: &'a [Series], pod: &'a str) -> impl Iterator<Item = &'a Series> {
    series.iter().filter(move |series| series.labels.get("pod").is_some_and(|name| name == pod))
}

/// Why it is not known what a pod received, if so.
fn seen(
    pod: &Watched,
    asked: &Asked<'_>,
    gap: SignedDuration,
    received: Option<&Vec<&Series>>,
    cpu: Option<&Vec<&Series>>,
) -> Option<String> {
    let name = sanitize_short(&pod.name);
    let missing = |what: &str| {
        format!(
            "the Prometheus has no {what} of the pod {name}: let it scrape the kubelets' /metrics/cadvisor, with honorLabels"
        )
    };
    let Some(received) = received else { return Some(missing("container_network_receive_bytes_total")) };
    if cpu.is_none() {
        return Some(missing("container_cpu_usage_seconds_total"));
    }
    // A sandbox that was replaced has series of its own.
    let mut samples: Vec<(Timestamp, f64)> =
        received.iter().flat_map(|series| series.samples.iter().copied()).collect();
    samples.sort_by_key(|(at, _)| *at);
    let first = pod.started.saturating_add(gap).unwrap_or(Timestamp::MAX);
    let union = Series { labels: BTreeMap::new(), samples };
    let why = covers(&union, asked.since.max(first), asked.now, gap).err()?;
    Some(format!("the bytes received by the pod {name}: the Prometheus {why}"))
}

/// How the counters of one pod grew.
struct Grown {
    costs: Costs,
    since: Timestamp,
    over: SignedDuration,
    /// True if all that a new series has counted was counted within the window: the pod is new, or is gone and not known.
    from_zero: bool,
}

impl Grown {
    fn of(known: Option<&Watched>, asked: &Asked<'_>) -> Self {
        Self {
            costs: known.map(|known| known.costs.clone()).unwrap_or_default(),
            since: asked.since,
            over: asked.now.duration_since(asked.since),
            from_zero: known.is_none_or(|known| known.started >= asked.since),
        }
    }

    fn seconds(&self) -> f64 {
        self.over.as_secs_f64().max(1.0)
    }

    /// Bytes received beyond probes.
    fn bytes<'s>(
        &self,
        received: &[&Series],
        probes: impl Iterator<Item = &'s Series>,
        doubts: &mut Vec<String>,
    ) -> f64 {
        let mut bytes = 0.0;
        for series in received {
            let (grown, shrank) = self.by(series);
            bytes += grown;
            let first = series.samples.first().map(|(at, _)| *at);
            // Another sandbox of the same pod has a series of its own, and what the one before counted last is not sampled.
            let began_again = shrank.or(first.filter(|at| *at > self.since && !self.from_zero));
            doubts.extend(began_again.map(|at| {
                let pod = sanitize_short(series.labels.get("pod").map(String::as_str).unwrap_or_default());
                let at = at.strftime("%H:%M:%S UTC");
                format!("the counter of bytes received of the pod {pod} began again at {at}")
            }));
        }
        let probed: f64 = probes.map(|series| self.probe_bytes(series)).sum();
        (bytes - probed).max(0.0)
    }

    /// How much a counter grew, and when it began again, if it did.
    fn by(&self, series: &Series) -> (f64, Option<Timestamp>) {
        let (mut grown, mut began_again, mut last) = (0.0, None, None::<f64>);
        for (at, value) in &series.samples {
            let within = *at > self.since;
            let before = last.unwrap_or(if within && self.from_zero { 0.0 } else { *value });
            if *value < before {
                began_again = within.then_some(*at).or(began_again);
                grown += if within { *value } else { 0.0 };
            } else if within {
                grown += *value - before;
            }
            last = Some(*value);
        }
        (grown, began_again)
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
    fn probe_bytes(&self, series: &Series) -> f64 {
        let label = |name: &str| series.labels.get(name).map(String::as_str).unwrap_or_default();
        self.costs.bytes(label("container"), label("probe_type"), self.by(series).0.floor()) as f64
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes, and not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
