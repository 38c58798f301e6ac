//! Who has just been let claim which slot, and how many does a person hold with those?
//!
//! A claim is admitted before it is stored, and stored before every webhook has seen it. In between, only these reservations know of
//! it. They are kept where all webhooks read and write them one after the other (`limiter`), so of two claims
//! admitted at the same moment each is counted by whichever is judged second.

use std::collections::BTreeSet;

use hotdesk_slots::Name;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::slot_cache::SlotEntry;
use crate::slot_validation::limit::Acquisition;

/// For how long a reservation counts by itself: until the claim is stored, which takes a moment. A claim that is not stored by then was
/// refused elsewhere, or was never made.
const COUNTS_FOR: SignedDuration = SignedDuration::from_secs(10);
/// For how long it is a reason to lookup at the Slot itself: another webhook may not have seen for as long
/// ([`crate::slot_cache::TRUSTED_FOR`]) that the claim was stored, and the rest is for clocks that differ.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(2);

/// What was admitted lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reservations(Vec<Reservation>);

/// One claim that was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reservation {
    slot: String,
    /// The Slot's version then. Once the Slot is newer, it says itself who got it.
    #[serde(default)]
    version: Option<u64>,
    /// All names of the owner to be.
    names: Vec<String>,
    /// Until then it is kept.
    until: Timestamp,
}

/// How the Slots are known that a person can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// By what the watch has said, which may be old: a reservation counts as long as it is kept.
    ByTheWatch,
    /// As they are stored: a reservation counts for as long as storing takes.
    AsStored,
}

impl Reservations {
    /// Reads what [`Reservations::to_text`] wrote; nothing, if nothing was.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    /// What is kept.
    ///
    /// # Errors
    /// Never for texts and numbers; the encoder asks for it.
    pub fn to_text(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|e| e.to_string())
    }

    /// The slots that this person holds or is about to hold, besides the one in question. `owned` are those that the
    /// index knows of; `lookup` shows a Slot as it was last seen.
    #[must_use]
    pub fn held<P: AsRef<SlotEntry>>(
        &self,
        acquisition: &Acquisition,
        owned: &[String],
        lookup: impl Fn(&str) -> Option<P>,
        now: Timestamp,
    ) -> Vec<String> {
        self.held_as(Known::ByTheWatch, acquisition, owned, lookup, now)
    }

    /// The same, where it matters how the Slots are known that `lookup` shows.
    #[must_use]
    pub fn held_as<P: AsRef<SlotEntry>>(
        &self,
        known: Known,
        acquisition: &Acquisition,
        owned: &[String],
        lookup: impl Fn(&str) -> Option<P>,
        now: Timestamp,
    ) -> Vec<String> {
        let reservations =
            || self.0.iter().filter(|reservation| reservation.until > now && reservation.is_of(&acquisition.names));
        let counts = |reservation: &Reservation| known == Known::ByTheWatch || reservation.is_fresh(now);
        // Every slot is looked at once, for one lookup may see what another did not yet: either it shows that the slot is
        // theirs, or it is older than the reservation, or it shows that they did not get it.
        let slots: BTreeSet<&String> = reservations().map(|reservation| &reservation.slot).chain(owned).collect();
        let is_held = |slot: &str| {
            let entry = lookup(slot);
            let stored = entry.as_ref().is_some_and(|entry| acquisition.counts(entry.as_ref().claim.as_ref(), now));
            stored
                || reservations().any(|reservation| {
                    reservation.slot == slot && counts(reservation) && !is_newer(entry.as_ref(), reservation.version)
                })
        };
        slots.into_iter().filter(|slot| **slot != acquisition.slot && is_held(slot)).cloned().collect()
    }

    /// True if the write on which this acquisition rests comes too late: the Slot has been written since, and the API server
    /// stores nothing on a version that has passed.
    #[must_use]
    pub fn comes_too_late<P: AsRef<SlotEntry>>(acquisition: &Acquisition, entry: Option<&P>) -> bool {
        is_newer(entry, acquisition.version)
    }

    /// With this acquisition, and without what no longer counts. The same person's earlier attempt at the same slot has
    /// failed: else they would not acquire it now.
    #[must_use]
    pub fn with(&self, acquisition: &Acquisition, now: Timestamp) -> Self {
        let stays = |reservation: &&Reservation| {
            let earlier = reservation.slot == acquisition.slot
                && reservation.is_of(&acquisition.names)
                && reservation.version <= acquisition.version;
            reservation.until > now && !earlier
        };
        let mut reservations: Vec<Reservation> = self.0.iter().filter(stays).cloned().collect();
        reservations.push(Reservation {
            slot: acquisition.slot.clone(),
            version: acquisition.version,
            names: acquisition.names.iter().map(Name::to_string).collect(),
            until: now.checked_add(KEPT_FOR).unwrap_or(Timestamp::MAX),
        });
        Self(reservations)
    }
}

impl Reservation {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.until.duration_since(now) > KEPT_FOR - COUNTS_FOR
    }

    fn is_of(&self, names: &[Name]) -> bool {
        names.iter().any(|name| self.names.iter().any(|noted| noted == name.as_str()))
    }
}

/// A version that cannot be compared proves nothing.
fn is_newer<P: AsRef<SlotEntry>>(entry: Option<&P>, version: Option<u64>) -> bool {
    let seen = entry.and_then(|entry| entry.as_ref().version);
    matches!((seen, version), (Some(seen), Some(version)) if seen > version)
}

#[cfg(test)]
mod tests;
