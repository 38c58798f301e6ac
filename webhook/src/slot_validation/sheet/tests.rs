//! Who may write a claim of the sheet.

use hotdesk_slots::{ClaimSource, Mode, Name};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::review::Operation;
use crate::slot_validation::tests::{
    SYNC, alices, allows, ask, at, claim, denies, settings, sheets, slot, until, user, with, write,
};
use crate::slot_validation::{Aliases, Strictness, normalise};

fn update(who: &str, old: &Slot, new: &Slot) -> Result<Writer, Vec<String>> {
    ask(Operation::Update, "", &user(who), Some(old), Some(new))
}

#[test]
fn a_sheets_claim_is_changed_in_the_sheet_even_by_its_holders() {
    let (old, because) = (sheets(&["alice@example.com"]), "edit https://sheets.example.com/1");
    for who in ["alice@example.com", "octocat", "bob@example.com"] {
        denies(who, &old, &slot(&[]), because);
        denies(who, &old, &slot(&["bob@example.com"]), because);
        denies(who, &old, &slot(&["alice@example.com"]), because);
        denies(who, &old, &until(old.clone(), "2026-12-01T00:00:00Z"), because);
    }
    let kept = with(old.clone(), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z"))));
    allows("alice@example.com", &old, &kept);
    denies("bob@example.com", &old, &kept, "held by alice@example.com");
}

#[test]
fn a67_a_person_never_claims_in_the_sheets_name() {
    denies("bob@example.com", &slot(&[]), &sheets(&["bob@example.com"]), "spec.claim.source: only hotdesk's sync");
    denies("alice@example.com", &alices(), &sheets(&["alice@example.com"]), "spec.claim.source");
    let (lapsed, taken) = (until(sheets(&["alice@example.com"]), "2026-11-23T14:00:00Z"), sheets(&["bob@example.com"]));
    allows("bob@example.com", &lapsed, &taken);
    assert_eq!(source(Writer::Person, Some(&lapsed), &taken, at("2026-11-23T15:00:00Z")), None);
}

#[test]
fn the_sync_writes_what_is_the_sheets_and_nothing_else() {
    let sync = |old: &Slot, new: &Slot| update(SYNC, old, new);
    let (free, alice, bob) = (slot(&[]), sheets(&["alice@example.com"]), sheets(&["bob@example.com"]));
    for (old, new) in [(&free, &alice), (&alice, &bob), (&alice, &free)] {
        assert_eq!(sync(old, new), Ok(Writer::Sync), "{old:?} -> {new:?}");
    }
    let given_up = with(alice.clone(), |s| s.spec.claim.as_mut().unwrap().source = None);
    assert_eq!(sync(&alice, &given_up), Ok(Writer::Sync), "the claim stays as it is");
    let lapsed = until(alices(), "2026-11-23T14:00:00Z");
    assert_eq!(sync(&lapsed, &bob), Ok(Writer::Sync), "a lapsed claim counts as none");
    let host = with(free.clone(), |s| s.spec.host = Some("mew.example.com".to_owned()));
    assert_eq!(sync(&free, &host), Ok(Writer::Sync));
    let mode = with(free.clone(), |s| s.spec.mode = Some(Mode::Audit));
    for (old, new, because) in [
        (&alices(), &bob, "was not made in the sheet"),
        (&alices(), &free, "was not made in the sheet"),
        (&free, &alices(), "spec.claim.source"),
        (&bob, &alices(), "spec.claim.source"),
        (&free, &mode, "spec.mode"),
    ] {
        let problems = sync(old, new).unwrap_err().join("; ");
        assert!(problems.contains(because), "{problems}");
    }
    let asks =
        with(alice.clone(), |s| s.spec.requests = serde_json::from_value(serde_json::json!({"reap": {}})).unwrap());
    let problems = sync(&alice, &asks).unwrap_err().join("; ");
    assert!(problems.contains("spec.requests: hotdesk's sync does not change it"), "{problems}");
    assert_eq!(ask(Operation::Update, "status", &user(SYNC), Some(&alice), Some(&alice)), Ok(Writer::Sync));
    assert!(ask(Operation::Delete, "", &user(SYNC), Some(&alice), None).is_err());
    for other in ["system:serviceaccount:hotdesk2:hotdesk-sync", "system:serviceaccount:hotdesk:hotdesk-sync2"] {
        assert!(update(other, &free, &alice).is_err(), "{other}");
    }
}

/// Naming the holder beside oneself would be the first half of taking the slot.
#[test]
fn the_sync_never_takes_over_a_claim_that_was_made_outside_the_sheet() {
    let (mine, both) = (slot(&["alice@example.com"]), ["mallory@example.com", "alice@example.com"]);
    let aliased = claim(sheets(&["mallory@example.com"]), |claim| claim.aliases = vec!["alice@example.com".to_owned()]);
    for new in [sheets(&both), aliased, sheets(&["alice@example.com"]), slot(&[])] {
        let problems = update(SYNC, &mine, &new).unwrap_err().join("; ");
        assert!(problems.contains("was not made in the sheet, and is in force"), "{problems}");
    }
    assert_eq!(update(SYNC, &mine, &mine), Ok(Writer::Sync), "nothing of the claim changes");
}

#[test]
fn the_sync_changes_neither_the_host_nor_the_time_of_a_slot_that_is_held_outside_the_sheet() {
    let hosted = |slot: Slot, host: &str| with(slot, |s| s.spec.host = Some(host.to_owned()));
    let held = hosted(alices(), "mew.example.com");
    for new in [hosted(alices(), "x.example.com"), alices()] {
        let problems = update(SYNC, &held, &new).unwrap_err().join("; ");
        assert!(
            problems.contains("spec.host: the slot is held by a claim that was not made in the sheet"),
            "{problems}"
        );
    }
    assert_eq!(update(SYNC, &alices(), &held), Ok(Writer::Sync), "it had none");
    let sheets = hosted(sheets(&["alice@example.com"]), "mew.example.com");
    assert_eq!(update(SYNC, &sheets, &hosted(sheets.clone(), "x.example.com")), Ok(Writer::Sync));
    let kept = |at_: &str| with(alices(), |s| s.spec.keep_until = Some(Time(at(at_))));
    let problems = update(SYNC, &kept("2026-11-25T00:00:00Z"), &kept("2026-11-24T00:00:00Z")).unwrap_err().join("; ");
    assert!(problems.contains("spec.keepUntil: the slot is held by a claim that was not made"), "{problems}");
}

#[test]
fn what_an_administrator_writes_over_a_sheets_claim_stays_the_sheets() {
    let (old, now) = (sheets(&["alice@example.com"]), at("2026-11-23T15:00:00Z"));
    let stays = |old: &Slot, new: &Slot| source(Writer::Administrator, Some(old), new, now);
    assert_eq!(stays(&old, &slot(&["bob@example.com"])), Some(ClaimSource::Sheet));
    assert_eq!(stays(&slot(&[]), &slot(&["bob@example.com"])), None);
    assert_eq!(stays(&alices(), &slot(&["bob@example.com"])), None);
}

#[test]
fn an_administrator_who_writes_over_a_sheets_claim_is_told_that_it_comes_back() {
    let (old, now) = (sheets(&["alice@example.com"]), at("2026-11-23T15:00:00Z"));
    let told = |writer, old: &Slot, new: &Slot| {
        lasts_until_the_next_sync(writer, Some(old), new, &settings(), now).unwrap_or_default()
    };
    for (writer, new) in [(Writer::Administrator, sheets(&["bob@example.com"])), (Writer::BreakGlass, slot(&[]))] {
        let warning = told(writer, &old, &new);
        assert!(
            warning.contains("comes back when") && warning.contains("edit https://sheets.example.com/1"),
            "{warning}"
        );
    }
    for (writer, old, new) in [
        (Writer::Sync, &old, &sheets(&["bob@example.com"])),
        (Writer::Administrator, &old, &old),
        (Writer::Administrator, &alices(), &slot(&[])),
        (Writer::Administrator, &until(old.clone(), "2026-11-23T14:00:00Z"), &slot(&[])),
    ] {
        assert_eq!(told(writer, old, new), "");
    }
}

#[test]
fn aliases_of_the_sheets_own_people_stay() {
    let old = with(sheets(&["alice@example.com"]), |s| {
        s.spec.claim.as_mut().unwrap().aliases = vec!["alicorn".to_owned()];
    });
    let kept = with(old.clone(), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z"))));
    assert!(keeps_aliases(Writer::Person, Some(&old), &kept), "the claim itself did not change");
    assert!(keeps_aliases(Writer::Sync, Some(&slot(&[])), &old));
    assert!(!keeps_aliases(Writer::Administrator, Some(&slot(&[])), &old));
    let view =
        normalise(old.spec.claim.as_ref().unwrap(), None, Aliases::Stay, Strictness::Rules, &settings()).unwrap();
    assert_eq!(view.aliases, [Name::parse("alicorn").unwrap(), Name::parse("octocat").unwrap()]);
}

#[test]
fn the_holder_of_a_sheets_claim_trusts_what_runs_and_changes_nothing_else() {
    let old = sheets(&["alice@example.com"]);
    let trusted = claim(old.clone(), |claim| claim.trust_workloads = true);
    let stored = write("alice@example.com", &old, &trusted).unwrap();
    assert_eq!(stored.spec.claim, trusted.spec.claim, "the source stays, so the sync goes on");
    denies("bob@example.com", &old, &trusted, "held by alice@example.com");
    let more = claim(trusted.clone(), |claim| claim.purpose = Some("mine".to_owned()));
    denies("alice@example.com", &old, &more, "edit https://sheets.example.com/1");
    let handed = claim(sheets(&["bob@example.com"]), |claim| claim.hand_to = Some("bob@example.com".to_owned()));
    denies("alice@example.com", &old, &handed, "edit https://sheets.example.com/1");
}

#[test]
fn the_sync_never_says_what_is_trusted() {
    let write = |old: &Slot, new: &Slot| write(SYNC, old, new).unwrap().spec.claim.unwrap().trust_workloads;
    let trusting = |users: &[&str]| claim(sheets(users), |claim| claim.trust_workloads = true);
    let (alice, both) = (["alice@example.com"], ["alice@example.com", "carol@example.com"]);
    let noted = crate::slot_validation::tests::marked(sheets(&alice), hotdesk_slots::keys::CLAIM_ID, "c1");
    assert!(!write(&slot(&[]), &trusting(&alice)), "it does not set it");
    assert!(!write(&noted, &trusting(&both)));
    assert!(write(&sheets(&alice), &sheets(&both)), "what ran was trusted before there were ids");
    assert!(!write(&sheets(&alice), &sheets(&["bob@example.com"])));
    assert!(write(&trusting(&alice), &sheets(&both)), "nor take it away");
    assert!(!write(&trusting(&both), &trusting(&alice)), "but who is taken out of the sheet takes it along");
    assert!(!write(&trusting(&alice), &trusting(&["bob@example.com"])));
}

#[test]
fn a64_names_of_the_sheet_are_held_to_the_same_rules() {
    denies(SYNC, &slot(&[]), &sheets(&["system:serviceaccount:mew:default"]), "hold a slot only where");
    let aliased = claim(sheets(&["bob@example.com"]), |claim| {
        claim.aliases = vec!["system:serviceaccount:mew:default".to_owned()];
    });
    denies(SYNC, &slot(&[]), &aliased, "spec.claim.aliases[0]");
}
