//! How long may a slot go unused before it counts as idle?
//!
//! To read settings is to read time zones: their names are looked up while an [`OfficeHours`] is
//! deserialized, so that judging a moment needs nothing but the moment.

use jiff::civil::{Time, Weekday};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

mod over;

/// The idle windows of an installation: one for always, and longer ones for office hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Applies at any time.
    pub always: SignedDuration,
    /// Each applies while its hours last.
    pub office: Vec<OfficeHours>,
}

/// Hours of the week in which a slot may go unused for longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, try_from = "Written", into = "Written")]
pub struct OfficeHours {
    time_zone: TimeZone,
    days: Vec<Weekday>,
    from: MinuteOfDay,
    to: MinuteOfDay,
    window: SignedDuration,
}

/// Office hours as people write them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(default = "utc")]
    time_zone: String,
    #[serde(default = "every_day")]
    days: Vec<Day>,
    from: MinuteOfDay,
    to: MinuteOfDay,
    window: SignedDuration,
}

/// Minutes since midnight by the wall clock; 24:00 is the midnight that ends the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MinuteOfDay(u16);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Day {
    #[serde(alias = "Monday")]
    Mon,
    #[serde(alias = "Tuesday")]
    Tue,
    #[serde(alias = "Wednesday")]
    Wed,
    #[serde(alias = "Thursday")]
    Thu,
    #[serde(alias = "Friday")]
    Fri,
    #[serde(alias = "Saturday")]
    Sat,
    #[serde(alias = "Sunday")]
    Sun,
}

const WEEK: [(Day, Weekday); 7] = [
    (Day::Mon, Weekday::Monday),
    (Day::Tue, Weekday::Tuesday),
    (Day::Wed, Weekday::Wednesday),
    (Day::Thu, Weekday::Thursday),
    (Day::Fri, Weekday::Friday),
    (Day::Sat, Weekday::Saturday),
    (Day::Sun, Weekday::Sunday),
];

impl Default for Windows {
    /// One hour; two from 03:00 to 15:00 UTC, every day.
    fn default() -> Self {
        let office = OfficeHours {
            time_zone: TimeZone::UTC,
            days: WEEK.map(|(_, day)| day).to_vec(),
            from: MinuteOfDay(3 * 60),
            to: MinuteOfDay(15 * 60),
            window: SignedDuration::from_hours(2),
        };
        Self { always: SignedDuration::from_hours(1), office: vec![office] }
    }
}

/// Reads a setting: a JSON list of [`OfficeHours`], or nothing for none.
///
/// # Errors
/// What is wrong with it.
pub fn office_hours(text: &str) -> Result<Vec<OfficeHours>, String> {
    let text = if text.trim().is_empty() { "[]" } else { text };
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Windows {
    /// The window at a moment: the longest of those that apply.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> SignedDuration {
        let office = self.office.iter().filter(|hours| hours.apply(now)).map(|hours| hours.window);
        office.fold(self.always, std::cmp::max)
    }
}

impl Windows {
    /// The shortest of them.
    #[must_use]
    pub fn shortest(&self) -> SignedDuration {
        self.office.iter().map(|hours| hours.window).fold(self.always, std::cmp::min)
    }

    /// The longest that is ever in force.
    #[must_use]
    pub fn longest(&self) -> SignedDuration {
        self.office.iter().map(|hours| hours.window).fold(self.always, std::cmp::max)
    }
}

impl OfficeHours {
    /// True while these hours last. Hours past midnight belong to the day on which they begin.
    #[must_use]
    pub fn apply(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.time_zone.clone());
        let minute = MinuteOfDay::of(local.time());
        let on = |day: Weekday| self.days.contains(&day);
        if self.from < self.to {
            on(local.weekday()) && self.from <= minute && minute < self.to
        } else {
            (on(local.weekday()) && self.from <= minute) || (on(local.weekday().previous()) && minute < self.to)
        }
    }
}

impl TryFrom<Written> for OfficeHours {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let time_zone = TimeZone::get(&written.time_zone).map_err(|_| {
            format!(
                "timeZone \"{}\" is not known; write it like Europe/Berlin",
                crate::text::sanitize_short(&written.time_zone)
            )
        })?;
        if written.from == written.to {
            return Err("from and to are the same; the whole day is 00:00 to 24:00".to_owned());
        }
        if !written.window.is_positive() {
            return Err("window must be longer than nothing, for example 2h".to_owned());
        }
        if written.days.is_empty() {
            return Err("days is empty; leave it out for every day".to_owned());
        }
        let days = written.days.into_iter().map(Day::weekday).collect();
        Ok(Self { time_zone, days, from: written.from, to: written.to, window: written.window })
    }
}

impl From<OfficeHours> for Written {
    fn from(hours: OfficeHours) -> Self {
        let day = |weekday: &Weekday| WEEK.iter().find(|(_, w)| w == weekday).map(|(day, _)| *day);
        Self {
            time_zone: hours.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            days: hours.days.iter().filter_map(day).collect(),
            from: hours.from,
            to: hours.to,
            window: hours.window,
        }
    }
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl MinuteOfDay {
    fn of(time: Time) -> Self {
        Self(u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or_default())
    }

    fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two_digits = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(Self(hour * 60 + minute))
    }
}

impl Serialize for MinuteOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

impl<'de> Deserialize<'de> for MinuteOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            D::Error::custom(format!(
                "\"{}\" is not a time of day; write it like 09:30",
                crate::text::sanitize_short(&text)
            ))
        };
        Self::parse(&text).ok_or_else(wrong)
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

