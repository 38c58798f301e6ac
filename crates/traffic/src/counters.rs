//! Did anybody use the slot between two samples of the controllers' counters?
//!
//! A counter only grows while its process lives, so two equal samples of the same process mean that nobody was there in
//! between, however far apart they are. What a process counted that is gone, nobody knows.

pub mod exposition;

use std::collections::BTreeSet;

use hotdesk_slots::counted::{Counted, MAX_PODS, PodCount};
use hotdesk_slots::text::{human_time, sanitize_short};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest as _, Sha256};

use crate::attribute::{Names, Whose};
use crate::log::scan::CLOCK_TOLERANCE;
use exposition::Series;

/// The most series of one slot in one pod: beyond it, something else than a slot is counted.
const MAX_SERIES: usize = 20_000;

/// What one pod has counted since its process started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodTally {
    /// All requests, of anybody.
    pub everybody: f64,
    /// The slot's.
    ours: f64,
    /// What may be the slot's, or was.
    doubtful: f64,
    doubtful_name: Option<String>,
    name: Option<String>,
    series: BTreeSet<String>,
    problem: Option<String>,
}

impl PodTally {
    /// Takes one line that is of interest.
    pub fn take(&mut self, series: Result<Series<'_>, &'static str>, names: &Names) {
        let series = match series {
            Ok(series) => series,
            Err(why) => {
                self.problem.get_or_insert_with(|| format!("a counter of requests cannot be read: {why}"));
                return;
            }
        };
        let (whose, exists) = names.judge(&series.entry);
        self.everybody += if exists { series.value } else { 0.0 };
        let name =
            || sanitize_short(series.entry.upstream.as_deref().or(series.entry.namespace.as_deref()).unwrap_or("?"));
        match whose {
            Whose::Theirs => return,
            Whose::Ours => {
                self.ours += series.value;
                self.name.get_or_insert_with(name);
            }
            _ => {
                self.doubtful += series.value;
                self.doubtful_name.get_or_insert_with(name);
            }
        }
        if self.series.len() >= MAX_SERIES {
            self.problem.get_or_insert_with(|| format!("it has more than {MAX_SERIES} counters of the slot"));
        } else if !self.series.insert(format!("{} {}", series.identity, series.value)) {
            self.problem.get_or_insert_with(|| "a counter comes twice".to_owned());
        }
    }

    /// Why it cannot be relied on.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The same as it is kept until the next run.
    #[must_use]
    pub fn count(&self, uid: &str, started: Timestamp) -> PodCount {
        let digest =
            self.series.iter().fold(Sha256::new(), |hash, series| hash.chain_update(series).chain_update("\n"));
        let digest = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        PodCount { uid: uid.to_owned(), started: Time(started), requests: whole(self.ours), digest }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a count fits, and saturates where it does not")]
fn whole(value: f64) -> i64 {
    value.ceil() as i64
}

/// One pod's sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The pod's name.
    pub pod: String,
    /// What is kept of it.
    pub count: PodCount,
    /// What it counted.
    pub tally: PodTally,
}

/// What the samples come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What to keep until the next run.
    pub counted: Counted,
    /// Whose counters grew.
    pub used: Option<String>,
    /// Why nothing grown does not mean nobody there.
    pub doubts: Vec<String>,
}

/// Compares the samples of now with what was kept. `unchanged` says whether pods may have come and gone in between.
#[must_use]
pub fn compare(
    source: &str,
    before: Option<&Counted>,
    samples: &[Sample],
    unchanged: Result<(), String>,
    now: Timestamp,
) -> Compared {
    let mut found = Found::default();
    match before {
        None => found.gap(format!("it is counted from now on ({})", human_time(now, now))),
        Some(before) if before.through.0.duration_since(now) > CLOCK_TOLERANCE => {
            found.gap(format!("the last sample is from the future ({}): check the clocks", before.through.0));
        }
        Some(before) => found.all(before, samples),
    }
    if let (Some(_), Err(why)) = (before, unchanged) {
        found.gap(why);
    }
    if samples.len() > MAX_PODS {
        found.gap(format!("the controller has {} pods, and no more than {MAX_PODS} are compared", samples.len()));
    }
    let kept_since = before.map_or(now, |before| before.since.0);
    let restart = found.broken || found.used.is_some();
    let counted = Counted {
        source: source.to_owned(),
        since: Time(if restart { now } else { kept_since }),
        through: Time(now),
        last_use: found
            .used
            .is_some()
            .then_some(Time(now))
            .or_else(|| before.and_then(|before| before.last_use.clone())),
        pods: samples.iter().take(MAX_PODS).map(|sample| sample.count.clone()).collect(),
    };
    Compared { counted, used: found.used, doubts: found.doubts }
}

#[derive(Default)]
struct Found {
    used: Option<String>,
    doubts: Vec<String>,
    broken: bool,
}

impl Found {
    fn gap(&mut self, why: String) {
        self.broken = true;
        self.doubts.push(why);
    }

    fn all(&mut self, before: &Counted, samples: &[Sample]) {
        for sample in samples {
            match before.pods.iter().find(|old| same(old, &sample.count)) {
                Some(old) => self.grown(old, sample),
                None => self.appeared(before, sample),
            }
        }
        let gone = before.pods.iter().filter(|old| !samples.iter().any(|sample| same(old, &sample.count))).count();
        if gone > 0 {
            self.gap(format!(
                "{gone} of the controller's pods restarted or went since {}, and what they had counted went with them",
                before.through.0.strftime("%H:%M:%S UTC")
            ));
        }
    }

    fn grown(&mut self, old: &PodCount, sample: &Sample) {
        if sample.count.requests > old.requests {
            self.used = self.used.take().or_else(|| sample.tally.name.clone());
        } else if sample.count.digest != old.digest {
            let of = sample.tally.doubtful_name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
            self.gap(format!("counters of the slot{of} changed in the pod {} and have not grown, so some may have gone with what they had counted", sanitize_short(&sample.pod)));
        }
    }

    /// All that a pod has counted that started since the last sample was counted since then.
    fn appeared(&mut self, before: &Counted, sample: &Sample) {
        let counted = sample.tally.ours + sample.tally.doubtful > 0.0;
        if sample.count.started.0 <= before.through.0 {
            self.gap(format!("the pod {} was not sampled before", sanitize_short(&sample.pod)));
        } else if sample.tally.ours > 0.0 {
            self.used = self.used.take().or_else(|| sample.tally.name.clone());
        } else if counted {
            let name = sample.tally.doubtful_name.clone().unwrap_or_default();
            self.gap(format!("requests for {name} may have been for the slot"));
        }
    }
}

/// The same process in the same pod.
fn same(a: &PodCount, b: &PodCount) -> bool {
    a.uid == b.uid && a.started == b.started
}

#[cfg(test)]
mod tests;
