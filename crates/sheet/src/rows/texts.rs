//! What is a name, a purpose, a host?

use hotdesk_slots::text::{is_harmful, quoted, sanitize_short};
use hotdesk_slots::{Name, NameRules};

use super::Fault;
use super::placeholders::is_placeholder;
use crate::cells::{Kind, error_in};

/// What a Slot may hold; its CustomResourceDefinition says the same.
const MAX_PURPOSE: usize = 200;
const MAX_HOST: usize = 253;

/// The longest name of a namespace.
const MAX_LABEL: usize = 63;

pub(super) fn name(text: &str, rules: &NameRules) -> Result<Name, String> {
    let shown = sanitize_short(text);
    if error_in(text).is_some() {
        return Err(format!("{shown} is not a name: fix the formula"));
    }
    if text.contains(char::is_whitespace) {
        return Err(format!("{} is neither an e-mail nor a login: separate people by commas", quoted(text)));
    }
    if let Some(login) = text.strip_prefix('@') {
        return Err(format!("write {} without the @ before it", sanitize_short(login)));
    }
    rules.name(text).map_err(|error| error.to_string())
}

/// One line of text, whatever breaks it has in the cell.
pub(super) fn purpose(text: &str) -> Result<String, Fault> {
    if let Some(error) = error_in(text) {
        return Err((Kind::Error, error));
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.contains(is_harmful) {
        return Err((Kind::Text, "it contains an invisible character: type it again".to_owned()));
    }
    match line.chars().count() {
        0..=MAX_PURPOSE => Ok(line),
        length => Err((Kind::Text, format!("it has {length} characters, and {MAX_PURPOSE} are the most"))),
    }
}

pub(super) fn host(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(error) = error_in(text) {
        return Err((Kind::Error, error));
    }
    let host = text.to_ascii_lowercase();
    if is_placeholder(&host) {
        return Err((Kind::Text, format!("{} is not a host name: leave the cell empty", quoted(text))));
    }
    // What has no dot is above the hosts of others, or is nobody's.
    if is_host(&host) && host.contains('.') {
        return Ok(Some(host));
    }
    Err((Kind::Text, format!("{} is not a host name: write it as in mew.dev.example.com", quoted(text))))
}

/// True for what may be a Slot's host: labels with dots between them.
#[must_use]
pub fn is_host(text: &str) -> bool {
    text.len() <= MAX_HOST && text.split('.').all(is_made_of_label_signs)
}

/// True for what may be the name of a namespace.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL && is_made_of_label_signs(text)
}

fn is_made_of_label_signs(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !(text.is_empty() || text.starts_with('-') || text.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_row_has_two_labels_at_least() {
        assert_eq!(host("Mew.Example.com"), Ok(Some("mew.example.com".to_owned())));
        for text in ["com", "mew", "localhost"] {
            let (kind, what) = host(text).unwrap_err();
            assert!(
                kind == Kind::Text && what.contains("is not a host name: write it as in mew.dev"),
                "{text}: {what}"
            );
        }
    }

    #[test]
    fn a_host_is_made_of_labels() {
        for (text, host) in [
            ("mew.dev.example.com", true),
            ("mew", true),
            ("", false),
            ("a..b", false),
            ("-a.b", false),
            ("a\nb", false),
            ("Mew", false),
        ] {
            assert_eq!(is_host(text), host, "{text:?}");
        }
    }
}
