//! hotdesk's own accounts are not a way in: rows a25 to a31, a36 and a38 of the table of attacks are tried by somebody with
//! the role `edit` in the slot, who may be every service account that lives there. What the installation gives, `installed`
//! looks at.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{JOBS, SlotBuilder};
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, admin, bob, carol, installation, until};
use serde_json::{Value, json};

mod installed;

/// The names that hotdesk's accounts have, or had when they lived in the slots.
fn account_names(slot: &TestSlot) -> [String; 5] {
    let name = slot.name();
    let text = str::to_owned;
    [
        text("hotdesk-reaper"),
        text("hotdesk-reviver"),
        format!("reaper-{name}"),
        format!("reviver-{name}"),
        text("pruner"),
    ]
}

/// Gives bob rights in the slot by RBAC, so that only hotdesk stands in the way.
fn grant(slot: &TestSlot, group: &str, resources: &[&str], verbs: &[&str]) {
    let rules = json!([{"apiGroups": [group], "resources": resources, "verbs": verbs}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "more"}, "rules": rules});
    admin().apply(slot.name(), &role.to_string()).succeeded();
    let binding = ["create", "rolebinding", "more", "--role=more", "--user=bob@example.com"];
    slot.kubectl(&admin(), &binding).succeeded();
    until("the right to be known", Duration::from_secs(20), || {
        slot.kubectl(&bob(), &["auth", "can-i", verbs[0], &format!("{}.{group}", resources[0])]).as_result()
    });
}

/// A change of the Slot's status.
fn write_status(slot: &TestSlot, who: &Person, more: &[&str], status: &Value) -> CommandOutput {
    let patch = json!({"status": status}).to_string();
    let args = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &patch];
    slot.kubectl(who, &[&args[..], more].concat())
}

/// What somebody would write who wants a reap, or wants to stop others.
fn lies() -> Vec<Value> {
    let (long_ago, never) = ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    vec![
        json!({"reaping": {"since": long_ago, "releases": [], "until": never}}),
        json!({"verdict": {"state": "Idle", "reason": "x", "at": long_ago}}),
        json!({"lastSession": {"time": never, "by": "bob@example.com", "kind": "exec"}}),
        json!({"observed": {"from": long_ago, "through": never, "samples": 9}}),
        json!({"saved": []}),
    ]
}

/// Somebody who runs as an account of the slot that has the name of one of hotdesk's.
fn as_account_of_ones_own(slot: &TestSlot, name: &str) -> Person {
    slot.kubectl(&bob(), &["create", "serviceaccount", name]).succeeded();
    let token = slot.kubectl(&bob(), &["create", "token", name]).succeeded();
    Person::by_token(token.stdout.trim())
}

#[test]
fn a25_no_token_is_made_for_an_account_of_hotdesks() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    assert_eq!(slot.names("serviceaccounts"), ["default"], "no account of hotdesk's lives in a slot");
    for name in account_names(&slot) {
        let made = slot.kubectl(&bob(), &["create", "token", &name]);
        let why = ["not found", "belongs to hotdesk"].iter().any(|why| made.stderr.contains(why));
        assert!(!made.ok() && why, "{made}");
        let there = bob().kubectl(&["-n", JOBS, "create", "token", &name]);
        there.failed_saying(&["cannot create resource \"serviceaccounts/token\"", JOBS]);
    }
}

#[test]
fn a26_a_pod_of_the_slot_does_not_run_as_an_account_of_hotdesks() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    for name in account_names(&slot) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
            "spec": {"serviceAccountName": name, "containers": [{"name": "x", "image": "none.invalid/none"}]},
        });
        bob().apply(slot.name(), &pod.to_string()).failed_saying(&["serviceaccount", "not found"]);
        bob().apply(JOBS, &pod.to_string()).failed_saying(&["cannot create resource \"pods\"", JOBS]);
    }
}

#[test]
fn a27_what_only_administrators_may_delete_stays_whatever_account_a_holder_makes() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    slot.kubectl(&admin(), &["create", "quota", "q", "--hard=pods=20"]).succeeded();
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": []}});
    admin().apply(slot.name(), &limits.to_string()).succeeded();
    let own = as_account_of_ones_own(&slot, &format!("reaper-{}", slot.name()));
    for (kind, name) in [("resourcequota", "q"), ("limitrange", "l"), ("rolebinding", "hotdesk-edit"), ("slot", "slot")]
    {
        for who in [&own, &bob()] {
            slot.kubectl(who, &["delete", kind, name]).failed_saying(&["cannot delete resource"]);
        }
        slot.get(kind, name);
    }
}

#[test]
fn a28_a38_no_account_that_a_developer_may_be_reads_beyond_the_slot() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let slot = SlotBuilder::held_by(&["bob@example.com"]).reaper(reaper::reading(&ingress, "1h")).make();
    reaper::until_it_may_read(&slot, &ingress);
    let log = |who: &Person, more: &[&str]| {
        let args = ["-n", ingress.namespace(), "logs", "deployment/controller"];
        who.kubectl(&[&args[..], more].concat())
    };
    for name in account_names(&slot) {
        let in_slot = format!("--as=system:serviceaccount:{}:{name}", slot.name());
        log(&bob(), &[&in_slot]).failed_saying(&["cannot get resource", ingress.namespace()]);
        let hotdesks = format!("--as=system:serviceaccount:{JOBS}:{name}");
        log(&bob(), &[&hotdesks]).failed_saying(&["cannot impersonate resource \"serviceaccounts\"", JOBS]);
    }
    let own = as_account_of_ones_own(&slot, "hotdesk-spy");
    log(&own, &[]).failed_saying(&["cannot get resource", ingress.namespace()]);
    // The reaper itself can, so it is by its place that nobody can be it.
    let may = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &format!("--as={}", reaper::account(&slot))]);
    may.succeeded();
}

