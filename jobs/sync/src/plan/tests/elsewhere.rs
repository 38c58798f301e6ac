//! Slots that are held by claims which were not made in the sheet.

use super::*;

#[test]
fn a_claim_made_outside_the_sheet_stays() {
    check(&sheet(&[("mew", "")]), &[claimed("mew", "alice")], "");
    check(&sheet(&[("abra", "")]), &[claimed("mew", "alice"), free("abra")], "");
    let plan = make(&sheet(&[("mew", "bob")]), &[claimed("mew", "alice")]);
    assert!(plan.changes.is_empty());
    let told: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["B2: mew is held by alice, who claimed it outside the sheet: the row counts once they release it (hotdesk \
          release mew), so leave it until then, or delete it"]
    );
    assert!(
        matches!(&plan.slot_reports["mew"], SlotReport::Refused(why) if why.starts_with("B2: ")),
        "{:?}",
        plan.slot_reports
    );
}

#[test]
fn a_conflict_says_since_when_by_what_and_until_when() {
    let held = with(claimed("mew", "alice"), |s| {
        s.spec.claim.as_mut().unwrap().until = Some(Time(at("2026-11-27T18:00:00Z")));
        let noted = (hotdesk_slots::keys::CLAIMED_AT.to_owned(), "2026-11-20T09:00:00Z".to_owned());
        s.metadata.annotations = Some(BTreeMap::from([noted]));
    });
    let held = managed(held, "kubectl-patch", "Update", json!({"f:claim": {"f:users": {}}}));
    let plan = make(&sheet(&[("mew", "bob")]), &[held]);
    assert_eq!(
        plan.problems[0].what,
        "mew is held by alice, who claimed it outside the sheet since 2026-11-20 09:00 UTC, by kubectl-patch: the row \
         counts once they release it (hotdesk release mew), or from 2026-11-27 18:00 UTC, when it lapses, so leave it \
         until then, or delete it"
    );
}

/// Else an editor of the sheet would name the holder beside themselves, and take the slot by the next edit.
#[test]
fn a_row_never_takes_over_a_claim_that_was_made_outside_the_sheet() {
    let people = |users: &[&str], aliases: &[&str]| -> Judged {
        let mut judged = sheet(&[("mew", "mallory")]);
        let names = |names: &[&str]| names.iter().map(|text| name(text)).collect();
        let claim = judged.good.get_mut("mew").unwrap().claim.as_mut().unwrap();
        (claim.users, claim.aliases) = (names(users), names(aliases));
        judged
    };
    let shared = with(claimed("mew", "alice"), |s| s.spec.claim.as_mut().unwrap().users.push("bob".to_owned()));
    let grouped = with(claimed("mew", "alice"), |s| s.spec.claim.as_mut().unwrap().groups = vec!["team".to_owned()]);
    for (users, aliases, slot) in [
        (&["mallory", "alice"][..], &[][..], claimed("mew", "alice")),
        (&["mallory"], &["alice"], claimed("mew", "alice")),
        (&["alice", "mallory"], &[], claimed("mew", "alice")),
        (&["alice"], &[], shared.clone()),
        (&["bob", "alice"], &[], shared),
        (&["alice"], &[], grouped),
    ] {
        let plan = make(&people(users, aliases), &[slot]);
        assert!(plan.changes.is_empty(), "{users:?} {aliases:?}: {:?}", plan.changes);
        assert_eq!(plan.problems.len(), 1, "{users:?} {aliases:?}");
    }
}

#[test]
fn a_row_that_says_what_was_claimed_outside_the_sheet_writes_nothing_and_adopts_nothing() {
    let mut judged = sheet(&[("mew", "alice")]);
    judged.good.get_mut("mew").unwrap().claim.as_mut().unwrap().purpose = "something else".to_owned();
    let plan = make(&judged, &[claimed("mew", "Alice")]);
    assert_eq!((plan.changes.len(), plan.problems.len(), plan.slot_reports.len()), (0, 0, 0), "{plan:?}");
}

/// A slot whose host is gone has lost it to the next that names it.
#[test]
fn neither_the_host_nor_the_time_of_a_slot_that_is_held_outside_the_sheet_is_changed() {
    let soon = Some(Time(at("2026-11-25T00:00:00Z")));
    let held = with(claimed("mew", "alice"), |s| {
        (s.spec.host, s.spec.keep_until) = (Some("mew.example.com".to_owned()), soon);
    });
    let rows = |user: &str| Judged { has_host: true, has_keep_until: true, ..sheet(&[("mew", user)]) };
    for user in ["", "alice"] {
        let mut judged = rows(user);
        judged.good.get_mut("mew").unwrap().keep_until = Some(now());
        check(&judged, std::slice::from_ref(&held), "");
        judged.good.get_mut("mew").unwrap().host = Some("mew.example.com".to_owned());
        assert!(make(&judged, std::slice::from_ref(&held)).problems.is_empty());
        judged.good.get_mut("mew").unwrap().host = Some("x.example.com".to_owned());
        let plan = make(&judged, std::slice::from_ref(&held));
        assert!(plan.changes.is_empty(), "{plan:?}");
        assert!(plan.problems[0].what.contains("its host stays mew.example.com"), "{plan:?}");
    }
    let ours = managed(held, MANAGER, "Apply", json!({"f:host": {}, "f:keepUntil": {}}));
    check(&rows(""), &[ours], "");
}
