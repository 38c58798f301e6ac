//! What does a CSV file say about claims, where no cluster can be asked?
//!
//! It is read as hotdesk-sync reads the same sheet. Where that knows more (spellings of dates), this refuses the row.

use hotdesk_slots::{ClaimView, Name, People};
use jiff::tz::TimeZone;

use super::choice::Candidate;
use crate::moment;
use crate::near::normal;

/// Where the columns are that matter here.
struct Columns {
    slot: usize,
    users: usize,
    until: Option<usize>,
    host: Option<usize>,
}

/// A title may stand above the header.
const LOOK: usize = 10;
const SLOT: [&str; 2] = ["slot", "slots"];
const USERS: [&str; 6] = ["usernames", "username", "emails", "email", "users", "user"];

/// The longest name of a namespace, and of a host.
const MAX_LABEL: usize = 63;
const MAX_HOST: usize = 253;

/// Reads every row; what is wrong with one is its own affair.
///
/// # Errors
/// Why the file cannot be read as a sheet of slots. Nothing of what is in it is repeated.
pub(super) fn read(text: &str, people: &People) -> Result<Vec<Candidate>, Vec<String>> {
    let records = records(text)?;
    let (header, columns) = Columns::find(&records)?;
    let mut candidates: Vec<(String, Candidate)> = Vec::new();
    for (at, record) in records.into_iter().skip(header + 1) {
        let Some(mut candidate) = row(&at, &record, &columns, people) else { continue };
        if let Some((other, first)) = candidates.iter_mut().find(|(_, first)| first.slot == candidate.slot) {
            let problem = format!("the same slot is in {other} and in {at}");
            first.problems.push(problem.clone());
            candidate.problems.push(problem);
        }
        candidates.push((at, candidate));
    }
    Ok(candidates.into_iter().map(|(_, candidate)| candidate).collect())
}

/// Reads the people who go by several names, one a line.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn people(text: &str) -> Result<People, Vec<String>> {
    People::from_rows(records(text)?.iter().map(|(_, record)| record.iter()))
}

/// Every record that is not blank, and where it begins.
fn records(text: &str) -> Result<Vec<(String, csv::StringRecord)>, Vec<String>> {
    // Spreadsheets on Windows begin their files with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| vec![e.to_string()])?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().any(|cell| !cell.is_empty()) {
            records.push((format!("line {line}"), record));
        }
    }
    Ok(records)
}

impl Columns {
    /// The header's place, and its columns.
    fn find(records: &[(String, csv::StringRecord)]) -> Result<(usize, Self), Vec<String>> {
        if records.is_empty() {
            return Err(vec!["it is empty".to_owned()]);
        }
        let titles: Vec<Vec<String>> = records.iter().take(LOOK).map(|(_, r)| r.iter().map(title).collect()).collect();
        let at = |row: &[String], names: &[&str]| -> Vec<usize> {
            let known = row.iter().enumerate().filter(|(_, title)| names.contains(&title.as_str()));
            known.map(|(column, _)| column).collect()
        };
        let header =
            titles.iter().enumerate().find(|(_, row)| !at(row, &SLOT).is_empty() && !at(row, &USERS).is_empty());
        let Some((place, row)) = header else {
            return Err(vec![format!(
                "none of its first {LOOK} lines has the columns Slot and Usernames (or Emails, or Users)"
            )]);
        };
        match [at(row, &SLOT), at(row, &USERS), at(row, &["until"]), at(row, &["host"])].each_ref().map(Vec::as_slice) {
            [&[slot], &[users], until @ (&[] | &[_]), host @ (&[] | &[_])] => {
                Ok((place, Self { slot, users, until: until.first().copied(), host: host.first().copied() }))
            }
            _ => Err(vec![
                "its header has several columns of one meaning (Usernames, Emails and Users are one)".to_owned(),
            ]),
        }
    }
}

