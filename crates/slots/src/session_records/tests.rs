//! What the records of some webhooks come to. Times are seconds before now.

use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

const HOUR: i64 = 3600;

fn alive(since: i64) -> Record {
    Record { since: ago(since), written_until: ago(7), ended_cleanly: false, gaps: Vec::new() }
}

fn ended(since: i64, until: i64) -> Record {
    Record { written_until: ago(until), ended_cleanly: true, ..alive(since) }
}

fn vanished(since: i64, until: i64) -> Record {
    Record { ended_cleanly: false, ..ended(since, until) }
}

fn with_gap(record: &Record, from: i64, to: i64, slot: Option<&str>) -> Record {
    let gap = Gap { from: ago(from), to: ago(to), slot: slot.map(str::to_owned), why: "a note was refused".to_owned() };
    Record { gaps: vec![gap], ..record.clone() }
}

fn records(of: &[(&str, Record)]) -> Records {
    let written = |(pod, record): &(&str, Record)| (entry(pod, record.since), serde_json::to_string(record).unwrap());
    Records::parse(&of.iter().map(written).collect()).unwrap()
}

/// The gaps of the last hour that concern the slot `mew`, in sentences.
#[track_caller]
fn check(id: &str, of: &[(&str, Record)], expected: &[&str]) {
    let found = records(of).of_slot("mew").gaps(ago(HOUR), now());
    let told: Vec<String> = found.iter().map(|gap| gap.told(now())).collect();
    assert_eq!(told, expected, "{id}");
}

#[test]
fn one_webhook_that_was_there_all_the_time_is_enough() {
    check("one", &[("a", alive(2 * HOUR))], &[]);
    check("two", &[("a", alive(2 * HOUR)), ("b", alive(600))], &[]);
    check("to the second", &[("a", alive(HOUR))], &[]);
    let late = ["sessions were not noted from 14:00 UTC to 14:00 UTC: there is no record from before"];
    check("a second late", &[("a", alive(HOUR - 1))], &late);
}

#[test]
fn e33_a_rollout_leaves_no_gap() {
    check("e33", &[("a", ended(9 * HOUR, 1800)), ("b", alive(1810))], &[]);
    check("e33, three in a row", &[("a", ended(9 * HOUR, 1800)), ("b", ended(1810, 900)), ("c", alive(905))], &[]);
    check("e33, to the second", &[("a", ended(9 * HOUR, 1800)), ("b", alive(1800))], &[]);
    check("e34", &[("a", ended(9 * HOUR, 20)), ("b", alive(40))], &[]);
}

#[test]
fn e32_a_time_without_any_webhook_is_a_gap() {
    let down = ["sessions were not noted from 14:30 UTC to 14:45 UTC: no webhook was running"];
    check("e32", &[("a", ended(9 * HOUR, 1800)), ("b", ended(9 * HOUR, 1800)), ("c", alive(900))], &down);
    let now_down = ["sessions were not noted from 14:30 UTC to 15:00 UTC: no webhook was running"];
    check("e32, still down", &[("a", ended(9 * HOUR, 1800)), ("b", ended(9 * HOUR, 2000))], &now_down);
    check("e32, before the window", &[("a", ended(9 * HOUR, 2 * HOUR)), ("c", alive(HOUR + 60))], &[]);
    let none = ["sessions were not noted from 14:00 UTC to 15:00 UTC: there is no record from before"];
    check("e32, no record", &[], &none);
    let both = [
        "sessions were not noted from 14:30 UTC to 14:35 UTC: no webhook was running",
        "sessions were not noted from 14:45 UTC to 14:50 UTC: no webhook was running",
    ];
    check("e32, twice", &[("a", ended(9 * HOUR, 1800)), ("b", ended(1500, 900)), ("c", alive(600))], &both);
}

