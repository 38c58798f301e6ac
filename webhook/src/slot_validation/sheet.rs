//! Who may write a claim that follows a sheet?
//!
//! Such a claim is what its sheet says: hotdesk's sync writes it, and people change it in the sheet. What an
//! administrator writes over it stays the sheet's, so that the next sync brings the sheet's claim back.

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::{Claim, ClaimSource, ClaimView};
use jiff::Timestamp;

use super::{Writer, same_claim};
use crate::settings::Settings;

/// What speaks against this write by a person.
pub(super) fn against_person(old: &Slot, new: &Slot, settings: &Settings, now: Timestamp) -> Option<String> {
    let (was, is) = (old.spec.claim.as_ref(), new.spec.claim.as_ref());
    if same_claim(was, is) {
        return None;
    }
    if in_force(was, now) && is_sheets(was) {
        let sheet = settings.claim_url.as_deref().unwrap_or("the sheet");
        return Some(format!(
            "spec.claim: it comes from a sheet, and is changed there, not here: edit {sheet}, or ask somebody who can"
        ));
    }
    // What a lapsed claim left behind is not the person's doing; `source` takes it away.
    (is_sheets(is) && !is_sheets(was))
        .then(|| "spec.claim.source: only hotdesk's sync sets it: leave it out".to_owned())
}

/// What speaks against this write by the sync: it follows the sheet, and takes from nobody what is not the sheet's.
pub(super) fn against_sync(old: &Slot, new: &Slot, now: Timestamp) -> Vec<String> {
    let (was, is) = (old.spec.claim.as_ref(), new.spec.claim.as_ref());
    let fields = [
        ("spec.mode", old.spec.mode != new.spec.mode),
        ("spec.clearAfter", new.spec.clear_after.is_some() && old.spec.clear_after != new.spec.clear_after),
        ("spec.requests", super::requests::changes(Some(old), new) && new.spec.requests.is_some()),
        ("metadata.ownerReferences", old.metadata.owner_references != new.metadata.owner_references),
        ("metadata.finalizers", old.metadata.finalizers != new.metadata.finalizers),
    ];
    let mut problems: Vec<String> = fields
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(field, _)| format!("{field}: hotdesk's sync does not change it"))
        .collect();
    problems.extend(against_what_is_held_elsewhere(old, new, now));
    if !same_claim(was, is) {
        let taken = in_force(was, now) && !is_sheets(was);
        problems.extend(taken.then(|| "spec.claim: it was not made in the sheet, and is in force".to_owned()));
        let foreign = is.is_some() && !is_sheets(is) && !gives_up(was, is);
        problems.extend(foreign.then(|| "spec.claim.source: hotdesk's sync writes `sheet` there".to_owned()));
    }
    problems
}

/// A slot that is held by a claim of its holder's own keeps its host, which would be the next row's once it is given up, and
/// is kept as long as its holder said.
fn against_what_is_held_elsewhere(old: &Slot, new: &Slot, now: Timestamp) -> Vec<String> {
    let was = old.spec.claim.as_ref();
    if !in_force(was, now) || is_sheets(was) {
        return Vec::new();
    }
    let fields = [
        ("spec.host", old.spec.host.is_some() && old.spec.host != new.spec.host),
        ("spec.keepUntil", old.spec.keep_until != new.spec.keep_until),
    ];
    let changed = fields.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(field, _)| format!("{field}: the slot is held by a claim that was not made in the sheet")).collect()
}

/// What an administrator is told who writes over a claim of the sheet.
pub(crate) fn lasts_until_the_next_sync(
    writer: Writer,
    old: Option<&Slot>,
    new: &Slot,
    settings: &Settings,
    now: Timestamp,
) -> Option<String> {
    let (was, is) = (old.and_then(|old| old.spec.claim.as_ref()), new.spec.claim.as_ref());
    let writes_over = matches!(writer, Writer::BreakGlass | Writer::Administrator) && !same_claim(was, is);
    (writes_over && in_force(was, now) && is_sheets(was)).then(|| {
        let sheet = settings.claim_url.as_deref().unwrap_or("the sheet");
        format!(
            "this claim comes from a sheet, and comes back when hotdesk's sync next reads it; to change it for good, edit \
             {sheet}, or take the slot out of it"
        )
    })
}

/// The source that the claim is stored with.
pub(crate) fn source(writer: Writer, old: Option<&Slot>, new: &Slot, now: Timestamp) -> Option<ClaimSource> {
    let (was, is) = (old.and_then(|old| old.spec.claim.as_ref()), new.spec.claim.as_ref());
    let written = is.and_then(|claim| claim.source);
    if same_claim(was, is) {
        return written;
    }
    match writer {
        Writer::Person => None,
        Writer::BreakGlass | Writer::Administrator if in_force(was, now) && is_sheets(was) => Some(ClaimSource::Sheet),
        _ => written,
    }
}

/// True if the claim's aliases stay as they are written: they are from the sheet's own list of people.
pub(crate) fn keeps_aliases(writer: Writer, old: Option<&Slot>, new: &Slot) -> bool {
    let (was, is) = (old.and_then(|old| old.spec.claim.as_ref()), new.spec.claim.as_ref());
    is_sheets(is) && (writer == Writer::Sync || same_claim(was, is))
}

fn is_sheets(claim: Option<&Claim>) -> bool {
    claim.is_some_and(Claim::is_sheets)
}

fn in_force(claim: Option<&Claim>, now: Timestamp) -> bool {
    let view = claim.map(ClaimView::parse_lossy);
    ClaimState::of(view.as_ref(), now).held().is_some()
}

/// True if nothing changes but that the claim is the sheet's no more.
fn gives_up(was: Option<&Claim>, is: Option<&Claim>) -> bool {
    let given_up = was.filter(|claim| claim.is_sheets()).map(|claim| Claim { source: None, ..claim.clone() });
    given_up.is_some() && given_up.as_ref() == is
}

#[cfg(test)]
mod tests;