/// A title without what people put between its letters: `E-Mails` is `emails`.
fn title(cell: &str) -> String {
    cell.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// None for a row without a slot.
fn row(at: &str, record: &csv::StringRecord, columns: &Columns, people: &People) -> Option<Candidate> {
    let cell = |column: Option<usize>| column.and_then(|column| record.get(column)).unwrap_or_default();
    let mut problems = Vec::new();
    let slot = normal(cell(Some(columns.slot)));
    if slot.is_empty() {
        return None;
    }
    if !is_label(&slot) {
        problems.push(format!("{at}: the slot is not the name of a namespace"));
    }
    let users = users(cell(Some(columns.users)), people).unwrap_or_else(|problem| {
        problems.push(format!("{at}: {problem}"));
        (Vec::new(), Vec::new())
    });
    let until = match cell(columns.until) {
        "" => None,
        text => moment::absolute(text, &TimeZone::UTC).or_else(|| {
            problems.push(format!("{at}: cannot read Until as a moment: write 2026-12-01, or 2026-12-01 18:00 (UTC)"));
            None
        }),
    };
    let host = normal(cell(columns.host));
    if !host.is_empty() && !is_host(&host) {
        problems.push(format!("{at}: the host is not a host name"));
    }
    let (users, aliases) = users;
    let claim = (!users.is_empty()).then(|| ClaimView { users, aliases, until, ..ClaimView::default() });
    Some(Candidate { slot, host: (!host.is_empty()).then_some(host), claim, problems })
}

/// The users of a cell, and the other names that they go by.
fn users(cell: &str, people: &People) -> Result<(Vec<Name>, Vec<Name>), String> {
    let (mut users, mut aliases) = (Vec::new(), Vec::new());
    for text in cell.split([',', ';', '\n', '\r']).map(str::trim).filter(|text| !text.is_empty()) {
        if text.contains(char::is_whitespace) || text.starts_with('@') {
            return Err("one of the users is neither an e-mail nor a login: separate people by commas".to_owned());
        }
        let (shown, others) = people.resolve(&Name::parse(text).map_err(|e| e.to_string())?);
        users.push(shown);
        aliases.extend(others);
    }
    Ok((users, aliases))
}

/// True for what may be the name of a namespace.
fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= MAX_LABEL
        && text.chars().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// True for what may be a Slot's host.
pub(crate) fn is_host(text: &str) -> bool {
    text.len() <= MAX_HOST && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn columns_are_found_by_their_titles() {
        let text = "\u{feff}Our slots\npurpose, E-Mails ,Host, slot\n\
                    demo,\"alice@example.com, Bob\",mew.dev.example.com, Mew \n\
                    ,,,onix\n\n,,,\n";
        let read = read(text, &People::default()).unwrap();
        let [mew, onix] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((mew.slot.as_str(), mew.host.as_deref()), ("mew", Some("mew.dev.example.com")));
        assert_eq!(mew.claim.as_ref().unwrap().users, [name("alice@example.com"), name("bob")]);
        assert_eq!((onix.slot.as_str(), &onix.claim), ("onix", &None));
    }

    #[test]
    fn other_names_come_from_the_list_of_people() {
        let people = people("alice@example.com,octocat\n").unwrap();
        let read = read("Slot,Usernames\nmew,octocat\n", &people).unwrap();
        let claim = read[0].claim.as_ref().unwrap();
        assert_eq!(
            (claim.users.as_slice(), claim.aliases.as_slice()),
            (&[name("alice@example.com")][..], &[name("octocat")][..])
        );
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_its_line() {
        let text = "Slot,Users,Until,Host\nmew,alice,soon,not a host\nme w,bob\nonix,carol\nOnix,dan\n";
        let problems: Vec<String> =
            read(text, &People::default()).unwrap().into_iter().flat_map(|candidate| candidate.problems).collect();
        assert_eq!(
            problems,
            [
                "line 2: cannot read Until as a moment: write 2026-12-01, or 2026-12-01 18:00 (UTC)",
                "line 2: the host is not a host name",
                "line 3: the slot is not the name of a namespace",
                "the same slot is in line 4 and in line 5",
                "the same slot is in line 4 and in line 5",
            ]
        );
    }

    #[test]
    fn a_sheet_without_its_header_is_refused_and_not_repeated() {
        for text in ["", "mew,alice\nonix,bob\n", "Slot\nmew\n", "Slot,Users,Emails\nmew,alice,bob\n"] {
            let problems = read(text, &People::default()).unwrap_err().join("; ");
            assert!(!problems.is_empty() && !problems.contains("alice"), "{text:?}: {problems}");
        }
    }

    #[test]
    fn a_host_is_made_of_labels() {
        for (text, host) in [
            ("mew.dev.example.com", true),
            ("mew", true),
            ("", false),
            ("a..b", false),
            ("-a.b", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_host(text), host, "{text:?}");
        }
    }
}
