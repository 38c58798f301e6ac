//! What can be learned about the slot right now? Everything that reads; nothing here judges or writes.

pub mod jobs;
pub mod releases;
pub mod sessions;
pub mod slots;
pub mod traffic;
pub mod ways_in;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::decide::{Decision, Evidence, Rules, Verdict, decide};
use crate::helm::release::Release;
use crate::sessions::{Noting, Sessions, ask_for_pods};
use crate::sources::ingress_logs;

/// What this run has read already, and need not read again.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The releases, as they were last.
    releases: Vec<Release>,
    /// What the last look found when it had read the logs, without them.
    cheap: Option<Evidence>,
    /// What it has read of the logs of each source.
    logs: BTreeMap<String, Option<ingress_logs::Known>>,
}

/// Where evidence is collected, for one slot.
pub struct Collector<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What the operator set.
    pub args: &'a Args,
    /// The rules of the decision.
    pub rules: &'a Rules,
    /// The operator's patterns.
    pub patterns: &'a Patterns,
    /// The slot.
    pub slot: &'a str,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Collector<'_> {
    /// Collects what the verdict needs, and no more: the logs are read only if everything else says idle.
    /// `memory` is what this run has read before, and then what it has read now. A look after one that has read the logs
    /// reads them at once: everything else is read behind them in any case, and only that counts.
    pub async fn verdict(&self, memory: &mut Memory) -> (Verdict, Evidence) {
        let now = (self.now)();
        let before = match memory.cheap.take() {
            Some(before) => before,
            None => {
                let cheap = self.cheap(memory).await;
                if let Decision::Settled(verdict) = decide(&cheap, self.rules, now) {
                    return (verdict, self.settled(cheap, now, memory).await);
                }
                cheap
            }
        };
        // Logs may take minutes to read, in which somebody may deploy, claim or begin a session.
        let traffic = self.traffic(&before, self.window(&before, now), now, memory).await;
        let cheap = self.cheap(memory).await;
        memory.cheap = Some(cheap.clone());
        let evidence = Evidence { traffic: Some(traffic), ..cheap };
        match decide(&evidence, self.rules, (self.now)()) {
            Decision::Settled(verdict) => (verdict, evidence),
            Decision::AskTraffic => (Verdict::unknown("traffic was not read"), evidence),
        }
    }

    /// With what is noted of the traffic although something else has settled the verdict.
    async fn settled(&self, evidence: Evidence, now: Timestamp, memory: &mut Memory) -> Evidence {
        let traffic = if self.args.observe {
            Some(self.traffic(&evidence, self.window(&evidence, now), now, memory).await)
        } else {
            self.sampled(&evidence, now, memory).await
        };
        Evidence { traffic, ..evidence }
    }

    /// What takes one or a few requests to read.
    async fn cheap(&self, memory: &mut Memory) -> Evidence {
        let slot = Some(slots::own(self.cluster, self.slot).await);
        let releases = releases::newest(self.cluster, self.slot, &memory.releases).await;
        memory.releases = releases.clone().unwrap_or_default();
        let work = jobs::at_work(self.cluster, self.slot, &memory.releases).await;
        let noting = if self.args.ignore_unnoted_sessions {
            Ok(Noting::Ignored)
        } else {
            sessions::noting(self.cluster, &self.args.jobs_namespace, self.slot).await
        };
        let sessions = Some(Sessions { noting, pods: None });
        let mut found = Evidence { slot, releases: Some(releases), work: Some(work), sessions, traffic: None };
        if ask_for_pods(&found, self.rules, (self.now)()) {
            let pods = sessions::pods(self.cluster, self.slot).await;
            found.sessions = found.sessions.map(|sessions| Sessions { pods, ..sessions });
        }
        found
    }

    /// How long this slot may go unused.
    fn window(&self, evidence: &Evidence, now: Timestamp) -> SignedDuration {
        let slot = evidence.slot.as_ref().and_then(|slot| slot.as_ref().ok());
        slot.map_or(self.rules.windows.at(now), |slot| self.rules.windows_of(slot, now).at(now))
    }
}

#[cfg(test)]
mod tests;
