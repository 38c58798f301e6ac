//! What is said about a run, and where: the Slot's status, an Event, the termination message, the log.
//!
//! What cannot be said changes nothing: the verdict stands, and what was done is done.

use hotdesk_runtime::text::cut;
use hotdesk_slots::requests::SavedRelease;
use hotdesk_slots::slot::{LastActivity, LastDeploy, Observed, Reaping, ReleaseRevision, SLOT_NAME, Slot};
use hotdesk_slots::slot::{SlotVerdict, VerdictState};
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::undo::told_with;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource as _};
use serde_json::{Value, json};

use crate::api::Cluster;
use crate::backoff;
use crate::decide::{Activity, Evidence, Verdict};
use crate::helm::release::Release;
use crate::reap::Outcome;
use hotdesk_traffic::observation::Traffic;

/// The longest note that an Event may have, in bytes.
const MAX_NOTE: usize = 1024;

/// How a run ended; the number is its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// In use, kept, nothing to do, or reaped.
    Fine = 0,
    /// An error that has nothing to do with the slot.
    Error = 1,
    /// Wrong usage.
    Usage = 2,
    /// Something could not be read; nothing was touched.
    Unknown = 3,
    /// A reap that could not finish.
    Unfinished = 4,
}

/// A run, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// How it ended.
    pub exit: Exit,
    /// One or two sentences.
    pub message: String,
}

impl Conclusion {
    /// Of a run that reaped nothing, because of its verdict.
    #[must_use]
    pub fn of_verdict(slot: &str, verdict: &Verdict) -> Self {
        let exit = if verdict.state == VerdictState::Unknown { Exit::Unknown } else { Exit::Fine };
        let hands_off = if exit == Exit::Unknown { " Nothing was uninstalled." } else { "" };
        Self { exit, message: format!("{slot} is {}: {}.{hands_off}", state(verdict.state), verdict.reason) }
    }

    /// Of a reap.
    #[must_use]
    pub fn of_reap(slot: &str, verdict: &Verdict, outcome: &Outcome) -> Self {
        let exit = match &outcome.stopped {
            _ if outcome.is_unfinished() => Exit::Unfinished,
            Some((_, VerdictState::Unknown)) => Exit::Unknown,
            _ => Exit::Fine,
        };
        let mut message = format!("{slot} was idle: {}.", verdict.reason);
        if outcome.is_untouched() {
            message += " Nothing was uninstalled.";
        } else if !outcome.gone.is_empty() {
            message += &format!(" Uninstalled: {}.", list(&outcome.gone));
        }
        if !outcome.gone.is_empty() && !outcome.preserved.is_empty() {
            let kept: Vec<String> = outcome.preserved.iter().map(|object| sanitize_short(object)).collect();
            message += &format!(" What stays: {}.", list(&kept));
        }
        let failed = outcome.failed.iter().map(|failed| {
            let name = sanitize_short(&failed.name);
            if !failed.whole {
                format!(
                    " {name} is half gone: {}. `kubectl hotdesk revive {slot} {name}` brings it back; the next run finishes if the \
                     slot is still idle.",
                    failed.why
                )
            } else {
                format!(" Nothing of {name} is gone: {}.", failed.why)
            }
        });
        let troubled =
            outcome.troubled.iter().map(|(name, why)| format!(" All of {} is gone, but {why}.", sanitize_short(name)));
        let leftovers = outcome.leftovers.iter().map(|(name, what)| {
            format!(" {} is uninstalled, and not all of it is gone: {what}.", sanitize_short(name))
        });
        let is_gone =
            |name: &String| outcome.gone.contains(name) || outcome.leftovers.iter().any(|(left, _)| left == name);
        let hookless = outcome.without_hooks.iter().filter(|(name, _)| is_gone(name));
        message.extend(hookless.map(|(name, why)| format!(" {} went without its hooks: {why}.", sanitize_short(name))));
        let skipped = outcome.skipped.iter().map(|(name, why)| format!(" {} was left: {why}.", sanitize_short(name)));
        let stopped = outcome.stopped.iter().map(|(why, _)| format!(" The rest was left: {why}."));
        message.extend(failed.chain(troubled).chain(leftovers).chain(skipped).chain(stopped));
        Self { exit, message }
    }
}

