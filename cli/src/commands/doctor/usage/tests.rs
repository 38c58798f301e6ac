use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::rights::{Need, needed};
use super::*;

fn reaper(env: &[(&str, &str)]) -> Reaper {
    let env: Vec<Value> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let pod = json!({"serviceAccountName": "reaper-mew", "containers": [{"name": "reaper", "env": env}]});
    let cron_job = serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }));
    Reaper::read(&cron_job.unwrap(), &[]).unwrap()
}

fn service(kind: &str) -> WaysIn {
    let service: Service =
        serde_json::from_value(json!({"metadata": {"name": "db", "namespace": "mew"}, "spec": {"type": kind}}))
            .unwrap();
    WaysIn { slot: "mew".to_owned(), services: vec![service], ..WaysIn::default() }
}

const IGNORED: (&str, &str) = ("HOTDESK_IGNORE_DIRECT_TRAFFIC", "true");
const KUBELETS: (&str, &str) = ("HOTDESK_POD_USAGE", "{from: kubelets, account: hotdesk-jobs/slots-pod-usage}");

#[test]
fn a_second_witness_is_recommended_where_a_way_in_is_said_to_be_nobodys_use() {
    for kind in ["LoadBalancer", "NodePort"] {
        let found = judge(&reaper(&[IGNORED]), &service(kind)).expect(kind);
        assert_eq!((found.id, found.level, found.subject.as_str()), (Id::PodUsage, Level::Warning, "slot mew"));
        assert!(found.message.contains(&format!("the Service mew/db is of type {kind}")), "{found:?}");
        assert!(found.fix.unwrap().contains("--set reaper.podUsage.from=kubelets"));
    }
    assert_eq!(judge(&reaper(&[IGNORED]), &service("ClusterIP")), None);
    assert_eq!(judge(&reaper(&[IGNORED, KUBELETS]), &service("NodePort")), None, "there is one");
    assert_eq!(
        judge(&reaper(&[]), &service("NodePort")),
        None,
        "such a slot is never cleared, which is said elsewhere"
    );
}

#[test]
fn a_setting_that_the_reaper_cannot_read_is_told() {
    let found = judge(&reaper(&[("HOTDESK_POD_USAGE", "{from: rumour}")]), &service("ClusterIP")).unwrap();
    assert_eq!(found.level, Level::Problem);
    assert!(found.message.contains("--pod-usage.from: write kubelets or prometheus"), "{found:?}");
}

#[test]
fn its_rights_are_asked_for_and_no_others() {
    let shown = |env: &[(&str, &str)]| -> Vec<String> {
        needed(&[], &[reaper(env)]).iter().filter(|need| need.is_of_pod_usage()).map(Need::told).collect()
    };
    assert_eq!(
        shown(&[KUBELETS]),
        [
            "reaper-mew: get nodes everywhere",
            "reaper-mew: create serviceaccounts/token in hotdesk-jobs",
            "slots-pod-usage: get nodes/stats everywhere",
            "slots-pod-usage: get nodes/metrics everywhere",
        ]
    );
    assert!(shown(&[]).is_empty());
    assert!(shown(&[("HOTDESK_POD_USAGE", "{from: prometheus, prometheus: {url: 'https://p'}}")]).is_empty());
}
