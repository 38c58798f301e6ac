//! When was a line written, in the two shapes in which nearly every line says it?
//!
//! Each line holds one or two times, so the shapes that controllers and the kubelet write are read by hand. Whatever
//! looks otherwise is left to the time library, which also says what is none; the tests hold both to the same answer.

use jiff::Timestamp;
use jiff::fmt::strtime;

/// How long the minute is in `2026-11-23T15:04:`.
pub const RFC_3339: usize = 17;

/// How long the minute is in `23/Nov/2026:15:04:`.
pub const NGINX: usize = 18;

/// Days of a year before each month, in a year without a leap day.
const BEFORE_MONTH: [u16; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days from the year 0 to 1970.
const EPOCH: i64 = 719_528;

/// The minute of a time that was read before. Most lines of a log are of the same one as the line before them, so that
/// theirs need not be reckoned again.
#[derive(Debug, Clone, Copy)]
pub struct Minute<const LENGTH: usize> {
    text: [u8; LENGTH],
    /// When it begins by its own clock, in seconds since 1970; none if the text is no minute.
    begin: Option<i64>,
}

impl<const LENGTH: usize> Default for Minute<LENGTH> {
    fn default() -> Self {
        Self { text: [0; LENGTH], begin: None }
    }
}

impl<const LENGTH: usize> Minute<LENGTH> {
    #[inline]
    fn begin(&mut self, text: &[u8; LENGTH], reckon: impl Fn(&[u8; LENGTH]) -> Option<i64>) -> Option<i64> {
        if self.text != *text {
            *self = Self { text: *text, begin: reckon(text) };
        }
        self.begin
    }
}

/// `2026-11-23T15:04:05.123456789Z`, or any other time that names its offset.
#[must_use]
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    rfc3339_after(text, &mut Minute::default())
}

/// The same of many in a row; `before` is the minute of the last.
#[must_use]
pub fn rfc3339_after(text: &str, before: &mut Minute<RFC_3339>) -> Option<Timestamp> {
    by_hand(text.as_bytes(), before).or_else(|| text.parse().ok())
}

/// `23/Nov/2026:15:04:05 +0000`, many in a row; `before` is the minute of the last.
#[must_use]
pub fn nginx_after(text: &str, before: &mut Minute<NGINX>) -> Option<Timestamp> {
    nginx_by_hand(text.as_bytes(), before)
        .or_else(|| strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok().and_then(|time| time.to_timestamp().ok()))
}

fn by_hand(text: &[u8], before: &mut Minute<RFC_3339>) -> Option<Timestamp> {
    let (minute, rest) = text.split_first_chunk()?;
    let (seconds, rest) = rest.split_first_chunk()?;
    let second = before.begin(minute, minute_of_rfc3339)? + second(*seconds)?;
    let (nanoseconds, zone) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let offset = match *zone {
        [b'Z'] => 0,
        [sign, h1, h2, b':', m1, m2] => offset(sign, [h1, h2, m1, m2])?,
        _ => return None,
    };
    Timestamp::new(second - offset, nanoseconds).ok()
}

fn minute_of_rfc3339(text: &[u8; RFC_3339]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':'] = *text else { return None };
    minute([y1, y2, y3, y4], number([o1, o2])?, [d1, d2], [h1, h2], [m1, m2])
}

fn nginx_by_hand(text: &[u8], before: &mut Minute<NGINX>) -> Option<Timestamp> {
    let (minute, rest) = text.split_first_chunk()?;
    let [s1, s2, b' ', sign, z1, z2, z3, z4] = *rest else { return None };
    let second = before.begin(minute, minute_of_nginx)? + second([s1, s2])?;
    Timestamp::new(second - offset(sign, [z1, z2, z3, z4])?, 0).ok()
}

fn minute_of_nginx(text: &[u8; NGINX]) -> Option<i64> {
    let [d1, d2, b'/', n1, n2, n3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', m1, m2, b':'] = *text else { return None };
    let month = match &[n1, n2, n3] {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    };
    minute([y1, y2, y3, y4], month, [d1, d2], [h1, h2], [m1, m2])
}

/// Seconds since 1970.
fn minute(year: [u8; 4], month: i64, day_of_month: [u8; 2], hours: [u8; 2], minutes: [u8; 2]) -> Option<i64> {
    let day = day(number(year)?, month, number(day_of_month)?)?;
    let (hour, minute) = (number(hours)?, number(minutes)?);
    (hour < 24 && minute < 60).then_some(day * 86_400 + hour * 3600 + minute * 60)
}

/// Days since 1970; none before it, and none at the end of what the time library bears.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1970..=9998).contains(&year) || !(1..=days).contains(&day) {
        return None;
    }
    let before = BEFORE_MONTH.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    let last = year - 1;
    let years = 365 * year + last / 4 - last / 100 + last / 400 + 1;
    Some(years + i64::from(*before) + i64::from(leap && month > 2) + day - 1 - EPOCH)
}

