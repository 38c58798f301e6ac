//! What is written down of a reaped release, so that it can be brought back?
//!
//! The reaper writes it next to the release's record, the reviver acts on it, and the command line shows it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::plain;

/// The type of the Secrets that hold a reaped release.
pub const SECRET_TYPE: &str = "hotdesk.dev/reaped-release";
/// Label: the release's name.
pub const LABEL_RELEASE: &str = "reaped.hotdesk.dev/release";
/// Label: its revision.
pub const LABEL_REVISION: &str = "reaped.hotdesk.dev/revision";
/// Annotation: an [`About`], as JSON.
pub const ABOUT: &str = "reaped.hotdesk.dev/about";

/// What is known of a reaped release besides its record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The release's name.
    pub release: String,
    /// Its revision.
    pub revision: i64,
    /// `secret` or `configmap`: where helm kept its record.
    pub driver: String,
    /// The name of the object that held the record.
    pub object: String,
    /// The labels of that object, but for hotdesk's own.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was saved.
    pub at: Timestamp,
    /// When the reap began that it was saved for: the releases of one reap have it in common.
    pub run: Timestamp,
    /// Who held the slot then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it was reaped.
    #[serde(default)]
    pub reason: String,
    /// The objects that were told to stay.
    #[serde(default)]
    pub kept: Vec<ObjectRef>,
    /// Replicas that were other than the manifest says.
    #[serde(default)]
    pub replicas: Vec<Replicas>,
    /// What cannot be brought back.
    #[serde(default)]
    pub lost: Vec<String>,
}

/// How many replicas an object had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// Which object.
    pub object: ObjectRef,
    /// How many.
    pub replicas: i64,
}

/// Which object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version, as the manifest writes them.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace, where the object names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", plain(&self.kind), plain(&self.name))
    }
}

impl About {
    /// What a person should know before it is brought back, one line each. `owner` is who holds the slot now.
    #[must_use]
    pub fn reservations(&self, owner: Option<&str>) -> Vec<String> {
        let lost = self.lost.iter().map(|what| format!("not brought back: {}", plain(what)));
        let whose = self.owner.as_deref().filter(|old| Some(*old) != owner);
        let whose = whose.map(|old| format!("it was reaped while {} held the slot", plain(old)));
        whose.into_iter().chain(lost).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_whose_it_was_is_said_beforehand() {
        let owner = Some("bob@example.com".to_owned());
        let about = About { owner, lost: vec!["the data of PersistentVolumeClaim/a".to_owned()], ..About::default() };
        let lost = "not brought back: the data of PersistentVolumeClaim/a";
        assert_eq!(about.reservations(Some("bob@example.com")), [lost]);
        assert_eq!(about.reservations(Some("eve")), ["it was reaped while bob@example.com held the slot", lost]);
    }
}
