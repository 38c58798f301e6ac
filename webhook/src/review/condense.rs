//! How is a review read that is too large to be held?
//!
//! As a stream. What the gate reads is copied into a much shorter review; the rest is checked and dropped as it passes. The
//! shorter review is then read like any other, so whatever is odd about the longer one (a key that is there twice, a label
//! that is not text) is as odd in the shorter one, and answered in the same way.
//!
//! serde_json does the reading here as it does elsewhere, so both ways of reading a review agree on what JSON is.

use std::fmt;
use std::io::Read;

use hotdesk_slots::keys;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::gated::{Gated, Node};
use crate::neighbours::routes::annotations::is_dns_name;
use crate::review::object::is_read;
use crate::review::templates::{BOUND, PRIORITY_CLASS};
use crate::review::{Unreadable, uid_of};

use kept::Kept;

mod kept;

/// What is kept of a value. Of a list in place of a map, all is.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// All of it.
    Whole,
    /// A text. Anything else is kept as null.
    Text,
    /// Of a map these members.
    Members(&'static [(&'static str, Keep)]),
    /// Of a map the entries that hotdesk reads.
    Entries,
    /// hotdesk's own entries and names in DNS in a template, where each may be anything, as the map itself.
    Marks,
    /// An object of the cluster, with its own room: these members of it.
    Object(&'static [(&'static str, Keep)]),
    /// The kind of the object, which says how much of it is kept.
    Kind,
    /// A number. Anything else is kept as null.
    Number,
    /// A field of an object that may lead to a template; by its name.
    Root(&'static str),
    /// A field on the way to a template, or a template.
    Tree(&'static Node),
}

/// What is kept of a review: all that [`crate::review::GateReview`] reads. What is missing here would be missing in large
/// reviews only, so every test of `answer` asks in both ways.
const REVIEW: Keep = Keep::Members(&[
    ("apiVersion", Keep::Whole),
    ("kind", Keep::Whole),
    (
        "request",
        Keep::Members(&[
            ("uid", Keep::Whole),
            ("kind", Keep::Kind),
            ("resource", Keep::Members(&[("group", Keep::Whole), ("resource", Keep::Whole)])),
            ("subResource", Keep::Whole),
            ("name", Keep::Whole),
            ("namespace", Keep::Whole),
            ("operation", Keep::Whole),
            ("userInfo", Keep::Members(&[("username", Keep::Whole), ("groups", Keep::Whole), ("extra", Keep::Whole)])),
            ("object", Keep::Object(OBJECT)),
            ("oldObject", Keep::Object(OBJECT)),
            ("dryRun", Keep::Whole),
        ]),
    ),
]);

/// What is kept of the kind.
const KIND: Keep = Keep::Members(&[("group", Keep::Whole), ("kind", Keep::Whole)]);

/// What is kept of an object: all that [`crate::review::object::Object`] reads. Of those of which more may be read
/// ([`crate::neighbours`]), everything is.
const OBJECT: &[(&str, Keep)] = &[
    ("type", Keep::Text),
    ("metadata", Keep::Members(&[("name", Keep::Whole), ("labels", Keep::Entries), ("annotations", Keep::Entries)])),
    ("spec", Keep::Root("spec")),
    ("template", Keep::Root("template")),
];

/// What is kept of a template's metadata.
const TEMPLATE: &[(&str, Keep)] = &[("labels", Keep::Marks), ("annotations", Keep::Marks)];

/// A large review, of which only what the gate reads is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condensed {
    json: Vec<u8>,
    left_out: bool,
    keeps_whole: bool,
}

/// Why a review could not be condensed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CondenseError {
    /// What is said about the request and its user does not fit.
    TooLarge {
        /// The request's uid, if that was read before.
        uid: Option<String>,
    },
    /// It is not a review, or it broke off.
    Unreadable(Unreadable),
}

impl Condensed {
    /// The short review.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The request's uid.
    #[must_use]
    pub fn uid(&self) -> Option<String> {
        uid_of(&self.json)
    }

    /// True if an object is missing from it, because what is read of it did not fit.
    #[must_use]
    pub fn lacks_an_object(&self) -> bool {
        self.left_out
    }

    /// True if that is all of it, and not only hotdesk's own labels and annotations.
    #[must_use]
    pub fn keeps_whole(&self) -> bool {
        self.keeps_whole
    }
}

impl CondenseError {
    /// The request's uid, if that was read before.
    #[must_use]
    pub fn into_uid(self) -> Option<String> {
        match self {
            Self::TooLarge { uid } | Self::Unreadable(Unreadable { uid, .. }) => uid,
        }
    }
}

/// Reads a review to its end, and keeps what the gate reads of it.
///
/// # Errors
/// When it is not JSON, breaks off, or says too much about its user.
pub fn condense(body: impl Read) -> Result<Condensed, CondenseError> {
    let mut kept = Kept::default();
    let mut json = serde_json::Deserializer::from_reader(body);
    let read = Copier { keep: REVIEW, kept: &mut kept }.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => {
            let keeps_whole = kept.keeps_whole != Some(false);
            Ok(Condensed { json: kept.json, left_out: kept.left_out, keeps_whole })
        }
        Err(_) if kept.is_full => Err(CondenseError::TooLarge { uid: uid_of(&kept.json) }),
        Err(e) => Err(CondenseError::Unreadable(Unreadable { uid: uid_of(&kept.json), what: e.to_string() })),
    }
}

