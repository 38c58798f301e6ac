//! Of a Slot, what does the gate read?
//!
//! Of a hundred thousand Slots most bytes are marks and status, and who manages which field: they are passed over, not taken
//! in. What is read may be odd all the same: one Slot that cannot be read must not hide the others, nor its slot be open.

use std::borrow::Cow;
use std::fmt;

use hotdesk_slots::slot::{Claim, Mode, SLOT_NAME, Slot};
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::{ClaimView, keys};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::slot_cache::SlotEntry;

/// A Slot as the gate reads it.
#[derive(Debug, Clone, Default)]
pub struct SlotMeta {
    /// Its name, namespace and version; nothing else.
    metadata: ObjectMeta,
    /// Whether it carries the id of a claim.
    has_claim_id: bool,
    /// As it is written. Values, not types: what does not fit is this Slot's matter, not the list's.
    spec: Value,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    spec: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
    annotations: HasClaimId,
}

/// Of the annotations: whether the id of a claim is among them.
#[derive(Debug, Default)]
struct HasClaimId(bool);

/// Of a Slot's spec: what the gate reads. The rest may be as odd as it likes.
#[derive(Debug, Default, Deserialize)]
struct GateSpec {
    #[serde(default)]
    claim: Option<Claim>,
    #[serde(default)]
    mode: Option<Mode>,
}

impl<'de> Deserialize<'de> for SlotMeta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { metadata, spec } = Written::deserialize(deserializer)?;
        let Metadata { name, namespace, resource_version, annotations } = metadata.unwrap_or_default();
        let metadata = ObjectMeta { name, namespace, resource_version, ..ObjectMeta::default() };
        Ok(Self { metadata, has_claim_id: annotations.0, spec })
    }
}

impl<'de> Deserialize<'de> for HasClaimId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = HasClaimId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(HasClaimId(false))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = false;
                while let Some(key) = map.next_key::<String>()? {
                    map.next_value::<IgnoredAny>()?;
                    found |= key == keys::CLAIM_ID;
                }
                Ok(HasClaimId(found))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The API server has it where it has Slots.
impl Resource for SlotMeta {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Slot::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Slot::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Slot::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Slot::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl SlotMeta {
    /// The namespace, if this is the Slot of one.
    pub(crate) fn slot(&self) -> Option<&str> {
        self.metadata.namespace.as_deref().filter(|_| self.metadata.name.as_deref() == Some(SLOT_NAME))
    }

    /// What the cache holds of it; nothing if it is not the Slot of a namespace.
    pub(crate) fn entry(self) -> Option<SlotEntry> {
        let version = self.version();
        let namespace = self.slot()?.to_owned();
        // Also of a Slot that cannot be read: its host is nobody else's for that.
        let host = self.spec.get("host").and_then(Value::as_str).map(str::to_owned);
        let entry = match Option::<GateSpec>::deserialize(self.spec).map(Option::unwrap_or_default) {
            Ok(spec) => SlotEntry::new(&namespace, spec.claim.as_ref().map(ClaimView::parse_lossy), spec.mode),
            Err(error) => {
                tracing::error!(slot = %sanitize_short(&namespace), error = %sanitize_short(&error.to_string()), "a Slot cannot be read: its slot is closed");
                SlotEntry::unreadable(&namespace)
            }
        };
        Some(entry.version(version).host(host.as_deref()).with_claim_id(self.has_claim_id))
    }

    fn version(&self) -> Option<u64> {
        self.metadata.resource_version.as_deref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests;