#[test]
fn a_webhook_that_ended_without_a_word_is_a_gap_whoever_else_was_there() {
    let word = "the webhook a ended abruptly, or cannot write its record";
    let gone = format!("sessions were not noted from 14:30 UTC to 14:31 UTC: {word}");
    check("vanished", &[("a", vanished(9 * HOUR, 1800)), ("b", alive(9 * HOUR))], &[&gone]);
    check("vanished long ago", &[("a", vanished(9 * HOUR, HOUR + 91)), ("b", alive(9 * HOUR))], &[]);
    let silent = format!("sessions were not noted from 14:58 UTC to 15:00 UTC: {word}");
    check("silent", &[("a", vanished(9 * HOUR, 61)), ("b", alive(9 * HOUR))], &[&silent]);
    check("not silent for long", &[("a", vanished(9 * HOUR, 60)), ("b", alive(9 * HOUR))], &[]);
    // The same pod began once more, and requests reach it again.
    let again = format!("sessions were not noted from 14:30 UTC to 14:30 UTC: {word}");
    check("restarted", &[("a", vanished(9 * HOUR, 1800)), ("a", alive(1780)), ("b", alive(9 * HOUR))], &[&again]);
    let just = format!("sessions were not noted from 14:59 UTC to 14:59 UTC: {word}");
    check("restarted just now", &[("a", vanished(9 * HOUR, 30)), ("a", alive(12)), ("b", alive(9 * HOUR))], &[&just]);
    let alone = format!("sessions were not noted from 14:30 UTC to 14:45 UTC: no webhook was running; {word}");
    check("alone", &[("a", vanished(9 * HOUR, 1800)), ("b", alive(900))], &[&alone]);
    let scaled_down = format!("sessions were not noted from 14:30 UTC to 14:45 UTC: {word}; no webhook was running");
    let after_it = [("a", vanished(9 * HOUR, 1800)), ("b", ended(HOUR, 1770)), ("c", alive(900))];
    check("the last one ended cleanly soon after it", &after_it, &[&scaled_down]);
}

#[test]
fn e30_e31_what_a_webhook_says_it_missed_is_a_gap() {
    let told = ["sessions were not noted from 14:30 UTC to 14:35 UTC: a note was refused"];
    let missed = |slot| with_gap(&alive(9 * HOUR), 1800, 1500, slot);
    check("e31", &[("a", missed(None)), ("b", alive(9 * HOUR))], &told);
    check("e30", &[("a", missed(Some("mew"))), ("b", alive(9 * HOUR))], &told);
    check("e30, of another slot", &[("a", missed(Some("mewtwo")))], &[]);
    check(
        "e30, of a webhook that has ended",
        &[("a", with_gap(&ended(9 * HOUR, 900), 1800, 1500, None)), ("b", alive(1000))],
        &told,
    );
    check("e30, before the window", &[("a", with_gap(&alive(9 * HOUR), 2 * HOUR, HOUR, None))], &[]);
}

#[test]
fn clocks_that_are_ahead_prove_nothing() {
    let ahead = Record { written_until: ago(-61), ..alive(9 * HOUR) };
    let told = ["sessions were not noted until 15:01 UTC: the clock of the webhook a is ahead of this one"];
    check("ahead", &[("a", ahead.clone()), ("b", alive(9 * HOUR))], &told);
    check("a little ahead", &[("a", Record { written_until: ago(-59), ..ahead })], &[]);
}

#[test]
fn what_cannot_be_read_is_an_error_and_not_nothing() {
    for (entry, text) in [("a.1", "{}"), ("a.1", "x"), (GIVEN_UP, "yesterday")] {
        let why = Records::parse(&BTreeMap::from([(entry.to_owned(), text.to_owned())])).unwrap_err();
        assert!(why.starts_with(&format!("its entry {entry} cannot be read: ")), "{why}");
    }
}

/// What is left after there is room for one more.
fn pruned(of: &[(String, Record)]) -> (usize, Records) {
    let mut entries: BTreeMap<String, String> =
        of.iter().map(|(pod, record)| (entry(pod, record.since), serde_json::to_string(record).unwrap())).collect();
    for (entry, text) in Records::parse(&entries).unwrap().without_the_oldest(now()) {
        match text {
            Some(text) => drop(entries.insert(entry, text)),
            None => drop(entries.remove(&entry)),
        }
    }
    (entries.len(), Records::parse(&entries).unwrap())
}

