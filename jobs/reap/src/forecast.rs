//! What is told ahead of time: what each signal of use saw, and what a reap would do?

use hotdesk_slots::release;
use hotdesk_slots::signals::{MAX_RELEASES, MAX_SIGNALS, PlannedRelease, ReapPlan, Signal, SignalState, bounded};
use hotdesk_slots::slot::{Slot, VerdictState};
use hotdesk_slots::text::{human_time, list, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::decide::{Activity, Evidence, Rules, Verdict};
use crate::helm::release::{Phase, Release};
use crate::sessions;
use crate::undo::uninstall_impact::UninstallImpact;
use crate::work;
use hotdesk_traffic::pod_usage::Usage;

/// How old a plan may be of releases that have not changed: the operator's settings may have.
const FRESH: SignedDuration = SignedDuration::from_hours(6);

/// What each signal says, by the evidence of one check.
#[must_use]
pub fn signals(evidence: &Evidence, rules: &Rules, now: Timestamp) -> Vec<Signal> {
    let Some(Ok(slot)) = &evidence.slot else { return Vec::new() };
    let windows = rules.windows_of(slot, now);
    let since = now.saturating_sub(windows.at(now)).unwrap_or(Timestamp::MIN);
    let seen = |name: &str, at: Option<Timestamp>, detail: &str| {
        let state = if at.is_some_and(|at| at >= since) { SignalState::InUse } else { SignalState::Quiet };
        Signal { name: name.to_owned(), state, last_seen: at.map(Time), detail: detail.to_owned() }
    };
    let status = slot.status.clone().unwrap_or_default();
    let mut all = vec![kept(slot, now)];
    all.push(seen("claim", slot.claimed_at(), ""));
    all.push(deploy(evidence, slot, &seen));
    let write = status.last_write.as_ref();
    let what = write.map(|write| {
        format!("{} {} {}", sanitize_short(&write.by), sanitize_short(&write.kind), sanitize_short(&write.on))
    });
    all.push(seen("write", write.map(|write| write.time.0), what.as_deref().unwrap_or_default()));
    all.push(session(evidence, slot, rules, since, now));
    all.extend(jobs(evidence, slot, rules, now));
    // Where only counters were sampled for a later run, no source was asked.
    match evidence.traffic.as_ref().filter(|traffic| !(traffic.observations.is_empty() && traffic.doubts.is_empty())) {
        Some(traffic) => {
            all.extend(traffic.observations.iter().map(|look| look.signal(since, rules.silence_is_fine)));
            all.extend(traffic.usage.as_ref().map(Usage::signal));
            let past = traffic.doubts.iter().take(1).map(|doubt| blind("traffic", doubt));
            all.extend(past);
        }
        None => all.extend(unasked(&status.signals)),
    }
    all.truncate(MAX_SIGNALS);
    all
}

fn kept(slot: &Slot, now: Timestamp) -> Signal {
    let until = slot.spec.keep_until.as_ref().map(|until| until.0).filter(|until| *until > now);
    let state = if until.is_some() { SignalState::InUse } else { SignalState::Quiet };
    let detail = until.map(|until| format!("somebody asked to keep it until {}", human_time(until, now)));
    Signal { name: "keepUntil".to_owned(), state, last_seen: None, detail: detail.unwrap_or_default() }
}

fn deploy(evidence: &Evidence, slot: &Slot, seen: &impl Fn(&str, Option<Timestamp>, &str) -> Signal) -> Signal {
    let releases = match &evidence.releases {
        Some(Ok(releases)) => releases,
        Some(Err(why)) => return blind("deploy", why),
        None => return blind("deploy", "the releases were not read"),
    };
    if let Some((release, why)) = releases.iter().find_map(|release| Some((release, release.state.as_ref().err()?))) {
        return blind("deploy", &format!("the record {} cannot be read: {why}", sanitize_short(&release.object)));
    }
    let newest = releases.iter().filter_map(|release| Some((release.state.as_ref().ok()?.last_deployed, release)));
    match newest.max_by_key(|(at, _)| *at) {
        Some((at, release)) => {
            let by = release.deployed_by.as_deref().map(|by| format!(" by {}", sanitize_short(by))).unwrap_or_default();
            let pending = pending(slot, releases).unwrap_or_default();
            seen(
                "deploy",
                Some(at),
                &format!("{} (revision {}){by}{pending}", sanitize_short(&release.name), release.revision),
            )
        }
        None => seen("deploy", None, "there is no release"),
    }
}

/// What to do about a release that was left pending: its holder lost the slot, or helm was killed.
fn pending(slot: &Slot, releases: &[Release]) -> Option<String> {
    let pending = |release: &&Release| matches!(release.under_way(), Some((Phase::Pending, _)));
    let release = releases.iter().find(pending)?;
    let commands = release::go_on(&release.name, release.revision, slot.metadata.namespace.as_deref()?);
    Some(format!("; {} is pending: if no helm is at work on it, go on with: {commands}", sanitize_short(&release.name)))
}

/// A session that may still be open, or was noted within the window; else whether one would have been noted.
fn session(evidence: &Evidence, slot: &Slot, rules: &Rules, since: Timestamp, now: Timestamp) -> Signal {
    let rules = &Rules { windows: rules.windows_of(slot, now), ..rules.clone() };
    let (newest, open) = (sessions::newest(slot), sessions::open(evidence, slot, rules, now));
    let counts = |open: Activity| {
        let ends = open.time.checked_add(rules.session_grace).unwrap_or(Timestamp::MAX);
        format!("{}; it may still be open, and counts until {}", open.detail, human_time(ends, now))
    };
    let in_use = open.is_some() || newest.as_ref().is_some_and(|newest| newest.time >= since);
    let unnoted = if in_use { None } else { sessions::unnoted(evidence, since, rules, now) };
    let (last_seen, noted) = newest.map(|newest| (Time(newest.time), newest.detail)).unzip();
    let state = match &unnoted {
        Some(_) => SignalState::Blind,
        None if in_use => SignalState::InUse,
        None => SignalState::Quiet,
    };
    let detail = unnoted.or_else(|| open.map(counts)).or(noted).unwrap_or_default();
    Signal { name: "session".to_owned(), state, last_seen, detail }
}

/// The Jobs that run, where there are some: they keep the slot, or a reap stops them.
fn jobs(evidence: &Evidence, slot: &Slot, rules: &Rules, now: Timestamp) -> Option<Signal> {
    let work = match evidence.work.as_ref()? {
        Ok(work) => work,
        Err(why) => return Some(blind("jobs", why)),
    };
    let newest = work.jobs.iter().map(|job| job.since).max()?;
    let keeps = work.keeping(slot, rules.job_grace, now).map(|job| work::told(job, rules.job_grace, now));
    let state = if keeps.is_some() { SignalState::InUse } else { SignalState::Quiet };
    let detail = keeps.or_else(|| work.stopped()).unwrap_or_default();
    Some(Signal { name: "jobs".to_owned(), state, last_seen: Some(Time(newest)), detail })
}

fn blind(name: &str, why: &str) -> Signal {
    Signal { name: name.to_owned(), state: SignalState::Blind, last_seen: None, detail: why.to_owned() }
}

/// The traffic sources were not asked this time; what they said last is not true any more, but when they saw somebody is.
fn unasked(before: &[Signal]) -> Vec<Signal> {
    let own = ["keepUntil", "claim", "deploy", "write", "session", "jobs", "traffic"];
    let sources = before.iter().filter(|signal| !own.contains(&signal.name.as_str()));
    sources
        .map(|signal| Signal {
            state: SignalState::NotAsked,
            detail: if signal.last_seen.is_some() { signal.detail.clone() } else { String::new() },
            ..signal.clone()
        })
        .collect()
}

/// True if what was planned before still stands: the same releases in the same revisions.
#[must_use]
pub fn is_current(before: Option<&ReapPlan>, targets: &[Release], now: Timestamp) -> bool {
    before.is_some_and(|plan| {
        let planned = |target: &Release| {
            plan.releases.iter().any(|known| known.name == target.name && known.revision == target.revision)
        };
        let all = plan.releases.len() == targets.len().min(MAX_RELEASES);
        all && targets.iter().take(MAX_RELEASES).all(planned) && now.duration_since(plan.at.0) < FRESH
    })
}

/// What a reap would do, as the status tells it.
#[must_use]
pub fn plan(targets: &[Release], impacts: &[UninstallImpact], all: &[Release], now: Timestamp) -> ReapPlan {
    let planned = targets.iter().zip(impacts).map(|(release, impact)| impact.planned(release));
    let stays = |release: &&Release| release.is_live() && !targets.iter().any(|target| target.object == release.object);
    ReapPlan {
        at: Time(now),
        releases: planned.take(MAX_RELEASES).collect(),
        kept: all.iter().filter(stays).map(|release| release.name.clone()).take(MAX_RELEASES).collect(),
    }
}

/// The plan in a sentence or two.
#[must_use]
pub fn told(plan: &ReapPlan) -> String {
    let going: Vec<&PlannedRelease> = plan.releases.iter().filter(|release| release.held.is_none()).collect();
    let of = |objects: fn(&PlannedRelease) -> &Vec<String>| -> Vec<String> {
        going.iter().flat_map(|release| objects(release)).map(|text| sanitize_short(text)).collect()
    };
    let (stays, lost) = (of(|release| &release.stays), of(|release| &release.lost));
    let names: Vec<String> = going.iter().map(|release| sanitize_short(&release.name)).collect();
    let mut told = format!("Would uninstall: {}. What would stay: {}.", list(&names), list(&stays));
    if !lost.is_empty() {
        told += &format!(" What could not be brought back: {}.", list(&lost));
    }
    for line in hookless(plan, &going.iter().map(|release| release.name.clone()).collect::<Vec<_>>()) {
        told += &format!(" {line}.");
    }
    for (name, why) in plan.releases.iter().filter_map(|release| Some((&release.name, release.held.as_ref()?))) {
        told += &format!(" {} would stay: {why}.", sanitize_short(name));
    }
    told
}

/// What of these releases could not be brought back, as people are told; each with its release where there are several.
#[must_use]
pub fn lost(plan: &ReapPlan, releases: &[String]) -> Vec<String> {
    let going = plan.releases.iter().filter(|release| release.held.is_none() && releases.contains(&release.name));
    let of = |release: &PlannedRelease| release.lost.iter().map(|lost| (release.name.clone(), lost.clone())).collect();
    let all: Vec<(String, String)> = going.flat_map(|release| -> Vec<_> { of(release) }).collect();
    let named = |(release, lost)| if releases.len() > 1 { format!("{lost} (of {release})") } else { lost };
    bounded(all.into_iter().map(named).collect())
}

/// Which of these releases would go without their hooks, and why.
#[must_use]
pub fn hookless(plan: &ReapPlan, releases: &[String]) -> Vec<String> {
    let of = plan.releases.iter().filter(|release| release.held.is_none() && releases.contains(&release.name));
    let told = |release: &PlannedRelease| {
        let why = release.without_hooks.as_ref()?;
        Some(format!("{} goes without its hooks: {}", sanitize_short(&release.name), sanitize_short(why)))
    };
    of.filter_map(told).collect()
}

/// Adds both to a change of the Slot's status. After a reap the plan is done with, and the next check makes another.
pub fn tell(patch: &mut Value, signals: &[Signal], plan: Option<&ReapPlan>, reaped: bool) {
    let Some(status) = patch.get_mut("status").and_then(Value::as_object_mut) else { return };
    status.insert("signals".to_owned(), json!(signals));
    if reaped {
        status.insert("plan".to_owned(), Value::Null);
    } else if let Some(plan) = plan {
        status.insert("plan".to_owned(), json!(plan));
    }
}

/// The releases that stay as a whole, and why.
#[must_use]
pub fn held(targets: &[Release], impacts: &[UninstallImpact]) -> Vec<(String, String)> {
    let pairs = targets.iter().zip(impacts);
    pairs.filter_map(|(release, impact)| Some((release.name.clone(), impact.held.clone()?))).collect()
}

/// The verdict of a slot that nobody uses and in which no release may go.
#[must_use]
pub fn kept_by(held: &[(String, String)], in_doubt: bool) -> Verdict {
    let each: Vec<String> = held.iter().map(|(name, why)| format!("{} ({why})", sanitize_short(name))).collect();
    let reason = format!("nothing to reap, though nobody uses it: what is there stays: {}", list(&each));
    // What could not be found out makes the run fail, so that somebody sees it.
    let state = if in_doubt { VerdictState::Unknown } else { VerdictState::Kept };
    Verdict { state, reason, activity: None, reap_at: None }
}

#[cfg(test)]
mod tests;
