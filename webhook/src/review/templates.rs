//! Which of hotdesk's keys, names in DNS and priority classes does an object hold for what a controller makes of it?
//!
//! A controller copies the labels of a pod template to the pods. So nobody but hotdesk may write its keys there. Of an
//! object, only the few fields that the table names are looked into, and the rest is skipped.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

use hotdesk_slots::keys;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::gated::{Gated, Node};
use crate::neighbours::routes::annotations::is_dns_name;
use crate::review::Text;
use crate::review::object::MaybeText;

/// Of an object's `spec` or `template`: hotdesk's keys in its templates, its pods' names and priority, and for how long and for what a token
/// shall last.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Templates<'a> {
    marks: Vec<Mark<'a>>,
    /// `spec.expirationSeconds`, which a `TokenRequest` has.
    pub expiration_seconds: Option<i64>,
    /// True if `spec.boundObjectRef`, which a `TokenRequest` has, names a pod.
    pub binds_pod: bool,
    /// The annotations by which pods ask for names in DNS.
    pub dns_names: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The priority classes that pods shall have.
    pub priorities: BTreeSet<Cow<'a, str>>,
}

/// The field of a pod's spec that names its priority class. It stands only where a template is on the way.
pub(super) const PRIORITY_CLASS: &str = "priorityClassName";

/// The field of a `TokenRequest` that says with what its token ends.
pub(super) const BOUND: &str = "boundObjectRef";

/// One of hotdesk's keys in a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Mark<'a> {
    /// Which template, by its number in the table.
    template: usize,
    /// `labels` or `annotations`.
    map: &'static str,
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}

/// A key of hotdesk's that a write brings into a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved<'a> {
    /// The template, such as `spec.template`.
    pub template: &'a str,
    /// `labels` or `annotations`.
    pub map: &'static str,
    /// Such as `hotdesk.dev/owner`.
    pub key: &'a str,
}

/// Reads the field `spec` of an object.
///
/// # Errors
/// If it is not JSON.
pub fn spec<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Templates<'de>, D::Error> {
    read("spec", deserializer)
}

/// Reads the field `template` of an object.
///
/// # Errors
/// If it is not JSON.
pub fn template<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Templates<'de>, D::Error> {
    read("template", deserializer)
}

/// The first of hotdesk's keys that an object of this kind holds in a template, and did not hold there before.
/// `hotdesk.dev/for` does not count where the writer may name that person.
#[must_use]
pub fn newly_reserved<'b>(
    new: [&'b Templates<'_>; 2],
    old: Option<[&Templates<'_>; 2]>,
    (group, kind): (&str, &str),
    may_name: &dyn Fn(&str) -> bool,
) -> Option<Reserved<'b>> {
    let templates = &Gated::table().templates;
    let counts = |mark: &&Mark<'_>| {
        let has_it = templates.get(mark.template).is_some_and(|template| template.is_of(group, kind));
        has_it && !(mark.key == keys::FOR && may_name(&mark.value))
    };
    let mut found = new.into_iter().flat_map(|part| &part.marks).filter(counts).peekable();
    found.peek()?;
    let before: HashSet<&Mark<'_>> = old.into_iter().flatten().flat_map(|part| &part.marks).collect();
    let mark = found.find(|mark| !before.contains(*mark))?;
    let template = templates.get(mark.template)?;
    Some(Reserved { template: &template.field, map: mark.map, key: &mark.key })
}

fn read<'de, D: Deserializer<'de>>(field: &str, deserializer: D) -> Result<Templates<'de>, D::Error> {
    let mut found = Templates::default();
    let at = Gated::table().below(field).map_or(At::Nowhere, At::Top);
    deserializer.deserialize_any(Walk { at, found: &mut found })?;
    Ok(found)
}

/// A walk into a field. Custom resources may hold anything anywhere, so nothing is an error.
struct Walk<'t, 'a> {
    at: At<'t>,
    found: &'t mut Templates<'a>,
}

/// Where the walk is.
#[derive(Clone, Copy)]
enum At<'t> {
    /// Where nothing is to be found.
    Nowhere,
    /// In `spec` or `template` itself.
    Top(&'t Node),
    /// In a field on the way to a template, or in a template.
    Field(&'t Node),
    /// In the `metadata` of a template.
    Metadata(usize),
    /// In one of its maps.
    Entries(usize, &'static str),
    /// At the seconds of a token.
    Seconds,
    /// In what a token is bound to.
    Bound,
    /// At the kind of that.
    BoundKind,
}

impl<'t> At<'t> {
    fn below(self, key: &str) -> Self {
        match self {
            Self::Top(_) if key == "expirationSeconds" => Self::Seconds,
            Self::Top(_) if key == BOUND => Self::Bound,
            Self::Bound if key == "kind" => Self::BoundKind,
            Self::Top(node) | Self::Field(node) => match node.template.filter(|_| key == "metadata") {
                Some(template) => Self::Metadata(template),
                None => node.below(key).map_or(Self::Nowhere, Self::Field),
            },
            Self::Metadata(template) if key == "labels" => Self::Entries(template, "labels"),
            Self::Metadata(template) if key == "annotations" => Self::Entries(template, "annotations"),
            _ => Self::Nowhere,
        }
    }

    fn each(self) -> Self {
        match self {
            Self::Top(node) | Self::Field(node) => node.each().map_or(Self::Nowhere, Self::Field),
            _ => Self::Nowhere,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.at {
            At::Nowhere => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match self.at {
                At::Entries(template, field) if key.starts_with(keys::PREFIX) => {
                    let value = map.next_value::<MaybeText<'de>>()?.0.unwrap_or_default();
                    self.found.marks.push(Mark { template, map: field, key, value });
                }
                At::Entries(_, "annotations") if is_dns_name(&key) => {
                    let value = map.next_value::<MaybeText<'de>>()?.0.unwrap_or_default();
                    self.found.dns_names.push((key, value));
                }
                At::Top(_) | At::Field(_) if key == PRIORITY_CLASS => {
                    self.found.priorities.extend(map.next_value::<MaybeText<'de>>()?.0);
                }
                at => map.next_value_seed(Walk { at: at.below(&key), found: &mut *self.found })?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let at = self.at.each();
        while list.next_element_seed(Walk { at, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        if matches!(self.at, At::Seconds) {
            self.found.expiration_seconds = Some(number);
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        // What does not fit is longer than anything.
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found.binds_pod |= matches!(self.at, At::BoundKind) && text == "Pod";
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
