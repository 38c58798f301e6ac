//! What does a sheet say about claims, where no cluster can be asked?
//!
//! It is read as hotdesk-sync reads the same sheet: `hotdesk_sheet` says what each row means. What is wrong is told
//! without what the cells hold, for the log of CI is read by many.

use hotdesk_sheet::{Entry, Problem, Reading, SlotNames, Table, Warning, people};
use hotdesk_slots::{ClaimView, NameRules, People};
use jiff::tz::TimeZone;

use super::choice::Candidate;

/// Reads every row; what is wrong with one is its own affair. Times of day are those of the zone.
///
/// # Errors
/// Why it cannot be read as a sheet of slots. Nothing of what is in it is repeated.
pub(super) fn read(
    table: &Table,
    people: &People,
    names: &NameRules,
    zone: &TimeZone,
) -> Result<Vec<Candidate>, String> {
    let by = Reading { slots: SlotNames::Any, people, names, zone };
    let sheet = hotdesk_sheet::read(table, by).map_err(|e| e.to_string())?;
    Ok(sheet.entries.into_iter().map(candidate).collect())
}

/// Reads the people who go by several names, one a row.
///
/// # Errors
/// Where it is wrong.
pub(super) fn people(table: Option<&Table>) -> Result<People, String> {
    people::people(table, &[]).map_err(|problems| {
        // What follows the row quotes a name.
        let rows: Vec<&str> = problems.iter().filter_map(|problem| problem.split(": ").next()).collect();
        format!("{}: each name stands in one row, and is an e-mail or a login", rows.join("; "))
    })
}

fn candidate(entry: Entry) -> Candidate {
    let problems = entry.problems.iter().map(Problem::discreet).collect();
    let claim = entry.row.claim.map(|wanted| ClaimView {
        users: wanted.users,
        aliases: wanted.aliases,
        until: wanted.until,
        ..ClaimView::default()
    });
    let warnings = entry.warnings.iter().map(Warning::discreet).collect();
    Candidate { slot: entry.slot.unwrap_or_default(), host: entry.row.host, claim, problems, warnings }
}

#[cfg(test)]
mod tests {
    use super::super::choice::{Sought, choose};
    use super::*;
    use hotdesk_sheet::csv;
    use hotdesk_slots::Name;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn table(text: &str) -> Table {
        csv::parse(text.as_bytes()).unwrap()
    }

    fn rows(text: &str) -> Vec<Candidate> {
        read(&table(text), &People::default(), &NameRules::default(), &TimeZone::UTC).unwrap()
    }

    #[test]
    fn columns_are_found_by_their_titles() {
        let read = rows(
            "\u{feff}Our slots\npurpose, E-Mails ,Host, slot\n\
             demo,\"alice@example.com, Bob\",mew.dev.example.com, Mew \n,,,onix\n\n,,,\n",
        );
        let [mew, onix] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((mew.slot.as_str(), mew.host.as_deref()), ("mew", Some("mew.dev.example.com")));
        assert_eq!(mew.claim.as_ref().unwrap().users, [name("alice@example.com"), name("bob")]);
        assert_eq!((onix.slot.as_str(), &onix.claim), ("onix", &None));
    }

