//! Who has just been let claim which slot, and how many does a person hold with those?
//!
//! A claim is admitted before it is stored, and stored before every webhook has seen it. In between, only these notes know of
//! it. They are kept where all webhooks read and write them one after the other (`limiter`), so of two claims
//! admitted at the same moment each is counted by whichever is judged second.

use std::collections::BTreeSet;

use hotdesk_slots::Name;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::book::Page;
use crate::guard::limit::Gain;

/// For how long a note counts by itself: until the claim is stored, which takes a moment. A claim that is not stored by then was
/// refused elsewhere, or was never made.
const COUNTS_FOR: SignedDuration = SignedDuration::from_secs(10);
/// For how long it is a reason to look at the Slot itself: another webhook may not have seen for as long
/// ([`crate::book::TRUSTED_FOR`]) that the claim was stored, and the rest is for clocks that differ.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(2);

/// What was admitted lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notes(Vec<Note>);

/// One claim that was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
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
    /// By what the watch has said, which may be old: a note counts as long as it is kept.
    ByTheWatch,
    /// As they are stored: a note counts for as long as storing takes.
    AsStored,
}

impl Notes {
    /// Reads what [`Notes::to_text`] wrote; nothing, if nothing was.
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
    /// index knows of; `look` shows a Slot as it was last seen.
    #[must_use]
    pub fn held<P: AsRef<Page>>(
        &self,
        gain: &Gain,
        owned: &[String],
        look: impl Fn(&str) -> Option<P>,
        now: Timestamp,
    ) -> Vec<String> {
        self.held_as(Known::ByTheWatch, gain, owned, look, now)
    }

    /// The same, where it matters how the Slots are known that `look` shows.
    #[must_use]
    pub fn held_as<P: AsRef<Page>>(
        &self,
        known: Known,
        gain: &Gain,
        owned: &[String],
        look: impl Fn(&str) -> Option<P>,
        now: Timestamp,
    ) -> Vec<String> {
        let notes = || self.0.iter().filter(|note| note.until > now && note.is_of(&gain.names));
        let counts = |note: &Note| known == Known::ByTheWatch || note.is_fresh(now);
        // Every slot is looked at once, for one look may see what another did not yet: either it shows that the slot is
        // theirs, or it is older than the note, or it shows that they did not get it.
        let slots: BTreeSet<&String> = notes().map(|note| &note.slot).chain(owned).collect();
        let is_held = |slot: &str| {
            let page = look(slot);
            let stored = page.as_ref().is_some_and(|page| gain.counts(page.as_ref().claim.as_ref(), now));
            stored || notes().any(|note| note.slot == slot && counts(note) && !is_newer(page.as_ref(), note.version))
        };
        slots.into_iter().filter(|slot| **slot != gain.slot && is_held(slot)).cloned().collect()
    }

    /// True if the write on which this gain rests comes too late: the Slot has been written since, and the API server
    /// stores nothing on a version that has passed.
    #[must_use]
    pub fn comes_too_late<P: AsRef<Page>>(gain: &Gain, page: Option<&P>) -> bool {
        is_newer(page, gain.version)
    }

    /// With this gain, and without what no longer counts. The same person's earlier attempt at the same slot has
    /// failed: else they would not gain it now.
    #[must_use]
    pub fn with(&self, gain: &Gain, now: Timestamp) -> Self {
        let stays = |note: &&Note| {
            let earlier = note.slot == gain.slot && note.is_of(&gain.names) && note.version <= gain.version;
            note.until > now && !earlier
        };
        let mut notes: Vec<Note> = self.0.iter().filter(stays).cloned().collect();
        notes.push(Note {
            slot: gain.slot.clone(),
            version: gain.version,
            names: gain.names.iter().map(Name::to_string).collect(),
            until: now.checked_add(KEPT_FOR).unwrap_or(Timestamp::MAX),
        });
        Self(notes)
    }
}

impl Note {
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.until.duration_since(now) > KEPT_FOR - COUNTS_FOR
    }

    fn is_of(&self, names: &[Name]) -> bool {
        names.iter().any(|name| self.names.iter().any(|noted| noted == name.as_str()))
    }
}

/// A version that cannot be compared proves nothing.
fn is_newer<P: AsRef<Page>>(page: Option<&P>, version: Option<u64>) -> bool {
    let seen = page.and_then(|page| page.as_ref().version);
    matches!((seen, version), (Some(seen), Some(version)) if seen > version)
}

#[cfg(test)]
mod tests;
