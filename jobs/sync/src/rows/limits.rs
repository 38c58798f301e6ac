//! Which rows are good by themselves, and too many together?

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::Name;
use hotdesk_slots::text::{list, plain};
use jiff::Timestamp;

use super::{Draft, Holding};
use crate::cells::{Kind, Problem};

/// Of two rows for one slot, neither is better.
pub(super) fn refuse_doubles(drafts: &mut [Draft<'_>], column: usize) {
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for draft in drafts.iter() {
        if let Ok(slot) = &draft.slot {
            rows.entry(slot.clone()).or_default().push(draft.line.number);
        }
    }
    for draft in drafts {
        let Ok(slot) = &draft.slot else { continue };
        let others = rows.get(slot).into_iter().flatten().filter(|number| **number != draft.line.number);
        let others: Vec<String> = others.map(ToString::to_string).collect();
        if !others.is_empty() {
            let row = if others.len() == 1 { "row" } else { "rows" };
            let what = format!("{slot} is also in {row} {}: one row a slot", list(&others));
            let cell = draft.line.address(column);
            draft.problems.insert(0, Problem { cell, what, slot: Some(slot.clone()), kind: Kind::Twice });
        }
    }
}

/// Who owns a slot already keeps it; what comes beyond the limit is refused, from the top of the sheet down.
pub(super) fn refuse_beyond(
    limit: usize,
    drafts: &mut [Draft<'_>],
    column: usize,
    present: &BTreeMap<String, Holding>,
    now: Timestamp,
) {
    let mut held = held_otherwise(drafts, present);
    let mut claims: Vec<(bool, usize, String, Name)> = Vec::new();
    for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| draft.problems.is_empty()) {
        let claim = draft.row.claim.as_ref().filter(|claim| !claim.has_lapsed(now));
        if let (Ok(slot), Some(owner)) = (&draft.slot, claim.and_then(|claim| claim.users.first())) {
            let new = present.get(slot).and_then(Holding::owner) != Some(owner);
            claims.push((new, at, slot.clone(), owner.clone()));
        }
    }
    claims.sort();
    for (_, at, slot, owner) in claims {
        let slots = held.entry(owner.clone()).or_default();
        if slots.len() < limit {
            slots.push(slot);
        } else if let Some(draft) = drafts.get_mut(at) {
            let most = if limit == 1 { "1 slot is".to_owned() } else { format!("{limit} slots are") };
            let what =
                format!("{} holds {} already, and {most} the most: release one", plain(owner.as_str()), list(slots));
            let cell = draft.line.address(column);
            draft.problems.push(Problem { cell, what, slot: Some(slot), kind: Kind::Limit });
        }
    }
}

/// Slots that stay whose they are, whatever the good rows say: claimed elsewhere, or in a row with a problem.
fn held_otherwise(drafts: &[Draft<'_>], present: &BTreeMap<String, Holding>) -> BTreeMap<Name, Vec<String>> {
    let has = |good: bool| -> BTreeSet<&String> {
        let some = drafts.iter().filter(|draft| draft.problems.is_empty() == good);
        some.filter_map(|draft| draft.slot.as_ref().ok()).collect()
    };
    let (good, refused) = (has(true), has(false));
    let mut held: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for (slot, holding) in present {
        let stays = match holding {
            Holding::Nobody => false,
            Holding::Sheet(_) => refused.contains(slot),
            Holding::Elsewhere(_) => !good.contains(slot),
        };
        if let (true, Some(owner)) = (stays, holding.owner()) {
            held.entry(owner.clone()).or_default().push(slot.clone());
        }
    }
    held
}
