//! Requests that counters do not tell of.

use hotdesk_traffic::sources::PodSelector;
use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::reapers::Uses;
use super::*;

fn reaper(sources: &str) -> Reaper {
    let env = json!([{"name": "HOTDESK_SOURCES", "value": sources}]);
    let pod = json!({"serviceAccountName": "r", "containers": [{"name": "reaper", "env": env}]});
    let cron_job = serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }));
    Reaper::read(&cron_job.unwrap(), &[]).unwrap()
}

fn controller(arguments: &[&str]) -> Controller {
    let pod = json!({"metadata": {"name": "c-0"}, "spec": {"containers": [{"name": "controller", "args": arguments}]}});
    let selector = "app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller".to_owned();
    Controller {
        place: PodSelector { namespace: "ingress-nginx".to_owned(), selector, container: "controller".to_owned() },
        uses: Uses { logs: false, metrics: true },
        pods: Ok(vec![serde_json::from_value(pod).unwrap()]),
        sample: None,
        configs: Vec::new(),
        files: vec![],
        log_limit: (10 << 20, true),
    }
}

#[track_caller]
fn check(sources: &str, arguments: &[&str], monitors: &[Value], expected: &[(&str, &str)]) {
    let found = judge(&Counted { reapers: &[reaper(sources)], controllers: &[controller(arguments)], monitors });
    let problems: Vec<&Finding> = found.iter().filter(|finding| finding.level == Level::Problem).collect();
    assert_eq!(problems.len(), expected.len(), "{found:?}");
    for (finding, (message, fix)) in problems.iter().zip(expected) {
        assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
        assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?} does not say {fix:?}");
    }
}

const METRICS: &str = "[{type: ingress-metrics, controller: ingress-nginx}]";
const ANY: &str = "[{type: ingress-metrics, controller: ingress-nginx, anyHost: true}]";

#[test]
fn what_the_source_believes_of_the_controller_must_be_so() {
    check(ANY, &["--metrics-per-host=false"], &[], &[]);
    check(ANY, &[], &[], &[("does not run with --metrics-per-host=false", "start it with")]);
    check(METRICS, &["--enable-metrics=false"], &[], &[("it counts nothing", "--enable-metrics=true")]);
}

#[test]
fn a_query_asks_for_the_label_that_the_monitor_leaves() {
    let monitor = |honours: bool| {
        json!({"metadata": {"name": "nginx"}, "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "ingress-nginx"}}, "endpoints": [{"honorLabels": honours}],
        }})
    };
    let asks = |label: &str| {
        format!(
            "[{{type: prometheus, url: 'http://p', query: 'nginx_ingress_controller_requests{{{label}=\"$namespace\"}}[$window]', sight: up}}]"
        )
    };
    let check = |label: &str, honours: bool, expected: &[(&str, &str)]| {
        check(&asks(label), &[], &[monitor(honours)], expected);
    };
    check("exported_namespace", false, &[]);
    check("namespace", true, &[]);
    check("exported_namespace", true, &[("nginx has honorLabels: true", "ask for namespace=\"$namespace\"")]);
    check("namespace", false, &[("nginx has honorLabels: false", "ask for exported_namespace=\"$namespace\"")]);
}
