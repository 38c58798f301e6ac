//! Who may write which Slot: alice holds `pikachu`, nobody holds `mew`.

use std::collections::BTreeMap;

use hotdesk_slots::slot::{Slot, SlotSpec};
use hotdesk_slots::{Claim, ClaimSource, Mode, People, Requester};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, OwnerReference, Time};

use super::*;

const SYNC: &str = "system:serviceaccount:hotdesk:hotdesk-sync";
const WEBHOOK: &str = "system:serviceaccount:hotdesk:hotdesk-webhook";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        administrator_users: vec!["system:serviceaccount:hotdesk:sync".to_owned()],
        administrator_groups: vec!["platform".to_owned()],
        people: People::from_rows([["alice@example.com", "octocat"], ["bob@example.com", "bobcat"]]).unwrap(),
        jobs_namespace: "hotdesk-jobs".to_owned(),
        sync_user: Some(SYNC.to_owned()),
        session_user: Some(WEBHOOK.to_owned()),
        claim_url: Some("https://sheets.example.com/1".to_owned()),
        ..Settings::default()
    }
}

fn slot(users: &[&str]) -> Slot {
    let users: Vec<String> = users.iter().map(|u| (*u).to_owned()).collect();
    let claim = (!users.is_empty()).then(|| Claim { users, ..Claim::default() });
    let mut slot = Slot::new("slot", SlotSpec { claim, ..SlotSpec::default() });
    slot.metadata.namespace = Some("pikachu".to_owned());
    slot
}

fn alices() -> Slot {
    slot(&["alice@example.com", "dave@example.com"])
}

fn with(mut slot: Slot, change: impl FnOnce(&mut Slot)) -> Slot {
    change(&mut slot);
    slot
}

fn until(slot: Slot, until: &str) -> Slot {
    with(slot, |s| s.spec.claim.as_mut().unwrap().until = Some(Time(at(until))))
}

fn user(name: &str) -> Requester<'static> {
    Requester { username: name.to_owned().into(), ..Requester::default() }
}

fn update(requester: &Requester<'_>, old: &Slot, new: &Slot) -> Result<Writer, Vec<String>> {
    ask(Operation::Update, "", requester, Some(old), Some(new))
}

fn ask(
    operation: Operation,
    subresource: &str,
    requester: &Requester<'_>,
    old: Option<&Slot>,
    new: Option<&Slot>,
) -> Result<Writer, Vec<String>> {
    let asked = Asked { operation, subresource, namespace: "pikachu", requester, old, new };
    judge(&asked, &settings(), at("2026-11-23T15:00:00Z"))
}

#[track_caller]
fn allows(who: &str, old: &Slot, new: &Slot) {
    assert_eq!(update(&user(who), old, new), Ok(Writer::Person), "{who}");
}

#[track_caller]
fn denies(who: &str, old: &Slot, new: &Slot, because: &str) {
    let problems = update(&user(who), old, new).unwrap_err();
    assert!(problems.iter().any(|p| p.contains(because)), "{who}: {problems:?} does not say {because:?}");
}

#[test]
fn a_person_claims_a_free_or_lapsed_slot_for_themselves() {
    let free = slot(&[]);
    allows("bob@example.com", &free, &slot(&["bob@example.com"]));
    allows("bob@example.com", &free, &slot(&["Bob@Example.com "]));
    allows("bob@example.com", &free, &slot(&["bob@example.com", "carol@example.com"]));
    allows("bobcat", &free, &slot(&["bob@example.com"]));
    allows("bob@example.com", &free, &slot(&["bobcat"]));
    let lapsed = until(alices(), "2026-11-23T15:00:00Z");
    allows("bob@example.com", &lapsed, &slot(&["bob@example.com"]));
}

#[test]
fn nobody_claims_a_free_slot_for_another() {
    let (free, because) = (slot(&[]), "spec.claim.users[0]: claim a free slot for yourself");
    denies("bob@example.com", &free, &slot(&["carol@example.com"]), because);
    denies("bob@example.com", &free, &slot(&["carol@example.com", "bob@example.com"]), because);
    denies("bob@example.com", &free, &slot(&["bob@example.com.evil.org"]), because);
    denies("bob@example.com", &free, &slot(&["a,b"]), because);
    denies("bob@example.com", &until(alices(), "2026-11-23T15:00:00Z"), &slot(&[]), "claim it before you change it");
}

#[test]
fn a_claimant_extends_releases_and_hands_over() {
    for who in ["alice@example.com", "octocat", "dave@example.com"] {
        allows(who, &alices(), &until(alices(), "2026-12-01T00:00:00Z"));
        allows(who, &alices(), &slot(&[]));
        allows(who, &alices(), &slot(&["bob@example.com"]));
        allows(who, &alices(), &with(alices(), |s| s.spec.keep_until = Some(Time(at("2026-11-24T00:00:00Z")))));
        allows(who, &until(alices(), "2026-11-23T14:00:00Z"), &until(alices(), "2026-12-01T00:00:00Z"));
    }
    let payments = with(alices(), |s| s.spec.claim.as_mut().unwrap().groups = vec!["payments".to_owned()]);
    let member = Requester { groups: vec!["payments".into()], ..user("erin") };
    assert_eq!(update(&member, &payments, &slot(&[])), Ok(Writer::Person));
}

