//! Pods that are not where they are looked for, and logs that do not tell.

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

fn pod(namespace: &str, name: &str, component: &str, container: &str, runs: bool) -> Pod {
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/component": component});
    let state = if runs { json!({"running": {"startedAt": "2026-11-23T10:00:00Z"}}) } else { json!({"waiting": {}}) };
    serde_json::from_value(json!({
        "metadata": {"name": format!("{name}-0"), "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": container}]},
        "status": {"containerStatuses": [{"name": container, "image": "x", "imageID": "x", "ready": runs, "restartCount": 0, "state": state}]},
    }))
    .unwrap()
}

fn place() -> PodSelector {
    PodSelector {
        namespace: "ingress-nginx".to_owned(),
        selector: "app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller".to_owned(),
        container: "controller".to_owned(),
    }
}

fn controller(pods: Vec<Pod>, lines: &[&str]) -> Controller {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Controller {
        place: place(),
        uses: Uses { logs: true, metrics: false },
        pods: Ok(pods),
        sample: Some(Ok(Sample { lines, ..Sample::default() })),
        configs: Vec::new(),
        files: Vec::new(),
        log_limit: (10 << 20, true),
    }
}

fn nginx() -> Pod {
    pod("ingress-nginx", "ingress-nginx", "controller", "controller", true)
}

#[track_caller]
fn pods_are(controller: &Controller, known: Vec<Pod>, level: Level, message: &str, fix: &str) {
    let found = pods(controller, &Ok(known), 12);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
    assert!(finding.fix.clone().unwrap_or_default().contains(fix), "{finding:?} does not say {fix:?}");
}

#[test]
fn where_no_pod_matches_those_that_are_there_are_suggested() {
    pods_are(&controller(vec![nginx()], &[]), vec![], Level::Ok, "1 pod, read by the reapers of 12 slots", "");
    let none = || controller(vec![], &[]);
    pods_are(
        &none(),
        vec![],
        Level::Problem,
        "so the reapers of 12 slots cannot observe traffic",
        "name your controller's in reaper.ingress",
    );
    for (there, fix) in [
        (
            pod("kube-system", "traefik", "", "traefik", true),
            "{namespace: kube-system, selector: \"app.kubernetes.io/name=traefik\", container: traefik}",
        ),
        (
            pod("eg", "envoy", "proxy", "envoy", true),
            "{namespace: eg, selector: \"app.kubernetes.io/name=envoy,app.kubernetes.io/component=proxy\", container: envoy}",
        ),
        (
            nginx(),
            "{namespace: ingress-nginx, selector: \"app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller\", container: controller}",
        ),
    ] {
        pods_are(&none(), vec![there.clone(), there], Level::Problem, "no pod has the labels", fix);
    }
    // What admits webhooks for the controller logs no request.
    let admission = pod("ingress-nginx", "ingress-nginx", "admission-webhook", "create", true);
    pods_are(&none(), vec![admission], Level::Problem, "no pod has the labels", "name your controller's");
    let unknown = pods(&none(), &Err("you may not".to_owned()), 1);
    assert!(unknown[0].fix.as_ref().unwrap().contains("(others: you may not)"), "{unknown:?}");
}

#[test]
fn a_container_that_is_called_otherwise_is_named() {
    let other = pod("ingress-nginx", "ingress-nginx", "controller", "nginx", true);
    pods_are(
        &controller(vec![other], &[]),
        vec![],
        Level::Problem,
        "no container controller; they have nginx",
        "reaper.ingress.container: nginx",
    );
}

#[test]
fn a_pod_that_does_not_run_is_a_problem() {
    let down = pod("ingress-nginx", "ingress-nginx", "controller", "controller", false);
    pods_are(
        &controller(vec![nginx(), down], &[]),
        vec![],
        Level::Problem,
        "1 of 2 pods do not run",
        "describe pod ingress-nginx-0",
    );
}

const LINE: &str = r#"10.0.0.1 - - [23/Nov/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 2 "-" "curl/8" 90 0.001 [mew-web-80] [] 10.0.0.2:80 2 0.001 200 f0"#;
const BARE: &str = r#"10.0.0.1 - - [23/Nov/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 2 "-" "curl/8""#;

#[track_caller]
fn format_is(controller: &Controller, sources: &str, level: Level, message: &str, fix: &str) {
    let finding = format(controller, &[&reaper(sources)]).unwrap();
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
    assert!(finding.fix.clone().unwrap_or_default().contains(fix), "{finding:?} does not say {fix:?}");
}

