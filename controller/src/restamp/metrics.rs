//! What has the restamper done, and does it still see the Slots?

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use hotdesk_runtime::health::Health;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::freshness::Freshness;

/// The numbers, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    objects: Family<Ended, Counter>,
    passes: Family<Ended, Counter>,
    age: Gauge<f64, AtomicU64>,
    freshness: Freshness,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

/// What became of an object that was patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// It carries the stamp now.
    Restamped,
    /// The API server, or a webhook, refused the patch.
    Refused,
    /// The patch went through, and nobody stamped the object.
    Unstamped,
}

impl Metrics {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hotdesk_restamper"),
            objects: Family::default(),
            passes: Family::default(),
            age: Gauge::default(),
            freshness: Freshness::new(1, now),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        r.register("objects", "Objects that were patched, by what became of it", self.objects.clone());
        r.register("passes", "Looks at all objects of a slot, by whether any is still wrong", self.passes.clone());
        let age = self.age.clone();
        r.register_with_unit("watch_age", "Time since the API server was last heard of", Unit::Seconds, age);
        for touched in [Touched::Restamped, Touched::Refused, Touched::Unstamped] {
            drop(self.objects.get_or_create(&Ended { outcome: touched.as_str() }));
        }
        for outcome in ["done", "failed"] {
            drop(self.passes.get_or_create(&Ended { outcome }));
        }
    }

    /// When the API server was last heard of.
    #[must_use]
    pub fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Counts an object that was patched.
    pub fn touched(&self, touched: Touched) {
        self.objects.get_or_create(&Ended { outcome: touched.as_str() }).inc();
    }

    /// Counts a look at a slot.
    pub fn passed(&self, left_wrong: bool) {
        let outcome = if left_wrong { "failed" } else { "done" };
        self.passes.get_or_create(&Ended { outcome }).inc();
    }

    fn reason_against(&self, now: Instant) -> Option<&'static str> {
        if !self.freshness.has_read() {
            return Some("the Slots have not been read yet");
        }
        self.freshness.is_stale(now).then_some("the API server has not been heard of for a minute")
    }
}

impl Touched {
    fn as_str(self) -> &'static str {
        match self {
            Self::Restamped => "restamped",
            Self::Refused => "refused",
            Self::Unstamped => "unstamped",
        }
    }
}

impl Health for Metrics {
    fn not_ready(&self) -> Option<String> {
        self.reason_against(Instant::now()).map(str::to_owned)
    }

    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.age.set(self.freshness.age(Instant::now()).as_secs_f64());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_ready_while_the_slots_were_read_and_the_api_server_answers() {
        let start = Instant::now();
        let metrics = Metrics::new(start);
        assert_eq!(metrics.reason_against(start), Some("the Slots have not been read yet"));
        metrics.freshness().listed();
        assert_eq!(metrics.reason_against(start + Duration::from_secs(59)), None);
        assert!(metrics.reason_against(start + Duration::from_secs(61)).is_some());
        metrics.touched(Touched::Restamped);
        metrics.passed(true);
        let text = metrics.metrics().unwrap();
        for line in [
            "hotdesk_restamper_objects_total{outcome=\"restamped\"} 1",
            "hotdesk_restamper_objects_total{outcome=\"refused\"} 0",
            "hotdesk_restamper_passes_total{outcome=\"failed\"} 1",
            "hotdesk_restamper_build_info{version=",
            "hotdesk_restamper_watch_age_seconds ",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
