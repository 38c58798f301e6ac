//! Who gains a slot by this write, and does anybody slip past the limit by it?
//!
//! A slot counts for its owner, the first user of a claim in force, by whatever name. To be named after the owner
//! costs nothing, so nobody is hindered by being added to somebody's claim. For that to hold, nobody may put another
//! before themselves and stay: a slot is claimed for oneself, or handed over to one person alone.

use std::collections::HashSet;

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{list, sanitize_short, shown_name};
use hotdesk_slots::{ClaimView, Name};
use jiff::Timestamp;

use super::people::{names_of, own_names, view};
use super::{Asked, Writer};
use crate::settings::Settings;

/// Somebody comes to own a slot, if this write is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquisition {
    /// The slot.
    pub slot: String,
    /// The owner to be.
    pub owner: Name,
    /// All names by which the owner is known.
    pub names: Vec<Name>,
    /// The version of the Slot on which the write would be made.
    pub version: Option<u64>,
    /// True if the owner is who asks.
    pub is_yours: bool,
}

impl Acquisition {
    /// True if this claim counts as this person's: it is in force, and they are its owner.
    #[must_use]
    pub fn counts(&self, claim: Option<&ClaimView>, now: Timestamp) -> bool {
        let Some(claim) = ClaimState::of(claim, now).held() else { return false };
        // The aliases of one user alone are certainly the owner's.
        let aliases = if claim.users.len() == 1 { claim.aliases.as_slice() } else { &[] };
        claim.owner().into_iter().chain(aliases).any(|name| self.names.contains(name))
    }

    /// What they read who hold enough.
    #[must_use]
    pub fn refusal(&self, held: &[String], most: usize, claim_url: Option<&str>) -> String {
        let slots = list(&held.iter().map(|slot| sanitize_short(slot)).collect::<Vec<_>>());
        let owner = shown_name(self.owner.as_str());
        let first = held.first().map(|slot| sanitize_short(slot)).unwrap_or_default();
        let sheet = claim_url.map_or_else(String::new, |url| format!(", or edit {url}"));
        if self.is_yours {
            format!(
                "you hold {slots}, and the limit here is {most}: release one first: kubectl hotdesk release {first}{sheet}"
            )
        } else {
            format!("{owner} holds {slots}, and the limit here is {most}: {owner} releases one first{sheet}")
        }
    }
}

/// Who gains the slot, if it is a person's own doing and there is a limit.
#[must_use]
pub fn acquisition(writer: Writer, asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Option<Acquisition> {
    let (Some(old), Some(new)) = (asked.old, asked.new) else { return None };
    if settings.max_slots == 0 || writer != Writer::Person || !asked.subresource.is_empty() {
        return None;
    }
    let (was, is) = (view(old), view(new));
    let owner = ClaimState::of(is.as_ref(), now).held()?.owner()?.clone();
    let mine = own_names(asked.requester, settings);
    let is_yours = mine.contains(&owner);
    let mut names = names_of(&owner, settings);
    if is_yours {
        let known: HashSet<Name> = names.iter().cloned().collect();
        names.extend(mine.into_iter().filter(|name| !known.contains(name)));
    }
    let version = old.metadata.resource_version.as_ref().and_then(|version| version.parse().ok());
    let acquisition = Acquisition { slot: asked.namespace.to_owned(), owner, names, version, is_yours };
    (!acquisition.counts(was.as_ref(), now)).then_some(acquisition)
}

/// What speaks against a hand-over that would leave the slot with people for whom it does not count.
pub(super) fn against(mine: &[Name], old: &Slot, new: &Slot, settings: &Settings, now: Timestamp) -> Option<String> {
    if settings.max_slots == 0 || old.spec.claim == new.spec.claim {
        return None;
    }
    let (was, is) = (view(old), view(new)?);
    let owner = is.owner()?;
    let names = names_of(owner, settings);
    let held = ClaimState::of(was.as_ref(), now).held();
    let stays_theirs = held.and_then(ClaimView::owner).is_some_and(|owner| names.contains(owner));
    let alone = is.users.iter().all(|user| names.contains(user)) && is.groups.is_empty();
    let fine = stays_theirs || alone || mine.contains(owner);
    (!fine).then(|| {
        format!(
            "spec.claim.users: here a person can hold {} at most, so a slot is handed over to one person alone: name {} and \
             nobody else, no group either; they can add others",
            match settings.max_slots {
                1 => "1 slot".to_owned(),
                most => format!("{most} slots"),
            },
            shown_name(owner.as_str())
        )
    })
}

#[cfg(test)]
mod tests;
