//! How can a reap be undone?
//!
//! Before an uninstall, every revision of the release that helm kept (`history`) is copied, unchanged, to Secrets out of the slot
//! (`saved`, `store`), from where they go when they are kept for no longer (`pruner`). What an uninstall would take, leave and
//! lose is known beforehand (`impact`, `losses`, `owned`), and so is whether its hooks can run (`hooks`); `saver` puts that together,
//! with what helm is given. To revive a release (`reviver`), the record of the revision that worked last is put back and `helm
//! rollback` does the rest (`restore`); `judge` says whether that may be done, and what is left to do after a reviver that was
//! killed. Where nobody wants that any more, `purger` removes what was saved and what was kept in the slot (`marked` finds it);
//! `purge` says what goes, and what does not.
//!
//! Architecture Invariant: `judge`, `losses`, `impact`, `purge` and `saved` have no client, clock, environment or file.

pub mod args;
pub mod former;
pub mod history;
pub mod hooks;
pub mod losses;
pub mod marked;
pub mod objects;
mod owned;
pub mod pruner;
pub mod purge;
pub mod purger;
pub mod restore;
pub mod restore_decision;
pub mod revive_job;
pub mod saved;
pub mod saver;
pub mod store;
pub mod uninstall_impact;
