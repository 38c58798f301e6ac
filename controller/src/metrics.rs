//! What has the controller done, does it still see the Slots, and how do they stand?

use std::time::Instant;

use hotdesk_runtime::health::Health;
use hotdesk_slots::requests::RequestPhase;
use hotdesk_slots::slot::{SlotStatus, VerdictState};
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
    verdicts: Family<Verdict, Gauge>,
    checked: Family<OfSlot, Gauge>,
    failed_reaps: Family<OfSlot, Gauge>,
    freshness: Freshness,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSlot {
    slot: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    slot: String,
    state: &'static str,
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
            verdicts: Family::default(),
            checked: Family::default(),
            failed_reaps: Family::default(),
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
        r.register("slot_verdict", "1 for what the last check of a slot found", self.verdicts.clone());
        r.register(
            "slot_checked_timestamp_seconds",
            "When a slot was last checked for use, in seconds since 1970",
            self.checked.clone(),
        );
        r.register("slot_failed_reaps", "Releases of a slot whose uninstall has failed", self.failed_reaps.clone());
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

    /// Shows how a slot stands.
    pub fn slot(&self, name: &str, status: Option<&SlotStatus>) {
        let of = || OfSlot { slot: name.to_owned() };
        let verdict = status.and_then(|status| status.verdict.as_ref());
        for state in VERDICTS {
            let is = verdict.is_some_and(|verdict| verdict.state == state);
            self.verdicts.get_or_create(&Verdict { slot: name.to_owned(), state: word_of(state) }).set(i64::from(is));
        }
        if let Some(verdict) = verdict {
            self.checked.get_or_create(&of()).set(verdict.at.0.as_second());
        }
        let failed = status.map_or(0, |status| status.failed_reaps.len());
        self.failed_reaps.get_or_create(&of()).set(i64::try_from(failed).unwrap_or(i64::MAX));
    }

    /// Shows nothing more of a slot that is gone.
    pub fn forget(&self, name: &str) {
        let of = OfSlot { slot: name.to_owned() };
        for state in VERDICTS {
            self.verdicts.remove(&Verdict { slot: name.to_owned(), state: word_of(state) });
        }
        self.checked.remove(&of);
        self.failed_reaps.remove(&of);
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

const VERDICTS: [VerdictState; 4] =
    [VerdictState::Active, VerdictState::Idle, VerdictState::Kept, VerdictState::Unknown];

const OVER: [RequestPhase; 3] = [RequestPhase::Succeeded, RequestPhase::Failed, RequestPhase::Refused];

fn word_of(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Active => "Active",
        VerdictState::Idle => "Idle",
        VerdictState::Kept => "Kept",
        VerdictState::Unknown => "Unknown",
    }
}

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
    #[test]
    fn a_slot_shows_how_it_stands_until_it_is_gone() {
        let metrics = Metrics::new(Instant::now());
        let shown = |slot: &str| {
            let text = metrics.metrics().unwrap();
            let lines: Vec<String> = text.lines().filter(|line| line.contains(slot)).map(str::to_owned).collect();
            lines
        };
        metrics.slot("abra", None);
        assert!(shown("abra").iter().all(|line| line.ends_with(" 0")), "never checked: {:?}", shown("abra"));
        let status = |state: &str, failed: usize| -> SlotStatus {
            let failed = vec![
                serde_json::json!({"release": "web", "revision": 1, "times": 1, "at": "2026-11-23T15:00:00Z", "reason": "x"});
                failed
            ];
            let verdict = serde_json::json!({"state": state, "reason": "x", "at": "2026-11-23T15:00:00Z"});
            serde_json::from_value(serde_json::json!({"verdict": verdict, "failedReaps": failed})).unwrap()
        };
        metrics.slot("mew", Some(&status("Unknown", 2)));
        let lines = shown("mew");
        for line in [
            "hotdesk_controller_slot_verdict{slot=\"mew\",state=\"Unknown\"} 1",
            "hotdesk_controller_slot_verdict{slot=\"mew\",state=\"Idle\"} 0",
            "hotdesk_controller_slot_checked_timestamp_seconds{slot=\"mew\"} 1795446000",
            "hotdesk_controller_slot_failed_reaps{slot=\"mew\"} 2",
        ] {
            assert!(lines.iter().any(|shown| shown == line), "{line} is missing: {lines:?}");
        }
        metrics.slot("mew", Some(&status("Active", 0)));
        let unknown = "hotdesk_controller_slot_verdict{slot=\"mew\",state=\"Unknown\"} 0";
        assert!(shown("mew").iter().any(|line| line == unknown), "{:?}", shown("mew"));
        metrics.forget("mew");
        assert_eq!(shown("mew"), Vec::<String>::new());
    }
}
