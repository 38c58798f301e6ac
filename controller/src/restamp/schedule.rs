//! When is a slot looked at, and how closely?

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use hotdesk_slots::stamp::Stamp;

/// The webhooks and the policy learn of a claim a little later than the restamper.
pub const SETTLE: Duration = Duration::from_secs(1);

/// After how long what could not be restamped under a new claim is tried again, before it waits for the next round.
const RETRIES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(10)];

/// Every so many rounds everything is looked at: a forged annotation beside the right label is seen then.
const FULL_EVERY: u32 = 10;

/// What a slot's objects should carry, and under which claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The stamp.
    pub stamp: Stamp,
    /// The id of the claim.
    pub claim_id: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// What has the wrong owner by its label.
    ByLabel,
    /// Everything.
    Everything,
}

/// What is done about a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The claim has changed: everything, before other slots have their turn.
    Changed,
    /// Its turn has come.
    Round(Scan),
    /// Nothing for so long.
    Wait(Duration),
}

/// The last look at a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    target: Target,
    /// How many looks there were at this target.
    looks: u32,
    /// How many of them in a row left something wrong.
    troubled: u32,
    /// How long until the next one.
    pause: Duration,
}

/// What is due in a slot whose last look ended so long ago.
#[must_use]
pub fn due(target: &Target, last: Option<(&Last, Duration)>) -> Due {
    match last {
        None => Due::Round(Scan::Everything),
        Some((last, _)) if last.target != *target => Due::Changed,
        Some((last, ago)) => match last.pause.checked_sub(ago).filter(|left| !left.is_zero()) {
            Some(left) => Due::Wait(left),
            None => Due::Round(last.next_scan()),
        },
    }
}

impl Last {
    /// The look that has just ended.
    #[must_use]
    pub fn after(target: Target, before: Option<&Self>, left_wrong: bool, slot: &str, interval: Duration) -> Self {
        let before = before.filter(|before| before.target == target);
        let troubled = if left_wrong { before.map_or(0, |before| before.troubled).saturating_add(1) } else { 0 };
        let retry = usize::try_from(troubled).ok().and_then(|times| RETRIES.get(times.checked_sub(1)?));
        let pause = retry.copied().unwrap_or_else(|| jittered(slot, interval)).min(interval);
        let looks = before.map_or(0, |before| before.looks).saturating_add(1);
        Self { target, looks, troubled, pause }
    }

    /// True where people should know what is wrong: not yet where the webhooks may not have learned of the claim.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.troubled != 1
    }

    /// For how long nothing is done.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.pause
    }

    fn next_scan(&self) -> Scan {
        // What was wrong may be so by its annotations alone.
        if self.troubled > 0 || self.looks.is_multiple_of(FULL_EVERY) { Scan::Everything } else { Scan::ByLabel }
    }
}

/// A little less than the interval, another bit for each slot, so that they spread.
fn jittered(slot: &str, interval: Duration) -> Duration {
    let share = BuildHasherDefault::<DefaultHasher>::default().hash_one(slot) % 100;
    interval.saturating_sub(interval / 1000 * u32::try_from(share).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn target(id: &str) -> Target {
        Target { stamp: Stamp::of("mew", None), claim_id: Some(id.to_owned()) }
    }

    fn after(before: Option<&Last>, left_wrong: bool) -> Last {
        Last::after(target("c1"), before, left_wrong, "mew", MINUTE)
    }

    #[test]
    fn a_slot_is_looked_at_at_once_after_its_claim_changed_and_then_once_a_minute() {
        assert_eq!(due(&target("c1"), None), Due::Round(Scan::Everything));
        let last = after(None, false);
        assert!(last.pause <= MINUTE && last.pause >= Duration::from_secs(54), "{last:?}");
        assert_eq!(due(&target("c2"), Some((&last, Duration::ZERO))), Due::Changed);
        assert_eq!(due(&target("c1"), Some((&last, last.pause / 2))), Due::Wait(last.pause - last.pause / 2));
        assert_eq!(due(&target("c1"), Some((&last, MINUTE))), Due::Round(Scan::ByLabel));
    }

    #[test]
    fn every_tenth_look_is_at_everything() {
        let mut last = after(None, false);
        let mut scans = Vec::new();
        for _ in 0..20 {
            scans.push(due(&target("c1"), Some((&last, MINUTE))));
            last = after(Some(&last), false);
        }
        let full = scans.iter().enumerate().filter(|(_, due)| **due == Due::Round(Scan::Everything)).map(|(i, _)| i);
        assert_eq!(full.collect::<Vec<_>>(), [9, 19]);
    }

    #[test]
    fn what_cannot_be_restamped_is_tried_twice_soon_and_then_with_the_others_and_told_from_the_second_time_on() {
        let mut last = after(None, true);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push((last.pause.as_secs() < 54, last.is_told()));
            assert_eq!(due(&target("c1"), Some((&last, MINUTE))), Due::Round(Scan::Everything));
            last = after(Some(&last), true);
        }
        assert_eq!(seen, [(true, false), (true, true), (false, true), (false, true)]);
        let well = after(Some(&last), false);
        assert!(well.is_told() && well.troubled == 0);
        let other = Last::after(target("c2"), Some(&last), true, "mew", MINUTE);
        assert_eq!((other.troubled, other.is_told()), (1, false), "another claim begins again");
    }
}
