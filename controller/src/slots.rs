//! How is a Slot read, so that one that cannot be read hides no other?

use hotdesk_slots::slot::SLOT_NAME;
use hotdesk_slots::{ClaimView, Slot};
use kube::Client;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DynamicObject};

/// A Slot that can be read.
#[derive(Debug, Clone)]
pub struct ReadSlot {
    /// Its namespace, which is its name for people.
    pub name: String,
    /// The Slot.
    pub slot: Slot,
    /// Its claim.
    pub claim: Option<ClaimView>,
    /// `spec.claim.until` to the letter: the policy compares texts.
    pub until: Option<String>,
    /// `status.lapsedUntil` to the letter.
    pub lapsed_until: Option<String>,
}

/// The resource of Slots.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<Slot>(&())
}

/// All Slots, as they are stored.
#[must_use]
pub fn all(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &resource())
}

/// The Slots of one namespace, as they are stored.
#[must_use]
pub fn within(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &resource())
}

impl ReadSlot {
    /// Reads a Slot; none for what is not a Slot of hotdesk's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(object: &DynamicObject) -> Result<Option<Self>, String> {
        let Some(name) = object.namespace().filter(|_| object.name_any() == SLOT_NAME) else { return Ok(None) };
        let text = |pointer: &str| object.data.pointer(pointer).and_then(|value| value.as_str()).map(str::to_owned);
        let slot: Slot = object.clone().try_parse().map_err(|error| error.to_string())?;
        let claim = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
        Ok(Some(Self {
            name,
            slot,
            claim,
            until: text("/spec/claim/until"),
            lapsed_until: text("/status/lapsedUntil"),
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn object(name: &str, spec: &Value, status: &Value) -> DynamicObject {
        let object = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": spec, "status": status,
            "metadata": {"name": name, "namespace": "mew", "annotations": {"hotdesk.dev/claim-id": "c1"}}});
        serde_json::from_value(object).unwrap()
    }

    pub(crate) fn read(spec: &Value, status: &Value) -> ReadSlot {
        ReadSlot::read(&object("slot", spec, status)).unwrap().unwrap()
    }

    #[test]
    fn a_slot_is_read_with_its_times_to_the_letter() {
        let until = "2026-11-23T16:00:00.500+01:00";
        let slot = read(&json!({"claim": {"users": ["alice"], "until": until}}), &json!({"lapsedUntil": until}));
        assert_eq!((slot.until.as_deref(), slot.lapsed_until.as_deref()), (Some(until), Some(until)));
        assert_eq!(slot.claim.unwrap().until.unwrap().to_string(), "2026-11-23T15:00:00.5Z");
    }

    #[test]
    fn what_cannot_be_read_says_why_and_another_name_is_no_slot() {
        let unreadable = object("slot", &json!({"claim": {"users": "alice"}}), &Value::Null);
        assert!(ReadSlot::read(&unreadable).unwrap_err().contains("expected a sequence"));
        assert!(ReadSlot::read(&object("other", &json!({}), &Value::Null)).unwrap().is_none());
    }
}
