//! How can a reap be undone?
//!
//! Before an uninstall, the release's record is copied, unchanged, to a Secret out of the slot (`saved`, `store`), from where
//! it goes when it is kept for no longer (`pruner`); what an uninstall would take, leave and lose is known beforehand
//! (`prospect`). To revive a release (`reviver`), its record is
//! put back and `helm rollback` does the rest; `judge` says whether that may be done, and what is left to do after a
//! reviver that was killed.
//!
//! Architecture Invariant: `judge`, `prospect` and `saved` have no client, clock, environment or file.

pub mod args;
pub mod judge;
pub mod keeper;
pub mod objects;
pub mod prospect;
pub mod pruner;
pub mod restore;
pub mod reviver;
pub mod saved;
pub mod store;
