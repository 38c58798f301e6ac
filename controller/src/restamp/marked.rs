//! Of an object, what does the restamper read?
//!
//! hotdesk's keys alone: who deploys may put a megabyte of labels on each object, and the restamper serves all slots.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use hotdesk_slots::keys;
use hotdesk_slots::stamp::Marks;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// Some objects of a list.
#[derive(Debug, Default, Deserialize)]
pub struct Page {
    #[serde(default)]
    metadata: PageMeta,
    /// Null where there are none.
    #[serde(default)]
    items: Option<Vec<Marked>>,
}

#[derive(Debug, Default, Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

/// An object.
#[derive(Debug, Default, Deserialize)]
pub struct Marked {
    /// Its metadata.
    pub metadata: Meta,
}

/// Of an object's metadata: what the restamper reads.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its version.
    pub resource_version: Option<String>,
    labels: Reserved,
    annotations: Reserved,
}

/// hotdesk's own entries; none where the field is absent or null.
#[derive(Debug, Default)]
struct Reserved(Option<BTreeMap<String, String>>);

impl Page {
    /// The objects.
    pub fn into_items(self) -> impl Iterator<Item = Meta> {
        self.items.unwrap_or_default().into_iter().map(|object| object.metadata)
    }

    /// How to ask for the next page, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.metadata.token.as_deref().filter(|token| !token.is_empty())
    }
}

impl Meta {
    /// hotdesk's own labels.
    #[must_use]
    pub fn labels(&self) -> Marks<'_> {
        self.labels.marks()
    }

    /// hotdesk's own annotations.
    #[must_use]
    pub fn annotations(&self) -> Marks<'_> {
        self.annotations.marks()
    }
}

impl Reserved {
    fn marks(&self) -> Marks<'_> {
        let own = self.0.iter().flatten().map(|(key, value)| (Cow::from(key), Cow::from(value)));
        Marks { present: self.0.is_some(), reserved: own.collect() }
    }
}

impl<'de> Deserialize<'de> for Reserved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Reserved;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels or annotations")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Reserved(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut own = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if keys::is_reserved(&key) {
                        own.insert(key, map.next_value::<Option<String>>()?.unwrap_or_default());
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Reserved(Some(own)))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_an_object_hotdesks_keys_are_read_and_the_rest_is_passed_over() {
        let labels = json!({"app": "web", "hotdesk.dev/owner": "alice", "hotdesk.dev/for": "bob"});
        let metadata = json!({"name": "web", "resourceVersion": "7", "labels": labels, "annotations": null,
            "managedFields": [{"manager": "x"}]});
        let list = json!({"kind": "PartialObjectMetadataList", "metadata": {"continue": "t"}, "items": [{"metadata": metadata}]});
        let page: Page = serde_json::from_value(list).unwrap();
        assert_eq!(page.next(), Some("t"));
        let meta = page.into_items().next().unwrap();
        assert_eq!((meta.name.as_str(), meta.resource_version.as_deref()), ("web", Some("7")));
        assert_eq!(meta.labels().reserved, [("hotdesk.dev/owner".into(), "alice".into())]);
        assert!(meta.labels().present && !meta.annotations().present);
        for none in [json!([]), json!(null)] {
            let last: Page = serde_json::from_value(json!({"metadata": {"continue": ""}, "items": none})).unwrap();
            assert_eq!((last.next().map(str::to_owned), last.into_items().count()), (None, 0));
        }
    }
}
