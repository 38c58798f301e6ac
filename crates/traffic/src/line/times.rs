//! When was a line written?

use jiff::Timestamp;
use jiff::fmt::strtime;

/// `2026-11-23T15:04:05.123456789Z`, or any other time that names its offset.
#[must_use]
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// `23/Nov/2026:15:04:05 +0000`
#[must_use]
pub fn nginx(text: &str) -> Option<Timestamp> {
    strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()
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
    fn a_text_without_an_offset_or_of_no_day_is_no_time() {
        for text in ["", "2026-11-23T15:04:05", "2026-02-29T15:04:05Z", "2026-11-23T25:04:05Z", "\0"] {
            assert_eq!(rfc3339(text), None, "{text:?}");
        }
        for text in ["", "23/Nov/2026:15:04:05", "29/Feb/2026:15:04:05 +0000", "23/Nov/2026:15:04:05 +0000 x"] {
            assert_eq!(nginx(text), None, "{text:?}");
        }
    }
}
