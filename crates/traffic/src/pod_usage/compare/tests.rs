//! Readings of the pods' counters, and what they come to. Times are minutes of one afternoon, and the window is an hour.

use proptest::prelude::*;

use super::*;

const KIB: u64 = 1024;

fn at(minute: i64) -> Timestamp {
    "2026-11-30T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// Now it is 15:00.
const NOW: i64 = 180;

fn sample(bytes: u64) -> Sample {
    let name = "web-0".to_owned();
    Sample { uid: "u1".to_owned(), name, started: at(-6000), at: at(NOW), bytes, probe_bytes: 0, cpu_ms: 9000 }
}

/// Read an hour ago, as one that had received 3 GiB in its four days.
fn before() -> PodUsage {
    let reading = PodReading {
        uid: "u1".to_owned(),
        name: "web-0".to_owned(),
        started: Time(at(-6000)),
        at: Time(at(NOW - 60)),
        bytes: 3 << 30,
        probe_bytes: 0,
        cpu_ms: 9000,
        quietest: Some(400),
    };
    PodUsage { since: Time(at(0)), through: Time(at(NOW - 60)), last_use: None, pods: vec![reading] }
}

fn grown(bytes: u64) -> Sample {
    sample((3 << 30) + bytes)
}

fn asked(before: Option<&PodUsage>) -> Asked<'_> {
    Asked { floor: Floor::default(), since: at(NOW - 60), now: at(NOW), before }
}

fn judged(before: Option<&PodUsage>, samples: &[Sample]) -> Usage {
    compare(&asked(before), samples)
}

#[track_caller]
fn check(id: &str, before: Option<&PodUsage>, samples: &[Sample], expected: &str) {
    let found = judged(before, samples).finding;
    let told = match &found {
        Finding::Above { detail, .. } => format!("above: {detail}"),
        Finding::Quiet(how) => format!("quiet: {how}"),
        Finding::Unclear(why) => format!("unclear: {why}"),
    };
    assert!(told.starts_with(expected), "{id}: expected {expected:?}, found {told:?}");
}

#[test]
fn more_bytes_than_the_floor_are_told_with_how_many_since_when_and_whose() {
    check(
        "e21",
        Some(&before()),
        &[grown(48 << 20)],
        "above: the pods received 48 MiB that no log explains since 14:00 UTC (web-0: 13981 B/s, and the floor is 500 B/s)",
    );
    // Twice a second by wget, as it was measured.
    check("e21", Some(&before()), &[grown(1025 * 3600)], "above: the pods received 3.5 MiB that no log explains");
    check("e24", Some(&before()), &[grown(501 * 3600)], "above: the pods received 1.7 MiB");
    check("the floor itself", Some(&before()), &[grown(500 * 3600)], "quiet: the pod received 500 B/s");
}

#[test]
fn what_probes_brought_is_taken_off() {
    let probed = |bytes: u64, probe_bytes: u64| Sample { probe_bytes, ..grown(bytes) };
    // A liveness probe a second, as it was measured: 524 bytes each, of which 450 are taken off.
    check("e22", Some(&before()), &[probed(524 * 3600, 450 * 3600)], "quiet: the pod received 74 B/s");
    check("e22", Some(&before()), &[probed(524 * 3600 + (2 << 20), 450 * 3600)], "above: the pods received 2.3 MiB");
    // A kubelet that restarted counts from zero, so that nothing is known to be its own.
    let mut earlier = before();
    earlier.pods[0].probe_bytes = 1 << 40;
    check("a kubelet that restarted", Some(&earlier), &[probed(524 * 3600, 500 * 3600)], "above: ");
}

#[test]
fn cpu_above_the_quietest_hour_is_told() {
    let working = |cpu_ms: u64| Sample { cpu_ms: 9000 + cpu_ms, ..grown(0) };
    check(
        "0.01 core",
        Some(&before()),
        &[working(36_000 + 1440 + 10)],
        "above: the pod web-0 used 0.010 cores more than",
    );
    check("its quietest hour and 0.01 core", Some(&before()), &[working(36_000 + 1440)], "quiet: ");
    let mut new = before();
    new.pods[0].quietest = None;
    check("no quiet hour is known", Some(&new), &[working(3_600_000)], "quiet: ");
    let kept = judged(Some(&new), &[working(3_600_000)]).kept.unwrap();
    assert_eq!(kept.pods[0].quietest, Some(1_000_000), "the first hour is the quietest so far");
    let kept = judged(Some(&before()), &[working(360)]).kept.unwrap();
    assert_eq!(kept.pods[0].quietest, Some(100), "a quieter one takes its place");
}

