//! Is each slot closed to strangers, and does its reaper see?

use std::collections::BTreeSet;

use hotdesk_slots::requests::STAMPED;
use hotdesk_slots::{Mode, Slot, VerdictState, keys};
use hotdesk_traffic::sources::settings::variable;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;

use super::finding::{Finding, Id};
use super::reapers::{Reaper, reaps};
use super::runs::{self, Runs};
use super::snapshot::Snapshot;
use crate::commands::relative;
use crate::view::{FailedReap, slot_name};

/// How every finding about one slot begins.
pub(super) const SUBJECT: &str = "slot ";
/// Longer than a run may take.
const A_RUN: SignedDuration = SignedDuration::from_hours(1);
/// A reaper that has not looked for so long, at any schedule that makes sense, does not look any more.
const LONG: SignedDuration = SignedDuration::from_hours(25);

/// By this label Kubernetes refuses pods that reach the node.
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// Slots are there to be read.
const EVERYBODY: &str = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values --set slotReaders.enabled=true, by the people who run the cluster";

/// What is known of one slot.
struct Known<'a> {
    name: &'a str,
    slot: Option<&'a Slot>,
    /// None if namespaces could not be seen; `Some(None)` if it is there no more, or was not yet.
    namespace: Option<Option<&'a Namespace>>,
    /// None if CronJobs could not be seen.
    cron_job: Option<Option<&'a CronJob>>,
    /// True if there is one in the slot itself, where hotdesk had them before.
    outdated: bool,
    reaper: Option<&'a Reaper>,
    runs: Runs<'a>,
}

/// Every slot: each namespace that is labelled as one, and each namespace that has a Slot.
pub(super) fn judge(snapshot: &Snapshot, program: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, subject, why) in [
        (Id::SlotThere, "the Slots", snapshot.slots.as_ref().err()),
        (Id::SlotLabel, "the slots' namespaces", snapshot.namespaces.as_ref().err()),
        (Id::ReaperThere, "the reapers", snapshot.cron_jobs.as_ref().err()),
        (Id::ReaperRun, "the reapers' runs", snapshot.jobs.as_ref().err().or(snapshot.pods.as_ref().err())),
        (Id::ReaperStart, "the reapers' Events", snapshot.events.as_ref().err()),
        (Id::SlotIngress, "the slots' Ingresses", snapshot.ingresses.as_ref().err()),
    ] {
        let unknown = |why: &String| match id {
            Id::SlotThere => Finding::unknown(id, subject, why).with_fix(EVERYBODY),
            _ => Finding::unknown(id, subject, why),
        };
        findings.extend(why.map(unknown));
    }
    let Ok(slots) = &snapshot.slots else { return findings };
    let namespaces = snapshot.namespaces.as_ref().ok();
    let mut names: BTreeSet<String> = slots.iter().map(|slot| slot_name(slot).to_owned()).collect();
    let labelled = namespaces.iter().flat_map(|all| all.iter()).filter(|n| n.labels().contains_key(keys::SLOT));
    names.extend(labelled.map(ResourceExt::name_any));
    if names.is_empty() {
        let none = Finding::warning(Id::SlotThere, "the slots", "there are none yet");
        findings.push(none.with_fix("helm install slots charts/slots -n hotdesk -f slots.yaml"));
    }
    findings.extend(names.iter().flat_map(|name| one(&known(snapshot, slots, name), program, now)));
    findings
}

/// What was seen of one slot.
fn known<'a>(snapshot: &'a Snapshot, slots: &'a [Slot], name: &'a str) -> Known<'a> {
    let in_it = |namespace: Option<String>| namespace.as_deref() == Some(name);
    let outdated = |job: &CronJob| job.name_any() == "hotdesk-reaper" && in_it(job.namespace());
    let namespaces = snapshot.namespaces.as_ref().ok();
    Known {
        name,
        slot: slots.iter().find(|slot| slot_name(slot) == name),
        namespace: namespaces.map(|all| all.iter().find(|namespace| namespace.name_any() == name)),
        cron_job: snapshot.cron_jobs.as_ref().ok().map(|all| all.iter().find(|job| reaps(job, name))),
        outdated: snapshot.cron_jobs.iter().flatten().any(outdated),
        reaper: snapshot.then.reapers.iter().find(|reaper| reaper.slot == name),
        runs: Runs {
            jobs: snapshot.jobs.as_deref().unwrap_or_default(),
            pods: snapshot.pods.as_deref().unwrap_or_default(),
            events: snapshot.events.as_deref().unwrap_or_default(),
        },
    }
}

