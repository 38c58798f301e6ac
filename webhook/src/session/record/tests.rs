use super::*;

fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

/// A webhook, and the time by the clock that nobody sets.
struct Played {
    own: OwnRecord,
    mono: Instant,
}

impl Played {
    fn begin() -> Self {
        Self { own: OwnRecord::of("a"), mono: Instant::now() }
    }

    fn state(&self, second: i64, change: impl FnOnce(&mut State)) -> State {
        let mono = self.mono + Duration::from_secs(u64::try_from(second).unwrap());
        let mut state = State { now: at(second), mono, can_answer: true, lost: Vec::new(), late: Vec::new() };
        change(&mut state);
        state
    }

    fn tick_with(&mut self, second: i64, change: impl FnOnce(&mut State)) -> Option<Record> {
        let state = self.state(second, change);
        self.own.tick(state).map(|(_, record)| record)
    }

    fn tick(&mut self, second: i64) -> Record {
        self.tick_with(second, |_| {}).unwrap()
    }
}

/// The gaps of a record, in seconds.
fn gaps(record: &Record) -> Vec<(i64, i64, Option<&str>, &str)> {
    let second = |time: Timestamp| time.duration_since(at(0)).as_secs();
    record.gaps.iter().map(|gap| (second(gap.from), second(gap.to), gap.slot.as_deref(), gap.why.as_str())).collect()
}

fn missed(slot: &str, second: i64) -> Vec<Missed> {
    vec![Missed { slot: slot.to_owned(), time: at(second) }]
}

#[test]
fn it_says_since_when_and_until_when_it_was_there() {
    let mut played = Played::begin();
    assert_eq!(played.tick_with(0, |state| state.can_answer = false), None, "it has no certificate yet");
    let first = played.tick(5);
    assert_eq!((first.since, first.written_until, first.ended_cleanly), (at(5), at(5), false));
    let (entry, record) = played.own.tick(played.state(15, |_| {})).unwrap();
    assert_eq!(entry, format!("a.{}", at(5).as_millisecond()), "it stays the same");
    assert_eq!((record.since, record.written_until, gaps(&record)), (at(5), at(15), vec![]));
}

#[test]
fn e30_what_was_given_up_stays_a_gap_of_its_slot() {
    let mut played = Played::begin();
    played.tick(0);
    let record = played.tick_with(40, |state| (state.lost, state.mono) = (missed("mew", 12), state.mono)).unwrap();
    let refused = "the API server refused to take a note of one";
    let stopped = "the webhook a was stopped";
    assert_eq!(gaps(&record), [(0, 40, None, stopped), (12, 40, Some("mew"), refused)]);
    assert_eq!(gaps(&played.tick(50)), gaps(&record), "it is told from then on");
}

#[test]
fn e30_what_is_late_is_a_gap_until_it_is_written() {
    let mut played = Played::begin();
    played.tick(0);
    let record = played.tick_with(10, |state| state.late = missed("mew", 1)).unwrap();
    assert_eq!(gaps(&record), [(1, 10, Some("mew"), "the API server has not taken a note of one yet")]);
    assert_eq!(gaps(&played.tick(20)), []);
}

#[test]
fn a_process_that_was_stopped_says_that_it_was() {
    let mut played = Played::begin();
    played.tick(0);
    assert_eq!(gaps(&played.tick(30)), [], "a slow beat");
    assert_eq!(gaps(&played.tick(61)), [(30, 61, None, "the webhook a was stopped")]);
    // The clock that goes on tells it where the other did not, and the other way round.
    let mut asleep = Played::begin();
    asleep.tick(0);
    let mono = asleep.mono;
    let record = asleep.tick_with(40, |state| state.mono = mono + Duration::from_secs(5)).unwrap();
    assert_eq!(gaps(&record).len(), 1);
    let mut set_back = Played::begin();
    set_back.tick(100);
    let later = set_back.mono + Duration::from_secs(140);
    let record = set_back.tick_with(50, |state| state.mono = later).unwrap();
    assert_eq!((record.written_until, gaps(&record).len()), (at(50), 1));
}

#[test]
fn without_a_certificate_nothing_is_noted() {
    let mut played = Played::begin();
    played.tick(0);
    played.tick_with(10, |state| state.can_answer = false).unwrap();
    let record = played.tick(20);
    assert_eq!(gaps(&record), [(0, 20, None, "the webhook a had no valid certificate or path")]);
    assert_eq!(gaps(&played.tick(30)), gaps(&record));
}

#[test]
fn e34_the_end_is_clean_if_nothing_is_left() {
    let end = |change: fn(&mut State), all_answered| {
        let mut played = Played::begin();
        played.tick(0);
        let state = played.state(10, change);
        played.own.end(state, all_answered).unwrap().1
    };
    let clean = end(|_| {}, true);
    assert_eq!((clean.ended_cleanly, clean.written_until, gaps(&clean)), (true, at(10), vec![]));
    let mut after = Played::begin();
    after.tick(0);
    after.own.end(after.state(10, |_| {}), true).unwrap();
    assert_eq!(after.tick_with(20, |_| {}), None, "the end is the last that is written");
    assert!(!end(|_| {}, false).ended_cleanly, "a review was not answered");
    assert!(!end(|state| state.late = missed("mew", 9), true).ended_cleanly);
    let lost = end(|state| state.lost = missed("mew", 9), true);
    assert_eq!((lost.ended_cleanly, gaps(&lost).len()), (false, 1));
}
