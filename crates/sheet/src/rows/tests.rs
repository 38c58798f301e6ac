//! The slots are `abra`, `eevee`, `mew`, `mewtwo` and `onix`; octocat is alice.

use super::*;
use hotdesk_slots::text::is_harmful;

const HEADER: &[&str] = &["Slot", "Usernames", "Purpose", "Until", "Keep until", "Host"];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn slots() -> BTreeSet<String> {
    ["abra", "eevee", "mew", "mewtwo", "onix"].map(str::to_owned).into()
}

fn read_with(header: &[&str], rows: &[&[&str]], slots: SlotNames<'_>) -> Read {
    read_by(header, rows, slots, &NameRules::default())
}

fn read_by(header: &[&str], rows: &[&[&str]], slots: SlotNames<'_>, names: &NameRules) -> Read {
    let table = Table::numbered(std::iter::once(header).chain(rows.iter().copied()).map(|row| row.iter().copied()));
    let people = People::from_rows([["alice@example.com", "octocat"]]).unwrap();
    read(&table, Reading { slots, people: &people, names, zone: &TimeZone::UTC }).unwrap()
}

fn read_rows(rows: &[&[&str]]) -> Read {
    read_with(HEADER, rows, SlotNames::These(&slots()))
}

impl Read {
    fn good(&self) -> BTreeMap<&str, &Row> {
        let good = self.entries.iter().filter(|entry| entry.problems.is_empty());
        good.map(|entry| (entry.slot.as_deref().unwrap(), &entry.row)).collect()
    }

    fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.entries.iter().flat_map(|entry| &entry.problems)
    }
}

/// Reads rows below the header (so the first is row 2): the good slots, and the problems.
#[track_caller]
fn check(rows: &[&[&str]], good: &[&str], problems: &[&str]) {
    compare(&read_rows(rows), good, problems);
}