fn one(known: &Known<'_>, program: &str, now: Timestamp) -> Vec<Finding> {
    let subject = format!("{SUBJECT}{}", known.name);
    match known.namespace {
        // It comes or goes at this moment.
        Some(None) => return Vec::new(),
        Some(Some(namespace)) if namespace.metadata.deletion_timestamp.is_some() => {
            return vec![Finding::ok(Id::Slot, subject, "its namespace is being deleted")];
        }
        _ => {}
    }
    let Some(slot) = known.slot else {
        let message = "its namespace is labelled as a slot and has no Slot, so nobody can write there";
        return vec![Finding::problem(Id::SlotThere, subject, message).with_fix(format!(
            "add {name} to the values of charts/slots and upgrade, or: kubectl label namespace {name} {key}-",
            name = known.name,
            key = keys::SLOT
        ))];
    };
    let mut findings: Vec<Finding> =
        [gated(known, &subject), pod_security(known, &subject), mode(slot, &subject), unstamped(slot, &subject)]
            .into_iter()
            .flatten()
            .collect();
    findings.extend(reaper(known, slot, &subject, program, now));
    let failed = slot.status.iter().flat_map(|status| &status.failed_reaps).map(FailedReap::of);
    let fix = format!("fix that, and then: {program} reap {}", known.name);
    findings
        .extend(failed.map(|failed| Finding::warning(Id::ReaperRun, &*subject, failed.message(now)).with_fix(&*fix)));
    if findings.is_empty() {
        let verdict = slot.status.as_ref().and_then(|status| status.verdict.as_ref());
        let message =
            verdict.map_or("gated".to_owned(), |v| format!("{:?} {}: {}", v.state, relative(v.at.0, now), v.reason));
        findings.push(Finding::ok(Id::Slot, subject, message));
    }
    findings
}

/// The webhook and the policy see only namespaces with the label.
fn gated(known: &Known<'_>, subject: &str) -> Option<Finding> {
    let name = known.name;
    let message = match known.namespace??.labels().get(keys::SLOT) {
        Some(label) if label == name => return None,
        Some(label) => format!("its namespace's label {} is {label}, not {name}", keys::SLOT),
        None => format!("its namespace has no label {}, so everybody can write there", keys::SLOT),
    };
    let fix = format!("kubectl label namespace {name} {}={name} --overwrite", keys::SLOT);
    Some(Finding::problem(Id::SlotLabel, subject, message).with_fix(fix))
}

/// Where Pod Security asks for nothing, who deploys in one slot can take its node over, and all slots with it.
fn pod_security(known: &Known<'_>, subject: &str) -> Option<Finding> {
    let message = match known.namespace??.labels().get(POD_SECURITY).map(String::as_str) {
        None => format!(
            "its namespace has no label {POD_SECURITY}, so a pod there may take its node over, unless the API server has \
             a default, which cannot be seen"
        ),
        Some("privileged") => {
            format!("its namespace's {POD_SECURITY} is privileged, so a pod there may take its node over")
        }
        Some(_) => return None,
    };
    let fix = format!("kubectl label namespace {} {POD_SECURITY}=baseline --overwrite", known.name);
    Some(Finding::warning(Id::SlotPodSecurity, subject, message).with_fix(fix))
}

fn mode(slot: &Slot, subject: &str) -> Option<Finding> {
    let word = match slot.spec.mode? {
        Mode::Enforce => return None,
        Mode::Warn => "warn",
        Mode::Audit => "audit",
    };
    let fix =
        format!("kubectl -n {} patch slot slot --type merge -p '{{\"spec\":{{\"mode\":null}}}}'", slot_name(slot));
    Some(
        Finding::warning(Id::SlotMode, subject, format!("its mode is {word}, so strangers can write there"))
            .with_fix(fix),
    )
}

/// What the restamper could not stamp.
fn unstamped(slot: &Slot, subject: &str) -> Option<Finding> {
    let mut conditions = slot.status.iter().flat_map(|status| &status.conditions);
    let refused = conditions.find(|c| c.type_ == STAMPED && c.status == "False")?;
    let fix = format!("change what the reason names; then: kubectl hotdesk restamp {}", slot_name(slot));
    Some(
        Finding::warning(
            Id::SlotStamps,
            subject,
            format!("not everything in it carries its holder's name: {}", refused.message),
        )
        .with_fix(fix),
    )
}

