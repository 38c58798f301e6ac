//! Which rows are good by themselves, and too many together?

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_sheet::{Entry, Kind, Problem};
use hotdesk_slots::Name;
use hotdesk_slots::text::{list, sanitize_short};
use jiff::Timestamp;

use super::Holding;

/// Who owns a slot already keeps it; what comes beyond the limit is refused, from the top of the sheet down.
pub(super) fn refuse_beyond(limit: usize, entries: &mut [Entry], present: &BTreeMap<String, Holding>, now: Timestamp) {
    let mut held = held_otherwise(entries, present);
    let mut claims: Vec<(bool, usize, String, Name)> = Vec::new();
    for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.problems.is_empty()) {
        let claim = entry.row.claim.as_ref().filter(|claim| !claim.has_lapsed(now));
        // What is held elsewhere stays so, and is counted there.
        let slot = entry.slot.as_ref().filter(|slot| !matches!(present.get(*slot), Some(Holding::Elsewhere(_))));
        if let (Some(slot), Some(owner)) = (slot, claim.and_then(|claim| claim.users.first())) {
            let new = present.get(slot).and_then(Holding::owner) != Some(owner);
            claims.push((new, at, slot.clone(), owner.clone()));
        }
    }
    claims.sort();
    for (_, at, slot, owner) in claims {
        let slots = held.entry(owner.clone()).or_default();
        if slots.len() < limit {
            slots.push(slot);
        } else if let Some(entry) = entries.get_mut(at) {
            let most = if limit == 1 { "1 slot is".to_owned() } else { format!("{limit} slots are") };
            let what = format!(
                "{} holds {} already, and {most} the most: release one",
                sanitize_short(owner.as_str()),
                list(slots)
            );
            let cell = entry.row.cell.clone();
            entry.problems.push(Problem { cell, what, slot: Some(slot), kind: Kind::Limit });
        }
    }
}

/// Slots that stay whose they are, whatever the good rows say: claimed elsewhere, or in a row with a problem.
fn held_otherwise(entries: &[Entry], present: &BTreeMap<String, Holding>) -> BTreeMap<Name, Vec<String>> {
    let refused = entries.iter().filter(|entry| !entry.problems.is_empty());
    let refused: BTreeSet<&String> = refused.filter_map(|entry| entry.slot.as_ref()).collect();
    let mut held: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for (slot, holding) in present {
        let stays = match holding {
            Holding::Nobody | Holding::Beyond => false,
            Holding::Sheet(_) => refused.contains(slot),
            Holding::Elsewhere(_) => true,
        };
        if let (true, Some(owner)) = (stays, holding.owner()) {
            held.entry(owner.clone()).or_default().push(slot.clone());
        }
    }
    held
}
