//! How did a reaper's last run go, and does what it started run at all?

use hotdesk_slots::text::sanitize;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::ResourceExt;

use super::finding::{Finding, Id};
use super::reapers::slot_of;
use super::slots::SUBJECT;
use super::start::stopped;
use crate::commands::relative;

/// A pod that waits for no longer may just be starting.
const A_WHILE: SignedDuration = SignedDuration::from_secs(30);
/// The exit code of a reaper that found something unreadable: the verdict tells of it.
const UNKNOWN: i32 = 3;

/// What there is of a slot's runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs<'a> {
    pub(super) jobs: &'a [Job],
    pub(super) pods: &'a [Pod],
    /// That a Job could not create its pod.
    pub(super) events: &'a [Event],
}

/// What is wrong with the newest run of a slot; none if it went well, or nothing is known of one.
pub(super) fn judge(slot: &str, runs: Runs<'_>, now: Timestamp) -> Option<Finding> {
    let subject = format!("{SUBJECT}{slot}");
    let own = runs.jobs.iter().filter(|job| slot_of(*job) == Some(slot));
    let last = own.max_by_key(|job| job.metadata.creation_timestamp.as_ref().map(|time| time.0))?;
    let (name, namespace) = (last.name_any(), &last.namespace().unwrap_or_default());
    let status = last.status.as_ref();
    if status.is_some_and(|status| status.succeeded.unwrap_or(0) > 0) {
        return None;
    }
    let pods = runs.pods.iter().filter(|pod| slot_of(*pod) == Some(slot));
    let pod = pods
        .filter(|pod| pod.labels().get("job-name") == Some(&name))
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|t| t.0));
    let Some(pod) = pod else { return unborn(&subject, slot, namespace, runs.events, last, now) };
    if let Some(waits) = waiting(pod, now) {
        return Some(image_or_node(&subject, namespace, &pod.name_any(), &waits));
    }
    let ended = containers(pod).find_map(|status| status.state.as_ref()?.terminated.clone())?;
    if ended.exit_code == 0 || ended.exit_code == UNKNOWN {
        return None;
    }
    let when = ended.finished_at.as_ref().map_or(String::new(), |time| format!(" {}", relative(time.0, now)));
    let message = ended.message.as_deref().or(ended.reason.as_deref()).unwrap_or("it left no message");
    let message =
        format!("its reaper's last run failed{when} (exit code {}): {}", ended.exit_code, sanitize(message.trim()));
    Some(
        Finding::problem(Id::ReaperRun, subject, message)
            .with_fix(format!("change what the message names; kubectl -n {namespace} logs {}", pod.name_any())),
    )
}

/// A Job without a pod: an Event of its says why.
fn unborn(subject: &str, slot: &str, namespace: &str, events: &[Event], last: &Job, now: Timestamp) -> Option<Finding> {
    let job = last.name_any();
    let of_it = events.iter().filter(|event| {
        let object = &event.involved_object;
        object.namespace.as_deref() == Some(namespace) && object.name.as_deref() == Some(job.as_str())
    });
    if let Some(message) = of_it.filter_map(|event| event.message.clone()).next_back() {
        let words = message.split_once(" is forbidden: ").map_or(message.as_str(), |(_, words)| words);
        return Some(stopped(subject, slot, namespace, &sanitize(words)));
    }
    let failed = last
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten())
        .find(|c| c.type_ == "Failed" && c.status == "True")?;
    let when = failed.last_transition_time.as_ref().map_or(String::new(), |time| format!(" {}", relative(time.0, now)));
    let message = format!(
        "its reaper's last run failed{when}: {}",
        sanitize(failed.message.as_deref().unwrap_or("no reason given"))
    );
    Some(
        Finding::problem(Id::ReaperRun, subject, message)
            .with_fix(format!("kubectl -n {namespace} describe job {job}")),
    )
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten())
}

/// Why a pod does not begin, as reason and message.
fn waiting(pod: &Pod, now: Timestamp) -> Option<(String, String)> {
    let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0)?;
    let by_container = containers(pod).find_map(|status| {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.clone().unwrap_or_default();
        let starting = ["ContainerCreating", "PodInitializing", ""].contains(&reason.as_str());
        (!starting).then(|| (reason, waiting.message.clone().unwrap_or_default()))
    });
    let unplaced = || {
        let conditions = pod.status.as_ref()?.conditions.as_ref()?;
        let condition = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
        let waits = now.duration_since(made) > A_WHILE;
        waits.then(|| (condition.reason.clone().unwrap_or_default(), condition.message.clone().unwrap_or_default()))
    };
    by_container.or_else(unplaced)
}

fn image_or_node(subject: &str, namespace: &str, pod: &str, (reason, message): &(String, String)) -> Finding {
    let message = format!("its reaper's pod does not start: {}: {}", sanitize(reason), sanitize(message));
    let fix = if reason.contains("Image") {
        format!(
            "set reaper.image.repository, tag and pullSecrets in the values of charts/slots to an image that the nodes can pull; kubectl -n {namespace} describe pod {pod}"
        )
    } else if reason == "Unschedulable" {
        format!(
            "set reaper.nodeSelector and reaper.tolerations in the values of charts/slots, or make room; kubectl -n {namespace} describe pod {pod}"
        )
    } else {
        format!("kubectl -n {namespace} describe pod {pod}")
    };
    Finding::problem(Id::ReaperStart, subject, message).with_fix(fix)
}

#[cfg(test)]
mod tests;
