//! Which moment does a cell mean?
//!
//! A sheet is read again and again, so only a moment that stays the same is taken: no `tomorrow`, no `4h`. What can be
//! read in two ways is refused, and so is a year that nobody means: with `01.12.27` read as the year 27, the claim would
//! be over at once, and its holder would lose the slot.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

mod day;

/// The end of a day that is named without a time.
const END_OF_DAY: Time = Time::constant(23, 59, 0, 0);

/// Why a text is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It looks like none.
    Unknown,
    /// Its year has not four digits.
    ShortYear,
    /// Its year is one in which no claim ends.
    FarYear(i16),
    /// Day and month can change places.
    TwoWays,
    /// The calendar does not have this day.
    NoSuchDay,
    /// The clock does not have this time.
    NoSuchTime,
    /// The day is of another weekday than it says.
    OtherWeekday,
    /// A day, and no year.
    NoYearNamed,
    /// A month, and no day.
    NoDayNamed,
}

/// Reads a moment; a time of day is one of this time zone.
///
/// # Errors
/// How to write it, if it cannot be read.
pub fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    // Spreadsheets write a narrow no-break space before PM.
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    read(&spaced, zone).map_err(|fault| fault.told(text, zone))
}

fn read(text: &str, zone: &TimeZone) -> Result<Timestamp, Fault> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return day::checked_year(moment.to_zoned(zone.clone()).year()).map(|_| moment);
    }
    let (date, time) = date_and_time(text)?;
    // Of an hour that a clock shows twice, the later one is meant: nobody's claim ends before the time that they wrote.
    let zoned = zone.to_ambiguous_zoned(DateTime::from_parts(date, time)).later().map_err(|_| Fault::Unknown)?;
    Ok(zoned.timestamp())
}

fn date_and_time(text: &str) -> Result<(Date, Time), Fault> {
    match day::day(text) {
        Err(Fault::Unknown) => {}
        other => return other.map(|date| (date, END_OF_DAY)),
    }
    // The time is what follows one of the spaces, or the T.
    let mut splits = text.match_indices([' ', 'T', 't']).filter_map(|(at, sign)| {
        let (date, time) = (text.get(..at)?, text.get(at + sign.len()..)?);
        let begins = time.starts_with(|c: char| c.is_ascii_digit());
        Some((date, clock(time).filter(|_| begins)?))
    });
    let (date, (time, in_zone)) = splits.next().ok_or(Fault::Unknown)?;
    let date = date.trim_end_matches([' ', ',']);
    let date = day::day(date.strip_suffix(" at").unwrap_or(date))?;
    // With an offset it would have been read before, if only its day and time existed.
    if in_zone { time.map(|time| (date, time)) } else { time.and(Err(Fault::Unknown)) }
}

/// A time, or what looks like one, and whether it is one of the sheet's own time zone.
fn clock(text: &str) -> Option<(Result<Time, Fault>, bool)> {
    let offset = text.rfind(['Z', 'z', '+', '-']).and_then(|at| text.split_at_checked(at));
    let (text, in_zone) = offset.map_or((text, true), |(clock, _)| (clock, false));
    let lower = text.trim().to_ascii_lowercase().replace("a.m.", "am").replace("p.m.", "pm");
    let half =
        lower.strip_suffix("am").map(|rest| (rest, 0)).or_else(|| lower.strip_suffix("pm").map(|rest| (rest, 12)));
    let (digits, noon) = half.map_or((lower.as_str(), None), |(rest, noon)| (rest.trim_end(), Some(noon)));
    let sign = if digits.contains(':') { ':' } else { '.' };
    let fields: Vec<&str> = digits.split(sign).collect();
    let written = |field: &&str| matches!(field.len(), 1 | 2) && field.bytes().all(|b| b.is_ascii_digit());
    let minutes = fields.iter().skip(1).all(|field| field.len() == 2);
    let counted = fields.len() <= 3 && (fields.len() >= 2 || noon.is_some());
    if !(counted && minutes && fields.iter().all(written)) {
        return None;
    }
    let mut numbers = fields.iter().filter_map(|field| field.parse::<i8>().ok());
    let hour = numbers.next().unwrap_or_default();
    let hour = match noon {
        None => Some(hour),
        Some(noon) => (1..=12).contains(&hour).then_some(hour % 12 + noon),
    };
    let (minute, second) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let time = hour.and_then(|hour| Time::new(hour, minute, second, 0).ok()).ok_or(Fault::NoSuchTime);
    Some((time, in_zone))
}