    #[test]
    fn the_sheets_that_people_write_give_no_slot_to_somebody_else() {
        let resolved = |file: &str, user: &str| {
            let path = format!("{}/../crates/sheet/tests/sheets/{file}", env!("CARGO_MANIFEST_DIR"));
            let candidates = rows(&std::fs::read_to_string(path).unwrap());
            let user = name(user);
            let sought = Sought { user: &user, slot: None, claim_url: None, program: "hotdesk" };
            let choice = choose(&candidates, &sought, "2026-11-30T12:00:00Z".parse().unwrap());
            choice.map(|choice| (choice.slot.clone(), choice.notice(&sought).unwrap_or_default()))
        };
        for (file, user, because) in [
            ("cr-only.csv", "alice@example.com", "A2: another row has the same slot"),
            ("cr-only.csv", "mallory@example.com", "A3: another row has the same slot"),
            ("chips-last-first.csv", "doe", "cannot be used: B2: "),
            ("chips-last-first.csv", "alice", "cannot be used: B2: "),
            ("chips-last-first.csv", "carol@example.com", "cannot be used: B4: "),
            ("placeholders.csv", "tbd", "tbd holds no slot"),
            ("two-digit-years.csv", "heidi@example.com", "cannot be used: E9: "),
        ] {
            let told = resolved(file, user).unwrap_err();
            assert!(told.contains(because), "{file}, {user}: {told:?} does not say {because:?}");
        }
        assert_eq!(resolved("cr-only.csv", "bob@example.com"), Ok(("eevee".to_owned(), String::new())));
        assert_eq!(resolved("chips-last-first.csv", "alice@example.com"), Ok(("ditto".to_owned(), String::new())));
        let (slot, notice) = resolved("display-names.csv", "alice").unwrap();
        assert_eq!((slot.as_str(), notice.contains("B5: nobody has been seen")), ("mew", true), "{notice}");
    }

    #[test]
    fn other_names_come_from_the_list_of_people() {
        let people = people(Some(&table("alice@example.com,octocat\n"))).unwrap();
        let read =
            read(&table("Slot;Usernames;Purpose\nmew;octocat;x\n"), &people, &NameRules::default(), &TimeZone::UTC)
                .unwrap();
        let claim = read[0].claim.as_ref().unwrap();
        assert_eq!(
            (claim.users.as_slice(), claim.aliases.as_slice()),
            (&[name("alice@example.com")][..], &[name("octocat")][..])
        );
    }

    #[test]
    fn a_list_of_people_that_cannot_be_read_is_not_repeated() {
        let problem = people(Some(&table("alice,octocat\nbob,octocat\n"))).unwrap_err();
        assert_eq!(problem, "people, row 2: each name stands in one row, and is an e-mail or a login");
    }

    #[test]
    fn times_of_day_are_those_of_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let text = "Slot,Users,Purpose,Until\nmew,alice,x,1 Dec 2026 18:00\n";
        let read = read(&table(text), &People::default(), &NameRules::default(), &zone).unwrap();
        assert_eq!(read[0].claim.as_ref().unwrap().until.unwrap().to_string(), "2026-12-01T17:00:00Z");
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_its_cell_and_nothing_of_it() {
        let read = rows(
            "Slot,Usernames,Purpose,Until,Host\nmew,alice,x,soon,not a host\nme w,bob,x\nonix,carol,x\nOnix,dan smith,x\n,eve,x\n",
        );
        let problems: Vec<String> = read.iter().flat_map(|candidate| candidate.problems.clone()).collect();
        assert_eq!(
            problems,
            [
                "D2: this cannot be read as a date: write 2026-12-01, or 2026-12-01 18:00",
                "E2: this is too long, or is not what the column is for",
                "A3: this is not the name of a slot",
                "A4: another row has the same slot: one row a slot",
                "A5: another row has the same slot: one row a slot",
                "B5: one of the names is neither an e-mail nor a login: separate people by commas",
                "A6: this is not the name of a slot",
            ]
        );
        assert_eq!(read[4].claim.as_ref().unwrap().users, [name("eve")], "so that eve is told");
    }

    #[test]
    fn a_sheet_without_its_header_is_refused_and_not_repeated() {
        let texts = ["", "mew,alice\nonix,bob\n", "Slot\nmew\n", "Slot,Users,Emails,Purpose\nmew,alice,bob\n"];
        for text in texts {
            let problem = read(&table(text), &People::default(), &NameRules::default(), &TimeZone::UTC).unwrap_err();
            assert!(!problem.is_empty() && !problem.contains("alice"), "{text:?}: {problem}");
        }
        for bytes in [&b"Slot,Users,Purpose\nmew,\"alice,x\n"[..], b"Slot,Users,Purpose\nmew,ali\xfcce,x\n"] {
            let problem = csv::parse(bytes).unwrap_err();
            assert!(!problem.contains("ali"), "{problem}");
        }
    }
}
