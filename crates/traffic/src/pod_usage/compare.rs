//! Did more come in between two readings of the pods' counters than what pods at rest receive?
//!
//! A counter only grows while its sandbox lives. So what came in since an earlier reading, or since the pod started, is never
//! less than what came within the window; what no reading can tell is a doubt.

use hotdesk_slots::pod_usage::{MAX_PODS, PodReading, PodUsage, PodUse};
use hotdesk_slots::text::{human_duration, human_time, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::settings::Floor;
use super::{Finding, Usage};
use crate::log::scan::CLOCK_TOLERANCE;

/// Readings that are closer to each other tell of a moment, in which one page is much.
const STEP: SignedDuration = SignedDuration::from_mins(30);

/// What one pod's counters say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The pod.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// When its sandbox was made.
    pub started: Timestamp,
    /// When the counters had these values.
    pub at: Timestamp,
    /// Bytes received.
    pub bytes: u64,
    /// Those of them that probes brought.
    pub probe_bytes: u64,
    /// CPU time, in milliseconds.
    pub cpu_ms: u64,
}

/// What is asked of the counters.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What counts.
    pub floor: Floor,
    /// The start of the window.
    pub since: Timestamp,
    /// When the run looks.
    pub now: Timestamp,
    /// What the last run kept.
    pub before: Option<&'a PodUsage>,
}

/// Compares the counters of now with what was kept.
#[must_use]
pub fn compare(asked: &Asked<'_>, samples: &[Sample]) -> Usage {
    if samples.len() > MAX_PODS {
        let (number, most) = (samples.len(), MAX_PODS);
        return Usage::unclear(format!("the slot has {number} pods, and no more than {most} are compared"));
    }
    let mut found = Found::default();
    let before = asked.before.filter(|before| found.is_believed(before, asked.now));
    for sample in samples {
        found.pod(sample, before, asked);
    }
    found.gone(samples, before);
    let last_use = found.last_use(asked).or_else(|| before.and_then(|before| before.last_use.clone()));
    let clear = found.above.is_empty() && found.doubts.is_empty();
    let since = match (clear, before) {
        (false, _) => asked.now,
        (true, Some(before)) => before.since.0,
        // All that the pods have ever received is less than what they may in the window.
        (true, None) => asked.since,
    };
    // A reading stays until it is old enough to compare a later one with; one that cannot be compared any more does not.
    let stays =
        before.filter(|before| found.doubts.is_empty() && asked.now.duration_since(before.through.0) < asked.step());
    let kept = match stays {
        Some(before) => PodUsage { last_use: last_use.clone(), ..before.clone() },
        None => PodUsage {
            since: Time(since),
            through: Time(asked.now),
            last_use: last_use.clone(),
            pods: found.readings.clone(),
        },
    };
    Usage { finding: found.told(asked, last_use.as_ref(), since, samples.len()), kept: Some(kept) }
}

/// From where a pod's counters are compared.
struct Base {
    at: Timestamp,
    bytes: u64,
    probe_bytes: u64,
    cpu_ms: u64,
    quietest: Option<i64>,
}

/// A pod that received or used more than it may.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Excess {
    pub(super) name: String,
    pub(super) from: Timestamp,
    pub(super) over: SignedDuration,
    /// Beyond probes; none if that is below the floor.
    pub(super) bytes: Option<u64>,
    /// Beyond the quietest hour, in cores; none if that is below the floor.
    pub(super) cores: Option<f64>,
}

#[derive(Default)]
struct Found {
    above: Vec<Excess>,
    doubts: Vec<String>,
    readings: Vec<PodReading>,
    /// The most that a pod received in a second.
    most: f64,
}

impl Found {
    fn is_believed(&mut self, before: &PodUsage, now: Timestamp) -> bool {
        let ahead = before.through.0.duration_since(now) > CLOCK_TOLERANCE;
        if ahead {
            self.doubts.push(format!("the last reading is from the future ({}): check the clocks", before.through.0));
        }
        !ahead
    }

    fn pod(&mut self, sample: &Sample, before: Option<&PodUsage>, asked: &Asked<'_>) {
        let old = before.and_then(|before| before.pods.iter().find(|old| old.uid == sample.uid));
        let base = base(sample, old).and_then(|base| {
            let over = sample.at.duration_since(base.at);
            let stale = asked.now.duration_since(sample.at) > CLOCK_TOLERANCE;
            let name = sanitize_short(&sample.name);
            match () {
                () if stale => {
                    Err(format!("the counters of the pod {name} are of {}", human_time(sample.at, asked.now)))
                }
                () if over < -CLOCK_TOLERANCE => {
                    Err(format!("the counters of the pod {name} are older than the last reading"))
                }
                () => Ok((base, over.max(SignedDuration::ZERO))),
            }
        });
        let quietest = match base {
            Ok((base, over)) => {
                self.compared(sample, &base, over, asked, old.is_some());
                base.quietest_after(sample, over, asked.step())
            }
            Err(why) => {
                self.doubts.push(why);
                None
            }
        };
        self.readings.push(reading(sample, quietest));
    }

