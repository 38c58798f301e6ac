//! Whose are the hooks of a release? hotdesk starts nothing in a slot that a former holder left there.
//!
//! An uninstall makes a release's hooks: Pods and Jobs, of any image, with any service account and Secret of the slot. Who held it
//! before could leave a record with such a hook, and hotdesk would run it among what the next holder has. So of a record that
//! is older than the claim in force no hook runs, and in doubt none does.

use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::undo::LABEL_WITHOUT_HOOKS;
use hotdesk_slots::{ClaimState, ClaimView, Slot, keys};
use jiff::{SignedDuration, Timestamp};

use super::history::History;

/// The webhook's clock says when a claim began, the API server's when a record was made.
const CLOCKS: SignedDuration = SignedDuration::from_secs(2);

/// The API server notes when an object was made in whole seconds.
const WHOLE: SignedDuration = SignedDuration::from_secs(1);

/// Why helm must not run the hooks of a release, if so: it is from before those hold the slot who hold it now.
#[must_use]
pub fn no_hooks(slot: &Slot, history: &History, now: Timestamp) -> Option<String> {
    let claim = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let claim = ClaimState::of(claim.as_ref(), now).held()?;
    let owner = claim.owner().map_or_else(|| "its holder".to_owned(), |name| sanitize_short(name.as_str()));
    let Some(began) = began(slot) else { return Some(format!("it is not known when {owner} claimed the slot")) };
    let before = if began.by_loss {
        "before somebody lost the slot that held it then".to_owned()
    } else {
        format!("before {owner} claimed the slot")
    };
    let newest = &history.newest;
    // A revive makes the record's object again, so that does not say how old it is.
    if newest.labels.get(LABEL_WITHOUT_HOOKS).is_some_and(|revision| *revision == newest.revision.to_string()) {
        return Some("a former holder deployed it, and it was brought back".to_owned());
    }
    // An ExternalSecret that was left makes its Secret again whenever that is gone.
    if newest.is_owned {
        return Some("a controller made its record, and not helm".to_owned());
    }
    let Some(created) = newest.created else { return Some("it is not known when its record was made".to_owned()) };
    // A record of theirs that is as old as their claim, to a clock's difference, they made in it.
    let theirs = newest.deployed_by.as_deref().is_some_and(|by| claim.admits([by], [""; 0]));
    // Before the claim with which a Slot was made, nobody held it.
    let made = slot.metadata.creation_timestamp.as_ref().filter(|_| !began.by_loss);
    let is_first = made.is_some_and(|made| later(made.0, WHOLE + CLOCKS) >= began.at);
    let is_after =
        if theirs || is_first { later(created, WHOLE + CLOCKS) > began.at } else { created >= later(began.at, CLOCKS) };
    if !is_after {
        return Some(format!("it was deployed {before}"));
    }
    // helm takes the newest by what they say, whatever their names and hotdesk's reading.
    let left = history.strays.iter().find(|stray| stray.created.is_none_or(|at| at < later(began.at, CLOCKS)));
    left.map(|stray| match stray.created {
        Some(_) => format!("{}, which helm reads as a record of it, was made {before}", sanitize_short(&stray.object)),
        None => {
            format!("it is not known who made {}, which helm reads as a record of it", sanitize_short(&stray.object))
        }
    })
}

/// Since when those hold the slot who hold it now.
struct Began {
    at: Timestamp,
    /// True if that is since somebody else lost it, and the claim is older.
    by_loss: bool,
}

/// None where that is not known.
fn began(slot: &Slot) -> Option<Began> {
    let claimed = noted(slot, keys::CLAIMED_AT).ok().and_then(|_| slot.claimed_at())?;
    let lost = noted(slot, keys::LOST_AT).ok()?.filter(|lost| *lost > claimed);
    Some(Began { at: lost.unwrap_or(claimed), by_loss: lost.is_some() })
}

/// True if that was after this moment, or is not known: a plan from then says nothing of hooks now.
#[must_use]
pub fn has_begun_since(slot: &Slot, moment: Timestamp) -> bool {
    slot.spec.claim.is_some() && began(slot).is_none_or(|began| began.at > moment)
}

fn noted(slot: &Slot, key: &str) -> Result<Option<Timestamp>, jiff::Error> {
    slot.metadata.annotations.as_ref().and_then(|marks| marks.get(key)).map(|text| text.parse()).transpose()
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
