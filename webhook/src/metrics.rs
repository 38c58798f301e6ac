//! What can be seen of the webhook from outside?
//!
//! Label values come from small fixed sets: no slot, no user name, nothing that a request could make up.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::answer::{DecisionRecord, Path};
use crate::decide::Role;
use crate::review::Operation;
use crate::slot_cache::SlotCache;

/// From a tenth of a millisecond, which a small review takes, to the few seconds that an API server waits.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

/// The counters, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Family<Decided, Counter>,
    refused: Family<Refused, Counter>,
    allowed: Allowed,
    durations: Durations,
    break_glass: Counter,
    in_flight: Gauge,
    slots: Gauge,
    synced: Gauge,
    age: Gauge<f64, std::sync::atomic::AtomicU64>,
    expiry: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    operation: &'static str,
    decision: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    path: &'static str,
}

/// Of the decisions, those of nearly every review: by a claimant. They are held here, for to look them up takes longer than
/// to count.
#[derive(Debug)]
struct Allowed {
    create: Counter,
    update: Counter,
    delete: Counter,
    connect: Counter,
}

/// How long answers took, by the path.
#[derive(Debug)]
struct Durations {
    all: Family<Answered, Histogram, fn() -> Histogram>,
    mutate: Histogram,
    validate: Histogram,
    slots: Histogram,
}

/// Counts a review as under way until it is dropped.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Gauge);

impl Default for Metrics {
    fn default() -> Self {
        let decisions = Family::default();
        let mut metrics = Self {
            registry: Registry::with_prefix("hotdesk_webhook"),
            allowed: Allowed::of(&decisions),
            decisions,
            refused: Family::default(),
            durations: Durations::default(),
            break_glass: Counter::default(),
            in_flight: Gauge::default(),
            slots: Gauge::default(),
            synced: Gauge::default(),
            age: Gauge::default(),
            expiry: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("decisions", "Reviews answered, by what was decided and why", self.decisions.clone());
        r.register("refused_requests", "Requests that were not a review that could be answered", self.refused.clone());
        r.register("break_glass", "Writes allowed to a break-glass group", self.break_glass.clone());
        r.register("in_flight", "Reviews being read or answered", self.in_flight.clone());
        r.register("slots", "Slots known", self.slots.clone());
        r.register("synced", "1 if the Slots are known and up to date, else 0", self.synced.clone());
        r.register_with_unit(
            "watch_age",
            "Time since the API server was last heard of",
            Unit::Seconds,
            self.age.clone(),
        );
        r.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate shown expires, in Unix time; 0 if there is none",
            Unit::Seconds,
            self.expiry.clone(),
        );
        r.register_with_unit(
            "review_duration",
            "Time from a review's first byte to its answer",
            Unit::Seconds,
            self.durations.all.clone(),
        );
    }

    /// Counts an answer.
    pub fn answered(&self, path: Path, note: &DecisionRecord<'_>, took: Duration) {
        let allowed = (note.decision == "allow" && note.reason == Role::Claimant.as_str())
            .then(|| self.allowed.by(note.operation));
        match allowed.flatten() {
            Some(counter) => counter.inc(),
            None => self.decisions.get_or_create(&Decided::of(note)).inc(),
        };
        self.durations.of(path).observe(took.as_secs_f64());
        if note.reason == "break-glass" {
            self.break_glass.inc();
        }
    }

    /// Counts a request that was not a review.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// Counts a review as under way.
    #[must_use]
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// Never for a text in memory; the encoder asks for it.
    pub fn encode(
        &self,
        slot_cache: &SlotCache,
        expires: Option<jiff::Timestamp>,
        now: std::time::Instant,
    ) -> Result<String, std::fmt::Error> {
        self.slots.set(i64::try_from(slot_cache.len()).unwrap_or(i64::MAX));
        self.synced.set(i64::from(slot_cache.is_synced(now)));
        self.age.set(slot_cache.age(now).as_secs_f64());
        self.expiry.set(expires.map_or(0, jiff::Timestamp::as_second));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Decided {
    fn of(note: &DecisionRecord<'_>) -> Self {
        let operation = if note.operation.is_empty() { "unknown" } else { note.operation };
        Self { operation, decision: note.decision, reason: note.reason }
    }
}

impl Allowed {
    fn of(decisions: &Family<Decided, Counter>) -> Self {
        let counter = |operation: Operation| {
            let decided = Decided { operation: operation.as_str(), decision: "allow", reason: Role::Claimant.as_str() };
            decisions.get_or_create_owned(&decided)
        };
        Self {
            create: counter(Operation::Create),
            update: counter(Operation::Update),
            delete: counter(Operation::Delete),
            connect: counter(Operation::Connect),
        }
    }

    fn by(&self, operation: &str) -> Option<&Counter> {
        match operation {
            "CREATE" => Some(&self.create),
            "UPDATE" => Some(&self.update),
            "DELETE" => Some(&self.delete),
            "CONNECT" => Some(&self.connect),
            _ => None,
        }
    }
}

impl Default for Durations {
    fn default() -> Self {
        let all: Family<Answered, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let of = |path: Path| all.get_or_create_owned(&Answered { path: path.as_str() });
        let (mutate, validate, slots) = (of(Path::Mutate), of(Path::Validate), of(Path::Slots));
        Self { all, mutate, validate, slots }
    }
}

impl Durations {
    fn of(&self, path: Path) -> &Histogram {
        match path {
            Path::Mutate => &self.mutate,
            Path::Validate => &self.validate,
            Path::Slots => &self.slots,
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Path {
    /// One word for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
            Self::Slots => "slots",
        }
    }
}

#[cfg(test)]
mod tests;
