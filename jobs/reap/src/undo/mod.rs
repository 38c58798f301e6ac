//! How can a reap be undone?
//!
//! Before an uninstall, the release's record is copied, unchanged, to a Secret out of the slot (`saved`, `store`), from where
//! it goes when it is kept for no longer (`pruner`); what an uninstall would take, leave and lose is known beforehand
//! (`prospect`). To revive a release (`reviver`), its record is
//! put back and `helm rollback` does the rest; `judge` says whether that may be done, and what is left to do after a
//! reviver that was killed. Where nobody wants that any more, `purger` removes what was saved and what was kept in the slot
//! (`marked` finds it); `purge` says what goes, and what does not.
//!
//! Architecture Invariant: `judge`, `prospect`, `purge` and `saved` have no client, clock, environment or file.

pub mod args;
pub mod judge;
pub mod keeper;
pub mod marked;
pub mod objects;
pub mod prospect;
pub mod pruner;
pub mod purge;
pub mod purger;
pub mod restore;
pub mod reviver;
pub mod saved;
pub mod store;