#[test]
fn the_first_look_tells_what_the_whole_life_of_a_pod_tells() {
    check(
        "old, and much",
        None,
        &[sample(3 << 30)],
        "unclear: the pod web-0 has received 3.0 GiB since it started, and how",
    );
    check("old, and less than a window may bring", None, &[sample(1000 * KIB)], "quiet: ");
    let young = Sample { started: at(NOW - 50), ..sample(48 << 20) };
    check(
        "young, and much",
        None,
        std::slice::from_ref(&young),
        "above: the pods received 48 MiB that no log explains since 14:10 UTC",
    );
    check("young, and little", None, &[Sample { bytes: 100 * KIB, ..young.clone() }], "quiet: ");
    // One that started since the last reading has no other.
    let other = Sample { uid: "u2".to_owned(), name: "web-1".to_owned(), ..young };
    check("young, and much", Some(&before()), &[grown(0), other], "above: the pods received 48 MiB");
    check("no pod", None, &[], "quiet: no pod runs");
}

#[test]
fn after_the_first_look_readings_join_up_over_the_window() {
    let first = judged(None, &[sample(3 << 30)]).kept.unwrap();
    assert_eq!((first.since.0, first.through.0, first.pods.len()), (at(NOW), at(NOW), 1));
    let later = |minutes: i64| Asked {
        since: at(NOW + minutes - 60),
        now: at(NOW + minutes),
        before: Some(&first),
        ..asked(None)
    };
    let next = |minutes: i64| compare(&later(minutes), &[Sample { at: at(NOW + minutes), ..grown(KIB) }]).finding;
    assert!(matches!(next(60), Finding::Quiet(_)), "{:?}", next(60));
    let early = next(40);
    let Finding::Unclear(why) = &early else { panic!("{early:?}") };
    assert_eq!(
        why,
        "the readings join up only since 15:00:00 UTC, and the window begins at 14:40:00 UTC; a later run can tell"
    );
}

#[test]
fn what_was_found_above_the_floor_keeps_for_a_window() {
    let busy = judged(Some(&before()), &[grown(48 << 20)]).kept.unwrap();
    let later = Asked { since: at(NOW - 10), now: at(NOW + 50), before: Some(&busy), ..asked(None) };
    let found = compare(&later, &[Sample { at: at(NOW + 50), ..grown(48 << 20) }]);
    let Finding::Above { at: seen, detail } = &found.finding else { panic!("{found:?}") };
    assert_eq!(*seen, at(NOW));
    assert!(detail.ends_with("500 B/s), found at 15:00 UTC"), "{detail}");
    let busy = found.kept.unwrap();
    let after = Asked { since: at(NOW + 50), now: at(NOW + 110), before: Some(&busy), ..asked(None) };
    let found = compare(&after, &[Sample { at: at(NOW + 110), ..grown(48 << 20) }]).finding;
    assert!(matches!(found, Finding::Quiet(_)), "{found:?}");
}

#[test]
fn counters_that_began_again_tell_nothing_and_neither_do_those_that_went() {
    let began = "unclear: the counters of the pod web-0 began again since 14:00 UTC";
    check("went back", Some(&before()), &[sample((3 << 30) - 1)], began);
    check("another sandbox", Some(&before()), &[Sample { started: at(100), ..grown(0) }], began);
    check("cpu went back", Some(&before()), &[Sample { cpu_ms: 8999, ..grown(0) }], began);
    check(
        "gone",
        Some(&before()),
        &[],
        "unclear: the pod web-0 is gone since 14:00 UTC, and what it had received went",
    );
    let other = Sample { uid: "u2".to_owned(), started: at(NOW - 30), ..sample(0) };
    check("replaced", Some(&before()), &[other], "unclear: the pod web-0 is gone");
    let kept = judged(Some(&before()), &[Sample { started: at(100), ..grown(0) }]).kept.unwrap();
    assert_eq!((kept.since.0, kept.pods[0].started.0), (at(NOW), at(100)), "it is compared from now on");
}