fn state(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Active => "in use",
        VerdictState::Idle => "idle",
        VerdictState::Kept => "kept",
        VerdictState::Unknown => "not known to be idle",
    }
}

/// The change of the Slot's status that tells a verdict and, after a reap, what was done.
#[must_use]
pub fn status_patch(verdict: &Verdict, evidence: &Evidence, outcome: Option<&Outcome>, now: Timestamp) -> Value {
    let stopped = outcome.and_then(|outcome| outcome.stopped.as_ref());
    // What was found in the middle of a reap is newer than what it began with.
    let found =
        stopped.map(|(why, state)| Verdict { state: *state, reason: why.clone(), activity: None, reap_at: None });
    let verdict = found.as_ref().unwrap_or(verdict);
    let before = evidence
        .slot
        .as_ref()
        .and_then(|slot| slot.as_ref().ok())
        .and_then(|slot| slot.status.clone())
        .unwrap_or_default();
    let mut status = json!({
        "verdict": SlotVerdict { state: verdict.state, reason: verdict.reason.clone(), at: Time(now) },
        "nextReapAt": verdict.reap_at.map(Time),
        "conditions": conditions(&before.conditions, verdict, evidence, now),
    });
    let mut tell =
        |field: &str, value: Value| status.as_object_mut().map(|status| status.insert(field.to_owned(), value));
    for (field, value) in evidence.traffic.iter().flat_map(to_remember) {
        tell(field, value);
    }
    let newer = |new: &&Activity| before.last_activity.as_ref().is_none_or(|old| old.time.0 < new.time);
    if let Some(Activity { time, signal, detail }) = verdict.activity.as_ref().filter(newer) {
        // Clocks differ, and what a status says was seen lies in the past.
        let activity =
            LastActivity { time: Time((*time).min(now)), signal: (*signal).to_owned(), detail: detail.clone() };
        tell("lastActivity", json!(activity));
    }
    if let Some(deploy) = newest_deploy(evidence, now) {
        tell("lastDeploy", json!(deploy));
    }
    if let Some(Ok(releases)) = &evidence.releases {
        let failures = backoff::after(&before.failed_reaps, outcome.unwrap_or(&Outcome::default()), releases, now);
        if failures != before.failed_reaps {
            tell("failedReaps", json!(failures));
        }
    }
    match outcome {
        Some(outcome) => {
            tell("reaping", half_gone(outcome, before.reaping.as_ref(), now));
            last_reap(outcome, now).map(|last| tell("lastReap", last));
        }
        None if before.reaping.is_some() => {
            tell("reaping", still_reaping(before.reaping.as_ref(), evidence));
        }
        None => {}
    }
    json!({"status": status})
}

/// What later runs need of what the traffic sources said.
fn to_remember(traffic: &Traffic) -> impl Iterator<Item = (&'static str, Value)> {
    let counted = Some(&traffic.counted).filter(|kept| !kept.is_empty());
    let covered = Some(&traffic.covered).filter(|kept| !kept.is_empty());
    let usage = traffic.usage.as_ref().and_then(|usage| usage.kept.as_ref());
    [
        observed(traffic).map(|observed| ("observed", json!(observed))),
        counted.map(|counted| ("counted", json!(counted))),
        covered.map(|covered| ("covered", json!(covered))),
        usage.map(|usage| ("podUsage", json!(usage))),
    ]
    .into_iter()
    .flatten()
}

/// What was cleared. What was noted of a revive is of the reap before.
fn last_reap(outcome: &Outcome, now: Timestamp) -> Option<Value> {
    let leftovers = outcome.leftovers.iter().map(|(name, _)| name);
    let releases: Vec<String> = outcome.gone.iter().chain(leftovers).cloned().collect();
    let last = json!({"time": Time(now), "releases": releases, "restoredAt": null, "restoredBy": null});
    (!releases.is_empty()).then_some(last)
}

