//! What is chosen to be brought back, and what is said of it.

use super::*;
use hotdesk_slots::undo::About;

fn at(hour: i8) -> Timestamp {
    format!("2026-11-23T{hour:02}:00:00Z").parse().unwrap()
}

fn entry(release: &str, run: i8, saved: i8) -> Entry {
    let claim_id = Some("c1".to_owned());
    let about = About { release: release.to_owned(), run: at(run), at: at(saved), claim_id, ..About::default() };
    Entry { secret: format!("{release}-{saved}"), about }
}

#[track_caller]
fn check(releases: &[&str], expected: Result<&[&str], &str>) {
    let mut others = entry("theirs", 13, 13);
    others.about.claim_id = Some("c2".to_owned());
    let entries = [entry("web", 9, 9), entry("web", 11, 11), entry("api", 11, 12), entry("old", 9, 9), others];
    let releases: Vec<String> = releases.iter().map(|name| (*name).to_owned()).collect();
    let found = chosen(&entries, &releases, Under::Claim("c1"), "mew")
        .map(|all| all.into_iter().map(|entry| entry.secret).collect::<Vec<_>>());
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(why), Err(says)) => assert!(why.contains(says), "{why}"),
        (found, _) => panic!("{found:?}"),
    }
}

#[test]
fn by_default_it_is_the_last_reap_and_else_the_newest_of_each_name() {
    check(&[], Ok(&["api-12", "web-11"]));
    check(&["old", "web", "web"], Ok(&["old-9", "web-11"]));
    check(&["web", "x\u{7}"], Err("x\u{fffd} is not saved in mew, or no longer; saved are: api, old and web"));
    let none = chosen(&[], &[], Under::Any, "mew").unwrap_err();
    assert!(none.contains("nothing is saved in mew") && none.contains("Install it again"), "{none}");
}

#[test]
fn u21_what_two_runs_took_of_one_wish_is_one_undo() {
    let set_out = |mut entry: Entry, targets: &[&str]| {
        entry.about.targets = targets.iter().map(|name| (*name).to_owned()).collect();
        entry
    };
    let undo = |entries: &[Entry]| -> Vec<String> {
        let chosen = chosen(entries, &[], Under::Claim("c1"), "mew").unwrap();
        chosen.into_iter().map(|entry| entry.secret).collect()
    };
    let (a, b) = (set_out(entry("a", 9, 9), &["a", "b"]), set_out(entry("b", 10, 10), &["b"]));
    assert_eq!(undo(&[a, b]), ["a-9", "b-10"]);
    // The first took both, and one was installed again.
    let whole = [
        set_out(entry("a", 9, 9), &["a", "b"]),
        set_out(entry("b", 9, 9), &["a", "b"]),
        set_out(entry("b", 12, 12), &["b"]),
    ];
    assert_eq!(undo(&whole), ["b-12"]);
    let others = [set_out(entry("a", 9, 9), &["a"]), set_out(entry("b", 12, 12), &["b"])];
    assert_eq!(undo(&others), ["b-12"]);
}

#[test]
fn a_second_revive_says_that_it_has_been_done_and_by_whom() {
    let reap = serde_json::json!({"time": at(9).to_string(), "releases": ["api", "web"],
        "restoredAt": at(10).to_string(), "restoredBy": "alice@example.com"});
    let slot = |reap: serde_json::Value| -> Slot {
        let slot = serde_json::json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": {},
            "metadata": {"name": "slot"}, "status": {"lastReap": reap}});
        serde_json::from_value(slot).unwrap()
    };
    let (restored, web) = (slot(reap.clone()), ["web".to_owned()]);
    let told = done_before(&restored, &[], &[], at(11)).unwrap();
    assert!(told.starts_with("api and web came back") && told.contains("by alice@example.com already"), "{told}");
    assert!(done_before(&restored, &[], &web, at(11)).unwrap().starts_with("web came back"));
    assert_eq!(done_before(&restored, &[], &["db".to_owned()], at(11)), None, "that one never was");
    assert_eq!(done_before(&restored, &[entry("web", 12, 12)], &[], at(13)), None, "it was reaped again");
    let mut reap = reap;
    reap.as_object_mut().unwrap().remove("restoredAt");
    assert_eq!(done_before(&slot(reap), &[], &[], at(11)), None);
}

#[test]
fn what_was_cleared_under_another_claim_is_an_administrators_to_bring_back() {
    check(&["theirs"], Err("theirs is not saved in mew, or no longer; saved are: api, old and web"));
    let entries = [entry("web", 9, 9)];
    let none = chosen(&entries, &[], Under::Claim("c2"), "mew").unwrap_err();
    assert!(none.contains("under another claim than yours: an administrator"), "{none}");
    assert_eq!(chosen(&entries, &[], Under::Any, "mew").unwrap().len(), 1);
}

#[test]
fn what_came_back_and_what_did_not_is_said() {
    let pair = |name: &str, why: &str| (name.to_owned(), why.to_owned());
    let result = Outcome {
        back: vec!["web".to_owned()],
        there: vec![pair("api", "it is there already (revision 2)")],
        not: vec![pair("db", "helm failed: timed out")],
        lost: vec![],
    };
    let conclusion = result.conclusion("mew", false);
    assert_eq!(conclusion.exit, Exit::Unfinished);
    assert_eq!(
        conclusion.message,
        "Back in mew: web. api: it is there already (revision 2). db is not back: helm failed: timed out. \
         What is not back stays saved: run it again when the reason is gone."
    );
    let fine = Outcome { back: vec!["web".to_owned()], ..Outcome::default() };
    let lost = vec!["what Service/web was given, for it gets others: node port 31234".to_owned()];
    let changed = Outcome { lost, back: vec!["web".to_owned()], ..Outcome::default() };
    assert_eq!(
        changed.conclusion("mew", false).message,
        "Back in mew: web. Not as before: what Service/web was given, for it gets others: node port 31234."
    );
    assert_eq!(fine.conclusion("mew", true).message, "Dry run: Would come back in mew: web.");
    assert_eq!(fine.conclusion("mew", false).exit, Exit::Fine);
}

#[test]
fn nothing_comes_back_while_a_reap_is_at_work() {
    let until = |until: serde_json::Value| -> Slot {
        let reaping = serde_json::json!({"since": at(11).to_string(), "releases": [], "until": until});
        serde_json::from_value(serde_json::json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"}, "spec": {},
            "status": {"reaping": reaping},
        }))
        .unwrap()
    };
    let now = at(12);
    let soon = (now + jiff::SignedDuration::from_mins(2)).to_string();
    let why = not_being_reaped(&until(serde_json::json!(soon)), "mew", now).unwrap_err();
    assert!(why.contains("mew is just being cleared, until") && why.contains("try again"), "{why}");
    for over in [serde_json::Value::Null, serde_json::json!(at(11).to_string())] {
        assert_eq!(not_being_reaped(&until(over), "mew", now), Ok(()));
    }
}
