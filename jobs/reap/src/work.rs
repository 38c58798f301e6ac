//! What is at work in the slot although nobody makes a request: Jobs, and what a deploy is still changing?
//!
//! A Job that no clock started has somebody who waits for its result; one that a CronJob started comes again by itself. Neither
//! a Job nor a deploy keeps a slot forever.

use hotdesk_slots::text::{human_time, list, sanitize_short};
use hotdesk_slots::{ClaimView, slot::Slot};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// A deploy keeps the slot for so long at most, whatever still changes.
pub const LONGEST_DEPLOY: SignedDuration = SignedDuration::from_hours(2);

/// Notice that people are given of a reap which stops a Job that kept the slot, also where no notice is set.
pub const JOB_NOTICE: SignedDuration = SignedDuration::from_mins(30);

/// The note of the CronJob controller on each Job that it makes: for when it was due.
const DUE: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// The note of `kubectl create job --from=cronjob/…` on the Job that it makes in the CronJob's name.
const BY_HAND: &str = "cronjob.kubernetes.io/instantiate";

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Jobs that have neither ended nor been suspended.
    pub jobs: Vec<RunningJob>,
    /// What a deploy has not brought up yet, as `Kind/name`; asked for only while one is under way.
    pub rolling_out: Vec<String>,
}

/// A Job that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJob {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// A CronJob started it because it was due.
    pub by_clock: bool,
}

impl RunningJob {
    /// Reads a Job, if it is running.
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        let status = job.status.clone().unwrap_or_default();
        let ends = |kind: &str| matches!(kind, "Complete" | "Failed" | "Suspended");
        let ended = status.conditions.iter().flatten().any(|seen| ends(&seen.type_) && seen.status == "True");
        let suspended = job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
        let made = job.metadata.creation_timestamp.as_ref();
        let since = status.start_time.as_ref().or(made)?.0;
        // It runs for an uninstall, by us or by somebody, and keeps nothing that is going.
        let hook = note(job, "helm.sh/hook");
        let of_uninstall = hook.is_some_and(|hook| hook.split(',').all(|point| point.trim().ends_with("-delete")));
        let name = job.metadata.name.clone().unwrap_or_default();
        let ended = ended || of_uninstall;
        let by_clock = is_by_clock(job);
        (!ended && !suspended && status.completion_time.is_none()).then_some(Self { name, since, by_clock })
    }
}

/// True for a Job that comes again by itself. That a CronJob owns it does not say so: people and dashboards start one in its name.
fn is_by_clock(job: &Job) -> bool {
    let mut owners = job.metadata.owner_references.iter().flatten();
    let of_a_cronjob = owners.any(|owner| owner.kind == "CronJob" && owner.api_version.starts_with("batch/"));
    of_a_cronjob && note(job, DUE).is_some() && note(job, BY_HAND).is_none()
}

fn note<'j>(job: &'j Job, key: &str) -> Option<&'j String> {
    job.metadata.annotations.as_ref()?.get(key)
}

impl Work {
    /// The Job that keeps the slot: of a holder, and not for longer than the grace.
    #[must_use]
    pub fn keeping(&self, slot: &Slot, grace: SignedDuration, now: Timestamp) -> Option<&RunningJob> {
        let newest = self.somebodys(slot, now).max_by_key(|job| job.since)?;
        (now.duration_since(newest.since) < grace).then_some(newest)
    }

    /// The Jobs that kept the slot for as long as they may.
    pub fn overdue(&self, slot: &Slot, grace: SignedDuration, now: Timestamp) -> impl Iterator<Item = &RunningJob> {
        self.somebodys(slot, now).filter(move |job| now.duration_since(job.since) >= grace)
    }

    /// The Jobs for which somebody may be waiting: while a claim is in force.
    fn somebodys(&self, slot: &Slot, now: Timestamp) -> impl Iterator<Item = &RunningJob> {
        let claim = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
        let held = claim.is_some_and(|claim| claim.state_at(now).held().is_some());
        self.jobs.iter().filter(move |job| held && !job.by_clock)
    }

