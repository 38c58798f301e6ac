//! How much of a window a log file holds.

use hotdesk_traffic::sources::PodSelector;
use serde_json::json;

use super::super::finding::Level;
use super::super::look::Sample;
use super::super::reapers::Uses;
use super::*;

const NOW: &str = "2026-11-23T15:00:00Z";

fn reaper(observes: bool) -> Reaper {
    let pod = json!({"serviceAccountName": "r", "containers": [{"name": "reaper"}]});
    let cron_job = serde_json::from_value(json!({
        "metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }));
    Reaper { observes, ..Reaper::read(&cron_job.unwrap(), &[]).unwrap() }
}

/// A log that grows by so much a minute, of a container that began at nine.
fn controller(bytes_per_minute: u64, first: Option<&str>) -> Controller {
    let at = |text: &str| format!("2026-11-23T{text}Z").parse().unwrap();
    let sample = Sample { lines: vec![], started: Some(at("09:00:00")), first: first.map(at), bytes_per_minute };
    Controller {
        place: PodSelector {
            namespace: "ingress-nginx".to_owned(),
            selector: "a=b".to_owned(),
            container: "controller".to_owned(),
        },
        uses: Uses { logs: true, metrics: false },
        pods: Ok(vec![]),
        sample: Some(Ok(sample)),
        configs: Vec::new(),
        files: vec![],
        log_limit: (10 << 20, true),
    }
}

#[track_caller]
fn check(controller: &Controller, observes: bool, level: Level, message: &str, fix: &str) {
    let found = judge(controller, &[&reaper(observes)], NOW.parse().unwrap());
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
    assert!(finding.fix.clone().unwrap_or_default().contains(fix), "{finding:?} does not say {fix:?}");
}

#[test]
fn a_quiet_log_reaches_back_far_enough() {
    check(&controller(0, Some("09:00:05")), false, Level::Ok, "holds more than a week", "");
    // A little more than twice the window of two hours.
    check(&controller(10 * 1024 * 1024 / 250, Some("09:00:05")), false, Level::Ok, "holds 4 h 10 min", "");
}

#[test]
fn a_busy_log_is_to_be_counted_or_to_be_kept_longer_for_no_look_in_between_helps() {
    let busy = controller(350_000, Some("09:00:05"));
    let message = "it grows by 20.0 MiB an hour, so a file of it (10 MiB) holds 29 min, and the window is 2 h";
    for observes in [false, true] {
        check(
            &busy,
            observes,
            Level::Warning,
            message,
            "replace ingress-logs by {type: ingress-metrics, controller: ingress-nginx} in reaper.sources",
        );
        check(&busy, observes, Level::Warning, message, "containerLogMaxSize: 160Mi");
    }
    let lost = controller(350_000, Some("14:31:00"));
    check(&lost, false, Level::Problem, "its log begins 29 min ago, within the window of 2 h", "containerLogMaxSize");
}

#[test]
fn a_quiet_log_that_was_rotated_lately_is_to_be_waited_for() {
    check(
        &controller(0, Some("14:31:00")),
        false,
        Level::Warning,
        "its log begins 29 min ago: it was rotated, or silent until then",
        "wait; if it",
    );
    // Gone before the window, or never more than this.
    check(&controller(0, Some("12:00:00")), false, Level::Ok, "far enough", "");
    let mut young = controller(0, Some("14:31:00"));
    young.sample.as_mut().unwrap().as_mut().unwrap().started = Some("2026-11-23T14:30:56Z".parse().unwrap());
    check(&young, false, Level::Ok, "far enough", "");
}

#[test]
fn a_pod_that_was_replaced_within_the_window_needs_looks_in_between() {
    let mut replaced = controller(0, Some("14:50:05"));
    let pod = json!({"metadata": {"name": "c-1", "creationTimestamp": "2026-11-23T14:50:00Z"}});
    replaced.pods = Ok(vec![serde_json::from_value(pod).unwrap()]);
    replaced.sample.as_mut().unwrap().as_mut().unwrap().started = Some("2026-11-23T14:50:01Z".parse().unwrap());
    let found = judge(&replaced, &[&reaper(false)], NOW.parse().unwrap());
    let message = "a pod of it is 10 min old, younger than the window of 2 h";
    assert!(
        found.iter().any(
            |f| f.message.contains(message) && f.fix.as_ref().unwrap().contains("reaper.observe: \"*/10 * * * *\"")
        ),
        "{found:?}"
    );
    check(&replaced, true, Level::Ok, "far enough", "");
}
