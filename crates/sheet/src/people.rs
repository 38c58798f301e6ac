//! Who goes by several names? The second table: one row a person, the name to show first.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::{ClaimView, Name, People};

use crate::cells::{Kind, Line, Problem, Table};

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

/// The same, without what would make one person of two who hold slots: the first of them in the row stays, and the other is
/// left out of it. `holders`: the claims in force, and of which slots.
///
/// # Errors
/// Every problem at once, with its row.
pub fn people_apart(
    table: Option<&Table>,
    listed: &[Vec<String>],
    holders: &[(&str, &ClaimView)],
) -> Result<(People, Vec<Problem>), Vec<String>> {
    let all = people(table, listed)?;
    let Some(table) = table else { return Ok((all, Vec::new())) };
    let owners = Owners::of(holders);
    let (mut table, mut problems) = (table.clone(), Vec::new());
    table.lines.iter_mut().for_each(|line| problems.extend(owners.keep_apart(line)));
    let all = if problems.is_empty() { all } else { people(Some(&table), listed)? };
    Ok((all, problems))
}

/// Who owns slots, and by which claims.
struct Owners<'a>(BTreeMap<&'a Name, Vec<&'a (&'a str, &'a ClaimView)>>);

impl<'a> Owners<'a> {
    fn of(holders: &'a [(&'a str, &'a ClaimView)]) -> Self {
        let mut owners: BTreeMap<&Name, Vec<_>> = BTreeMap::new();
        for holder in holders {
            if let Some(owner) = holder.1.owner() {
                owners.entry(owner).or_default().push(holder);
            }
        }
        Self(owners)
    }

    fn keep_apart(&self, line: &mut Line) -> Vec<Problem> {
        let (number, mut first, mut problems) = (line.number, None::<Name>, Vec::new());
        line.cells.retain(|cell| {
            let Some(name) = Name::parse(cell).ok().filter(|name| self.0.contains_key(name)) else { return true };
            let Some(first) = &first else {
                first = Some(name);
                return true;
            };
            let apart = *first != name && !self.are_one(first, &name) && !self.are_one(&name, first);
            problems.extend(apart.then(|| self.problem(number, first, &name)));
            !apart
        });
        problems
    }

    /// True where a claim says already that these are names of one person.
    fn are_one(&self, owner: &Name, other: &Name) -> bool {
        self.0.get(owner).is_some_and(|claims| claims.iter().any(|(_, claim)| claim.aliases.contains(other)))
    }

    fn problem(&self, row: usize, first: &Name, other: &Name) -> Problem {
        let slots = |name: &Name| -> String {
            let slots: Vec<String> =
                self.0.get(name).into_iter().flatten().map(|(slot, _)| sanitize_short(slot)).collect();
            list(&slots)
        };
        let (one, two) = (sanitize_short(first.as_str()), sanitize_short(other.as_str()));
        let what = format!(
            "it makes one person of {one}, who holds {}, and {two}, who holds {}: {two} is left out until only one of them \
             holds slots",
            slots(first),
            slots(other)
        );
        Problem { cell: format!("people, row {row}"), what, slot: None, kind: Kind::People }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::Claim;

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

    /// How a name is shown where these hold slots, each by a claim `slot owner alias alias`, and what is told.
    fn apart(text: &str, listed: &[Vec<String>], claims: &[&str], name: &str) -> (String, Vec<String>) {
        let holder = |claim: &&str| {
            let words: Vec<String> = claim.split(' ').map(str::to_owned).collect();
            let claim = Claim { users: vec![words[1].clone()], aliases: words[2..].to_vec(), ..Claim::default() };
            (words[0].clone(), ClaimView::parse_lossy(&claim))
        };
        let claims: Vec<(String, ClaimView)> = claims.iter().map(holder).collect();
        let holders: Vec<(&str, &ClaimView)> = claims.iter().map(|(slot, view)| (slot.as_str(), view)).collect();
        let (people, problems) = people_apart(Some(&table(text)), listed, &holders).unwrap();
        let shown = people.resolve(&Name::parse(name).unwrap()).0.to_string();
        (shown, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_row_never_makes_one_person_of_two_who_hold_slots() {
        let told = "people, row 2: it makes one person of mallory, who holds pikachu, and alice, who holds mew and onix: \
                    alice is left out until only one of them holds slots";
        let claims = ["mew alice", "pikachu mallory", "onix alice"];
        let row = "carol\nmallory,mal,Alice\n";
        assert_eq!(apart(row, &[], &claims, "alice"), ("alice".into(), vec![told.into()]));
        assert_eq!(apart(row, &[], &claims, "mal").0, "mallory", "the rest of the row counts");
        assert_eq!(apart(row, &[], &claims[..1], "alice"), ("mallory".into(), vec![]), "one of them holds nothing");
        assert_eq!(apart(row, &[], &[], "alice"), ("mallory".into(), vec![]));
    }

    #[test]
    fn names_that_a_claim_joins_already_stay_joined() {
        for claims in [["mew alice al", "onix al"], ["mew alice", "onix al alice"]] {
            assert_eq!(apart("alice,al", &[], &claims, "al"), ("alice".into(), vec![]), "{claims:?}");
        }
    }

    #[test]
    fn who_is_left_out_is_who_the_installation_says() {
        let listed = [vec!["alice".to_owned(), "octocat".to_owned()]];
        let (shown, told) = apart("mallory,alice", &listed, &["mew alice", "onix mallory"], "octocat");
        assert_eq!((shown.as_str(), told.len()), ("alice", 1));
    }
}
