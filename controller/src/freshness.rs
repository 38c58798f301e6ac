//! Has everything been read, and does the API server still answer?

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// For how long what was seen counts as known after the API server was last heard of: two watch calls and a little.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// When the API server was last heard of, and how many lists have been read for the first time.
#[derive(Debug)]
pub struct Freshness {
    /// How many lists there are.
    lists: u8,
    listed: AtomicU8,
    started: Instant,
    /// Milliseconds from `started` to the last answer of the API server.
    heard: AtomicU64,
}

impl Freshness {
    /// Of so many lists, of which none has been read.
    #[must_use]
    pub fn new(lists: u8, now: Instant) -> Self {
        Self { lists, listed: AtomicU8::new(0), started: now, heard: AtomicU64::new(0) }
    }

    /// The API server answered.
    pub fn hear(&self) {
        let at = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.fetch_max(at, Ordering::AcqRel);
    }

    /// One of the lists was read for the first time.
    pub fn listed(&self) {
        self.listed.fetch_add(1, Ordering::AcqRel);
    }

    /// True once all lists have been read.
    #[must_use]
    pub fn has_read(&self) -> bool {
        self.listed.load(Ordering::Acquire) >= self.lists
    }

    /// True if the API server has not been heard of for too long.
    #[must_use]
    pub fn is_stale(&self, now: Instant) -> bool {
        self.age(now) >= TRUSTED_FOR
    }

    /// How long ago the API server was heard of.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Acquire));
        now.saturating_duration_since(self.started).saturating_sub(heard)
    }
}
