//! Running a slot's reaper by hand, and reading what it says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ingress::Ingress;
use crate::slot::{JOBS, SAVED, unique};
use crate::{Person, TestSlot, admin, objects, until};

/// A finished run.
#[derive(Debug, Clone)]
pub struct Run {
    pub exit_code: i64,
    pub message: String,
    pub log: String,
}

impl Run {
    /// The Job failed, and the termination message says each of these.
    #[track_caller]
    pub fn failed_saying(self, parts: &[&str]) -> Self {
        assert_ne!(self.exit_code, 0, "expected failure: {self:?}");
        for part in parts {
            assert!(self.message.contains(part), "expected {part:?} in the termination message of {self:?}");
        }
        self
    }

    /// The Job succeeded, or not, and says each of these at its end or on the way.
    #[track_caller]
    pub fn said(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.message.contains(part) || self.log.contains(part), "expected {part:?} in {self:?}");
        }
        self
    }

    /// The Job succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.exit_code, 0, "expected success: {self:?}");
        self
    }
}

/// Chart values for a reaper that reads this controller, with a window in the charts' spelling and no office hours. Sessions count
/// for seconds: it is not known whether there was one before the webhooks were installed.
pub fn reading(ingress: &Ingress, window: &str) -> Value {
    let ingress = json!({"namespace": ingress.namespace()});
    json!({"window": window, "sessionGrace": "2s", "trial": true, "officeHours": [], "ingress": ingress, "pause": "1s",
        "otherNamespaces": ["other"]})
}

/// Waits until the API server knows of the reaper's rights, which the test has only just made.
pub fn until_it_may_read(slot: &TestSlot, ingress: &Ingress) {
    let rights = [
        ("list", ingress.namespace(), "", "pods", ""),
        ("list", ingress.namespace(), "apps", "replicasets", ""),
        ("list", slot.name(), "", "secrets", ""),
        ("create", SAVED, "", "secrets", ""),
        ("get", JOBS, "", "configmaps", "hotdesk-sessions"),
    ];
    until("the reaper's rights", Duration::from_secs(20), || {
        let missing = rights.iter().find(|(verb, namespace, group, resource, name)| {
            !objects::may(&account(slot), verb, namespace, group, resource, name)
        });
        missing.map_or(Ok(()), |right| Err(format!("it may not {right:?}")))
    });
}

/// The job that reads for all slots, which a slot's chart has brought; it goes when the test ends.
pub struct Observer;

impl Observer {
    /// Runs it to its end.
    pub fn run(&self) -> Run {
        let job = job_of("observer", "observe");
        objects::create(JOBS, &job);
        finished(job["metadata"]["name"].as_str().unwrap())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let own = "app.kubernetes.io/component=observer";
        for kind in ["cronjobs", "jobs", "serviceaccounts"] {
            objects::delete_all(JOBS, kind, own);
        }
        objects::delete_all("", "clusterroles", own);
        objects::delete_all("", "clusterrolebindings", own);
    }
}

/// The user name of the slot's reaper.
pub fn account(slot: &TestSlot) -> String {
    format!("system:serviceaccount:{JOBS}:reaper-{}", slot.name())
}

/// kubectl where the reapers live, as the administrator.
pub fn kubectl(args: &[&str]) -> crate::CommandOutput {
    admin().kubectl(&[&["-n", JOBS], args].concat())
}

/// The name of the slot's CronJob.
pub fn cron_job(slot: &TestSlot) -> String {
    format!("reap-{}", slot.name())
}

/// Starts a Job from the slot's CronJob, as `kubectl create job --from` does, with more environment.
pub fn start(slot: &TestSlot, env: &[(&str, &str)]) -> String {
    start_as(slot, env, |_| {})
}

/// The same, with other changes of the pod.
fn start_as(slot: &TestSlot, env: &[(&str, &str)], change: impl FnOnce(&mut Value)) -> String {
    let mut job = job_of(&cron_job(slot), "run");
    let pod = &mut job["spec"]["template"]["spec"];
    let container = &mut pod["containers"][0];
    let list = container["env"].as_array().cloned().unwrap_or_default();
    let replaced = |e: &&Value| !env.iter().any(|(key, _)| e["name"] == *key);
    let mut list: Vec<Value> = list.iter().filter(replaced).cloned().collect();
    list.extend(env.iter().map(|(key, value)| json!({"name": key, "value": value})));
    container["env"] = json!(list);
    change(pod);
    objects::create(JOBS, &job);
    job["metadata"]["name"].as_str().unwrap().to_owned()
}

/// What `kubectl create job --from` makes of a CronJob.
fn job_of(cron_job: &str, prefix: &str) -> Value {
    let cron_job = objects::get(JOBS, "cronjobs", cron_job);
    let (template, name) = (&cron_job["spec"]["jobTemplate"], unique(prefix));
    let mut annotations = template["metadata"]["annotations"].clone();
    annotations["cronjob.kubernetes.io/instantiate"] = json!("manual");
    let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job["metadata"]["name"],
        "uid": cron_job["metadata"]["uid"]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "spec": template["spec"],
        "metadata": {"name": name, "annotations": annotations, "labels": template["metadata"]["labels"], "ownerReferences": [owner]}})
}

