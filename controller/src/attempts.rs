//! How long does a slot wait for another attempt after one that failed?

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The first pause; it doubles up to the longest. The webhook learns of a new claim a little later than the controller, and
/// then refuses what carries the old one's marks.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The slots whose last attempt failed, and how often in a row.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<BTreeMap<String, u32>>);

impl Attempts {
    /// Notes that nothing is left to try in a slot.
    pub fn succeeded(&self, slot: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(slot);
    }

    /// Notes a failure, and says how long to wait.
    pub fn failed(&self, slot: &str) -> Duration {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = failed.entry(slot.to_owned()).or_default();
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(*times)).min(LONGEST_PAUSE);
        *times = times.saturating_add(1);
        pause
    }

    /// How many slots wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_waits_longer_after_each_failure_and_begins_again_after_a_success() {
        let attempts = Attempts::default();
        let millis: Vec<u128> = (0..9).map(|_| attempts.failed("mew").as_millis()).collect();
        assert_eq!(millis, [200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
        assert_eq!((attempts.failed("onix").as_millis(), attempts.waiting()), (200, 2));
        attempts.succeeded("mew");
        assert_eq!((attempts.waiting(), attempts.failed("mew").as_millis()), (1, 200));
        (0..100).for_each(|_| {
            attempts.failed("mew");
        });
        assert_eq!(attempts.failed("mew"), LONGEST_PAUSE);
    }
}
