//! What does each row of the sheet claim, and what is wrong with which cell?
//!
//! All rows are judged at once. A row with a problem claims nothing and changes nothing; the others stand.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::text::plain;
use hotdesk_slots::{Name, People};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cells::{Kind, Line, Problem, Table, error_in};
use crate::date::moment;
use crate::header::{Columns, Unreadable};
use crate::rows::limits::{refuse_beyond, refuse_doubles};
use crate::rows::texts::{host, name, purpose};

mod limits;
mod texts;

/// How many people a claim may name; the Slot's CustomResourceDefinition says the same.
const MAX_USERS: usize = 256;

/// The operator's rules.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many slots one person may own at once.
    pub limit: Option<usize>,
    /// Whose times of day the sheet shows.
    pub zone: TimeZone,
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
    /// Whether the sheet has a column of hosts.
    pub has_host: bool,
    /// Whether it has a column of how long to keep.
    pub has_keep_until: bool,
}

/// A row that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The cell of its names, for problems that are found later.
    pub cell: String,
    /// Nothing: the row leaves the slot free.
    pub claim: Option<Wanted>,
    /// The host, if the cell has one.
    pub host: Option<String>,
    /// Until when the slot is kept, if the cell says.
    pub keep_until: Option<Timestamp>,
}

/// A claim as the sheet makes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The people; the first is the owner.
    pub users: Vec<Name>,
    /// Their further names.
    pub aliases: Vec<Name>,
    /// May be empty.
    pub purpose: String,
    /// When the claim lapses.
    pub until: Option<Timestamp>,
}

/// A row that names no slot which is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The cell where the slot should be.
    pub cell: String,
    /// Whom it names; nothing if that cannot be read either.
    pub users: Option<Vec<Name>>,
}

struct Draft<'a> {
    line: &'a Line,
    slot: Result<String, ()>,
    users: Option<Vec<Name>>,
    row: Row,
    problems: Vec<Problem>,
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
    let (header, columns) = Columns::find(table)?;
    let says = |line: &&Line| columns.all().any(|column| !line.cell(column).is_empty());
    let lines: Vec<&Line> = table.lines.iter().skip(header + 1).filter(says).collect();
    let reader = Reader { columns, present, people, rules };
    let mut drafts: Vec<Draft<'_>> = lines.iter().map(|line| reader.draft(line)).collect();
    refuse_doubles(&mut drafts, columns.slot);
    if let Some(limit) = rules.limit {
        refuse_beyond(limit, &mut drafts, columns.users, present, now);
    }
    let mut judged = Judged {
        rows: drafts.len(),
        has_host: columns.host.is_some(),
        has_keep_until: columns.keep_until.is_some(),
        ..Judged::default()
    };
    drafts.into_iter().for_each(|draft| judged.take(draft, columns.slot));
    Ok(judged)
}

impl Wanted {
    /// True once `until` has passed.
    #[must_use]
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Judged {
    fn take(&mut self, draft: Draft<'_>, slot_column: usize) {
        match draft.slot {
            Err(()) => self.strays.push(Stray { cell: draft.line.address(slot_column), users: draft.users }),
            Ok(slot) if draft.problems.is_empty() => drop(self.good.insert(slot, draft.row)),
            Ok(slot) => drop(self.refused.insert(slot)),
        }
        self.problems.extend(draft.problems);
    }
}

struct Reader<'a> {
    columns: Columns,
    present: &'a BTreeMap<String, Holding>,
    people: &'a People,
    rules: &'a Rules,
}

/// A cell's fault, before it is known whose slot it concerns.
type Fault = (Kind, String);

impl Reader<'_> {
    fn draft<'l>(&self, line: &'l Line) -> Draft<'l> {
        let (columns, mut faults) = (&self.columns, Vec::new());
        let mut note = |column: usize, found: Vec<Fault>| {
            faults.extend(found.into_iter().map(|(kind, what)| (line.address(column), kind, what)));
        };
        let slot = self.slot(line.cell(columns.slot)).map_err(|fault| note(columns.slot, vec![fault]));
        let users = self.users(line.cell(columns.users)).map_err(|faults| note(columns.users, faults)).ok();
        let purpose = purpose(line.cell(columns.purpose)).map_err(|fault| note(columns.purpose, vec![fault]));
        let mut date = |column: Option<usize>| {
            let column = column?;
            self.date(line.cell(column)).map_err(|fault| note(column, vec![fault])).ok().flatten()
        };
        let (until, keep_until) = (date(columns.until), date(columns.keep_until));
        let host = columns
            .host
            .and_then(|column| host(line.cell(column)).map_err(|fault| note(column, vec![fault])).ok().flatten());
        let (names, aliases) = users.clone().unwrap_or_default();
        let claim = (!names.is_empty()).then(|| Wanted {
            users: names.clone(),
            aliases,
            purpose: purpose.unwrap_or_default(),
            until,
        });
        let named = slot.clone().ok();
        let problems =
            faults.into_iter().map(|(cell, kind, what)| Problem { cell, what, slot: named.clone(), kind }).collect();
        let row = Row { cell: line.address(columns.users), claim, host, keep_until };
        Draft { line, slot, users: users.map(|_| names), row, problems }
    }

    fn slot(&self, text: &str) -> Result<String, Fault> {
        if text.is_empty() {
            return Err((Kind::Slot, "no slot is named in this row".to_owned()));
        }
        if let Some(error) = error_in(text) {
            return Err((Kind::Error, error));
        }
        let slot = text.to_ascii_lowercase();
        if self.present.contains_key(&slot) {
            return Ok(slot);
        }
        let near = self.present.keys().map(|known| (strsim::damerau_levenshtein(known, &slot), known));
        let near = near.filter(|(distance, _)| *distance <= 2).min();
        let advice = near.map_or(String::new(), |(_, known)| format!(": is {known} meant?"));
        Err((Kind::Slot, format!("there is no slot \"{}\"{advice}", plain(text))))
    }

    /// The people of a cell and their further names; every name that cannot be read is a fault.
    fn users(&self, text: &str) -> Result<(Vec<Name>, Vec<Name>), Vec<Fault>> {
        if let Some(error) = error_in(text) {
            return Err(vec![(Kind::Error, error)]);
        }
        let (mut users, mut aliases, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let parts = text.split([',', ';', '\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
        for part in parts {
            match name(part) {
                Err(what) => faults.push((Kind::Name, what)),
                Ok(name) => {
                    let (shown, others) = self.people.resolve(&name);
                    push_new(&mut users, shown);
                    others.into_iter().for_each(|other| push_new(&mut aliases, other));
                }
            }
        }
        aliases.retain(|alias| !users.contains(alias));
        if users.len() > MAX_USERS {
            faults.push((Kind::Name, format!("it names {} people, and {MAX_USERS} are the most", users.len())));
        }
        if faults.is_empty() { Ok((users, aliases)) } else { Err(faults) }
    }

    fn date(&self, text: &str) -> Result<Option<Timestamp>, Fault> {
        match (text.is_empty(), error_in(text)) {
            (true, _) => Ok(None),
            (_, Some(error)) => Err((Kind::Error, error)),
            _ => moment(text, &self.rules.zone).map(Some).map_err(|what| (Kind::Date, what)),
        }
    }
}

impl Holding {
    fn owner(&self) -> Option<&Name> {
        match self {
            Self::Nobody => None,
            Self::Sheet(owner) | Self::Elsewhere(owner) => owner.as_ref(),
        }
    }
}

fn push_new(names: &mut Vec<Name>, name: Name) {
    if !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
