use super::*;
use crate::undo::history::{Revision, Stray};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    format!("2026-11-30T{text}Z").parse().unwrap()
}

/// Bob's claim since noon, and what is noted besides.
fn slot(change: &Value) -> Slot {
    let mut slot = json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
        "metadata": {"name": "slot", "annotations": {keys::CLAIMED_AT: "2026-11-30T12:00:00Z"}},
        "spec": {"claim": {"users": ["bob"], "aliases": ["bob@example.com"]}},
    });
    json_patch::merge(&mut slot, change);
    serde_json::from_value(slot).unwrap()
}

/// A release whose newest record was made then, by them.
fn history(created: Option<&str>, by: Option<&str>, strays: &[Option<&str>]) -> History {
    let stamp = |created: Option<&str>| created.map(|text| format!("2026-11-30T{text}Z"));
    let notes = by.map(|by| json!({keys::DEPLOYED_BY: by}));
    let metadata =
        json!({"name": "sh.helm.release.v1.web.v1", "creationTimestamp": stamp(created), "annotations": notes});
    let holder: Secret = serde_json::from_value(json!({"metadata": metadata})).unwrap();
    let stray = |created: &Option<&str>| Stray { object: "odd".to_owned(), created: created.map(at) };
    History { newest: Revision::of("web", 1, &holder), older: Vec::new(), strays: strays.iter().map(stray).collect() }
}

#[test]
fn hooks_of_a_former_holder_never_run_and_in_doubt_none_do() {
    let (plain, none) = (json!({}), None);
    let free = json!({"spec": {"claim": null}});
    let lapsed = json!({"spec": {"claim": {"until": "2026-11-30T14:00:00Z"}}});
    let claimed = |text: Option<&str>| json!({"metadata": {"annotations": {keys::CLAIMED_AT: text}}});
    let lost = |text: &str| json!({"metadata": {"annotations": {keys::LOST_AT: text}}});
    let synced = |note: Option<&str>, status: &str| {
        let mut slot = claimed(note);
        slot["status"] = json!({"claimedAt": status});
        slot
    };
    let made = |text: &str| json!({"metadata": {"creationTimestamp": text}});
    let before = Some("it was deployed before bob claimed the slot");
    let unknown = Some("it is not known when bob claimed the slot");
    let unshared = Some("it was deployed before somebody lost the slot that held it then");
    let (old, new) = (Some("09:00:00"), Some("13:00:00"));
    for (case, slot_is, created, by, expected) in [
        ("of this claim", &plain, new, None, none),
        ("of this claim, by CI", &plain, new, Some("ci"), none),
        ("from before it", &plain, old, Some("alice"), before),
        ("from before it, by its holder under an earlier claim", &plain, old, Some("bob"), before),
        ("right before a hand-over, by clocks that differ", &plain, Some("12:00:01"), Some("alice"), before),
        ("right after a claim, by its holder", &plain, Some("12:00:00"), Some(" Bob@Example.com"), none),
        ("in the same moment, by its holder's faster clock", &plain, Some("11:59:58"), Some("bob"), none),
        ("right after a claim, by nobody knows whom", &plain, Some("12:00:01"), None, before),
        (
            "the same, in a Slot that was made with its claim",
            &made("2026-11-30T11:59:59Z"),
            Some("12:00:01"),
            None,
            none,
        ),
        ("the same, in a Slot that was there before", &made("2026-11-30T11:59:00Z"), Some("12:00:01"), None, before),
        ("from before the Slot", &made("2026-11-30T11:59:59Z"), old, None, before),
        ("a little after a claim, by CI", &plain, Some("12:00:02"), Some("ci"), none),
        ("nobody knows when it was made", &plain, None, Some("bob"), Some("it is not known when its record was made")),
        ("nobody knows when it was claimed", &claimed(None), new, Some("bob"), unknown),
        ("the note of the claim is not a time", &claimed(Some("today")), new, Some("bob"), unknown),
        ("and a sync has noted another", &synced(Some("today"), "2026-11-30T08:00:00Z"), new, Some("bob"), unknown),
        ("a sync alone has noted it", &synced(None, "2026-11-30T10:00:00Z"), new, None, none),
        ("a sync alone has noted it, after the deploy", &synced(None, "2026-11-30T10:00:00Z"), old, None, before),
        ("somebody lost it before this claim", &lost("2026-11-30T11:00:00Z"), new, None, none),
        ("it was handed over: lost in the moment of the claim", &lost("2026-11-30T12:00:00Z"), old, None, before),
        ("somebody was taken off it since", &lost("2026-11-30T14:00:00Z"), new, Some("alice"), unshared),
        ("nobody knows when somebody lost it", &lost("today"), new, Some("bob"), unknown),
        ("nobody holds it", &free, old, Some("alice"), none),
        ("nobody holds it, and nobody knows when it was made", &free, None, None, none),
        ("its claim has lapsed", &lapsed, old, Some("alice"), none),
    ] {
        let found = no_hooks(&slot(slot_is), &history(created, by, &[]), at("15:00:00"));
        assert_eq!(found.as_deref(), expected, "{case}");
    }
}

#[test]
fn a_record_that_helm_alone_would_take_for_the_newest_runs_no_hooks() {
    let old = "odd, which helm reads as a record of it, was made before bob claimed the slot";
    let unknown = "it is not known who made odd, which helm reads as a record of it";
    for (case, strays, expected) in [
        ("made in this claim", vec![Some("13:00:00")], None),
        ("from before it", vec![Some("13:00:00"), Some("09:00:00")], Some(old)),
        ("nobody knows since when", vec![None], Some(unknown)),
    ] {
        let found = no_hooks(&slot(&json!({})), &history(Some("13:00:00"), Some("bob"), &strays), at("15:00:00"));
        assert_eq!(found.as_deref(), expected, "{case}");
    }
}

#[test]
fn a_plan_from_before_the_claim_says_nothing_of_hooks() {
    let lost = json!({"metadata": {"annotations": {keys::LOST_AT: "2026-11-30T13:30:00Z"}}});
    for (slot_is, expected) in [
        (json!({}), false),
        (json!({"metadata": {"annotations": {keys::CLAIMED_AT: "2026-11-30T13:00:01Z"}}}), true),
        (json!({"metadata": {"annotations": {keys::CLAIMED_AT: null}}}), true),
        (lost, true),
        (json!({"spec": {"claim": null}}), false),
    ] {
        assert_eq!(has_begun_since(&slot(&slot_is), at("13:00:00")), expected, "{slot_is}");
    }
}

#[test]
fn what_came_back_runs_no_hooks_either_until_somebody_deploys_it() {
    for (revision, expected) in [("1", Some("a former holder deployed it, and it was brought back")), ("0", None)] {
        let mut back = history(Some("13:00:00"), Some("bob"), &[]);
        back.newest.labels.insert(LABEL_WITHOUT_HOOKS.to_owned(), revision.to_owned());
        let found = no_hooks(&slot(&json!({})), &back, at("15:00:00"));
        assert_eq!(found.as_deref(), expected, "the mark of revision {revision}");
    }
}

#[test]
fn a_record_that_a_controller_made_is_as_old_as_what_it_made_it_of() {
    let mut made = history(Some("13:00:00"), Some("system:serviceaccount:external-secrets:external-secrets"), &[]);
    made.newest.is_owned = true;
    let found = no_hooks(&slot(&json!({})), &made, at("15:00:00"));
    assert_eq!(found.as_deref(), Some("a controller made its record, and not helm"));
}
