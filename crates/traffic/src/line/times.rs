//! When was a line written?

use jiff::Timestamp;
use jiff::fmt::{rfc2822, strtime};

mod quick;

/// `2026-11-23T15:04:05.123456789Z`, or any other time that names its offset.
#[must_use]
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    quick::utc(text).or_else(|| text.parse().ok())
}

/// `23/Nov/2026:15:04:05 +0000`
#[must_use]
pub fn nginx(text: &str) -> Option<Timestamp> {
    strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()
}

/// Any way in which controllers write a time into JSON: as above, as seconds since 1970 (nginx' `$msec`) or smaller units, or in
/// words.
#[must_use]
pub fn in_json(text: &str) -> Option<Timestamp> {
    rfc3339(text).or_else(|| nginx(text)).or_else(|| epoch(text)).or_else(|| spelled(text))
}

/// `2026-11-23 15:04:05 +0000`, and `Mon, 23 Nov 2026 15:04:05 GMT`.
fn spelled(text: &str) -> Option<Timestamp> {
    let zoned = || strtime::parse("%Y-%m-%d %H:%M:%S%.f %z", text).ok()?.to_timestamp().ok();
    // What is shorter is mostly a duration.
    (text.len() > "2026-11-23 15:04:05".len()).then_some(())?;
    zoned().or_else(|| rfc2822::parse(text).ok().map(|time| time.timestamp()))
}

/// The number of its digits says in which unit a number of this century is; a smaller one is a duration.
fn epoch(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next().filter(|whole| whole.bytes().all(|byte| byte.is_ascii_digit()))?;
    match whole.len() {
        10 => Timestamp::from_second(whole.parse().ok()?).ok(),
        13 => Timestamp::from_millisecond(whole.parse().ok()?).ok(),
        16 => Timestamp::from_microsecond(whole.parse().ok()?).ok(),
        19 => Timestamp::from_nanosecond(whole.parse().ok()?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_by_the_offset_that_it_names() {
        let utc = |text: &str| Some(text.parse().unwrap());
        assert_eq!(rfc3339("2026-11-23T15:04:05.5Z"), utc("2026-11-23T15:04:05.5Z"));
        assert_eq!(rfc3339("2024-02-29T23:59:59+01:00"), utc("2024-02-29T22:59:59Z"));
        assert_eq!(nginx("23/Nov/2026:15:04:05 +0000"), utc("2026-11-23T15:04:05Z"));
        assert_eq!(nginx("01/Mar/2100:00:00:00 +0530"), utc("2100-02-28T18:30:00Z"));
    }

    #[test]
    fn a_number_is_a_time_by_its_digits() {
        let time = |text: &str| Some(text.parse().unwrap());
        assert_eq!(in_json("1795964645"), time("2026-11-29T15:04:05Z"));
        assert_eq!(in_json("1795964645.123"), in_json("1795964645"));
        assert_eq!(in_json("1795964645123"), time("2026-11-29T15:04:05.123Z"));
        assert_eq!(in_json("1795964645123456"), time("2026-11-29T15:04:05.123456Z"));
        assert_eq!(in_json("1795964645123456789"), time("2026-11-29T15:04:05.123456789Z"));
        for text in ["29/Nov/2026:15:04:05 +0000", "2026-11-29 15:04:05 +0000", "Sun, 29 Nov 2026 15:04:05 GMT"] {
            assert_eq!(in_json(text), in_json("1795964645"), "{text}");
        }
        for text in ["0.004", "12", "", "-1795964645", "1e9", "17959646451"] {
            assert_eq!(in_json(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_without_an_offset_or_of_no_day_is_no_time() {
        for text in ["", "2026-11-23T15:04:05", "2026-02-29T15:04:05Z", "2026-11-23T25:04:05Z", "\0"] {
            assert_eq!(rfc3339(text), None, "{text:?}");
        }
        for text in ["", "23/Nov/2026:15:04:05", "29/Feb/2026:15:04:05 +0000", "23/Nov/2026:15:04:05 +0000 x"] {
            assert_eq!(nginx(text), None, "{text:?}");
        }
    }
}
