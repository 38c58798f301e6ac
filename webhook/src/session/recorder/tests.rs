use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt as _;

use super::*;
use crate::session::Field;

/// The Slots of an API server: what is in their status, and what it answers.
#[derive(Default)]
struct Slots {
    written: Mutex<HashMap<String, Vec<Session>>>,
    /// The answers to come, whatever is written; then all goes well.
    failures: Mutex<Vec<Failure>>,
    /// These are never answered.
    silent: HashSet<String>,
    attempts: Mutex<usize>,
}

impl StatusWriter for Slots {
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, Failure>> {
        async move {
            *self.attempts.lock().unwrap() += 1;
            if self.silent.contains(&slot) {
                std::future::pending::<()>().await;
            }
            let last = self.written.lock().unwrap().get(&slot).and_then(|written| Some(written.last()?.time));
            Ok((slot != "gone").then(|| Noted { last, version: "7".to_owned() }))
        }
        .boxed()
    }

    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), Failure>> {
        async move {
            assert_eq!(version, "7");
            if let Some(failure) = self.failures.lock().unwrap().pop() {
                return Err(failure);
            }
            self.written.lock().unwrap().entry(session.slot.clone()).or_default().push(session);
            Ok(())
        }
        .boxed()
    }
}

impl Slots {
    fn failing(failures: Vec<Failure>) -> Arc<Self> {
        Arc::new(Self { failures: Mutex::new(failures), ..Self::default() })
    }

    /// The seconds of the sessions that are in a status.
    fn seconds(&self, slot: &str) -> Vec<i64> {
        let written = self.written.lock().unwrap();
        let second = |one: &Session| one.time.duration_since(session(slot, 0).time).as_secs();
        written.get(slot).into_iter().flatten().map(second).collect()
    }
}

fn session(slot: &str, second: i64) -> Session {
    let start: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
    let time = start + SignedDuration::from_secs(second);
    Session { slot: slot.to_owned(), time, by: "alice".to_owned(), kind: "exec", field: Field::Session }
}

/// A recorder at work, for as long as the test lasts. The clock is paused: it goes on when all have nothing to do but wait.
fn recorder(slots: &Arc<Slots>) -> (Arc<SessionRecorder>, tokio::task::JoinHandle<()>) {
    let (recorder, writer) = (Arc::new(SessionRecorder::default()), slots.clone());
    let working = recorder.clone();
    let task = tokio::spawn(async move { working.write_all(&*writer).await });
    (recorder, task)
}