    /// What shows that a deploy is alive.
    #[must_use]
    pub fn of_a_deploy(&self) -> Option<String> {
        let job = self
            .jobs
            .iter()
            .find(|job| !job.by_clock)
            .map(|job| format!("Job {} is running", sanitize_short(&job.name)));
        job.or_else(|| self.rolling_out.first().map(|object| format!("{} is not ready yet", sanitize_short(object))))
    }

    /// What a reap stops, for the reason of the verdict.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        let named = |job: &RunningJob| {
            let clock = if job.by_clock { " of a CronJob" } else { "" };
            format!("{}{clock}", sanitize_short(&job.name))
        };
        let jobs: Vec<String> = self.jobs.iter().map(named).collect();
        match jobs.as_slice() {
            [] => None,
            [one] => Some(format!("Job {one} is running, and stops if its release goes")),
            some => Some(format!("Jobs {} are running, and stop if their releases go", list(some))),
        }
    }
}

/// Why a Job keeps the slot.
#[must_use]
pub fn told(job: &RunningJob, grace: SignedDuration, now: Timestamp) -> String {
    let ends = job.since.checked_add(grace).unwrap_or(Timestamp::MAX);
    format!(
        "Job {} is running, which keeps the slot until it ends, at most until {}",
        sanitize_short(&job.name),
        human_time(ends, now)
    )
}

/// A Deployment that has not brought up what it was told, and still tries.
#[must_use]
pub fn deployment(object: &Deployment) -> Option<String> {
    let status = object.status.clone().unwrap_or_default();
    let progress = status.conditions.iter().flatten().find(|condition| condition.type_ == "Progressing");
    let tries =
        progress.is_some_and(|seen| seen.status == "True" && seen.reason.as_deref() != Some("NewReplicaSetAvailable"));
    named("Deployment", &object.metadata, tries || is_new(&object.metadata, status.observed_generation))
}

/// A StatefulSet whose pods are not all new and ready.
#[must_use]
pub fn stateful_set(object: &StatefulSet) -> Option<String> {
    let wanted = object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = object.status.clone().unwrap_or_default();
    let ready = status.ready_replicas.unwrap_or(0).min(status.updated_replicas.unwrap_or(0));
    named("StatefulSet", &object.metadata, ready < wanted || is_new(&object.metadata, status.observed_generation))
}

/// A DaemonSet whose pods are not all new and ready.
#[must_use]
pub fn daemon_set(object: &DaemonSet) -> Option<String> {
    let status = object.status.clone().unwrap_or_default();
    let ready = status.number_ready.min(status.updated_number_scheduled.unwrap_or(0));
    let behind = ready < status.desired_number_scheduled;
    named("DaemonSet", &object.metadata, behind || is_new(&object.metadata, status.observed_generation))
}

fn is_new(metadata: &ObjectMeta, observed: Option<i64>) -> bool {
    metadata.generation.unwrap_or(0) > observed.unwrap_or(0)
}

