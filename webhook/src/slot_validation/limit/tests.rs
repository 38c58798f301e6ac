//! Who gains a slot: alice (also known as octocat) and bob, where a person can hold two.

use hotdesk_slots::Requester;
use hotdesk_slots::slot::SlotSpec;
use hotdesk_slots::{Claim, IdentitySettings, People};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::review::Operation;

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        max_slots: 2,
        people: People::from_rows([["alice", "octocat"]]).unwrap(),
        identity: IdentitySettings { strip_prefixes: vec!["github:".to_owned()], extra_keys: Vec::new() },
        ..Settings::default()
    }
}

fn slot(users: &[&str], groups: &[&str], until: Option<&str>) -> Slot {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let until = until.map(|text| Time(text.parse().unwrap()));
    let claim = Claim { users: texts(users), groups: texts(groups), until, ..Claim::default() };
    let claim = (!users.is_empty()).then_some(claim);
    let mut slot = Slot::new("slot", SlotSpec { claim, ..SlotSpec::default() });
    slot.metadata.resource_version = Some("7".to_owned());
    slot
}

fn of(users: &[&str]) -> Slot {
    slot(users, &[], None)
}

/// What both rules say of a write: who gains the slot, or that it is refused.
fn judged(writer: Writer, who: &str, old: &Slot, new: &Slot, settings: &Settings) -> Result<Option<String>, String> {
    let requester = Requester { username: who.to_owned().into(), ..Requester::default() };
    let (operation, namespace) = (Operation::Update, "mew");
    let asked = Asked { operation, subresource: "", namespace, requester: &requester, old: Some(old), new: Some(new) };
    match against(&own_names(&requester, settings), old, new, settings, now()) {
        Some(problem) if writer == Writer::Person => Err(problem),
        _ => Ok(acquisition(writer, &asked, settings, now()).map(|acquisition| acquisition.owner.to_string())),
    }
}

#[track_caller]
fn check(who: &str, old: &Slot, new: &Slot, expected: Result<Option<&str>, &str>) {
    let judged = judged(Writer::Person, who, old, new, &settings());
    match (judged, expected) {
        (Ok(gains), Ok(expected)) => assert_eq!(gains.as_deref(), expected, "{who}"),
        (Err(says), Err(expected)) => assert!(says.contains(expected), "{says}"),
        (judged, expected) => panic!("{who}: {judged:?}, not {expected:?}"),
    }
}

const ALONE: &str = "is handed over to one person alone";
const PAST: Option<&str> = Some("2026-11-23T14:00:00Z");
const LATER: Option<&str> = Some("2026-11-23T18:00:00Z");

#[test]
fn a_slot_counts_for_whoever_becomes_the_owner_of_a_claim_in_force() {
    check("alice", &of(&[]), &of(&["alice"]), Ok(Some("alice")));
    check("alice", &of(&[]), &of(&["alice", "bob"]), Ok(Some("alice")));
    check("alice", &slot(&["bob"], &[], PAST), &of(&["alice"]), Ok(Some("alice")));
    check("bob", &of(&["alice", "bob"]), &of(&["bob", "alice"]), Ok(Some("bob")));
    check("alice", &of(&["alice"]), &of(&["bob"]), Ok(Some("bob")));
}

#[test]
fn what_one_owns_already_is_not_gained_by_changing_it() {
    check("alice", &of(&["alice"]), &slot(&["alice", "bob"], &["payments"], LATER), Ok(None));
    check("octocat", &of(&["alice"]), &of(&["octocat"]), Ok(None));
    check("bob", &of(&["alice", "bob"]), &of(&["alice", "bob", "carol"]), Ok(None));
    check("alice", &of(&["alice"]), &of(&[]), Ok(None));
}

#[test]
fn a_lapsed_claim_counts_again_when_it_is_extended() {
    check("alice", &slot(&["alice"], &[], PAST), &slot(&["alice"], &[], LATER), Ok(Some("alice")));
    check("alice", &slot(&["alice"], &[], PAST), &slot(&["alice", "bob"], &[], PAST), Ok(None));
}

#[test]
fn nobody_hides_behind_another_owner() {
    check("alice", &of(&["alice"]), &of(&["ghost", "alice"]), Err(ALONE));
    check("alice", &of(&["alice"]), &of(&["ghost", "octocat"]), Err(ALONE));
    check("alice", &of(&["alice", "bob"]), &of(&["ghost", "bob"]), Err(ALONE));
    check("alice", &of(&["alice"]), &slot(&["ghost"], &["developers"], None), Err(ALONE));
    check("alice", &slot(&["alice"], &[], PAST), &of(&["ghost", "alice"]), Err(ALONE));
}

#[test]
fn several_names_are_one_person() {
    let requester = Requester { username: "github:alice".into(), ..Requester::default() };
    let (old, new) = (of(&[]), of(&["github:alice"]));
    let (operation, namespace) = (Operation::Update, "mew");
    let asked =
        Asked { operation, subresource: "", namespace, requester: &requester, old: Some(&old), new: Some(&new) };
    let acquisition = acquisition(Writer::Person, &asked, &settings(), now()).unwrap();
    assert_eq!((acquisition.version, acquisition.is_yours), (Some(7), true));
    for (users, aliases, counts) in [
        (&["alice"][..], &[][..], true),
        (&["octocat"], &[], true),
        (&["bob", "alice"], &[], false),
        (&["carol@example.com"], &["octocat"], true),
        (&["carol@example.com", "bob"], &["octocat"], false),
        (&["alicea"], &[], false),
    ] {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let claim = Claim { users: texts(users), aliases: texts(aliases), ..Claim::default() };
        assert_eq!(acquisition.counts(Some(&ClaimView::parse_lossy(&claim)), now()), counts, "{users:?} {aliases:?}");
    }
}

#[test]
fn without_a_limit_and_for_others_than_people_nothing_is_counted() {
    let none = Settings { max_slots: 0, ..settings() };
    assert_eq!(judged(Writer::Person, "alice", &of(&[]), &of(&["alice"]), &none), Ok(None));
    assert_eq!(judged(Writer::Person, "alice", &of(&["alice"]), &of(&["ghost", "alice"]), &none), Ok(None));
    for writer in [Writer::Administrator, Writer::BreakGlass, Writer::Sync, Writer::Machinery] {
        assert_eq!(judged(writer, "alice", &of(&[]), &of(&["bob", "alice"]), &settings()), Ok(None), "{writer:?}");
    }
}

#[test]
fn whoever_holds_enough_reads_what_they_hold_and_what_to_do() {
    let mut acquisition = Acquisition {
        slot: "onix".to_owned(),
        owner: Name::parse("alice").unwrap(),
        names: Vec::new(),
        version: None,
        is_yours: true,
    };
    let held = ["eevee".to_owned(), "mew".to_owned()];
    assert_eq!(
        acquisition.refusal(&held, 2, None),
        "you hold eevee and mew, and the limit here is 2: release one first: kubectl hotdesk release eevee"
    );
    acquisition.is_yours = false;
    let text = acquisition.refusal(&held, 2, Some("https://sheet"));
    assert_eq!(
        text,
        "alice holds eevee and mew, and the limit here is 2: alice releases one first, or edit https://sheet"
    );
}
