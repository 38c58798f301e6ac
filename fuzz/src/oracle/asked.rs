//! What is asked, as the API server says it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    request: Written,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    uid: String,
    kind: Kind,
    resource: Resource,
    sub_resource: Option<String>,
    operation: String,
    user_info: User,
    namespace: Option<String>,
    name: Option<String>,
    dry_run: Option<bool>,
    object: Option<Box<RawValue>>,
    old_object: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(default)]
    group: String,
    resource: String,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
    groups: Option<Vec<String>>,
    extra: Option<BTreeMap<String, Option<Vec<String>>>>,
}

#[derive(Deserialize)]
struct Identified {
    request: Identity,
}

#[derive(Deserialize)]
struct Identity {
    uid: String,
}

/// An object of the review.
#[derive(Debug, Clone)]
pub enum Part {
    /// There is none.
    Absent,
    /// There is one that this reader cannot read: it is nested too deep, or holds a number that no float can hold.
    Odd,
    /// This is it.
    Read(Value),
}

/// A review that can be read.
#[derive(Debug)]
pub struct Asked {
    pub uid: String,
    pub group: String,
    pub kind: String,
    pub resource: (String, String),
    pub subresource: String,
    pub operation: String,
    pub username: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
    pub namespace: String,
    pub name: String,
    pub dry_run: bool,
    pub object: Part,
    pub old: Part,
    /// True if both objects are the same text.
    pub is_unchanged: bool,
}

/// The uid of a review that may be wrong otherwise; nothing where it is there twice.
#[must_use]
pub fn uid_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Identified>(body).ok().map(|review| review.request.uid)
}

impl Asked {
    /// Reads a body; nothing if it is not a review of the version that is spoken here.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let Review { api_version, kind, request } = serde_json::from_slice(body).ok()?;
        let extra = request.user_info.extra.unwrap_or_default();
        let (object, old) = (request.object.as_deref(), request.old_object.as_deref());
        let is_known = matches!(request.operation.as_str(), "CREATE" | "UPDATE" | "DELETE" | "CONNECT");
        (is_known && api_version == "admission.k8s.io/v1" && kind == "AdmissionReview").then(|| Self {
            uid: request.uid,
            group: request.kind.group,
            kind: request.kind.kind,
            resource: (request.resource.group, request.resource.resource),
            subresource: request.sub_resource.unwrap_or_default(),
            operation: request.operation,
            username: request.user_info.username,
            groups: request.user_info.groups.unwrap_or_default(),
            extra: extra.into_iter().map(|(key, values)| (key, values.unwrap_or_default())).collect(),
            namespace: request.namespace.unwrap_or_default(),
            name: request.name.unwrap_or_default(),
            dry_run: request.dry_run.unwrap_or_default(),
            object: Part::of(object),
            old: Part::of(old),
            is_unchanged: object.map(RawValue::get) == old.map(RawValue::get),
        })
    }

    /// True for a review of a Slot.
    #[must_use]
    pub fn is_slot(&self) -> bool {
        (self.resource.0.as_str(), self.resource.1.as_str()) == ("hotdesk.dev", "slots")
    }

    /// The resource in one piece: group, resource, subresource.
    #[must_use]
    pub fn target(&self) -> (&str, &str, &str) {
        (&self.resource.0, &self.resource.1, &self.subresource)
    }

    /// True for CREATE and UPDATE.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.operation.as_str(), "CREATE" | "UPDATE")
    }

    /// True if this key of `userInfo.extra` has a value.
    #[must_use]
    pub fn carries(&self, key: &str) -> bool {
        self.extra.get(key).is_some_and(|values| values.iter().any(|value| !value.is_empty()))
    }
}

impl Part {
    fn of(raw: Option<&RawValue>) -> Self {
        match raw.map(|raw| serde_json::from_str(raw.get())) {
            None => Self::Absent,
            Some(Ok(value)) => Self::Read(value),
            Some(Err(_)) => Self::Odd,
        }
    }

    /// The object, if there is one that can be read.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        if let Self::Read(value) = self { Some(value) } else { None }
    }

    /// A text in it, by its JSON pointer.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.value()?.pointer(pointer)?.as_str()
    }

    /// A label or an annotation.
    #[must_use]
    pub fn entry(&self, map: &str, key: &str) -> Option<&Value> {
        self.value()?.get("metadata")?.get(map)?.get(key)
    }
}