impl Fault {
    fn told(self, text: &str, zone: &TimeZone) -> String {
        let because = match self {
            Self::Unknown => String::new(),
            Self::ShortYear => ": its year does not have four digits".to_owned(),
            Self::FarYear(year) => format!(": the year {year} is not meant, write the year with four digits"),
            Self::TwoWays => ": it does not say which number is the month".to_owned(),
            Self::NoSuchDay => ": there is no such day".to_owned(),
            Self::NoSuchTime => ": there is no such time".to_owned(),
            Self::OtherWeekday => ": that day is another day of the week".to_owned(),
            Self::NoYearNamed => ": it names no year".to_owned(),
            Self::NoDayNamed => ": it names no day".to_owned(),
        };
        let zone = zone.iana_name().unwrap_or("local time");
        let quoted = hotdesk_slots::text::quoted(text);
        if self == Self::Unknown {
            return format!("cannot read {quoted} as a date: write 2026-12-01, or 2026-12-01 18:00 ({zone})");
        }
        format!("{quoted} is not a date{because}. Write 2026-12-01, or 2026-12-01 18:00 ({zone})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        match moment(text, &berlin) {
            Ok(moment) => assert_eq!(moment.to_string(), expected, "{text}"),
            Err(e) => assert!(!expected.is_empty() && e.contains(expected), "{text}: {e}"),
        }
    }

    #[test]
    fn exact_moments_are_taken_as_they_are() {
        check("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z");
        check("2026-12-01T18:00:00+05:30", "2026-12-01T12:30:00Z");
    }

    #[test]
    fn times_are_those_of_the_time_zone() {
        for text in [
            "2026-12-01 18:00",
            "2026-12-01T18:00",
            "2026/12/01 18:00:00",
            "2026-12-01 6:00 PM",
            "01.12.2026 18:00",
            "1.12.2026 18:00",
            "1 Dec 2026 18:00",
            "1 December 2026, 18:00",
            "Dec 1, 2026 6:00 PM",
            "December 1, 2026 18:00",
            "Tue 1 Dec 2026 18:00",
            "1. 12. 2026, 18.00",
            "2026-12-01 6:00\u{202f}pm",
            "tue, dec. 1st 2026 at 6 p.m.",
        ] {
            check(text, "2026-12-01T17:00:00Z");
        }
        check("2026-07-01 18:00", "2026-07-01T16:00:00Z");
    }

    #[test]
    fn of_an_hour_that_comes_twice_or_never_the_later_end_is_meant() {
        check("2026-10-25 02:30", "2026-10-25T01:30:00Z");
        check("2026-03-29 02:30", "2026-03-29T01:30:00Z");
    }

    #[test]
    fn a_day_without_a_time_lasts_to_its_end() {
        for text in ["2026-12-31", "31.12.2026", "31/12/2026", "12/31/2026", "Dec 31, 2026"] {
            check(text, "2026-12-31T22:59:00Z");
        }
        check("12/12/2026", "2026-12-12T22:59:00Z");
        check("31/12/2026 18:00", "2026-12-31T17:00:00Z");
    }

    #[test]
    fn a_month_that_could_be_a_day_is_refused() {
        for text in ["12/1/2026", "1/12/2026 18:00", "01-12-2026", "1-2-2026, 6 PM", "Tue 12/1/2026"] {
            check(text, "which number is the month");
        }
        check("31-12-2026 18:00", "2026-12-31T17:00:00Z");
    }

    #[test]
    fn a_year_that_nobody_means_is_refused() {
        for text in [
            "1.12.27 18:00",
            "Wed, 01.12.27",
            "12/1/27",
            "1-Dec-27",
            "December 1, 27",
            "Dec 1 ’27",
            "1st of December '27",
            "27.12.01",
            "1/12/027",
            "1 Dec 20277",
            "0027-12-01",
            "0027-12-01T18:00:00Z",
            "01.12.0027",
            "12/30/1899",
            "1930-12-01",
            "1 Dec 9999",
        ] {
            check(text, "four digits");
        }
    }

    #[test]
    fn what_no_calendar_or_clock_has_is_said_so() {
        for text in ["2026-13-01", "2026-02-30", "31.11.2026", "12.31.2026", "Feb 29, 2027", "2026-02-30T18:00:00Z"] {
            check(text, "no such day");
        }
        for text in ["2026-12-01 25:00", "1.12.2026 18.60", "Dec 1, 2026 13:00 PM", "2026-12-01T24:00:00Z"] {
            check(text, "no such time");
        }
        check("Wed 1 Dec 2026", "another day of the week");
        for text in ["1 Dec", "Dec 1 18:00", "01.12.", "12/1", "1st December"] {
            check(text, "names no year");
        }
        for text in ["Dec 2026", "12/2026", "2026-12"] {
            check(text, "names no day");
        }
    }

    #[test]
    fn what_does_not_stay_the_same_is_refused() {
        for text in [
            "",
            "tomorrow",
            "Fri 18:00",
            "4h",
            "18:00",
            "46357",
            "20261201",
            "Q4 2026",
            "-2026-12-01",
            "2026-12-01 CET",
        ] {
            check(text, "as a date: write 2026-12-01");
        }
    }
}
