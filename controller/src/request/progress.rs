//! How far is a Job, and what has it said?

use hotdesk_slots::requests::MAX_STEPS;
use hotdesk_slots::text::{sanitize, sanitize_short};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt as _;

/// The longest step of a status, in characters.
const MAX_STEP: usize = 1024;

/// How far a Job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its program has not begun, and why.
    Waiting(String),
    /// Its program runs.
    Running,
    /// It has ended, and nobody can say how.
    Gone(String),
    /// Its program has ended.
    Ended {
        /// With this exit code.
        code: i32,
        /// Saying this.
        message: String,
    },
}

/// True for a Job that has ended.
#[must_use]
pub fn is_over(job: &Job) -> bool {
    ending(job).is_some()
}

/// The newest of a Job's pods: there is more than one where a node was lost.
#[must_use]
pub fn newest(pods: &[Pod]) -> Option<&Pod> {
    pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|at| at.0))
}

/// How far a Job is, by its newest pod; `trouble` is what the cluster says against making one.
#[must_use]
pub fn of(job: &Job, pod: Option<&Pod>, trouble: Option<&str>) -> Progress {
    if let Some(pod) = pod {
        return of_pod(pod);
    }
    match ending(job) {
        Some(message) if message.is_empty() => Progress::Gone("its pod is gone".to_owned()),
        Some(message) => Progress::Gone(message),
        None => {
            let why = trouble.map(|trouble| format!(": {}", sanitize_short(trouble))).unwrap_or_default();
            Progress::Waiting(format!("its pod has not been made{why}"))
        }
    }
}

fn ending(job: &Job) -> Option<String> {
    let mut conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ended = conditions.find(|one| ["Complete", "Failed"].contains(&one.type_.as_str()) && one.status == "True")?;
    Some(sanitize_short(ended.message.as_deref().unwrap_or_default()))
}

fn of_pod(pod: &Pod) -> Progress {
    let status = pod.status.clone().unwrap_or_default();
    let container = status.container_statuses.as_ref().and_then(|all| all.first()).and_then(|one| one.state.clone());
    match container {
        Some(ContainerState { terminated: Some(end), .. }) => {
            let message = end.message.unwrap_or_default();
            let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            Progress::Ended { code: end.exit_code, message: sanitize(&lines.join(" ")) }
        }
        Some(ContainerState { running: Some(_), .. }) => Progress::Running,
        Some(ContainerState { waiting: Some(why), .. }) => {
            let (reason, message) = (why.reason.unwrap_or_default(), why.message.unwrap_or_default());
            Progress::Waiting(
                format!("its pod waits: {} {}", sanitize_short(&reason), sanitize_short(&message))
                    .trim_end()
                    .to_owned(),
            )
        }
        _ if status.phase.as_deref() == Some("Failed") => {
            Progress::Gone(sanitize_short(&status.message.unwrap_or_default()))
        }
        _ => Progress::Waiting(unscheduled(pod)),
    }
}

fn unscheduled(pod: &Pod) -> String {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let why = conditions
        .filter(|one| one.type_ == "PodScheduled" && one.status == "False")
        .find_map(|one| one.message.as_deref());
    format!("its pod has no node yet{}", why.map(|why| format!(": {}", sanitize_short(why))).unwrap_or_default())
}

/// The last lines of a log, harmless to show, and how many came before them.
#[must_use]
pub fn steps(log: &str, ended: bool) -> (Vec<String>, i64) {
    // A line without its end is still being written.
    let whole = if ended { log } else { log.rfind('\n').and_then(|end| log.get(..=end)).unwrap_or_default() };
    let lines: Vec<&str> = whole.lines().filter(|line| !line.trim().is_empty()).collect();
    let left_out = lines.len().saturating_sub(MAX_STEPS);
    let shown = |line: &&str| sanitize(line.trim_end()).chars().take(MAX_STEP).collect();
    (lines.iter().skip(left_out).map(shown).collect(), i64::try_from(left_out).unwrap_or(i64::MAX))
}

/// True once there is a log to read.
#[must_use]
pub fn has_begun(progress: &Progress) -> bool {
    matches!(progress, Progress::Running | Progress::Ended { .. })
}

/// The selector of a Job's pods.
#[must_use]
pub fn pods_of(job: &Job) -> String {
    format!("batch.kubernetes.io/job-name={}", job.name_any())
}

#[cfg(test)]
mod tests;
