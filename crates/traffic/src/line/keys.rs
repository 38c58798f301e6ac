//! Which keys of a JSON log of the operator's own say what?

use hotdesk_slots::text::sanitize_short;

use super::fields::{self, Field};

/// The keys of a log of the operator's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// `<namespace>-<service>-<port>`.
    pub upstream: Option<String>,
    /// The namespace of the Service, the Ingress or the route that served.
    pub namespace: Option<String>,
    /// When it was logged.
    pub time: Option<String>,
    /// The path that was asked for.
    pub path: Option<String>,
    /// The user agent.
    pub agent: Option<String>,
}

impl Keys {
    /// Whether a log with these keys can tell whose a request was.
    ///
    /// # Errors
    /// Says what is missing, or said twice.
    pub fn check(&self) -> Result<(), String> {
        let named: Vec<&String> = self.all().into_iter().filter_map(|(key, _)| key.as_ref()).collect();
        if self.upstream.is_none() && self.namespace.is_none() {
            return Err("name the field that holds the upstream, or the one that holds the namespace".to_owned());
        }
        if named.iter().any(|key| key.is_empty()) {
            return Err("a field has no name".to_owned());
        }
        match named.iter().enumerate().find(|(index, key)| named.iter().take(*index).any(|other| other == *key)) {
            Some((_, key)) => Err(format!("{} is named for two things", sanitize_short(key))),
            None => Ok(()),
        }
    }

    fn all(&self) -> [(&Option<String>, Field); 5] {
        [
            (&self.upstream, Field::Upstream),
            (&self.namespace, Field::Namespace),
            (&self.time, Field::Time),
            (&self.path, Field::Path),
            (&self.agent, Field::Agent),
        ]
    }

    /// What a key is; only what the operator named says who served.
    pub(super) fn field(&self, key: &str) -> Option<Field> {
        let named = self.all().into_iter().find(|(name, _)| name.as_deref() == Some(key));
        named.map(|(_, field)| field).or_else(|| {
            let known = fields::field(key)?;
            Some(match known {
                Field::Time => Field::Plain,
                Field::Path | Field::Agent => Field::Sent,
                _ if known.says_who_served() => Field::Standard,
                _ => known,
            })
        })
    }
}
