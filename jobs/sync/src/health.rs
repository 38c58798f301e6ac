//! Is the sync alive, has it read the sheet, and what has it done?

use std::sync::Arc;
use std::time::Duration;

use hotdesk_runtime::health::Health;
use jiff::{SignedDuration, Timestamp};

use crate::metrics::Metrics;

/// The longest that a pass may take with every time limit used up, beside the wait before it.
const STUCK: SignedDuration = SignedDuration::from_mins(15);

/// What a sync says of itself.
#[derive(Debug)]
pub struct SyncHealth {
    metrics: Arc<Metrics>,
    clock: fn() -> Timestamp,
    stuck: SignedDuration,
}

impl SyncHealth {
    /// Of a sync that makes a pass so often.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, clock: fn() -> Timestamp, poll: Duration) -> Self {
        let poll = SignedDuration::try_from(poll).unwrap_or(SignedDuration::MAX);
        Self { metrics, clock, stuck: STUCK.saturating_add(poll) }
    }
}

impl Health for SyncHealth {
    fn not_alive(&self) -> Option<String> {
        let silent = (self.clock)().duration_since(self.metrics.last_sign());
        (silent > self.stuck).then(|| "no pass has ended for a long time".to_owned())
    }

    fn not_ready(&self) -> Option<String> {
        self.metrics.reason_against().map(str::to_owned)
    }

    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.metrics.encode((self.clock)())
    }
}
