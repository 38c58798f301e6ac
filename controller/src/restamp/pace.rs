//! How many requests a second does the API server get, whatever there is to do?

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets go at most so many a second, evenly, in the order in which they came: a slot with much to do takes turns with the
/// others.
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    last: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most so many a second.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self { gap: Duration::from_secs(1) / per_second.max(1), last: Mutex::default() }
    }

    /// Waits for one's turn.
    pub async fn turn(&self) {
        sleep_until(self.book(Instant::now())).await;
    }

    /// When the turn of one who comes now is. What was not used is not made up for.
    fn book(&self, now: Instant) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = last.map_or(now, |last| now.max(last + self.gap));
        *last = Some(turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_thousand_have_their_turn_within_a_minute_and_no_more_than_a_hundred_in_any_second() {
        let (pace, start) = (Pace::new(100), Instant::now());
        let turns: Vec<Instant> = (0..5000).map(|_| pace.book(start)).collect();
        assert!(turns.iter().all(|turn| *turn - start < Duration::from_secs(60)), "{:?}", turns.last());
        for (one, later) in turns.iter().zip(turns.iter().skip(100)) {
            assert!(*later - *one >= Duration::from_secs(1), "{one:?} {later:?}");
        }
    }

    #[test]
    fn an_idle_minute_is_not_made_up_for() {
        let (pace, start) = (Pace::new(100), Instant::now());
        let later = start + Duration::from_secs(60);
        let turns = [start, later, later, later].map(|now| pace.book(now) - start);
        let after = |more: u64| Duration::from_secs(60) + Duration::from_millis(more);
        assert_eq!(turns, [Duration::ZERO, after(0), after(10), after(20)]);
    }

    #[test]
    fn who_comes_between_those_of_another_slot_has_the_next_turn() {
        let (pace, start) = (Pace::new(100), Instant::now());
        // One slot has no more than this many on their way, and each books when one before it is done.
        let booked: Vec<Instant> = (0..8).map(|_| pace.book(start)).collect();
        let other = pace.book(start);
        assert_eq!(other - start, Duration::from_millis(80), "behind {booked:?}");
        assert_eq!(pace.book(start) - start, Duration::from_millis(90));
    }
}