fn named(kind: &str, metadata: &ObjectMeta, changes: bool) -> Option<String> {
    changes.then(|| format!("{kind}/{}", metadata.name.as_deref().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check_job(change: &Value, expected: Option<bool>) {
        let mut job = json!({
            "metadata": {"name": "train", "creationTimestamp": "2026-11-23T10:00:00Z"},
            "spec": {"template": {}}, "status": {"active": 1, "startTime": "2026-11-23T10:00:05Z"},
        });
        json_patch::merge(&mut job, change);
        let found = RunningJob::of(&serde_json::from_value(job).unwrap());
        assert_eq!(found.map(|job| job.by_clock), expected, "{change}");
    }

    #[test]
    fn e17_e18_e19_a_job_runs_until_it_has_ended() {
        check_job(&json!({}), Some(false));
        check_job(&json!({"status": null}), Some(false));
        // Between two attempts no pod is active.
        check_job(&json!({"status": {"active": 0, "failed": 2}}), Some(false));
        for kind in ["Complete", "Failed", "Suspended"] {
            check_job(&json!({"status": {"conditions": [{"type": kind, "status": "True"}]}}), None);
            check_job(&json!({"status": {"conditions": [{"type": kind, "status": "False"}]}}), Some(false));
        }
        check_job(&json!({"status": {"completionTime": "2026-11-23T11:00:00Z"}}), None);
        check_job(&json!({"spec": {"suspend": true}}), None);
        check_job(&json!({"metadata": {"annotations": {"helm.sh/hook": "pre-delete, post-delete"}}}), None);
        check_job(&json!({"metadata": {"annotations": {"helm.sh/hook": "pre-install,pre-delete"}}}), Some(false));
    }

    #[test]
    fn e17_e19_only_what_a_clock_started_is_nobodys() {
        let owner = |kind: &str, version: &str, notes: Value| {
            let owner = json!([{"apiVersion": version, "kind": kind, "name": "x", "uid": "1", "controller": true}]);
            json!({"metadata": {"ownerReferences": owner, "annotations": notes}})
        };
        let due = json!({"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-11-23T10:00:00Z"});
        check_job(&owner("CronJob", "batch/v1", due.clone()), Some(true));
        check_job(&owner("CronJob", "example.com/v1", due.clone()), Some(false));
        check_job(&owner("Workflow", "argoproj.io/v1alpha1", due.clone()), Some(false));
        check_job(&json!({"metadata": {"annotations": due}}), Some(false));
        // As `kubectl create job --from=cronjob/x` makes it, and as dashboards do that leave the note out.
        let manual = json!({"cronjob.kubernetes.io/instantiate": "manual"});
        check_job(&owner("CronJob", "batch/v1", manual.clone()), Some(false));
        check_job(&owner("CronJob", "batch/v1", json!({})), Some(false));
        // Somebody's copy of a Job that a clock had started.
        let mut both = owner("CronJob", "batch/v1", manual);
        both["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
            json!("2026-11-23T10:00:00Z");
        check_job(&both, Some(false));
    }

    #[test]
    fn e27_what_is_not_ready_yet_still_changes() {
        let progress = |status: &str, reason: &str| {
            let conditions = json!([{"type": "Progressing", "status": status, "reason": reason}]);
            serde_json::from_value(json!({"metadata": {"name": "web"}, "status": {"conditions": conditions}})).unwrap()
        };
        assert_eq!(deployment(&progress("True", "ReplicaSetUpdated")).as_deref(), Some("Deployment/web"));
        assert_eq!(deployment(&progress("True", "NewReplicaSetAvailable")), None);
        assert_eq!(deployment(&progress("False", "ProgressDeadlineExceeded")), None, "it has given up");
        let fresh = json!({"metadata": {"name": "web", "generation": 2}, "status": {"observedGeneration": 1}});
        assert!(deployment(&serde_json::from_value(fresh).unwrap()).is_some(), "its controller has not looked yet");
        let set = |ready: i32, updated: i32| {
            let status = json!({"replicas": 3, "readyReplicas": ready, "updatedReplicas": updated});
            serde_json::from_value(json!({
                "metadata": {"name": "db"}, "status": status,
                "spec": {"replicas": 3, "serviceName": "db", "selector": {}, "template": {}},
            }))
            .unwrap()
        };
        assert_eq!(stateful_set(&set(3, 3)), None);
        assert_eq!((stateful_set(&set(2, 3)).is_some(), stateful_set(&set(3, 1)).is_some()), (true, true));
        let daemon = |ready: i32| {
            let status = json!({"currentNumberScheduled": 2, "desiredNumberScheduled": 2, "numberMisscheduled": 0,
                                "numberReady": ready, "updatedNumberScheduled": 2});
            serde_json::from_value(json!({"metadata": {"name": "agent"}, "status": status})).unwrap()
        };
        assert_eq!((daemon_set(&daemon(2)), daemon_set(&daemon(1)).is_some()), (None, true));
    }
}
