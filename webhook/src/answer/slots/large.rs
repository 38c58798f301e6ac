//! What becomes of a Slot that is too large to be read whole?
//!
//! No Slot needs to be. One that could grow without bounds could be made so large by its holder that nobody can write it
//! any more, so its growth is stopped long before that.

use std::borrow::Cow;

use hotdesk_slots::slot::Slot;
use hotdesk_slots::{Claim, Requester};
use json_patch::Patch;
use serde_json::value::RawValue;

use crate::answer::too_large::{TooLarge, denied};
use crate::answer::{Answer, Context, is_slot};
use crate::review::{Operation, Request, SlotReview, Unreadable};
use crate::slot_validation::Writer;

use super::{Ruled, decided, misdirected, rule};

/// The largest Slot that anybody makes, as JSON. A review holds it twice, and both are read in less than 50 ms.
const MOST: usize = 512 << 10;

/// How many names and groups a claim may have, as the schema of Slots says. An API server asks here before it looks at
/// that, and a hundred thousand names would be compared with each other.
const NAMES: [(&str, usize); 3] = [("users", 256), ("aliases", 1024), ("groups", 64)];

/// The Slot, unless its claim has more names than any may have.
pub(super) fn bounded(slot: Slot) -> Result<Slot, String> {
    match slot.spec.claim.as_ref().and_then(too_many) {
        Some(problem) => Err(problem),
        None => Ok(slot),
    }
}

fn too_many(claim: &Claim) -> Option<String> {
    let lists = [&claim.users, &claim.aliases, &claim.groups].into_iter().zip(NAMES);
    let mut longer = lists.filter(|(list, (_, most))| list.len() > *most);
    let (list, (field, most)) = longer.next()?;
    Some(format!("spec.claim.{field}: it has {} entries, and can have {most} at most", list.len()))
}

/// True if a Slot becomes larger than any Slot needs to be. What hotdesk's own accounts write into the status of one that is
/// large already is not a reason to deny them.
pub(super) fn grows_too_large(request: &Request<'_, &RawValue>) -> bool {
    let length = |object: Option<&RawValue>| object.map_or(0, |raw| raw.get().len());
    let new = length(request.object);
    request.subresource().is_empty() && new > MOST && new > length(request.old_object)
}

/// The denial of a Slot that becomes too large.
pub(super) fn refused<'a>(
    uid: Cow<'a, str>,
    request: Request<'a, &'a RawValue>,
    requester: Requester<'a>,
) -> Answer<'a> {
    let unread = Ruled { writer: Writer::Person, patch: Patch::default(), acquisition: None, warnings: Vec::new() };
    denied(decided(uid, request, requester, Ok(unread)), TooLarge::Slot)
}

/// Answers a review of a Slot of which nothing but its metadata was kept: a user who can delete it does, and break-glass
/// writes it as it is. The others are denied.
///
/// # Errors
/// Where the review cannot be read.
pub(in crate::answer) fn answer<'a>(body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut review = SlotReview::parse(body)?;
    let requester = review.request.take_requester();
    let uid = std::mem::take(&mut review.request.uid.0);
    // What was kept of the objects is not the Slot.
    (review.request.object, review.request.old_object) = (None, None);
    if !is_slot(&review.request) {
        return Ok(misdirected(uid));
    }
    if review.request.operation == Operation::Delete {
        let result = rule(&review.request, &requester, None, &uid, context);
        return Ok(decided(uid, review.request, requester, result));
    }
    let breaks_glass = context.settings.breaks_glass(&requester);
    if !breaks_glass {
        return Ok(refused(uid, review.request, requester));
    }
    let warning = "the Slot is so large that hotdesk did not put it into form".to_owned();
    let ruled =
        Ruled { writer: Writer::BreakGlass, patch: Patch::default(), acquisition: None, warnings: vec![warning] };
    Ok(decided(uid, review.request, requester, Ok(ruled)))
}

#[cfg(test)]
mod tests;
