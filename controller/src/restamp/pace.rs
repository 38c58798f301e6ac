//! How many requests a second does the API server get, whatever there is to do?

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Lets one go at a time, at most so many a second, in the order in which they came: a slot with much to do takes turns with
/// the others.
#[derive(Debug)]
pub struct Pace(Mutex<Interval>);

impl Pace {
    /// At most so many a second.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }

    /// Waits for one's turn.
    pub async fn turn(&self) {
        self.0.lock().await.tick().await;
    }
}