fn reaper(known: &Known<'_>, slot: &Slot, subject: &str, program: &str, now: Timestamp) -> Vec<Finding> {
    let Some(cron_job) = known.cron_job else { return blind(slot, subject, program, now).into_iter().collect() };
    let Some(cron_job) = cron_job else {
        return vec![unreaped(known.outdated, subject)];
    };
    let mut findings = Vec::new();
    if cron_job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true)) {
        let suspended =
            Finding::warning(Id::ReaperSuspended, subject, "its reaper is suspended, so it is never cleared");
        findings.push(suspended.with_fix(
            "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values --set reaper.suspend=false",
        ));
        return findings;
    }
    if only_says(cron_job) {
        let message = "its reaper only says what it would do (reaper.dryRun)";
        let fix = "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values --set reaper.dryRun=false, when you agree with it";
        findings.push(Finding::warning(Id::ReaperDryRun, subject, message).with_fix(fix));
    }
    findings.extend(known.reaper.and_then(|reaper| unreadable(reaper, subject)));
    findings.extend(runs::judge(known.name, known.runs, now));
    findings.extend(blind(slot, subject, program, now).or_else(|| silent(known.name, slot, cron_job, subject, now)));
    findings
}

/// What its reaper refuses to start with; `pod-usage` has a finding of its own.
fn unreadable(reaper: &Reaper, subject: &str) -> Option<Finding> {
    let problems = reaper.settings.problems.iter().filter(|problem| problem.variable != variable::POD_USAGE);
    let told: Vec<String> = problems.map(ToString::to_string).collect();
    let message = format!("its reaper cannot read its settings: {}", told.join("; "));
    let fix = "set what these variables are made from (reaper.* in the values of charts/slots) to what the reaper takes \
               (docs/sources.md, hotdesk-reap --help)";
    (!told.is_empty()).then(|| Finding::problem(Id::ReaperSettings, subject, message).with_fix(fix))
}

fn unreaped(outdated: bool, subject: &str) -> Finding {
    if outdated {
        let message =
            "nothing clears it: its CronJob hotdesk-reaper is of an earlier version, and can do nothing any more";
        let fix =
            "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values, with the chart of this version";
        return Finding::problem(Id::ReaperThere, subject, message).with_fix(fix);
    }
    let none = Finding::warning(Id::ReaperThere, subject, "nothing ever clears it: it has no reaper");
    none.with_fix("if it shall be cleared, set reaper.enabled for it in the values of charts/slots")
}

/// A reaper that cannot observe traffic never clears anything.
fn blind(slot: &Slot, subject: &str, program: &str, now: Timestamp) -> Option<Finding> {
    let status = slot.status.as_ref()?;
    let unknown = status.verdict.as_ref().filter(|verdict| verdict.state == VerdictState::Unknown);
    let unsighted = status.conditions.iter().find(|c| c.type_ == "Sighted" && c.status == "False");
    let why = unknown.map(|verdict| &verdict.reason).or(unsighted.map(|condition| &condition.message))?;
    let name = slot_name(slot);
    let fix = format!("change what the reason names; {program} why {name} and kubectl -n {name} get events say more");
    let since = unsighted.map_or(String::new(), |c| format!(" since {}", relative(c.last_transition_time.0, now)));
    let message = format!("its reaper cannot observe traffic{since}, so it is never cleared: {why}");
    Some(Finding::problem(Id::ReaperSight, subject, message).with_fix(fix))
}

/// A reaper that says nothing.
fn silent(name: &str, slot: &Slot, cron_job: &CronJob, subject: &str, now: Timestamp) -> Option<Finding> {
    let verdict = slot.status.as_ref().and_then(|status| status.verdict.as_ref()).map(|verdict| verdict.at.0);
    let last_run = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref()).map(|time| time.0);
    let looked = verdict.map_or("never".to_owned(), |at| relative(at, now));
    let schedule = cron_job.spec.as_ref().map(|spec| spec.schedule.clone()).unwrap_or_default();
    let (namespace, job) = (cron_job.namespace().unwrap_or_default(), cron_job.name_any());
    let run_now = format!("kubectl -n {namespace} create job look-now-{name} --from=cronjob/{job}");
    let describe = format!(
        "kubectl -n {namespace} describe cronjob {job}; kubectl -n {namespace} get jobs,pods -l {}={name}",
        keys::SLOT
    );
    match (verdict, last_run) {
        (_, Some(run)) if verdict.is_none_or(|at| at < run) && now.duration_since(run) > A_RUN => {
            let message = format!(
                "its reaper was started {} and has found nothing out since; it last did {looked}",
                relative(run, now)
            );
            Some(Finding::problem(Id::ReaperRun, subject, message).with_fix(describe))
        }
        (Some(at), _) if now.duration_since(at) > LONG => Some(
            Finding::warning(Id::ReaperRun, subject, format!("its reaper last looked {looked} (schedule {schedule})"))
                .with_fix(describe),
        ),
        (None, None) => {
            let message = format!("its reaper has not run yet (schedule {schedule})");
            Some(Finding::warning(Id::ReaperRun, subject, message).with_fix(format!("wait, or: {run_now}")))
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
mod tests;
