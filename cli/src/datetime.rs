//! Which time does a person mean by `4h`, `Fri 18:00`, or `tomorrow 18:00`?

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _, Unit, Zoned};

/// The end of a day that is named without a time.
const END_OF_DAY: Time = Time::constant(23, 59, 0, 0);

/// Reads a time in the future; times of day are those of `now`'s time zone.
///
/// # Errors
/// What cannot be read, or is not in the future.
pub(crate) fn parse(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let typed = text.trim();
    let datetime = read(typed, now).ok_or_else(|| {
        format!(
            "cannot read \"{}\" as a time: write 4h, 2d, 18:00, 'Fri 18:00', 'tomorrow 18:00', 2026-12-01 \
             or 2026-12-01T18:00:00Z",
            hotdesk_slots::text::sanitize_short(typed)
        )
    })?;
    if datetime <= now.timestamp() {
        return Err(format!("{} is in the past: it is {} now", datetime, now.strftime("%a %H:%M %Z")));
    }
    // Nobody means the nanoseconds of the clock that `4h` was counted from.
    Ok(datetime.round(Unit::Second).unwrap_or(datetime))
}

/// Reads a time that does not depend on when it is read: a date, a date and a time, or RFC 3339.
pub(crate) fn absolute(typed: &str, zone: &TimeZone) -> Option<Timestamp> {
    let typed = typed.trim();
    typed.parse().ok().or_else(|| on_date(typed, zone))
}

fn read(typed: &str, now: &Zoned) -> Option<Timestamp> {
    if let Some(datetime) = absolute(typed, now.time_zone()) {
        return Some(datetime);
    }
    let lower = typed.to_lowercase();
    let (first, rest) = lower.split_once(char::is_whitespace).map_or((lower.as_str(), ""), |(f, r)| (f, r.trim()));
    if let Some(datetime) = on_day(first, rest, now).or_else(|| at_time(&lower, now)) {
        return Some(datetime);
    }
    let span: Span = lower.parse().ok().filter(|span: &Span| span.is_positive())?;
    now.checked_add(span).ok().map(|zoned| zoned.timestamp())
}

/// `Fri 18:00`, `friday`, `today 18:00`, `tomorrow`.
fn on_day(day: &str, time: &str, now: &Zoned) -> Option<Timestamp> {
    let time = if time.is_empty() { Some(END_OF_DAY) } else { time_of_day(time) }?;
    let today = now.date();
    let days_ahead = match day {
        "today" => 0,
        "tomorrow" => 1,
        _ => i64::from(today.weekday().until(weekday(day)?)),
    };
    let datetime = zoned(today.checked_add(days_ahead.days()).ok()?, time, now.time_zone())?;
    // On a Friday evening, `Fri 18:00` is next week's.
    if days_ahead == 0 && day != "today" && datetime <= now.timestamp() {
        return zoned(today.checked_add(7.days()).ok()?, time, now.time_zone());
    }
    Some(datetime)
}

/// `18:00`: the next time that the clock shows it.
fn at_time(text: &str, now: &Zoned) -> Option<Timestamp> {
    let time = time_of_day(text)?;
    let today = zoned(now.date(), time, now.time_zone())?;
    if today > now.timestamp() { Some(today) } else { zoned(now.date().tomorrow().ok()?, time, now.time_zone()) }
}

/// `2026-12-01`, `2026-12-01 18:00`, `2026-12-01T18:00`.
fn on_date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T', 't']).map_or((text, None), |(d, t)| (d, Some(t)));
    let date = Date::strptime("%Y-%m-%d", date).ok()?;
    let time = time.map_or(Some(END_OF_DAY), |time| time_of_day(time.trim()))?;
    zoned(date, time, zone)
}

fn time_of_day(text: &str) -> Option<Time> {
    Time::strptime("%H:%M", text).or_else(|_| Time::strptime("%H:%M:%S", text)).ok()
}

fn weekday(text: &str) -> Option<Weekday> {
    let name = text.trim_end_matches(',');
    let full = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = full.iter().position(|day| name.len() >= 2 && day.starts_with(name))?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

fn zoned(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    // Of an hour that a clock shows twice, the later one: nothing ends before the time that was typed.
    zone.to_ambiguous_zoned(DateTime::from_parts(date, time)).later().ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, 16:00 in Berlin.
    fn now() -> Zoned {
        "2026-11-23T16:00:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        match parse(text, &now()) {
            Ok(datetime) => assert_eq!(datetime.to_string(), expected, "{text}"),
            Err(e) => assert!(!expected.is_empty() && e.contains(expected), "{text}: {e}"),
        }
    }

    #[test]
    fn lengths_of_time_count_from_now() {
        check("4h", "2026-11-23T19:00:00Z");
        check("90m", "2026-11-23T16:30:00Z");
        check("2d", "2026-11-25T15:00:00Z");
        check("1w", "2026-11-30T15:00:00Z");
        check("1d 12h", "2026-11-25T03:00:00Z");
        check("2 days", "2026-11-25T15:00:00Z");
    }

    #[test]
    fn of_an_hour_that_comes_twice_the_later_one_is_meant() {
        check("2027-10-31 02:30", "2027-10-31T01:30:00Z");
    }

    #[test]
    fn a_length_of_time_ends_at_a_whole_second() {
        let now: Zoned = "2026-11-23T16:00:00.4567+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(parse("4h", &now).unwrap().to_string(), "2026-11-23T19:00:00Z");
    }

    #[test]
    fn a_time_of_day_is_the_next_one_of_this_time_zone() {
        check("18:00", "2026-11-23T17:00:00Z");
        check("9:30", "2026-11-24T08:30:00Z");
        check("today 18:00", "2026-11-23T17:00:00Z");
        check("tomorrow 18:00", "2026-11-24T17:00:00Z");
    }

    #[test]
    fn a_weekday_is_the_next_one() {
        check("Fri 18:00", "2026-11-27T17:00:00Z");
        check("friday 18:00", "2026-11-27T17:00:00Z");
        check("mon 18:00", "2026-11-23T17:00:00Z");
        check("mon 15:00", "2026-11-30T14:00:00Z");
        check("sun, 18:00", "2026-11-29T17:00:00Z");
    }

    #[test]
    fn a_day_without_a_time_lasts_to_its_end() {
        check("tomorrow", "2026-11-24T22:59:00Z");
        check("Fri", "2026-11-27T22:59:00Z");
        check("2026-12-01", "2026-12-01T22:59:00Z");
    }

    #[test]
    fn exact_moments_are_taken_as_they_are() {
        check("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z");
        check("2026-12-01T18:00:00+05:30", "2026-12-01T12:30:00Z");
        check("2026-12-01 18:00", "2026-12-01T17:00:00Z");
        check("2026-12-01T18:00", "2026-12-01T17:00:00Z");
    }

    #[test]
    fn summer_time_keeps_the_clock_not_the_hours() {
        let march: Zoned = "2026-03-28T18:00:00+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(parse("1d", &march).unwrap().to_string(), "2026-03-29T16:00:00Z");
    }

    #[test]
    fn the_past_and_the_unreadable_are_refused() {
        check("today 15:00", "in the past");
        check("2026-11-01", "in the past");
        for text in ["", "soon", "25:00", "-4h", "0h", "Fri 25:00", "4", "m 18:00", "2026-13-01"] {
            check(text, "cannot read");
        }
    }
}
