//! Does an object carry the stamp of its slot's claim?

use hotdesk_slots::keys;
use hotdesk_slots::stamp::Stamp;
use kube::api::ApiResource;

use super::marked::Meta;

/// True for an object whose marks are not those that the webhook would write now.
#[must_use]
pub fn needs_restamp(resource: &ApiResource, meta: &Meta, stamp: &Stamp) -> bool {
    let (labels, mut annotations) = (meta.labels(), meta.annotations());
    // Who deployed a release stays as it is, and whether this is a release, the metadata alone does not say.
    if resource.group.is_empty() && ["Secret", "ConfigMap"].contains(&resource.kind.as_str()) {
        annotations.reserved.retain(|(key, _)| key != keys::DEPLOYED_BY);
    }
    !stamp.changes(&labels, &annotations).is_empty()
}

/// Selects what is wrong for certain. What only the annotations say is found by looking at everything.
#[must_use]
pub fn selector(stamp: &Stamp) -> String {
    match stamp.labels.iter().find(|(key, _)| *key == keys::OWNER) {
        Some((key, owner)) => format!("{key}!={owner}"),
        None => keys::OWNER.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hotdesk_slots::{ClaimView, Name};
    use serde_json::{Value, json};

    use super::*;

    fn alices() -> Stamp {
        let users = vec![Name::parse("alice@example.com").unwrap()];
        Stamp::of("mew", Some(&ClaimView { users, purpose: "checkout".to_owned(), ..ClaimView::default() }))
    }

    fn resource(group: &str, kind: &str) -> ApiResource {
        ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: String::new(),
        }
    }

    /// An object of a kind whose metadata is alice's, but for this.
    #[track_caller]
    fn check(of: (&str, &str), stamp: &Stamp, change: &Value, expected: bool) {
        let mut meta = json!({
            "labels": {"app": "web", "hotdesk.dev/slot": "mew", "hotdesk.dev/owner": "alice_at_example.com"},
            "annotations": {
                "hotdesk.dev/owner": "alice@example.com", "hotdesk.dev/claimants": "alice@example.com",
                "hotdesk.dev/purpose": "checkout", "note": "x",
            },
        });
        json_patch::merge(&mut meta, change);
        let meta: Meta = serde_json::from_value(meta).unwrap();
        assert_eq!(needs_restamp(&resource(of.0, of.1), &meta, stamp), expected, "{of:?} {change}");
    }

    #[test]
    fn an_object_needs_a_restamp_where_any_reserved_key_is_not_the_claims() {
        let (web, stamp) = (("apps", "Deployment"), alices());
        check(web, &stamp, &json!({}), false);
        check(web, &stamp, &json!({"labels": {"app": "api", "hotdesk.dev/for": "bob"}}), false);
        check(web, &stamp, &json!({"labels": {"hotdesk.dev/owner": "bob"}}), true);
        check(web, &stamp, &json!({"labels": {"hotdesk.dev/owner": null}}), true);
        check(web, &stamp, &json!({"labels": {"hotdesk.dev/slot": "onix"}}), true);
        check(web, &stamp, &json!({"labels": null}), true);
        check(web, &stamp, &json!({"labels": {"hotdesk.dev/admin": "yes"}}), true);
        check(web, &stamp, &json!({"annotations": {"hotdesk.dev/owner": "bob"}}), true);
        check(web, &stamp, &json!({"annotations": {"hotdesk.dev/claimants": "alice@example.com,bob"}}), true);
        check(web, &stamp, &json!({"annotations": {"hotdesk.dev/purpose": null}}), true);
        check(web, &stamp, &json!({"annotations": {"hotdesk.dev/deployed-by": "bob"}}), true);
        check(web, &stamp, &json!({"annotations": null}), true);
    }

    #[test]
    fn who_deployed_a_release_is_not_decided_here() {
        let by = json!({"annotations": {"hotdesk.dev/deployed-by": "bob"}});
        for of in [("", "Secret"), ("", "ConfigMap")] {
            check(of, &alices(), &by, false);
        }
        check(("example.com", "Secret"), &alices(), &by, true);
    }

    #[test]
    fn in_a_free_slot_nothing_has_an_owner() {
        let free = Stamp::of("mew", None);
        check(("", "Pod"), &free, &json!({}), true);
        let nobodys = json!({
            "labels": {"hotdesk.dev/owner": null},
            "annotations": {"hotdesk.dev/owner": null, "hotdesk.dev/claimants": null, "hotdesk.dev/purpose": null},
        });
        check(("", "Pod"), &free, &nobodys, false);
        assert_eq!(selector(&free), "hotdesk.dev/owner");
        assert_eq!(selector(&alices()), "hotdesk.dev/owner!=alice_at_example.com");
    }
}
