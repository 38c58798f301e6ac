//! Who is asking, as the API server writes it?

use std::borrow::Cow;
use std::fmt;

use hotdesk_slots::Requester;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::review::{Text, twice};

/// Who is asking, as the API server authenticated them.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    #[serde(borrow)]
    username: Text<'a>,
    #[serde(default)]
    groups: Option<Vec<Text<'a>>>,
    #[serde(default)]
    extra: Option<Extra<'a>>,
}

/// The keys with their values. There are nearly always so few that a list is searched faster than a map is made.
#[derive(Debug)]
struct Extra<'a>(Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>);

impl<'a> UserInfo<'a> {
    /// The requester.
    #[must_use]
    pub fn into_requester(self) -> Requester<'a> {
        Requester {
            username: self.username.0,
            groups: texts(self.groups),
            extra: self.extra.map(|extra| extra.0).unwrap_or_default(),
        }
    }
}

fn texts(texts: Option<Vec<Text<'_>>>) -> Vec<Cow<'_, str>> {
    texts.unwrap_or_default().into_iter().map(|text| text.0).collect()
}

impl<'de: 'a, 'a> Deserialize<'de> for Extra<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Extra<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of lists of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut extra: Vec<(Cow<'de, str>, Vec<Cow<'de, str>>)> = Vec::new();
                while let Some((Text(key), values)) = map.next_entry::<Text<'de>, Option<Vec<Text<'de>>>>()? {
                    extra.push((key, texts(values)));
                }
                match twice(extra.iter().map(|(key, _)| &**key)) {
                    Some(key) => Err(A::Error::custom(format_args!("userInfo.extra has the key {key} twice"))),
                    None => Ok(Extra(extra)),
                }
            }
        }
        deserializer.deserialize_map(Read)
    }
}
