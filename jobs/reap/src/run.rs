//! One run, from the arguments to its conclusion.

use hotdesk_slots::slot::{Slot, VerdictState};
use hotdesk_slots::text::{list, plain};
use jiff::Timestamp;

use crate::act::{Outcome, Plan, reap};
use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::collect::Collector;
use crate::decide::{Evidence, Rules, Verdict, targets};
use crate::hands::RealHands;
use crate::helm::{Helm, HelmError};
use crate::report::{Conclusion, Exit, reaping_patch, status_patch, write_event, write_status};
use crate::sight::Traffic;

/// Checks the slot once and, if it is idle, reaps it.
pub async fn run(args: &Args, rules: &Rules, patterns: &Patterns, now: fn() -> Timestamp) -> Conclusion {
    let cluster = match Cluster::connect(args).await {
        Ok(cluster) => cluster,
        Err(error) => {
            return Conclusion { exit: Exit::Unknown, message: format!("{error:#}. Nothing was uninstalled.") };
        }
    };
    let slot = args.own_namespace().unwrap_or(cluster.client.default_namespace()).to_owned();
    let run = Run { cluster: &cluster, args, rules, slot: &slot, now };
    let collector = Collector { cluster: &cluster, args, rules, patterns, slot: &slot, now };
    let (verdict, evidence) = collector.verdict().await;
    tell_doubts(&evidence);
    tracing::info!(slot, state = ?verdict.state, "{}", verdict.reason);
    if args.dry_run {
        return run.rehearse(&verdict, &evidence);
    }
    match &evidence {
        Evidence { slot: Some(Ok(found)), releases: Some(Ok(releases)), .. } if verdict.state == VerdictState::Idle => {
            let plan = Plan { slot: found.clone(), releases: releases.clone(), targets: targets(releases, rules) };
            run.reap(&collector, &verdict, &evidence, &plan).await
        }
        _ => run.leave(&verdict, &evidence).await,
    }
}

struct Run<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    rules: &'a Rules,
    slot: &'a str,
    now: fn() -> Timestamp,
}

impl Run<'_> {
    /// Nothing is reaped.
    async fn leave(&self, verdict: &Verdict, evidence: &Evidence) -> Conclusion {
        let conclusion = Conclusion::of_verdict(self.slot, verdict);
        self.report(verdict, evidence, None, &conclusion).await;
        conclusion
    }

    async fn reap(&self, collector: &Collector<'_>, verdict: &Verdict, evidence: &Evidence, plan: &Plan) -> Conclusion {
        let helm = match self.working_helm().await {
            Ok(helm) => helm,
            Err(why) => {
                let message = format!("{} is idle, and cannot be reaped: {why}. Nothing was uninstalled.", self.slot);
                let conclusion = Conclusion { exit: Exit::Error, message };
                self.report(verdict, evidence, None, &conclusion).await;
                return conclusion;
            }
        };
        let now = (self.now)();
        let begun = reaping_patch(&plan.slot, &plan.targets, now, helm.done_by(now));
        if let Err(why) = write_status(self.cluster, self.slot, &begun).await {
            let message =
                format!("{} was idle, and is left until the next run: {why}. Nothing was uninstalled.", self.slot);
            return Conclusion { exit: Exit::Unknown, message };
        }
        let mut hands =
            RealHands { collector, helm: &helm, reason: format!("reaped by hotdesk: {}", verdict.reason), seen: None };
        let outcome = reap(&mut hands, plan, self.args.retries, self.args.pause).await;
        let conclusion = Conclusion::of_reap(self.slot, verdict, &outcome);
        self.report(verdict, evidence, Some(&outcome), &conclusion).await;
        conclusion
    }

    async fn working_helm(&self) -> Result<Helm, String> {
        let helm = Helm::new(self.args, self.slot).map_err(|error| format!("{error:#}"))?;
        let version = helm.version().await.map_err(|error: HelmError| error.to_string())?;
        tracing::debug!(version, "helm works");
        Ok(helm)
    }

    /// Says what would be done.
    fn rehearse(&self, verdict: &Verdict, evidence: &Evidence) -> Conclusion {
        let mut conclusion = Conclusion::of_verdict(self.slot, verdict);
        let releases = evidence.releases.as_ref().and_then(|releases| releases.as_ref().ok());
        let names = |releases: Vec<_>| -> Vec<String> {
            releases.iter().map(|r: &crate::release::Release| plain(&r.name)).collect()
        };
        if let (VerdictState::Idle, Some(releases)) = (verdict.state, releases) {
            let going = names(targets(releases, self.rules));
            let kinds: Vec<&String> = self.args.preserve.iter().filter(|kind| !kind.is_empty()).collect();
            let stays = if kinds.is_empty() {
                "Nothing of them".to_owned()
            } else {
                format!("Their objects of kind {}", list(&kinds))
            };
            conclusion.message += &format!(" Would uninstall: {}. {stays} would stay.", list(&going));
        }
        conclusion.message.insert_str(0, "Dry run: ");
        conclusion
    }

    async fn report(&self, verdict: &Verdict, evidence: &Evidence, outcome: Option<&Outcome>, conclusion: &Conclusion) {
        let now = (self.now)();
        let Some(Ok(slot)) = &evidence.slot else { return };
        // What was read before the reap does not know that this run noted it as begun.
        complain(write_status(self.cluster, self.slot, &status_patch(verdict, evidence, outcome, now)).await);
        if outcome.is_some() || conclusion.exit != Exit::Fine {
            complain(write_event(self.cluster, &named(slot, self.slot), conclusion, now).await);
        }
    }
}

fn named(slot: &Slot, namespace: &str) -> Slot {
    let mut slot = slot.clone();
    slot.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
    slot
}

fn tell_doubts(evidence: &Evidence) {
    for doubt in evidence.traffic.iter().flat_map(Traffic::all_doubts) {
        tracing::warn!("{doubt}");
    }
}

/// What cannot be reported is said in the log, and changes nothing else.
fn complain(written: Result<(), String>) {
    if let Err(why) = written {
        tracing::warn!("{why}");
    }
}
