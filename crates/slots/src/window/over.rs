//! When, at the earliest, has a slot gone unused for long enough?
//!
//! The window is that of the moment, so the end of office hours can be what makes a slot idle: unused since 13:30 with two
//! hours until 15:00 and one hour after that, it is idle at 15:00.

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan as _};

use super::{MinuteOfDay, OfficeHours, Windows};

/// A window is looked into for so many days; one that is longer is told by its length alone.
const MAX_DAYS: usize = 400;

impl Windows {
    /// The earliest moment at which a slot that was last used at a moment may be idle.
    #[must_use]
    pub fn idle_at(&self, last_used: Timestamp) -> Timestamp {
        self.idle_from(last_used, last_used)
    }

    /// The earliest moment that is not before another, at which a slot that was last used at a moment may be idle.
    #[must_use]
    pub fn idle_from(&self, last_used: Timestamp, not_before: Timestamp) -> Timestamp {
        let lengths = || self.office.iter().map(|hours| hours.window).chain([self.always]);
        let ends = lengths().map(|window| last_used.checked_add(window).unwrap_or(Timestamp::MAX));
        // By then the longest window is over.
        let latest = ends.clone().max().unwrap_or(Timestamp::MAX).max(not_before);
        let borders = self.office.iter().flat_map(|hours| hours.borders(not_before, latest));
        let mut moments: Vec<Timestamp> = ends.chain(borders).chain([not_before]).collect();
        moments.retain(|at| *at >= not_before && *at < latest);
        moments.sort_unstable();
        moments.into_iter().find(|at| at.duration_since(last_used) >= self.at(*at)).unwrap_or(latest)
    }
}

impl OfficeHours {
    /// The moments from one to another at which these hours may begin or end.
    fn borders(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let zone = &self.time_zone;
        let first = from.to_zoned(zone.clone()).date().saturating_sub(1.day());
        let last = to.to_zoned(zone.clone()).date();
        let days = first.series(1.day()).take(MAX_DAYS).take_while(|day| *day <= last);
        let turns =
            days.flat_map(|day| [self.from, self.to].map(|minute| minute.on(day.to_datetime(jiff::civil::Time::MIN))));
        let mut borders = Vec::new();
        for turn in turns {
            // An hour that comes twice begins twice.
            let turn = zone.to_ambiguous_timestamp(turn);
            borders.extend([turn.earlier(), turn.later()].into_iter().flatten());
        }
        // One that is left out begins when the clock jumps over it.
        let jumps = zone.following(from).map(|jump| jump.timestamp());
        borders.extend(jumps.take(MAX_DAYS).take_while(|at| *at <= to));
        borders
    }
}

impl MinuteOfDay {
    fn on(self, midnight: DateTime) -> DateTime {
        midnight.saturating_add(i64::from(self.0).minutes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn e39_the_end_of_office_hours_can_make_a_slot_idle() {
        let rows = [
            ("2026-11-23T08:00:00Z", "2026-11-23T10:00:00Z"),
            ("2026-11-23T20:00:00Z", "2026-11-23T21:00:00Z"),
            ("2026-11-23T13:30:00Z", "2026-11-23T15:00:00Z"), // more than the hour has passed when the office closes
            ("2026-11-23T14:30:00Z", "2026-11-23T15:30:00Z"), // less than the hour
            ("2026-11-23T02:30:00Z", "2026-11-23T04:30:00Z"), // the office opens before the hour is over
            ("2026-11-23T01:30:00Z", "2026-11-23T02:30:00Z"), // and after it
        ];
        for (last_used, idle) in rows {
            assert_eq!(Windows::default().idle_at(at(last_used)), at(idle), "e39: last used {last_used}");
        }
    }

    #[test]
    fn what_holds_until_a_moment_lets_nothing_go_before() {
        let rows = [
            ("2026-11-23T12:00:00Z", "2026-11-23T14:10:00Z", "2026-11-23T14:10:00Z"),
            ("2026-11-23T01:50:00Z", "2026-11-23T02:40:00Z", "2026-11-23T02:50:00Z"),
            // The hour was over before the office opened, and then it takes two.
            ("2026-11-23T01:50:00Z", "2026-11-23T03:10:00Z", "2026-11-23T03:50:00Z"),
        ];
        for (last_used, from, idle) in rows {
            assert_eq!(Windows::default().idle_from(at(last_used), at(from)), at(idle), "{last_used}, from {from}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_earlier_it_is_not_idle_and_then_it_is(
            day in 0i64..365, minute in 0i64..1440, wait in 0i64..600,
            (from, to) in (0u16..1440, 0u16..1440).prop_filter("hours", |(from, to)| from != to),
            (always, office) in (1i64..300, 1i64..600),
        ) {
            let hours = OfficeHours {
                time_zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
                days: vec![jiff::civil::Weekday::Monday, jiff::civil::Weekday::Sunday, jiff::civil::Weekday::Friday],
                from: MinuteOfDay(from),
                to: MinuteOfDay(to),
                window: SignedDuration::from_mins(office),
            };
            let windows = Windows { always: SignedDuration::from_mins(always), office: vec![hours] };
            let last = at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(day * 1440 + minute);
            let from = last + SignedDuration::from_mins(wait);
            let found = windows.idle_from(last, from);
            let is_idle = |at: Timestamp| at.duration_since(last) >= windows.at(at);
            let minutes = (0..).map(|n| from + SignedDuration::from_mins(n)).find(|at| is_idle(*at));
            prop_assert_eq!(Some(found), minutes);
        }
    }
}
