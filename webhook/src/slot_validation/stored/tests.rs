//! What is stored of a write of `pikachu`: alice and dave hold it.

use hotdesk_slots::slot::Slot;
use hotdesk_slots::{NameRules, People, Requester};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::*;
use crate::review::Operation;
use crate::slot_validation::tests::{
    NOW, SYNC, administrator, alices, applied_by, at, claim, mark, marked, settings, slot, until, user, with, write,
    write_at,
};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// alice's claim as the webhook stored it an hour ago.
fn held() -> Slot {
    let claimed = write_at("2026-11-23T14:00:00Z", "c1", &user(ALICE), &slot(&[]), &alices());
    claimed.unwrap().0
}

fn lapsed() -> Slot {
    until(held(), "2026-11-23T14:30:00Z")
}

fn trusting(slot: Slot) -> Slot {
    claim(slot, |claim| claim.trust_workloads = true)
}

/// Every write that leaves the claim as it is.
fn touches(slot: &Slot) -> Vec<(&'static str, Slot)> {
    let own = |key: &str, value: Option<&str>| {
        with(slot.clone(), |slot| {
            let marks = slot.metadata.annotations.as_mut().unwrap();
            match value {
                Some(value) => drop(marks.insert(key.to_owned(), value.to_owned())),
                None => drop(marks.remove(key)),
            }
        })
    };
    vec![
        ("an empty patch", slot.clone()),
        ("a reserved annotation taken away", own(keys::CLAIMED_AT, None)),
        ("a forged id", own(keys::CLAIM_ID, Some("mine"))),
        ("a forged time", own(keys::LOST_AT, Some("2099-01-01T00:00:00Z"))),
        ("a forged name", own(keys::OWNER, Some("bob"))),
        (
            "a reserved label taken away",
            with(slot.clone(), |slot| {
                slot.metadata.labels = Some([("hotdesk.dev/slot".to_owned(), String::new())].into());
            }),
        ),
    ]
}

#[test]
fn a47_a48_what_does_not_change_the_claim_renews_nothing() {
    for old in [held(), lapsed(), write_at(NOW, "u-0", &user(ALICE), &held(), &slot(&[])).unwrap().0] {
        for (what, new) in touches(&old) {
            for who in [ALICE, BOB, "dave@example.com", "mallory@example.com"] {
                let stored = write(who, &old, &new).unwrap();
                assert_eq!(stored.spec, old.spec, "{who}: {what}");
                for key in [keys::CLAIMED_AT, keys::CLAIM_ID, keys::LOST_AT, keys::OWNER, keys::CLAIMANT_LABELS] {
                    assert_eq!(mark(&stored, key), mark(&old, key), "{who}: {what} changes {key}");
                }
            }
        }
    }
}

#[test]
fn a48_e36_who_touches_a_lapsed_slot_without_claiming_it_is_refused() {
    let old = lapsed();
    let noted = marked(old.clone(), "a", "b");
    let labelled = with(old.clone(), |slot| slot.metadata.labels = Some([("team".to_owned(), "x".to_owned())].into()));
    let applied = applied_by(old.clone(), "kubectl", json!({"f:claim": {"f:users": {}}}));
    let by_administrator = write_at(NOW, "u-1", &administrator(), &old, &labelled).unwrap().0;
    assert_eq!(mark(&by_administrator, keys::CLAIMED_AT), mark(&old, keys::CLAIMED_AT), "e36: that renews no claim");
    let kept = with(old.clone(), |slot| slot.spec.keep_until = Some(Time(at("2026-12-01T00:00:00Z"))));
    let purpose = claim(old.clone(), |claim| claim.purpose = Some("x".to_owned()));
    for new in [noted, labelled, applied, kept, purpose, trusting(old.clone())] {
        let problem = write(BOB, &old, &new).unwrap_err();
        assert!(problem.contains("claim a free slot for yourself"), "{problem}");
        let problem = write(ALICE, &old, &new).unwrap_err();
        assert!(problem.contains("2026-11-23T14:30:00Z has passed; name a later time"), "{problem}");
    }
}