    fn compared(&mut self, sample: &Sample, base: &Base, over: SignedDuration, asked: &Asked<'_>, read_before: bool) {
        let excess = base.excess(sample, over, asked);
        if over.is_positive() {
            self.most = self.most.max(float(base.received(sample)) / over.as_secs_f64());
        }
        match excess {
            None => {}
            Some(excess) if asked.is_about_the_window(over) => self.above.push(excess),
            Some(excess) => {
                let (name, much) = (sanitize_short(&excess.name), bytes(base.received(sample)));
                self.doubts.push(if read_before {
                    format!(
                        "the last reading of the pod {name} is {} old, and how much of {much} came within the window the next \
                         run can tell",
                        human_duration(over)
                    )
                } else {
                    format!(
                        "the pod {name} has received {much} since it started, and how much of it within the window the next run \
                         can tell, for this is the first reading"
                    )
                });
            }
        }
    }

    /// What a pod received since its last reading goes with it.
    fn gone(&mut self, samples: &[Sample], before: Option<&PodUsage>) {
        let Some(before) = before else { return };
        let mut gone = before.pods.iter().filter(|old| !samples.iter().any(|sample| sample.uid == old.uid));
        let Some(first) = gone.next() else { return };
        let more = gone.count();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        self.doubts.push(format!(
            "the pod {}{more} is gone since {}, and what it had received went with it; the next run can tell",
            sanitize_short(&first.name),
            before.through.0.strftime("%H:%M UTC")
        ));
    }

    fn last_use(&self, asked: &Asked<'_>) -> Option<PodUse> {
        let detail = told(&self.above, &asked.floor, asked.now)?;
        Some(PodUse { at: Time(asked.now), detail })
    }

    fn told(&self, asked: &Asked<'_>, last_use: Option<&PodUse>, since: Timestamp, pods: usize) -> Finding {
        if let Some(seen) = last_use.filter(|seen| seen.at.0 >= asked.since) {
            let earlier = seen.at.0 < asked.now;
            let found =
                if earlier { format!(", found at {}", human_time(seen.at.0, asked.now)) } else { String::new() };
            return Finding::Above { at: seen.at.0.min(asked.now), detail: format!("{}{found}", seen.detail) };
        }
        if let [first, more @ ..] = self.doubts.as_slice() {
            let more = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
            return Finding::Unclear(format!("{first}{more}"));
        }
        if since > asked.since {
            return Finding::Unclear(format!(
                "the readings join up only since {}, and the window begins at {}; a later run can tell",
                since.strftime("%H:%M:%S UTC"),
                asked.since.strftime("%H:%M:%S UTC")
            ));
        }
        Finding::Quiet(quiet(pods, self.most))
    }
}

/// Why nothing speaks against it.
pub(super) fn quiet(pods: usize, most: f64) -> String {
    match pods {
        0 => "no pod runs".to_owned(),
        1 => format!("the pod received {most:.0} B/s beyond its probes"),
        pods => format!("none of {pods} pods received more than {most:.0} B/s beyond its probes"),
    }
}

fn base(sample: &Sample, old: Option<&PodReading>) -> Result<Base, String> {
    let Some(old) = old else {
        // All that it has ever counted.
        return Ok(Base { at: sample.started, bytes: 0, probe_bytes: 0, cpu_ms: 0, quietest: None });
    };
    let whole = |value: i64| u64::try_from(value).unwrap_or_default();
    let (bytes, cpu_ms) = (whole(old.bytes), whole(old.cpu_ms));
    let began = old.started.0.as_second() != sample.started.as_second();
    if began || sample.bytes < bytes || sample.cpu_ms < cpu_ms {
        return Err(format!(
            "the counters of the pod {} began again since {}, and what they had counted is gone; the next run can tell",
            sanitize_short(&sample.name),
            old.at.0.strftime("%H:%M UTC")
        ));
    }
    Ok(Base { at: old.at.0, bytes, probe_bytes: whole(old.probe_bytes), cpu_ms, quietest: old.quietest })
}

