use std::sync::Arc;

use futures::FutureExt as _;

use super::*;

/// The Slots of the API server: mew and onix, and how often one of them was written.
#[derive(Default)]
struct Slots {
    last: Mutex<HashMap<String, Vec<Session>>>,
    failures: Mutex<usize>,
}

impl Slate for Slots {
    fn read(&self, slot: String) -> BoxFuture<'_, Result<Option<Noted>, String>> {
        async move {
            let last = self.last.lock().unwrap().get(&slot).and_then(|written| Some(written.last()?.time));
            Ok((slot != "gone").then(|| Noted { last, version: "7".to_owned() }))
        }
        .boxed()
    }

    fn write(&self, session: Session, version: String) -> BoxFuture<'_, Result<(), String>> {
        async move {
            assert_eq!(version, "7");
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err("conflict".to_owned());
            }
            self.last.lock().unwrap().entry(session.slot.clone()).or_default().push(session);
            Ok(())
        }
        .boxed()
    }
}

fn session(slot: &str, second: i64) -> Session {
    let start: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
    let time = start + SignedDuration::from_secs(second);
    Session { slot: slot.to_owned(), time, by: "alice".to_owned(), kind: "exec" }
}

/// The seconds of the sessions that were written, once nothing waits any more.
async fn written(notebook: Arc<Notebook>, slots: Arc<Slots>, slot: &str) -> Vec<i64> {
    let (book, slate) = (notebook.clone(), slots.clone());
    let task = tokio::spawn(async move { book.write_all(&*slate).await });
    while !notebook.entries().waiting.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The clock is paused: it only goes on when the writer has nothing to do but wait.
    tokio::time::sleep(Duration::from_secs(120)).await;
    task.abort();
    let last = slots.last.lock().unwrap();
    let times =
        last.get(slot).into_iter().flatten().map(|one| one.time.duration_since(session(slot, 0).time).as_secs());
    times.collect()
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_written_once_a_minute_however_many_sessions_begin() {
    let (notebook, slots, now) = (Arc::new(Notebook::default()), Arc::new(Slots::default()), Instant::now());
    for second in 0..50 {
        assert!(notebook.leave(session("mew", second), now));
    }
    assert_eq!(written(notebook.clone(), slots.clone(), "mew").await, [0]);
    let later = now + Duration::from_secs(59);
    notebook.leave(session("mew", 59), later);
    notebook.leave(session("onix", 59), later);
    assert_eq!(written(notebook.clone(), slots.clone(), "onix").await, [59]);
    notebook.leave(session("mew", 61), now + Duration::from_secs(62));
    assert_eq!(written(notebook, slots, "mew").await, [0, 61]);
}

#[tokio::test(start_paused = true)]
async fn what_another_webhook_has_noted_within_the_minute_is_not_noted_again() {
    let slots = Arc::new(Slots::default());
    for second in [0, 30, 59] {
        let notebook = Arc::new(Notebook::default());
        notebook.leave(session("mew", second), Instant::now());
        assert_eq!(written(notebook, slots.clone(), "mew").await, [0], "{second}");
    }
    let notebook = Arc::new(Notebook::default());
    notebook.leave(session("mew", 60), Instant::now());
    assert_eq!(written(notebook, slots, "mew").await, [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_tried_again_and_does_not_stop_the_next() {
    for (failures, expected) in [(3, vec![0]), (6, vec![])] {
        let (notebook, slots) = (Arc::new(Notebook::default()), Arc::new(Slots::default()));
        *slots.failures.lock().unwrap() = failures;
        notebook.leave(session("mew", 0), Instant::now());
        assert_eq!(written(notebook.clone(), slots.clone(), "mew").await, expected, "{failures} failures");
        notebook.leave(session("onix", 0), Instant::now());
        assert_eq!(written(notebook, slots, "onix").await, [0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_gone_is_nobodys_business() {
    let (notebook, slots) = (Arc::new(Notebook::default()), Arc::new(Slots::default()));
    notebook.leave(session("gone", 0), Instant::now());
    assert_eq!(written(notebook, slots, "gone").await, [0; 0]);
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let (notebook, now) = (Notebook::default(), Instant::now());
    let left = (0..MOST + 5).filter(|i| notebook.leave(session(&format!("slot-{i}"), 0), now)).count();
    assert_eq!(left, MOST);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_cannot_be_written_holds_up_no_other() {
    let (notebook, slots) = (Arc::new(Notebook::default()), Arc::new(Slots::default()));
    // Whichever comes first fails, and waits; both are there in the end.
    *slots.failures.lock().unwrap() = 1;
    for slot in ["mew", "onix"] {
        notebook.leave(session(slot, 0), Instant::now());
    }
    assert_eq!(written(notebook, slots.clone(), "mew").await, [0]);
    assert_eq!(slots.last.lock().unwrap().len(), 2);
}
