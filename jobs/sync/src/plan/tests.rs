//! What the sheet says against what the Slots say.

use super::*;
use hotdesk_sheet::{Kind, Row};
use hotdesk_slots::slot::SlotSpec;
use hotdesk_slots::{ClaimSource, Name};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::json;

use crate::rows::Stray;

mod elsewhere;

fn now() -> Timestamp {
    at("2026-11-23T15:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn free(slot: &str) -> Slot {
    let mut free = Slot::new("slot", SlotSpec::default());
    free.metadata.namespace = Some(slot.to_owned());
    free.metadata.resource_version = Some("7".to_owned());
    free.metadata.generation = Some(3);
    free
}

fn claimed(slot: &str, user: &str) -> Slot {
    with(free(slot), |s| {
        s.spec.claim =
            Some(Claim { users: vec![user.to_owned()], purpose: Some("work".to_owned()), ..Claim::default() });
    })
}

/// Claimed by the sheet.
fn sheets(slot: &str, user: &str) -> Slot {
    with(claimed(slot, user), |s| s.spec.claim.as_mut().unwrap().source = Some(ClaimSource::Sheet))
}

fn with(mut slot: Slot, change: impl FnOnce(&mut Slot)) -> Slot {
    change(&mut slot);
    slot
}

#[expect(clippy::needless_pass_by_value, reason = "so that calls read as JSON")]
fn managed(slot: Slot, manager: &str, operation: &str, fields: Value) -> Slot {
    with(slot, |s| {
        s.metadata.managed_fields.get_or_insert_default().push(ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some(operation.to_owned()),
            fields_v1: Some(FieldsV1(json!({"f:spec": fields}))),
            ..ManagedFieldsEntry::default()
        });
    })
}

fn wanted(user: &str) -> Wanted {
    Wanted { users: vec![name(user)], purpose: "work".to_owned(), ..Wanted::default() }
}

fn row(claim: Option<Wanted>) -> Row {
    Row { cell: "B2".to_owned(), claim, ..Row::default() }
}

fn sheet(rows: &[(&str, &str)]) -> Judged {
    let claim = |user: &str| (!user.is_empty()).then(|| wanted(user));
    let good = rows.iter().map(|(slot, user)| ((*slot).to_owned(), row(claim(user)))).collect();
    Judged { rows: rows.len(), good, ..Judged::default() }
}

fn make(judged: &Judged, slots: &[Slot]) -> Plan {
    plan(judged, slots, &Memory::default(), false, now())
}

#[track_caller]
fn only(plan: &Plan) -> &Change {
    assert_eq!(plan.changes.len(), 1, "{plan:#?}");
    &plan.changes[0]
}

/// `mew claimed, onix released`
fn told(plan: &Plan) -> String {
    let changes: Vec<String> = plan.changes.iter().map(|c| format!("{} {}", c.slot, c.what.word())).collect();
    changes.join(", ")
}

#[track_caller]
fn check(judged: &Judged, slots: &[Slot], expected: &str) {
    let plan = make(judged, slots);
    assert_eq!(told(&plan), expected, "{plan:#?}");
}

#[test]
fn a_row_claims_a_free_slot() {
    let plan = make(&sheet(&[("mew", "alice")]), &[free("mew"), free("abra")]);
    let change = only(&plan);
    assert_eq!((change.slot.as_str(), change.version.as_str(), change.what), ("mew", "7", What::Claimed));
    let claim = json!({"claim": {"users": ["alice"], "aliases": [], "purpose": "work", "source": "sheet"}});
    assert_eq!((change.apply.as_ref(), change.remove.as_ref()), (Some(&claim), None));
    assert_eq!(plan.slot_reports, BTreeMap::from([("mew".to_owned(), SlotReport::Follows)]));
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    check(&sheet(&[("mew", "alice"), ("abra", "")]), &[sheets("mew", "alice"), free("abra")], "");
}

