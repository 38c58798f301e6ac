//! alice holds `pikachu` and asks hotdesk to clear it.

use hotdesk_slots::Requester;
use serde_json::{Value, json};

use super::*;
use crate::slot_validation::tests::{
    NOW, administrator, alices, at, claim, marked, slot, until, user, with, write, write_at,
};
use hotdesk_slots::keys;

const ALICE: &str = "alice@example.com";

fn held() -> Slot {
    marked(slot(&[ALICE]), keys::CLAIM_ID, "c1")
}

fn asking(slot: Slot, requests: Value) -> Slot {
    with(slot, |slot| slot.spec.requests = serde_json::from_value(requests).unwrap())
}

fn requests(slot: &Slot) -> Value {
    serde_json::to_value(&slot.spec.requests).unwrap()
}

#[track_caller]
fn refuses(now: &str, who: &Requester<'_>, old: &Slot, new: &Slot, because: &str) {
    let problem = write_at(now, "u-2", who, old, new).unwrap_err();
    assert!(problem.contains(because), "{problem}");
}

#[test]
fn of_a_wish_hotdesk_writes_under_which_claim_by_whom_and_when() {
    let said = json!({"revive": {"dryRun": true, "releases": ["web"], "id": "x", "claimID": "y", "by": "bob", "at": "2020-01-01T00:00:00Z"}});
    let stored = write("octocat", &held(), &asking(held(), said)).unwrap();
    let noted = json!({"revive": {"dryRun": true, "releases": ["web"], "id": "u-1", "claimID": "c1", "by": "octocat", "at": NOW}});
    assert_eq!(requests(&stored), noted);
    let wanted = stored.spec.requests.as_ref().unwrap().revive.as_ref().unwrap();
    assert!(wanted.is_valid(stored.claim_id(), at(NOW)));
    let later =
        write_at("2026-11-23T15:03:00Z", "u-2", &user(ALICE), &stored, &until(stored.clone(), "2026-12-01T00:00:00Z"))
            .unwrap()
            .0;
    assert_eq!(requests(&later), noted, "what a write leaves as it is stays so");
}

#[test]
fn who_forges_what_is_noted_asks_again_in_their_own_name() {
    let asked = write(ALICE, &held(), &asking(held(), json!({"reap": {}}))).unwrap();
    let forged = with(asked.clone(), |slot| {
        slot.spec.requests.as_mut().unwrap().reap.as_mut().unwrap().by = Some("bob".to_owned());
    });
    let (stored, _) = write_at("2026-11-23T15:02:00Z", "u-2", &user(ALICE), &asked, &forged).unwrap();
    assert_eq!(
        requests(&stored),
        json!({"reap": {"id": "u-2", "claimID": "c1", "by": ALICE, "at": "2026-11-23T15:02:00Z"}})
    );
}

#[test]
fn only_who_holds_the_slot_asks() {
    let ask = json!({"reap": {}});
    let stranger = user("bob@example.com");
    refuses(
        NOW,
        &stranger,
        &held(),
        &asking(held(), ask.clone()),
        "only its claimants and administrators can change it",
    );
    refuses(NOW, &stranger, &slot(&[]), &asking(slot(&[]), ask.clone()), "claim it before you change it");
    let lapsed = until(held(), "2026-11-23T14:00:00Z");
    refuses(NOW, &user(ALICE), &lapsed, &asking(lapsed.clone(), ask), "the claim has lapsed");
}

#[test]
fn one_wish_of_a_kind_a_minute() {
    let asked = write(ALICE, &held(), &asking(held(), json!({"reap": {}}))).unwrap();
    let again = asking(asked.clone(), json!({"reap": {"dryRun": true}}));
    let because = "spec.requests.reap: hotdesk was asked for that within the last minute: ask again in 20 s";
    refuses("2026-11-23T15:00:40Z", &user(ALICE), &asked, &again, because);
    refuses("2026-11-23T15:00:40Z", &administrator(), &asked, &again, because);
    let withdrawn = with(asked.clone(), |slot| slot.spec.requests = None);
    refuses("2026-11-23T15:00:40Z", &user(ALICE), &asked, &withdrawn, because);
    refuses("2026-11-23T15:00:40Z", &user(ALICE), &asked, &asking(asked.clone(), json!({"revive": {}})), because);
    assert!(write_at("2026-11-23T15:01:00Z", "u-2", &user(ALICE), &asked, &again).is_ok());
    assert!(write_at("2026-11-23T15:01:00Z", "u-2", &user(ALICE), &asked, &withdrawn).is_ok());
    let other = asking(asked.clone(), json!({"reap": requests(&asked)["reap"], "revive": {}}));
    assert!(write_at("2026-11-23T15:00:01Z", "u-2", &user(ALICE), &asked, &other).is_ok(), "another kind");
}

