//! Where do Endpoints and EndpointSlices send requests?
//!
//! To any address of the cluster, another slot's pods among them. So people write none; the cluster's controllers do.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::raw::{at, each};

/// The label that says whose endpoints a slice holds.
const SERVICE: &str = "kubernetes.io/service-name";

/// True if a write changes anything but marks.
#[must_use]
pub fn changed(new: &RawValue, old: Option<&RawValue>) -> bool {
    old.is_none_or(|old| content(new) != content(old))
}

/// All that leads somewhere.
fn content(object: &RawValue) -> BTreeSet<(String, &str)> {
    let mut content = BTreeSet::new();
    each(object, &mut |field, value| {
        if !matches!(field, "apiVersion" | "kind" | "metadata") && value.get() != "null" {
            content.insert((field.to_owned(), value.get()));
        }
    });
    at(object, "metadata.labels", &mut |labels| {
        each(labels, &mut |key, value| {
            if key == SERVICE {
                content.insert((key.to_owned(), value.get()));
            }
        });
    });
    content
}