#[test]
fn what_the_webhook_made_of_our_write_is_no_change() {
    let stored = with(sheets("mew", "alice@example.com"), |s| {
        s.spec.claim.as_mut().unwrap().aliases = vec!["alice".to_owned()];
    });
    let (judged, mut memory) = (sheet(&[("mew", "alice")]), Memory::default());
    assert_eq!(told(&plan(&judged, std::slice::from_ref(&stored), &memory, false, now())), "mew claimed");
    memory.note("mew", wanted("alice"), 3);
    assert_eq!(told(&plan(&judged, std::slice::from_ref(&stored), &memory, false, now())), "");
    let touched = with(stored, |s| s.metadata.generation = Some(4));
    assert_eq!(told(&plan(&judged, &[touched], &memory, false, now())), "mew claimed", "somebody wrote it since");
}

#[test]
fn the_sheets_claim_follows_the_sheet() {
    check(&sheet(&[("mew", "bob")]), &[sheets("mew", "alice")], "mew claimed");
    check(&sheet(&[("mew", "")]), &[sheets("mew", "alice")], "mew released");
    check(&sheet(&[("abra", "")]), &[sheets("mew", "alice"), free("abra")], "mew released");
    let mut judged = sheet(&[("mew", "alice")]);
    judged.good.get_mut("mew").unwrap().claim.as_mut().unwrap().purpose = String::new();
    let plan = make(&judged, &[sheets("mew", "alice")]);
    let change = only(&plan);
    assert_eq!((change.what, change.remove.as_ref()), (What::Changed, Some(&json!({"claim": {"purpose": null}}))));
}