#[track_caller]
fn compare(read: &Read, good: &[&str], problems: &[&str]) {
    assert_eq!(read.good().into_keys().collect::<Vec<_>>(), good, "the good rows");
    let told: Vec<String> = read.problems().map(ToString::to_string).collect();
    assert_eq!(told.len(), problems.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(problems) {
        assert!(told.contains(expected), "{told:?} does not say {expected:?}");
    }
}

#[test]
fn a_row_becomes_a_claim() {
    let read = read_rows(&[&[
        "Mew ",
        "Octocat, bob@Example.com",
        "payments\nrefactor",
        "2026-12-01 18:00",
        "2026-11-25",
        "Mew.dev.example.com",
    ]]);
    let good = read.good();
    let row = good["mew"];
    let claim = row.claim.as_ref().unwrap();
    assert_eq!(claim.users, [name("alice@example.com"), name("bob@example.com")]);
    assert_eq!(claim.aliases, [name("octocat")]);
    assert_eq!(claim.purpose, "payments refactor");
    assert_eq!(claim.until, Some(at("2026-12-01T18:00:00Z")));
    assert_eq!(row.keep_until, Some(at("2026-11-25T23:59:00Z")));
    assert_eq!(row.host.as_deref(), Some("mew.dev.example.com"));
    assert_eq!((row.cell.as_str(), read.entries.len()), ("B2", 1));
}

#[test]
fn a_row_without_names_leaves_its_slot_free() {
    let read = read_rows(&[&["mew", " ", "nobody yet"], &["abra"]]);
    compare(&read, &["abra", "mew"], &[]);
    assert!(read.good().values().all(|row| row.claim.is_none()));
}

#[test]
fn empty_rows_are_passed_over_and_ragged_ones_read() {
    let read = read_with(
        &["Notes", "Slot", "Users", "Purpose"],
        &[&[], &["", " "], &["only a note"], &["", "mew", "alice"], &["", "abra", "bob", "x", "beyond", "the header"]],
        SlotNames::These(&slots()),
    );
    compare(&read, &["abra", "mew"], &[]);
    assert_eq!(read.entries.len(), 2);
}

#[test]
fn spellings_of_one_slot_are_one_slot() {
    for spelling in ["mew", "Mew ", "MEW", "\u{a0}mew"] {
        check(&[&[spelling, "alice", "x"]], &["mew"], &[]);
    }
    let twice: &[&[&str]] = &[&["mew", "alice", "x"], &["abra", "bob", "x"], &["MEW ", "carol", "x"]];
    check(twice, &["abra"], &["A2: mew is also in row 4", "A4: mew is also in row 2"]);
}

#[test]
fn two_slots_never_match_by_prefix() {
    check(&[&["mewt", "alice", "x"]], &[], &["A2: there is no slot \"mewt\": is mew meant?"]);
    check(&[&["mewtwo", "alice", "x"]], &["mewtwo"], &[]);
    check(&[&["pikachu", "alice", "x"]], &[], &["A2: there is no slot \"pikachu\""]);
}

#[test]
fn every_problem_of_a_row_is_told_with_its_cell() {
    let bad: &[&str] =
        &["mew", "alice smith, #N/A, a\u{202e}b", "x\u{200b}y", "tomorrow", "12/1/2026", "https://mew.example.com/"];
    check(
        &[bad, &["abra", "alice", "x"]],
        &["abra"],
        &[
            "B2: \"alice smith\" is neither an e-mail nor a login",
            "B2: #N/A is not a name",
            "B2: the name \"a\u{fffd}b\" contains",
            "C2: it contains an invisible character",
            "D2: cannot read \"tomorrow\" as a date",
            "E2: \"12/1/2026\" is not a date: it does not say which number is the month",
            "F2: \"https://mew.example.com/\" is not a host name",
        ],
    );
    let refused = read_rows(&[bad]).problems().all(|problem| problem.slot.as_deref() == Some("mew"));
    assert!(refused, "each problem names the slot that it concerns");
}

#[test]
fn formulas_errors_are_problems_in_every_column() {
    for (column, cell) in ["B2", "C2", "D2", "E2", "F2"].iter().enumerate() {
        let mut row = vec!["mew", "alice", "x", "", "", ""];
        row[column + 1] = "#REF!";
        check(&[&row], &[], &[&format!("{cell}: it shows #REF!")]);
    }
    check(&[&["mew", "Loading...", "x"]], &[], &["B2: it shows Loading..."]);
}

#[test]
fn names_are_separated_by_commas_semicolons_or_lines_and_compared_as_people() {
    let read = read_rows(&[&["mew", "alice@Example.com; BOB\ncarol,,octocat", "x"]]);
    let users = &read.good()["mew"].claim.as_ref().unwrap().users;
    assert_eq!(users, &[name("alice@example.com"), name("bob"), name("carol")]);
    check(&[&["mew", "@octocat", "x"]], &[], &["B2: write octocat without the @"]);
    let named: &[&[&str]] = &[&["mew", "Ælfgifu, 山田@例え.jp, żółw", "naïve 目的"]];
    let unicode = NameRules { unicode: true, ..NameRules::default() };
    compare(&read_by(HEADER, named, SlotNames::These(&slots()), &unicode), &["mew"], &[]);
    // Letters beyond ASCII are the operator's choice since a Cyrillic one was taken for alice's.
    check(named, &[], &["B2: \"Ælfgifu\" has a character that is not ASCII", "B2: \"山田", "B2: \"żółw"]);
}

#[test]
fn what_does_not_fit_into_a_slot_is_refused() {
    check(&[&["mew", "alice", &"ü".repeat(200)]], &["mew"], &[]);
    check(&[&["mew", "alice", &"ü".repeat(201)]], &[], &["C2: it has 201 characters"]);
    let many = |count: usize| (0..count).map(|n| format!("u{n}")).collect::<Vec<_>>().join(",");
    check(&[&["mew", &many(16), "x"]], &["mew"], &[]);
    check(&[&["mew", &many(17), "x"]], &[], &["B2: it names 17 people, and 16 are the most"]);
    check(&[&["mew", &"x".repeat(300), "x"]], &[], &["B2: the name"]);
}

#[test]
fn where_no_slots_are_known_any_name_of_a_namespace_is_one() {
    let rows: &[&[&str]] = &[&["Pikachu ", "alice", "x"], &["me w", "bob", "x"], &["-x", "", ""], &["", "carol", "x"]];
    let expected = ["A3: \"me w\" is not the name of a namespace", "A4: \"-x\" is not", "A5: no slot is named"];
    compare(&read_with(HEADER, rows, SlotNames::Any), &["pikachu"], &expected);
}

#[test]
fn a_row_with_a_bad_name_still_tells_whom_else_it_means() {
    let read = read_rows(&[&["mew", "octocat, bob smith", "x"], &["abra", "bob", "x"]]);
    let named = |at: usize| (&read.entries[at].named[..], read.entries[at].names_everybody);
    assert_eq!(named(0), (&[name("alice@example.com"), name("octocat")][..], false));
    assert_eq!(named(1), (&[name("bob")][..], true));
}

#[test]
fn what_is_said_discreetly_quotes_no_cell() {
    let bad: &[&str] = &["abra", "bob smith, @eve, #N/A", "x\u{200b}y", "next week", "1/2/2026", "a_b.example"];
    let read = read_rows(&[bad, &["nope", "#REF!", "secret"], &["ABRA", "eve", "z"]]);
    for problem in read.problems() {
        let told = problem.discreet();
        assert!(told.starts_with(&format!("{}: ", problem.cell)), "{told}");
        for cell in ["smith", "eve", "N/A", "week", "1/2", "a_b", "nope", "secret", "abra"] {
            assert!(!told.contains(cell), "{told:?} repeats {cell:?}");
        }
    }
    assert_eq!(read.problems().count(), 11);
}

#[test]
fn a59_a64_what_the_api_refuses_the_sheet_refuses() {
    for (cell, because) in [
        ("a\"b", "B2: \"a'b\" is neither an e-mail"),
        ("x\\y", "B2: \"x\\y\" is neither an e-mail"),
        ("\u{430}lice@example.com", "is not ASCII"),
        ("ali\u{ad}ce", "is not ASCII"),
        ("system:serviceaccount:mew:default", "hold a slot only where hotdesk's settings list them"),
        (&"x".repeat(101), "longer than 100 characters"),
    ] {
        check(&[&["mew", cell, "x"]], &[], &[because]);
    }
}

#[test]
fn the_sheets_own_list_of_people_brings_in_no_other_names() {
    let table = Table::numbered([["Slot", "Users", "Purpose"], ["mew", "bob", "x"], ["abra", "carol", "x"]]);
    let people = People::from_rows([["bob", "system:serviceaccount:mew:default"]]).unwrap();
    let names = NameRules::default();
    let known = slots();
    let by = Reading { slots: SlotNames::These(&known), people: &people, names: &names, zone: &TimeZone::UTC };
    let because = "B2: the list of people: \"system:serviceaccount:mew:default\" is not a person";
    compare(&read(&table, by).unwrap(), &["abra"], &[because]);
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_is_read_and_no_problem_harms_a_terminal(
        rows in proptest::collection::vec(proptest::collection::vec("(mew|MEW|#REF!|alice|2026-12-01|\\PC{0,12})", 0..7), 0..12)
    ) {
        let table = Table::numbered(std::iter::once(HEADER.iter().map(|h| (*h).to_owned()).collect()).chain(rows));
        let (people, names) = (People::default(), NameRules::widest());
        let by = Reading { slots: SlotNames::Any, people: &people, names: &names, zone: &TimeZone::UTC };
        let read = read(&table, by).unwrap();
        proptest::prop_assert!(read.problems().all(|p| !p.what.contains(is_harmful) && !p.discreet().contains(is_harmful)));
        proptest::prop_assert!(read.entries.iter().all(|e| e.slot.is_some() || !e.problems.is_empty()));
    }
}
