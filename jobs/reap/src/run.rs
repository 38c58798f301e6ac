//! One run, from the arguments to its conclusion.

use hotdesk_slots::outlook::ReapPlan;
use hotdesk_slots::slot::{Slot, VerdictState};
use jiff::Timestamp;

use crate::act::{Outcome, Plan, reap};
use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::collect::Collector;
use crate::decide::{Evidence, Rules, Verdict, targets};
use crate::hands::RealHands;
use crate::helm::{Helm, HelmError};
use crate::outlook;
use crate::release::Release;
use crate::report::{Conclusion, Exit, reaping_patch, status_patch, write_event, write_status};
use crate::sight::Traffic;
use crate::undo::keeper::{Keeper, Reap};
use crate::undo::store::Store;

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
    let ahead = run.ahead(&verdict, &evidence).await;
    if args.dry_run {
        return run.rehearse(&verdict, &ahead);
    }
    let conclusion = match &evidence {
        _ if ahead.going.is_empty() && !ahead.held.is_empty() && verdict.state == VerdictState::Idle => {
            run.leave(&outlook::kept_by(&ahead.held), &evidence, &ahead).await
        }
        Evidence { slot: Some(Ok(found)), releases: Some(Ok(releases)), .. } if verdict.state == VerdictState::Idle => {
            let plan = Plan { slot: found.clone(), releases: releases.clone(), targets: ahead.going.clone() };
            run.reap(&collector, &verdict, &evidence, &plan, &ahead).await
        }
        _ => run.leave(&verdict, &evidence, &ahead).await,
    };
    let removed = Store::new(&cluster, &slot).prune(args.undo.revive_for, now()).await;
    complain(removed.map(|number| tracing::debug!(number, "saved releases were too old and are gone")));
    conclusion
}

/// What is known ahead of a reap.
#[derive(Default)]
struct Ahead {
    /// The releases that may go.
    going: Vec<Release>,
    /// Those that stay as a whole, and why.
    held: Vec<(String, String)>,
    /// What would happen to each; none if what the status says still stands.
    plan: Option<ReapPlan>,
}

struct Run<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    rules: &'a Rules,
    slot: &'a str,
    now: fn() -> Timestamp,
}

impl Run<'_> {
    /// Looks into the releases, where anybody will want to know: before a reap, and when they have changed.
    async fn ahead(&self, verdict: &Verdict, evidence: &Evidence) -> Ahead {
        let (Some(Ok(slot)), Some(Ok(releases))) = (&evidence.slot, &evidence.releases) else {
            return Ahead::default();
        };
        let (targets, now) = (targets(releases, self.rules), (self.now)());
        let before = slot.status.as_ref().and_then(|status| status.plan.as_ref());
        let matters = verdict.state == VerdictState::Idle || self.args.dry_run;
        if !matters && outlook::is_current(before, &targets, now) {
            return Ahead { going: targets, ..Ahead::default() };
        }
        let prospects = Keeper::new(self.cluster, self.args, self.slot).prospects(&targets).await;
        let (plan, held) = (outlook::plan(&targets, &prospects, releases, now), outlook::held(&targets, &prospects));
        let may_go = targets.into_iter().zip(prospects).filter(|(_, prospect)| prospect.held.is_none());
        Ahead { going: may_go.map(|(release, _)| release).collect(), held, plan: Some(plan) }
    }

    /// Nothing is reaped.
    async fn leave(&self, verdict: &Verdict, evidence: &Evidence, ahead: &Ahead) -> Conclusion {
        let conclusion = Conclusion::of_verdict(self.slot, verdict);
        self.report(verdict, evidence, None, &conclusion, ahead).await;
        conclusion
    }

    async fn reap(
        &self,
        collector: &Collector<'_>,
        verdict: &Verdict,
        evidence: &Evidence,
        plan: &Plan,
        ahead: &Ahead,
    ) -> Conclusion {
        let helm = match self.working_helm().await {
            Ok(helm) => helm,
            Err(why) => {
                let message = format!("{} is idle, and cannot be reaped: {why}. Nothing was uninstalled.", self.slot);
                let conclusion = Conclusion { exit: Exit::Error, message };
                self.report(verdict, evidence, None, &conclusion, ahead).await;
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
        let keeper = Keeper::new(self.cluster, self.args, self.slot);
        let owner = plan.slot.spec.claim.as_ref().and_then(|claim| claim.users.first().cloned());
        let this = Reap { run: now, reason: verdict.reason.clone(), owner };
        let reason = format!("reaped by hotdesk: {}", verdict.reason);
        let mut hands = RealHands { collector, helm: &helm, reason, seen: None, keeper, reap: this };
        let mut outcome = reap(&mut hands, plan, self.args.retries, self.args.pause).await;
        outcome.skipped.extend(ahead.held.clone());
        let conclusion = Conclusion::of_reap(self.slot, verdict, &outcome);
        self.report(verdict, evidence, Some(&outcome), &conclusion, ahead).await;
        conclusion
    }

    async fn working_helm(&self) -> Result<Helm, String> {
        let helm = Helm::new(self.args, self.slot).map_err(|error| format!("{error:#}"))?;
        let version = helm.version().await.map_err(|error: HelmError| error.to_string())?;
        tracing::debug!(version, "helm works");
        Ok(helm)
    }

    /// Says what would be done.
    fn rehearse(&self, verdict: &Verdict, ahead: &Ahead) -> Conclusion {
        let all_stay = ahead.going.is_empty() && !ahead.held.is_empty() && verdict.state == VerdictState::Idle;
        let kept = all_stay.then(|| outlook::kept_by(&ahead.held));
        let verdict = kept.as_ref().unwrap_or(verdict);
        let mut conclusion = Conclusion::of_verdict(self.slot, verdict);
        if let (VerdictState::Idle, Some(plan)) = (verdict.state, &ahead.plan) {
            conclusion.message += &format!(" {}", outlook::told(plan));
        }
        conclusion.message.insert_str(0, "Dry run: ");
        conclusion
    }

    async fn report(
        &self,
        verdict: &Verdict,
        evidence: &Evidence,
        outcome: Option<&Outcome>,
        conclusion: &Conclusion,
        ahead: &Ahead,
    ) {
        let now = (self.now)();
        let Some(Ok(slot)) = &evidence.slot else { return };
        // What was read before the reap does not know that this run noted it as begun.
        let mut patch = status_patch(verdict, evidence, outcome, now);
        let signals = outlook::signals(evidence, self.rules, now);
        outlook::tell(&mut patch, &signals, ahead.plan.as_ref(), outcome.is_some());
        complain(write_status(self.cluster, self.slot, &patch).await);
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
