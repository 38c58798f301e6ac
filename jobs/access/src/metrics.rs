//! What has the controller done, and does it still see the Slots?

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// For how long what was seen counts as known after the API server was last heard of: two watch calls and a little.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// The numbers, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    writes: Family<Wrote, Counter>,
    bindings: Gauge,
    behind: Gauge,
    age: Gauge<f64, AtomicU64>,
    listed: AtomicBool,
    started: Instant,
    /// Milliseconds from `started` to the last answer of the API server.
    heard: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Wrote {
    outcome: &'static str,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The binding is as the claim.
    Written,
    /// It was refused, or nobody answered.
    Failed,
}

impl Metrics {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hotdesk_access"),
            writes: Family::default(),
            bindings: Gauge::default(),
            behind: Gauge::default(),
            age: Gauge::default(),
            listed: AtomicBool::new(false),
            started: now,
            heard: AtomicU64::new(0),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("writes", "Writes of RoleBindings, by how they ended", self.writes.clone());
        r.register("slots", "Slots where access follows the claim", self.bindings.clone());
        r.register("behind", "Slots whose rights could not be brought to the claim yet", self.behind.clone());
        let age = self.age.clone();
        r.register_with_unit("watch_age", "Time since the API server was last heard of", Unit::Seconds, age);
        for outcome in [Outcome::Written, Outcome::Failed] {
            drop(self.writes.get_or_create(&Wrote { outcome: outcome.word() }));
        }
    }

    /// The API server answered.
    pub fn hear(&self) {
        let at = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.fetch_max(at, Ordering::AcqRel);
    }

    /// What has been read.
    pub fn seen(&self, listed: bool, bindings: usize) {
        self.listed.store(listed, Ordering::Release);
        self.bindings.set(i64::try_from(bindings).unwrap_or(i64::MAX));
    }

    /// How many slots wait for another attempt.
    pub fn behind(&self, slots: usize) {
        self.behind.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    /// Counts a write.
    pub fn wrote(&self, outcome: Outcome) {
        self.writes.get_or_create(&Wrote { outcome: outcome.word() }).inc();
    }

    /// Why rights may not follow the claims at the moment; nothing if they do.
    #[must_use]
    pub fn reason_against(&self, now: Instant) -> Option<&'static str> {
        if !self.listed.load(Ordering::Acquire) {
            return Some("the Slots and RoleBindings have not been read yet");
        }
        (self.age(now) >= TRUSTED_FOR).then_some("the API server has not been heard of for a minute")
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// Never for a text in memory; the encoder asks for it.
    pub fn encode(&self, now: Instant) -> Result<String, std::fmt::Error> {
        self.age.set(self.age(now).as_secs_f64());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn age(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Acquire));
        now.saturating_duration_since(self.started).saturating_sub(heard)
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_while_everything_was_read_and_the_api_server_answers() {
        let start = Instant::now();
        let metrics = Metrics::new(start);
        assert_eq!(metrics.reason_against(start), Some("the Slots and RoleBindings have not been read yet"));
        metrics.seen(true, 3);
        assert_eq!(metrics.reason_against(start + Duration::from_secs(59)), None);
        assert!(metrics.reason_against(start + Duration::from_secs(61)).is_some());
        let text = metrics.encode(start).unwrap();
        for line in ["hotdesk_access_slots 3", "hotdesk_access_writes_total{outcome=\"failed\"} 0"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
