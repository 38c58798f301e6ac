//! What does each row say? Every cell is judged at once; a row with a problem counts for nothing, and the others stand.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::text::{list, quoted};
use hotdesk_slots::{Name, NameRules, People};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cells::{Kind, Line, Problem, Table, Warning, error_in};
use crate::date::moment;
use crate::header::{Columns, Unreadable};
use crate::rows::texts::{host, is_label, purpose};
use crate::rows::users::{Names, Users, warning};

mod placeholders;
mod texts;
mod users;

pub use texts::is_host;

/// Which slots there are, as far as the reader knows.
#[derive(Debug, Clone, Copy)]
pub enum SlotNames<'a> {
    /// These, and no others.
    These(&'a BTreeSet<String>),
    /// Whatever may be the name of a namespace.
    Any,
}

/// What a table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Where its columns are.
    pub columns: Columns,
    /// The rows that say something, from top to bottom.
    pub entries: Vec<Entry>,
}

/// A row, good or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The number that the row has in its table.
    pub number: usize,
    /// The cell where the slot is.
    pub slot_cell: String,
    /// The slot that it names, if there is such a slot.
    pub slot: Option<String>,
    /// All names of everybody whom it names, as far as they can be read.
    pub named: Vec<Name>,
    /// True if all of its names can be read.
    pub names_everybody: bool,
    /// What it says, if it has no problem.
    pub row: Row,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What may not be meant so, and counts all the same.
    pub warnings: Vec<Warning>,
}

/// What a row says of its slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The cell of its names, for problems that are found later.
    pub cell: String,
    /// Nothing: the row leaves the slot free.
    pub claim: Option<Wanted>,
    /// The host, if the cell has one.
    pub host: Option<String>,
    /// The cell of the host; empty where there is no such column.
    pub host_cell: String,
    /// Until when the slot is kept, if the cell says.
    pub keep_until: Option<Timestamp>,
}

/// A claim as a row makes it.
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

/// By what a table is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Which slots there are.
    pub slots: SlotNames<'a>,
    /// Who goes by several names.
    pub people: &'a People,
    /// Which names a claim may hold; the webhook is held to the same.
    pub names: &'a NameRules,
    /// Whose times of day the table shows.
    pub zone: &'a TimeZone,
}

/// Reads a table.
///
/// # Errors
/// When it has no header, so that nothing in it can be trusted.
pub fn read(table: &Table, by: Reading<'_>) -> Result<Read, Unreadable> {
    let (header, columns) = Columns::find(table)?;
    let says = |line: &&Line| columns.all().any(|column| !line.cell(column).is_empty());
    let reader = Reader { columns, by };
    let (mut entries, users): (Vec<Entry>, Vec<Users>) =
        table.lines.iter().skip(header + 1).filter(says).map(|line| reader.entry(line)).unzip();
    refuse_doubles(&mut entries);
    warn_of_strange_names(&mut entries, &users);
    Ok(Read { columns, entries })
}

impl Wanted {
    /// True once `until` has passed.
    #[must_use]
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Of two rows for one slot, neither is better.
fn refuse_doubles(entries: &mut [Entry]) {
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for entry in entries.iter() {
        if let Some(slot) = &entry.slot {
            rows.entry(slot.clone()).or_default().push(entry.number);
        }
    }
    for entry in entries {
        let Some(slot) = &entry.slot else { continue };
        let numbers = rows.get(slot).map(Vec::as_slice).unwrap_or_default();
        if numbers.len() > 1 {
            let others = numbers.iter().filter(|number| **number != entry.number);
            let others: Vec<String> = others.map(ToString::to_string).collect();
            let row = if others.len() == 1 { "row" } else { "rows" };
            let what = format!("{slot} is also in {row} {}: one row a slot", list(&others));
            let problem = Problem { cell: entry.slot_cell.clone(), what, slot: Some(slot.clone()), kind: Kind::Twice };
            entry.problems.insert(0, problem);
        }
    }
}

/// In a sheet of e-mail addresses, a bare word is more likely how a chip shows somebody than a login.
fn warn_of_strange_names(entries: &mut [Entry], users: &[Users]) {
    let addresses: usize = users.iter().map(|users| users.addresses).sum();
    let words: usize = users.iter().map(|users| users.strange.len()).sum();
    for (entry, users) in entries.iter_mut().zip(users) {
        let strange = |word: &&String| addresses >= words || word.starts_with(char::is_uppercase);
        let strange: Vec<String> = users.strange.iter().filter(strange).cloned().collect();
        if addresses > 0 && !strange.is_empty() {
            let (cell, what) = (entry.row.cell.clone(), warning(&strange));
            entry.warnings.push(Warning { cell, what });
        }
    }
}

struct Reader<'a> {
    columns: Columns,
    by: Reading<'a>,
}