#[test]
fn an_id_and_a_time_are_new_exactly_when_a_claim_begins() {
    let noted = |slot: &Slot| (mark(slot, keys::CLAIM_ID).unwrap(), mark(slot, keys::CLAIMED_AT));
    let next = |who: &str, old: &Slot, new: &Slot| noted(&write_at(NOW, "c2", &user(who), old, new).unwrap().0);
    let (kept, begun) =
        (("c1".to_owned(), Some("2026-11-23T14:00:00Z".to_owned())), ("c2".to_owned(), Some(NOW.to_owned())));
    let old = held();
    assert_eq!(noted(&old), kept);
    let of = |users: &[&str]| claim(old.clone(), |claim| claim.users = users.iter().map(|u| (*u).to_owned()).collect());
    assert_eq!(next("dave@example.com", &old, &until(old.clone(), "2026-12-01T00:00:00Z")), kept, "longer");
    assert_eq!(next(ALICE, &old, &of(&[ALICE, "dave@example.com", BOB])), kept, "shared");
    assert_eq!(next(ALICE, &old, &of(&["octocat"])), kept, "another spelling of alice");
    let handed = claim(of(&[BOB]), |claim| claim.hand_to = Some(BOB.to_owned()));
    assert_eq!(next(ALICE, &old, &handed), begun);
    assert_eq!(next(ALICE, &old, &of(&["dave@example.com", ALICE])), begun, "another owner");
    assert_eq!(
        next(ALICE, &lapsed(), &until(old.clone(), "2026-12-01T00:00:00Z")),
        begun,
        "claimed again after it lapsed"
    );
    let free = write_at(NOW, "u", &user(ALICE), &old, &with(old.clone(), |slot| slot.spec.claim = None)).unwrap().0;
    assert_eq!(noted(&free), ("c1".to_owned(), None), "what was saved under a claim can be told later");
    assert_eq!(next(BOB, &free, &claim(slot(&[BOB]), |_| ())), begun);
}

#[test]
fn a_slot_from_before_there_were_ids_gets_one() {
    let stored = write_at(NOW, "c9", &user(ALICE), &alices(), &until(alices(), "2026-12-01T00:00:00Z")).unwrap().0;
    assert_eq!((stored.claim_id(), mark(&stored, keys::CLAIMED_AT)), (Some("c9"), None), "nobody knows since when");
    assert_eq!(write(BOB, &slot(&[]), &slot(&[])).unwrap().claim_id(), None);
}

#[test]
fn a_list_of_people_that_changed_makes_no_claim() {
    // carol became known as alice after the claim was stored; bob sends an empty patch.
    let old = marked(slot(&["carol"]), keys::CLAIM_ID, "c1");
    let people = People::from_rows([["alice@example.com", "carol"]]).unwrap();
    let settings = Settings { people, names: NameRules::default(), ..settings() };
    let store = |who: &Requester<'_>, writer, new: &Slot| {
        let asked = Asked {
            operation: Operation::Update,
            subresource: "",
            namespace: "pikachu",
            requester: who,
            old: Some(&old),
            new: Some(new),
        };
        stored(&asked, writer, &settings, Moment { now: at(NOW), uid: "c2" }).unwrap()
    };
    let by_bob = store(&user(BOB), Writer::Person, &old);
    assert_eq!(by_bob.claim, old.spec.claim, "no stranger's write brings rights");
    let by_an_administrator = store(&administrator(), Writer::Administrator, &old);
    let claim = by_an_administrator.claim.unwrap();
    assert_eq!((claim.users, claim.aliases), (vec![ALICE.to_owned()], vec!["carol".to_owned()]));
    let id = by_an_administrator.stamp.annotations.iter().find(|(key, _)| *key == keys::CLAIM_ID);
    assert_eq!(id.map(|(_, id)| id.as_str()), Some("c1"));
}

#[test]
fn a_slot_that_somebody_lost_says_when() {
    let lost = |who: &str, old: &Slot, new: &Slot| mark(&write(who, old, new).unwrap(), keys::LOST_AT);
    let both = slot(&[ALICE, BOB]);
    assert_eq!(lost(ALICE, &slot(&[ALICE]), &both), None, "one more holder takes nothing from anybody");
    assert_eq!(lost(ALICE, &slot(&[]), &slot(&[ALICE])), None, "nobody held it");
    assert_eq!(lost(ALICE, &both, &slot(&[ALICE])).as_deref(), Some(NOW));
    let noted = marked(slot(&[]), keys::LOST_AT, "2026-11-20T00:00:00Z");
    assert_eq!(lost(ALICE, &noted, &slot(&[ALICE])).as_deref(), Some("2026-11-20T00:00:00Z"), "what was noted stays");
}