#[test]
fn nobody_touches_anothers_claim() {
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
fn host_mode_owners_and_finalizers_are_the_administrators() {
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
fn the_status_is_the_reapers_with_a_token_of_its_own() {
    let token = [("authentication.kubernetes.io/pod-name", "reap-1")];
    let status = |name: &str, extra: &[(&'static str, &'static str)]| {
        let extra = extra.iter().map(|(key, value)| ((*key).into(), vec![(*value).into()])).collect();
        let who = Requester { extra, ..user(name) };
        ask(Operation::Update, "status", &who, Some(&alices()), Some(&alices()))
    };
    assert_eq!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &token), Ok(Writer::Reaper));
    for stranger in [
        "system:serviceaccount:hotdesk-jobs:reaper-mew",
        "system:serviceaccount:hotdesk-jobs:reviver-pikachu",
        "system:serviceaccount:hotdesk-jobs:reaper-pikachu2",
        "system:serviceaccount:pikachu:reaper-pikachu",
        "system:serviceaccount:pikachu:default",
        "alice@example.com",
    ] {
        assert!(status(stranger, &token).is_err(), "{stranger}");
    }
    assert!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &[]).is_err(), "impersonated");
    let minted = [("authentication.kubernetes.io/credential-id", "JTI=1")];
    assert!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &minted).is_err(), "not of a pod");
    let reaper = Requester {
        extra: vec![(token[0].0.into(), vec![token[0].1.into()])],
        ..user("system:serviceaccount:hotdesk-jobs:reaper-pikachu")
    };
    assert!(update(&reaper, &alices(), &slot(&[])).is_err(), "the reaper may not change a spec");
}

#[test]
fn what_is_unknown_is_denied() {
    let alice = user("alice@example.com");
    assert!(ask(Operation::Connect, "", &alice, None, Some(&alices())).is_err());
    assert!(ask(Operation::Update, "scale", &alice, Some(&alices()), Some(&alices())).is_err());
    assert!(ask(Operation::Update, "", &alice, None, Some(&alices())).is_err());
}

#[test]
fn a_claim_is_stored_as_it_is_compared() {
    let claim = Claim {
        users: vec![" Octocat".to_owned(), "bob@example.com".to_owned(), "ALICE@example.com".to_owned()],
        aliases: vec!["mallory".to_owned()],
        ..Claim::default()
    };
    let view = normalise(&claim, &settings().people, Aliases::Replaced).unwrap();
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
    let problems = normalise(&claim, &People::default(), Aliases::Replaced).unwrap_err().join("; ");
    for field in ["spec.claim.users[1]", "spec.claim.users[2]", "spec.claim.purpose"] {
        assert!(problems.contains(field), "{problems}");
    }
}

#[test]
fn a_slot_that_somebody_lost_says_when() {
    let now = "2026-11-23T15:00:00Z".parse().unwrap();
    let view = |slot: &Slot| slot.spec.claim.as_ref().map(ClaimView::lenient);
    let (alices, both, free) =
        (slot(&["alice@example.com"]), slot(&["alice@example.com", "bob@example.com"]), slot(&[]));
    let lost = |old: &Slot, new: &Slot| lost_at(Some(old), view(new).as_ref(), now);
    assert_eq!(lost(&alices, &both), None, "one more holder takes nothing from anybody");
    assert_eq!(lost(&free, &alices), None, "nobody held it");
    assert_eq!(lost(&both, &alices).as_deref(), Some("2026-11-23T15:00:00Z"));
    let mut noted = free.clone();
    let before = "2026-11-20T00:00:00Z".to_owned();
    noted.metadata.annotations = Some([(keys::LOST_AT.to_owned(), before.clone())].into());
    assert_eq!(lost(&noted, &alices), Some(before), "what was noted stays");
    assert_eq!(lost_at(None, view(&alices).as_ref(), now), None, "a new Slot was nobody's");
}

#[test]
fn a_slot_says_since_when_its_owner_holds_it() {
    let now = at("2026-11-23T15:00:00Z");
    let view = |slot: &Slot| slot.spec.claim.as_ref().map(ClaimView::lenient);
    let since = |old: &Slot, new: &Slot| claimed_at(Some(old), view(new).as_ref(), now);
    let (free, alices, bobs) = (slot(&[]), slot(&["alice@example.com"]), slot(&["bob@example.com"]));
    let both = slot(&["alice@example.com", "bob@example.com"]);
    assert_eq!(since(&free, &alices).as_deref(), Some("2026-11-23T15:00:00Z"));
    assert_eq!(since(&alices, &bobs).as_deref(), Some("2026-11-23T15:00:00Z"), "handed over");
    assert_eq!(since(&alices, &free), None);
    let before = "2026-11-20T00:00:00Z".to_owned();
    let noted = |mut slot: Slot| {
        slot.metadata.annotations = Some([(keys::CLAIMED_AT.to_owned(), before.clone())].into());
        slot
    };
    assert_eq!(since(&noted(alices.clone()), &both), Some(before.clone()), "what was noted stays");
    let lapsed = until(noted(alices.clone()), "2026-11-22T00:00:00Z");
    assert_eq!(since(&lapsed, &alices).as_deref(), Some("2026-11-23T15:00:00Z"), "claimed anew after it lapsed");
}

