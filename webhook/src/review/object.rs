//! Which few fields of an object are read, and how is the rest skipped?
//!
//! A field that is added here is added to `OBJECT` in `review/condense.rs` too, which keeps it of large reviews.

use std::borrow::Cow;
use std::fmt;

use hotdesk_slots::keys;
use hotdesk_slots::stamp::Marks;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::neighbours::routes::annotations::is_dns_name;
use crate::review::templates::{self, Templates};
use crate::review::{Text, twice};

/// helm's own label on its release records.
const HELM_OWNER: &str = "owner";

/// Of an object: what the gate reads.
#[derive(Debug, Default, Deserialize)]
pub struct Object<'a> {
    /// The top-level `type`, which Secrets have. Other kinds may hold anything there.
    #[serde(borrow, default, rename = "type")]
    pub type_: MaybeText<'a>,
    /// Absent from the options of a CONNECT.
    #[serde(borrow, default)]
    pub metadata: Option<Metadata<'a>>,
    /// hotdesk's keys in what controllers make other objects of, below `spec`.
    #[serde(borrow, default, deserialize_with = "templates::spec")]
    pub spec: Templates<'a>,
    /// The same below `template`.
    #[serde(borrow, default, deserialize_with = "templates::template")]
    pub template: Templates<'a>,
}

/// Of an object's metadata: what the gate reads.
#[derive(Debug, Default, Deserialize)]
pub struct Metadata<'a> {
    /// Absent at CREATE with `generateName`.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// The labels that hotdesk reads.
    #[serde(borrow, default)]
    pub labels: Option<Entries<'a>>,
    /// The annotations that hotdesk reads.
    #[serde(borrow, default)]
    pub annotations: Option<Entries<'a>>,
}

/// The entries of a map that hotdesk reads: its own keys, helm's `owner`, and names in DNS. The others are skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// A text, or something else that is none of our business.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MaybeText<'a>(pub Option<Cow<'a, str>>);

impl<'a> Entries<'a> {
    /// The value of a key that hotdesk reads.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_ref())
    }

    /// The reserved entries of a field that may be absent.
    #[must_use]
    pub fn marks<'b>(entries: Option<&'b Self>) -> Marks<'b> {
        let all = entries.into_iter().flat_map(|e| &e.0);
        let reserved = all.filter(|(k, _)| keys::is_reserved(k)).map(|(k, v)| (k.as_ref().into(), v.as_ref().into()));
        Marks { present: entries.is_some(), reserved: reserved.collect() }
    }
}

impl<'a> Object<'a> {
    /// A label that hotdesk reads.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.labels.as_ref()?.get(key)
    }

    /// The priority classes in what pods are made of, which the older object does not have there.
    pub fn new_priorities<'o>(&'o self, old: Option<&'o Self>) -> impl Iterator<Item = &'o str> {
        let before = move |class: &str| {
            old.is_some_and(|old| [&old.spec, &old.template].iter().any(|part| part.priorities.contains(class)))
        };
        let named = [&self.spec, &self.template].into_iter().flat_map(|part| &part.priorities);
        named.map(AsRef::as_ref).filter(move |class| !before(class))
    }

    /// The annotations by which pods ask for names in DNS, of a pod or of what pods are made of.
    pub fn dns_names<'o>(
        &'o self,
        (group, kind): (&str, &str),
    ) -> impl Iterator<Item = (&'o str, &'o str)> + use<'o, 'a> {
        // The annotations of a Binding become those of its pod.
        let is_pods = group.is_empty() && matches!(kind, "Pod" | "Binding");
        let own = self.metadata.as_ref().filter(|_| is_pods).and_then(|metadata| metadata.annotations.as_ref());
        let own = own.into_iter().flat_map(|entries| &entries.0).filter(|(key, _)| is_dns_name(key));
        let made = [&self.spec, &self.template].into_iter().flat_map(|part| &part.dns_names);
        own.chain(made).map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// True if helm calls itself the owner of the object.
    #[must_use]
    pub fn is_helms(&self) -> bool {
        self.label(HELM_OWNER) == Some("helm")
    }
}

/// True for the keys of labels and annotations that hotdesk reads.
pub(super) fn is_read(key: &str) -> bool {
    key.starts_with(keys::PREFIX) || key == HELM_OWNER || is_dns_name(key)
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    if is_read(&key) {
                        let value = map.next_value::<Option<Text<'de>>>()?;
                        entries.push((key, value.unwrap_or_default().0));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                match twice(entries.iter().map(|(key, _)| &**key)) {
                    // Another reader of the object might take the other one.
                    Some(key) => Err(A::Error::custom(format_args!("the key {key} is there twice"))),
                    None => Ok(Entries(entries)),
                }
            }
        }
        deserializer.deserialize_map(Read)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MaybeText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = MaybeText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(MaybeText(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(MaybeText(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(MaybeText(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(MaybeText(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(MaybeText(None))
            }
        }
        deserializer.deserialize_any(Read)
    }
}
