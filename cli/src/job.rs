//! How is a slot's reaper started by hand, and what did it say?
//!
//! A Job is made of the CronJob's template, in the person's own name, so that the gate judges who asks. What it needs in
//! the cluster it does with its own service account.

use std::time::Duration;

use hotdesk_slots::text::{harmless, plain};
use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Container, ContainerState, EnvVar, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, LogParams, PostParams};
use kube::{Api, ResourceExt as _};

use crate::cluster::Cluster;
use crate::failure::Failure;

/// The CronJob of a slot, by the name that the chart gives it.
pub(crate) const CRON_JOB: &str = "hotdesk-reaper";

/// For how long a finished Job can be looked at, in seconds.
const TTL: i32 = 24 * 3600;

/// Between two looks at a Job that runs.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The label that says what a Job is for.
const COMPONENT: &str = "app.kubernetes.io/component";

/// What a Job shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How its name begins.
    pub(crate) prefix: &'static str,
    /// What it is for, as a label.
    pub(crate) component: &'static str,
    /// As whom, if not as the reaper.
    pub(crate) service_account: Option<&'static str>,
    /// What the program gets to do.
    pub(crate) args: Vec<String>,
    /// Settings that are other than the CronJob's.
    pub(crate) env: Vec<(&'static str, String)>,
}

/// A Job that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The exit code of its program.
    pub(crate) code: i32,
    /// What it said at its end.
    pub(crate) message: String,
}

/// The CronJob of a slot, if there is one.
///
/// # Errors
/// Why it cannot be read.
pub(crate) async fn cron_job(cluster: &Cluster, slot: &str) -> Result<Option<CronJob>, Failure> {
    let api: Api<CronJob> = Api::namespaced(cluster.client(), slot);
    api.get_opt(CRON_JOB).await.map_err(|e| Failure::of(&format!("read the reaper of {slot}"), &cluster.server, &e))
}

/// The CronJob of a slot, which somebody needs.
///
/// # Errors
/// That there is none.
pub(crate) async fn needed_cron_job(cluster: &Cluster, slot: &str) -> Result<CronJob, Failure> {
    let none = || {
        Failure::Refused(format!(
            "{slot} has no reaper: there is no CronJob {CRON_JOB}. Whoever runs the cluster sets reaper.enabled for it in charts/slots"
        ))
    };
    cron_job(cluster, slot).await?.ok_or_else(none)
}

/// The Job that a wish comes to.
pub(crate) fn made(cron_job: &CronJob, wish: &Wish) -> Job {
    let template = cron_job.spec.as_ref().map(|spec| spec.job_template.clone()).unwrap_or_default();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.labels.get_or_insert_default().insert(COMPONENT.to_owned(), wish.component.to_owned());
    let mut spec = template.spec.unwrap_or_default();
    spec.ttl_seconds_after_finished = Some(TTL);
    if let Some(labels) = spec.template.metadata.as_mut().and_then(|metadata| metadata.labels.as_mut()) {
        labels.insert(COMPONENT.to_owned(), wish.component.to_owned());
    }
    let pod = spec.template.spec.get_or_insert_default();
    if let Some(account) = wish.service_account {
        pod.service_account_name = Some(account.to_owned());
    }
    if let Some(container) = pod.containers.first_mut() {
        change(container, wish);
    }
    let metadata = ObjectMeta {
        generate_name: Some(format!("{}-", wish.prefix)),
        labels: metadata.labels,
        annotations: metadata.annotations,
        ..ObjectMeta::default()
    };
    Job { metadata, spec: Some(spec), ..Job::default() }
}

fn change(container: &mut Container, wish: &Wish) {
    if !wish.args.is_empty() {
        container.args = Some(wish.args.clone());
    }
    let env = container.env.get_or_insert_default();
    for (name, value) in &wish.env {
        env.retain(|variable| variable.name != *name);
        env.push(EnvVar { name: (*name).to_owned(), value: Some(value.clone()), ..EnvVar::default() });
    }
}

/// Makes a Job, or only asks whether it may be made.
///
/// # Errors
/// Who says no, in their words.
pub(crate) async fn create(cluster: &Cluster, slot: &str, job: &Job, dry_run: bool) -> Result<String, Failure> {
    let api: Api<Job> = Api::namespaced(cluster.client(), slot);
    let params = PostParams { dry_run, ..PostParams::default() };
    let created = api.create(&params, job).await;
    let created = created.map_err(|e| Failure::of(&format!("start a job in {slot}"), &cluster.server, &e))?;
    Ok(created.name_any())
}

/// The name of a Job of this kind that has not ended.
///
/// # Errors
/// Why they cannot be listed.
pub(crate) async fn under_way(cluster: &Cluster, slot: &str, component: &str) -> Result<Option<String>, Failure> {
    let api: Api<Job> = Api::namespaced(cluster.client(), slot);
    let found = api.list(&ListParams::default().labels(&format!("{COMPONENT}={component}"))).await;
    let found = found.map_err(|e| Failure::of(&format!("list the jobs in {slot}"), &cluster.server, &e))?;
    for job in found.items.iter().filter(|job| !is_over(job)) {
        // A Job says so a little later than its pod.
        if !matches!(look(cluster, slot, &job.name_any()).await?, Look::Runs { ended: Some(_), .. } | Look::Gone(_)) {
            return Ok(Some(job.name_any()));
        }
    }
    Ok(None)
}

