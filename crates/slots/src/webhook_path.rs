//! Under which path does the webhook answer, so that nobody but an API server gets an answer at all?
//!
//! The certs job makes the secret part, the webhook compares with it, and the webhook configurations show it to the API server.

use std::fmt;

/// Gates and stamps CREATE and UPDATE.
pub const MUTATE: &str = "/mutate";
/// Gates DELETE and CONNECT.
pub const VALIDATE: &str = "/validate";
/// Guards Slots.
pub const SLOTS: &str = "/slots";

/// The entry of the webhook configurations that guards Slots.
pub const SLOTS_ENTRY: &str = "slots.hotdesk.dev";

/// The key of the Secret for the path that the webhook configurations show.
pub const CURRENT: &str = "path";
/// The key of the Secret for the path before it, which the webhook accepts until the next run of the certs job.
pub const PREVIOUS: &str = "previous";

/// Two hex digits for each of 32 bytes.
const DIGITS: usize = 64;

/// The secret part of the webhook's paths: 64 lower-case hex digits. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPath(String);

impl SecretPath {
    /// The path that these random bytes make.
    #[must_use]
    pub fn of(bytes: &[u8; DIGITS / 2]) -> Self {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Self(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
    }

    /// Reads the content of a file or of a key of a Secret.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let is_path = text.len() == DIGITS && text.iter().all(is_digit);
        std::str::from_utf8(text).ok().filter(|_| is_path).map(|text| Self(text.to_owned()))
    }

    /// The secret part and the route of a URL path such as `/SECRET/mutate`.
    #[must_use]
    pub fn split(path: &str) -> Option<(Self, &str)> {
        let (secret, route) = Self::cut(path)?;
        Some((Self::parse(secret.as_bytes())?, route))
    }

    /// What stands where the secret part belongs, whatever it is, and the rest.
    #[must_use]
    pub fn cut(path: &str) -> Option<(&str, &str)> {
        path.strip_prefix('/')?.split_at_checked(DIGITS)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL path of a route such as [`MUTATE`].
    #[must_use]
    pub fn url(&self, route: &str) -> String {
        format!("/{}{route}", self.0)
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPath(…)")
    }
}

/// The route of an entry of a webhook configuration.
#[must_use]
pub fn route(mutates: bool, entry: &str) -> &'static str {
    match (mutates, entry) {
        (true, SLOTS_ENTRY) => SLOTS,
        (true, _) => MUTATE,
        (false, _) => VALIDATE,
    }
}

/// A text without the secret paths in it. An API server that cannot reach the webhook writes the whole URL into its error.
#[must_use]
pub fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| is_digit_char(c)) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !is_digit_char(c)).unwrap_or(run.len());
        let (digits, after) = run.split_at(end);
        shown.push_str(before);
        shown.push_str(if digits.len() < DIGITS { digits } else { "…" });
        rest = after;
    }
    shown + rest
}

fn is_digit(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_digit_char(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> SecretPath {
        SecretPath::of(&[0xa5; 32])
    }

    #[test]
    fn a_path_is_read_as_it_was_written_and_nothing_else_is_a_path() {
        let text = "a5".repeat(32);
        assert_eq!(path().as_str(), text);
        assert_eq!(SecretPath::parse(format!("{text}\n").as_bytes()), Some(path()));
        for other in
            ["", "a5", &text.to_uppercase(), &text.replace('5', "g"), &format!("{text}a5"), &format!("/{text}")]
        {
            assert_eq!(SecretPath::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_url_path_is_the_secret_part_and_the_route() {
        assert_eq!(SecretPath::split(&path().url(MUTATE)), Some((path(), "/mutate")));
        let text = path().as_str().to_owned();
        assert_eq!(SecretPath::split(&format!("/{text}")), Some((path(), "")));
        for other in ["/mutate", "", "/", &format!("{text}/mutate"), &format!("/ {}/mutate", &text[1..])] {
            assert_eq!(SecretPath::split(other), None, "{other}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(format!("{:?}", path()), "SecretPath(…)");
        let error = format!("Post \"https://hotdesk-webhook.hotdesk.svc:443{}?timeout=5s\": EOF 5", path().url(MUTATE));
        let expected = "Post \"https://hotdesk-webhook.hotdesk.svc:443/…/mutate?timeout=5s\": EOF 5";
        assert_eq!(redacted(&error), expected);
        assert_eq!(redacted("no path: é"), "no path: é");
    }

    #[test]
    fn each_entry_has_its_route() {
        for (mutates, entry, expected) in [
            (true, "gate.hotdesk.dev", MUTATE),
            (true, "machinery.hotdesk.dev", MUTATE),
            (true, "slots.hotdesk.dev", SLOTS),
            (false, "gate.hotdesk.dev", VALIDATE),
        ] {
            assert_eq!(route(mutates, entry), expected, "{entry}");
        }
    }
}
