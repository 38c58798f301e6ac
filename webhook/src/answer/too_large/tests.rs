use std::time::Instant;

use hotdesk_slots::{ClaimView, Name};
use serde_json::{Value, json};

use super::unless_exempt;
use crate::answer::{Answer, Context, DecisionRecord, Path, answer_condensed};
use crate::decide::Role;
use crate::reply::Reply;
use crate::review::condense::condense;
use crate::settings::Settings;
use crate::slot_cache::{SlotCache, SlotEntry, SlotIndex};

const CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";

/// A write in pikachu, which alice holds, by a user with a group.
fn review(user: &str, group: &str, operation: &str, marks: usize) -> String {
    let labels = json!({"hotdesk.dev/for": "alice", "hotdesk.dev/x": "x".repeat(marks)});
    let object = json!({"metadata": {"name": "web", "labels": labels}});
    let (new, old) = if operation == "DELETE" { (Value::Null, object) } else { (object, Value::Null) };
    let request = json!({
        "uid": "u-1", "operation": operation, "namespace": "pikachu", "name": "web",
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "userInfo": {"username": user, "groups": [group]}, "object": new, "oldObject": old,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string()
}

/// The decision, the code of a denial, and whether it is stamped.
fn asked(body: &str, limit: Option<usize>) -> (&'static str, Option<u16>, bool) {
    let claim = ClaimView { users: vec![Name::parse("alice").unwrap()], ..ClaimView::default() };
    let mut index = SlotIndex::default();
    index.put("pikachu", SlotEntry::new("pikachu", Some(claim), None));
    let monotonic = Instant::now();
    let slot_cache = SlotCache::new(monotonic);
    slot_cache.replace(index, monotonic);
    let settings = Settings {
        break_glass_groups: vec!["system:masters".to_owned()],
        administrator_groups: vec!["admins".to_owned()],
        ..Settings::default()
    };
    let context = Context {
        settings: &settings,
        slot_cache: &slot_cache,
        now: "2026-11-23T15:00:00Z".parse().unwrap(),
        monotonic,
    };
    let short = condense(body.as_bytes()).unwrap();
    let answer = answer_condensed(Path::Mutate, &short, limit, &context).unwrap();
    let code = answer.reply.denial.as_ref().map(|denial| denial.code);
    assert_eq!(answer.reply.audit.decision.1, answer.note.reason, "log and audit say the same");
    (answer.note.reason, code, answer.reply.patch.is_some())
}

/// More marks on an object than are kept.
const MANY: usize = 3 << 20;

#[test]
fn what_is_larger_than_the_limit_is_denied_but_for_deletions_and_break_glass() {
    let limit = Some(32 << 20);
    for (user, group, operation, expected) in [
        ("alice", "", "CREATE", ("too-large", Some(413), false)),
        ("alice", "", "UPDATE", ("too-large", Some(413), false)),
        ("root", "admins", "UPDATE", ("too-large", Some(413), false)),
        (CONTROLLER, "", "CREATE", ("too-large", Some(413), false)),
        ("root", "system:masters", "UPDATE", ("break-glass", None, true)),
        ("alice", "", "DELETE", ("claimant", None, false)),
        (CONTROLLER, "", "DELETE", ("machinery", None, false)),
        // Who would be denied in any case hears why.
        ("bob", "", "CREATE", ("held", Some(403), false)),
        ("bob", "", "DELETE", ("held", Some(403), false)),
    ] {
        assert_eq!(asked(&review(user, group, operation, 10), limit), expected, "{user} {group} {operation}");
    }
}

#[test]
fn an_object_whose_marks_are_not_known_is_never_let_in_without_a_stamp_but_by_break_glass() {
    for (user, group, operation, expected) in [
        ("alice", "", "CREATE", ("too-large", Some(413), false)),
        (CONTROLLER, "", "CREATE", ("too-large", Some(413), false)),
        ("root", "system:masters", "CREATE", ("break-glass", None, false)),
        ("alice", "", "DELETE", ("claimant", None, false)),
        ("root", "admins", "DELETE", ("administrator", None, false)),
        ("bob", "", "DELETE", ("held", Some(403), false)),
    ] {
        assert_eq!(asked(&review(user, group, operation, MANY), None), expected, "{user} {group} {operation}");
    }
    assert_eq!(asked(&review("alice", "", "CREATE", 10), None), ("claimant", None, true), "one that is known");
}

#[test]
fn a_deployer_deletes_nothing_of_which_it_is_not_known_for_whom_it_was_deployed() {
    let note = DecisionRecord {
        operation: "DELETE",
        decision: "allow",
        reason: Role::Deployer.as_str(),
        ..DecisionRecord::default()
    };
    let answer = Answer { reply: Reply::default(), note, acquisition: None, session: None };
    for (marks, reason) in [(10, "deployer"), (MANY, "too-large")] {
        let short = condense(review("ci", "", "DELETE", marks).as_bytes()).unwrap();
        assert_eq!(unless_exempt(answer.clone(), &short, None).note.reason, reason);
    }
}
