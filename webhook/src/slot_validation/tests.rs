//! Who may write which Slot: alice holds `pikachu`, nobody holds `mew`.

use std::collections::BTreeMap;

use hotdesk_slots::slot::{Slot, SlotSpec};
use hotdesk_slots::{Claim, ClaimSource, Mode, People, Requester, keys};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, OwnerReference, Time};
use serde_json::json;

use super::marks::LAST_APPLIED;
use super::*;

pub(super) const SYNC: &str = "system:serviceaccount:hotdesk:hotdesk-sync";
pub(super) const WEBHOOK: &str = "system:serviceaccount:hotdesk:hotdesk-webhook";
pub(super) const CONTROLLER: &str = "system:serviceaccount:hotdesk:hotdesk-controller";
pub(super) const RESTAMPER: &str = "system:serviceaccount:hotdesk:hotdesk-restamper";
pub(super) const NOW: &str = "2026-11-23T15:00:00Z";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn settings() -> Settings {
    Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        administrator_users: vec!["system:serviceaccount:hotdesk:sync".to_owned()],
        administrator_groups: vec!["platform".to_owned()],
        people: People::from_rows([["alice@example.com", "octocat"], ["bob@example.com", "bobcat"]]).unwrap(),
        jobs_namespace: "hotdesk-jobs".to_owned(),
        sync_user: Some(SYNC.to_owned()),
        session_user: Some(WEBHOOK.to_owned()),
        controller_user: Some(CONTROLLER.to_owned()),
        restamper_user: Some(RESTAMPER.to_owned()),
        claim_url: Some("https://sheets.example.com/1".to_owned()),
        ..Settings::default()
    }
}

pub(super) fn slot(users: &[&str]) -> Slot {
    let users: Vec<String> = users.iter().map(|u| (*u).to_owned()).collect();
    let claim = (!users.is_empty()).then(|| Claim { users, ..Claim::default() });
    let mut slot = Slot::new("slot", SlotSpec { claim, ..SlotSpec::default() });
    slot.metadata.namespace = Some("pikachu".to_owned());
    slot
}

pub(super) fn alices() -> Slot {
    slot(&["alice@example.com", "dave@example.com"])
}

pub(super) fn sheets(users: &[&str]) -> Slot {
    claim(slot(users), |claim| claim.source = Some(ClaimSource::Sheet))
}

pub(super) fn with(mut slot: Slot, change: impl FnOnce(&mut Slot)) -> Slot {
    change(&mut slot);
    slot
}

pub(super) fn claim(slot: Slot, change: impl FnOnce(&mut Claim)) -> Slot {
    with(slot, |slot| change(slot.spec.claim.as_mut().unwrap()))
}

pub(super) fn until(slot: Slot, until: &str) -> Slot {
    claim(slot, |claim| claim.until = Some(Time(at(until))))
}

/// With this of hotdesk's own annotations.
pub(super) fn marked(slot: Slot, key: &str, value: &str) -> Slot {
    with(slot, |slot| {
        slot.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    })
}

pub(super) fn mark(slot: &Slot, key: &str) -> Option<String> {
    slot.metadata.annotations.as_ref()?.get(key).cloned()
}

/// With a field manager that has applied these fields of the spec.
pub(super) fn applied_by(slot: Slot, manager: &str, spec: serde_json::Value) -> Slot {
    let entry = ManagedFieldsEntry {
        manager: Some(manager.to_owned()),
        operation: Some("Apply".to_owned()),
        fields_v1: Some(FieldsV1([("f:spec".to_owned(), spec)].into_iter().collect())),
        ..ManagedFieldsEntry::default()
    };
    with(slot, |slot| slot.metadata.managed_fields.get_or_insert_default().push(entry))
}

pub(super) fn user(name: &str) -> Requester<'static> {
    Requester { username: name.to_owned().into(), ..Requester::default() }
}

pub(super) fn administrator() -> Requester<'static> {
    Requester { groups: vec!["platform".into()], ..user("erin@example.com") }
}

pub(super) fn breaks_glass() -> Requester<'static> {
    Requester { groups: vec!["system:masters".into()], ..user("root") }
}

