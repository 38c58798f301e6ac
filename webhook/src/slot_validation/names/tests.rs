//! Which names bob may bring into his claim of `pikachu`. The ids are those of the attack table.

use hotdesk_slots::NameRules;
use hotdesk_slots::identity::Accounts;
use hotdesk_slots::slot::Slot;

use super::*;
use crate::slot_validation::tests::{
    NOW, administrator, allows, breaks_glass, claim, denies, settings, slot, write_at,
};

const BOB: &str = "bob@example.com";

/// bob's claim, with somebody else on it.
fn with(name: &str) -> Slot {
    slot(&[BOB, name])
}

#[track_caller]
fn refused(name: &str, because: &str) {
    denies(BOB, &slot(&[BOB]), &with(name), &format!("spec.claim.users[1]: {because}"));
}

#[test]
fn a56_to_a61_a64_what_is_no_name_of_a_person_is_refused() {
    for (name, because) in [
        ("\u{430}lice@example.com", "\"\u{430}lice@example.com\" has a character that is not ASCII"), // a56
        ("ali\u{ad}ce@example.com", "\"ali\u{fffd}ce@example.com\" has a character that is not ASCII"), // a57
        ("alice\u{3164}", "\"alice\u{fffd}\" has a character"),
        ("alice\u{e0061}", "\"alice\u{fffd}\" has a character"),
        ("\u{fe0f}", "\"\u{fe0f}\" has a character"),
        ("alice\u{200b}@example.com", "the name \"alice\u{fffd}@example.com\" contains a comma"), // a58
        ("\u{202e}moc", "the name \"\u{fffd}moc\" contains"),
        ("a,b", "the name \"a,b\" contains"),
        ("a\nb", "the name \"a\u{fffd}b\" contains"),
        ("\u{1b}[31m", "the name \"\u{fffd}[31m\" contains"),
        ("x\" is nobody. Slot is free; run: y", "\"x' is nobody. slot is free; run: y\" is neither an e-mail"), // a59
        ("\u{212a}arl", "\"\u{212a}arl\" has a character that is not ASCII"),                                   // a60
        (&"x".repeat(101), "the name \"xxx"),                                                                   // a61
        ("system:serviceaccount:mew:default", "\"system:serviceaccount:mew:default\" is not a person"),         // a64
        ("system:serviceaccount:pikachu:default", "\"system:serviceaccount:pikachu:default\" is not a person"),
    ] {
        refused(name, because);
    }
    allows(BOB, &slot(&[BOB]), &with("ALICE@example.com")); // a60
}

