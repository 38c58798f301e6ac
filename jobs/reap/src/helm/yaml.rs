//! What does a document of a manifest say, as helm reads it?

use std::borrow::Cow;

use serde_json::Value;
use serde_saphyr::{Error, Location};

/// The most places of one document that only helm's reader takes. Each costs a reading.
const MOST_REPAIRS: usize = 100;

/// helm reads a key that comes twice as its last value, takes deep documents and as many aliases as somebody writes, and does not
/// look into binary data. What only its reader takes is written otherwise in a copy, which is read and nothing else.
pub(super) fn read(body: &str) -> Result<Value, Error> {
    let mut copy = Cow::Borrowed(body);
    for _ in 0..MOST_REPAIRS {
        let error = match parse(&copy) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        copy = Cow::Owned(repaired(&copy, &error).ok_or(error)?);
    }
    parse(&copy)
}

/// An error must not show the lines around it: they may be a Secret's.
fn parse(text: &str) -> Result<Value, Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 256, enforce_alias_anchor_ratio: false },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// The text with what this error is about written as both readers take it, if it is one of the things that helm's takes: a number
/// that is too large for one, which is a text; a comment without a blank before it; and `\'` in double quotes.
fn repaired(text: &str, error: &Error) -> Option<String> {
    let (before, rest) = text.split_at_checked(offset(text, error.location()?)?)?;
    if let Error::NonFiniteFloat { value, .. } = error {
        let after = rest.strip_prefix(value.as_str()).filter(|_| value.contains(|c: char| c.is_ascii_digit()))?;
        return Some(format!("{before}'{value}'{after}"));
    }
    if rest.starts_with('#') && !before.ends_with(char::is_whitespace) {
        return Some(format!("{before} {rest}"));
    }
    let (quoted, after) = split_quoted(rest.strip_prefix('"')?)?;
    let unescaped = without_escaped_apostrophes(quoted);
    (unescaped != quoted).then(|| format!("{before}\"{unescaped}\"{after}"))
}

/// The byte at a place. What the scanner refuses has a line and a column alone.
fn offset(text: &str, at: Location) -> Option<usize> {
    let lines = usize::try_from(at.line()).ok()?.checked_sub(1)?;
    let signs = usize::try_from(at.column()).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(lines).map(str::len).sum();
    let (within, _) = text.get(before..)?.char_indices().nth(signs)?;
    Some(before + within)
}

/// What stands before the closing quote, and after it.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn without_escaped_apostrophes(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut signs = quoted.chars();
    while let Some(sign) = signs.next() {
        let escaped = if sign == '\\' { signs.next() } else { None };
        text.extend(Some(sign).filter(|_| escaped != Some('\'')));
        text.extend(escaped);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expected: &Value) {
        assert_eq!(&read(text).unwrap_or_else(|error| panic!("{error}: {text}")), expected, "{text}");
    }

    /// Each as `sigs.k8s.io/yaml` reads it.
    #[test]
    fn what_only_helms_reader_takes_is_read_as_it_reads_it() {
        check("commit: 12e4567", &json!({"commit": "12e4567"}));
        check(
            "{é: 1e999, c: [-2e4000, +1E999], d: 1e-999}",
            &json!({"é": "1e999", "c": ["-2e4000", "+1E999"], "d": 0.0}),
        );
        check("a: &a 1e999\nb: *a", &json!({"a": "1e999", "b": "1e999"}));
        check(r#"args: ["-c", "echo \'hi\'"]"#, &json!({"args": ["-c", "echo 'hi'"]}));
        check("é: \"x\\'\n  \\\\'y\\\"\\'\"", &json!({"é": "x' \\'y\"'"}));
        check("a: \"x\"#c", &json!({"a": "x"}));
        check("a: ['x'#c\n ]#d", &json!({"a": ["x"]}));
        check("a: |#c\n  x\n", &json!({"a": "x\n"}));
        check("a: x#c", &json!({"a": "x#c"}));
    }

    #[test]
    fn what_helms_reader_refuses_is_refused() {
        for text in ["a: .nan", "a: .inf", "a: \"\\q\"", "a: \"\\'\\q\"", "a: \"x\"b", "a: *b#c", "a: b: c", "a: \"\\'"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_document_is_not_read_for_ever() {
        assert!(read(&"- 1e999\n".repeat(MOST_REPAIRS)).is_ok());
        assert!(read(&"- 1e999\n".repeat(MOST_REPAIRS + 1)).is_err());
    }
}
