//! Which request is it, where nothing else of it could be read?

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// The uid of a review that cannot be read, or of as much of one as has arrived: a denial must carry it.
pub(crate) fn uid_of(body: &[u8]) -> Option<String> {
    let mut uid = String::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    // It ends with an error: that the uid was found, or where the body is broken.
    let _end = Member("request", Member("uid", Found(&mut uid))).deserialize(&mut json);
    Some(uid).filter(|uid| !uid.is_empty())
}

/// The value of this key in a map.
struct Member<S>(&'static str, S);

impl<'de, S: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for Member<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()>> Visitor<'de> for Member<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map with {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                return map.next_value_seed(self.1);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Takes a text and ends the reading.
struct Found<'u>(&'u mut String);

impl<'de> DeserializeSeed<'de> for Found<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = String::deserialize(deserializer)?;
        Err(D::Error::custom("found"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uid_is_found_wherever_the_body_breaks_off_behind_it() {
        let body =
            br#"{"kind":"AdmissionReview","request":{"kind":{"kind":"Pod"},"uid":"u-1","object":{"a":"\u003c"}}}"#;
        let behind = body.windows(5).position(|w| w == b"\"u-1\"").unwrap() + 5;
        for end in 0..=body.len() {
            assert_eq!(uid_of(&body[..end]).as_deref(), (end >= behind).then_some("u-1"), "{end}");
        }
    }

    #[test]
    fn what_is_no_uid_is_none() {
        for body in ["", "[]", "{}", "null", r#"{"uid":"u"}"#, r#"{"request":{"uid":7}}"#, r#"{"request":{"uid":""}}"#]
        {
            assert_eq!(uid_of(body.as_bytes()), None, "{body}");
        }
    }
}