impl Base {
    /// Beyond what probes brought. A kubelet that restarted has counted fewer probes, so less is taken off.
    fn received(&self, sample: &Sample) -> u64 {
        let probes = sample.probe_bytes.saturating_sub(self.probe_bytes);
        sample.bytes.saturating_sub(self.bytes).saturating_sub(probes)
    }

    fn cpu(&self, sample: &Sample) -> f64 {
        float(sample.cpu_ms.saturating_sub(self.cpu_ms)) / 1000.0
    }

    fn excess(&self, sample: &Sample, over: SignedDuration, asked: &Asked<'_>) -> Option<Excess> {
        let received = self.received(sample);
        let bytes = (float(received) > asked.allowed(asked.floor.bytes, over)).then_some(received);
        let usual = self.quietest.map(|quietest| signed(quietest) / 1e6 * over.as_secs_f64());
        let beyond = usual.map(|usual| self.cpu(sample) - usual);
        let beyond = beyond.filter(|beyond| *beyond > asked.allowed(asked.floor.cores, over));
        let cores = beyond.map(|beyond| beyond / over.max(asked.step()).as_secs_f64());
        let (name, from) = (sample.name.clone(), self.at);
        (bytes.is_some() || cores.is_some()).then_some(Excess { name, from, over, bytes, cores })
    }

    /// The mean of the quietest time that was long enough.
    fn quietest_after(&self, sample: &Sample, over: SignedDuration, step: SignedDuration) -> Option<i64> {
        if over < step || !over.is_positive() {
            return self.quietest;
        }
        let mean = whole(self.cpu(sample) / over.as_secs_f64() * 1e6);
        Some(self.quietest.map_or(mean, |quietest| quietest.min(mean)))
    }
}

impl Asked<'_> {
    fn window(&self) -> SignedDuration {
        self.now.duration_since(self.since).max(SignedDuration::from_secs(1))
    }

    fn step(&self) -> SignedDuration {
        STEP.min(self.window())
    }

    /// What may come in over a time, at so much a second: as much as may in the window, if the time is longer than that.
    pub(super) fn allowed(&self, a_second: f64, over: SignedDuration) -> f64 {
        a_second * over.clamp(self.step(), self.window()).as_secs_f64()
    }

    /// True if what came in over a time may well have come within the window.
    fn is_about_the_window(&self, over: SignedDuration) -> bool {
        over <= self.window().saturating_mul(2)
    }
}

fn reading(sample: &Sample, quietest: Option<i64>) -> PodReading {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    PodReading {
        uid: sample.uid.clone(),
        name: sample.name.clone(),
        started: Time(sample.started),
        at: Time(sample.at),
        bytes: count(sample.bytes),
        probe_bytes: count(sample.probe_bytes),
        cpu_ms: count(sample.cpu_ms),
        quietest,
    }
}

/// What was above the floor, in one sentence; none if nothing was.
pub(super) fn told(above: &[Excess], floor: &Floor, now: Timestamp) -> Option<String> {
    let received: Vec<(&Excess, u64)> = above.iter().filter_map(|excess| Some((excess, excess.bytes?))).collect();
    let rate = |(excess, received): &(&Excess, u64)| {
        float(*received) / excess.over.max(SignedDuration::from_secs(1)).as_secs_f64()
    };
    let busiest = received.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
    let by_bytes = busiest.map(|most| {
        let all = received.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
        let from = received.iter().map(|(excess, _)| excess.from).min().unwrap_or(now);
        format!(
            "the pods received {} that no log explains since {} ({}: {:.0} B/s, and the floor is {:.0} B/s)",
            bytes(all),
            human_time(from, now),
            sanitize_short(&most.0.name),
            rate(most),
            floor.bytes
        )
    });
    let working = above.iter().filter_map(|excess| Some((excess, excess.cores?)));
    let by_cpu = working.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(excess, cores)| {
        let name = sanitize_short(&excess.name);
        format!("the pod {name} used {cores:.3} cores more than in its quietest hour, which no log explains")
    });
    match (by_bytes, by_cpu) {
        (Some(bytes), Some(cpu)) => Some(format!("{bytes}; {cpu}")),
        (bytes, cpu) => bytes.or(cpu),
    }
}

/// A number of bytes as people say it.
#[must_use]
pub fn bytes(number: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = float(number);
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && value < 10.0);
    format!("{value:.digits$} {}", units.get(unit).unwrap_or(&"B"))
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 15 digits")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "as above")]
fn signed(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a number of cores fits, and saturates where it does not")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests;
