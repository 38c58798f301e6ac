//! alice and dave hold `pikachu`.

use hotdesk_slots::Requester;

use super::*;
use crate::slot_validation::tests::{
    NOW, administrator, alices, allows, claim, denies, slot, until, user, write, write_at,
};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

fn handed(users: &[&str], to: &str) -> Slot {
    claim(slot(users), |claim| claim.hand_to = Some(to.to_owned()))
}

#[test]
fn a_slot_is_handed_over_to_a_new_name_that_stands_first() {
    for (users, to) in
        [(&[BOB][..], BOB), (&[BOB, "dave@example.com"], "BOB@example.com"), (&[BOB, ALICE], BOB), (&["bobcat"], BOB)]
    {
        let stored = write(ALICE, &alices(), &handed(users, to)).unwrap();
        let claim = stored.spec.claim.unwrap();
        assert_eq!((claim.users[0].as_str(), claim.hand_to), (BOB, None), "it is not stored");
    }
    let because = "only where that name is the first of spec.claim.users, and new among them";
    denies(ALICE, &alices(), &handed(&["carol@example.com"], BOB), because);
    denies(ALICE, &alices(), &handed(&["carol@example.com", BOB], BOB), because);
    denies(ALICE, &alices(), &handed(&["dave@example.com"], "dave@example.com"), because);
    denies(ALICE, &alices(), &handed(&[ALICE], "octocat"), because);
    denies(ALICE, &alices(), &handed(&[BOB], ""), "spec.claim.handTo: a name is empty");
}

#[test]
fn a63_a_claim_does_not_lose_its_writer_by_a_slip() {
    let told = "you are alice@example.com, and would not be in the claim any more. To hand the slot over: kubectl hotdesk \
                hand pikachu bob@example.com. To give it back: kubectl hotdesk release pikachu";
    denies(ALICE, &alices(), &slot(&[BOB]), told);
    denies(ALICE, &alices(), &slot(&[BOB, "dave@example.com"]), told);
    denies(ALICE, &slot(&[ALICE]), &slot(&["ghost@example.com"]), "hand pikachu ghost@example.com");
}

#[test]
fn a63_who_came_in_by_a_group_gives_the_slot_to_nobody_by_a_slip() {
    let grouped = claim(alices(), |claim| claim.groups = vec!["payments".to_owned()]);
    let member = Requester { groups: vec!["payments".into()], ..user("erin@example.com") };
    let ghost = slot(&["ghost@example.com"]);
    let problem = write_at(NOW, "u", &member, &grouped, &ghost).unwrap_err();
    assert!(problem.contains("would not be in the claim any more"), "{problem}");
    let regrouped = claim(slot(&["ghost@example.com"]), |claim| claim.groups = vec!["payments".to_owned()]);
    assert!(write_at(NOW, "u", &member, &grouped, &regrouped).is_ok(), "who stays may change who else is there");
}

#[test]
fn a63_aliases_that_are_not_stored_keep_nobody_in_the_claim() {
    let because = "would not be in the claim any more";
    let aliased = claim(slot(&["ghost@example.com"]), |claim| claim.aliases = vec![ALICE.to_owned()]);
    denies(ALICE, &alices(), &aliased, because);
    let dated = claim(slot(&[BOB]), |claim| claim.aliases = vec!["erin".to_owned()]);
    let grouped = claim(dated.clone(), |claim| claim.groups = vec!["payments".to_owned()]);
    denies("erin", &dated, &grouped, because);
    allows("erin", &dated, &dated);
}

#[test]
fn leaving_takes_only_the_writer() {
    let three = slot(&[ALICE, "dave@example.com", BOB]);
    allows(ALICE, &alices(), &slot(&["dave@example.com"]));
    allows("octocat", &alices(), &slot(&["dave@example.com"]));
    allows(ALICE, &three, &slot(&[BOB, "dave@example.com"]));
    let because = "would not be in the claim any more";
    denies(ALICE, &three, &slot(&["dave@example.com"]), because);
    denies(
        ALICE,
        &alices(),
        &claim(slot(&["dave@example.com"]), |claim| claim.purpose = Some("x".to_owned())),
        because,
    );
    denies(ALICE, &alices(), &until(slot(&["dave@example.com"]), "2026-12-01T00:00:00Z"), because);
    denies(ALICE, &alices(), &claim(slot(&["dave@example.com"]), |claim| claim.groups = vec!["x".to_owned()]), because);
}

#[test]
fn only_who_holds_the_slot_hands_it_over() {
    let because = "spec.claim.handTo: you do not hold the slot";
    denies(BOB, &slot(&[]), &handed(&[BOB, "carol@example.com"], "carol@example.com"), because);
    denies(BOB, &alices(), &handed(&[BOB], BOB), because);
    denies(ALICE, &until(alices(), "2026-11-23T14:00:00Z"), &handed(&[ALICE, BOB], BOB), because);
}

#[test]
fn what_a_webhook_that_was_away_left_there_is_not_said_by_the_next_write() {
    let old = claim(slot(&[ALICE]), |claim| claim.hand_to = Some(BOB.to_owned()));
    denies(ALICE, &old, &handed(&[BOB], BOB), "would not be in the claim any more");
    let stored = write(ALICE, &old, &until(old.clone(), "2026-12-01T00:00:00Z")).unwrap();
    assert_eq!(stored.spec.claim.unwrap().hand_to, None);
}

#[test]
fn administrators_give_a_slot_to_whom_they_like() {
    for new in [slot(&[BOB]), handed(&[BOB], "carol@example.com")] {
        let (stored, _) = write_at(NOW, "u", &administrator(), &alices(), &new).unwrap();
        assert_eq!(stored.spec.claim.unwrap().hand_to, None);
    }
}