fn update(requester: &Requester<'_>, old: &Slot, new: &Slot) -> Result<Writer, Vec<String>> {
    ask(Operation::Update, "", requester, Some(old), Some(new))
}

pub(super) fn ask(
    operation: Operation,
    subresource: &str,
    requester: &Requester<'_>,
    old: Option<&Slot>,
    new: Option<&Slot>,
) -> Result<Writer, Vec<String>> {
    let asked = Asked { operation, subresource, namespace: "pikachu", requester, old, new };
    judge(&asked, &settings(), at(NOW))
}

/// The Slot as it is stored after this write, or why it is not; and what the writer is told.
pub(super) fn write_at(
    now: &str,
    uid: &str,
    requester: &Requester<'_>,
    old: &Slot,
    new: &Slot,
) -> Result<(Slot, Vec<String>), String> {
    let (operation, subresource, namespace) = (Operation::Update, "", "pikachu");
    let asked = Asked { operation, subresource, namespace, requester, old: Some(old), new: Some(new) };
    let (settings, now) = (settings(), at(now));
    let judged = judge(&asked, &settings, now);
    let writer = judged.as_ref().copied().unwrap_or(Writer::Person);
    let stored = stored(&asked, writer, &settings, Moment { now, uid });
    match (judged, stored) {
        (Ok(_), Ok(Stored { claim, requests, keep_until, last_applied, stamp, warnings })) => {
            let stamp = stamp.annotations.into_iter().map(|(key, value)| (key.to_owned(), value));
            let slot = with(new.clone(), |slot| {
                (slot.spec.claim, slot.spec.requests, slot.spec.keep_until) = (claim, requests, keep_until);
                let marks = slot.metadata.annotations.get_or_insert_default();
                marks.retain(|key, _| !keys::is_reserved(key));
                marks.extend(stamp);
                marks.remove(LAST_APPLIED);
                marks.extend(last_applied.map(|text| (LAST_APPLIED.to_owned(), text)));
            });
            Ok((slot, warnings))
        }
        (judged, stored) => Err(judged.err().into_iter().chain(stored.err()).flatten().collect::<Vec<_>>().join("; ")),
    }
}

pub(super) fn write(who: &str, old: &Slot, new: &Slot) -> Result<Slot, String> {
    write_at(NOW, "u-1", &user(who), old, new).map(|(slot, _)| slot)
}

#[track_caller]
pub(super) fn allows(who: &str, old: &Slot, new: &Slot) {
    assert_eq!(write(who, old, new).map(|_| ()), Ok(()), "{who}");
}

#[track_caller]
pub(super) fn denies(who: &str, old: &Slot, new: &Slot, because: &str) {
    let problems = write(who, old, new).unwrap_err();
    assert!(problems.contains(because), "{who}: {problems:?} does not say {because:?}");
}

#[test]
fn a_person_claims_a_free_or_lapsed_slot_for_themselves() {
    let free = slot(&[]);
    allows("bob@example.com", &free, &slot(&["bob@example.com"]));
    allows("bob@example.com", &free, &slot(&["Bob@Example.com "]));
    allows("bob@example.com", &free, &slot(&["bob@example.com", "carol@example.com"]));
    allows("bobcat", &free, &slot(&["bob@example.com"]));
    allows("bob@example.com", &free, &slot(&["bobcat"]));
    let lapsed = until(alices(), NOW);
    allows("bob@example.com", &lapsed, &slot(&["bob@example.com"]));
    allows("alice@example.com", &lapsed, &until(alices(), "2026-12-01T00:00:00Z"));
}

#[test]
fn a55_nobody_claims_a_free_slot_for_another() {
    let (free, because) = (slot(&[]), "spec.claim.users[0]: claim a free slot for yourself");
    denies("bob@example.com", &free, &slot(&["carol@example.com"]), because);
    denies("bob@example.com", &free, &slot(&["carol@example.com", "bob@example.com"]), because);
    denies("bob@example.com", &free, &slot(&["bob@example.com.evil.org"]), because);
    denies("bob@example.com", &free, &slot(&["a,b"]), because);
    let lapsed = until(alices(), NOW);
    denies("bob@example.com", &lapsed, &slot(&[]), "claim it before you change it");
    // A lapsed claim counts as none, so dave claims for himself, and nobody hands it over.
    denies("dave@example.com", &lapsed, &until(alices(), "2026-12-01T00:00:00Z"), because);
    denies("alice@example.com", &lapsed, &slot(&["bob@example.com"]), because);
}

