//! The plan as a table over time, and for everything that a Secret may hold.

use super::*;
use crate::issue;

const NAMES: [&str; 2] = ["hotdesk-webhook.hotdesk.svc", "hotdesk-webhook"];

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

fn start() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        names: NAMES.map(str::to_owned).to_vec(),
        ca_lifetime: days(730),
        leaf_lifetime: days(90),
        renew_now: None,
        forget_previous: false,
    }
}

fn ca() -> Pair {
    issue::ca(days(730), start()).unwrap()
}

fn leaf_of(ca: &Pair) -> Pair {
    issue::leaf(ca, &wanted().names, days(90), start()).unwrap()
}

fn fresh() -> Held {
    let ca = ca();
    let leaf = leaf_of(&ca);
    Held { ca: Ok(ca), others: Vec::new(), leaf: Ok(leaf) }
}

fn what(plan: &Plan) -> &'static str {
    match (&plan.ca, &plan.leaf) {
        (None, None) => "nothing",
        (None, Some(_)) => "leaf",
        (Some(_), Some(_)) => "ca and leaf",
        (Some(_), None) => "ca only",
    }
}

#[track_caller]
fn check(held: &Held, wanted: &Wanted, now: Timestamp, expected: &str, because: &str) -> Plan {
    let plan = Plan::make(held, wanted, &[], now);
    let reason = plan.ca.as_ref().or(plan.leaf.as_ref()).map(ToString::to_string).unwrap_or_default();
    assert_eq!(what(&plan), expected, "{reason}");
    assert!(reason.contains(because), "the reason {reason:?} does not say {because:?}");
    plan
}

#[test]
fn over_time_each_is_renewed_after_two_thirds_of_its_life() {
    let held = fresh();
    for (day, expected, because) in [
        (0, "nothing", ""),
        (59, "nothing", ""),
        (61, "leaf", "two thirds"),
        (91, "leaf", "expired"),
        (485, "leaf", "expired"),
        (488, "ca and leaf", "two thirds"),
        (731, "ca and leaf", "expired"),
        (-1, "ca and leaf", "valid only from"),
    ] {
        check(&held, &wanted(), start() + days(day), expected, because);
    }
}

#[test]
fn a_ca_that_would_end_before_a_new_leaf_is_replaced() {
    let long = Wanted { leaf_lifetime: days(300), ..wanted() };
    check(&fresh(), &long, start() + days(429), "leaf", "expired");
    check(&fresh(), &long, start() + days(431), "ca and leaf", "before a certificate issued today would");
}

#[test]
fn what_is_missing_or_unreadable_is_repaired() {
    let none = Held { ca: Err(Flaw::Missing), others: Vec::new(), leaf: Err(Flaw::Missing) };
    check(&none, &wanted(), start(), "ca and leaf", "there is none");
    let broken = Held { leaf: Err(Flaw::Unreadable("not PEM".to_owned())), ..fresh() };
    check(&broken, &wanted(), start(), "leaf", "not PEM");
    let mismatch = Held { leaf: Err(Flaw::OtherKey), ..fresh() };
    check(&mismatch, &wanted(), start(), "leaf", "private key is of another");
}

#[test]
fn a_leaf_for_other_names_or_of_another_ca_is_replaced() {
    let renamed = Wanted { names: vec!["elsewhere.hotdesk.svc".to_owned()], ..wanted() };
    check(&fresh(), &renamed, start(), "leaf", "it is for hotdesk-webhook and hotdesk-webhook.hotdesk.svc");
    let other = Held { ca: Ok(ca()), ..fresh() };
    check(&other, &wanted(), start(), "leaf", "another CA");
}

#[test]
fn renewal_by_hand_does_not_ask_the_dates() {
    for (renew, expected) in [(Renew::Leaf, "leaf"), (Renew::Ca, "ca and leaf")] {
        check(&fresh(), &Wanted { renew_now: Some(renew), ..wanted() }, start(), expected, "--renew-now");
    }
}

#[test]
fn the_old_ca_stays_trusted_until_it_expires() {
    let held = fresh();
    let old = held.ca.as_ref().unwrap().certificate.clone();
    let plan = check(&held, &wanted(), start() + days(488), "ca and leaf", "");
    assert_eq!(plan.previous, [old], "the old CA is published beside the new one");
    let expired = check(&held, &wanted(), start() + days(731), "ca and leaf", "");
    assert_eq!(expired.previous, [], "an expired CA helps nobody");
}

#[test]
fn the_old_ca_stays_trusted_when_only_its_key_is_lost() {
    let old = ca();
    let held = Held { ca: Err(Flaw::Missing), others: vec![old.certificate.clone()], leaf: Ok(leaf_of(&old)) };
    assert_eq!(check(&held, &wanted(), start(), "ca and leaf", "").previous, [old.certificate]);
}

#[test]
fn what_is_published_stays_trusted_when_the_ca_secret_is_lost() {
    let old = ca();
    let published = [old.certificate.clone()];
    let lost = Held { ca: Err(Flaw::Missing), others: Vec::new(), leaf: Ok(leaf_of(&old)) };
    assert_eq!(Plan::make(&lost, &wanted(), &published, start()).previous, published);
    assert_eq!(
        Plan::make(&fresh(), &wanted(), &published, start()).previous,
        [],
        "only the Secret counts, where there is one"
    );
}

#[test]
fn a_previous_ca_is_forgotten_only_when_asked_and_only_when_nothing_is_served_of_it() {
    let old = ca();
    let forget = Wanted { forget_previous: true, ..wanted() };
    let switched = Held { others: vec![old.certificate.clone()], ..fresh() };
    assert_eq!(Plan::make(&switched, &wanted(), &[], start()).previous, std::slice::from_ref(&old.certificate));
    assert_eq!(Plan::make(&switched, &forget, &[], start()).previous, []);
    let not_yet = Held { ca: Ok(ca()), others: vec![old.certificate.clone()], leaf: Ok(leaf_of(&old)) };
    assert_eq!(Plan::make(&not_yet, &forget, &[], start()).previous, [old.certificate]);
}
