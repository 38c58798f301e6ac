//! Who goes by several names? The second table: one row a person, the name to show first.

use std::collections::BTreeSet;

use hotdesk_slots::People;

use crate::cells::Table;

/// A number of rows that no list of people has; a table that claims more is not padded any further.
const MAX_GAP: usize = 10_000;

/// The people of a table, and those of a list whom the table does not know.
///
/// # Errors
/// Every problem at once, with its row.
pub fn people(table: Option<&Table>, listed: &[Vec<String>]) -> Result<People, Vec<String>> {
    let mut rows: Vec<Vec<&str>> = Vec::new();
    for line in table.iter().flat_map(|table| &table.lines) {
        // So that a problem names the row that it has in the table.
        rows.resize(line.number.saturating_sub(1).clamp(rows.len(), rows.len() + MAX_GAP), Vec::new());
        rows.push(line.cells.iter().map(String::as_str).collect());
    }
    let key = |name: &str| name.trim().to_ascii_lowercase();
    let known: BTreeSet<String> = rows.iter().flatten().map(|name| key(name)).collect();
    let others = listed.iter().filter(|person| !person.iter().any(|name| known.contains(&key(name))));
    let others: Vec<Vec<&str>> = others.map(|person| person.iter().map(String::as_str).collect()).collect();
    rows.extend(others);
    People::from_rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::Name;

    fn table(text: &str) -> Table {
        crate::csv::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_table_goes_before_the_list() {
        let listed = [vec!["octocat".to_owned(), "al".to_owned()], vec!["bob".to_owned(), "bobby".to_owned()]];
        let people = people(Some(&table("alice@example.com, Octocat\n")), &listed).unwrap();
        let shown = |name: &str| people.resolve(&Name::parse(name).unwrap()).0.to_string();
        assert_eq!(
            (shown("octocat"), shown("al"), shown("bobby")),
            ("alice@example.com".into(), "al".into(), "bob".into())
        );
    }

    #[test]
    fn a_problem_names_its_row() {
        let problems = people(Some(&table("alice,octocat\n\nbob,octocat\n")), &[]).unwrap_err();
        assert_eq!(problems, ["people, row 3: octocat is also in row 1"]);
    }
}