#[test]
fn a_claimant_extends_shares_releases_and_keeps() {
    for who in ["alice@example.com", "octocat", "dave@example.com"] {
        allows(who, &alices(), &until(alices(), "2026-12-01T00:00:00Z"));
        allows(who, &alices(), &slot(&[]));
        allows(who, &alices(), &slot(&["alice@example.com", "dave@example.com", "bob@example.com"]));
        allows(who, &alices(), &with(alices(), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z")))));
    }
    let payments = claim(alices(), |claim| claim.groups = vec!["payments".to_owned()]);
    let member = Requester { groups: vec!["payments".into()], ..user("erin") };
    assert_eq!(update(&member, &payments, &slot(&[])), Ok(Writer::Person));
}

#[test]
fn who_held_a_lapsed_claim_may_take_away_what_is_left_of_it() {
    let lapsed = until(alices(), "2026-11-23T14:00:00Z");
    allows("dave@example.com", &lapsed, &slot(&[]));
    let kept = with(slot(&[]), |s| s.spec.keep_until = Some(Time(at("2030-01-01T00:00:00Z"))));
    denies("dave@example.com", &lapsed, &kept, "spec.keepUntil: nobody holds the slot");
    denies("alice@example.com", &alices(), &kept, "spec.keepUntil: nobody holds the slot");
}

#[test]
fn a45_a46_a51_nobody_touches_anothers_claim() {
    let because = "held by alice@example.com";
    denies("bob@example.com", &alices(), &slot(&["bob@example.com"]), because);
    denies("bob@example.com", &alices(), &slot(&[]), because);
    denies("bob@example.com", &alices(), &slot(&["alice@example.com", "bob@example.com"]), because);
    denies("bob@example.com", &alices(), &until(alices(), "2026-12-01T00:00:00Z"), because);
    let kept = with(alices(), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z"))));
    denies("bob@example.com", &alices(), &kept, because);
    let noted = with(alices(), |s| s.metadata.annotations = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())])));
    denies("bob@example.com", &alices(), &noted, because);
    let evil = ManagedFieldsEntry { manager: Some("evil".to_owned()), ..ManagedFieldsEntry::default() };
    let managed = with(alices(), |s| s.metadata.managed_fields = Some(vec![evil]));
    denies("bob@example.com", &alices(), &managed, because);
    allows("alice@example.com", &alices(), &managed);
    let applied = applied_by(alices(), "bob", json!({"f:claim": {"f:users": {}}}));
    denies("bob@example.com", &alices(), &applied, because);
    for change in ["groups", "aliases", "clearAfter", "past", "trust", "requests"] {
        let new = with(alices(), |s| {
            let claim = s.spec.claim.as_mut().unwrap();
            match change {
                "groups" => claim.groups = vec!["everyone".to_owned()],
                "aliases" => claim.aliases = vec!["bob@example.com".to_owned()],
                "past" => claim.until = Some(Time(at("2020-01-01T00:00:00Z"))),
                "trust" => claim.trust_workloads = true,
                "requests" => s.spec.requests = serde_json::from_value(json!({"reap": {}})).unwrap(),
                _ => s.spec.clear_after = Some(Time(at(NOW))),
            }
        });
        denies("bob@example.com", &alices(), &new, because);
    }
    for key in [keys::CLAIMED_AT, keys::LOST_AT, keys::CLAIMANT_LABELS, keys::CLAIM_ID] {
        let old = write("alice@example.com", &slot(&[]), &slot(&["alice@example.com"])).unwrap();
        let forged = marked(old.clone(), key, "x");
        assert_eq!(write("bob@example.com", &old, &forged), Ok(old), "{key} is put back");
    }
    let renamed = with(alices(), |s| s.spec.claim.as_mut().unwrap().aliases = vec!["bob@example.com".to_owned()]);
    denies("bob@example.com", &alices(), &renamed, because);
}

#[test]
fn an_update_that_changes_nothing_is_nobodys_business() {
    allows("bob@example.com", &alices(), &alices());
    allows("bob@example.com", &slot(&[]), &slot(&[]));
}

