//! One run, from the arguments to its conclusion.

use std::time::Duration;

use hotdesk_slots::signals::ReapPlan;
use hotdesk_slots::slot::{Slot, VerdictState};
use hotdesk_slots::text::human_time;
use jiff::Timestamp;
use serde_json::Value;

use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::backoff;
use crate::collect::{Collector, Memory, slots};
use crate::decide::{Evidence, Rules, Verdict, targets};
use crate::executor::{AtWork, KubeOps};
use crate::forecast;
use crate::helm::release::Release;
use crate::helm::{Helm, HelmError};
use crate::judged::{NotWritten, write_judged};
use crate::lapse;
use crate::notices::{self, DueNotices, Found, due};
use crate::reap::{Plan, reap};
use crate::report::{Conclusion, Exit, begun_at, outdated_patch, reaping_patch, status_patch, write_status};
use crate::stop::Stop;
use crate::times::{self, Known};
use crate::undo::former::has_begun_since;
use crate::undo::saver::{Reap, Saver};
use crate::undo::uninstall_impact::UninstallImpact;
use crate::work::JOB_NOTICE;
use hotdesk_traffic::observation::Traffic;

mod tell;

use tell::complain;

/// How often it is looked whether another run has ended.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// How often a slot is judged in one run, if its Slot changes each time before the reap can be noted there.
const LOOKS: usize = 3;

/// Checks the slot once and, if it is idle, reaps it.
pub async fn run(
    args: &Args,
    (rules, patterns): (&Rules, &Patterns),
    stop: &Stop,
    now: fn() -> Timestamp,
) -> Conclusion {
    let cluster = match Cluster::connect(args).await {
        Ok(cluster) => cluster,
        Err(error) => {
            return Conclusion { exit: Exit::Unknown, message: format!("{error:#}. Nothing was uninstalled.") };
        }
    };
    let slot = match args.slot() {
        Ok(slot) => slot,
        Err(message) => return Conclusion { exit: Exit::Usage, message },
    };
    let run = Run { cluster: &cluster, args, rules, slot, stop, now };
    if let Some(conclusion) = run.void_at_once().await {
        return conclusion;
    }
    let collector = Collector { cluster: &cluster, args, rules, patterns, slot, now };
    let mut looks = 1;
    loop {
        match run.judge_and_act(&collector, looks == LOOKS).await {
            Ok(conclusion) => return conclusion,
            Err(why) => tracing::info!(slot, "the Slot has changed since it was judged, and is judged again: {why}"),
        }
        looks += 1;
    }
}

/// What this run has asked for, and need not ask for again.
struct Learned<'a> {
    memory: Memory,
    saver: Saver<'a>,
}

/// What is known ahead of a reap.
#[derive(Default)]
struct Ahead {
    /// The releases that may go.
    going: Vec<Release>,
    /// Those that stay as a whole, and why.
    held: Vec<(String, String)>,
    /// True if one of them stays because something could not be found out.
    in_doubt: bool,
    /// What would happen to each; none if what the status says still stands.
    plan: Option<ReapPlan>,
    /// What people are told, and whether a reap waits for that.
    notices: DueNotices,
}

impl Ahead {
    /// The verdict, now that it is known what may go: a slot of which everything stays is kept.
    fn judge(&self, verdict: Verdict) -> Verdict {
        let all_stay = self.going.is_empty() && !self.held.is_empty() && verdict.state == VerdictState::Idle;
        if all_stay { forecast::kept_by(&self.held, self.in_doubt) } else { verdict }
    }

    fn names(&self) -> Vec<String> {
        self.going.iter().map(|release| release.name.clone()).collect()
    }
}

/// An idle slot, and what is to become of it.
struct Judged<'a> {
    verdict: &'a Verdict,
    evidence: &'a Evidence,
    plan: &'a Plan,
    ahead: &'a Ahead,
    /// Whether the slot is left to the next run if it has changed meanwhile.
    last: bool,
}

struct Run<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    rules: &'a Rules,
    slot: &'a str,
    stop: &'a Stop,
    now: fn() -> Timestamp,
}

