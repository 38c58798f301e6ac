//! How are a few fields of a large object found without building the object?
//!
//! An object that anybody can write is as deep and as wide as they like. So nothing here calls itself for what is nested,
//! and nothing is kept but what is asked for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::review::Text;

/// Calls for each member of a map, and for each element of a list with an empty key. Of anything else, for nothing.
pub fn each<'a>(value: &'a RawValue, call: &mut dyn FnMut(&str, &'a RawValue)) {
    if value.get().starts_with(['{', '[']) {
        // It was read before, so it is JSON.
        drop(Each(call).deserialize(&mut serde_json::Deserializer::from_str(value.get())));
    }
}

/// Calls for each element of a list; for anything else but null, for itself.
pub fn elements<'a>(value: &'a RawValue, call: &mut dyn FnMut(&'a RawValue)) {
    if value.get().starts_with('[') {
        each(value, &mut |_, element| call(element));
    } else if value.get() != "null" {
        call(value);
    }
}

/// Calls for each value at a path such as `spec.rules[].host`.
pub fn at<'a>(value: &'a RawValue, path: &str, call: &mut dyn FnMut(&'a RawValue)) {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let (field, of_list) = step.strip_suffix("[]").map_or((step, false), |field| (field, true));
    let mut go_on = |found: &'a RawValue| if rest.is_empty() { call(found) } else { at(found, rest, call) };
    each(value, &mut |key, member| {
        if key == field && !of_list {
            go_on(member);
        } else if key == field && member.get().starts_with('[') {
            elements(member, &mut go_on);
        }
    });
}

/// The text, if it is one.
#[must_use]
pub fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    read_text(value.get())
}

/// Calls for every text in JSON at any depth, keys too, with the key that it belongs to; a key belongs to none.
pub fn texts<'a>(json: &'a str, call: &mut dyn FnMut(Option<&str>, &str)) {
    let mut key: Option<Cow<'a, str>> = None;
    let mut at = 0;
    while let Some(byte) = json.as_bytes().get(at) {
        match byte {
            b'"' => {
                let Some(end) = end_of_text(json, at) else { return };
                let found = json.get(at..end).and_then(read_text);
                if let Some(found) = &found {
                    call(key.as_deref(), found);
                }
                let is_key = json.get(end..).is_some_and(|rest| rest.trim_ascii_start().starts_with(':'));
                key = found.filter(|_| is_key);
                at = end;
            }
            // What follows belongs to no key any more.
            b',' | b'[' | b'{' => {
                key = None;
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Calls for each text with which the list begins that stands here, and reads no further: a list may hold others of its kind.
pub fn each_text(json: &str, call: &mut dyn FnMut(&str)) {
    let Some(mut rest) = json.trim_ascii_start().strip_prefix('[') else { return };
    loop {
        rest = rest.trim_ascii_start();
        let Some(end) = rest.strip_prefix('"').and_then(|_| end_of_text(rest, 0)) else { return };
        call(rest.get(..end).and_then(read_text).as_deref().unwrap_or_default());
        let behind = rest.get(end..).unwrap_or_default().trim_ascii_start();
        let Some(next) = behind.strip_prefix(',') else { return };
        rest = next;
    }
}

/// The text that stands in quotes here. Without escapes it is what stands between them.
fn read_text(quoted: &str) -> Option<Cow<'_, str>> {
    match quoted.strip_prefix('"')?.strip_suffix('"')? {
        plain if !plain.contains('\\') => Some(plain.into()),
        _ => serde_json::from_str::<Text<'_>>(quoted).ok().map(|text| text.0),
    }
}

/// Where the text ends whose first quote is here.
fn end_of_text(json: &str, from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        match json.as_bytes().get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

struct Each<'c, 'a>(&'c mut dyn FnMut(&str, &'a RawValue));

impl<'a> DeserializeSeed<'a> for Each<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Each<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(key), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            (self.0)(&key, value);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'a RawValue>()? {
            (self.0)("", value);
        }
        Ok(())
    }
}