#[test]
fn giving_the_slot_back_in_between_makes_it_no_quicker() {
    let reported = with(held(), |slot| {
        let report = json!({"request": {"id": "r", "kind": "reap", "phase": "Running", "at": "2026-11-23T14:59:30Z"}});
        slot.status = serde_json::from_value(report).unwrap();
    });
    refuses(NOW, &user(ALICE), &reported, &asking(reported.clone(), json!({"reap": {}})), "ask again in 30 s");
    assert!(write(ALICE, &reported, &asking(reported.clone(), json!({"revive": {}}))).is_ok());
}

#[test]
fn releases_are_named_as_helm_names_them_and_a_slot_is_cleared_as_a_whole() {
    for (name, shown) in
        [("--kubeconfig=x", "\"--kubeconfig=x\""), ("Web", "\"Web\""), ("a\"b", "\"a'b\""), ("", "\"\"")]
    {
        let because = format!("spec.requests.revive.releases[1]: {shown} is not the name of a helm release");
        refuses(NOW, &user(ALICE), &held(), &asking(held(), json!({"revive": {"releases": ["web", name]}})), &because);
    }
    let because = "spec.requests.reap.releases: a slot is cleared as a whole";
    refuses(NOW, &user(ALICE), &held(), &asking(held(), json!({"reap": {"releases": ["web"]}})), because);
}

#[test]
fn a_wish_dies_with_its_claim() {
    let asked = write(ALICE, &held(), &asking(held(), json!({"reap": {}}))).unwrap();
    let given_back = with(asked.clone(), |slot| slot.spec.claim = None);
    let handed = claim(asked.clone(), |claim| {
        (claim.users, claim.hand_to) = (vec!["bob@example.com".to_owned()], Some("bob@example.com".to_owned()));
    });
    for new in [given_back, handed] {
        assert_eq!(write(ALICE, &asked, &new).unwrap().spec.requests, None, "{new:?}");
    }
    let shared = claim(asked.clone(), |claim| claim.users.push("carol".to_owned()));
    assert_eq!(write(ALICE, &asked, &shared).unwrap().spec.requests, asked.spec.requests);
    let claims = asking(slot(&[ALICE]), json!({"reap": {}}));
    let (stored, warnings) = write_at(NOW, "u-1", &user(ALICE), &slot(&[]), &claims).unwrap();
    assert_eq!(stored.spec.requests, None, "it was asked before the claim was there");
    assert!(warnings.iter().any(|warning| warning.contains("ask again after it")), "{warnings:?}");
}

#[test]
fn an_administrator_asks_in_a_free_slot_under_the_last_claim_or_a_new_id() {
    let free = |slot: Slot| asking(slot, json!({"revive": {}}));
    let last = marked(slot(&[]), keys::CLAIM_ID, "c1");
    let (stored, _) = write_at(NOW, "u-9", &administrator(), &last, &free(last.clone())).unwrap();
    assert_eq!(requests(&stored)["revive"]["claimID"], "c1");
    let (stored, _) = write_at(NOW, "u-9", &administrator(), &slot(&[]), &free(slot(&[]))).unwrap();
    let asked = stored.spec.requests.as_ref().unwrap().revive.as_ref().unwrap();
    assert_eq!((asked.by.as_deref(), stored.claim_id()), (Some("erin@example.com"), Some("u-9")));
    assert!(asked.is_valid(stored.claim_id(), at(NOW)));
    assert_eq!(alices().claim_id(), None);
}

