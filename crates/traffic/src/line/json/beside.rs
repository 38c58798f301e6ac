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
                for (key, value) in fields {
                    let inside = by(key, Dialect::Either.field(key));
                    // Keys inside of what the sender chose may be the sender's as well.
                    let inside = if chosen == By::Sender && inside != By::Host { By::Sender } else { inside };
                    self.text(chosen, key);
                    self.take(inside, value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(chosen, item)),
            Value::String(text) => self.text(chosen, text),
            _ => {}
        }
    }

    fn text(&mut self, chosen: By, text: &str) {
        let (into, mark) = match chosen {
            By::Controller => (&mut self.values, '\n'),
            By::Message if !text.contains(" HTTP/") => (&mut self.values, '\n'),
            By::Host => (&mut self.hosts, ' '),
            _ => return,
        };
        into.push(mark);
        into.push_str(text);
    }
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
