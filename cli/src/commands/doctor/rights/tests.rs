//! Which rights are asked for, and what is said of those that are missing.

use k8s_openapi::api::batch::v1::CronJob;
use serde_json::json;

use super::super::finding::Level;
use super::*;

fn reaper(sources: &str) -> Reaper {
    let env = json!([{"name": "HOTDESK_SOURCES", "value": sources}]);
    let pod = json!({"serviceAccountName": "reaper-mew", "containers": [{"name": "reaper", "env": env}]});
    let cron_job: CronJob = serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }))
    .unwrap();
    Reaper::read(&cron_job, &[]).unwrap()
}

fn webhook() -> Deployment {
    let labels = json!({"app.kubernetes.io/component": "webhook"});
    serde_json::from_value(json!({
        "metadata": {"name": "hotdesk-webhook", "namespace": "hotdesk", "labels": labels},
        "spec": {"selector": {}, "template": {"spec": {"serviceAccountName": "hotdesk-webhook", "containers": []}}},
    }))
    .unwrap()
}

fn answered(allowed: impl Fn(&Need) -> Answered<bool>) -> Vec<Asked> {
    let needs = needed(&[webhook()], &[reaper("[{type: ingress-logs}]")]);
    needs.into_iter().map(|need| Asked { allowed: allowed(&need), need }).collect()
}

#[test]
fn each_source_needs_its_own_rights() {
    let has = |sources: &str, resource: &str| {
        needed(&[], &[reaper(sources)])
            .iter()
            .any(|n| n.resource == resource && n.namespace.as_deref() == Some("ingress-nginx"))
    };
    assert!(has("[{type: ingress-logs}]", "pods/log") && !has("[{type: ingress-logs}]", "pods/proxy"));
    let metrics = "[{type: ingress-metrics, controller: traefik}]";
    assert!(has(metrics, "pods/proxy") && !has(metrics, "pods/log"));
    assert!(!has("[{type: prometheus, url: 'http://p'}]", "pods"));
}

#[test]
fn a_right_is_asked_for_as_the_service_account_in_its_groups() {
    let need = needed(&[webhook()], &[]).remove(0);
    let spec = need.review().spec;
    assert_eq!(spec.user.as_deref(), Some("system:serviceaccount:hotdesk:hotdesk-webhook"));
    assert!(spec.groups.unwrap().contains(&"system:serviceaccounts:hotdesk".to_owned()));
}

#[test]
fn all_rights_make_one_line() {
    let found = judge(&answered(|_| Ok(true)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].level == Level::Ok && found[0].message.contains("the webhook may do what they do"), "{found:?}");
}

#[test]
fn what_a_reaper_may_not_is_one_line_with_the_question() {
    let found = judge(&answered(|need| Ok(need.resource != "pods/log")));
    let finding = found.iter().find(|finding| finding.level == Level::Problem).unwrap();
    assert_eq!((finding.id, finding.subject.as_str()), (Id::ReaperRights, "slot mew"));
    assert_eq!(finding.message, "its reaper (hotdesk-jobs/reaper-mew) may not: get pods/log in ingress-nginx");
    let fix = finding.fix.as_ref().unwrap();
    assert!(fix.contains("reaper.ingress.rbac=true"), "{fix}");
    assert!(fix.ends_with("kubectl auth can-i get pods --subresource=log -n ingress-nginx --as=system:serviceaccount:hotdesk-jobs:reaper-mew"), "{fix}");
    let found = judge(&answered(|need| Ok(need.resource != "slots/status")));
    let fix = found.iter().find_map(|finding| finding.fix.clone()).unwrap();
    assert!(
        !fix.contains("rbac") && fix.contains("can-i patch slots.hotdesk.dev --subresource=status -n mew"),
        "{fix}"
    );
}

#[test]
fn a_reaper_that_cannot_save_is_told_where() {
    let found = judge(&answered(|need| Ok(need.namespace.as_deref() != Some("hotdesk-saved"))));
    let finding = found.iter().find(|finding| finding.level == Level::Problem).unwrap();
    assert!(finding.message.ends_with("may not: create secrets in hotdesk-saved"), "{finding:?}");
    assert!(!finding.fix.as_ref().unwrap().contains("ingress.rbac"), "{finding:?}");
}

#[test]
fn what_may_not_be_asked_is_not_taken_for_allowed() {
    let found = judge(&answered(|_| Err("forbidden".to_owned())));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].level, Level::Unknown);
    assert!(found[0].fix.as_ref().unwrap().contains("subjectaccessreviews"), "{found:?}");
}

#[test]
fn what_the_observing_job_may_not_is_said_with_the_slots_chart() {
    let pod = json!({"serviceAccountName": "observer", "containers": [{"name": "observer", "args": ["observe"]}]});
    let cron_job = |component: &str| -> CronJob {
        let labels = json!({"app.kubernetes.io/component": component});
        serde_json::from_value(json!({
            "metadata": {"name": "observer", "namespace": "hotdesk-jobs", "labels": labels},
            "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        }))
        .unwrap()
    };
    assert!(Observer::read(&cron_job("reaper")).is_none());
    let needs = of_observer(&Observer::read(&cron_job("observer")).unwrap());
    let allowed = |need: &Need| Ok(need.resource != "pods/log");
    let asked: Vec<Asked> = needs.into_iter().map(|need| Asked { allowed: allowed(&need), need }).collect();
    let found = judge(&asked);
    assert_eq!((found.len(), found[0].subject.as_str()), (1, "the observing job"), "{found:?}");
    assert_eq!(found[0].message, "it (hotdesk-jobs/observer) may not: get pods/log in ingress-nginx");
    assert!(found[0].fix.as_ref().unwrap().starts_with("helm upgrade slots charts/slots "), "{found:?}");
}