#[test]
fn a_restamp_is_of_the_whole_slot_and_not_tried_out() {
    let stored = write(ALICE, &held(), &asking(held(), json!({"restamp": {}}))).unwrap();
    assert_eq!(requests(&stored), json!({"restamp": {"id": "u-1", "claimID": "c1", "by": ALICE, "at": NOW}}));
    refuses(
        NOW,
        &user(ALICE),
        &held(),
        &asking(held(), json!({"restamp": {"releases": ["web"]}})),
        "restamped as a whole",
    );
    refuses(NOW, &user(ALICE), &held(), &asking(held(), json!({"restamp": {"dryRun": true}})), "is not tried out");
    refuses(NOW, &user("bob@example.com"), &held(), &asking(held(), json!({"restamp": {}})), "is held by");
    let again = asking(stored.clone(), json!({"restamp": {}}));
    refuses("2026-11-23T15:00:30Z", &user(ALICE), &stored, &again, "ask again in 30 s");
    let freed = with(stored.clone(), |slot| slot.spec.claim = None);
    assert_eq!(write(ALICE, &stored, &freed).unwrap().spec.requests, None, "it ends with the claim");
}

#[test]
fn a_purge_names_releases_and_only_a_purge_does_so_in_names() {
    let said = json!({"purge": {"dryRun": true, "names": ["web"], "id": "x", "claimID": "y", "by": "bob", "at": "2020-01-01T00:00:00Z"}});
    let stored = write("octocat", &held(), &asking(held(), said)).unwrap();
    let noted =
        json!({"purge": {"dryRun": true, "names": ["web"], "id": "u-1", "claimID": "c1", "by": "octocat", "at": NOW}});
    assert_eq!(requests(&stored), noted, "of it people say what goes, and not who asks");
    for (wish, because) in [
        (
            json!({"purge": {"names": ["web", "--x"]}}),
            "spec.requests.purge.names[1]: \"--x\" is not the name of a helm",
        ),
        (json!({"purge": {"names": [""]}}), "spec.requests.purge.names[0]: \"\" is not the name of a helm release"),
        (json!({"purge": {"names": ["a".repeat(54)]}}), "is not the name of a helm release"),
        (json!({"purge": {"releases": ["web"]}}), "spec.requests.purge.releases: a purge says in names"),
        (json!({"reap": {"names": ["web"]}}), "spec.requests.reap.names: it is for a purge alone"),
        (json!({"revive": {"names": ["web"]}}), "spec.requests.revive.names: it is for a purge alone"),
        (json!({"restamp": {"names": ["web"]}}), "spec.requests.restamp.names: it is for a purge alone"),
    ] {
        refuses(NOW, &user(ALICE), &held(), &asking(held(), wish), because);
    }
}

#[test]
fn a_purge_is_the_holders_alone_and_ends_with_the_claim() {
    let ask = json!({"purge": {}});
    let stranger = user("bob@example.com");
    refuses(
        NOW,
        &stranger,
        &held(),
        &asking(held(), ask.clone()),
        "only its claimants and administrators can change it",
    );
    refuses(NOW, &stranger, &slot(&[]), &asking(slot(&[]), ask.clone()), "claim it before you change it");
    // alice held it once, and bob holds it now.
    let bobs = marked(slot(&["bob@example.com"]), keys::CLAIM_ID, "c2");
    refuses(NOW, &user(ALICE), &bobs, &asking(bobs.clone(), ask.clone()), "is held by");
    let lapsed = until(held(), "2026-11-23T14:00:00Z");
    refuses(NOW, &user(ALICE), &lapsed, &asking(lapsed.clone(), ask.clone()), "the claim has lapsed");
    let stored = write(ALICE, &held(), &asking(held(), ask.clone())).unwrap();
    refuses(
        "2026-11-23T15:00:30Z",
        &user(ALICE),
        &stored,
        &asking(stored.clone(), json!({"purge": {"dryRun": true}})),
        "ask again in 30 s",
    );
    let given_back = with(stored.clone(), |slot| slot.spec.claim = None);
    assert_eq!(write(ALICE, &stored, &given_back).unwrap().spec.requests, None);
}