fn is_over(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| ["Complete", "Failed"].contains(&condition.type_.as_str()) && condition.status == "True")
}

/// Follows a Job to its end; each line of its log goes to `tell`.
///
/// # Errors
/// When it does not end in time, or cannot be followed.
pub(crate) async fn follow(
    cluster: &Cluster,
    slot: &str,
    job: &str,
    patience: SignedDuration,
    mut tell: impl FnMut(&str),
) -> Result<Ended, Failure> {
    let limit = Duration::try_from(patience).unwrap_or(Duration::MAX);
    let mut told = 0;
    let mut last = "its pod has not been made".to_owned();
    let followed = tokio::time::timeout(limit, async {
        loop {
            match look(cluster, slot, job).await? {
                Look::Waits(why) => last = why,
                Look::Gone(why) => {
                    return Err(Failure::Refused(format!("the job {job} in {slot} ended without a word: {why}")));
                }
                Look::Runs { pod, ended } => {
                    "it runs".clone_into(&mut last);
                    told = tell_more(cluster, slot, &pod, told, ended.is_some(), &mut tell).await?;
                    if let Some(ended) = ended {
                        return Ok(ended);
                    }
                }
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    });
    followed.await.unwrap_or_else(|_| {
        Err(Failure::Refused(format!(
            "the job {job} has not ended in time ({last}). It goes on: kubectl -n {slot} logs -f job/{job}"
        )))
    })
}

/// What a Job is at.
enum Look {
    /// Its program has not begun, and why.
    Waits(String),
    /// It has ended and nobody can say how.
    Gone(String),
    /// Its program has begun, and perhaps ended.
    Runs { pod: String, ended: Option<Ended> },
}

async fn look(cluster: &Cluster, slot: &str, job: &str) -> Result<Look, Failure> {
    let of = |e| Failure::of(&format!("follow the job {job} in {slot}"), &cluster.server, &e);
    let pods: Api<Pod> = Api::namespaced(cluster.client(), slot);
    let found =
        pods.list(&ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"))).await.map_err(of)?;
    if let Some(pod) = found.items.first() {
        return Ok(state(pod));
    }
    let jobs: Api<Job> = Api::namespaced(cluster.client(), slot);
    match jobs.get_opt(job).await.map_err(of)? {
        None => Ok(Look::Gone("somebody has deleted it".to_owned())),
        Some(job) if is_over(&job) => Ok(Look::Gone("its pod is gone".to_owned())),
        Some(_) => Ok(Look::Waits(format!("its pod has not been made; see: kubectl -n {slot} describe job {job}"))),
    }
}

fn state(pod: &Pod) -> Look {
    let status = pod.status.clone().unwrap_or_default();
    let container = status.container_statuses.as_ref().and_then(|all| all.first()).and_then(|one| one.state.clone());
    let name = pod.name_any();
    match container {
        Some(ContainerState { terminated: Some(end), .. }) => {
            let message = end.message.unwrap_or_default();
            Look::Runs { pod: name, ended: Some(Ended { code: end.exit_code, message: harmless(message.trim()) }) }
        }
        Some(ContainerState { running: Some(_), .. }) => Look::Runs { pod: name, ended: None },
        Some(ContainerState { waiting: Some(why), .. }) => {
            let (reason, message) = (why.reason.unwrap_or_default(), why.message.unwrap_or_default());
            Look::Waits(format!("its pod waits: {} {}", plain(&reason), plain(&message)).trim_end().to_owned())
        }
        _ if status.phase.as_deref() == Some("Failed") => Look::Gone(plain(&status.message.unwrap_or_default())),
        _ => Look::Waits("its pod has no node yet".to_owned()),
    }
}

/// Shows what the log has grown by; it is short, so it is read anew each time.
async fn tell_more(
    cluster: &Cluster,
    slot: &str,
    pod: &str,
    told: usize,
    ended: bool,
    tell: &mut impl FnMut(&str),
) -> Result<usize, Failure> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), slot);
    let log = match pods.logs(pod, &LogParams::default()).await {
        Ok(log) => log,
        // A moment after it began, the kubelet may have no log yet.
        Err(_) if !ended => return Ok(told),
        Err(e) => return Err(Failure::of(&format!("read the log of {pod} in {slot}"), &cluster.server, &e)),
    };
    // A line without its end is still being written.
    let whole = if ended { log.as_str() } else { log.rfind('\n').and_then(|end| log.get(..=end)).unwrap_or_default() };
    let lines: Vec<&str> = whole.lines().collect();
    for line in lines.iter().skip(told) {
        tell(&harmless(line));
    }
    Ok(told.max(lines.len()))
}

/// Shows one line of a Job's log, on standard error: the verdict alone is the output.
pub(crate) fn on_stderr(line: &str) {
    use std::io::Write as _;
    // Where it cannot be written, nobody reads it.
    let _unwritable = writeln!(anstream::stderr(), "  {line}");
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
