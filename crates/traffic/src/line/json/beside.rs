//! What does a line of JSON say beside who served? Only asked where that is nobody who is known.
//!
//! Any key may name the slot then, known or not, at any depth. What its sender chooses says nothing, but for the host: that
//! is why the line was written here at all.

use serde_json::Value;

use super::Dialect;
use crate::line::fields::Field;

/// What a line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// What the controller wrote, one value a line.
    pub values: String,
    /// The hosts that were asked for, with a blank between them.
    pub hosts: String,
}

/// Words in keys of what a sender chooses.
const OF_THE_SENDER: [&str; 8] = ["refer", "cookie", "quer", "args", "user", "header", "uri", "forwarded"];

/// Who chose a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Controller,
    Sender,
    /// It holds the host that was asked for.
    Host,
    /// The same in an object of what the sender chose: all in it that is not a query says a host, or nothing.
    SentHost,
    /// The controller, in words that may quote the request.
    Message,
}

/// Reads a line.
#[must_use]
pub fn beside(line: &str, dialect: Dialect<'_>) -> Beside {
    let mut found = Beside::default();
    if let Ok(Value::Object(fields)) = serde_json::from_str(line) {
        fields.iter().for_each(|(key, value)| found.take(by(key, dialect.field(key)), value));
    }
    found
}

impl Beside {
    fn take(&mut self, chosen: By, value: &Value) {
        match value {
            Value::Object(fields) => {
                let header = ["name", "key"].iter().find_map(|key| fields.get(*key)?.as_str());
                let chosen = of_header(chosen, header);
                for (key, value) in fields {
                    self.text(chosen, key);
                    self.take(inside(chosen, key), value);
                }
            }
            Value::Array(items) => {
                let header = items.first().and_then(Value::as_str).filter(|_| items.len() == 2);
                let chosen = of_header(chosen, header);
                items.iter().for_each(|item| self.take(chosen, item));
            }
            Value::String(text) => match text.split_once(':') {
                Some((name, host)) if chosen == By::Sender && is_name(name) => {
                    self.text(of_header(chosen, Some(name)), host.trim());
                }
                _ => self.text(chosen, text),
            },
            _ => {}
        }
    }

    fn text(&mut self, chosen: By, text: &str) {
        let (into, mark) = match chosen {
            By::Controller => (&mut self.values, '\n'),
            By::Message if !text.contains(" HTTP/") => (&mut self.values, '\n'),
            By::Host | By::SentHost => (&mut self.hosts, ' '),
            _ => return,
        };
        into.push(mark);
        into.push_str(text);
    }
}

/// Who chose what stands under a key of an object.
fn inside(chosen: By, key: &str) -> By {
    let found = by(key, Dialect::Either.field(key));
    match chosen {
        // Keys inside of what the sender chose may be the sender's as well.
        By::Sender if found == By::Host || says_a_host(key) => By::SentHost,
        By::Sender => By::Sender,
        By::SentHost if found == By::Sender => By::Sender,
        By::SentHost => By::SentHost,
        _ => found,
    }
}

/// The same of a header that stands beside its name.
fn of_header(chosen: By, name: Option<&str>) -> By {
    if chosen == By::Sender && name.is_some_and(says_a_host) { By::SentHost } else { chosen }
}

/// True for the name of a header.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// True for a key or a header that has the host that was asked for, in whatever capitals.
fn says_a_host(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let has = |word: &&str| key.contains(*word);
    ["host", "domain", "authority", "url", "sni", "server_name", "servername", "server-name"].iter().any(has)
        && !["refer", "cookie", "quer", "args", "user"].iter().any(has)
}

/// Who chose what stands under a key.
fn by(key: &str, field: Option<Field>) -> By {
    let Some(field) = field else { return by_word(&key.to_ascii_lowercase()) };
    match field {
        Field::Host | Field::AskedUrl | Field::Url => By::Host,
        Field::Message => By::Message,
        Field::Path | Field::Agent | Field::Sent | Field::Protocol => By::Sender,
        // The ports of Traefik have names that slots may have.
        Field::EntryPoint => By::Sender,
        _ => By::Controller,
    }
}

fn by_word(key: &str) -> By {
    let has = |word: &&str| key.contains(*word);
    if !OF_THE_SENDER.iter().any(has) {
        return By::Controller;
    }
    // `x_forwarded_host` and `upstream_uri`; the host of a referer is where the sender came from.
    if ["host", "uri"].iter().any(has) && !["refer", "cookie", "quer"].iter().any(has) { By::Host } else { By::Sender }
}
