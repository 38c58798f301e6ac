//! What has the sync done, and how old is what it knows?

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::plan::{Plan, What};
use hotdesk_sheet::Kind;

/// The numbers, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    writes: Family<WriteLabels, Counter>,
    problems: Family<ProblemLabels, Gauge>,
    rows: Gauge,
    slots: Gauge,
    held_back: Gauge,
    last_success: Gauge<f64, AtomicU64>,
    age: Gauge<f64, AtomicU64>,
    /// When a pass last succeeded, in milliseconds of Unix time; 0 if none has.
    succeeded: AtomicI64,
    /// When a pass last ended in any way.
    ended: AtomicI64,
    started: i64,
    leaving: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProblemLabels {
    kind: &'static str,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Read, judged and written.
    Success,
    /// The source could not be read.
    Unreadable,
    /// Clearing was held back.
    HeldBack,
    /// The API server did not answer, or not as hoped.
    Cluster,
}

impl Metrics {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hotdesk_sync"),
            passes: Family::default(),
            writes: Family::default(),
            problems: Family::default(),
            rows: Gauge::default(),
            slots: Gauge::default(),
            held_back: Gauge::default(),
            last_success: Gauge::default(),
            age: Gauge::default(),
            succeeded: AtomicI64::new(0),
            ended: AtomicI64::new(0),
            started: now.as_millisecond(),
            leaving: AtomicBool::new(false),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("passes", "Passes, by how they ended", self.passes.clone());
        r.register("claims_written", "Writes of Slots, by what they came to", self.writes.clone());
        r.register("problems", "Problems in the sheet at the last reading, by sort", self.problems.clone());
        r.register("rows", "Rows of the sheet at the last reading", self.rows.clone());
        r.register("slots", "Slots whose claim is the sheet's", self.slots.clone());
        r.register("held_back", "1 while most claims would go and nobody has confirmed it", self.held_back.clone());
        let (stamp, age) = (self.last_success.clone(), self.age.clone());
        r.register_with_unit(
            "last_success_timestamp",
            "When the sheet was last read and applied, in Unix time; 0 if never",
            Unit::Seconds,
            stamp,
        );
        r.register_with_unit(
            "age",
            "How old the sheet is that the Slots follow; counted from the start if none was read",
            Unit::Seconds,
            age,
        );
        for outcome in [Outcome::Success, Outcome::Unreadable, Outcome::HeldBack, Outcome::Cluster] {
            drop(self.passes.get_or_create(&PassLabels { outcome: outcome.word() }));
        }
        What::ALL.iter().for_each(|what| drop(self.writes.get_or_create(&WriteLabels { what: what.word() })));
        Kind::ALL.iter().for_each(|kind| drop(self.problems.get_or_create(&ProblemLabels { kind: kind.word() })));
    }

    /// Notes how a pass ended.
    pub fn ended(&self, outcome: Outcome, now: Timestamp) {
        self.passes.get_or_create(&PassLabels { outcome: outcome.word() }).inc();
        self.ended.store(now.as_millisecond(), Ordering::Release);
        if outcome == Outcome::Success {
            self.succeeded.store(now.as_millisecond(), Ordering::Release);
        }
    }

    /// Notes what the sheet holds.
    pub fn judged(&self, rows: usize, slots: usize, plan: &Plan) {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.rows.set(number(rows));
        self.slots.set(number(slots));
        self.held_back.set(i64::from(plan.held_back.is_some()));
        for kind in Kind::ALL {
            let count = plan.problems.iter().filter(|problem| problem.kind == kind).count();
            self.problems.get_or_create(&ProblemLabels { kind: kind.word() }).set(number(count));
        }
    }

    /// Notes a write that changed something.
    pub fn wrote(&self, what: What) {
        self.writes.get_or_create(&WriteLabels { what: what.word() }).inc();
    }

    /// When a pass last succeeded.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        let at = self.succeeded.load(Ordering::Acquire);
        (at != 0).then(|| Timestamp::from_millisecond(at).unwrap_or_default())
    }

    /// When a pass last ended, or the program began.
    #[must_use]
    pub fn last_sign(&self) -> Timestamp {
        let at = self.ended.load(Ordering::Acquire).max(self.started);
        Timestamp::from_millisecond(at).unwrap_or_default()
    }

    /// From now on: not ready.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Why this program does no work yet, or no more.
    #[must_use]
    pub fn reason_against(&self) -> Option<&'static str> {
        if self.leaving.load(Ordering::Acquire) {
            return Some("shutting down");
        }
        self.last_success().is_none().then_some("the sheet has not been read and applied yet; the log says why")
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// Never for a text in memory; the encoder asks for it.
    pub fn encode(&self, now: Timestamp) -> Result<String, std::fmt::Error> {
        let success = self.succeeded.load(Ordering::Acquire);
        let since = if success == 0 { self.started } else { success };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit for the next hundred thousand years")]
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        self.last_success.set(seconds(success));
        self.age.set(seconds((now.as_millisecond() - since).max(0)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Unreadable => "unreadable",
            Self::HeldBack => "held-back",
            Self::Cluster => "cluster",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_counts_from_the_last_success() {
        let start: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
        let later = |seconds| start + jiff::SignedDuration::from_secs(seconds);
        let metrics = Metrics::new(start);
        let has = |text: &str, at: Timestamp| {
            let shown = metrics.encode(at).unwrap();
            assert!(shown.contains(text), "{shown} lacks {text}");
        };
        has("hotdesk_sync_age_seconds 30.0", later(30));
        has("hotdesk_sync_last_success_timestamp_seconds 0.0", later(30));
        assert!(metrics.reason_against().is_some());
        metrics.ended(Outcome::Success, later(40));
        metrics.ended(Outcome::Unreadable, later(55));
        has("hotdesk_sync_age_seconds 60.0", later(100));
        has("hotdesk_sync_passes_total{outcome=\"unreadable\"} 1", later(100));
        assert_eq!((metrics.reason_against(), metrics.last_sign()), (None, later(55)));
        metrics.leave();
        assert_eq!(metrics.reason_against(), Some("shutting down"));
    }
}