/// A cell's fault, before it is known whose slot it concerns.
type Fault = (Kind, String);

impl Reader<'_> {
    fn entry(&self, line: &Line) -> (Entry, Users) {
        let (columns, mut faults) = (&self.columns, Vec::new());
        let mut note = |column: usize, found: Vec<Fault>| {
            faults.extend(found.into_iter().map(|(kind, what)| (line.address(column), kind, what)));
        };
        let slot = self.slot(line.cell(columns.slot)).map_err(|fault| note(columns.slot, vec![fault])).ok();
        let mut users = Names { people: self.by.people, rules: self.by.names }.users(line.cell(columns.users));
        let names_everybody = users.faults.is_empty();
        note(columns.users, std::mem::take(&mut users.faults));
        let purpose = purpose(line.cell(columns.purpose)).map_err(|fault| note(columns.purpose, vec![fault]));
        let mut date = |column: Option<usize>| {
            let column = column?;
            self.date(line.cell(column)).map_err(|fault| note(column, vec![fault])).ok().flatten()
        };
        let (until, keep_until) = (date(columns.until), date(columns.keep_until));
        let host = columns
            .host
            .and_then(|column| host(line.cell(column)).map_err(|fault| note(column, vec![fault])).ok().flatten());
        let named = users.shown.iter().chain(&users.aliases).cloned().collect();
        let claim = (!users.shown.is_empty()).then(|| Wanted {
            users: users.shown.clone(),
            aliases: users.aliases.clone(),
            purpose: purpose.unwrap_or_default(),
            until,
        });
        let problem = |(cell, kind, what)| Problem { cell, what, slot: slot.clone(), kind };
        let problems = faults.into_iter().map(problem).collect();
        let host_cell = columns.host.map(|column| line.address(column)).unwrap_or_default();
        let row = Row { cell: line.address(columns.users), claim, host, host_cell, keep_until };
        let slot_cell = line.address(columns.slot);
        let number = line.number;
        (Entry { number, slot_cell, slot, named, names_everybody, row, problems, warnings: Vec::new() }, users)
    }

    fn slot(&self, text: &str) -> Result<String, Fault> {
        if text.is_empty() {
            return Err((Kind::Slot, "no slot is named in this row".to_owned()));
        }
        if let Some(error) = error_in(text) {
            return Err((Kind::Error, error));
        }
        let slot = text.to_ascii_lowercase();
        let wrong = match self.by.slots {
            SlotNames::These(known) if known.contains(&slot) => return Ok(slot),
            SlotNames::Any if is_label(&slot) => return Ok(slot),
            SlotNames::These(known) => format!("there is no slot {}{}", quoted(text), near(&slot, known)),
            SlotNames::Any => format!("{} is not the name of a namespace", quoted(text)),
        };
        Err((Kind::Slot, wrong))
    }

    fn date(&self, text: &str) -> Result<Option<Timestamp>, Fault> {
        match (text.is_empty(), error_in(text)) {
            (true, _) => Ok(None),
            (_, Some(error)) => Err((Kind::Error, error)),
            _ => moment(text, self.by.zone).map(Some).map_err(|what| (Kind::Date, what)),
        }
    }
}

/// `: is mew meant?`, where a slot is called nearly so.
fn near(slot: &str, known: &BTreeSet<String>) -> String {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(known, slot), known));
    let near = near.filter(|(distance, _)| *distance <= 2).min();
    near.map_or(String::new(), |(_, known)| format!(": is {known} meant?"))
}

#[cfg(test)]
mod tests;
