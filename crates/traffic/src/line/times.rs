//! When was a line written?

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// `2026-11-23T15:04:05.123456789Z`, or any other time that names its offset.
#[must_use]
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    utc(text).or_else(|| text.parse().ok())
}

/// `23/Nov/2026:15:04:05 +0000`
#[must_use]
pub fn nginx(text: &str) -> Option<Timestamp> {
    strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()
}

/// Any way in which controllers write a time into JSON: as above, or as seconds since 1970 (nginx' `$msec`), or smaller units.
#[must_use]
pub fn in_json(text: &str) -> Option<Timestamp> {
    rfc3339(text).or_else(|| nginx(text)).or_else(|| epoch(text))
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

/// A time as runtimes and controllers write nearly all of them; every line has one or two, which is why there is a way of its
/// own for it. None of any other form, which says nothing of whether it is a time.
fn utc(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let [a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n] = *date else { return None };
    let year = i16::from(two(a, b)?) * 100 + i16::from(two(c, d)?);
    let (month, day, hour, minute, second) = (two(e, f)?, two(g, h)?, two(i, j)?, two(k, l)?, two(m, n)?);
    let fraction = rest.strip_suffix(b"Z").or_else(|| rest.strip_suffix(b"+00:00"))?;
    let time = DateTime::new(year, month, day, hour, minute, second, nanosecond(fraction)?).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

/// Two digits.
fn two(tens: u8, ones: u8) -> Option<i8> {
    let digit = |byte: u8| i8::try_from(char::from(byte).to_digit(10)?).ok();
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Nothing, or a point and up to nine digits.
fn nanosecond(text: &[u8]) -> Option<i32> {
    let Some((point, digits)) = text.split_first() else { return Some(0) };
    if *point != b'.' || digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let digit = |byte: &u8| i32::try_from(char::from(*byte).to_digit(10)?).ok();
    let value = digits.iter().try_fold(0_i32, |value, byte| Some(value * 10 + digit(byte)?))?;
    Some((digits.len()..9).fold(value, |value, _| value * 10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        assert_eq!(in_json("29/Nov/2026:15:04:05 +0000"), in_json("1795964645"));
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

    proptest! {
        /// The way of its own says what the library says, and nothing where that says nothing.
        #[test]
        fn the_usual_form_is_read_as_the_library_reads_it(
            text in r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?(Z|\+00:00)?",
            at in 0..40_usize, byte in any::<char>(),
        ) {
            let changed: String = text.chars().enumerate().map(|(place, c)| if place == at { byte } else { c }).collect();
            for text in [text, changed] {
                if let Some(time) = utc(&text) {
                    prop_assert_eq!(Some(time), text.parse().ok(), "{}", text);
                }
            }
        }
    }

    #[test]
    fn what_every_line_has_takes_the_way_of_its_own() {
        for text in ["2026-11-23T15:04:05.123456789Z", "2026-11-23T15:04:05Z", "2024-02-29T23:59:59.5+00:00"] {
            assert_eq!(utc(text), text.parse().ok(), "{text}");
        }
        for text in
            ["2026-02-29T15:04:05Z", "2026-11-23T15:04:05", "2026-11-23T15:04:05.Z", "2026-11-23T15:04:05+01:00"]
        {
            assert_eq!(utc(text), None, "{text}");
        }
    }
}