fn every_day() -> Vec<Day> {
    WEEK.map(|(day, _)| day).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn windows(office: &str) -> Windows {
        Windows { always: SignedDuration::from_hours(1), office: serde_json::from_str(office).unwrap() }
    }

    #[track_caller]
    fn check(windows: &Windows, rows: &[(&str, i64)]) {
        for (moment, minutes) in rows {
            assert_eq!(windows.at(at(moment)).as_mins(), *minutes, "at {moment}");
        }
    }

    #[test]
    fn by_default_two_hours_from_three_to_fifteen_utc_and_one_hour_else() {
        let rows = [
            ("2026-11-23T02:59:59Z", 60),
            ("2026-11-23T03:00:00Z", 120),
            ("2026-11-23T14:59:59Z", 120),
            ("2026-11-23T15:00:00Z", 60),
            ("2026-11-22T12:00:00Z", 120), // a Sunday
        ];
        check(&Windows::default(), &rows);
    }

    #[test]
    fn hours_follow_the_wall_clock_through_daylight_saving() {
        let berlin = windows(r#"[{"timeZone": "Europe/Berlin", "from": "09:00", "to": "17:00", "window": "3h"}]"#);
        let rows = [
            ("2026-03-28T07:59:00Z", 60), // winter: UTC+1
            ("2026-03-28T08:00:00Z", 180),
            ("2026-03-29T06:59:00Z", 60), // summer began at 01:00 UTC: UTC+2
            ("2026-03-29T07:00:00Z", 180),
            ("2026-03-29T15:00:00Z", 60),
            ("2026-10-25T07:59:00Z", 60), // summer ended at 01:00 UTC
            ("2026-10-25T08:00:00Z", 180),
            ("2026-10-25T16:00:00Z", 60),
        ];
        check(&berlin, &rows);
    }

    #[test]
    fn the_hour_that_comes_twice_applies_twice_and_the_one_left_out_never() {
        let night = windows(r#"[{"timeZone": "Europe/Berlin", "from": "02:00", "to": "03:00", "window": "3h"}]"#);
        let rows = [
            ("2026-10-25T00:30:00Z", 180), // 02:30 summer time
            ("2026-10-25T01:30:00Z", 180), // 02:30 winter time
            ("2026-10-25T02:30:00Z", 60),
            ("2026-03-29T00:59:00Z", 60), // 01:59
            ("2026-03-29T01:00:00Z", 60), // 03:00
        ];
        check(&night, &rows);
    }

    #[test]
    fn hours_past_midnight_belong_to_the_day_on_which_they_begin() {
        let friday = windows(r#"[{"days": ["Fri"], "from": "22:00", "to": "02:00", "window": "4h"}]"#);
        let rows = [
            ("2026-11-27T01:59:00Z", 60), // Friday early: Thursday's night
            ("2026-11-27T21:59:00Z", 60),
            ("2026-11-27T22:00:00Z", 240),
            ("2026-11-28T00:00:00Z", 240), // Saturday
            ("2026-11-28T01:59:00Z", 240),
            ("2026-11-28T02:00:00Z", 60),
            ("2026-11-28T22:30:00Z", 60),
        ];
        check(&friday, &rows);
    }

    #[test]
    fn a_day_begins_and_ends_in_its_own_time_zone() {
        let auckland = windows(
            r#"[{"timeZone": "Pacific/Auckland", "days": ["Monday"], "from": "00:00", "to": "24:00", "window": "5h"}]"#,
        );
        let rows = [
            ("2026-11-22T10:59:59Z", 60), // Sunday 23:59 there, UTC+13
            ("2026-11-22T11:00:00Z", 300),
            ("2026-11-23T10:59:59Z", 300),
            ("2026-11-23T11:00:00Z", 60),
        ];
        check(&auckland, &rows);
    }

    #[test]
    fn the_longest_window_that_applies_wins() {
        let both = windows(
            r#"[{"from": "08:00", "to": "18:00", "window": "2h"}, {"from": "12:00", "to": "13:00", "window": "90m"},
                {"from": "10:00", "to": "11:00", "window": "3h"}, {"from": "20:00", "to": "21:00", "window": "30m"}]"#,
        );
        let rows = [
            ("2026-11-23T09:00:00Z", 120),
            ("2026-11-23T10:30:00Z", 180),
            ("2026-11-23T12:30:00Z", 120),
            ("2026-11-23T20:30:00Z", 60),
        ];
        check(&both, &rows);
    }

    #[test]
    fn wrong_hours_are_refused_with_what_is_wrong() {
        for (text, expected) in [
            (r#"{"timeZone": "Mars/Base", "from": "09:00", "to": "17:00", "window": "2h"}"#, "Mars/Base"),
            (r#"{"from": "09:00", "to": "09:00", "window": "2h"}"#, "from and to are the same"),
            (r#"{"from": "9", "to": "17:00", "window": "2h"}"#, "\"9\" is not a time of day"),
            (r#"{"from": "09:60", "to": "17:00", "window": "2h"}"#, "not a time of day"),
            (r#"{"from": "24:01", "to": "17:00", "window": "2h"}"#, "not a time of day"),
            (r#"{"from": "09:00", "to": "17:00", "window": "-2h"}"#, "window must be longer"),
            (r#"{"days": [], "from": "09:00", "to": "17:00", "window": "2h"}"#, "days is empty"),
            (r#"{"days": ["Caturday"], "from": "09:00", "to": "17:00", "window": "2h"}"#, "Caturday"),
            (r#"{"form": "09:00", "to": "17:00", "window": "2h"}"#, "form"),
        ] {
            let error = serde_json::from_str::<OfficeHours>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn hours_read_back_as_they_were_written() {
        let text =
            r#"{"timeZone":"Europe/Berlin","days":["Mon","Fri"],"from":"09:30","to":"24:00","window":"PT2H30M"}"#;
        let hours: OfficeHours = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&hours).unwrap(), text);
    }
}
