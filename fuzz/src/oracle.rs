//! Who is a stranger, and what may nobody write? Written from sections 2, 3 and 11 of the design, and from nothing of the
//! webhook's.

pub mod asked;
pub mod claim;
pub mod restamp;
pub mod role;
pub mod rules;
pub mod stamped;

pub use asked::{Asked, Part};
pub use claim::{Claim, Facts};
pub use role::Role;

/// The beginning of hotdesk's keys, and the one of them that others may write.
pub const PREFIX: &str = "hotdesk.dev/";
pub const FOR: &str = "hotdesk.dev/for";

/// True for a key that only hotdesk writes.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    key.starts_with(PREFIX) && key != FOR
}