#[track_caller]
fn trusts(who: &Requester<'_>, old: &Slot, new: &Slot, expected: bool) {
    let (stored, warnings) = write_at(NOW, "u", who, old, new).unwrap();
    let trusted = stored.spec.claim.is_some_and(|claim| claim.trust_workloads);
    assert_eq!(trusted, expected, "{:?} to {:?}", old.spec.claim, new.spec.claim);
    let said = new.spec.claim.as_ref().is_some_and(|claim| claim.trust_workloads);
    assert_eq!(
        warnings.iter().any(|warning| warning.contains("is not trusted now")),
        said && !expected,
        "{warnings:?}"
    );
}

#[test]
fn what_runs_is_trusted_by_who_holds_the_slot_and_by_nobody_before_them() {
    let (alice, bob) = (&user(ALICE), &user(BOB));
    // The holder says so, and takes it back.
    trusts(alice, &held(), &trusting(held()), true);
    trusts(&user("dave@example.com"), &held(), &trusting(held()), true);
    trusts(alice, &trusting(held()), &held(), false);
    // Longer, shared: as it was.
    trusts(alice, &trusting(held()), &until(trusting(held()), "2026-12-01T00:00:00Z"), true);
    trusts(alice, &trusting(held()), &claim(trusting(held()), |claim| claim.users.push(BOB.to_owned())), true);
    // Somebody goes: not even in the same write.
    let without_dave = trusting(slot(&[ALICE]));
    trusts(alice, &trusting(held()), &without_dave, false);
    trusts(alice, &held(), &without_dave, false);
    let groups = |slot: Slot, groups: &[&str]| {
        claim(slot, |claim| claim.groups = groups.iter().map(|g| (*g).to_owned()).collect())
    };
    trusts(alice, &groups(trusting(held()), &["payments"]), &groups(trusting(held()), &[]), false);
    // Who hands over leaves nothing behind.
    let handed = claim(trusting(slot(&[BOB, ALICE, "dave@example.com"])), |claim| claim.hand_to = Some(BOB.to_owned()));
    trusts(alice, &trusting(held()), &handed, false);
    trusts(alice, &held(), &handed, false);
    trusts(alice, &held(), &claim(trusting(slot(&[BOB])), |claim| claim.hand_to = Some(BOB.to_owned())), false);
    trusts(&administrator(), &trusting(held()), &trusting(slot(&[BOB])), false);
    // Who claims it says so themselves, in that very write.
    trusts(bob, &slot(&[]), &slot(&[BOB]), false);
    trusts(bob, &slot(&[]), &trusting(slot(&[BOB])), true);
    trusts(alice, &lapsed(), &until(trusting(held()), "2026-12-01T00:00:00Z"), true);
    // What a merge patch finds there was said by who is gone.
    trusts(bob, &trusting(lapsed()), &trusting(slot(&[BOB])), false);
    trusts(alice, &trusting(lapsed()), &until(trusting(held()), "2026-12-01T00:00:00Z"), false);
    // For another, an administrator does not know.
    trusts(&administrator(), &slot(&[]), &trusting(slot(&["carol@example.com"])), false);
    trusts(&administrator(), &held(), &trusting(held()), true);
}

#[test]
fn a_claim_from_before_there_were_ids_says_after_the_first_write_what_it_trusted() {
    let (alice, old) = (&user(ALICE), alices());
    assert_eq!(old.claim_id(), None);
    trusts(alice, &old, &until(old.clone(), "2026-12-01T00:00:00Z"), true);
    trusts(alice, &old, &old, true);
    trusts(&user(SYNC), &old, &old, true);
    trusts(alice, &old, &claim(old.clone(), |claim| claim.users.push(BOB.to_owned())), true);
    trusts(alice, &old, &slot(&[ALICE]), false);
    trusts(alice, &old, &claim(slot(&[BOB, ALICE]), |claim| claim.hand_to = Some(BOB.to_owned())), false);
    trusts(&administrator(), &old, &slot(&["carol@example.com"]), false);
    let expired = until(old.clone(), "2026-11-23T14:30:00Z");
    trusts(alice, &expired, &until(expired.clone(), "2026-12-01T00:00:00Z"), false);
    trusts(&user(BOB), &expired, &slot(&[BOB]), false);
    for mode in [hotdesk_slots::Mode::Warn, hotdesk_slots::Mode::Audit] {
        let parse_lossy = with(old.clone(), |slot| slot.spec.mode = Some(mode));
        trusts(alice, &parse_lossy, &until(parse_lossy.clone(), "2026-12-01T00:00:00Z"), false);
        let enforced = with(parse_lossy.clone(), |slot| slot.spec.mode = None);
        trusts(&administrator(), &parse_lossy, &enforced, false);
    }
    let (stored, warnings) = write_at(NOW, "u", alice, &old, &old).unwrap();
    assert_eq!(stored.claim_id(), Some("u"));
    assert!(warnings.concat().contains("the claim says so now. To end that: kubectl patch slot"), "{warnings:?}");
    trusts(alice, &stored, &claim(stored.clone(), |claim| claim.trust_workloads = false), false);
}

