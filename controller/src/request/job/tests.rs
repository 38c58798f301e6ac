use serde_json::{Value, json};

use super::*;

fn reap_mew() -> CronJob {
    serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs"},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"metadata": {"labels": {COMPONENT: "reaper", "a": "b"}}, "spec": {
            "backoffLimit": 0,
            "template": {"metadata": {"labels": {COMPONENT: "reaper"}}, "spec": {
                "serviceAccountName": "reaper-mew",
                "serviceAccount": "reaper-mew",
                "securityContext": {"runAsNonRoot": true},
                "containers": [{"name": "reaper", "image": "hotdesk/reaper:1", "env": [
                    {"name": "HOTDESK_LOG_FORMAT", "value": "json"}, {"name": "HOTDESK_DRY_RUN", "value": "true"},
                    {"name": "HOTDESK_WINDOW", "value": "1h"}]}],
            }},
        }}},
    }))
    .unwrap()
}

fn made(kind: Kind, request: &Request, any_claim: bool) -> Value {
    let order = Order { kind, slot: "mew", id: "0a1b2c3d-4e5f", request, any_claim };
    serde_json::to_value(of(&reap_mew(), &order)).unwrap()
}

fn request(dry_run: bool, releases: &[&str]) -> Request {
    let releases: Vec<String> = releases.iter().map(|name| (*name).to_owned()).collect();
    Request { names: releases.clone(), claim_id: Some("c1".to_owned()), dry_run, releases, ..Request::default() }
}

/// The variables that are not the CronJob's.
fn told(job: &Value) -> Vec<String> {
    let env = job["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    let shown = env.iter().map(|one| format!("{}={}", one["name"].as_str().unwrap(), one["value"].as_str().unwrap()));
    shown.filter(|text| text != "HOTDESK_WINDOW=1h").collect()
}

#[test]
fn a_revive_is_the_cron_jobs_template_with_another_account_and_its_own_orders() {
    let job = made(Kind::Revive, &request(false, &["web", "api"]), false);
    assert_eq!(
        (&job["metadata"]["name"], &job["metadata"]["namespace"]),
        (&json!("revive-mew-0a1b2c3d"), &json!("hotdesk-jobs"))
    );
    assert_eq!(job["metadata"]["labels"], json!({COMPONENT: "request", "a": "b", "hotdesk.dev/slot": "mew"}));
    assert_eq!((&job["spec"]["backoffLimit"], &job["spec"]["ttlSecondsAfterFinished"]), (&json!(0), &json!(86400)));
    let (pod, labels) = (&job["spec"]["template"]["spec"], &job["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(labels, &json!({COMPONENT: "reaper"}), "the template is the CronJob's: a policy compares them");
    assert_eq!((&pod["serviceAccountName"], &pod["serviceAccount"]), (&json!("reviver-mew"), &Value::Null));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    assert_eq!(
        (&container["image"], &container["args"]),
        (&json!("hotdesk/reaper:1"), &json!(["revive", "--", "web", "api"]))
    );
    let env =
        ["HOTDESK_LOG_FORMAT=text", "HOTDESK_DRY_RUN=false", "HOTDESK_REQUEST_ID=0a1b2c3d-4e5f", "HOTDESK_CLAIM_ID=c1"];
    assert_eq!(told(&job), env);
}

#[test]
fn a_reap_stays_dry_where_the_reaper_is_set_to_do_nothing() {
    let job = made(Kind::Reap, &request(false, &[]), false);
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!((&pod["serviceAccountName"], &pod["containers"][0]["args"]), (&json!("reaper-mew"), &json!([])));
    let env =
        ["HOTDESK_DRY_RUN=true", "HOTDESK_LOG_FORMAT=text", "HOTDESK_REQUEST_ID=0a1b2c3d-4e5f", "HOTDESK_CLAIM_ID=c1"];
    assert_eq!(told(&job), env);
    assert!(told(&made(Kind::Reap, &request(true, &[]), false)).contains(&"HOTDESK_DRY_RUN=true".to_owned()));
}

#[test]
fn only_a_revive_or_a_purge_of_an_administrator_reaches_beyond_the_claim() {
    let beyond = "HOTDESK_ANY_CLAIM=true".to_owned();
    assert!(told(&made(Kind::Revive, &request(false, &[]), true)).contains(&beyond));
    assert!(!told(&made(Kind::Revive, &request(false, &[]), false)).contains(&beyond));
    assert!(!told(&made(Kind::Reap, &request(false, &[]), true)).contains(&beyond));
    assert!(told(&made(Kind::Purge, &request(false, &[]), true)).contains(&beyond));
    assert!(!told(&made(Kind::Purge, &request(false, &[]), false)).contains(&beyond));
}

#[test]
fn a_purge_runs_as_the_reviver_with_the_names_of_its_own_and_stays_dry_where_the_reaper_does() {
    let only_names = Request { names: vec!["web".to_owned()], ..request(false, &[]) };
    let job = made(Kind::Purge, &only_names, false);
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(job["metadata"]["name"], "purge-mew-0a1b2c3d");
    assert_eq!((&pod["serviceAccountName"], &pod["serviceAccount"]), (&json!("reviver-mew"), &Value::Null));
    let container = &pod["containers"][0];
    assert_eq!((&container["image"], &container["args"]), (&json!("hotdesk/reaper:1"), &json!(["purge", "--", "web"])));
    let env =
        ["HOTDESK_DRY_RUN=true", "HOTDESK_LOG_FORMAT=text", "HOTDESK_REQUEST_ID=0a1b2c3d-4e5f", "HOTDESK_CLAIM_ID=c1"];
    assert_eq!(told(&job), env, "the CronJob's reaper is set to do nothing");
    let other = Request { releases: vec!["web".to_owned()], ..request(false, &[]) };
    let all = made(Kind::Purge, &other, false);
    assert_eq!(
        all["spec"]["template"]["spec"]["containers"][0]["args"],
        json!(["purge", "--"]),
        "a revive's are not its"
    );
}

#[test]
fn a_name_is_the_same_each_time_and_fits_into_a_label() {
    assert_eq!(name(Kind::Reap, "mew", "0A-1B-2C3D4E5F"), "reap-mew-0a1b2c3d");
    let long = format!("{}-{}", "a".repeat(46), "b".repeat(16));
    let cut = name(Kind::Revive, &long, "0a1b2c3d");
    assert_eq!(cut, format!("revive-{}-0a1b2c3d", "a".repeat(46)), "no two dashes in a row");
    assert!(name(Kind::Reap, &"a".repeat(63), "0a1b2c3d4e5f").len() == MAX_NAME);
}

#[test]
fn a_job_serves_the_request_that_it_names() {
    let request = request(false, &[]);
    let order = Order { kind: Kind::Reap, slot: "mew", id: "0a1b2c3d-4e5f", request: &request, any_claim: false };
    let job = of(&reap_mew(), &order);
    assert!(serves(&job, "0a1b2c3d-4e5f"));
    assert!(!serves(&job, "0a1b2c3d-9999"), "of the same name, and another's");
    assert!(!serves(&Job::default(), "0a1b2c3d-4e5f"));
}

#[test]
fn the_cron_job_that_only_observes_is_not_taken_for_the_reaper() {
    let named = |name: &str| -> CronJob { serde_json::from_value(json!({"metadata": {"name": name}})).unwrap() };
    let found = reaper(vec![named("observe-mew"), named("reap-mew")]).unwrap();
    assert_eq!(found.metadata.name.as_deref(), Some("reap-mew"));
    assert_eq!(reaper(vec![named("observe-mew")]), None);
}
