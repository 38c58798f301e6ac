//! Which moment does a cell mean?
//!
//! A sheet is read again and again, so only a moment that stays the same is taken: no `tomorrow`, no `4h`.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// The end of a day that is named without a time.
const END_OF_DAY: Time = Time::constant(23, 59, 0, 0);

/// Spellings in which day and month cannot be mistaken for each other.
const DATES: [&str; 8] =
    ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a %d %b %Y"];

const TIMES: [&str; 4] = ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p"];

/// Reads a moment; a time of day is one of this time zone.
///
/// # Errors
/// How to write it, if it cannot be read.
pub fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let help = || {
        format!(
            "cannot read {} as a date: write 2026-12-01, or 2026-12-01 18:00 ({})",
            hotdesk_slots::text::quoted(text),
            zone.iana_name().unwrap_or("local time")
        )
    };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let (date, time) = date_and_time(text).ok_or_else(|| match slashed(text) {
        Some(_) => format!("{}; which number is the month cannot be told", help()),
        None => help(),
    })?;
    let zoned = DateTime::from_parts(date, time).to_zoned(zone.clone()).map_err(|_| help())?;
    Ok(zoned.timestamp())
}

fn date_and_time(text: &str) -> Option<(Date, Time)> {
    if let Some(date) = date_of(text) {
        return Some((date, END_OF_DAY));
    }
    // The time is what follows one of the spaces, or the T.
    let splits = text.match_indices([' ', 'T']).map(|(at, sign)| (text.get(..at), text.get(at + sign.len()..)));
    let parts = splits.filter_map(|(date, time)| Some((date?.trim_end_matches(','), time?.trim())));
    parts.filter_map(|(date, time)| Some((date_of(date)?, time_of(time)?))).next()
}

fn date_of(text: &str) -> Option<Date> {
    let named = DATES.iter().find_map(|format| Date::strptime(format, text).ok());
    named.or_else(|| slashed(text).and_then(Result::ok))
}

fn time_of(text: &str) -> Option<Time> {
    TIMES.iter().find_map(|format| Time::strptime(format, text).ok())
}

/// `12/1/2026` is a day in December or in January; `31/12/2026` is only one.
fn slashed(text: &str) -> Option<Result<Date, ()>> {
    let date = text.split_once(' ').map_or(text, |(date, _)| date);
    let parts: Vec<i16> = date.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [first, second, year] = parts.as_slice() else { return None };
    let read = |day: i16, month: i16| {
        let (day, month) = (i8::try_from(day).map_err(|_| ())?, i8::try_from(month).map_err(|_| ())?);
        Date::new(*year, month, day).map_err(|_| ())
    };
    if text != date || *year < 1000 {
        // With a time behind it: the caller splits and asks again.
        return if *first <= 12 && *second <= 12 && first != second { Some(Err(())) } else { None };
    }
    Some(match (*first <= 12, *second <= 12) {
        (true, true) if first != second => Err(()),
        (true, _) => read(*second, *first),
        (false, _) => read(*first, *second),
    })
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
        ] {
            check(text, "2026-12-01T17:00:00Z");
        }
        check("2026-07-01 18:00", "2026-07-01T16:00:00Z");
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
        check("12/1/2026", "which number is the month");
        check("1/12/2026 18:00", "which number is the month");
    }

    #[test]
    fn what_does_not_stay_the_same_is_refused() {
        for text in
            ["", "tomorrow", "Fri 18:00", "4h", "18:00", "46357", "2026-13-01", "2026-02-30", "2026-12-01 25:00"]
        {
            check(text, "write 2026-12-01");
        }
    }
}
