//! Which column is which?

use crate::cells::{Table, letters};

/// A title may stand above the header, and not a whole page.
const LOOK: usize = 10;

/// Where the columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// `Slot`
    pub slot: usize,
    /// `Usernames`, `Emails` or `Users`
    pub users: usize,
    /// `Purpose`
    pub purpose: usize,
    /// `Until`, if there is one.
    pub until: Option<usize>,
    /// `Keep until`, if there is one.
    pub keep_until: Option<usize>,
    /// `Host`, if there is one.
    pub host: Option<usize>,
}

/// Why a table says nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a single cell.
    #[error("it is empty: not even the header is there")]
    Empty,
    /// The header is gone, or was renamed.
    #[error("its header is lost: one of the first {LOOK} rows must have {MUST}; {0}")]
    NoHeader(String),
    /// Two columns of one meaning.
    #[error("columns {0} and {1} both are {2}: rename one of them")]
    Twice(String, String, &'static str),
}

const MUST: &str = "the columns Slot, Usernames (or Emails, or Users) and Purpose";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Slot,
    Users,
    Purpose,
    Until,
    KeepUntil,
    Host,
}

impl Columns {
    /// Finds the header: its row, counted from 0, and the columns.
    ///
    /// # Errors
    /// When there is none, or it can be read in two ways.
    pub fn find(table: &Table) -> Result<(usize, Self), Unreadable> {
        if table.lines.iter().all(|line| line.cells.iter().all(|cell| cell.trim().is_empty())) {
            return Err(Unreadable::Empty);
        }
        let meanings: Vec<Vec<Option<Meaning>>> =
            table.lines.iter().take(LOOK).map(|line| line.cells.iter().map(|cell| meaning(cell)).collect()).collect();
        let knows = |row: &Vec<Option<Meaning>>, what| row.contains(&Some(what));
        let header = meanings.iter().position(|row| knows(row, Meaning::Slot) && knows(row, Meaning::Users));
        let Some((at, row)) = header.and_then(|at| Some((at, meanings.get(at)?))) else {
            return Err(Unreadable::NoHeader(nearest(table, &meanings)));
        };
        let find = |what| column(row, what);
        let number = table.lines.get(at).map_or(at + 1, |line| line.number);
        let lacks = |what| Unreadable::NoHeader(format!("row {number} lacks {what}"));
        let columns = Self {
            slot: find(Meaning::Slot)?.ok_or_else(|| lacks("Slot"))?,
            users: find(Meaning::Users)?.ok_or_else(|| lacks("Usernames"))?,
            purpose: find(Meaning::Purpose)?.ok_or_else(|| lacks("Purpose"))?,
            until: find(Meaning::Until)?,
            keep_until: find(Meaning::KeepUntil)?,
            host: find(Meaning::Host)?,
        };
        Ok((at, columns))
    }

    /// All columns that are read.
    pub fn all(&self) -> impl Iterator<Item = usize> {
        let optional = [self.until, self.keep_until, self.host].into_iter().flatten();
        [self.slot, self.users, self.purpose].into_iter().chain(optional)
    }
}

fn column(row: &[Option<Meaning>], what: Meaning) -> Result<Option<usize>, Unreadable> {
    let mut found = row.iter().enumerate().filter(|(_, meaning)| **meaning == Some(what)).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(Unreadable::Twice(letters(first), letters(second), what.name())),
        (first, _) => Ok(first),
    }
}

/// What the row that looks most like a header lacks.
fn nearest(table: &Table, meanings: &[Vec<Option<Meaning>>]) -> String {
    let best = meanings.iter().enumerate().max_by_key(|(at, row)| (row.iter().flatten().count(), usize::MAX - at));
    let Some((at, row)) = best.filter(|(_, row)| row.iter().any(Option::is_some)) else {
        return "none has any of them".to_owned();
    };
    let must = [Meaning::Slot, Meaning::Users, Meaning::Purpose];
    let missing: Vec<&str> = must.into_iter().filter(|what| !row.contains(&Some(*what))).map(Meaning::name).collect();
    let number = table.lines.get(at).map_or(at + 1, |line| line.number);
    format!("row {number} lacks {}", hotdesk_slots::text::list(&missing))
}

fn meaning(cell: &str) -> Option<Meaning> {
    let word: String = cell.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match word.as_str() {
        "slot" | "slots" => Some(Meaning::Slot),
        "usernames" | "username" | "emails" | "email" | "users" | "user" => Some(Meaning::Users),
        "purpose" => Some(Meaning::Purpose),
        "until" => Some(Meaning::Until),
        "keepuntil" => Some(Meaning::KeepUntil),
        "host" => Some(Meaning::Host),
        _ => None,
    }
}

impl Meaning {
    fn name(self) -> &'static str {
        match self {
            Self::Slot => "Slot",
            Self::Users => "Usernames",
            Self::Purpose => "Purpose",
            Self::Until => "Until",
            Self::KeepUntil => "Keep until",
            Self::Host => "Host",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &[&[&str]], expected: &str) {
        let table = Table::numbered(rows.iter().map(|row| row.iter().copied()));
        let found = Columns::find(&table);
        let shown = match &found {
            Ok((at, c)) => format!("{at}: {} {} {} {:?}", c.slot, c.users, c.purpose, (c.until, c.keep_until, c.host)),
            Err(e) => e.to_string(),
        };
        assert!(shown.contains(expected), "{shown:?} does not say {expected:?}");
    }

    #[test]
    fn columns_are_found_in_any_order_and_case() {
        check(&[&["Slot", "Usernames", "Purpose"]], "0: 0 1 2 (None, None, None)");
        check(&[&["PURPOSE", " e-mails ", "notes", "slot"]], "0: 3 1 0 (None, None, None)");
        check(&[&["Slot", "Users", "Purpose", "Keep-until", "UNTIL", "Host"]], "0: 0 1 2 (Some(4), Some(3), Some(5))");
    }

    #[test]
    fn a_title_may_stand_above_the_header() {
        check(&[&["Our slots"], &[], &["Slot", "Emails", "Purpose"]], "2: 0 1 2");
    }

    #[test]
    fn a_lost_header_says_what_is_missing() {
        check(&[&["Slot", "Users"]], "row 1 lacks Purpose");
        check(&[&["Slot", "Who", "Purpose"], &["mew", "alice", "x"]], "row 1 lacks Usernames");
        check(&[&["mew", "alice", "x"]], "none has any of them");
        check(&[], "it is empty");
        check(&[&["", " "]], "it is empty");
        check(&[&["#REF!", "Users", "Purpose"]], "row 1 lacks Slot");
    }

    #[test]
    fn two_columns_of_one_meaning_are_refused() {
        check(&[&["Slot", "Usernames", "Purpose", "Emails"]], "columns B and D both are Usernames");
    }
}