/// A leap second is left to the time library.
#[inline]
fn second(digits: [u8; 2]) -> Option<i64> {
    number(digits).filter(|second| *second < 60)
}

/// Seconds east of Greenwich.
fn offset(sign: u8, [h1, h2, m1, m2]: [u8; 4]) -> Option<i64> {
    let (hours, minutes) = (number([h1, h2])?, number([m1, m2])?);
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        _ if hours > 14 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Up to nine digits behind the point, as nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    // As containerd writes it.
    if let Some((nine, rest)) = text.split_first_chunk::<9>()
        && let Some(value) = number(*nine)
    {
        return Some((i32::try_from(value).ok()?, rest));
    }
    let digits = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = text.split_at_checked(digits)?;
    let value = fraction.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    let scale = 10_i32.pow(u32::try_from(9 - digits).ok()?);
    (digits > 0).then_some((value * scale, rest))
}

#[inline]
fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    let (mut value, mut sound) = (0, true);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        value = value * 10 + i64::from(digit);
        sound &= digit < 10;
    }
    sound.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_shapes_are_read_by_hand() {
        for text in ["2026-11-23T15:04:05Z", "2026-11-23T15:04:05.123456789Z", "2024-02-29T23:59:59.5+01:00"] {
            assert_eq!(by_hand(text.as_bytes(), &mut Minute::default()), Some(text.parse().unwrap()), "{text}");
        }
        for (text, expected) in [
            ("23/Nov/2026:15:04:05 +0000", "2026-11-23T15:04:05Z"),
            ("01/Mar/2100:00:00:00 +0530", "2100-02-28T18:30:00Z"),
        ] {
            assert_eq!(
                nginx_by_hand(text.as_bytes(), &mut Minute::default()),
                Some(expected.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn where_nothing_was_read_before_no_text_is_of_the_same_minute() {
        let seconds = |minute: usize, rest: &str| ["\0".repeat(minute).as_str(), rest].concat();
        assert_eq!(rfc3339(&seconds(RFC_3339, "05Z")), None);
        assert_eq!(nginx_after(&seconds(NGINX, "05 +0000"), &mut Minute::default()), None);
    }

    #[test]
    fn every_day_is_the_one_that_the_time_library_counts() {
        let mut day = jiff::civil::date(1970, 1, 1);
        for expected in 0..60_000 {
            let (year, month) = (i64::from(day.year()), i64::from(day.month()));
            assert_eq!(super::day(year, month, i64::from(day.day())), Some(expected), "{day}");
            day = day.tomorrow().unwrap();
        }
    }

    proptest! {
        #[test]
        fn both_ways_of_reading_give_the_same_time(texts in several("2026-11-23T15:04:05.123456789Z", "T.:Z+-")) {
            let mut before = Minute::default();
            for text in texts {
                prop_assert_eq!(rfc3339_after(&text, &mut before), text.parse().ok(), "{}", text);
            }
        }

        #[test]
        fn both_ways_of_reading_an_offset_give_the_same_time(texts in several("2026-11-23T15:04:05+01:30", "T.:Z+-")) {
            let mut before = Minute::default();
            for text in texts {
                prop_assert_eq!(rfc3339_after(&text, &mut before), text.parse().ok(), "{}", text);
            }
        }

        #[test]
        fn both_ways_of_reading_nginxs_time_give_the_same(texts in several("23/Nov/2026:15:04:05 +0130", "/: +-JanFebc")) {
            let mut before = Minute::default();
            for text in texts {
                let library = strtime::parse("%d/%b/%Y:%H:%M:%S %z", &text).ok().and_then(|time| time.to_timestamp().ok());
                prop_assert_eq!(nginx_after(&text, &mut before), library, "{}", text);
            }
        }
    }

    /// Times in a row, each like the model.
    fn several(model: &'static str, others: &'static str) -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(timely(model, others), 1..4)
    }

    /// A time in which some bytes are others, and which may be longer or shorter.
    fn timely(model: &'static str, others: &'static str) -> impl Strategy<Value = String> {
        let byte = prop_oneof![4 => proptest::char::range('0', '9'), 1 => proptest::sample::select(others.chars().collect::<Vec<_>>())];
        let changes = proptest::collection::vec((0..model.len(), byte), 0..4);
        (changes, 0..=model.len(), 0..40_usize).prop_map(move |(changes, cut, drop)| {
            let mut text: Vec<char> = model.chars().collect();
            for (at, byte) in changes {
                text[at] = byte;
            }
            if drop == 0 {
                text.truncate(cut);
            } else if drop < 8 && cut < text.len() {
                text.remove(cut);
            }
            text.into_iter().collect()
        })
    }
}
