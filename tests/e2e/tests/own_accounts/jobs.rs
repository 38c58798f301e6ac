//! The controller makes Jobs as the slot's CronJob has them.

use hotdesk_e2e::requests::{Identity, Requests, path};
use hotdesk_e2e::slot::SlotBuilder;
use hotdesk_e2e::{TestSlot, installation};
use serde_json::{Value, json};

use crate::{AllRights, JOBS, Try, until_it, wrong};

/// As the chart names its account.
const CONTROLLER: &str = "system:serviceaccount:hotdesk:hotdesk-controller";

/// A Job of the slot's CronJob, as the controller makes it, but for what is given.
fn job(cron_job: &Value, slot: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut job = cron_job["spec"]["jobTemplate"].clone();
    job["metadata"] = json!({"name": "by-a-test", "labels": {"hotdesk.dev/slot": slot}});
    job["spec"]["ttlSecondsAfterFinished"] = json!(600);
    change(&mut job);
    job
}

fn pod(job: &mut Value) -> &mut Value {
    &mut job["spec"]["template"]["spec"]
}

fn container(job: &mut Value) -> &mut Value {
    &mut pod(job)["containers"][0]
}

fn runs_as(job: &mut Value, account: &str) {
    let pod = pod(job);
    pod["serviceAccountName"] = json!(account);
    pod["serviceAccount"] = json!(account);
}

fn set(job: &mut Value, name: &str, value: &str) {
    let env = container(job)["env"].as_array_mut().unwrap();
    env.retain(|entry| entry["name"] != name);
    env.push(json!({"name": name, "value": value}));
}

fn push(list: &mut Value, entry: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(entry);
}

/// What is changed, what the denial names (nothing if the Job is admitted), and how.
type Row = (&'static str, &'static str, fn(&mut Value));

/// What concerns no account.
const ROWS: &[Row] = &[
    ("nothing", "", |_| {}),
    ("what the request says", "", |job| {
        for name in ["CLAIM_ID", "CLAIM_OWNER", "DRY_RUN", "LOG_FORMAT", "REQUEST_ID"] {
            set(job, &format!("HOTDESK_{name}"), "x");
        }
    }),
    ("the image", "image", |job| container(job)["image"] = json!("evil")),
    ("a command", "command", |job| container(job)["command"] = json!(["sh"])),
    ("arguments", "args", |job| container(job)["args"] = json!(["--dry-run"])),
    ("a setting", "env", |job| set(job, "HOTDESK_WINDOW", "1s")),
    ("a setting more", "env", |job| set(job, "LD_PRELOAD", "x")),
    ("a setting less", "env", |job| drop(container(job)["env"].as_array_mut().unwrap().remove(0))),
    ("a setting of a revive", "env", |job| set(job, "HOTDESK_ANY_CLAIM", "true")),
    ("a setting that expands", "HOTDESK_CLAIM_OWNER", |job| set(job, "HOTDESK_CLAIM_OWNER", "$(HOTDESK_NOTIFY)")),
    ("a setting from a Secret", "HOTDESK_CLAIM_ID", |job| {
        let from = json!({"secretKeyRef": {"name": "s", "key": "k"}});
        push(&mut container(job)["env"], json!({"name": "HOTDESK_CLAIM_ID", "valueFrom": from}));
    }),
    ("settings from a Secret", "envFrom", |job| container(job)["envFrom"] = json!([{"secretRef": {"name": "s"}}])),
    ("a volume", "volumes", |job| push(&mut pod(job)["volumes"], json!({"name": "h", "hostPath": {"path": "/"}}))),
    ("a mount", "volumeMounts", |job| {
        push(&mut container(job)["volumeMounts"], json!({"name": "tmp", "mountPath": "/x"}));
    }),
    ("the container's security", "securityContext", |job| {
        container(job)["securityContext"] = json!({"privileged": true});
    }),
    ("no container security", "securityContext", |job| container(job)["securityContext"] = Value::Null),
    ("no pod security", "securityContext", |job| pod(job)["securityContext"] = Value::Null),
    ("a second container", "containers", |job| push(&mut pod(job)["containers"], json!({"name": "b", "image": "b"}))),
    ("an init container", "initContainers", |job| pod(job)["initContainers"] = json!([{"name": "b", "image": "b"}])),
    ("the host's network", "hostNetwork", |job| pod(job)["hostNetwork"] = json!(true)),
    ("the host's processes", "hostPID", |job| pod(job)["hostPID"] = json!(true)),
    ("a node", "nodeName", |job| pod(job)["nodeName"] = json!("n")),
    ("a label of its pods", "mine", |job| job["spec"]["template"]["metadata"]["labels"]["mine"] = json!("x")),
    ("several pods", "completions", |job| job["spec"]["parallelism"] = json!(5)),
    ("more attempts", "backoffLimit", |job| job["spec"]["backoffLimit"] = json!(3)),
    ("no deadline", "activeDeadlineSeconds", |job| job["spec"]["activeDeadlineSeconds"] = Value::Null),
    ("another controller", "managedBy", |job| job["spec"]["managedBy"] = json!("example.com/x")),
    ("a suspended one", "suspend", |job| job["spec"]["suspend"] = json!(true)),
    ("a finalizer", "finalizers", |job| job["metadata"]["finalizers"] = json!(["example.com/x"])),
    ("an owner", "ownerReferences", |job| {
        job["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]);
    }),
];

/// What concerns its account, in a slot and beside another.
fn accounts(cron_job: &Value, slot: &str, other: &str, url: &str) -> Vec<Try<'static>> {
    let row =
        |says: &'static str, change: &dyn Fn(&mut Value)| ("POST", url.to_owned(), job(cron_job, slot, change), says);
    let revive = |job: &mut Value, names: &[&str]| {
        runs_as(job, &format!("reviver-{slot}"));
        container(job)["args"] = json!([&["revive", "--"], names].concat());
    };
    let purge = |job: &mut Value, names: &[&str]| {
        runs_as(job, &format!("reviver-{slot}"));
        container(job)["args"] = json!([&["purge", "--"], names].concat());
    };
    vec![
        row("", &|job| revive(job, &["web", "my-db"])),
        row("", &|job| revive(job, &[])),
        row("", &|job| {
            revive(job, &["web"]);
            set(job, "HOTDESK_ANY_CLAIM", "true");
        }),
        row("args", &|job| revive(job, &["--kubeconfig=x"])),
        row("args", &|job| {
            revive(job, &[]);
            container(job)["args"] = json!(["revive", "web"]);
        }),
        row("serviceAccountName", &|job| container(job)["args"] = json!(["revive", "--", "web"])),
        row("", &|job| purge(job, &["web", "my-db"])),
        row("", &|job| purge(job, &[])),
        row("args", &|job| purge(job, &["--kubeconfig=x"])),
        row("args", &|job| container(job)["args"] = json!(["prune"])),
        row("serviceAccountName", &|job| container(job)["args"] = json!(["purge", "--", "web"])),
        row("serviceAccountName", &|job| runs_as(job, &format!("reviver-{slot}"))),
        row("hotdesk's controller makes Jobs", &|job| runs_as(job, &format!("reaper-{other}"))),
        row("hotdesk's controller makes Jobs", &|job| runs_as(job, "default")),
        row("hotdesk's controller makes Jobs", &|job| job["metadata"]["labels"]["hotdesk.dev/slot"] = json!(other)),
        row("as an account of that slot", &|job| job["metadata"]["labels"] = json!({"a": "b"})),
    ]
}

