//! Is the webhook alive, may it be sent reviews, and what has it done?

use std::sync::atomic::Ordering;
use std::time::Instant;

use hotdesk_runtime::health::Health;
use jiff::Timestamp;

use crate::serve::Shared;

/// Why no reviews should be sent here; empty if they should.
#[must_use]
pub fn reasons_against(shared: &Shared, now: Timestamp, monotonic: Instant) -> Vec<&'static str> {
    let slot_cache = &shared.slot_cache;
    let (expires, unproven) = (shared.certificates.expires(), shared.caller.missing());
    let reasons = [
        (shared.leaving.load(Ordering::Acquire), "shutting down"),
        (!slot_cache.was_read(), "the Slots have not been read yet"),
        (slot_cache.was_read() && !slot_cache.hears(monotonic), "the API server has not been heard of for 50 seconds"),
        (unproven.is_some(), unproven.unwrap_or_default()),
        (expires.is_none(), "there is no certificate yet"),
        (expires.is_some_and(|end| end <= now), "the certificate has expired"),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

/// True if API servers can have an answer here, be it a denial: it has a certificate to show and a path to know them by.
#[must_use]
pub fn can_answer(shared: &Shared, now: Timestamp) -> bool {
    shared.caller.missing().is_none() && shared.certificates.expires().is_some_and(|end| end > now)
}

impl Health for Shared {
    fn not_ready(&self) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "the edge")]
        let now = Timestamp::now();
        let reasons = reasons_against(self, now, Instant::now());
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.metrics.encode(&self.slot_cache, self.certificates.expires(), Instant::now())
    }
}