#[test]
fn a_released_claim_leaves_nothing_behind() {
    let kept = with(sheets("mew", "alice"), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z"))));
    let plan = make(&sheet(&[("mew", "")]), std::slice::from_ref(&kept));
    let change = only(&plan);
    assert_eq!((change.remove.as_ref(), change.apply.as_ref()), (Some(&json!({"claim": null})), None));
    let ours = managed(kept, MANAGER, "Apply", json!({"f:keepUntil": {}}));
    let plan = make(&sheet(&[("abra", "")]), &[ours]);
    assert_eq!(only(&plan).remove, Some(json!({"claim": null, "keepUntil": null})));
}

#[test]
fn a_lapsed_claim_is_in_nobodys_way() {
    let lapsed = with(claimed("mew", "alice"), |s| {
        s.spec.claim.as_mut().unwrap().until = Some(Time(at("2026-11-23T15:00:00Z")));
    });
    let plan = make(&sheet(&[("mew", "bob")]), &[lapsed]);
    assert_eq!(told(&plan), "mew claimed");
    assert_eq!(only(&plan).remove, Some(json!({"claim": {"until": null}})));
}

#[test]
fn a_lapsed_row_claims_nothing() {
    let mut judged = sheet(&[("mew", "bob")]);
    judged.good.get_mut("mew").unwrap().claim.as_mut().unwrap().until = Some(now());
    check(&judged, &[free("mew")], "");
    check(&judged, &[claimed("mew", "alice")], "");
    assert!(make(&judged, &[claimed("mew", "alice")]).problems.is_empty());
    check(&judged, &[sheets("mew", "bob")], "mew changed");
}

#[test]
fn an_administrators_change_is_undone_and_named() {
    let changed =
        managed(sheets("mew", "bob"), "hotdesk-sync", "Apply", json!({"f:claim": {"f:purpose": {}, "f:source": {}}}));
    let changed = managed(changed, "kubectl-edit", "Update", json!({"f:claim": {"f:users": {}}}));
    let changed = managed(changed, "reaper", "Update", json!({"f:keepUntil": {}}));
    let plan = make(&sheet(&[("mew", "alice")]), &[changed]);
    assert_eq!(only(&plan).undoes.as_deref(), Some("kubectl-edit"));
    assert_eq!(only(&make(&sheet(&[("mew", "alice")]), &[sheets("mew", "bob")])).undoes, None);
}

#[test]
fn what_an_administrator_made_of_a_slot_that_left_the_sheet_stays() {
    let changed =
        managed(sheets("mew", "bob"), "hotdesk-sync", "Apply", json!({"f:claim": {"f:purpose": {}, "f:source": {}}}));
    let changed = managed(changed, "kubectl-edit", "Update", json!({"f:claim": {"f:users": {}}}));
    let plan = make(&sheet(&[("abra", "alice")]), &[changed, sheets("onix", "eve")]);
    let gone = |slot: &str| plan.changes.iter().find(|change| change.slot == slot).unwrap();
    assert_eq!((gone("mew").what, &gone("mew").apply), (What::GivenUp, &None));
    assert_eq!(gone("mew").remove, Some(json!({"claim": {"source": null}})));
    assert_eq!(gone("onix").what, What::Released);
}

#[test]
fn a_claim_that_somebody_took_away_comes_back_and_that_is_said() {
    let condition = |status: &str| {
        json!({"conditions": [{"type": "ClaimSource", "status": status, "reason": "x", "message": "x",
            "lastTransitionTime": "2026-11-23T14:00:00Z"}]})
    };
    let bare = |status: &str| with(free("mew"), |s| s.status = serde_json::from_value(condition(status)).unwrap());
    let undoes = |slot: Slot| only(&make(&sheet(&[("mew", "alice")]), &[slot])).undoes.clone();
    assert_eq!(undoes(bare("True")).as_deref(), Some("somebody"));
    assert_eq!((undoes(bare("False")), undoes(free("mew"))), (None, None));
}

#[test]
fn a_bad_row_changes_nothing_about_its_slot_and_the_good_rows_apply() {
    let mut judged = sheet(&[("abra", "bob")]);
    judged.refused.insert("mew".to_owned());
    judged.problems.push(Problem {
        cell: "D2".to_owned(),
        what: "cannot read".to_owned(),
        slot: Some("mew".to_owned()),
        kind: Kind::Date,
    });
    let plan = make(&judged, &[sheets("mew", "alice"), free("abra")]);
    assert_eq!(told(&plan), "abra claimed");
    assert_eq!(plan.slot_reports["mew"], SlotReport::Refused("D2: cannot read".to_owned()));
}

#[test]
fn a_slot_whose_row_was_mistyped_keeps_its_claim() {
    let stray = |users: Option<&[&str]>| {
        let users = users.map(|users| users.iter().map(|user| name(user)).collect());
        let strays = vec![Stray { cell: "A5".to_owned(), users }];
        Judged { strays, ..sheet(&[("abra", "")]) }
    };
    let slots = [sheets("mew", "alice"), free("abra")];
    for (users, expected) in
        [(Some(&["alice", "x"][..]), ""), (None, ""), (Some(&["bob"]), "mew released"), (Some(&[]), "mew released")]
    {
        check(&stray(users), &slots, expected);
    }
    assert!(matches!(&make(&stray(None), &slots).slot_reports["mew"], SlotReport::Held(why) if why.contains("A5")));
}

#[test]
fn clearing_most_claims_at_once_waits_for_a_word() {
    let slots: Vec<Slot> = (0..5).map(|n| sheets(&format!("s{n}"), "alice")).collect();
    let rows = |kept: usize| -> Judged {
        let good = (0..5).map(|n| (format!("s{n}"), row((n < kept).then(|| wanted("alice"))))).collect();
        Judged { rows: 5, good, ..Judged::default() }
    };
    check(&rows(3), &slots, "s3 released, s4 released");
    let plan = make(&rows(2), &slots);
    assert!(plan.changes.is_empty());
    assert!(plan.held_back.as_deref().is_some_and(|why| why.contains("3 of 5 claims would go")), "{plan:?}");
    assert!(matches!(&plan.slot_reports["s4"], SlotReport::Held(_)));
    assert_eq!(plan.slot_reports["s0"], SlotReport::Follows);
    let confirmed = super::plan(&rows(2), &slots, &Memory::default(), true, now());
    assert_eq!(told(&confirmed), "s2 released, s3 released, s4 released");
}

#[test]
fn while_clearing_is_held_back_nothing_else_is_written_either() {
    let slots = [sheets("a", "x"), sheets("b", "x"), sheets("c", "x"), free("d")];
    check(&sheet(&[("a", ""), ("b", ""), ("c", ""), ("d", "bob")]), &slots, "");
}

#[test]
fn a_sheet_that_is_suddenly_empty_changes_nothing() {
    let plan = make(&sheet(&[]), &[sheets("mew", "alice")]);
    assert!(plan.changes.is_empty());
    assert!(plan.held_back.as_deref().is_some_and(|why| why.contains("no rows any more")), "{plan:?}");
    check(&sheet(&[]), &[free("mew"), claimed("abra", "bob")], "");
}

#[test]
fn the_last_claim_can_be_released_in_its_row() {
    check(&sheet(&[("mew", "")]), &[sheets("mew", "alice")], "mew released");
}

#[test]
fn host_and_keep_until_follow_their_columns() {
    let mut judged = Judged { has_host: true, has_keep_until: true, ..sheet(&[("mew", "alice")]) };
    let row = judged.good.get_mut("mew").unwrap();
    (row.host, row.keep_until) = (Some("mew.example.com".to_owned()), Some(at("2026-11-24T00:00:00Z")));
    let plan = make(&judged, &[sheets("mew", "alice")]);
    assert_eq!((only(&plan).what, told(&plan).as_str()), (What::Settings, "mew settings"));
    let apply = only(&plan).apply.as_ref().unwrap();
    assert_eq!((&apply["host"], &apply["keepUntil"]), (&json!("mew.example.com"), &json!("2026-11-24T00:00:00Z")));
    assert_eq!(apply["claim"]["users"], json!(["alice"]), "an apply gives up what it leaves out");
    let done = with(sheets("mew", "alice"), |s| {
        s.spec.host = Some("mew.example.com".to_owned());
        s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z")));
    });
    check(&judged, &[done], "");
}

#[test]
fn what_others_set_stays_where_the_cell_is_empty() {
    let judged = Judged { has_host: true, has_keep_until: true, ..sheet(&[("mew", "alice")]) };
    let kept = with(sheets("mew", "alice"), |s| {
        s.spec.host = Some("mew.example.com".to_owned());
        s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z")));
    });
    check(&judged, std::slice::from_ref(&kept), "");
    let ours = managed(kept, MANAGER, "Apply", json!({"f:host": {}, "f:claim": {}}));
    let plan = make(&judged, std::slice::from_ref(&ours));
    let apply = only(&plan).apply.as_ref().unwrap();
    assert!(apply.get("host").is_none(), "what was ours is given up: {apply}");
    // Without the column, what we once wrote stays ours.
    let plan = make(&sheet(&[("mew", "bob")]), &[ours]);
    assert_eq!(only(&plan).apply.as_ref().unwrap()["host"], json!("mew.example.com"));
}

#[test]
fn a_host_is_set_while_the_slot_is_free_or_held_otherwise() {
    let mut judged = Judged { has_host: true, ..sheet(&[("mew", "")]) };
    judged.good.get_mut("mew").unwrap().host = Some("mew.example.com".to_owned());
    for slot in [free("mew"), claimed("mew", "alice")] {
        let plan = make(&judged, &[slot]);
        assert_eq!(only(&plan).apply, Some(json!({"host": "mew.example.com"})));
        assert_eq!((only(&plan).remove.as_ref(), plan.slot_reports.len()), (None, 0));
    }
}

#[test]
fn holdings_tell_whose_claim_is_in_force() {
    let lapsed = with(sheets("c", "x"), |s| s.spec.claim.as_mut().unwrap().until = Some(Time(now())));
    let found = holdings(&[free("a"), sheets("b", "alice"), lapsed, claimed("d", "bob")], now());
    let expected = [
        ("a", Holding::Nobody),
        ("b", Holding::Sheet(Some(name("alice")))),
        ("c", Holding::Nobody),
        ("d", Holding::Elsewhere(Some(name("bob")))),
    ];
    assert_eq!(found, expected.into_iter().map(|(slot, holding)| (slot.to_owned(), holding)).collect());
}