#[test]
fn records_are_bounded_and_what_is_given_up_is_a_gap() {
    let day = 24 * HOUR;
    let few = [("a".to_owned(), ended(9 * day, 8 * day)), ("b".to_owned(), alive(8 * day))];
    assert_eq!(pruned(&few).0, 2, "nothing is given up without need");
    // Each vanished, so each is a gap that must not be forgotten in silence.
    let many: Vec<(String, Record)> = (0..100)
        .map(|i| (format!("w{i}"), vanished(day, (100 - i) * 60 + 100)))
        .chain([("b".to_owned(), alive(2 * day))])
        .collect();
    let (left, records) = pruned(&many);
    assert_eq!(left, MOST_RECORDS, "with the entry of what was given up, and room for one more");
    let gaps = records.gaps(ago(2 * HOUR), now());
    assert_eq!(gaps.first().map(|gap| gap.from), Some(ago(2 * HOUR)), "what was given up is not covered");
    let old = [("a".to_owned(), ended(70 * day, 61 * day)), ("b".to_owned(), alive(61 * day))];
    let (_, records) = pruned(&old);
    assert_eq!(records.gaps(ago(60 * day), now()), []);
    assert_eq!(records.gaps(ago(62 * day), now()).len(), 1);
}

#[test]
fn a_record_names_so_many_gaps_and_then_one_that_takes_in_all() {
    let mut record = alive(9 * HOUR);
    let gap = |i: i64, slot: &str| Gap {
        from: ago(1000 + i * 10),
        to: ago(1000 + i * 10 - 5),
        slot: Some(slot.to_owned()),
        why: "x".to_owned(),
    };
    record.add(gap(0, "mew"));
    record.add(Gap { from: ago(998), to: ago(900), ..gap(0, "mew") });
    assert_eq!((record.gaps.len(), record.gaps[0].from, record.gaps[0].to), (1, ago(1000), ago(900)), "they touch");
    for i in 1..=32 {
        record.add(gap(i, &format!("s{i}")));
    }
    let all = Gap { from: ago(1320), to: ago(900), slot: None, why: "x".to_owned() };
    assert_eq!(record.gaps, [all]);
}

#[test]
fn an_entry_is_a_key_of_a_config_map() {
    assert_eq!(entry("hotdesk-webhook-7d9-x2", ago(0)), "hotdesk-webhook-7d9-x2.1795446000000");
    assert_eq!(entry("a.b/c", ago(0)), "a-b-c.1795446000000");
    assert!(entry(&"a".repeat(300), ago(0)).len() < 253);
}

/// A webhook that was there from and until so many seconds ago, and whether its end was clean; one that is still there ends now.
fn any_record() -> impl Strategy<Value = Record> {
    (0..5000i64, 0..5000i64, any::<bool>()).prop_map(|(a, b, clean)| {
        let (since, until) = (a.max(b), a.min(b));
        Record { ended_cleanly: clean, ..vanished(since, until) }
    })
}

proptest! {
    #[test]
    fn a_moment_is_in_a_gap_exactly_if_nobody_was_there_or_somebody_vanished(
        all in prop::collection::vec(any_record(), 0..6)
    ) {
        let named: Vec<(String, Record)> = all.into_iter().enumerate().map(|(i, record)| (format!("w{i}"), record)).collect();
        let of: Vec<(&str, Record)> = named.iter().map(|(pod, record)| (pod.as_str(), record.clone())).collect();
        let gaps = records(&of).gaps(ago(HOUR), now());
        for second in (1..HOUR).step_by(7) {
            let at = ago(second);
            let gone = |record: &Record| record.ended_cleanly || now().duration_since(record.written_until) > SILENT;
            let there = |record: &Record| record.since <= at && (!gone(record) || at < record.written_until);
            let after = |record: &Record| at.duration_since(record.written_until);
            let vanished = |record: &Record| {
                gone(record) && !record.ended_cleanly && at >= record.written_until && after(record) < MISSED
            };
            let expected = !of.iter().any(|(_, record)| there(record)) || of.iter().any(|(_, record)| vanished(record));
            let found = gaps.iter().any(|gap| gap.from <= at && at < gap.to);
            prop_assert_eq!(found, expected, "{} s ago: {:?}", second, gaps);
        }
    }
}
