//! What a Prometheus answers of the slot's pods. Times are minutes before now, and the window is an hour.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::super::settings::Floor;
use super::*;

fn now() -> Timestamp {
    "2026-11-30T15:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// A counter that is scraped each minute, and grows as it is told.
fn series(labels: &[(&str, &str)], from: i64, value: impl Fn(i64) -> f64) -> Series {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let samples = (0..=from).rev().map(|minute| (ago(minute), value(from - minute))).collect();
    Series { labels, samples }
}

fn web(from: i64, a_second: f64) -> Series {
    series(&[("pod", "web-0"), ("interface", "eth0")], from, |minute| 1e9 + a_second * 60.0 * minute as f64)
}

fn used(from: i64, cores: f64) -> Series {
    series(&[("pod", "web-0"), ("container", "c")], from, |minute| 500.0 + cores * 60.0 * minute as f64)
}

fn pod(started: i64) -> Watched {
    let probe = json!({"httpGet": {"port": 80}});
    let pod: Pod =
        serde_json::from_value(json!({"spec": {"containers": [{"name": "c", "livenessProbe": probe}]}})).unwrap();
    Watched { name: "web-0".to_owned(), started: ago(started), costs: Costs::of(&pod) }
}

fn answers(received: Vec<Series>) -> Answers {
    Answers { received, cpu: vec![used(65, 0.0)], ..Answers::default() }
}

#[track_caller]
fn check(id: &str, watched: &[Watched], answers: &Answers, expected: &str) {
    let asked = Asked { floor: Floor::default(), since: ago(60), now: now(), before: None };
    let jobs = BTreeSet::from(["import-x7".to_owned()]);
    let usage = judge(&asked, SignedDuration::from_mins(5), watched, &jobs, answers);
    let told = match &usage.finding {
        Finding::Above { detail, .. } => format!("above: {detail}"),
        Finding::Quiet(how) => format!("quiet: {how}"),
        Finding::Unclear(why) => format!("unclear: {why}"),
    };
    assert!(told.starts_with(expected), "{id}: expected {expected:?}, found {told:?}");
    assert_eq!(usage.kept, None);
}

#[test]
fn what_came_in_is_told() {
    check(
        "e21",
        &[pod(600)],
        &answers(vec![web(65, 1025.0)]),
        "above: the pods received 3.5 MiB that no log explains since 14:00",
    );
    check("at rest", &[pod(600)], &answers(vec![web(65, 20.0)]), "quiet: the pod received 20 B/s");
    // A rollout's new pod has counted from zero.
    let new = series(&[("pod", "web-0")], 20, |minute| 3e6 * minute as f64);
    check("young", &[pod(21)], &answers(vec![new]), "above: the pods received 57 MiB");
}

#[test]
fn only_probes_are_nobody() {
    let probed = Answers {
        probes: vec![series(&[("pod", "web-0"), ("container", "c"), ("probe_type", "Liveness")], 65, |minute| {
            60.0 * minute as f64
        })],
        ..answers(vec![web(65, 524.0)])
    };
    check("e22", &[pod(600)], &probed, "quiet: the pod received 74 B/s");
    check("e22, and their counter is missing", &[pod(600)], &answers(vec![web(65, 524.0)]), "above: ");
}

#[test]
fn a_pod_that_has_gone_is_seen_and_one_of_a_job_is_not() {
    let other = |name: &'static str| series(&[("pod", name)], 65, |minute| 1e6 * minute as f64);
    check("gone", &[pod(600)], &answers(vec![web(65, 1.0), other("web-9")]), "above: the pods received 57 MiB");
    check("a Job's", &[pod(600)], &answers(vec![web(65, 1.0), other("import-x7")]), "quiet: ");
}

#[test]
fn what_was_not_sampled_is_not_zero() {
    check(
        "nothing",
        &[pod(600)],
        &Answers::default(),
        "unclear: the Prometheus has no container_network_receive_bytes_total of the pod web-0",
    );
    let without_cpu = Answers { cpu: vec![], ..answers(vec![web(65, 1.0)]) };
    check("no cpu", &[pod(600)], &without_cpu, "unclear: the Prometheus has no container_cpu_usage_seconds_total");
    check(
        "late",
        &[pod(600)],
        &answers(vec![web(30, 1.0)]),
        "unclear: the bytes received by the pod web-0: the Prometheus has samples only since",
    );
    let mut broken = web(65, 1.0);
    broken.samples.retain(|(at, _)| *at < ago(40) || *at > ago(20));
    check(
        "a gap",
        &[pod(600)],
        &answers(vec![broken]),
        "unclear: the bytes received by the pod web-0: the Prometheus has no samples between",
    );
    let again = series(&[("pod", "web-0")], 65, |minute| if minute < 30 { 1e9 } else { minute as f64 });
    let another = series(&[("pod", "web-0"), ("id", "b")], 20, |minute| minute as f64);
    let both = answers(vec![web(65, 1.0), another]);
    check(
        "another sandbox",
        &[pod(600)],
        &both,
        "unclear: the counter of bytes received of the pod web-0 began again at 14:40",
    );
    check(
        "a reset",
        &[pod(600)],
        &answers(vec![again]),
        "unclear: the counter of bytes received of the pod web-0 began again at 14:25",
    );
}

#[test]
fn cpu_is_compared_with_the_quietest_hour() {
    let quietest = series(&[("pod", "web-0")], 0, |_| 0.001);
    let busy = |cores: f64| Answers {
        cpu: vec![used(65, cores)],
        quietest: vec![quietest.clone()],
        ..answers(vec![web(65, 1.0)])
    };
    check("busy", &[pod(600)], &busy(0.5), "above: the pod web-0 used 0.499 cores more than in its quietest hour");
    check("at rest", &[pod(600)], &busy(0.01), "quiet: ");
}

#[test]
fn a_slot_is_asked_for_by_its_whole_name() {
    for query in [received("mew"), cpu("mew"), probes("mew"), quietest("mew")] {
        assert!(query.contains("namespace=\"mew\""), "{query}");
    }
}