/// The status of a Slot but for what the restamper tells there, which is not evidence for a reaper.
fn trusted(slot: &TestSlot) -> Value {
    let mut status = slot.object()["status"].clone();
    let fields = status.as_object_mut().unwrap();
    if let Some(Value::Array(mut conditions)) = fields.remove("conditions") {
        conditions.retain(|condition| condition["type"] != "Stamped");
        fields.insert("conditions".to_owned(), json!(conditions));
    }
    // Nothing is told there before the restamper has looked.
    fields.entry("conditions").or_insert_with(|| json!([]));
    status
}

#[test]
fn a29_a_holder_has_no_hand_in_what_the_reaper_trusts() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    let own = as_account_of_ones_own(&slot, &format!("reaper-{}", slot.name()));
    let before = trusted(&slot);
    let cannot = "resource \"slots/status\"";
    for lie in lies() {
        write_status(&slot, &own, &[], &lie).failed_saying(&[cannot]);
        write_status(&slot, &bob(), &[], &lie).failed_saying(&[cannot]);
        for name in account_names(&slot) {
            let in_slot = format!("--as=system:serviceaccount:{}:{name}", slot.name());
            write_status(&slot, &bob(), &[&in_slot], &lie).failed_saying(&[cannot]);
            let hotdesks = format!("--as=system:serviceaccount:{JOBS}:{name}");
            write_status(&slot, &bob(), &[&hotdesks], &lie).failed_saying(&["cannot impersonate"]);
        }
    }
    assert_eq!(trusted(&slot), before);
    grant(&slot, "hotdesk.dev", &["slots", "slots/status"], &["patch", "get"]);
    for lie in lies() {
        write_status(&slot, &bob(), &[], &lie).failed_saying(&["hotdesk.dev", "status"]);
        // Who may impersonate everybody has the name, and no pod's token.
        let reaper = format!("--as={}", reaper::account(&slot));
        write_status(&slot, &admin(), &[&reaper], &lie).failed_saying(&["status"]);
    }
    assert_eq!(trusted(&slot), before, "though RBAC would let them");
}

#[test]
fn a30_nobody_says_beforehand_that_the_log_was_read() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let slot = SlotBuilder::held_by(&["bob@example.com"]).reaper(reaper::reading(&ingress, "1s")).make();
    reaper::until_it_may_read(&slot, &ingress);
    slot.helm_install(&bob(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reaper::until_older(&slot, &bob(), 2);
    let covered = json!({"covered": [{
        "source": "ingress-logs", "settings": "x", "since": "2026-01-01T00:00:00Z", "through": "2099-01-01T00:00:00Z",
    }]});
    write_status(&slot, &bob(), &[], &covered).failed_saying(&["resource \"slots/status\""]);
    slot.patch(&json!({"spec": {"claim": {"users": ["carol@example.com"], "purpose": "hers now"}}}));
    ingress.kubectl(&["delete", "rolebindings", "--all"]).succeeded();
    until("the reaper's right to be gone", Duration::from_secs(20), || {
        let who = format!("--as={}", reaper::account(&slot));
        let can = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &who]);
        if can.ok() { Err(can.to_string()) } else { Ok(()) }
    });
    // What keeps it is that nothing could be read, not that it was just claimed.
    let run = reaper::run_with(&slot, &[("HOTDESK_WINDOW", "1s")]);
    run.failed_saying(&["not known to be idle", ingress.namespace()]);
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Unknown", vec!["web".to_owned()]));
}

#[test]
fn a31_nobody_closes_a_slot_to_the_next_holder() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    write_status(&slot, &bob(), &[], &lies()[0]).failed_saying(&["resource \"slots/status\""]);
    bob().hotdesk(&["release", slot.name()]).succeeded();
    carol().hotdesk(&["claim", slot.name(), "--purpose", "mine now"]).succeeded();
}

#[test]
fn a36_what_belongs_to_hotdesk_is_closed_in_every_mode() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let cron_job = reaper::cron_job(&slot);
    let verbs = ["delete", "get", "list", "patch", "update", "bind", "escalate"];
    grant(&slot, "rbac.authorization.k8s.io", &["rolebindings", "roles"], &verbs);
    for mode in ["enforce", "warn", "audit"] {
        slot.patch(&json!({"spec": {"mode": mode}}));
        until("the mode to be known", Duration::from_secs(20), || {
            let probe = slot.kubectl(&bob(), &["create", "configmap", "probe", "--dry-run=server"]);
            if probe.ok() == (mode != "enforce") { Ok(()) } else { Err(probe.to_string()) }
        });
        let suspend = r#"{"spec":{"suspend":true}}"#;
        bob()
            .kubectl(&["-n", JOBS, "patch", "cronjob", &cron_job, "-p", suspend])
            .failed_saying(&["cannot patch resource"]);
        bob().kubectl(&["-n", JOBS, "delete", "serviceaccounts", "--all"]).failed_saying(&["cannot delete resource"]);
        let subjects =
            json!({"subjects": [{"kind": "User", "name": "bob@example.com", "apiGroup": "rbac.authorization.k8s.io"}]});
        for name in ["hotdesk-reaper", "hotdesk-reviver", "hotdesk-reviver-status", "hotdesk-edit"] {
            let before = slot.get("rolebinding", name);
            let patch = ["patch", "rolebinding", name, "--type=merge", "-p", &subjects.to_string()];
            slot.kubectl(&bob(), &patch).failed_saying(&["hotdesk"]);
            slot.kubectl(&bob(), &["delete", "rolebinding", name]).failed_saying(&["hotdesk"]);
            assert_eq!(slot.get("rolebinding", name), before, "in mode {mode}");
        }
    }
}
