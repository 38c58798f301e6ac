//! hotdesk's own accounts give nobody power: what a reaper, a reviver, the pruner and the controller may do is held by
//! policies, even if Kubernetes' roles let them do anything. Nothing here is stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::requests::{Answer, Identity, Requests, path};
use hotdesk_e2e::{TestSlot, admin, until};
use serde_json::{Value, json};

mod jobs;
mod reapers;
mod restamper;
mod workload;

const JOBS: &str = "hotdesk-jobs";
const SAVED: &str = "hotdesk-saved";

/// Rights on everything for [`hotdesk_e2e::requests::WRITERS`], so that policies alone say no.
struct AllRights {
    name: String,
}

impl AllRights {
    fn give() -> Self {
        let name = hotdesk_e2e::slot::unique("all-rights");
        let group = format!("--group={}", hotdesk_e2e::requests::WRITERS);
        admin().kubectl(&["create", "clusterrolebinding", &name, "--clusterrole=cluster-admin", &group]).succeeded();
        Self { name }
    }
}

impl Drop for AllRights {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "clusterrolebinding", &self.name, "--ignore-not-found"]));
    }
}

/// What somebody tries: method, path, body, and what the denial says; nothing if it is admitted.
type Try<'a> = (&'a str, String, Value, &'a str);

/// What is wrong with the answers, row by row.
fn wrong(requests: &Requests, who: Identity<'_>, tries: &[Try<'_>]) -> Vec<String> {
    let judged = tries.iter().filter_map(|(method, path, body, expected)| {
        let body = (!body.is_null()).then_some(body);
        let answer = requests.try_out(who, method, path, body);
        let right = if expected.is_empty() { answer.ok() } else { is_denied(&answer, expected) };
        (!right).then(|| format!("{} {method} {path}, which should say {expected:?}: {answer:?}", who.user))
    });
    judged.collect()
}

fn is_denied(answer: &Answer, expected: &str) -> bool {
    answer.code == 403 && answer.message.contains(expected)
}

/// Makes an object as the administrator, in a namespace that goes with the test.
fn make(requests: &Requests, url: &str, object: &Value) {
    let answer = requests.ask(None, "POST", url, Some(object));
    assert!(answer.ok() || answer.code == 409, "{url}: {answer:?}");
}

/// Says in the Slot's status which releases are cleared.
fn clears(slot: &TestSlot, releases: &[&str]) {
    let releases: Vec<Value> = releases.iter().map(|name| json!({"name": name, "revision": 1})).collect();
    let reaping = json!({"since": "2026-11-29T10:00:00Z", "releases": releases});
    let status = json!({"status": {"reaping": reaping}}).to_string();
    let patch = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &status];
    slot.kubectl(&admin(), &patch).succeeded();
}

/// Waits until the policies have seen what was written.
fn until_it(requests: &Requests, who: Identity<'_>, attempt: &Try<'_>) {
    until("the policies to see it", Duration::from_secs(30), || {
        let wrong = wrong(requests, who, std::slice::from_ref(attempt));
        if wrong.is_empty() { Ok(()) } else { Err(wrong.concat()) }
    });
}

fn in_slot(slot: &TestSlot, version: &str, what: &str) -> String {
    path(slot.name(), version, what)
}
