//! When was each claim made whose time the Slot does not tell yet?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::plan::{Change, What};

/// The times of claims, until they stand in the Slots' status.
#[derive(Debug, Default)]
pub(super) struct ClaimTimes(BTreeMap<String, Timestamp>);

impl ClaimTimes {
    /// A change is written at this time. Its answer may be lost: then the claim is there, and nobody makes it again.
    pub(super) fn note(&mut self, change: &Change, at: Timestamp) {
        match change.what {
            What::Claimed => drop(self.0.insert(change.slot.clone(), at)),
            What::Released | What::GivenUp => self.forget(&change.slot),
            What::Changed | What::Settings => {}
        }
    }

    /// When the slot's claim was made, if that is still to be told.
    pub(super) fn of(&self, slot: &str) -> Option<Timestamp> {
        self.0.get(slot).copied()
    }

    /// It was told, or there is nothing to tell.
    pub(super) fn forget(&mut self, slot: &str) {
        self.0.remove(slot);
    }
}
