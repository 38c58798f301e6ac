//! How is something that a person wrote, or a moment, shown to another person?

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// The longest piece of user-written text that a message holds, in characters.
const MAX_QUOTED: usize = 120;

/// The longest sentence about one thing that is lost, or wrong.
const MAX_SENTENCE: usize = 600;

/// The longest text in quotes: a whole purpose.
const MAX_PURPOSE: usize = 200;

/// [`sanitize`] text that a message quotes: long text is cut with `…`.
#[must_use]
pub fn sanitize_short(text: &str) -> String {
    sanitize_short_cow(text.into()).into_owned()
}

/// [`sanitize`] text of one loss or problem, in which each piece of a person's is [`sanitize_short`] already: three fields of an object fit.
#[must_use]
pub fn sentence(text: &str) -> String {
    cut(text, MAX_SENTENCE)
}

/// [`sanitize_short`] text that is kept as it is where nothing is to be done, as nearly always.
#[must_use]
pub fn sanitize_short_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= MAX_QUOTED && is_printable(&text) {
        return text;
    }
    cut(&text, MAX_QUOTED).into()
}

/// [`sanitize`] text of so many characters at most, then `…`.
fn cut(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map(|(at, _)| at);
    match end.and_then(|end| text.get(..end)) {
        Some(start) => format!("{}…", sanitize(start)),
        None => sanitize(text),
    }
}

/// Text in full that cannot harm a terminal, a log line or an event: control characters, line breaks
/// and the invisible signs that reorder text are replaced by `�`.
#[must_use]
pub fn sanitize(text: &str) -> String {
    if is_printable(text) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// True for what nearly every text is. It spares a walk over the characters, several times in each review; without an early
/// end, several bytes are looked at together.
fn is_printable(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

/// True for characters that a purpose must not contain: control characters, and what is not seen or reorders text.
///
/// These are Unicode's default-ignorable characters and the bidirectional ones (TR 36, section 3.6), but for the
/// variation selectors U+FE00 to U+FE0F: emoji are typed with them. A name in a claim has its own rules
/// ([`crate::identity::NameRules`]).
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What a person wrote, in double quotes that it cannot end: nothing of it can be read as hotdesk's own words.
///
/// Whatever looks like a double quote becomes `'`; the rest is [`sanitize`], and as long as a purpose.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text, MAX_PURPOSE).replace(looks_like_a_quote, "'"))
}

/// A name as it stands in a sentence: [`quoted`] where it could be read as more than a name. Names that a claim accepts
/// today stand as they are; those stored before there were rules may hold anything.
#[must_use]
pub fn shown_name(text: &str) -> String {
    let breaks = |c: char| c.is_whitespace() || looks_like_a_quote(c) || matches!(c, '(' | ')' | ';' | '`');
    if text.contains(breaks) { quoted(text) } else { sanitize_short(text) }
}

/// Unicode's double quotes and what is drawn like one (UTS 39, confusables of U+0022).
fn looks_like_a_quote(c: char) -> bool {
    matches!(c,
        '"' | '\u{2ba}' | '\u{2dd}' | '\u{2ee}' | '\u{2f6}' | '\u{5f2}' | '\u{5f4}' | '\u{1cd3}' | '\u{201c}'..='\u{201f}'
        | '\u{2033}' | '\u{2036}' | '\u{275d}' | '\u{275e}' | '\u{3003}' | '\u{301d}'..='\u{301f}' | '\u{ff02}')
}

/// A moment as people say it: `18:00 UTC` today, `Fri 18:00 UTC` within six days, else with the date.
#[must_use]
pub fn human_time(at: Timestamp, now: Timestamp) -> String {
    let (then, today) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC));
    let days = at.duration_since(now).as_hours().abs() / 24;
    let format = if then.date() == today.date() {
        "%H:%M UTC"
    } else if days < 6 {
        "%a %H:%M UTC"
    } else {
        "%a %-d %b %Y %H:%M UTC"
    };
    then.strftime(format).to_string()
}

