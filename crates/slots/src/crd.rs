//! How does the Slot's CustomResourceDefinition read, as the chart ships it?

use kube::CustomResourceExt;
use serde_json::Value;

use crate::slot::Slot;

/// The CustomResourceDefinition, with what the chart adds: `helm uninstall` leaves it in place, so
/// that taking hotdesk away takes away nobody's claim.
#[must_use]
pub fn crd() -> Value {
    let mut crd = serde_json::to_value(Slot::crd()).unwrap_or_default();
    if let Some(metadata) = crd.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), serde_json::json!({"helm.sh/resource-policy": "keep"}));
    }
    crd
}