fn sheets(users: &[&str]) -> Slot {
    with(slot(users), |s| s.spec.claim.as_mut().unwrap().source = Some(ClaimSource::Sheet))
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
fn a_person_never_claims_in_the_sheets_name() {
    denies("bob@example.com", &slot(&[]), &sheets(&["bob@example.com"]), "spec.claim.source: only hotdesk's sync");
    denies("alice@example.com", &alices(), &sheets(&["alice@example.com"]), "spec.claim.source");
    let (lapsed, taken) = (until(sheets(&["alice@example.com"]), "2026-11-23T14:00:00Z"), sheets(&["bob@example.com"]));
    allows("bob@example.com", &lapsed, &taken);
    assert_eq!(sheet::source(Writer::Person, Some(&lapsed), &taken, at("2026-11-23T15:00:00Z")), None);
}

#[test]
fn the_sync_writes_what_is_the_sheets_and_nothing_else() {
    let sync = |old: &Slot, new: &Slot| update(&user(SYNC), old, new);
    let (free, alice, bob) = (slot(&[]), sheets(&["alice@example.com"]), sheets(&["bob@example.com"]));
    for (old, new) in [(&free, &alice), (&alice, &bob), (&alice, &free), (&alices(), &alice)] {
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
    assert_eq!(ask(Operation::Update, "status", &user(SYNC), Some(&alice), Some(&alice)), Ok(Writer::Sync));
    assert!(ask(Operation::Delete, "", &user(SYNC), Some(&alice), None).is_err());
    for other in ["system:serviceaccount:hotdesk2:hotdesk-sync", "system:serviceaccount:hotdesk:hotdesk-sync2"] {
        assert!(update(&user(other), &free, &alice).is_err(), "{other}");
    }
}

#[test]
fn what_an_administrator_writes_over_a_sheets_claim_stays_the_sheets() {
    let (old, now) = (sheets(&["alice@example.com"]), at("2026-11-23T15:00:00Z"));
    let source = |old: &Slot, new: &Slot| sheet::source(Writer::Administrator, Some(old), new, now);
    assert_eq!(source(&old, &slot(&["bob@example.com"])), Some(ClaimSource::Sheet));
    assert_eq!(source(&slot(&[]), &slot(&["bob@example.com"])), None);
    assert_eq!(source(&alices(), &slot(&["bob@example.com"])), None);
}

#[test]
fn an_administrator_who_writes_over_a_sheets_claim_is_told_that_it_comes_back() {
    let (old, now) = (sheets(&["alice@example.com"]), at("2026-11-23T15:00:00Z"));
    let told = |writer, old: &Slot, new: &Slot| {
        sheet::lasts_until_the_next_sync(writer, Some(old), new, &settings(), now).unwrap_or_default()
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
    assert!(sheet::keeps_aliases(Writer::Person, Some(&old), &kept), "the claim itself did not change");
    assert!(sheet::keeps_aliases(Writer::Sync, Some(&slot(&[])), &old));
    assert!(!sheet::keeps_aliases(Writer::Administrator, Some(&slot(&[])), &old));
    let view = normalise(old.spec.claim.as_ref().unwrap(), &settings().people, Aliases::Stay).unwrap();
    assert_eq!(view.aliases, [Name::parse("alicorn").unwrap(), Name::parse("octocat").unwrap()]);
}

#[test]
fn the_webhook_notes_the_last_session_and_nothing_else() {
    let status =
        |slot: Slot, json: serde_json::Value| with(slot, |s| s.status = Some(serde_json::from_value(json).unwrap()));
    let at_work = serde_json::json!({"time": "2026-11-23T15:00:00Z", "by": "alice", "kind": "exec"});
    let (old, new) = (alices(), status(alices(), serde_json::json!({"lastSession": at_work})));
    let write = |who: &str, new: &Slot| ask(Operation::Update, "status", &user(who), Some(&old), Some(new));
    assert_eq!(write(WEBHOOK, &new), Ok(Writer::Webhook));
    let more = serde_json::json!({"lastSession": at_work, "nextReapAt": "2026-11-23T16:00:00Z"});
    assert!(write(WEBHOOK, &status(alices(), more)).is_err());
    assert!(write("alice@example.com", &new).is_err());
    assert!(update(&user(WEBHOOK), &old, &slot(&["bob@example.com"])).is_err());
}