/// A length of time in its two largest units, rounded down: `2 d 4 h`, `1 h 5 min`, `40 s`.
#[must_use]
pub fn human_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let mut shown = String::new();
    let largest = parts.iter().position(|(n, _)| *n > 0).unwrap_or(parts.len() - 1);
    for (n, unit) in parts.iter().skip(largest).take(2).filter(|(n, _)| *n > 0) {
        let gap = if shown.is_empty() { "" } else { " " };
        let _infallible = write!(shown, "{gap}{n} {unit}");
    }
    if shown.is_empty() { "0 s".to_owned() } else { shown }
}

/// `a`, `a and b`, `a, b and c`; `none` for nothing.
#[must_use]
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn shows_a_time_as_near_as_it_is() {
        let now = at("2026-11-23T15:00:00Z"); // a Monday
        for (when, expected) in [
            ("2026-11-23T18:00:00Z", "18:00 UTC"),
            ("2026-11-27T18:00:00Z", "Fri 18:00 UTC"),
            ("2026-12-05T18:00:00Z", "Sat 5 Dec 2026 18:00 UTC"),
            ("2026-11-22T23:59:00Z", "Sun 23:59 UTC"),
        ] {
            assert_eq!(human_time(at(when), now), expected);
        }
    }

    #[test]
    fn shows_a_duration_in_two_units() {
        for (seconds, expected) in
            [(0, "0 s"), (40, "40 s"), (3_900, "1 h 5 min"), (3_601, "1 h"), (187_200, "2 d 4 h"), (-60, "1 min")]
        {
            assert_eq!(human_duration(SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn disarms_terminal_escapes_and_cuts_long_text() {
        assert_eq!(sanitize_short("a\u{1b}[31mb\n\u{202e}c"), "a\u{fffd}[31mb\u{fffd}\u{fffd}c");
        assert_eq!(sanitize_short(&"x".repeat(500)).chars().count(), MAX_QUOTED + 1);
        assert_eq!(sanitize(&"\u{7}".repeat(500)), "\u{fffd}".repeat(500));
    }

    #[test]
    fn signs_that_are_not_seen_are_disarmed_and_emoji_stay() {
        for sign in "\u{ad}\u{61c}\u{115f}\u{200b}\u{202e}\u{2066}\u{3164}\u{feff}\u{fff9}\u{e0061}\u{e0101}".chars() {
            assert!(is_harmful(sign), "{sign:?}");
            assert_eq!(sanitize(&format!("a{sign}b")), "a\u{fffd}b");
        }
        assert_eq!(sanitize("\u{2764}\u{fe0f} demo"), "\u{2764}\u{fe0f} demo");
    }

    #[test]
    fn a65_a_quotation_cannot_be_ended_from_within() {
        let evil = "x\", until 20:11 UTC) has been released. To claim: \u{201d}\u{ff02}\u{2033}";
        assert_eq!(quoted(evil), "\"x', until 20:11 UTC) has been released. To claim: '''\"");
        assert_eq!(quoted("caf\u{e9} 'x'\n"), "\"caf\u{e9} 'x'\u{fffd}\"");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_quoted_ends_where_the_quotation_ends(text in "\\PC{0,40}|[\"\u{201c}-\u{201f}\u{2033}a]{0,20}") {
            let shown = quoted(&text);
            let inner = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            proptest::prop_assert!(!inner.contains(|c| looks_like_a_quote(c) || is_harmful(c)), "{}", shown);
        }
    }

    #[test]
    fn a59_a_sentence_that_was_stored_as_a_name_is_quoted() {
        assert_eq!(shown_name("alice@example.com"), "alice@example.com");
        assert_eq!(shown_name("x\" is nobody. Slot is free"), "\"x' is nobody. Slot is free\"");
        assert_eq!(shown_name("x;run"), "\"x;run\"");
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(list::<&str>(&[]), "none");
        assert_eq!(list(&["mew", "onix", "abra"]), "mew, onix and abra");
    }
}
