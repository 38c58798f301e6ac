//! Is each slot closed to strangers, and does its reaper see?

use std::collections::BTreeSet;

use hotdesk_slots::{Mode, Slot, VerdictState, keys};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;

use super::Finding;
use super::facts::Facts;
use crate::commands::relative;
use crate::row::slot_name;

/// How every finding about one slot begins.
pub(super) const ABOUT: &str = "slot ";
/// Longer than a run may take.
const A_RUN: SignedDuration = SignedDuration::from_hours(1);
/// A reaper that has not looked for so long, at any schedule that makes sense, does not look any more.
const LONG: SignedDuration = SignedDuration::from_hours(25);

/// What is known of one slot.
struct Known<'a> {
    name: &'a str,
    slot: Option<&'a Slot>,
    /// None if namespaces could not be seen; `Some(None)` if it is there no more, or was not yet.
    namespace: Option<Option<&'a Namespace>>,
    /// None if CronJobs could not be seen.
    cron_job: Option<Option<&'a CronJob>>,
}

/// Every slot: each namespace that is labelled as one, and each namespace that has a Slot.
pub(super) fn judge(facts: &Facts, program: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (about, why) in [
        ("the Slots", facts.slots.as_ref().err()),
        ("the slots' namespaces", facts.namespaces.as_ref().err()),
        ("the reapers", facts.cron_jobs.as_ref().err()),
    ] {
        findings.extend(why.map(|why| Finding::unseen(about, why)));
    }
    let Ok(slots) = &facts.slots else { return findings };
    let namespaces = facts.namespaces.as_ref().ok();
    let mut names: BTreeSet<String> = slots.iter().map(|slot| slot_name(slot).to_owned()).collect();
    let labelled = namespaces.iter().flat_map(|all| all.iter()).filter(|n| n.labels().contains_key(keys::SLOT));
    names.extend(labelled.map(ResourceExt::name_any));
    if names.is_empty() {
        let none = Finding::warning("the slots", "there are none yet");
        findings.push(none.mended_by("helm install slots charts/slots -n hotdesk -f slots.yaml"));
    }
    for name in &names {
        let known = Known {
            name,
            slot: slots.iter().find(|slot| slot_name(slot) == name),
            namespace: namespaces.map(|all| all.iter().find(|namespace| namespace.name_any() == *name)),
            cron_job: facts
                .cron_jobs
                .as_ref()
                .ok()
                .map(|all| all.iter().find(|job| job.namespace().as_ref() == Some(name))),
        };
        findings.extend(one(&known, program, now));
    }
    findings
}

fn one(known: &Known<'_>, program: &str, now: Timestamp) -> Vec<Finding> {
    let about = format!("{ABOUT}{}", known.name);
    match known.namespace {
        // It comes or goes at this moment.
        Some(None) => return Vec::new(),
        Some(Some(namespace)) if namespace.metadata.deletion_timestamp.is_some() => {
            return vec![Finding::ok(about, "its namespace is being deleted")];
        }
        _ => {}
    }
    let Some(slot) = known.slot else {
        let says = "its namespace is labelled as a slot and has no Slot, so nobody writes there";
        return vec![Finding::problem(about, says).mended_by(format!(
            "add {name} to the values of charts/slots and upgrade, or: kubectl label namespace {name} {key}-",
            name = known.name,
            key = keys::SLOT
        ))];
    };
    let mut findings: Vec<Finding> = [gated(known, &about), mode(slot, &about)].into_iter().flatten().collect();
    findings.extend(reaper(known, slot, &about, program, now));
    if findings.is_empty() {
        let verdict = slot.status.as_ref().and_then(|status| status.verdict.as_ref());
        let says =
            verdict.map_or("gated".to_owned(), |v| format!("{:?} {}: {}", v.state, relative(v.at.0, now), v.reason));
        findings.push(Finding::ok(about, says));
    }
    findings
}

/// The webhook and the policy see only namespaces with the label.
fn gated(known: &Known<'_>, about: &str) -> Option<Finding> {
    let name = known.name;
    let says = match known.namespace??.labels().get(keys::SLOT) {
        Some(label) if label == name => return None,
        Some(label) => format!("its namespace's label {} is {label}, not {name}", keys::SLOT),
        None => format!("its namespace has no label {}, so everybody may write there", keys::SLOT),
    };
    let fix = format!("kubectl label namespace {name} {}={name} --overwrite", keys::SLOT);
    Some(Finding::problem(about, says).mended_by(fix))
}