#[test]
fn a_release_and_a_claim_leave_no_trust() {
    let free = write(ALICE, &trusting(held()), &with(trusting(held()), |slot| slot.spec.claim = None)).unwrap();
    trusts(&user(ALICE), &free, &with(free.clone(), |new| new.spec.claim = slot(&[ALICE]).spec.claim), false);
}

fn kept(slot: Slot, until: &str) -> Slot {
    with(slot, |slot| slot.spec.keep_until = Some(Time(at(until))))
}

#[track_caller]
fn keeps(who: &Requester<'_>, old: &Slot, new: &Slot, expected: Option<&str>) {
    let (stored, warnings) = write_at(NOW, "u", who, old, new).unwrap();
    assert_eq!(stored.spec.keep_until.map(|at| at.0.to_string()).as_deref(), expected, "{new:?}");
    let dropped = new.spec.keep_until.is_some() && expected.is_none();
    assert_eq!(warnings.iter().any(|said| said.starts_with("spec.keepUntil of slot")), dropped, "{warnings:?}");
}

#[test]
fn what_a_holder_keeps_is_kept_no_longer_than_they_hold_it() {
    const LONG: &str = "2099-01-01T00:00:00Z";
    const SOON: &str = "2026-11-24T00:00:00Z";
    let (alice, bob, sync) = (&user(ALICE), &user(BOB), &user(SYNC));
    let (theirs, free) = (kept(held(), LONG), kept(slot(&[]), LONG));
    let without = |old: &Slot| with(old.clone(), |slot| slot.spec.claim = None);
    let next = |old: &Slot| with(old.clone(), |new| new.spec.claim = slot(&[BOB]).spec.claim);
    // It ends with the claim, in one write or in two.
    keeps(alice, &theirs, &without(&theirs), None);
    keeps(bob, &free, &next(&free), None);
    keeps(bob, &free, &kept(next(&free), SOON), Some(SOON));
    let handed = claim(kept(slot(&[BOB, ALICE]), LONG), |claim| claim.hand_to = Some(BOB.to_owned()));
    keeps(alice, &kept(alices(), LONG), &claim(handed, |claim| claim.users.push("dave@example.com".to_owned())), None);
    // A lapsed claim keeps nothing for who comes next, and what its holder kept for who claims it again.
    let lapsed = kept(lapsed(), LONG);
    keeps(bob, &lapsed, &next(&lapsed), None);
    keeps(alice, &lapsed, &without(&lapsed), None);
    keeps(alice, &lapsed, &until(lapsed.clone(), "2026-12-01T00:00:00Z"), Some(LONG));
    // It stays where the claim does.
    keeps(alice, &theirs, &until(theirs.clone(), "2026-12-01T00:00:00Z"), Some(LONG));
    keeps(bob, &theirs, &theirs, Some(LONG));
    keeps(bob, &free, &free, Some(LONG));
    // A sheet gives a slot to another as people do, and may say itself until when it is kept.
    let sheets = kept(crate::slot_validation::tests::sheets(&[ALICE]), LONG);
    let next_by_sheet = kept(crate::slot_validation::tests::sheets(&[BOB]), LONG);
    keeps(sync, &sheets, &next_by_sheet, None);
    keeps(sync, &sheets, &kept(next_by_sheet, SOON), Some(SOON));
    // Administrators keep what they like.
    keeps(&administrator(), &theirs, &without(&theirs), Some(LONG));
    keeps(&administrator(), &theirs, &next(&theirs), Some(LONG));
}

#[test]
fn the_slot_carries_its_own_stamp() {
    let stored = held();
    assert_eq!(mark(&stored, keys::CLAIMANTS).as_deref(), Some("alice@example.com,dave@example.com"));
    assert_eq!(
        mark(&stored, keys::CLAIMANT_LABELS).as_deref(),
        Some("alice_at_example.com,dave_at_example.com,octocat")
    );
}
