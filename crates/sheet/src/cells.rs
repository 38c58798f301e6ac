//! How is a cell found, named and read, whatever the table came from?

use hotdesk_slots::text::sanitize_short;

/// What a spreadsheet shows in place of a value that it could not work out, or has not yet.
const ERRORS: [&str; 12] = [
    "#REF!",
    "#N/A",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#ERROR!",
    "#SPILL!",
    "#CALC!",
    "Loading...",
    "Loading…",
];

/// A table as it was read: rows of texts, some shorter than others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The rows, with the number that each has in the sheet or file.
    pub lines: Vec<Line>,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1, as the sheet counts.
    pub number: usize,
    /// The texts, from column A on.
    pub cells: Vec<String>,
}

/// What is wrong with one cell, and what it means for which slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `B7`
    pub cell: String,
    /// What is wrong, and what to do.
    pub what: String,
    /// The slot of the row, if it has one.
    pub slot: Option<String>,
    /// For the metrics.
    pub kind: Kind,
}

/// What may not be meant so in a cell, although it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `B7`
    pub cell: String,
    /// What is strange, and what to do.
    pub what: String,
}

/// Sorts of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// No slot is named so, or none is named.
    Slot,
    /// Two rows for one slot.
    Twice,
    /// A name that is none.
    Name,
    /// A moment that cannot be read.
    Date,
    /// A purpose or host that cannot be stored.
    Text,
    /// The spreadsheet shows an error instead of a value.
    Error,
    /// One person has too many slots.
    Limit,
    /// Somebody holds the slot by a claim that was not made in the sheet.
    Conflict,
    /// The host is another slot's.
    Host,
    /// A row of the list of people makes one person of two who hold slots.
    People,
}

impl Table {
    /// A table of rows that are numbered from 1.
    pub fn numbered<R, C, S>(rows: R) -> Self
    where
        R: IntoIterator<Item = C>,
        C: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let lines = rows
            .into_iter()
            .enumerate()
            .map(|(at, cells)| Line { number: at + 1, cells: cells.into_iter().map(Into::into).collect() });
        Self { lines: lines.collect() }
    }
}

impl Line {
    /// The trimmed text of a cell; a row that ends before it has an empty one.
    #[must_use]
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |text| text.trim())
    }

    /// `B7`
    #[must_use]
    pub fn address(&self, column: usize) -> String {
        format!("{}{}", letters(column), self.number)
    }
}

impl Problem {
    /// What is wrong, without a word of what the cell holds: for a log that people read whom it does not concern.
    #[must_use]
    pub fn discreet(&self) -> String {
        let what = match self.kind {
            Kind::Slot => "this is not the name of a slot",
            Kind::Twice => "another row has the same slot: one row a slot",
            Kind::Name => "one of the names is neither an e-mail nor a login: separate people by commas",
            Kind::Date => "this cannot be read as a date: write 2026-12-01, or 2026-12-01 18:00",
            Kind::Text => "this is too long, or is not what the column is for",
            Kind::Error => "the spreadsheet shows an error instead of a value: fix the formula",
            Kind::Limit => "this is one slot too many for one person",
            Kind::Conflict => "the slot is held by a claim that was made elsewhere",
            Kind::Host => "this is another slot's host, or one below or above it",
            Kind::People => "this would make one person of two who hold slots",
        };
        format!("{}: {what}", self.cell)
    }
}

impl Warning {
    /// What is strange, without a word of what the cell holds.
    #[must_use]
    pub fn discreet(&self) -> String {
        format!("{}: nobody has been seen under one of these names: write e-mail addresses", self.cell)
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.cell, self.what)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.cell, self.what)
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Slot,
        Self::Twice,
        Self::Name,
        Self::Date,
        Self::Text,
        Self::Error,
        Self::Limit,
        Self::Conflict,
        Self::Host,
        Self::People,
    ];

    /// One word for metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Twice => "twice",
            Self::Name => "name",
            Self::Date => "date",
            Self::Text => "text",
            Self::Error => "error-cell",
            Self::Limit => "limit",
            Self::Conflict => "conflict",
            Self::Host => "host",
            Self::People => "people",
        }
    }
}

/// The name of a column: `A`, `Z`, `AA`.
#[must_use]
pub fn letters(column: usize) -> String {
    let mut name = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or_default();
        name.insert(0, char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    name
}

/// What is wrong with a cell that shows an error.
#[must_use]
pub fn error_in(text: &str) -> Option<String> {
    let error = ERRORS.iter().find(|error| text.eq_ignore_ascii_case(error))?;
    Some(format!("it shows {} instead of a value: fix the formula", sanitize_short(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_sheets_name_them() {
        for (column, name) in [(0, "A"), (1, "B"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")] {
            assert_eq!(letters(column), name);
        }
        assert_eq!(Line { number: 7, cells: vec![] }.address(1), "B7");
    }

    #[test]
    fn a_row_that_ends_early_has_empty_cells() {
        let line = Line { number: 1, cells: vec![" mew\u{a0}".to_owned()] };
        assert_eq!((line.cell(0), line.cell(1)), ("mew", ""));
    }

    #[test]
    fn error_cells_are_known() {
        for text in ["#REF!", "#N/A", "#n/a", "Loading..."] {
            assert!(error_in(text).is_some(), "{text}");
        }
        for text in ["", "mew", "#1234", "N/A"] {
            assert!(error_in(text).is_none(), "{text}");
        }
    }
}
