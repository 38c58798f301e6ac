//! The vocabulary of hotdesk: what a slot is, who can use it, and what marks its objects.
//!
//! Everything here is data and pure functions. Time is an argument; there is no client, clock,
//! environment or file, so every rule can be read and tested by itself.
//!
//! Architecture Invariant: this crate does no I/O. Its `Cargo.toml` holds that: kube comes with
//! its derive and data types only.

pub mod address;
pub mod claim;
pub mod counted;
pub mod covered;
pub mod crd;
pub mod duration;
pub mod evidence;
pub mod identity;
pub mod json;
pub mod keys;
pub mod label;
pub mod origin;
pub mod pod_usage;
pub mod release;
pub mod requests;
pub mod session_records;
pub mod signals;
pub mod slot;
pub mod stamp;
pub mod text;
pub mod undo;
pub mod webhook_path;
pub mod window;

pub use claim::{ClaimState, ClaimView};
pub use identity::{IdentitySettings, Name, NameRules, People, Requester};
pub use slot::{Claim, ClaimSource, Mode, Slot, SlotSpec, SlotStatus, VerdictState};
