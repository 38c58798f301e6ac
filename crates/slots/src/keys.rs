//! Which names does hotdesk reserve on other people's objects?

/// Every label and annotation key that starts so belongs to hotdesk, except [`FOR`].
pub const PREFIX: &str = "hotdesk.dev/";

/// On a namespace: it is a slot. On an object: the name of the slot that it lives in.
pub const SLOT: &str = "hotdesk.dev/slot";

/// The owner: as a label in the spelling of [`crate::label::label_safe`], as an annotation exactly.
pub const OWNER: &str = "hotdesk.dev/owner";

/// Annotation: all users of the claim, comma-separated.
pub const CLAIMANTS: &str = "hotdesk.dev/claimants";

/// Annotation: why the slot is claimed.
pub const PURPOSE: &str = "hotdesk.dev/purpose";

/// Annotation on helm's release records only: the name of the user who sent the request.
pub const DEPLOYED_BY: &str = "hotdesk.dev/deployed-by";

/// Label that a trusted deployer which authenticates people can set, in the label-safe spelling: the person it deploys for.
pub const FOR: &str = "hotdesk.dev/for";

/// Annotation on the Slot itself: the label-safe spelling of every name of the claim,
/// comma-separated, so that the policy in the API server can compare [`FOR`] with it.
pub const CLAIMANT_LABELS: &str = "hotdesk.dev/claimant-labels";

/// Annotation on the Slot itself: when somebody last lost the slot (RFC 3339), by a release or a hand-over.
pub const LOST_AT: &str = "hotdesk.dev/lost-at";

/// Annotation on the Slot itself: when its present owner claimed it (RFC 3339).
pub const CLAIMED_AT: &str = "hotdesk.dev/claimed-at";

/// Annotation on the Slot itself: the id of its present claim, or of the last one where nobody holds it. Another whenever
/// a claim begins.
pub const CLAIM_ID: &str = "hotdesk.dev/claim-id";

/// The `RoleBinding` of a slot whose subjects are its claimants, where access follows the claim.
pub const CLAIMANTS_BINDING: &str = "hotdesk-claimants";

/// True for a key that only hotdesk may set, change or remove.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    key.starts_with(PREFIX) && key != FOR
}
