//! What is a name, a purpose, a host?

use hotdesk_slots::Name;
use hotdesk_slots::text::{is_harmful, plain};

use super::Fault;
use crate::cells::{Kind, error_in};

/// What a Slot may hold; its CustomResourceDefinition says the same.
const MAX_PURPOSE: usize = 200;
const MAX_HOST: usize = 253;

pub(super) fn name(text: &str) -> Result<Name, String> {
    let shown = plain(text);
    if error_in(text).is_some() {
        return Err(format!("{shown} is no name: mend the formula"));
    }
    if text.contains(char::is_whitespace) {
        return Err(format!("\"{shown}\" is no e-mail and no login: separate people by commas"));
    }
    if let Some(login) = text.strip_prefix('@') {
        return Err(format!("write {} without the @ before it", plain(login)));
    }
    Name::parse(text).map_err(|error| error.to_string())
}

/// One line of text, whatever breaks it has in the cell.
pub(super) fn purpose(text: &str) -> Result<String, Fault> {
    if let Some(error) = error_in(text) {
        return Err((Kind::Error, error));
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.contains(is_harmful) {
        return Err((Kind::Text, "it contains an invisible character: type it anew".to_owned()));
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
    let label = |label: &str| {
        label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !(label.is_empty() || label.starts_with('-') || label.ends_with('-'))
    };
    if host.len() <= MAX_HOST && host.split('.').all(label) {
        return Ok(Some(host));
    }
    Err((Kind::Text, format!("\"{}\" is no host name: write it as in mew.dev.example.com", plain(text))))
}
