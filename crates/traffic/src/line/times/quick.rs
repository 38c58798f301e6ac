//! The usual form of a time, read faster than by the library, which stands behind it and takes every other form.
//!
//! Every line has one or two such times, and the library took a tenth of all instructions of a run to read them. What a
//! run gains by this is in docs/performance.md (472 million instructions, then 431, with one more change); a property test holds this to it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A time as runtimes and controllers write nearly all of them. None of any other form, which says nothing of whether it is a time.
pub(super) fn utc(text: &str) -> Option<Timestamp> {
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
