//! Is a claim in force, and when does that change?

use std::time::Duration;

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::requests::Phase;
use jiff::Timestamp;

use crate::slots::ReadSlot;

/// A clock may be set: a claim that has an end is looked at this often.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A little later than the end itself, so that it has passed by any rounding.
const AFTERWARDS: Duration = Duration::from_millis(5);

/// How a slot stands: its phase, and the `until` that has passed, to the letter.
#[must_use]
pub fn phase(slot: &ReadSlot, now: Timestamp) -> (Phase, Option<&str>) {
    match ClaimState::of(slot.claim.as_ref(), now) {
        ClaimState::Free => (Phase::Free, None),
        ClaimState::Held(_) => (Phase::Held, None),
        ClaimState::Lapsed(_) => (Phase::Lapsed, slot.until.as_deref()),
    }
}

/// After how long a claim with such an end is to be looked at again.
#[must_use]
pub fn look_again(until: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let left = until?.duration_since(now);
    let left = Duration::try_from(left).ok().filter(|left| !left.is_zero())?;
    Some((left + AFTERWARDS).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::slots::tests::read;

    const NOW: &str = "2026-11-23T15:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    #[track_caller]
    fn check(until: Option<&str>, expected: (Phase, Option<&str>)) {
        let slot = read(&json!({"claim": {"users": ["alice"], "until": until}}), &json!({}));
        assert_eq!(phase(&slot, now()), expected);
    }

    #[test]
    fn a_claim_lapses_at_its_until_and_that_is_noted_to_the_letter() {
        check(None, (Phase::Held, None));
        check(Some("2026-11-23T15:00:01Z"), (Phase::Held, None));
        check(Some(NOW), (Phase::Lapsed, Some(NOW)));
        let written = "2026-11-23T15:59:00+01:00";
        check(Some(written), (Phase::Lapsed, Some(written)));
        assert_eq!(phase(&read(&json!({}), &json!({})), now()), (Phase::Free, None));
    }

    #[test]
    fn a_claim_is_looked_at_when_it_lapses_and_once_a_minute_before() {
        let after = |until: &str| look_again(Some(until.parse().unwrap()), now());
        assert_eq!(after("2026-11-23T15:00:02Z"), Some(Duration::from_millis(2005)));
        assert_eq!(after("2026-11-24T15:00:00Z"), Some(LONGEST_WAIT));
        assert_eq!((after(NOW), look_again(None, now())), (None, None));
    }
}