#[test]
fn the_controller_makes_jobs_as_the_cron_job_has_them_and_writes_nothing_else_there() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot, other) = (Requests::start(), TestSlot::free(), TestSlot::free());
    let controller = Identity::person(CONTROLLER);
    let cron_jobs = path(JOBS, "batch/v1", "cronjobs");
    let name = format!("reap-{}", slot.name());
    let found = requests.ask(None, "GET", &format!("{cron_jobs}/{name}"), None);
    assert!(found.ok(), "{found:?}");
    let (cron_job, url) = (found.object, path(JOBS, "batch/v1", "jobs"));
    let as_it_is = |change: fn(&mut Value)| job(&cron_job, slot.name(), change);
    until_it(&requests, controller, &("POST", url.clone(), as_it_is(|_| {}), ""));
    until_it(
        &requests,
        controller,
        &("POST", url.clone(), as_it_is(|job| container(job)["image"] = json!("evil")), "differs in image"),
    );
    let mut tries: Vec<Try<'_>> =
        ROWS.iter().map(|(_, says, change)| ("POST", url.clone(), as_it_is(*change), *says)).collect();
    tries.extend(accounts(&cron_job, slot.name(), other.name(), &url));
    // As Pod Security wants it there, so that the policy is asked.
    let held = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"}});
    let small = json!({"name": "a", "image": "a", "securityContext": held});
    let reaper = json!({"serviceAccountName": format!("reaper-{}", slot.name()), "containers": [small]});
    let pod = json!({"metadata": {"name": "p"}, "spec": reaper});
    let token = path(JOBS, "v1", &format!("serviceaccounts/reaper-{}/token", slot.name()));
    let says = "hotdesk's controller makes Jobs in";
    tries.extend([
        ("PATCH", format!("{cron_jobs}/{name}"), json!({"spec": {"suspend": true}}), says),
        ("POST", path(JOBS, "v1", "pods"), pod, says),
        ("POST", token, json!({"spec": {}}), says),
        ("POST", path(JOBS, "v1", "secrets"), json!({"metadata": {"name": "s"}}), says),
        ("DELETE", format!("{cron_jobs}/{name}"), Value::Null, says),
    ]);
    let wrong = wrong(&requests, controller, &tries);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a153_the_job_of_a_reaper_that_is_set_to_do_nothing_does_nothing_either() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), SlotBuilder::free().reaper(json!({"dryRun": true})).make());
    let controller = Identity::person(CONTROLLER);
    let cron_job = path(JOBS, "batch/v1", &format!("cronjobs/reap-{}", slot.name()));
    let cron_job = requests.ask(None, "GET", &cron_job, None).object;
    let url = path(JOBS, "batch/v1", "jobs");
    let try_with = |dry_run: Option<&str>, args: &[&str], says: &'static str| {
        let job = job(&cron_job, slot.name(), |job| {
            container(job)["env"].as_array_mut().unwrap().retain(|entry| entry["name"] != "HOTDESK_DRY_RUN");
            dry_run.into_iter().for_each(|value| set(job, "HOTDESK_DRY_RUN", value));
            if !args.is_empty() {
                runs_as(job, &format!("reviver-{}", slot.name()));
                container(job)["args"] = json!(args);
            }
        });
        ("POST", url.clone(), job, says)
    };
    until_it(&requests, controller, &try_with(Some("true"), &[], ""));
    until_it(&requests, controller, &try_with(Some("false"), &[], "differs in HOTDESK_DRY_RUN"));
    let tries = [
        try_with(None, &[], "HOTDESK_DRY_RUN"),
        try_with(Some("false"), &["purge", "--"], "HOTDESK_DRY_RUN"),
        try_with(Some("true"), &["purge", "--"], ""),
        try_with(Some("false"), &["revive", "--"], ""),
    ];
    let wrong = wrong(&requests, controller, &tries);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