async fn seconds_later(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn transient() -> Failure {
    Failure::Transient("no answer".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_written_once_a_minute_and_of_several_sessions_the_newest() {
    let slots = Arc::new(Slots::default());
    let (recorder, _task) = recorder(&slots);
    for second in 0..=50 {
        recorder.leave(session("mew", second));
    }
    seconds_later(1).await;
    assert_eq!(slots.seconds("mew"), [50]);
    recorder.leave(session("mew", 109));
    recorder.leave(session("onix", 109));
    seconds_later(1).await;
    assert_eq!((slots.seconds("mew"), slots.seconds("onix")), (vec![50], vec![109]));
    recorder.leave(session("mew", 110));
    seconds_later(1).await;
    assert_eq!(slots.seconds("mew"), [50, 110]);
}

#[tokio::test(start_paused = true)]
async fn what_another_webhook_has_noted_within_the_minute_is_not_noted_again() {
    let slots = Arc::new(Slots::default());
    for (second, expected) in [(0, vec![0]), (30, vec![0]), (59, vec![0]), (60, vec![0, 60])] {
        let (recorder, _task) = recorder(&slots);
        recorder.leave(session("mew", second));
        seconds_later(1).await;
        assert_eq!(slots.seconds("mew"), expected, "{second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_tried_again_until_it_is_written_however_long_the_api_server_is_away() {
    let slots = Slots::failing(vec![transient(); 200]);
    let (recorder, _task) = recorder(&slots);
    recorder.leave(session("mew", 0));
    seconds_later(200).await;
    recorder.leave(session("mew", 200));
    seconds_later(1800).await;
    assert_eq!((slots.seconds("mew"), recorder.waiting()), (vec![], 1), "200 attempts have failed in half an hour");
    slots.failures.lock().unwrap().clear();
    seconds_later(15).await;
    assert_eq!((slots.seconds("mew"), recorder.waiting()), (vec![200], 0), "then the newest is there, within 15 s");
}

#[tokio::test(start_paused = true)]
async fn a87_what_can_never_be_written_is_tried_once_and_a_refusal_for_half_a_minute() {
    for (failure, attempts, seconds) in
        [(Failure::Permanent("no".to_owned()), 1, 1), (Failure::Refused("no".to_owned()), REFUSALS as usize, 60)]
    {
        let slots = Slots::failing(vec![failure.clone(); 100]);
        let (recorder, _task) = recorder(&slots);
        recorder.leave(session("mew", 0));
        seconds_later(seconds).await;
        assert_eq!(recorder.waiting(), 0, "{failure:?}");
        seconds_later(3600).await;
        assert_eq!(*slots.attempts.lock().unwrap(), attempts, "{failure:?}");
        slots.failures.lock().unwrap().clear();
        recorder.leave(session("mew", 1));
        seconds_later(1).await;
        assert_eq!(slots.seconds("mew"), [1], "the next one is not held against it");
    }
    let slots = Slots::failing(vec![Failure::Refused("RBAC is not there yet".to_owned()); 4]);
    let (recorder, _task) = recorder(&slots);
    recorder.leave(session("mew", 0));
    seconds_later(30).await;
    assert_eq!(slots.seconds("mew"), [0], "an API server that is just starting refuses for a while");
}

#[tokio::test(start_paused = true)]
async fn a87_slots_that_fail_hold_up_no_other() {
    // More than are written at the same time; each of them fails forever.
    let bad: Vec<String> = (0..4 * AT_ONCE).map(|i| format!("bad-{i:02}")).collect();
    let slots = Slots::failing(vec![transient(); 4 * AT_ONCE]);
    let (recorder, _task) = recorder(&slots);
    bad.iter().for_each(|slot| recorder.leave(session(slot, 0)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(recorder.waiting(), bad.len(), "all of them have failed and wait");
    recorder.leave(session("mew", 0));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(slots.seconds("mew"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a87_slots_that_are_never_answered_leave_room_for_others_after_seconds() {
    let silent: HashSet<String> = (0..AT_ONCE).map(|i| format!("silent-{i:02}")).collect();
    let slots = Arc::new(Slots { silent: silent.clone(), ..Slots::default() });
    let (recorder, _task) = recorder(&slots);
    silent.iter().for_each(|slot| recorder.leave(session(slot, 0)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    recorder.leave(session("mew", 0));
    seconds_later(11).await;
    assert_eq!(slots.seconds("mew"), [0]);
    assert_eq!(recorder.waiting(), AT_ONCE, "and the silent ones are tried again");
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_gone_is_nobodys_business() {
    let slots = Arc::new(Slots::default());
    let (recorder, _task) = recorder(&slots);
    recorder.leave(session("gone", 0));
    seconds_later(1).await;
    assert_eq!((slots.seconds("gone"), recorder.waiting()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_that_is_left_is_written_at_once() {
    let slots = Slots::failing(vec![transient(); 12]);
    let (recorder, task) = recorder(&slots);
    recorder.leave(session("mew", 0));
    seconds_later(60).await;
    assert_eq!(recorder.waiting(), 1, "the next attempt is seconds away");
    for i in 0..50 {
        recorder.leave(session(&format!("slot-{i:02}"), 0));
    }
    let began = Instant::now();
    recorder.close();
    task.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!((slots.written.lock().unwrap().len(), recorder.waiting()), (51, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_one_session_for_a_slot() {
    let slots = Slots::failing(vec![transient(); 1000]);
    let (recorder, _task) = recorder(&slots);
    for second in 0..1000 {
        recorder.leave(session("mew", second));
        recorder.leave(session("onix", second));
        tokio::task::yield_now().await;
    }
    assert_eq!(recorder.entries().of.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_within_the_minute_is_not_wanted_again() {
    let slots = Arc::new(Slots::default());
    let (recorder, _task) = recorder(&slots);
    assert!(recorder.wants("mew", session("mew", 0).time), "nothing was noted yet");
    recorder.leave(session("mew", 0));
    seconds_later(1).await;
    assert!(!recorder.wants("mew", session("mew", 59).time), "it was noted within the minute");
    assert!(recorder.wants("onix", session("onix", 59).time), "another slot waits for nothing");
    assert!(recorder.wants("mew", session("mew", 60).time), "a minute is over");
}

#[tokio::test(start_paused = true)]
async fn e30_what_is_given_up_or_late_is_told_with_its_slot() {
    let missed = |second| vec![Missed { slot: "mew".to_owned(), time: session("mew", second).time }];
    let slots = Slots::failing(vec![Failure::Permanent("no".to_owned())]);
    let (recorder, _task) = recorder(&slots);
    recorder.leave(session("mew", 7));
    seconds_later(1).await;
    assert_eq!((recorder.take_lost(), recorder.take_lost()), (missed(7), vec![]), "once");

    slots.failures.lock().unwrap().extend(vec![transient(); 30]);
    recorder.leave(session("mew", 10));
    recorder.leave(session("mew", 40));
    let at = |second| session("mew", second).time;
    assert_eq!((recorder.late(at(9)), recorder.late(at(10))), (vec![], missed(10)), "since the oldest");
    slots.failures.lock().unwrap().clear();
    seconds_later(20).await;
    assert_eq!((recorder.late(at(100)), recorder.take_lost(), slots.seconds("mew")), (vec![], vec![], vec![40]));
}

#[tokio::test(start_paused = true)]
async fn e31_there_is_room_for_a_session_of_each_slot() {
    let slots = Slots::failing(vec![transient(); 20_000]);
    let (recorder, _task) = recorder(&slots);
    (0..2000).for_each(|i| recorder.leave(session(&format!("slot-{i:04}"), 0)));
    seconds_later(1).await;
    assert_eq!((recorder.waiting(), recorder.take_lost()), (2000, vec![]), "none is dropped");
}