#[test]
fn only_a_claimant_sets_how_long_a_slot_is_kept() {
    let kept = with(slot(&[]), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z"))));
    denies("bob@example.com", &slot(&[]), &kept, "claim it before you change it");
}

#[test]
fn a49_host_mode_owners_and_finalizers_are_the_administrators() {
    let host = with(alices(), |s| s.spec.host = Some("pikachu.example.com".to_owned()));
    denies("alice@example.com", &alices(), &host, "spec.host: only administrators");
    let mode = with(alices(), |s| s.spec.mode = Some(Mode::Audit));
    denies("alice@example.com", &alices(), &mode, "spec.mode: only administrators");
    let owned = with(alices(), |s| s.metadata.owner_references = Some(vec![OwnerReference::default()]));
    denies("alice@example.com", &alices(), &owned, "metadata.ownerReferences: only administrators");
    let held = with(alices(), |s| s.metadata.finalizers = Some(vec!["x/y".to_owned()]));
    denies("bob@example.com", &alices(), &held, "metadata.finalizers: only administrators");
}

#[test]
fn every_reason_is_told_at_once() {
    let new = with(slot(&["bob@example.com"]), |s| {
        s.spec.mode = Some(Mode::Audit);
        s.spec.claim.as_mut().unwrap().until = Some(Time(at("2020-01-01T00:00:00Z")));
    });
    let problems = update(&user("bob@example.com"), &alices(), &new).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    let unfit = claim(new, |claim| claim.users.push("a b".to_owned()));
    assert!(
        write("bob@example.com", &alices(), &unfit).unwrap_err().contains("spec.claim.users[1]"),
        "beside the rest"
    );
}

#[test]
fn a_claim_that_has_already_lapsed_is_refused() {
    let new = until(slot(&["bob@example.com"]), "2026-11-23T15:00:00Z");
    denies("bob@example.com", &slot(&[]), &new, "spec.claim.until: 2026-11-23T15:00:00Z has passed");
}

#[test]
fn administrators_write_everything() {
    let admins = [
        (Requester { groups: vec!["system:masters".into()], ..user("root") }, Writer::BreakGlass),
        (Requester { groups: vec!["platform".into()], ..user("erin") }, Writer::Administrator),
        (user("system:serviceaccount:hotdesk:sync"), Writer::Administrator),
    ];
    for (who, writer) in admins {
        let mode = with(slot(&["carol@example.com"]), |s| s.spec.mode = Some(Mode::Audit));
        assert_eq!(update(&who, &alices(), &mode), Ok(writer), "{who:?}");
        assert_eq!(ask(Operation::Create, "", &who, None, Some(&alices())), Ok(writer), "{who:?}");
        assert_eq!(ask(Operation::Delete, "", &who, Some(&alices()), None), Ok(writer), "{who:?}");
        assert_eq!(ask(Operation::Update, "status", &who, Some(&alices()), Some(&alices())), Ok(writer), "{who:?}");
    }
}

#[test]
fn only_administrators_and_cleaners_create_and_delete() {
    for who in ["alice@example.com", "bob@example.com", "system:kube-scheduler", "system:serviceaccount:hotdesk:sync2"]
    {
        assert!(ask(Operation::Create, "", &user(who), None, Some(&slot(&[who]))).is_err(), "{who}");
        assert!(ask(Operation::Delete, "", &user(who), Some(&alices()), None).is_err(), "{who}");
    }
    for who in [
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
    ] {
        assert_eq!(ask(Operation::Delete, "", &user(who), Some(&alices()), None), Ok(Writer::Machinery));
        assert!(update(&user(who), &alices(), &slot(&[])).is_err(), "{who} may not change a spec");
        assert_eq!(update(&user(who), &alices(), &alices()), Ok(Writer::Machinery), "but metadata");
    }
}

#[test]
fn what_is_unknown_is_denied() {
    let alice = user("alice@example.com");
    assert!(ask(Operation::Connect, "", &alice, None, Some(&alices())).is_err());
    assert!(ask(Operation::Update, "scale", &alice, Some(&alices()), Some(&alices())).is_err());
    assert!(ask(Operation::Update, "", &alice, None, Some(&alices())).is_err());
}
