//! Has everything been read, and does the API server still answer?

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// For how long what was seen counts as known after the API server was last heard of: two watch calls and a little.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// When the API server was last heard of, and how many lists have been read for the first time.
#[derive(Debug)]
pub struct Freshness {
    /// What is read, in words.
    what: &'static str,
    /// How many lists there are of it.
    lists: u8,
    listed: AtomicU8,
    started: Instant,
    /// Milliseconds from `started` to the last answer of the API server.
    heard: AtomicU64,
    age: Gauge<f64, AtomicU64>,
}

impl Freshness {
    /// Of so many lists of something, of which none has been read.
    #[must_use]
    pub fn new(what: &'static str, lists: u8, now: Instant) -> Self {
        Self { what, lists, listed: AtomicU8::new(0), started: now, heard: AtomicU64::new(0), age: Gauge::default() }
    }

    /// Adds the metric of how long ago the API server was heard of.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Time since the API server was last heard of";
        registry.register_with_unit("watch_age", help, Unit::Seconds, self.age.clone());
    }

    /// The text of a registry, with the age as it is now.
    ///
    /// # Errors
    /// Never for a text in memory; the encoder asks for it.
    pub fn encode(&self, registry: &Registry, now: Instant) -> Result<String, std::fmt::Error> {
        self.age.set(self.age(now).as_secs_f64());
        let mut text = String::new();
        encode(&mut text, registry)?;
        Ok(text)
    }

    /// Why the program cannot do its work, if it cannot.
    #[must_use]
    pub fn reason_against(&self, now: Instant) -> Option<String> {
        if !self.has_read() {
            return Some(format!("{} have not been read yet", self.what));
        }
        self.is_stale(now).then(|| "the API server has not been heard of for a minute".to_owned())
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
    fn has_read(&self) -> bool {
        self.listed.load(Ordering::Acquire) >= self.lists
    }

    /// True if the API server has not been heard of for too long.
    fn is_stale(&self, now: Instant) -> bool {
        self.age(now) >= TRUSTED_FOR
    }

    fn age(&self, now: Instant) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Acquire));
        now.saturating_duration_since(self.started).saturating_sub(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_while_every_list_was_read_and_the_api_server_answers() {
        let start = Instant::now();
        let freshness = Freshness::new("the Slots", 2, start);
        for _each_list in 0..2 {
            assert_eq!(freshness.reason_against(start).as_deref(), Some("the Slots have not been read yet"));
            freshness.listed();
        }
        assert_eq!(freshness.reason_against(start + Duration::from_secs(59)), None);
        let silent = freshness.reason_against(start + Duration::from_secs(61));
        assert_eq!(silent.as_deref(), Some("the API server has not been heard of for a minute"));
    }

    #[test]
    fn its_age_is_that_of_the_last_answer() {
        let start = Instant::now();
        let (freshness, mut registry) = (Freshness::new("the Slots", 1, start), Registry::with_prefix("hotdesk_test"));
        freshness.register(&mut registry);
        let text = freshness.encode(&registry, start + Duration::from_secs(7)).unwrap();
        assert!(text.contains("hotdesk_test_watch_age_seconds 7.0\n"), "{text}");
    }
}
