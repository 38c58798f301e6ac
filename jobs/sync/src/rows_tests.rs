//! The cluster has `mew` (free), `eevee` (alice's, by the sheet), `onix` (bob's, claimed elsewhere) and `abra`.

use super::*;
use hotdesk_slots::text::is_harmful;

const HEADER: &[&str] = &["Slot", "Usernames", "Purpose", "Until", "Keep until", "Host"];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn present() -> BTreeMap<String, Holding> {
    let holding = [
        ("abra", Holding::Nobody),
        ("eevee", Holding::Sheet(Some(name("alice@example.com")))),
        ("mew", Holding::Nobody),
        ("mewtwo", Holding::Nobody),
        ("onix", Holding::Elsewhere(Some(name("bob@example.com")))),
    ];
    holding.into_iter().map(|(slot, holding)| (slot.to_owned(), holding)).collect()
}

fn judge_with(header: &[&str], rows: &[&[&str]], limit: Option<usize>) -> Judged {
    let table = Table::numbered(std::iter::once(header).chain(rows.iter().copied()).map(|row| row.iter().copied()));
    let people = People::from_rows([["alice@example.com", "octocat"]]).unwrap();
    let rules = Rules { limit, zone: TimeZone::UTC };
    judge(&table, &present(), &people, &rules, at("2026-11-23T15:00:00Z")).unwrap()
}

fn judged(rows: &[&[&str]]) -> Judged {
    judge_with(HEADER, rows, None)
}

/// Judges rows below the header (so the first is row 2): the good slots, and the problems.
#[track_caller]
fn check(rows: &[&[&str]], good: &[&str], problems: &[&str]) {
    compare(&judged(rows), good, problems);
}

#[track_caller]
fn compare(judged: &Judged, good: &[&str], problems: &[&str]) {
    let slots: Vec<&str> = judged.good.keys().map(String::as_str).collect();
    assert_eq!(slots, good, "the good rows");
    let told: Vec<String> = judged.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), problems.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(problems) {
        assert!(told.contains(expected), "{told:?} does not say {expected:?}");
    }
}

#[test]
fn a_row_becomes_a_claim() {
    let judged = judged(&[&[
        "Mew ",
        "Octocat, bob@Example.com",
        "payments\nrefactor",
        "2026-12-01 18:00",
        "2026-11-25",
        "Mew.dev.example.com",
    ]]);
    let row = &judged.good["mew"];
    let claim = row.claim.as_ref().unwrap();
    assert_eq!(claim.users, [name("alice@example.com"), name("bob@example.com")]);
    assert_eq!(claim.aliases, [name("octocat")]);
    assert_eq!(claim.purpose, "payments refactor");
    assert_eq!(claim.until, Some(at("2026-12-01T18:00:00Z")));
    assert_eq!(row.keep_until, Some(at("2026-11-25T23:59:00Z")));
    assert_eq!(row.host.as_deref(), Some("mew.dev.example.com"));
    assert_eq!((judged.rows, judged.has_host, judged.has_keep_until), (1, true, true));
}

#[test]
fn a_row_without_names_leaves_its_slot_free() {
    let judged = judged(&[&["mew", " ", "nobody yet"], &["abra"]]);
    compare(&judged, &["abra", "mew"], &[]);
    assert!(judged.good.values().all(|row| row.claim.is_none()));
}

#[test]
fn empty_rows_are_passed_over_and_ragged_ones_read() {
    let judged = judge_with(
        &["Notes", "Slot", "Users", "Purpose"],
        &[&[], &["", " "], &["only a note"], &["", "mew", "alice"], &["", "abra", "bob", "x", "beyond", "the header"]],
        None,
    );
    compare(&judged, &["abra", "mew"], &[]);
    assert_eq!(judged.rows, 2);
}

#[test]
fn spellings_of_one_slot_are_one_slot() {
    for spelling in ["mew", "Mew ", "MEW", "\u{a0}mew"] {
        check(&[&[spelling, "alice", "x"]], &["mew"], &[]);
    }
    let twice: &[&[&str]] = &[&["mew", "alice", "x"], &["abra", "bob", "x"], &["MEW ", "carol", "x"]];
    check(twice, &["abra"], &["A2: mew is also in row 4", "A4: mew is also in row 2"]);
    assert!(judged(twice).refused.contains("mew"));
}

#[test]
fn two_slots_never_match_by_prefix() {
    check(&[&["mewt", "alice", "x"]], &[], &["A2: there is no slot \"mewt\": is mew meant?"]);
    check(&[&["mewtwo", "alice", "x"]], &["mewtwo"], &[]);
    check(&[&["pikachu", "alice", "x"]], &[], &["A2: there is no slot \"pikachu\""]);
}

#[test]
fn a_row_that_names_no_slot_is_a_stray() {
    let judged = judged(&[&["", "alice", "x"], &["#REF!", "bob", "x"], &["nope", "#N/A", "x"]]);
    compare(
        &judged,
        &[],
        &["A2: no slot is named", "A3: it shows #REF!", "A4: there is no slot \"nope\"", "B4: it shows #N/A"],
    );
    let users: Vec<Option<usize>> = judged.strays.iter().map(|s| s.users.as_ref().map(Vec::len)).collect();
    assert_eq!(users, [Some(1), Some(1), None]);
    assert!(judged.refused.is_empty());
}