#[test]
fn a_log_that_does_not_say_whom_a_request_was_for_is_a_problem() {
    let logs = "[{type: ingress-logs}]";
    format_is(
        &controller(vec![nginx()], &[LINE, "I1123 15:04:05.678901 7 main.go:1] x"]),
        logs,
        Level::Ok,
        "its log is nginx",
        "",
    );
    format_is(
        &controller(vec![nginx()], &[LINE, BARE]),
        logs,
        Level::Problem,
        "1 of the last 2 requests in its log are text",
        "take log-format-upstream out",
    );
    format_is(
        &controller(vec![nginx()], &["served / to x"]),
        logs,
        Level::Problem,
        "cannot be read, such as: served / to x",
        "[$proxy_upstream_name]",
    );
    format_is(
        &controller(vec![nginx()], &[r#"{"status":200}"#]),
        logs,
        Level::Problem,
        "are JSON that does not",
        "\"proxyUpstreamName\"",
    );
    format_is(&controller(vec![nginx()], &[""]), logs, Level::Warning, "so its format cannot be told", "open any slot");
    let traefik = pod("ingress-nginx", "traefik", "", "controller", true);
    format_is(&controller(vec![traefik], &[BARE]), logs, Level::Problem, "text", "--accesslog.format=json");
    let envoy = pod("ingress-nginx", "envoy", "proxy", "controller", true);
    format_is(&controller(vec![envoy], &[BARE]), logs, Level::Problem, "text", "%ROUTE_NAME%");
}

#[test]
fn a_line_among_hundreds_is_borne_as_the_reaper_bears_it() {
    let mut lines = vec![LINE; 199];
    lines.push("served / to x");
    format_is(
        &controller(vec![nginx()], &lines),
        "[{type: ingress-logs}]",
        Level::Warning,
        "1 of the last 200 requests",
        "",
    );
    lines.extend(["served / to x"; 2]);
    format_is(
        &controller(vec![nginx()], &lines),
        "[{type: ingress-logs}]",
        Level::Problem,
        "3 of the last 202 requests",
        "",
    );
}

#[test]
fn a_format_that_the_reaper_is_told_wrongly_is_a_problem() {
    let told = "[{type: ingress-logs, logFormat: traefik-json}]";
    format_is(
        &controller(vec![nginx()], &[LINE]),
        told,
        Level::Problem,
        "its log is nginx, and the reapers are told to read traefik-json",
        "logFormat: auto",
    );
}

#[test]
fn the_fix_names_the_config_map_where_it_is_known() {
    let mut controller = controller(vec![nginx()], &[BARE]);
    let config: Value = json!({"metadata": {"namespace": "ingress-nginx", "name": "settings"}});
    controller.configs = vec![Ok(Some(serde_json::from_value(config).unwrap()))];
    let fix =
        "kubectl -n ingress-nginx patch configmap settings --type merge -p '{\"data\":{\"log-format-upstream\":null}}'";
    format_is(&controller, "[{type: ingress-logs}]", Level::Problem, "text", fix);
}

#[test]
fn a_log_is_judged_as_the_reaper_reads_it() {
    let logs = "[{type: ingress-logs}]";
    for (line, message) in [
        (r#"{"time":"x","status":"200","proxyUpstreamName":"mew-web-80"}"#, "its log is nginx-json"),
        (r#"{"DownstreamStatus":200,"ServiceName":"mew-web-80@kubernetes"}"#, "its log is traefik-json"),
        (r#"{"response_code":200,"route_name":"httproute/mew/web/rule/0"}"#, "its log is envoy-json"),
    ] {
        let own = r#"{"level":"info","msg":"configuration loaded"}"#;
        format_is(&controller(vec![nginx()], &[own, line]), logs, Level::Ok, message, "");
    }
    let named = "[{type: ingress-logs, logFormat: json, fields: {upstream: to}}]";
    let told = controller(vec![nginx()], &[r#"{"to":"mew-web-80"}"#]);
    format_is(&told, named, Level::Ok, "its log is JSON with the fields that the source names", "");
    let bare = controller(vec![nginx()], &[r#"{"status":200}"#]);
    format_is(&bare, named, Level::Problem, "are JSON that does not name the upstream", "fields.upstream");
    // What the reaper does not know for noise could have been a request.
    let odd = controller(vec![nginx()], &["mew.dev.example.com 203.0.113.9 /x 200"]);
    format_is(&odd, logs, Level::Problem, "1 of the last 1 requests in its log cannot be read", "");
    let words = controller(vec![nginx()], &["2026-11-23T15:04:05Z INF Traefik version 3.3"]);
    format_is(&words, logs, Level::Warning, "none of the last 1 lines of its log is a request", "open any slot");
}