/// The status while a reap is under way, so that the next run can finish what a killed one began, and so that nobody
/// takes the slot over until then. It holds only for the Slot as it was judged: a write since then wins.
#[must_use]
pub fn reaping_patch(judged: &Slot, targets: &[Release], now: Timestamp, until: Timestamp) -> Value {
    let releases =
        targets.iter().map(|target| ReleaseRevision { name: target.name.clone(), revision: target.revision }).collect();
    let reaping = Reaping { since: Time(begun_at(judged, targets, now)), releases, until: Some(Time(until)) };
    json!({"metadata": {"resourceVersion": judged.metadata.resource_version}, "status": {"reaping": reaping}})
}

/// When the reap of these releases began: what goes on with one that could not finish is the same reap.
#[must_use]
pub fn begun_at(judged: &Slot, targets: &[Release], now: Timestamp) -> Timestamp {
    let before = judged.status.as_ref().and_then(|status| status.reaping.as_ref());
    let goes_on = |reaping: &&Reaping| {
        let left = |old: &ReleaseRevision| targets.iter().any(|t| t.name == old.name && t.revision == old.revision);
        reaping.releases.iter().any(left)
    };
    // A status holds whole seconds, and what goes on must find the same time there.
    before.filter(goes_on).map_or_else(|| whole_seconds(now), |reaping| reaping.since.0)
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The status when a release is about to be uninstalled, with what was saved of it: the reap takes longer. Again only for
/// the Slot as it was last looked at.
#[must_use]
pub fn uninstalling_patch(seen: &Slot, saved: Vec<SavedRelease>, now: Timestamp, until: Timestamp) -> Value {
    let before = seen.status.as_ref().map(|status| status.saved.as_slice()).unwrap_or_default();
    let status = json!({"reaping": {"until": Time(until)}, "saved": told_with(before, saved, now)});
    json!({"metadata": {"resourceVersion": seen.metadata.resource_version}, "status": status})
}

/// The status without what was saved and is kept for no longer, if there is any; only for the Slot as it was read.
#[must_use]
pub fn outdated_patch(seen: &Slot, now: Timestamp) -> Option<Value> {
    let before = &seen.status.as_ref()?.saved;
    let left = told_with(before, Vec::new(), now);
    let metadata = json!({"resourceVersion": seen.metadata.resource_version});
    (left.len() < before.len()).then(|| json!({"metadata": metadata, "status": {"saved": left}}))
}

fn half_gone(outcome: &Outcome, before: Option<&Reaping>, now: Timestamp) -> Value {
    let begun = outcome.failed.iter().filter(|failed| failed.begun);
    let releases: Vec<_> = begun.map(|f| ReleaseRevision { name: f.name.clone(), revision: f.revision }).collect();
    let since = before.map_or(Time(now), |reaping| reaping.since.clone());
    if releases.is_empty() { Value::Null } else { not_at_work(&since, &releases) }
}

/// What is begun and not finished, and that nobody is at work on it. A patch that does not name `until` would leave the old one.
fn not_at_work(since: &Time, releases: &[ReleaseRevision]) -> Value {
    json!({"since": since, "releases": releases, "until": null})
}

/// What an earlier run left: only releases that are still there, in the revision that it began with.
fn still_reaping(before: Option<&Reaping>, evidence: &Evidence) -> Value {
    let (Some(before), Some(Ok(releases))) = (before, &evidence.releases) else { return json!(before) };
    let there = |old: &&ReleaseRevision| {
        let is = |r: &Release| r.is_live() && r.name == old.name && r.revision == old.revision;
        // Who uninstalls and installs it again begins with the same revision.
        let deployed_since = |r: &Release| r.state.as_ref().is_ok_and(|state| state.last_deployed > before.since.0);
        releases.iter().any(|r| is(r) && !deployed_since(r))
    };
    let left: Vec<ReleaseRevision> = before.releases.iter().filter(there).cloned().collect();
    if left.is_empty() { Value::Null } else { not_at_work(&before.since, &left) }
}

fn newest_deploy(evidence: &Evidence, now: Timestamp) -> Option<LastDeploy> {
    let releases = evidence.releases.as_ref()?.as_ref().ok()?;
    let deploys = releases.iter().filter_map(|release| Some((release.state.as_ref().ok()?.last_deployed, release)));
    let (time, release) = deploys.max_by_key(|(time, _)| *time)?;
    Some(LastDeploy { time: Time(time.min(now)), release: release.name.clone(), by: release.deployed_by.clone() })
}

/// What all sources could look at, if they could.
fn observed(traffic: &Traffic) -> Option<Observed> {
    if traffic.hit().is_none() && traffic.all_doubts().next().is_some() {
        return None;
    }
    let from = traffic.observations.iter().map(|look| look.from).max()?;
    let through = traffic.observations.iter().map(|look| look.through).min()?;
    let samples = traffic.observations.iter().map(|look| look.samples).sum();
    Some(Observed { from: Time(from), through: Time(through), samples })
}

/// `Sighted`: could everything be read? `Reapable`: is it idle? Others' conditions stay.
fn conditions(before: &[Condition], verdict: &Verdict, evidence: &Evidence, now: Timestamp) -> Vec<Condition> {
    let (reapable, reason) = match verdict.state {
        VerdictState::Active => ("False", "InUse"),
        VerdictState::Idle => ("True", "Idle"),
        VerdictState::Kept => ("False", "Kept"),
        VerdictState::Unknown => ("Unknown", "Blind"),
    };
    let mut told = vec![("Reapable", reapable, reason)];
    if verdict.state == VerdictState::Unknown {
        told.push(("Sighted", "False", "Blind"));
    } else if evidence.traffic.as_ref().is_some_and(|traffic| !traffic.observations.is_empty()) {
        told.push(("Sighted", "True", "EverythingRead"));
    }
    let own = told.iter().map(|(type_, status, reason)| {
        let old = before.iter().find(|old| old.type_ == *type_ && old.status == *status);
        Condition {
            type_: (*type_).to_owned(),
            status: (*status).to_owned(),
            reason: (*reason).to_owned(),
            message: verdict.reason.clone(),
            last_transition_time: old.map_or(Time(now), |old| old.last_transition_time.clone()),
            observed_generation: None,
        }
    });
    let others = before.iter().filter(|old| !told.iter().any(|(type_, ..)| old.type_ == *type_)).cloned();
    others.chain(own).collect()
}

/// Writes to the Slot's status.
///
/// # Errors
/// When it cannot be written; the caller says so and goes on.
pub async fn write_status(cluster: &Cluster, slot: &str, patch: &Value) -> Result<(), String> {
    let api: Api<Slot> = Api::namespaced(cluster.client.clone(), slot);
    let (parameters, patch) = (PatchParams::default(), Patch::Merge(patch));
    let written = api.patch_status(SLOT_NAME, &parameters, &patch);
    cluster.answer("the Slot's status cannot be written", written).await.map(|_| ())
}

/// Puts an Event on the Slot.
///
/// # Errors
/// When it cannot be written; the caller says so and goes on.
pub async fn write_event(
    cluster: &Cluster,
    slot: &Slot,
    notice: bool,
    about: &Conclusion,
    now: Timestamp,
) -> Result<(), String> {
    let api: Api<Event> =
        Api::namespaced(cluster.client.clone(), slot.metadata.namespace.as_deref().unwrap_or_default());
    let event = event(slot, notice, about, now);
    cluster.answer("the Event cannot be written", api.create(&PostParams::default(), &event)).await.map(|_| ())
}

fn event(slot: &Slot, notice: bool, about: &Conclusion, now: Timestamp) -> Event {
    let (type_, reason) = match about.exit {
        Exit::Fine if notice => ("Warning", "ReapNotice"),
        Exit::Fine => ("Normal", "Reaped"),
        Exit::Unfinished => ("Warning", "ReapUnfinished"),
        Exit::Unknown => ("Warning", "ReaperBlind"),
        Exit::Error | Exit::Usage => ("Warning", "ReaperFailed"),
    };
    Event {
        metadata: ObjectMeta { generate_name: Some("hotdesk-reaper-".to_owned()), ..ObjectMeta::default() },
        action: Some("Reap".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(cut(&about.message, MAX_NOTE)),
        reason: Some(reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(Slot::api_version(&()).into_owned()),
            kind: Some(Slot::kind(&()).into_owned()),
            name: slot.metadata.name.clone(),
            namespace: slot.metadata.namespace.clone(),
            uid: slot.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("hotdesk.dev/reaper".to_owned()),
        reporting_instance: Some("hotdesk-reaper".to_owned()),
        type_: Some(type_.to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests;