impl Run<'_> {
    /// Judges the slot, and reaps it if it is idle. If the Slot has changed meanwhile, which may be use or a claim, nothing is
    /// done, and the error says what; but for the last look, which leaves the slot to the next run.
    async fn judge_and_act(&self, collector: &Collector<'_>, last: bool) -> Result<Conclusion, String> {
        let (args, rules) = (self.args, self.rules);
        let mut learned = Learned { memory: Memory::default(), saver: Saver::new(self.cluster, args, self.slot) };
        let (mut verdict, mut evidence) = collector.verdict(&mut learned.memory).await;
        if !args.dry_run
            && !args.observe
            && verdict.state == VerdictState::Idle
            && self.wait_for_another(&evidence).await
        {
            (verdict, evidence) = collector.verdict(&mut learned.memory).await;
        }
        // It was read again behind the logs, and each later look is compared with that.
        if let Some(conclusion) = evidence.slot.as_ref().and_then(|found| self.void(found.as_ref().ok()?)) {
            return Ok(conclusion);
        }
        tell_doubts(&evidence);
        tracing::info!(slot = self.slot, state = ?verdict.state, "{}", verdict.reason);
        let verdict = times::told(verdict, &evidence, rules, args.notices.notice, (self.now)());
        if args.observe && !args.dry_run {
            return Ok(self.observe(&verdict, &evidence).await);
        }
        let mut ahead = self.ahead(&verdict, &evidence, &mut learned.saver).await;
        let verdict = ahead.judge(verdict);
        if args.dry_run {
            return Ok(self.rehearse(&verdict, &ahead));
        }
        ahead.notices = self.notices(&verdict, &evidence);
        Ok(match &evidence {
            Evidence { slot: Some(Ok(_)), .. } if ahead.notices.wait.is_some() => {
                self.wait(&verdict, &evidence, &ahead).await
            }
            Evidence { slot: Some(Ok(found)), releases: Some(Ok(releases)), .. }
                if verdict.state == VerdictState::Idle =>
            {
                let plan = Plan { slot: found.clone(), releases: releases.clone(), targets: ahead.going.clone() };
                let judged = Judged { verdict: &verdict, evidence: &evidence, plan: &plan, ahead: &ahead, last };
                self.reap(collector, learned, &judged).await?
            }
            _ => self.leave(&verdict, &evidence, &ahead).await,
        })
    }

    /// What is said of a run that somebody asked for, and that is void before anything else was read.
    async fn void_at_once(&self) -> Option<Conclusion> {
        if !self.args.request.is_somebodys() {
            return None;
        }
        match slots::own(self.cluster, self.slot).await {
            Ok(found) => self.void(&found),
            Err(why) => Some(Conclusion { exit: Exit::Unknown, message: format!("{why}. Nothing was uninstalled.") }),
        }
    }

    /// Waits while another run is at work, or may be: a run that was killed counts until its time is over. True if that was so.
    async fn wait_for_another(&self, evidence: &Evidence) -> bool {
        let at_work = |slot: &Slot| slot.status.as_ref()?.reaping.as_ref()?.at_work_until((self.now)());
        let Some(Ok(slot)) = &evidence.slot else { return false };
        let Some(mut until) = at_work(slot) else { return false };
        let latest = human_time(until, (self.now)());
        tracing::info!(slot = self.slot, "another reap is under way, until {latest} at the latest: this one waits");
        loop {
            let left = Duration::try_from(until.duration_since((self.now)())).unwrap_or_default();
            tokio::time::sleep(left.min(BETWEEN_LOOKS)).await;
            match slots::own(self.cluster, self.slot).await.as_ref().map(at_work) {
                Ok(Some(later)) => until = later,
                // What cannot be read now is judged with the rest.
                Ok(None) | Err(_) => return true,
            }
        }
    }

    fn void(&self, found: &Slot) -> Option<Conclusion> {
        let why = self.args.request.void(found)?;
        let message = format!("{} is left alone: {why}. Nothing was uninstalled.", self.slot);
        Some(Conclusion { exit: Exit::Error, message })
    }

    /// Looks into the releases, where anybody will want to know: before a reap, and when they have changed.
    async fn ahead(&self, verdict: &Verdict, evidence: &Evidence, saver: &mut Saver<'_>) -> Ahead {
        let (Some(Ok(slot)), Some(Ok(releases))) = (&evidence.slot, &evidence.releases) else {
            return Ahead::default();
        };
        let (mut targets, now) = (targets(releases, self.rules), (self.now)());
        let status = slot.status.clone().unwrap_or_default();
        backoff::last(&status.failed_reaps, &mut targets);
        let before = status.plan.as_ref();
        let matters = verdict.state == VerdictState::Idle || self.args.dry_run;
        let holds = |plan: &ReapPlan| !has_begun_since(slot, plan.at.0);
        if !matters && forecast::is_current(before, &targets, now) && before.is_some_and(holds) {
            return Ahead { going: targets, ..Ahead::default() };
        }
        let asked = self.args.request.is_somebodys();
        let waits = |release: &Release| backoff::held(&status.failed_reaps, release, asked, now);
        let found = saver.impacts(slot, &targets, now).await.into_iter().zip(&targets);
        let impacts: Vec<UninstallImpact> = found.map(|(impact, release)| impact.or_held(waits(release))).collect();
        let (plan, held) = (forecast::plan(&targets, &impacts, releases, now), forecast::held(&targets, &impacts));
        let in_doubt = impacts.iter().any(|impact| impact.in_doubt);
        let may_go = targets.into_iter().zip(impacts).filter(|(_, impact)| impact.held.is_none());
        let going = may_go.map(|(release, _)| release).collect();
        Ahead { going, held, in_doubt, plan: Some(plan), notices: DueNotices::default() }
    }

    /// What people are told of it.
    fn notices(&self, verdict: &Verdict, evidence: &Evidence) -> DueNotices {
        let Some(Ok(slot)) = &evidence.slot else { return DueNotices::default() };
        let now = (self.now)();
        let before = slot.status.as_ref().and_then(|status| status.told.clone()).unwrap_or_default();
        let mut policy = self.args.notices.policy();
        let work = evidence.work.as_ref().and_then(|work| work.as_ref().ok());
        if work.is_some_and(|work| work.overdue(slot, self.rules.job_grace, now).next().is_some()) {
            policy.notice = policy.notice.max(JOB_NOTICE);
        }
        let after = now.checked_add(policy.notice).unwrap_or(Timestamp::MAX);
        let notice_ends = Known::of(evidence, verdict, self.rules).map_or(after, |known| known.idle_from(after));
        let found = Found {
            notice_ends,
            state: verdict.state,
            on_request: lapse::to_be_cleared(slot, now).is_some(),
            kept: slot.spec.keep_until.as_ref().is_some_and(|until| until.0 > now),
        };
        due(&before, found, policy, now)
    }

    /// The slot is idle, and people have been given notice.
    async fn wait(&self, verdict: &Verdict, evidence: &Evidence, ahead: &Ahead) -> Conclusion {
        let now = (self.now)();
        let message = notices::waiting(self.slot, &verdict.reason, ahead.notices.wait.unwrap_or(now), now);
        let conclusion = Conclusion { exit: Exit::Fine, message };
        let verdict = Verdict { reap_at: ahead.notices.wait, ..verdict.clone() };
        self.report(&verdict, evidence, None, &conclusion, ahead).await;
        conclusion
    }

    /// Nothing is done but to note what was seen. What a reaping run notes of its own work stays as it is.
    async fn observe(&self, verdict: &Verdict, evidence: &Evidence) -> Conclusion {
        let now = (self.now)();
        let mut patch = status_patch(verdict, evidence, None, now);
        if let Some(status) = patch.get_mut("status").and_then(Value::as_object_mut) {
            status.remove("reaping");
        }
        let signals = forecast::signals(evidence, self.rules, now);
        forecast::tell(&mut patch, &signals, None, false);
        let written = write_status(self.cluster, self.slot, &patch).await;
        let exit = if written.is_ok() { Exit::Fine } else { Exit::Error };
        let seen = Conclusion::of_verdict(self.slot, verdict).message;
        complain(written);
        Conclusion { exit, message: format!("Only looked: {seen}") }
    }

    /// Nothing is reaped.
    async fn leave(&self, verdict: &Verdict, evidence: &Evidence, ahead: &Ahead) -> Conclusion {
        let seen = evidence.slot.as_ref().and_then(|found| found.as_ref().ok());
        if let Some((seen, patch)) = seen.and_then(|seen| Some((seen, outdated_patch(seen, (self.now)())?))) {
            let written = write_judged(self.cluster, self.slot, seen, patch).await;
            complain(written.map_err(NotWritten::why));
        }
        let conclusion = Conclusion::of_verdict(self.slot, verdict);
        self.report(verdict, evidence, None, &conclusion, ahead).await;
        conclusion
    }

    async fn reap(
        &self,
        collector: &Collector<'_>,
        learned: Learned<'_>,
        judged: &Judged<'_>,
    ) -> Result<Conclusion, String> {
        let Judged { verdict, evidence, plan, ahead, last } = *judged;
        let helm = match self.working_helm().await {
            Ok(helm) => helm,
            Err(why) => return Ok(self.cannot_reap(evidence, ahead, &why).await),
        };
        // A signal that ends this run from here on waits until the Slot says what is left.
        let heed = self.stop.heed();
        let now = (self.now)();
        let begun = reaping_patch(&plan.slot, &plan.targets, now, helm.done_by(now));
        match write_judged(self.cluster, self.slot, &plan.slot, begun).await {
            Ok(()) => {}
            Err(NotWritten::Changed(why)) if !last => return Err(why),
            Err(NotWritten::Changed(why) | NotWritten::Failed(why)) => {
                let message =
                    format!("{} was idle, and is left until the next run: {why}. Nothing was uninstalled.", self.slot);
                return Ok(Conclusion { exit: Exit::Unknown, message });
            }
        }
        let Learned { memory, saver } = learned;
        let owner = plan.slot.spec.claim.as_ref().and_then(|claim| claim.users.first().cloned());
        let this = Reap {
            run: begun_at(&plan.slot, &plan.targets, now),
            reason: verdict.reason.clone(),
            targets: ahead.names(),
            owner,
            claim_id: plan.slot.claim_id().map(str::to_owned),
        };
        let reason = format!("reaped by hotdesk: {}", verdict.reason);
        let saved = Vec::new();
        let at_work = AtWork::default();
        let mut ops =
            KubeOps { collector, memory, helm: &helm, reason, seen: None, saved, saver, reap: this, at_work, heed };
        let mut outcome = reap(&mut ops, plan, self.args.retries, self.args.pause).await;
        outcome.skipped.extend(ahead.held.clone());
        let conclusion = Conclusion::of_reap(self.slot, verdict, &outcome);
        self.report(verdict, evidence, Some(&outcome), &conclusion, ahead).await;
        Ok(conclusion)
    }

    /// The slot is idle, and helm does not work.
    async fn cannot_reap(&self, evidence: &Evidence, ahead: &Ahead, why: &str) -> Conclusion {
        let message = format!("{} is idle, and cannot be reaped: {why}. Nothing was uninstalled.", self.slot);
        let conclusion = Conclusion { exit: Exit::Error, message };
        // An Idle would promise a reap at the next run, which cannot do it either.
        let verdict = Verdict::unknown(&format!("it is idle, and cannot be reaped: {why}"));
        self.report(&verdict, evidence, None, &conclusion, ahead).await;
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
        let mut conclusion = Conclusion::of_verdict(self.slot, verdict);
        if let (VerdictState::Idle, Some(plan)) = (verdict.state, &ahead.plan) {
            conclusion.message += &format!(" {}", forecast::told(plan));
        }
        conclusion.message.insert_str(0, "Dry run: ");
        conclusion
    }
}

fn tell_doubts(evidence: &Evidence) {
    for doubt in evidence.traffic.iter().flat_map(Traffic::all_doubts) {
        tracing::warn!("{doubt}");
    }
}
