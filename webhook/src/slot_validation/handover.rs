//! Does somebody leave their own claim by this write, and do they mean it?
//!
//! A claim that loses its writer and keeps others is either left (nothing else changes) or handed over, and then the
//! write says to whom. So nobody gives a slot away by a slip, and nobody who came in by a group gives it to a name that
//! nobody has.

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::identity::Name;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{sanitize_short, shown_name};
use hotdesk_slots::{Claim, ClaimView, People};
use jiff::Timestamp;

use super::{Asked, respelled, same_claim};
use crate::settings::Settings;

/// To whom this write hands the slot over. What was there before is not said by it.
fn said<'a>(old: &Slot, new: &'a Slot) -> Option<&'a str> {
    let before = old.spec.claim.as_ref().and_then(|claim| claim.hand_to.as_ref());
    new.spec.claim.as_ref()?.hand_to.as_ref().filter(|to| Some(*to) != before).map(String::as_str)
}

/// What speaks against this write by a person.
pub(super) fn against(
    asked: &Asked<'_>,
    mine: &[Name],
    settings: &Settings,
    old: &Slot,
    new: &Slot,
    now: Timestamp,
) -> Option<String> {
    let was = old.spec.claim.as_ref().map(|claim| respelled(claim, &settings.people));
    let (is, to) = (as_stored(old, new.spec.claim.as_ref()?, &settings.people), said(old, new));
    let admits = |claim: &ClaimView| claim.admits(mine, &asked.requester.groups);
    let Some(was) = ClaimState::of(was.as_ref(), now).held().filter(|claim| admits(claim)) else {
        return to.map(|_| {
            "spec.claim.handTo: you do not hold the slot, so you cannot hand it over: leave it out".to_owned()
        });
    };
    match to {
        Some(to) => misses(to, was, &is, settings),
        None if admits(&is) || is_left(old, new, was, &is, mine) => None,
        None => Some(format!(
            "spec.claim.users: you are {}, and would not be in the claim any more. To hand the slot over: kubectl \
             hotdesk hand {slot} {}. To give it back: kubectl hotdesk release {slot}",
            shown_name(&asked.requester.username),
            is.owner().map_or_else(|| "NAME".to_owned(), |owner| shown_name(owner.as_str())),
            slot = sanitize_short(asked.namespace),
        )),
    }
}

/// The claim with those names that are stored: a person's write of the claim brings in no aliases of its own.
fn as_stored(old: &Slot, new: &Claim, people: &People) -> ClaimView {
    if same_claim(old.spec.claim.as_ref(), Some(new)) {
        return respelled(new, people);
    }
    respelled(&Claim { aliases: Vec::new(), ..new.clone() }, people)
}

/// Why the slot does not get to this name by the write.
fn misses(to: &str, was: &ClaimView, is: &ClaimView, settings: &Settings) -> Option<String> {
    let name = match Name::parse(to) {
        Ok(name) => settings.people.resolve(&name).0,
        Err(problem) => return Some(format!("spec.claim.handTo: {problem}")),
    };
    let fits = is.owner() == Some(&name) && !was.names(&name);
    (!fits).then(|| {
        format!(
            "spec.claim.handTo: {} is handed the slot only where that name is the first of spec.claim.users, and new \
             among them",
            shown_name(name.as_str())
        )
    })
}

/// True if nothing changes but that the writer is gone.
fn is_left(old: &Slot, new: &Slot, was: &ClaimView, is: &ClaimView, mine: &[Name]) -> bool {
    let rest = |claim: Option<&Claim>| {
        claim.map(|claim| (claim.groups.clone(), claim.purpose.clone(), claim.until.clone(), claim.source))
    };
    let stay = was.users.iter().filter(|user| !mine.contains(user));
    let (mut stay, mut users): (Vec<&Name>, Vec<&Name>) = (stay.collect(), is.users.iter().collect());
    stay.sort();
    users.sort();
    stay == users && rest(old.spec.claim.as_ref()) == rest(new.spec.claim.as_ref())
}

#[cfg(test)]
mod tests;