#[test]
fn every_problem_of_a_row_is_told_with_its_cell() {
    let bad: &[&str] =
        &["mew", "alice smith, #N/A, a\u{202e}b", "x\u{200b}y", "tomorrow", "12/1/2026", "https://mew.example.com/"];
    check(
        &[bad, &["abra", "alice", "x"]],
        &["abra"],
        &[
            "B2: \"alice smith\" is no e-mail and no login",
            "B2: #N/A is no name",
            "B2: the name \"a\u{fffd}b\"",
            "C2: it contains an invisible character",
            "D2: cannot read \"tomorrow\" as a date",
            "E2: cannot read \"12/1/2026\"",
            "F2: \"https://mew.example.com/\" is no host name",
        ],
    );
    let refused = judged(&[bad]).problems.into_iter().all(|problem| problem.slot.as_deref() == Some("mew"));
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
    let judged = judged(&[&["mew", "alice@Example.com; BOB\ncarol,,octocat", "x"]]);
    let users = &judged.good["mew"].claim.as_ref().unwrap().users;
    assert_eq!(users, &[name("alice@example.com"), name("bob"), name("carol")]);
    check(&[&["mew", "@octocat", "x"]], &[], &["B2: write octocat without the @"]);
    check(&[&["mew", "Ælfgifu, 山田@例え.jp, żółw", "naïve 目的"]], &["mew"], &[]);
}

#[test]
fn what_does_not_fit_into_a_slot_is_refused() {
    check(&[&["mew", "alice", &"ü".repeat(200)]], &["mew"], &[]);
    check(&[&["mew", "alice", &"ü".repeat(201)]], &[], &["C2: it has 201 characters"]);
    let many = (0..257).map(|n| format!("u{n}")).collect::<Vec<_>>().join(",");
    check(&[&["mew", &many, "x"]], &[], &["B2: it names 257 people"]);
    check(&[&["mew", &"x".repeat(300), "x"]], &[], &["B2: the name"]);
}

#[test]
fn a_person_beyond_the_limit_is_told_which_slots_they_hold() {
    // eevee is alice's already, so it goes before the rows above it.
    let rows: &[&[&str]] =
        &[&["mew", "octocat", "x"], &["abra", "alice@example.com", "x"], &["eevee", "alice@example.com", "x"]];
    compare(
        &judge_with(HEADER, rows, Some(2)),
        &["eevee", "mew"],
        &["B3: alice@example.com holds eevee and mew already, and 2 slots are the most"],
    );
    compare(&judge_with(HEADER, rows, Some(3)), &["abra", "eevee", "mew"], &[]);
}

#[test]
fn what_was_claimed_outside_the_sheet_counts_too() {
    let rows: &[&[&str]] = &[&["mew", "bob@example.com", "x"], &["abra", "carol, bob@example.com", "x"]];
    compare(
        &judge_with(HEADER, rows, Some(1)),
        &["abra"],
        &["B2: bob@example.com holds onix already, and 1 slot is the most"],
    );
}

#[test]
fn neither_a_lapsed_row_nor_a_cleared_slot_counts() {
    let rows: &[&[&str]] = &[&["mew", "alice", "x", "2026-11-01"], &["abra", "alice", "x"], &["eevee", "", ""]];
    compare(&judge_with(HEADER, rows, Some(1)), &["abra", "eevee", "mew"], &[]);
}

#[test]
fn a_table_without_its_header_says_nothing() {
    let table = Table::numbered([["mew", "alice", "x"]]);
    let rules = Rules { limit: None, zone: TimeZone::UTC };
    let judged = judge(&table, &present(), &People::default(), &rules, Timestamp::UNIX_EPOCH);
    assert!(matches!(judged, Err(Unreadable::NoHeader(_))), "{judged:?}");
}

#[test]
fn a_thousand_rows_are_judged_at_once() {
    let slots: BTreeMap<String, Holding> = (0..1000).map(|n| (format!("slot-{n}"), Holding::Nobody)).collect();
    let rows = (0..1000).map(|n| vec![format!("Slot-{n}"), format!("ünï{n}@example.com"), "x".to_owned()]);
    let header = ["Slot", "Users", "Purpose"].map(str::to_owned).to_vec();
    let table = Table::numbered(std::iter::once(header).chain(rows));
    let rules = Rules { limit: Some(1), zone: TimeZone::UTC };
    let judged = judge(&table, &slots, &People::default(), &rules, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((judged.good.len(), judged.problems.len()), (1000, 0));
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_is_judged_and_no_slot_is_both_good_and_refused(
        rows in proptest::collection::vec(proptest::collection::vec("(mew|MEW|eevee|#REF!|alice|2026-12-01|\\PC{0,12})", 0..7), 0..12)
    ) {
        let table = Table::numbered(std::iter::once(HEADER.iter().map(|h| (*h).to_owned()).collect()).chain(rows));
        let rules = Rules { limit: Some(1), zone: TimeZone::UTC };
        let judged = judge(&table, &present(), &People::default(), &rules, at("2026-11-23T15:00:00Z")).unwrap();
        proptest::prop_assert!(judged.good.keys().all(|slot| !judged.refused.contains(slot)));
        proptest::prop_assert!(judged.problems.iter().all(|p| !p.what.contains(is_harmful)));
        for slot in &judged.refused {
            proptest::prop_assert!(judged.problems.iter().any(|p| p.slot.as_ref() == Some(slot)));
        }
    }
}