#[test]
fn a_reading_that_is_too_old_tells_what_it_can() {
    let mut old = before();
    (old.through, old.pods[0].at) = (Time(at(NOW - 1200)), Time(at(NOW - 1200)));
    check(
        "much",
        Some(&old),
        &[grown(48 << 20)],
        "unclear: the last reading of the pod web-0 is 20 h old, and how much of 48 MiB",
    );
    check("less than a window may bring", Some(&old), &[grown(1700 * KIB)], "quiet: ");
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let ahead = PodUsage { through: Time(at(NOW + 60)), ..before() };
    check("ahead", Some(&ahead), &[grown(0)], "unclear: the last reading is from the future (2026-11-30T16:00:00Z)");
    check(
        "stale",
        Some(&before()),
        &[Sample { at: at(NOW - 6), ..grown(0) }],
        "unclear: the counters of the pod web-0 are of 14:54",
    );
    check(
        "behind",
        Some(&before()),
        &[Sample { at: at(NOW - 70), ..grown(0) }],
        "unclear: the counters of the pod web-0 are of",
    );
}

#[test]
fn two_runs_within_minutes_are_no_rate() {
    let recent = PodUsage { through: Time(at(NOW - 1)), ..before() };
    let recent = PodUsage { pods: vec![PodReading { at: Time(at(NOW - 1)), ..recent.pods[0].clone() }], ..recent };
    // One page in a minute, which would be 5 kB a second for an hour.
    let found = judged(Some(&recent), &[grown(300 * KIB)]);
    assert!(matches!(found.finding, Finding::Quiet(_)), "{found:?}");
    assert_eq!(found.kept.unwrap(), recent, "the reading stays, until it is half an hour old");
    check("much", Some(&recent), &[grown(900 * KIB)], "above: the pods received 900 KiB");
}

#[test]
fn there_is_a_limit_of_pods() {
    let many: Vec<Sample> = (0..=MAX_PODS).map(|n| Sample { uid: n.to_string(), ..sample(0) }).collect();
    check("65", None, &many, "unclear: the slot has 65 pods, and no more than 64 are compared");
    check("64", None, &many[1..], "quiet: ");
    let kept = judged(None, &many[1..]).kept.unwrap();
    let size = serde_json::to_vec(&kept).unwrap().len();
    assert!(size < 20_000, "{size} bytes of a status of 256 KiB");
}

#[test]
fn bytes_are_told_as_people_say_them() {
    let told = [0, 999, 1023, 1024, 3690 * KIB, 48 << 20, 3 << 30].map(bytes);
    assert_eq!(told, ["0 B", "999 B", "1023 B", "1.0 KiB", "3.6 MiB", "48 MiB", "3.0 GiB"]);
}

fn idleness(finding: &Finding) -> u8 {
    u8::from(matches!(finding, Finding::Quiet(_)))
}

proptest! {
    /// More bytes, or more CPU time, never make a slot look more idle.
    #[test]
    fn more_never_looks_like_less(
        bytes in 0_u64..100_000_000, more in 0_u64..100_000_000, cpu in 0_u64..10_000_000, more_cpu in 0_u64..10_000_000,
        probes in 0_u64..2_000_000, minutes in 0_i64..6000, read_before in any::<bool>(), old in 1_i64..6000,
    ) {
        let mut earlier = before();
        (earlier.through, earlier.pods[0].at) = (Time(at(NOW - old)), Time(at(NOW - old)));
        let earlier = read_before.then_some(&earlier);
        let started = if read_before { at(-6000) } else { at(NOW - minutes) };
        let one = Sample { started, probe_bytes: probes, cpu_ms: 9000 + cpu, ..grown(bytes) };
        let two = Sample { bytes: one.bytes + more, cpu_ms: one.cpu_ms + more_cpu, ..one.clone() };
        let (less, much) = (judged(earlier, &[one]).finding, judged(earlier, &[two]).finding);
        prop_assert!(idleness(&much) <= idleness(&less), "{less:?}, and with more {much:?}");
    }

    /// Whatever is read, probes that are not counted never hide more than they brought.
    #[test]
    fn fewer_probes_never_look_more_idle(bytes in 0_u64..10_000_000, probes in 0_u64..10_000_000, fewer in 0_u64..10_000_000) {
        let with = |probe_bytes: u64| judged(Some(&before()), &[Sample { probe_bytes, ..grown(bytes) }]).finding;
        prop_assert!(idleness(&with(probes.saturating_sub(fewer))) <= idleness(&with(probes)));
    }
}