fn mode(slot: &Slot, about: &str) -> Option<Finding> {
    let word = match slot.spec.mode? {
        Mode::Enforce => return None,
        Mode::Warn => "warn",
        Mode::Audit => "audit",
    };
    let fix =
        format!("kubectl -n {} patch slot slot --type merge -p '{{\"spec\":{{\"mode\":null}}}}'", slot_name(slot));
    Some(Finding::warning(about, format!("its mode is {word}, so strangers may write there")).mended_by(fix))
}

fn reaper(known: &Known<'_>, slot: &Slot, about: &str, program: &str, now: Timestamp) -> Vec<Finding> {
    let Some(cron_job) = known.cron_job else { return blind(slot, about, program).into_iter().collect() };
    let Some(cron_job) = cron_job else {
        let none = Finding::warning(about, "nothing ever clears it: it has no CronJob hotdesk-reaper");
        return vec![none.mended_by("if it shall be cleared, set reaper.enabled for it in the values of charts/slots")];
    };
    let mut findings = Vec::new();
    if cron_job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true)) {
        let suspended = Finding::warning(about, "its reaper is suspended, so it is never cleared");
        findings.push(
            suspended.mended_by("helm upgrade slots charts/slots -n hotdesk --reuse-values --set reaper.suspend=false"),
        );
        return findings;
    }
    if only_says(cron_job) {
        let says = "its reaper only says what it would do (reaper.dryRun)";
        let fix = "helm upgrade slots charts/slots -n hotdesk --reuse-values --set reaper.dryRun=false, when you agree with it";
        findings.push(Finding::warning(about, says).mended_by(fix));
    }
    findings.extend(blind(slot, about, program).or_else(|| silent(known.name, slot, cron_job, about, now)));
    findings
}

/// A reaper that cannot see clears nothing, for ever.
fn blind(slot: &Slot, about: &str, program: &str) -> Option<Finding> {
    let status = slot.status.as_ref()?;
    let unknown = status.verdict.as_ref().filter(|verdict| verdict.state == VerdictState::Unknown);
    let unsighted = status.conditions.iter().find(|c| c.type_ == "Sighted" && c.status == "False");
    let why = unknown.map(|verdict| &verdict.reason).or(unsighted.map(|condition| &condition.message))?;
    let name = slot_name(slot);
    let fix = format!("what the reason names; {program} why {name} and kubectl -n {name} get events say more");
    Some(Finding::problem(about, format!("its reaper cannot see, so it is never cleared: {why}")).mended_by(fix))
}

/// A reaper that says nothing.
fn silent(name: &str, slot: &Slot, cron_job: &CronJob, about: &str, now: Timestamp) -> Option<Finding> {
    let verdict = slot.status.as_ref().and_then(|status| status.verdict.as_ref()).map(|verdict| verdict.at.0);
    let last_run = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref()).map(|time| time.0);
    let looked = verdict.map_or("never".to_owned(), |at| relative(at, now));
    let schedule = cron_job.spec.as_ref().map(|spec| spec.schedule.clone()).unwrap_or_default();
    let run_now = format!("kubectl -n {name} create job look-now --from=cronjob/hotdesk-reaper");
    let describe = format!("kubectl -n {name} describe cronjob hotdesk-reaper; kubectl -n {name} get jobs,pods");
    match (verdict, last_run) {
        (_, Some(run)) if verdict.is_none_or(|at| at < run) && now.duration_since(run) > A_RUN => {
            let says = format!(
                "its reaper was started {} and has found nothing out since; it last did {looked}",
                relative(run, now)
            );
            Some(Finding::problem(about, says).mended_by(describe))
        }
        (Some(at), _) if now.duration_since(at) > LONG => Some(
            Finding::warning(about, format!("its reaper last looked {looked} (schedule {schedule})"))
                .mended_by(describe),
        ),
        (None, None) => {
            let says = format!("its reaper has not run yet (schedule {schedule})");
            Some(Finding::warning(about, says).mended_by(format!("wait, or: {run_now}")))
        }
        _ => None,
    }
}

fn only_says(cron_job: &CronJob) -> bool {
    let pod = cron_job
        .spec
        .as_ref()
        .and_then(|spec| spec.job_template.spec.as_ref())
        .and_then(|job| job.template.spec.as_ref());
    let env = pod.into_iter().flat_map(|pod| &pod.containers).flat_map(|container| container.env.iter().flatten());
    env.into_iter().any(|env| env.name == "HOTDESK_DRY_RUN" && env.value.as_deref() == Some("true"))
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
