//! What has the controller done, and does it still see the Slots?

use std::time::Instant;

use hotdesk_runtime::health::Health;
use hotdesk_slots::requests::RequestPhase;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::freshness::Freshness;
use crate::request::Kind;

/// The Slots, and the bindings.
const LISTS: u8 = 2;

/// The numbers, and the registry that shows them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    reconciled: Family<Ended, Counter>,
    rights: Family<Ended, Counter>,
    behind: Gauge,
    freshness: Freshness,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    kind: &'static str,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be.
    Done,
    /// Something was refused, or nobody answered.
    Failed,
}

impl Metrics {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hotdesk_controller"),
            requests: Family::default(),
            reconciled: Family::default(),
            rights: Family::default(),
            behind: Gauge::default(),
            freshness: Freshness::new("the Slots and RoleBindings", LISTS, now),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        r.register("requests", "Requests of holders that have ended, by how", self.requests.clone());
        r.register(
            "reconciliations",
            "Times that a Slot was brought up to date, by how that ended",
            self.reconciled.clone(),
        );
        r.register("rights_writes", "Writes of RoleBindings, by how they ended", self.rights.clone());
        r.register("rights_behind", "Slots whose rights could not be brought to the claim yet", self.behind.clone());
        self.freshness.register(r);
        for outcome in [Outcome::Done, Outcome::Failed] {
            drop(self.reconciled.get_or_create(&Ended { outcome: outcome.as_str() }));
            drop(self.rights.get_or_create(&Ended { outcome: outcome.as_str() }));
        }
        for (kind, phase) in Kind::ALL.into_iter().flat_map(|kind| OVER.map(|phase| (kind, phase))) {
            drop(self.requests.get_or_create(&Request { kind: kind.as_str(), phase: word(phase) }));
        }
    }

    /// When the API server was last heard of.
    #[must_use]
    pub fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Counts a request that has ended.
    pub fn ended(&self, kind: Kind, phase: RequestPhase) {
        self.requests.get_or_create(&Request { kind: kind.as_str(), phase: word(phase) }).inc();
    }

    /// Counts an attempt to bring a Slot up to date.
    pub fn reconciled(&self, outcome: Outcome) {
        self.reconciled.get_or_create(&Ended { outcome: outcome.as_str() }).inc();
    }

    /// Counts a write of a binding.
    pub fn wrote_rights(&self, outcome: Outcome) {
        self.rights.get_or_create(&Ended { outcome: outcome.as_str() }).inc();
    }

    /// In how many slots the rights wait for another attempt.
    pub fn rights_behind(&self, slots: usize) {
        self.behind.set(i64::try_from(slots).unwrap_or(i64::MAX));
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

const OVER: [RequestPhase; 3] = [RequestPhase::Succeeded, RequestPhase::Failed, RequestPhase::Refused];

fn word(phase: RequestPhase) -> &'static str {
    match phase {
        RequestPhase::Pending => "pending",
        RequestPhase::Running => "running",
        RequestPhase::Succeeded => "succeeded",
        RequestPhase::Failed => "failed",
        RequestPhase::Refused => "refused",
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_there_from_the_start() {
        let metrics = Metrics::new(Instant::now());
        metrics.freshness().listed();
        assert_eq!(metrics.not_ready().as_deref(), Some("the Slots and RoleBindings have not been read yet"));
        metrics.freshness().listed();
        assert_eq!(metrics.not_ready(), None);
        metrics.ended(Kind::Reap, RequestPhase::Refused);
        let text = metrics.metrics().unwrap();
        for line in [
            "hotdesk_controller_requests_total{kind=\"reap\",phase=\"refused\"} 1",
            "hotdesk_controller_requests_total{kind=\"revive\",phase=\"failed\"} 0",
            "hotdesk_controller_requests_total{kind=\"purge\",phase=\"succeeded\"} 0",
            "hotdesk_controller_rights_writes_total{outcome=\"failed\"} 0",
            "hotdesk_controller_build_info{version=",
            "hotdesk_controller_watch_age_seconds ",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