/// Copies what is to be kept of the next value.
struct Copier<'k> {
    keep: Keep,
    kept: &'k mut Kept,
}

impl Keep {
    /// What is kept of the value of this key; nothing if it is not read.
    fn member(self, key: &str) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::Whole),
            Self::Entries => is_read(key).then_some(Self::Whole),
            Self::Marks => (key.starts_with(keys::PREFIX) || is_dns_name(key)).then_some(Self::Text),
            Self::Members(members) | Self::Object(members) => {
                members.iter().find(|(name, _)| *name == key).map(|(_, keep)| *keep)
            }
            Self::Root(_) if key == "expirationSeconds" => Some(Self::Number),
            Self::Root(_) if key == BOUND => Some(Self::Members(&[("kind", Self::Text)])),
            Self::Root(field) => Gated::table().below(field).and_then(|node| Self::of(node, key)),
            Self::Tree(node) => Self::of(node, key),
            Self::Text | Self::Number | Self::Kind => None,
        }
    }

    fn of(node: &'static Node, key: &str) -> Option<Self> {
        if key == PRIORITY_CLASS {
            return Some(Self::Text);
        }
        let metadata = node.template.filter(|_| key == "metadata").map(|_| Self::Members(TEMPLATE));
        metadata.or_else(|| node.below(key).map(Self::Tree))
    }

    /// What is kept of each element of a list; nothing if none is read.
    fn element(self) -> Option<Self> {
        match self {
            Self::Root(field) => Gated::table().below(field)?.each().map(Self::Tree),
            Self::Tree(node) => node.each().map(Self::Tree),
            Self::Text | Self::Number | Self::Marks | Self::Kind => None,
            Self::Whole | Self::Members(_) | Self::Entries | Self::Object(_) => Some(Self::Whole),
        }
    }

    /// True where maps, lists and the other scalars are not read.
    fn is_scalar(self) -> bool {
        matches!(self, Self::Text | Self::Number)
    }

    fn scalar(self, json: &str) -> &str {
        if matches!(self, Self::Whole | Self::Members(_) | Self::Entries | Self::Object(_)) { json } else { "null" }
    }
}

impl Copier<'_> {
    fn scalar<E: Error>(self, json: &str) -> Result<(), E> {
        self.kept.push(self.keep.scalar(json))
    }

    fn number<E: Error>(self, json: &str) -> Result<(), E> {
        self.kept.push(if matches!(self.keep, Keep::Number) { json } else { self.keep.scalar(json) })
    }
}

impl<'de> DeserializeSeed<'de> for Copier<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { keep, kept } = self;
        match keep {
            Keep::Object(_) => {
                kept.begin_object();
                let keep = if kept.keeps_whole == Some(true) { Keep::Whole } else { keep };
                deserializer.deserialize_any(Copier { keep, kept: &mut *kept })?;
                kept.end_object();
            }
            Keep::Kind => {
                let from = kept.json.len();
                deserializer.deserialize_any(Copier { keep: KIND, kept: &mut *kept })?;
                kept.note_kind(from);
            }
            _ => return deserializer.deserialize_any(Copier { keep, kept }),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Copier<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(&serde_json::Value::from(value).to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.keep {
            Keep::Number | Keep::Root(_) | Keep::Tree(_) | Keep::Marks => self.kept.push("null"),
            _ => self.kept.push_text(text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(keep) = self.keep.element() else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return self.kept.push("null");
        };
        let mut is_first = true;
        self.kept.push("[")?;
        while list.next_element_seed(Element(keep, &mut is_first, &mut *self.kept))?.is_some() {}
        self.kept.push("]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.keep.is_scalar() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return self.kept.push("null");
        }
        let mut is_first = true;
        self.kept.push("{")?;
        while let Some(keep) = map.next_key_seed(Key(self.keep, &mut is_first, &mut *self.kept))? {
            match keep {
                Some(keep) => map.next_value_seed(Copier { keep, kept: &mut *self.kept })?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        self.kept.push("}")
    }
}

/// An element of a list, with the comma before it.
struct Element<'k>(Keep, &'k mut bool, &'k mut Kept);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(keep, is_first, kept) = self;
        kept.begin(is_first)?;
        deserializer.deserialize_any(Copier { keep, kept })
    }
}

/// A key, with the comma before it. It is copied if its value is read, and says what is kept of that.
struct Key<'k>(Keep, &'k mut bool, &'k mut Kept);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Keep>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<Keep>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let Self(keep, is_first, kept) = self;
        let Some(keep) = keep.member(key) else { return Ok(None) };
        kept.begin(is_first)?;
        kept.push_text(key)?;
        kept.push(":")?;
        Ok(Some(keep))
    }
}

#[cfg(test)]
mod tests;
