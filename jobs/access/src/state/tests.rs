use hotdesk_slots::Name;

use super::*;

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn by(user: &str, until: Option<&str>) -> Option<ClaimView> {
    let until = until.map(|text| text.parse().unwrap());
    Some(ClaimView { users: vec![Name::parse(user).unwrap()], until, ..ClaimView::default() })
}

fn binding(users: &[&str]) -> Binding {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    Binding { subjects: Wanted { users, ..Wanted::default() }.subjects(), version: "7".to_owned() }
}

fn state(claims: &[(&str, Option<ClaimView>)], bindings: &[(&str, Binding)]) -> State {
    let mut state = State::default();
    state.replace_claims(claims.iter().map(|(slot, claim)| ((*slot).to_owned(), claim.clone())).collect());
    state.replace_bindings(bindings.iter().map(|(slot, binding)| ((*slot).to_owned(), binding.clone())).collect());
    state
}

/// What is written: each slot, and who has rights there afterwards.
#[track_caller]
fn check(state: &mut State, at: Timestamp, expected: &[(&str, &[&str])]) {
    let changes = state.take_changes(&[String::new()], at);
    let written: Vec<(&str, Vec<&str>)> =
        changes.iter().map(|c| (c.slot.as_str(), c.wanted.users.iter().map(String::as_str).collect())).collect();
    let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(slot, users)| (*slot, users.to_vec())).collect();
    assert_eq!(written, expected);
}

#[test]
fn every_binding_is_brought_to_its_claim_and_what_is_right_stays_untouched() {
    let claims = [("abra", by("alice", None)), ("mew", by("bob", None)), ("onix", None), ("zubat", by("alice", None))];
    let bindings = [
        ("abra", binding(&["alice"])),
        ("mew", binding(&["alice"])),
        ("onix", binding(&["alice"])),
        ("pikachu", binding(&["alice"])),
    ];
    let mut state = state(&claims, &bindings);
    // pikachu has no Slot; zubat has no binding, so access is shared there.
    check(&mut state, now(), &[("mew", &["bob"]), ("onix", &[]), ("pikachu", &[])]);
    check(&mut state, now(), &[]);
}

#[test]
fn nothing_is_written_before_all_slots_and_all_bindings_were_read() {
    let mut state = State::default();
    state.replace_bindings([("mew".to_owned(), binding(&["alice"]))].into());
    check(&mut state, now(), &[]);
    state.put_claim("mew", by("bob", None));
    check(&mut state, now(), &[]);
    state.replace_claims([("mew".to_owned(), by("bob", None))].into());
    check(&mut state, now(), &[("mew", &["bob"])]);
}

#[test]
fn a_changed_claim_a_lost_slot_and_a_meddled_binding_are_mended() {
    let mut state = state(&[("mew", by("alice", None))], &[("mew", binding(&["alice"]))]);
    check(&mut state, now(), &[]);
    state.put_claim("mew", by("bob", None));
    check(&mut state, now(), &[("mew", &["bob"])]);
    state.put_binding("mew", binding(&["bob", "mallory"]));
    check(&mut state, now(), &[("mew", &["bob"])]);
    state.put_claim("mew", None);
    check(&mut state, now(), &[("mew", &[])]);
    state.remove_claim("mew");
    check(&mut state, now(), &[("mew", &[])]);
    state.remove_binding("mew");
    state.look_at("mew");
    check(&mut state, now(), &[]);
}

#[test]
fn a_claim_that_lapses_loses_its_rights_at_that_moment() {
    let until = "2026-11-23T16:00:00Z";
    let claims = [("mew", by("alice", Some(until))), ("onix", by("bob", Some("2026-11-23T15:30:00Z")))];
    let mut state = state(&claims, &[("mew", binding(&["alice"]))]);
    check(&mut state, now(), &[]);
    let lapse = state.next_lapse(now()).unwrap();
    assert_eq!(lapse, until.parse().unwrap(), "onix has no binding, so nothing happens there");
    state.look_at_all();
    check(&mut state, lapse, &[("mew", &[])]);
    assert_eq!(state.next_lapse(lapse), None);
}
