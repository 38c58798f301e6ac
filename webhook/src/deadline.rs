//! How long may a request still wait?
//!
//! As long as the API server does, which says so in the address: `?timeout=5s`. Whatever a request waits for (its share of
//! the memory, its body, the count of somebody's slots) comes out of that one time.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::poll;
use jiff::SignedDuration;
use tokio::time::error::Elapsed;
use tokio::time::timeout_at;

/// For a request that does not say. It is what the chart writes into the webhook configurations.
const DEFAULT: Duration = Duration::from_secs(5);
/// No webhook configuration can ask for more.
const LONGEST: Duration = Duration::from_secs(30);
/// An answer needs a little time to be sent and read: a tenth of all, and no more than this.
const MARGIN: Duration = Duration::from_millis(500);

/// The time by which a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline of a request with this query in its address, which came at this time.
    #[must_use]
    pub fn of(query: &str, came: Instant) -> Self {
        let timeout = timeout_in(query).unwrap_or(DEFAULT).min(LONGEST);
        Self(came + (timeout - MARGIN.min(timeout / 10)))
    }

    /// When so many per cent of the time that is left have passed.
    #[must_use]
    pub fn share(self, now: Instant, percent: u32) -> Self {
        Self(now + self.0.saturating_duration_since(now) * percent / 100)
    }

    /// Waits for this no longer than until the deadline. What is there at once needs no timer.
    ///
    /// # Errors
    /// If the deadline has passed.
    pub async fn within<F: Future>(self, task: F) -> Result<F::Output, Elapsed> {
        let mut task = pin!(task);
        match poll!(task.as_mut()) {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => timeout_at(self.0.into(), task).await,
        }
    }
}

/// The `timeout` of a query, as Go writes a duration: `5s`, `1m0s`, `500ms`.
fn timeout_in(query: &str) -> Option<Duration> {
    let text = query.split('&').find_map(|part| part.strip_prefix("timeout="))?;
    let timeout: SignedDuration = text.parse().ok()?;
    Duration::try_from(timeout).ok().filter(|timeout| !timeout.is_zero())
}

#[cfg(test)]
mod tests;
