//! How does a reap end that is asked to stop in the middle?
//!
//! A run that only looks is dropped. A reap ends helm, begins nothing more, and says what it left: Kubernetes gives it the
//! pod's `terminationGracePeriodSeconds` for that.

use std::time::Duration;

use tokio::sync::watch;

/// How long a reap may take to say what it left: less than the chart's `terminationGracePeriodSeconds`.
pub const TIME_TO_TELL: Duration = Duration::from_secs(50);

/// Asks to stop.
#[derive(Debug, Default)]
pub struct Stop(watch::Sender<Option<&'static str>>);

/// Heeds being asked.
#[derive(Debug, Clone)]
pub struct Heed(watch::Receiver<Option<&'static str>>);

impl Stop {
    /// From now on somebody heeds it.
    #[must_use]
    pub fn heed(&self) -> Heed {
        Heed(self.0.subscribe())
    }

    /// Asks, and says by what; true if somebody heeds it.
    pub fn ask(&self, by: &'static str) -> bool {
        self.0.send_replace(Some(by));
        self.0.receiver_count() > 0
    }
}

impl Heed {
    /// By what this run was asked to stop, if it was.
    #[must_use]
    pub fn asked(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Does something, unless the run is asked to stop.
    ///
    /// # Errors
    /// By what it was asked.
    pub async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, &'static str> {
        let asked = async {
            match self.0.wait_for(Option::is_some).await.map(|by| *by) {
                Ok(Some(by)) => by,
                // Nobody is left to ask.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            by = asked => Err(by),
            done = work => Ok(done),
        }
    }
}

/// Why a reap ends early.
#[must_use]
pub fn ended_by(what: &str) -> String {
    format!("the run was ended by {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_to_stop_is_dropped_and_nothing_is_begun_afterwards() {
        let stop = Stop::default();
        assert!(!stop.ask("SIGINT"), "nobody heeds it");
        let stop = Stop::default();
        let mut heed = stop.heed();
        assert_eq!((heed.or(async { 1 }).await, heed.asked()), (Ok(1), None));
        let hangs = heed.or(std::future::pending::<()>());
        let (hung, heeded) = tokio::join!(hangs, async { stop.ask("SIGTERM") });
        assert_eq!((hung, heeded, heed.asked()), (Err("SIGTERM"), true, Some("SIGTERM")));
        assert_eq!(heed.or(async { 1 }).await, Err("SIGTERM"), "it is begun after all");
    }
}
