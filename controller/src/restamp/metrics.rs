//! What has the restamper done, and does it still see the Slots?

use std::time::Instant;

use hotdesk_runtime::health::Health;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::freshness::Freshness;

/// The numbers, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    objects: Family<Ended, Counter>,
    passes: Family<Ended, Counter>,
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
            freshness: Freshness::new("the Slots", 1, now),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        r.register("objects", "Objects that were patched, by what became of it", self.objects.clone());
        r.register("passes", "Looks at all objects of a slot, by whether any is still wrong", self.passes.clone());
        self.freshness.register(r);
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
        self.freshness.reason_against(Instant::now())
    }

    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.freshness.encode(&self.registry, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_there_from_the_start() {
        let metrics = Metrics::new(Instant::now());
        assert_eq!(metrics.not_ready().as_deref(), Some("the Slots have not been read yet"));
        metrics.freshness().listed();
        assert_eq!(metrics.not_ready(), None);
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
