//! What can be learned about the slot right now? Everything that reads; nothing here judges or writes.

pub mod controllers;
pub mod ingresses;
pub mod logs;
pub mod releases;
pub mod services;
pub mod slots;

use jiff::{SignedDuration, Timestamp};

use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::attribute::{Names, Service};
use crate::decide::{Decision, Evidence, Rules, Verdict, decide};
use crate::sight::Traffic;
use crate::traffic::tally::Watch;

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
    pub async fn verdict(&self) -> (Verdict, Evidence) {
        let now = (self.now)();
        let mut evidence = self.cheap().await;
        if let Decision::Settled(verdict) = decide(&evidence, self.rules, now) {
            return (verdict, evidence);
        }
        // Logs may take minutes to read, in which somebody may deploy, claim or begin a session.
        let window = self.window(&evidence, now);
        let traffic = Some(self.traffic(window, now).await);
        evidence = Evidence { traffic, ..self.cheap().await };
        match decide(&evidence, self.rules, (self.now)()) {
            Decision::Settled(verdict) => (verdict, evidence),
            Decision::AskTraffic => (Verdict::unknown("traffic was not read"), evidence),
        }
    }

    /// What takes one or a few requests to read.
    async fn cheap(&self) -> Evidence {
        let slot = Some(slots::own(self.cluster, self.slot).await);
        let releases = Some(releases::newest(self.cluster, self.slot).await);
        Evidence { slot, releases, traffic: None }
    }

    /// How long this slot may go unused.
    fn window(&self, evidence: &Evidence, now: Timestamp) -> SignedDuration {
        let slot = evidence.slot.as_ref().and_then(|slot| slot.as_ref().ok());
        slot.map_or(self.rules.windows.at(now), |slot| self.rules.windows_of(slot, now).at(now))
    }

    async fn traffic(&self, window: SignedDuration, now: Timestamp) -> Traffic {
        if let Err(why) = self.cluster.check_clock(self.now).await {
            return Traffic::blind(why);
        }
        let unlogged = match ingresses::unlogged(self.cluster, self.slot, &self.args.ingress_class).await {
            Ok(unlogged) => unlogged,
            Err(why) => return Traffic::blind(why),
        };
        let services = match services::own(self.cluster, self.slot).await {
            Ok(services) => services,
            Err(why) => return Traffic::blind(why),
        };
        let direct = if self.args.ignore_direct_traffic { Vec::new() } else { services::unlogged(&services) };
        match self.watch(&services, window, now).await {
            Ok(watch) => {
                let look = logs::look(self.cluster, self.args, &watch).await;
                Traffic { looks: vec![look], doubts: [unlogged, direct].concat() }
            }
            Err(why) => Traffic::blind(why),
        }
    }

    async fn watch(&self, services: &[Service], window: SignedDuration, now: Timestamp) -> Result<Watch, String> {
        let mut neighbours = slots::names(self.cluster).await?;
        neighbours.extend(self.args.other_namespaces.iter().cloned());
        let ago = |length: SignedDuration| now.saturating_sub(length).unwrap_or(Timestamp::MIN);
        Ok(Watch {
            format: self.args.ingress_log_format,
            names: Names::new(self.slot, services, &neighbours),
            slot: self.slot.to_owned(),
            since: ago(window),
            look_back: ago(window.max(self.args.look_back)),
            now,
            ignore_agents: self.patterns.agents.clone(),
            ignore_paths: self.patterns.paths.clone(),
            max_unparsed: self.args.max_unparsed,
        })
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
