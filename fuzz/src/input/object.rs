//! What is written?

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

use super::text::{Text, Word};

/// An object of the cluster, as far as hotdesk could care.
#[derive(Debug, Clone, Arbitrary)]
pub struct Object {
    metadata: Metadata,
    type_: Option<Text>,
    templates: Vec<Template>,
    seconds: Option<i64>,
    more: Option<Text>,
}

#[derive(Debug, Clone, Arbitrary)]
enum Metadata {
    Some(Option<Text>, Entries, Entries),
    Named(Option<Text>, Entries, Entries),
    Generated(Option<Text>, Entries, Entries),
    Absent,
    Null,
}

/// Labels or annotations.
#[derive(Debug, Clone, Arbitrary)]
pub enum Entries {
    Some(Vec<(Key, Entry)>),
    More(Vec<(Key, Entry)>),
    Absent,
    Null,
}

/// A key of a label or annotation.
#[derive(Debug, Clone, Arbitrary)]
pub enum Key {
    Own(OwnKey),
    For,
    HelmOwner,
    App,
    Forged(Text),
    Lookalike(Lookalike),
    Text(Text),
}

/// hotdesk's own keys.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum OwnKey {
    Slot,
    Owner,
    Claimants,
    Purpose,
    DeployedBy,
    ClaimantLabels,
    ClaimedAt,
    LostAt,
    ClaimId,
}

/// Keys that are not hotdesk's.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Lookalike {
    Upper,
    Below,
    Longer,
    Bare,
    Pointer,
}

/// A value of a label or annotation.
#[derive(Debug, Clone, Arbitrary)]
pub enum Entry {
    Word(Word),
    Text(Text),
    /// Seldom null or a number.
    Other(u8),
}

/// A place in an object whose metadata a controller copies, with marks in it.
#[derive(Debug, Clone, Arbitrary)]
struct Template {
    place: Place,
    labels: Entries,
    annotations: Entries,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Place {
    Pod,
    Volume,
    Claim,
    Job,
    JobsPod,
    JobsVolume,
    Top,
    TopVolume,
    OwnVolume,
    Spec,
}

impl Object {
    /// The object as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = json!({});
        self.metadata.write(&mut object);
        if let Some(text) = &self.type_ {
            put(&mut object, &["type"], text.text().into());
        }
        if let Some(seconds) = self.seconds {
            put(&mut object, &["spec", "expirationSeconds"], seconds.into());
        }
        if let Some(text) = &self.more {
            put(&mut object, &["data", "text"], text.text().into());
        }
        for template in &self.templates {
            template.write(&mut object);
        }
        object
    }
}

impl Metadata {
    fn write(&self, object: &mut Value) {
        let (name, labels, annotations, generated) = match self {
            Self::Absent => return,
            Self::Null => return put(object, &["metadata"], Value::Null),
            Self::Some(name, labels, annotations) | Self::Named(name, labels, annotations) => {
                (name, labels, annotations, false)
            }
            Self::Generated(name, labels, annotations) => (name, labels, annotations, true),
        };
        put(object, &["metadata"], json!({}));
        if let Some(name) = name {
            put(object, &["metadata", if generated { "generateName" } else { "name" }], name.text().into());
        }
        labels.write(object, &["metadata", "labels"]);
        annotations.write(object, &["metadata", "annotations"]);
    }
}

impl Entries {
    /// Puts the entries into an object.
    pub fn write(&self, object: &mut Value, path: &[&str]) {
        match self {
            Self::Absent => {}
            Self::Null => put(object, path, Value::Null),
            Self::Some(entries) | Self::More(entries) => {
                let entries: Map<String, Value> =
                    entries.iter().map(|(key, value)| (key.key(), value.json())).collect();
                put(object, path, Value::Object(entries));
            }
        }
    }
}

impl Key {
    /// The key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Own(own) => own.key().to_owned(),
            Self::For => "hotdesk.dev/for".to_owned(),
            Self::HelmOwner => "owner".to_owned(),
            Self::App => "app.kubernetes.io/name".to_owned(),
            Self::Forged(rest) => format!("hotdesk.dev/{}", rest.text()),
            Self::Lookalike(lookalike) => lookalike.key().to_owned(),
            Self::Text(text) => text.text(),
        }
    }
}

impl OwnKey {
    fn key(self) -> &'static str {
        match self {
            Self::Slot => "hotdesk.dev/slot",
            Self::Owner => "hotdesk.dev/owner",
            Self::Claimants => "hotdesk.dev/claimants",
            Self::Purpose => "hotdesk.dev/purpose",
            Self::DeployedBy => "hotdesk.dev/deployed-by",
            Self::ClaimantLabels => "hotdesk.dev/claimant-labels",
            Self::ClaimedAt => "hotdesk.dev/claimed-at",
            Self::LostAt => "hotdesk.dev/lost-at",
            Self::ClaimId => "hotdesk.dev/claim-id",
        }
    }
}

impl Lookalike {
    fn key(self) -> &'static str {
        match self {
            Self::Upper => "HOTDESK.dev/owner",
            Self::Below => "x.hotdesk.dev/owner",
            Self::Longer => "xhotdesk.dev/owner",
            Self::Bare => "hotdesk.dev",
            Self::Pointer => "hotdesk.dev~1owner",
        }
    }
}

impl Entry {
    /// The value.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Text(text) => text.text().into(),
            Self::Word(word) => word.text().into(),
            Self::Other(byte) => match byte % 32 {
                31 => Value::Null,
                30 => 7.into(),
                _ => "true".into(),
            },
        }
    }
}

impl Template {
    fn write(&self, object: &mut Value) {
        let mut template = json!({"metadata": {}});
        self.labels.write(&mut template, &["metadata", "labels"]);
        self.annotations.write(&mut template, &["metadata", "annotations"]);
        let volumes = json!([{"name": "a"}, {"name": "b", "ephemeral": {"volumeClaimTemplate": template}}]);
        let (path, value): (&[&str], Value) = match self.place {
            Place::Pod => (&["spec", "template"], template),
            Place::Volume => (&["spec", "template", "spec", "volumes"], volumes),
            Place::Claim => (&["spec", "volumeClaimTemplates"], json!([template])),
            Place::Job => (&["spec", "jobTemplate"], template),
            Place::JobsPod => (&["spec", "jobTemplate", "spec", "template"], template),
            Place::JobsVolume => (&["spec", "jobTemplate", "spec", "template", "spec", "volumes"], volumes),
            Place::Top => (&["template"], template),
            Place::TopVolume => (&["template", "spec", "volumes"], volumes),
            Place::OwnVolume => (&["spec", "volumes"], volumes),
            Place::Spec => (&["spec"], template),
        };
        put(object, path, value);
    }
}

/// Sets a field, and makes the maps on the way to it.
pub fn put(object: &mut Value, path: &[&str], value: Value) {
    let mut at = object;
    for field in path {
        if !at.is_object() {
            *at = json!({});
        }
        let Value::Object(entries) = at else { return };
        at = entries.entry(*field).or_insert(Value::Null);
    }
    *at = value;
}
