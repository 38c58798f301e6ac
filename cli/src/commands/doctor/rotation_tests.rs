//! How much of a window a log file holds.

use serde_json::json;

use super::super::finding::Level;
use super::super::look::Sample;
use super::super::places::{Place, Uses};
use super::*;

const NOW: &str = "2026-11-23T15:00:00Z";

fn reaper(observes: bool) -> Reaper {
    let pod = json!({"serviceAccountName": "r", "containers": [{"name": "reaper"}]});
    let cron_job = serde_json::from_value(json!({
        "metadata": {"name": "hotdesk-reaper", "namespace": "mew"},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }));
    Reaper { observes, ..Reaper::read(&cron_job.unwrap(), &[]).unwrap() }
}

/// A log that grows by so much a minute, of a container that began at nine.
fn controller(bytes_per_minute: u64, first: Option<&str>) -> Controller {
    let at = |text: &str| format!("2026-11-23T{text}Z").parse().unwrap();
    let sample = Sample { lines: vec![], started: Some(at("09:00:00")), first: first.map(at), bytes_per_minute };
    Controller {
        place: Place {
            namespace: "ingress-nginx".to_owned(),
            selector: "a=b".to_owned(),
            container: "controller".to_owned(),
        },
        uses: Uses { logs: true, metrics: false },
        pods: Ok(vec![]),
        sample: Some(Ok(sample)),
        config: None,
        proxies: vec![],
        log_limit: (10 << 20, true),
    }
}

#[track_caller]
fn check(controller: &Controller, observes: bool, level: Level, says: &str, fix: &str) {
    let finding = judge(controller, &[&reaper(observes)], NOW.parse().unwrap()).unwrap();
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.says.contains(says), "{finding:?} does not say {says:?}");
    assert!(finding.fix.clone().unwrap_or_default().contains(fix), "{finding:?} does not say {fix:?}");
}

#[test]
fn a_quiet_log_reaches_back_far_enough() {
    check(&controller(0, Some("09:00:05")), false, Level::Ok, "holds more than a week", "");
    // Nine minutes more than the window of two hours.
    check(&controller(10 * 1024 * 1024 / 129, Some("09:00:05")), false, Level::Ok, "holds 2 h 9 min", "");
}

#[test]
fn a_busy_log_needs_looks_in_between() {
    let busy = controller(350_000, Some("09:00:05"));
    check(
        &busy,
        false,
        Level::Warning,
        "it grows by 20.0 MiB an hour, so a file (10 MiB) holds 29 min",
        "reaper.observe: \"*/10 * * * *\"",
    );
    check(&busy, false, Level::Warning, "the window is 2 h", "containerLogMaxSize: 80Mi");
    check(&busy, true, Level::Ok, "observing runs keep up", "");
    check(&controller(2 << 20, Some("09:00:05")), false, Level::Warning, "holds 5 min", "*/5 * * * *");
}

#[test]
fn a_log_whose_beginning_is_gone_is_a_problem_however_quiet_it_is_now() {
    check(
        &controller(0, Some("14:31:00")),
        false,
        Level::Problem,
        "its log begins 29 min ago, within the window of 2 h",
        "reaper.observe",
    );
    // Gone before the window, or never more than this.
    check(&controller(0, Some("12:00:00")), false, Level::Ok, "far enough", "");
    let mut young = controller(0, Some("14:31:00"));
    young.sample.as_mut().unwrap().as_mut().unwrap().started = Some("2026-11-23T14:30:50Z".parse().unwrap());
    check(&young, false, Level::Ok, "far enough", "");
}
