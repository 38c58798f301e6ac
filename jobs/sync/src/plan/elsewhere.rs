//! What is a row told whose slot is held by a claim that was not made in the sheet?
//!
//! Such a claim is its holder's: no row adopts, changes or ends it, also where the row names the holder. An editor of the
//! sheet would else name them beside themselves, and leave them out the next time.

use hotdesk_sheet::{Kind, Problem, Row, Wanted};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::{ClaimView, Name};
use jiff::Timestamp;
use std::collections::BTreeSet;

use super::name_of;

/// True if a row says what is so already: the same owner, and the same people.
pub(super) fn says_the_same(held: &ClaimView, wanted: &Wanted) -> bool {
    let people = |users: &[Name]| -> BTreeSet<Name> { users.iter().cloned().collect() };
    held.groups.is_empty() && held.owner() == wanted.users.first() && people(&held.users) == people(&wanted.users)
}

/// The row wants the slot that somebody holds.
pub(super) fn conflict(slot: &Slot, row: &Row, held: &ClaimView) -> Problem {
    let name = name_of(slot);
    let since = slot.claimed_at().map(|at| format!(" since {}", moment(at))).unwrap_or_default();
    let by = claimed_by(slot).map(|by| format!(", by {by}")).unwrap_or_default();
    let lapses = held.until.map(|until| format!(", or from {}, when it lapses", moment(until))).unwrap_or_default();
    let what = format!(
        "{name} is held by {}, who claimed it outside the sheet{since}{by}: the row counts once they release it (hotdesk \
         release {name}){lapses}, so leave it until then, or delete it",
        holder(held)
    );
    problem(slot, &row.cell, what)
}

/// The row wants another host for it.
pub(super) fn keeps_host(slot: &Slot, row: &Row, held: &ClaimView, host: &str) -> Problem {
    let what = format!(
        "{} is held by {}, who claimed it outside the sheet, so its host stays {}: an administrator can change it",
        name_of(slot),
        holder(held),
        sanitize_short(host)
    );
    problem(slot, &row.host_cell, what)
}

fn problem(slot: &Slot, cell: &str, what: String) -> Problem {
    Problem { cell: cell.to_owned(), what, slot: Some(name_of(slot).to_owned()), kind: Kind::Conflict }
}

fn holder(held: &ClaimView) -> String {
    held.owner().map_or_else(|| list(&held.groups), |owner| sanitize_short(owner.as_str()))
}

/// The program that wrote who holds it.
fn claimed_by(slot: &Slot) -> Option<String> {
    let wrote = slot.metadata.managed_fields.iter().flatten().rev().find(|entry| {
        let fields = entry.fields_v1.as_ref().filter(|_| entry.subresource.is_none());
        fields.and_then(|fields| fields.0.get("f:spec")?.get("f:claim")?.get("f:users")).is_some()
    });
    wrote.and_then(|entry| entry.manager.as_deref()).map(sanitize_short)
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
