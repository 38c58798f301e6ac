//! Which length of time does a flag mean?

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A length of time that is longer than nothing: `500ms`, `90s`, `5m`, `1h 30m`, `14d`. A day has 24 hours.
///
/// # Errors
/// How to write it.
pub fn positive<D: TryFrom<SignedDuration>>(text: &str) -> Result<D, String> {
    let length = parse(text)?;
    if !length.is_positive() {
        return Err("it must be longer than nothing".to_owned());
    }
    D::try_from(length).map_err(|_| "it is too long".to_owned())
}

/// A length of time, which may be nothing: `0s`.
///
/// # Errors
/// How to write it.
pub fn non_negative<D: TryFrom<SignedDuration>>(text: &str) -> Result<D, String> {
    let length = parse(text)?;
    if length.is_negative() {
        return Err("it must not be negative".to_owned());
    }
    D::try_from(length).map_err(|_| "it is too long".to_owned())
}

fn parse(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.trim().parse().map_err(|_| format!("write it like 90s, 5m or 1h, not {text:?}"))?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours());
    length.map_err(|_| "months and years differ in length: write it in days, like 730d".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lengths_are_written_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), (" 1h ", 3600), ("1h 30m", 5400), ("90d", 7_776_000), ("2 weeks", 1_209_600)]
        {
            assert_eq!(positive::<SignedDuration>(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        assert_eq!(positive::<Duration>("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(non_negative::<Duration>("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_not_a_length_of_time_is_refused_with_how_to_write_one() {
        for (text, says) in [
            ("", "write it like 90s, 5m or 1h, not \"\""),
            ("90", "write it like 90s"),
            ("soon", "write it like 90s"),
            ("2y", "write it in days"),
            ("0s", "longer than nothing"),
            ("-1h", "longer than nothing"),
        ] {
            let refused = positive::<Duration>(text).unwrap_err();
            assert!(refused.contains(says), "{text}: {refused}");
        }
        assert_eq!(non_negative::<Duration>("-1h"), Err("it must not be negative".to_owned()));
    }
}
