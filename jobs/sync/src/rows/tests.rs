//! The cluster has `mew` (free), `eevee` (alice's, by the sheet), `onix` (bob's, claimed elsewhere) and `abra`.

use super::*;
use hotdesk_slots::NameRules;
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
    let rules = Rules { limit, zone: TimeZone::UTC, names: NameRules::default() };
    judge(&table, &present(), &people, &rules, at("2026-11-23T15:00:00Z")).unwrap()
}

fn judged(rows: &[&[&str]]) -> Judged {
    judge_with(HEADER, rows, None)
}

/// The good slots, and the problems; rows are below the header, so the first is row 2.
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
fn a_row_of_a_slot_that_the_sheet_is_not_for_is_passed_over() {
    let table =
        Table::numbered([["Slot", "Users", "Purpose"], ["mew", "a l", "x"], ["abra", "bob", "x"], ["nope", "eve", ""]]);
    let mut present = present();
    present.insert("mew".to_owned(), Holding::Beyond);
    let rules = Rules { limit: Some(1), zone: TimeZone::UTC, names: NameRules::default() };
    let judged = judge(&table, &present, &People::default(), &rules, Timestamp::UNIX_EPOCH).unwrap();
    compare(&judged, &["abra"], &["A4: there is no slot \"nope\""]);
    assert_eq!((judged.rows, judged.refused.len(), judged.strays.len()), (2, 0, 1));
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

fn with_hosts(hosts: &[(&str, &str)]) -> Judged {
    let rows: Vec<[&str; 6]> = hosts.iter().map(|(slot, host)| [*slot, "bob", "x", "", "", *host]).collect();
    let mut judged = judged(&rows.iter().map(<[&str; 6]>::as_slice).collect::<Vec<_>>());
    let present = [("mewtwo", "mewtwo.dev.example.com"), ("abra", "abra.dev.example.com"), ("beyond", "x.example.org")];
    judged.refuse_hosts_of_others(&present.into_iter().map(|(slot, host)| (slot.into(), host.into())).collect());
    judged
}

#[test]
fn a_row_gives_its_slot_no_host_of_another_slot() {
    for (host, because) in [
        ("mewtwo.dev.example.com", "F2: mewtwo.dev.example.com is the host of mewtwo: give each slot a host"),
        ("MewTwo.dev.example.com", "F2: mewtwo.dev.example.com is the host of mewtwo"),
        ("api.mewtwo.dev.example.com", "F2: api.mewtwo.dev.example.com is below the host of mewtwo"),
        ("dev.example.com", "F2: dev.example.com is above the host of abra"),
        ("example.org", "F2: example.org is above the host of beyond"),
        ("com", "F2: \"com\" is not a host name"),
    ] {
        let judged = with_hosts(&[("mew", host)]);
        compare(&judged, &[], &[because]);
        assert!(judged.refused.contains("mew"), "{host}");
    }
    for host in ["mew.dev.example.com", "wo.dev.example.com", "example.net", "tmewtwo.dev.example.com"] {
        compare(&with_hosts(&[("mew", host)]), &["mew"], &[]);
    }
}

#[test]
fn a_slot_keeps_the_host_that_it_has_and_takes_one_below_it() {
    for host in ["abra.dev.example.com", "api.abra.dev.example.com"] {
        compare(&with_hosts(&[("abra", host)]), &["abra"], &[]);
    }
}

#[test]
fn of_two_rows_with_related_hosts_neither_is_better() {
    compare(
        &with_hosts(&[("mew", "new.example.com"), ("eevee", "api.new.example.com"), ("abra", "other.example.com")]),
        &["abra"],
        &[
            "F3: api.new.example.com is below the host in the row of mew",
            "F2: new.example.com is above the host in the row of eevee",
        ],
    );
    // What a slot gives up is another's from the next pass on.
    compare(
        &with_hosts(&[("abra", "new.example.com"), ("mew", "abra.dev.example.com")]),
        &["abra"],
        &["F3: abra.dev.example.com is the host of abra"],
    );
}

/// The claim stays, whatever the row says, so it is the holder's slot and not the row's.
#[test]
fn a_row_for_a_slot_that_was_claimed_outside_the_sheet_counts_for_nobody() {
    let rows: &[&[&str]] = &[&["onix", "carol", "x"], &["mew", "bob@example.com", "x"], &["abra", "carol", "x"]];
    compare(&judge_with(HEADER, rows, Some(1)), &["abra", "onix"], &["B3: bob@example.com holds onix already"]);
}

#[test]
fn neither_a_lapsed_row_nor_a_cleared_slot_counts() {
    let rows: &[&[&str]] = &[&["mew", "alice", "x", "2026-11-01"], &["abra", "alice", "x"], &["eevee", "", ""]];
    compare(&judge_with(HEADER, rows, Some(1)), &["abra", "eevee", "mew"], &[]);
}

#[test]
fn a_table_without_its_header_says_nothing() {
    let table = Table::numbered([["mew", "alice", "x"]]);
    let rules = Rules { limit: None, zone: TimeZone::UTC, names: NameRules::default() };
    let judged = judge(&table, &present(), &People::default(), &rules, Timestamp::UNIX_EPOCH);
    assert!(matches!(judged, Err(Unreadable::NoHeader(_))), "{judged:?}");
}

#[test]
fn a_thousand_rows_are_judged_at_once() {
    let slots: BTreeMap<String, Holding> = (0..1000).map(|n| (format!("slot-{n}"), Holding::Nobody)).collect();
    let rows = (0..1000).map(|n| vec![format!("Slot-{n}"), format!("ünï{n}@example.com"), "x".to_owned()]);
    let header = ["Slot", "Users", "Purpose"].map(str::to_owned).to_vec();
    let table = Table::numbered(std::iter::once(header).chain(rows));
    let rules =
        Rules { limit: Some(1), zone: TimeZone::UTC, names: NameRules { unicode: true, ..NameRules::default() } };
    let judged = judge(&table, &slots, &People::default(), &rules, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((judged.good.len(), judged.problems.len()), (1000, 0));
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_is_judged_and_no_slot_is_both_good_and_refused(
        rows in proptest::collection::vec(proptest::collection::vec("(mew|MEW|eevee|#REF!|alice|2026-12-01|\\PC{0,12})", 0..7), 0..12)
    ) {
        let table = Table::numbered(std::iter::once(HEADER.iter().map(|h| (*h).to_owned()).collect()).chain(rows));
        let rules = Rules { limit: Some(1), zone: TimeZone::UTC, names: NameRules::default() };
        let judged = judge(&table, &present(), &People::default(), &rules, at("2026-11-23T15:00:00Z")).unwrap();
        proptest::prop_assert!(judged.good.keys().all(|slot| !judged.refused.contains(slot)));
        proptest::prop_assert!(judged.problems.iter().all(|p| !p.what.contains(is_harmful)));
        for slot in &judged.refused {
            proptest::prop_assert!(judged.problems.iter().any(|p| p.slot.as_ref() == Some(slot)));
        }
    }
}
