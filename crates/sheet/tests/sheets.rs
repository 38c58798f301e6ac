//! What is made of each cell of the sheets in `tests/sheets`, from the file and as the Sheets API would hand it over?
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

use std::collections::BTreeSet;

use hotdesk_sheet::{Entry, Reading, SlotNames, Table, csv, read};
use hotdesk_slots::{Name, NameRules, People};
use jiff::tz::TimeZone;

fn bytes(file: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/sheets/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Reads a file twice: as CSV, and as rows of cells. Both must say the same.
fn entries_with(file: &str, people: &People) -> Vec<Entry> {
    let table = csv::parse(&bytes(file)).unwrap();
    let cells = Table::numbered(table.lines.iter().map(|line| line.cells.clone()));
    let slots: BTreeSet<String> = table.lines.iter().skip(1).map(|line| line.cell(0).to_owned()).collect();
    let (names, zone) = (NameRules::default(), TimeZone::get("Europe/Berlin").unwrap());
    let by = Reading { slots: SlotNames::These(&slots), people, names: &names, zone: &zone };
    let read = |table| read(table, by).unwrap().entries;
    assert_eq!(read(&table), read(&cells), "{file}: the API's cells are read as the file's");
    read(&table)
}

fn entries(file: &str) -> Vec<Entry> {
    entries_with(file, &People::default())
}

fn row(entries: &[Entry], number: usize) -> &Entry {
    entries.iter().find(|entry| entry.number == number).unwrap_or_else(|| panic!("there is no row {number}"))
}

fn users(entry: &Entry) -> Vec<String> {
    let claim = entry.row.claim.as_ref().filter(|_| entry.problems.is_empty());
    claim.map(|claim| claim.users.iter().map(Name::to_string).collect()).unwrap_or_default()
}

#[track_caller]
fn has_problem(file: &str, entry: &Entry, column: char, because: &str) {
    let cell = format!("{column}{}", entry.number);
    let told: Vec<String> = entry.problems.iter().map(ToString::to_string).collect();
    let found = told.iter().any(|told| told.starts_with(&format!("{cell}: ")) && told.contains(because));
    assert!(found, "{file} {cell}: {told:?} does not say {because:?}");
}

#[track_caller]
fn ends(file: &str, entry: &Entry, at: &str) {
    let end = entry.row.claim.as_ref().and_then(|claim| claim.until).map(|until| until.to_string());
    assert!(entry.problems.is_empty(), "{file} D{}: {:?}", entry.number, entry.problems);
    assert_eq!(end.as_deref(), Some(at), "{file} D{}", entry.number);
}

#[test]
fn two_digit_years_are_problems_that_ask_for_four_digits() {
    let file = "two-digit-years.csv";
    let entries = entries(file);
    for number in 2..=8 {
        has_problem(file, row(&entries, number), 'D', "does not have four digits");
    }
    has_problem(file, row(&entries, 9), 'E', "does not have four digits");
    assert!(entries.iter().all(|entry| users(entry).is_empty()), "{file}: nobody claims, and nobody lapses");
}

#[test]
fn cr_only_lines_have_their_numbers_and_two_rows_for_one_slot_are_refused() {
    let file = "cr-only.csv";
    let as_lines = String::from_utf8(bytes(file)).unwrap();
    for end in ["\r", "\n", "\r\n"] {
        let table = csv::parse(as_lines.replace('\r', end).as_bytes()).unwrap();
        assert_eq!(table.lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 3, 4], "{file} with {end:?}");
    }
    let entries = entries(file);
    has_problem(file, row(&entries, 2), 'A', "mew is also in row 3: one row a slot");
    has_problem(file, row(&entries, 3), 'A', "mew is also in row 2: one row a slot");
    assert_eq!(users(row(&entries, 4)), ["bob@example.com"], "{file} row 4");
}

#[test]
fn chips_last_first_are_no_logins() {
    let file = "chips-last-first.csv";
    let entries = entries(file);
    for number in [2, 3, 4] {
        has_problem(file, row(&entries, number), 'B', "show the chip as its e-mail address");
        assert!(users(row(&entries, number)).is_empty(), "{file} B{number}");
    }
    has_problem(file, row(&entries, 5), 'B', "\"Alice Doe\" is neither an e-mail nor a login");
    assert_eq!(users(row(&entries, 6)), ["alice@example.com"], "{file} B6");
}

#[test]
fn display_names_are_told_with_their_cell_unless_the_list_of_people_has_them() {
    let file = "display-names.csv";
    let warned = |entries: &[Entry]| -> Vec<String> {
        entries.iter().flat_map(|entry| &entry.warnings).map(ToString::to_string).collect()
    };
    let unknown = warned(&entries(file));
    assert_eq!(unknown.len(), 2, "{file}: {unknown:?}");
    assert!(unknown[0].starts_with("B5: nobody has been seen under the name \"Alice\""), "{file} B5: {unknown:?}");
    assert!(unknown[1].starts_with("B6: nobody has been seen under the name \"Bob\""), "{file} B6: {unknown:?}");
    let people = People::from_rows([["alice@example.com", "alice"]]).unwrap();
    let known = entries_with(file, &people);
    assert_eq!(users(row(&known, 5)), ["alice@example.com"], "{file} B5");
    assert!(warned(&known).iter().all(|warning| warning.starts_with("B6: ")), "{file} B5: {:?}", warned(&known));
}

#[test]
fn placeholders_are_nobody() {
    let file = "placeholders.csv";
    let entries = entries(file);
    for number in 2..=12 {
        has_problem(file, row(&entries, number), 'B', "is not a person: leave the cell empty if the slot is free");
    }
    let free = row(&entries, 13);
    assert!(free.problems.is_empty() && free.row.claim.is_none(), "{file} B13: {free:?}");
}

#[test]
fn dates_have_one_meaning_or_are_problems() {
    let file = "dates.csv";
    let entries = entries(file);
    for (number, at) in [
        (2, "2027-12-01T18:00:00Z"),
        (3, "2027-12-01T17:00:00Z"),
        (4, "2027-12-01T22:59:00Z"),
        (5, "2027-12-01T17:00:00Z"),
        (6, "2027-12-01T22:59:00Z"),
        (7, "2027-12-01T22:59:00Z"),
        (8, "2027-12-01T17:00:00Z"),
        (9, "2027-12-01T22:59:00Z"),
        (10, "2027-12-01T22:59:00Z"),
        (11, "2027-12-01T17:00:00Z"),
        (12, "2027-12-31T22:59:00Z"),
        (13, "2027-12-31T22:59:00Z"),
        (14, "2027-12-01T22:59:00Z"),
        (15, "2027-12-01T22:59:00Z"),
        (16, "2027-12-01T22:59:00Z"),
        (17, "2027-12-01T22:59:00Z"),
        (18, "2027-12-01T22:59:00Z"),
        (19, "2027-12-01T22:59:00Z"),
        (20, "2027-12-01T17:00:00Z"),
        (21, "2027-12-01T17:00:00Z"),
        (22, "2027-12-01T22:59:00Z"),
    ] {
        ends(file, row(&entries, number), at);
    }
    for (number, because) in [
        (23, "which number is the month"),
        (24, "which number is the month"),
        (25, "cannot read \"tomorrow\""),
        (26, "cannot read \"4h\""),
        (27, "cannot read \"18:00\""),
        (28, "cannot read \"46722\""),
        (29, "there is no such day"),
        (30, "there is no such time"),
        (31, "it names no year"),
        (32, "cannot read \"Q4 2027\""),
    ] {
        has_problem(file, row(&entries, number), 'D', because);
    }
}
