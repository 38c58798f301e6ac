//! Every way in which counters can lie between two samples. Each starts from two equal samples of one pod.

use super::*;
use crate::attribute::Service;
use crate::counters::exposition;
use crate::sources::Controller;

fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

fn names() -> Names {
    let web = Service { name: "web".to_owned(), ports: vec!["80".to_owned()], ..Service::default() };
    Names::new("mew", &[web], &["mewtwo".to_owned()])
}

fn sample(pod: &str, started: &str, services: &[(&str, &str)]) -> Sample {
    let mut tally = PodTally::default();
    for (service, value) in services {
        let line = format!("traefik_service_requests_total{{code=\"200\",service=\"{service}@kubernetes\"}} {value}");
        tally.take(exposition::read(&line, Controller::Traefik).unwrap(), &names());
    }
    Sample { pod: pod.to_owned(), count: tally.count(pod, at(started)), tally }
}

fn pod(services: &[(&str, &str)]) -> Sample {
    sample("a", "08:00:00", services)
}

const QUIET: &[(&str, &str)] = &[("mew-web-80", "7"), ("mewtwo-web-80", "9")];

fn before(samples: &[Sample]) -> Counted {
    let first = compare("ingress-metrics", None, samples, Ok(()), at("14:00:00"));
    first.counted
}

fn after(before: &Counted, samples: &[Sample]) -> Compared {
    compare("ingress-metrics", Some(before), samples, Ok(()), at("15:00:00"))
}

/// Not a single one of these may read as quiet.
#[track_caller]
fn gap(old: &[Sample], new: &[Sample], expected: &str) {
    let found = after(&before(old), new);
    assert_eq!(found.used, None);
    assert!(found.doubts.iter().any(|doubt| doubt.contains(expected)), "{expected}: {:?}", found.doubts);
    assert_eq!(found.counted.since.0, at("15:00:00"), "what is joined up begins again");
}

#[track_caller]
fn used(old: &[Sample], new: &[Sample]) {
    let found = after(&before(old), new);
    assert_eq!(found.used.as_deref(), Some("mew-web-80"), "{:?}", found.doubts);
    assert_eq!(found.counted.last_use, Some(Time(at("15:00:00"))));
    assert_eq!(found.counted.since.0, at("15:00:00"));
}

#[test]
fn two_equal_samples_of_the_same_process_mean_that_nobody_was_there() {
    let found = after(&before(&[pod(QUIET)]), &[pod(&[QUIET[1], QUIET[0]])]);
    assert_eq!((found.used, found.doubts), (None, vec![]));
    assert_eq!((found.counted.since.0, found.counted.through.0), (at("14:00:00"), at("15:00:00")));
    let busy_neighbour = after(&before(&[pod(QUIET)]), &[pod(&[QUIET[0], ("mewtwo-web-80", "900")])]);
    assert_eq!((busy_neighbour.used, busy_neighbour.doubts), (None, vec![]));
}

#[test]
fn the_first_sample_says_nothing_yet() {
    let first = compare("ingress-metrics", None, &[pod(QUIET)], Ok(()), at("14:00:00"));
    assert!(first.used.is_none() && first.doubts[0].contains("counted from now on"), "{first:?}");
    assert_eq!(first.counted.since.0, at("14:00:00"));
}

#[test]
fn any_growth_is_use() {
    used(&[pod(QUIET)], &[pod(&[("mew-web-80", "8"), QUIET[1]])]);
    used(&[pod(&[QUIET[1]])], &[pod(&[("mew-web-80", "1"), QUIET[1]])]);
    used(&[pod(QUIET)], &[pod(QUIET), sample("b", "14:30:00", &[("mew-web-80", "1")])]);
}

#[test]
fn what_went_with_a_process_is_a_gap() {
    gap(&[pod(QUIET)], &[sample("a", "14:30:00", &[])], "1 of the controller's pods restarted or went");
    gap(&[pod(QUIET), sample("b", "08:00:00", &[])], &[pod(QUIET)], "restarted or went");
    gap(&[pod(QUIET)], &[pod(QUIET), sample("b", "08:00:00", &[])], "the pod b was not sampled before");
    gap(&[pod(QUIET)], &[], "restarted or went");
}

#[test]
fn a_restart_that_counts_the_same_again_is_still_a_gap() {
    gap(&[pod(QUIET)], &[sample("a", "14:30:00", &[("mewtwo-web-80", "9")])], "restarted");
    used(&[pod(QUIET)], &[sample("a", "14:30:00", QUIET)]);
}

#[test]
fn a_counter_that_shrank_vanished_or_changed_its_labels_is_a_gap() {
    gap(&[pod(QUIET)], &[pod(&[("mew-web-80", "3")])], "have not grown");
    gap(&[pod(QUIET)], &[pod(&[QUIET[1]])], "have not grown");
    gap(&[pod(&[("mew-web-80", "7")])], &[pod(&[("custom-default-backend-mew-web", "7")])], "have not grown");
}

#[test]
fn requests_of_a_service_that_is_gone_are_a_gap() {
    gap(&[pod(QUIET)], &[pod(&[QUIET[0], ("mew-old-80", "1")])], "mew-old-80");
    let new = sample("b", "14:30:00", &[("mew-old-80", "1")]);
    gap(&[pod(QUIET)], &[pod(QUIET), new], "mew-old-80");
}

#[test]
fn pods_that_may_have_come_and_gone_are_a_gap() {
    let found = compare(
        "x",
        Some(&before(&[pod(QUIET)])),
        &[pod(QUIET)],
        Err("the ReplicaSet changed".to_owned()),
        at("15:00:00"),
    );
    assert_eq!((found.used, found.doubts), (None, vec!["the ReplicaSet changed".to_owned()]));
    assert_eq!(found.counted.since.0, at("15:00:00"));
}

#[test]
fn a_sample_from_the_future_is_not_believed() {
    let found = compare("x", Some(&before(&[pod(QUIET)])), &[pod(QUIET)], Ok(()), at("12:00:00"));
    assert!(found.doubts[0].contains("from the future"), "{found:?}");
}

#[test]
fn quiet_hours_join_up_and_use_is_remembered() {
    let first = before(&[pod(QUIET)]);
    let used = after(&first, &[pod(&[("mew-web-80", "8"), QUIET[1]])]);
    let later = compare("x", Some(&used.counted), &[pod(&[("mew-web-80", "8"), QUIET[1]])], Ok(()), at("16:00:00"));
    assert_eq!((later.used, later.doubts), (None, vec![]));
    assert_eq!(later.counted.since.0, at("15:00:00"));
    assert_eq!(later.counted.last_use, Some(Time(at("15:00:00"))));
}

#[test]
fn what_cannot_be_counted_is_a_problem_of_the_pod() {
    let broken = pod(&[("mew-web-80", "NaN")]);
    assert!(broken.tally.problem().unwrap().contains("not a count"));
    let twice = pod(&[("mew-web-80", "1"), ("mew-web-80", "1")]);
    assert!(twice.tally.problem().unwrap().contains("twice"));
    assert_eq!(pod(QUIET).tally.problem(), None);
}

#[test]
fn more_pods_than_are_kept_are_a_gap() {
    let many: Vec<Sample> = (0..=MAX_PODS).map(|n| sample(&format!("p{n}"), "08:00:00", &[])).collect();
    gap(&many, &many, "no more than 64");
    assert_eq!(before(&many).pods.len(), MAX_PODS);
}
