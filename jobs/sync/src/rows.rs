//! What do the rows come to, given who has which slot at present?
//!
//! `hotdesk_sheet` says what each row means by itself; here they are judged together, and sorted.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_sheet::{Entry, Problem, Reading, Row, SlotNames, Table, Unreadable, Warning, read};
use hotdesk_slots::{Name, NameRules, People};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::rows::limits::refuse_beyond;

mod hosts;
mod limits;

/// The operator's rules.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many slots one person can own at once.
    pub limit: Option<usize>,
    /// Whose times of day the sheet shows.
    pub zone: TimeZone,
    /// Which names a claim may hold.
    pub names: NameRules,
}

/// Who has a slot at present, by a claim that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// Nobody.
    Nobody,
    /// This owner, by a claim of the sheet.
    Sheet(Option<Name>),
    /// This owner, by a claim that was made elsewhere.
    Elsewhere(Option<Name>),
    /// Any of those: the sheet is not for this slot, and its row is passed over.
    Beyond,
}

/// What the sheet says, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// How many rows say something.
    pub rows: usize,
    /// The good rows, by slot.
    pub good: BTreeMap<String, Row>,
    /// The slots that a row with a problem names.
    pub refused: BTreeSet<String>,
    /// Rows of which it cannot be told which slot they mean.
    pub strays: Vec<Stray>,
    /// Every problem, from top to bottom.
    pub problems: Vec<Problem>,
    /// What may not be meant so, and counts all the same.
    pub warnings: Vec<Warning>,
    /// Whether the sheet has a column of hosts.
    pub has_host: bool,
    /// Whether it has a column of how long to keep.
    pub has_keep_until: bool,
}

/// A row that names no slot which is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The cell where the slot should be.
    pub cell: String,
    /// Whom it names; nothing if that cannot be read either.
    pub users: Option<Vec<Name>>,
}

/// Judges a table.
///
/// # Errors
/// When it has no header, so that nothing in it can be trusted.
pub fn judge(
    table: &Table,
    present: &BTreeMap<String, Holding>,
    people: &People,
    rules: &Rules,
    now: Timestamp,
) -> Result<Judged, Unreadable> {
    let slots = present.keys().cloned().collect();
    let by = Reading { slots: SlotNames::These(&slots), people, names: &rules.names, zone: &rules.zone };
    let mut sheet = read(table, by)?;
    let is_beyond = |slot: &String| present.get(slot) == Some(&Holding::Beyond);
    sheet.entries.retain(|entry| !entry.slot.as_ref().is_some_and(is_beyond));
    if let Some(limit) = rules.limit {
        refuse_beyond(limit, &mut sheet.entries, present, now);
    }
    let mut judged = Judged {
        rows: sheet.entries.len(),
        has_host: sheet.columns.host.is_some(),
        has_keep_until: sheet.columns.keep_until.is_some(),
        ..Judged::default()
    };
    sheet.entries.into_iter().for_each(|entry| judged.take(entry));
    Ok(judged)
}

impl Judged {
    fn take(&mut self, entry: Entry) {
        match entry.slot {
            None => {
                let users = entry.names_everybody.then(|| entry.row.claim.map(|claim| claim.users).unwrap_or_default());
                self.strays.push(Stray { cell: entry.slot_cell, users });
            }
            Some(slot) if entry.problems.is_empty() => drop(self.good.insert(slot, entry.row)),
            Some(slot) => drop(self.refused.insert(slot)),
        }
        self.problems.extend(entry.problems);
        self.warnings.extend(entry.warnings);
    }
}

impl Holding {
    fn owner(&self) -> Option<&Name> {
        match self {
            Self::Nobody | Self::Beyond => None,
            Self::Sheet(owner) | Self::Elsewhere(owner) => owner.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