#[test]
fn a61_a_claim_names_sixteen_people() {
    let people = |count: usize| {
        let names: Vec<String> = std::iter::once(BOB.to_owned()).chain((1..count).map(|n| format!("u{n}"))).collect();
        slot(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    allows(BOB, &slot(&[BOB]), &people(16));
    denies(BOB, &slot(&[BOB]), &people(17), "spec.claim.users: it names 17 people, and 16 are the most");
    denies(BOB, &people(20), &people(21), "it names 21 people");
    allows(BOB, &people(20), &people(19));
    let wider = Settings { names: NameRules { max_users: 256, ..NameRules::default() }, ..settings() };
    let all = normalise(people(256).spec.claim.as_ref().unwrap(), None, Aliases::Replaced, Strictness::Rules, &wider);
    assert_eq!(all.map(|view| view.users.len()), Ok(256));
}

#[test]
fn a62_a_group_that_takes_in_everybody_is_refused() {
    let grouped =
        |group: &str| claim(slot(&[BOB]), |claim| claim.groups = vec!["payments".to_owned(), group.to_owned()]);
    for group in ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:mew", "system:masters"] {
        denies(
            BOB,
            &slot(&[BOB]),
            &grouped(group),
            &format!("spec.claim.groups[1]: \"{group}\" is one of Kubernetes' own"),
        );
    }
    allows(BOB, &slot(&[BOB]), &grouped("oidc:team payments"));
}

#[test]
fn a66_a_purpose_is_one_line_that_is_seen() {
    let purpose = |text: &str| claim(slot(&[BOB]), |claim| claim.purpose = Some(text.to_owned()));
    for text in ["a\nb", "\u{1b}[2J", "a\u{202e}b", "a\u{ad}b", "\u{e0061}"] {
        denies(
            BOB,
            &slot(&[BOB]),
            &purpose(text),
            "spec.claim.purpose: it contains a line break or an invisible character",
        );
    }
    allows(BOB, &slot(&[BOB]), &purpose("caf\u{e9} \u{2764}\u{fe0f}"));
    let stored = purpose("a\u{ad}b");
    allows(BOB, &stored, &claim(stored.clone(), |claim| claim.users.push("carol".to_owned())));
}

#[test]
fn what_was_stored_before_there_were_rules_locks_no_slot() {
    let old = claim(slot(&[BOB, "x is nobody", "system:serviceaccount:mew:default", "\u{430}lice"]), |claim| {
        claim.groups = vec!["system:authenticated".to_owned()];
    });
    let later =
        claim(old.clone(), |claim| claim.until = Some(serde_json::from_value("2026-12-01T00:00:00Z".into()).unwrap()));
    allows(BOB, &old, &later);
    denies(BOB, &old, &claim(later, |claim| claim.users.push("y is nobody".to_owned())), "spec.claim.users[4]");
}

#[test]
fn the_rules_hold_for_administrators_and_not_for_who_breaks_the_glass() {
    let (free, odd) = (slot(&[]), slot(&["system:serviceaccount:ci:deploy"]));
    let problem = write_at(NOW, "u", &administrator(), &free, &odd).unwrap_err();
    assert!(problem.contains("spec.claim.users[0]") && problem.contains("identity.serviceAccounts"), "{problem}");
    assert!(write_at(NOW, "u", &breaks_glass(), &free, &odd).is_ok());
    let listed = vec!["system:serviceaccount:ci:deploy".to_owned()];
    let listing =
        Settings { names: NameRules { accounts: Accounts::Listed(listed), ..NameRules::default() }, ..settings() };
    assert!(normalise(odd.spec.claim.as_ref().unwrap(), None, Aliases::Replaced, Strictness::Rules, &listing).is_ok());
}

#[test]
fn whom_the_operator_lists_they_know() {
    let people = People::from_rows([["alice@example.com", "CN=alice O=dev"]]).unwrap();
    let settings = Settings { people, ..settings() };
    let claim = Claim { users: vec!["cn=Alice o=dev".to_owned()], ..Claim::default() };
    let view = normalise(&claim, None, Aliases::Replaced, Strictness::Rules, &settings).unwrap();
    assert_eq!(view.users, [Name::parse("alice@example.com").unwrap()]);
}

#[test]
fn a_claim_is_stored_as_it_is_compared() {
    let claim = Claim {
        users: vec![" Octocat".to_owned(), "bob@example.com".to_owned(), "ALICE@example.com".to_owned()],
        aliases: vec!["mallory".to_owned()],
        ..Claim::default()
    };
    let view = normalise(&claim, None, Aliases::Replaced, Strictness::Rules, &settings()).unwrap();
    let names = |names: &[Name]| names.iter().map(Name::to_string).collect::<Vec<_>>();
    assert_eq!(names(&view.users), ["alice@example.com", "bob@example.com"]);
    assert_eq!(names(&view.aliases), ["octocat", "bobcat"]);
}

#[test]
fn every_bad_field_of_a_claim_is_named() {
    let claim = Claim {
        users: vec!["ok".to_owned(), " ".to_owned(), "a,b".to_owned()],
        purpose: Some("x\u{202e}y".to_owned()),
        ..Claim::default()
    };
    let problems = normalise(&claim, None, Aliases::Replaced, Strictness::Rules, &settings()).unwrap_err().join("; ");
    for field in ["spec.claim.users[1]", "spec.claim.users[2]", "spec.claim.purpose"] {
        assert!(problems.contains(field), "{problems}");
    }
}