/// Starts what brings back releases, as the controller does on a holder's wish: under the present claim.
pub fn start_revive(slot: &TestSlot, releases: &[&str], env: &[(&str, &str)]) -> String {
    let object = slot.object();
    let claim = object["metadata"]["annotations"]["hotdesk.dev/claim-id"].as_str();
    let under = claim.map_or(("HOTDESK_ANY_CLAIM", "true"), |id| ("HOTDESK_CLAIM_ID", id));
    // A test that says otherwise means it.
    let says = env.iter().any(|(key, _)| key.ends_with("_CLAIM_ID") || key.ends_with("_ANY_CLAIM"));
    let under = if says { vec![] } else { vec![under] };
    start_as(slot, &[&under[..], &[("HOTDESK_LOG_FORMAT", "text")], env].concat(), |pod| {
        pod["serviceAccountName"] = json!(format!("reviver-{}", slot.name()));
        pod["containers"][0]["args"] = json!([&["revive", "--"], releases].concat());
    })
}

/// Brings back releases: those of the last reap if none is named.
pub fn revive(slot: &TestSlot, releases: &[&str]) -> Run {
    revive_with(slot, releases, &[])
}

/// The same, with more environment.
pub fn revive_with(slot: &TestSlot, releases: &[&str], env: &[(&str, &str)]) -> Run {
    finished(&start_revive(slot, releases, env))
}

/// The Secrets in which releases of the slot are saved.
pub fn saved(slot: &TestSlot) -> Vec<Value> {
    let own = format!("hotdesk.dev/slot={}", slot.name());
    objects::list(SAVED, "secrets", &own)
}

/// Runs the reaper to its end.
pub fn run(slot: &TestSlot) -> Run {
    run_with(slot, &[])
}

/// Runs the reaper to its end, with more environment.
pub fn run_with(slot: &TestSlot, env: &[(&str, &str)]) -> Run {
    finished(&start(slot, env))
}

/// Waits for a Job and reads what its pod said.
pub fn finished(job: &str) -> Run {
    let selector = format!("job-name={job}");
    let pod = until(&format!("job {job} to end"), Duration::from_secs(180), || {
        let pods = objects::list(JOBS, "pods", &selector);
        let pod = pods.first().unwrap_or(&Value::Null);
        let ended = !pod["status"]["containerStatuses"][0]["state"]["terminated"].is_null();
        if ended { Ok(pod.clone()) } else { Err(pod["status"].to_string()) }
    });
    let terminated = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    let name = pod["metadata"]["name"].as_str().unwrap();
    Run {
        exit_code: terminated["exitCode"].as_i64().unwrap(),
        message: terminated["message"].as_str().unwrap_or_default().to_owned(),
        log: objects::logs(JOBS, name),
    }
}

/// The verdict in the Slot's status.
pub fn verdict(slot: &TestSlot) -> String {
    slot.object()["status"]["verdict"]["state"].as_str().unwrap_or_default().to_owned()
}

/// The releases that helm knows of in the slot.
pub fn releases(slot: &TestSlot) -> Vec<String> {
    let listed = admin().helm(crate::Helm::V4, &["list", "-n", slot.name(), "-o", "json"]).succeeded().json();
    listed.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until every release of the slot, as this person's helm sees them, is older than this.
pub fn until_older(slot: &TestSlot, who: &Person, seconds: i64) {
    until("the releases to be older than the window", Duration::from_secs(120), || {
        let list = ["list", "-n", slot.name(), "-o", "json", "--time-format", "2006-01-02T15:04:05Z07:00"];
        let listed = who.helm(crate::Helm::V4, &list).succeeded().json();
        let newest =
            listed.as_array().unwrap().iter().map(|r| r["updated"].as_str().unwrap().to_owned()).max().unwrap();
        // What helm and others wrote since then is use as well.
        let written = slot.object()["status"]["lastWrite"]["time"].as_str().map(str::to_owned);
        let newest =
            [Some(newest), written].into_iter().flatten().map(|at| at.parse::<jiff::Timestamp>().unwrap()).max();
        let age = now().duration_since(newest.unwrap()).as_secs();
        if age > seconds { Ok(()) } else { Err(format!("{age} s old")) }
    });
}

/// Waits until the newest session is noted, and older than this.
pub fn until_session_older(slot: &TestSlot, seconds: i64) {
    until_older_than(slot, "lastSession", seconds);
}

/// Waits until this is noted in the Slot's status, and older than so many seconds.
pub fn until_older_than(slot: &TestSlot, noted: &str, seconds: i64) {
    until(&format!("{noted} to be older than the window"), Duration::from_secs(60), || {
        let last = slot.object()["status"][noted]["time"].as_str().map(str::to_owned);
        let age = last.map(|at| now().duration_since(at.parse().unwrap()).as_secs());
        if age.is_some_and(|age| age > seconds) { Ok(()) } else { Err(format!("{age:?} s old")) }
    });
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
