//! Who writes which part of the status of `pikachu`, and within which bounds.

use hotdesk_slots::Requester;
use hotdesk_slots::slot::Slot;
use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::review::Operation;
use crate::slot_validation::tests::{
    CONTROLLER, NOW, RESTAMPER, SYNC, WEBHOOK, administrator, alices, ask, at, breaks_glass, slot, user, with,
};

const POD: &str = "authentication.kubernetes.io/pod-name";

/// One of hotdesk's accounts, with the token of a pod.
fn account(name: &str) -> Requester<'static> {
    Requester { extra: vec![(POD.into(), vec!["x".into()])], ..user(name) }
}

fn reaper() -> Requester<'static> {
    account("system:serviceaccount:hotdesk-jobs:reaper-pikachu")
}

fn reviver() -> Requester<'static> {
    account("system:serviceaccount:hotdesk-jobs:reviver-pikachu")
}

fn observer() -> Requester<'static> {
    account("system:serviceaccount:hotdesk-jobs:observer")
}

fn having(status: Value) -> Slot {
    with(alices(), |slot| slot.status = Some(serde_json::from_value(status).unwrap()))
}

fn writes(who: &Requester<'_>, old: &Slot, new: &Slot) -> Result<Writer, String> {
    ask(Operation::Update, "status", who, Some(old), Some(new)).map_err(|problems| problems.join("; "))
}

/// A value for each field, of the past.
fn field(name: &str) -> Value {
    let (time, past) = ("2026-11-23T14:00:00Z", json!("2026-11-23T14:00:00Z"));
    match name {
        "claimedAt" | "lapsedUntil" => past,
        "nextReapAt" => json!("2026-11-24T15:00:00Z"),
        "phase" => json!("Free"),
        "reaper" => json!({"suspended": true}),
        "request" => json!({"id": "r", "kind": "reap", "phase": "Running", "at": time}),
        "saved" => json!([{"release": "web", "revision": 1, "at": time, "run": time, "until": "2026-12-23T15:00:00Z"}]),
        "lastDeploy" => json!({"time": time, "release": "web"}),
        "lastSession" => json!({"time": time, "by": "alice", "kind": "exec"}),
        "lastWrite" => json!({"time": time, "by": "alice", "kind": "changed", "on": "a Deployment"}),
        "lastActivity" => json!({"time": time, "signal": "traffic", "detail": "x"}),
        "verdict" => json!({"state": "Idle", "reason": "x", "at": time}),
        "observed" => json!({"from": time, "through": time, "samples": 1}),
        "counted" => json!([{"source": "s", "since": time, "through": time}]),
        "evidence" => json!([{"source": "s", "settings": "x", "at": time, "lastUse": {"time": time, "detail": "x"}}]),
        "covered" => json!([{"source": "s", "settings": "x", "since": time, "through": time}]),
        "reaping" => json!({"since": time, "releases": [], "until": "2026-11-23T15:06:00Z"}),
        "lastReap" => json!({"time": time, "releases": ["web"]}),
        "told" => json!({"notice": {"at": time, "reapAt": "2026-11-23T16:00:00Z"}}),
        "signals" => json!([{"name": "deploy", "state": "Quiet"}]),
        "plan" => json!({"at": time}),
        other => panic!("{other} has no sample"),
    }
}

const FIELDS: [&str; 20] = [
    "claimedAt",
    "lapsedUntil",
    "nextReapAt",
    "phase",
    "reaper",
    "request",
    "saved",
    "lastDeploy",
    "lastSession",
    "lastWrite",
    "lastActivity",
    "verdict",
    "observed",
    "counted",
    "covered",
    "evidence",
    "reaping",
    "lastReap",
    "told",
    "signals",
];

#[test]
fn each_account_writes_its_own_fields_and_no_other() {
    let all =
        serde_json::to_value(having(FIELDS.iter().chain(&["plan"]).map(|name| (*name, field(name))).collect()).status)
            .unwrap();
    let known = all.as_object().unwrap().len();
    assert_eq!(known, FIELDS.len() + 1, "each sample is written, and read again");
    let accounts: [(Requester<'_>, Writer, &[&str]); 7] = [
        (
            reaper(),
            Writer::Reaper,
            &[
                "nextReapAt",
                "saved",
                "lastDeploy",
                "lastActivity",
                "verdict",
                "observed",
                "counted",
                "covered",
                "reaping",
                "lastReap",
                "told",
                "signals",
                "plan",
            ],
        ),
        (reviver(), Writer::Reviver, &["saved", "lastReap"]),
        (observer(), Writer::Observer, &["evidence"]),
        (user(CONTROLLER), Writer::Controller, &["lapsedUntil", "phase", "reaper", "request"]),
        (user(WEBHOOK), Writer::Webhook, &["lastSession", "lastWrite"]),
        // Of requests it writes its own, as said below.
        (user(RESTAMPER), Writer::Restamper, &[]),
        (user(SYNC), Writer::Sync, &["claimedAt"]),
    ];
    for (who, writer, own) in &accounts {
        for name in FIELDS.iter().chain(&["plan"]) {
            let (set, gone) = (having(json!({*name: field(name)})), alices());
            for (old, new) in [(&gone, &set), (&set, &gone)] {
                let judged = writes(who, old, new);
                if own.contains(name) {
                    assert_eq!(judged, Ok(*writer), "{name}");
                } else {
                    let problem = judged.unwrap_err();
                    assert!(
                        problem.starts_with(&format!("status.{name}: ")) && problem.contains("does not write"),
                        "{writer:?}: {problem}"
                    );
                }
            }
        }
    }
    for who in [administrator(), breaks_glass()] {
        assert!(writes(&who, &alices(), &having(all.clone())).is_ok());
    }
}

#[test]
fn a31_a_reap_announces_a_quarter_of_an_hour_at_most() {
    let reaping =
        |until: &str| having(json!({"reaping": {"since": "2026-11-23T15:00:00Z", "releases": [], "until": until}}));
    assert_eq!(writes(&reaper(), &alices(), &reaping("2026-11-23T15:14:00Z")), Ok(Writer::Reaper));
    for until in ["2026-11-23T15:14:01Z", "2099-01-01T00:00:00Z"] {
        let problem = writes(&reaper(), &alices(), &reaping(until)).unwrap_err();
        assert!(
            problem.contains("status.reaping.until") && problem.contains("more than 14 minutes ahead"),
            "{problem}"
        );
    }
}

#[test]
fn a30_nothing_was_seen_or_done_in_the_future() {
    let times = [
        ("lastActivity", "time"),
        ("lastDeploy", "time"),
        ("verdict", "at"),
        ("observed", "through"),
        ("observed", "from"),
        ("lastReap", "time"),
        ("reaping", "since"),
        ("covered", "through"),
        ("covered", "since"),
        ("counted", "through"),
        ("saved", "at"),
        ("saved", "run"),
    ];
    for (name, key) in times {
        let at = |when: &str| {
            let mut value = field(name);
            let one = if value.is_array() { &mut value[0] } else { &mut value };
            one[key] = json!(when);
            having(json!({name: value}))
        };
        assert_eq!(writes(&reaper(), &alices(), &at("2026-11-23T15:01:00Z")), Ok(Writer::Reaper), "clocks differ");
        let problem = writes(&reaper(), &alices(), &at("2026-11-23T15:01:01Z")).unwrap_err();
        assert!(problem.contains(&format!("status.{name}.{key}: ")) && problem.contains("lies ahead"), "{problem}");
        let (was, more) = (
            at("2099-01-01T00:00:00Z"),
            with(at("2099-01-01T00:00:00Z"), |s| s.status.as_mut().unwrap().next_reap_at = Some(Time(at_now()))),
        );
        assert_eq!(writes(&reaper(), &was, &more), Ok(Writer::Reaper), "what was there before is not this write's");
    }
    let ahead = having(json!({"lastSession": {"time": "2026-11-23T16:00:00Z", "by": "alice", "kind": "exec"}}));
    assert!(writes(&user(WEBHOOK), &alices(), &ahead).unwrap_err().contains("status.lastSession.time"));
    let written = json!({"time": "2026-11-23T16:00:00Z", "by": "alice", "kind": "changed", "on": "a Pod"});
    let ahead = having(json!({"lastWrite": written}));
    assert!(writes(&user(WEBHOOK), &alices(), &ahead).unwrap_err().contains("status.lastWrite.time"));
    for (who, name) in [(user(CONTROLLER), "lapsedUntil"), (user(SYNC), "claimedAt")] {
        let problem = writes(&who, &alices(), &having(json!({name: "2026-11-23T15:02:00Z"}))).unwrap_err();
        assert!(problem.contains(&format!("status.{name}: ")) && problem.contains("lies ahead"), "{problem}");
    }
}

#[test]
fn the_observer_saw_nothing_that_lies_ahead() {
    let evidence = |at: &str, used: &str| {
        let last_use = json!({"time": used, "detail": "x"});
        having(json!({"evidence": [{"source": "s", "settings": "x", "at": at, "lastUse": last_use}]}))
    };
    let write = |at: &str, used: &str| writes(&observer(), &alices(), &evidence(at, used));
    assert_eq!(write("2026-11-23T15:01:00Z", "2026-11-23T15:01:00Z"), Ok(Writer::Observer), "clocks differ");
    for (at, used, field) in [
        ("2026-11-23T15:01:01Z", NOW, "status.evidence.at: "),
        (NOW, "2026-11-23T15:01:01Z", "status.evidence.lastUse.time: "),
    ] {
        let problem = write(at, used).unwrap_err();
        assert!(problem.contains(field) && problem.contains("lies ahead"), "{problem}");
    }
}

#[test]
fn evidence_is_the_observers_with_a_token_of_its_own() {
    let seen = having(json!({"evidence": field("evidence")}));
    let with =
        |name: &'static str, key: &'static str| Requester { extra: vec![(key.into(), vec!["x".into()])], ..user(name) };
    let own = "system:serviceaccount:hotdesk-jobs:observer";
    let only = "only hotdesk's own accounts and administrators write the status of a Slot";
    for stranger in [
        user(own),
        with(own, "authentication.kubernetes.io/credential-id"),
        account("system:serviceaccount:pikachu:observer"),
        account("system:serviceaccount:hotdesk-jobs:observer-pikachu"),
        account("system:serviceaccount:hotdesk-jobs:observe-pikachu"),
        account("system:serviceaccount:hotdesk-jobs:pruner"),
        user("alice@example.com"),
    ] {
        assert_eq!(writes(&stranger, &alices(), &seen).unwrap_err(), only, "{}", stranger.username);
    }
    let claims = ask(Operation::Update, "", &observer(), Some(&alices()), Some(&slot(&["bob@example.com"])));
    assert!(claims.is_err(), "the observer may not change a spec");
}

fn at_now() -> Timestamp {
    at(NOW) + SignedDuration::from_hours(1)
}

#[test]
fn texts_and_the_whole_are_bounded() {
    let reason = |length: usize| having(json!({"verdict": {"state": "Idle", "reason": "ü".repeat(length), "at": NOW}}));
    assert_eq!(writes(&reaper(), &alices(), &reason(32_768)), Ok(Writer::Reaper));
    let problem = writes(&reaper(), &alices(), &reason(32_769)).unwrap_err();
    assert_eq!(problem, "status.verdict: a text has more than 32768 characters");
    let signal = json!({"name": "x", "state": "Quiet", "detail": "x".repeat(30_000)});
    let many = having(json!({"signals": vec![signal; 9]}));
    let problem = writes(&reaper(), &alices(), &many).unwrap_err();
    assert!(problem.starts_with("status: it has 27") && problem.ends_with("and 262144 are the most"), "{problem}");
}

fn conditions(kinds: &[(&str, &str)]) -> Slot {
    let one = |(kind, status): &(&str, &str)| json!({"type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-11-23T14:00:00Z"});
    having(json!({"conditions": kinds.iter().map(one).collect::<Vec<_>>()}))
}

/// The conditions that are stored instead of what this account wrote; none if they are the same.
fn merged(writer: Writer, old: &[(&str, &str)], new: &[(&str, &str)]) -> Option<Vec<String>> {
    let (requester, old, new) = (user("x"), conditions(old), conditions(new));
    let asked = Asked {
        operation: Operation::Update,
        subresource: "status",
        namespace: "pikachu",
        requester: &requester,
        old: Some(&old),
        new: Some(&new),
    };
    let stored = super::conditions(&asked, writer);
    stored.map(|all| all.into_iter().map(|one| format!("{} {}", one.type_, one.status)).collect())
}

#[test]
fn what_an_account_read_of_anothers_condition_a_while_ago_does_not_come_back() {
    let (fresh, stale) = (("ClaimSource", "True"), ("ClaimSource", "False"));
    let (idle, used) = (("Reapable", "True"), ("Reapable", "False"));
    assert_eq!(merged(Writer::Reaper, &[fresh, used], &[fresh, idle]), None, "only its own changed");
    let stored = merged(Writer::Reaper, &[fresh, used], &[stale, idle]);
    assert_eq!(stored.unwrap(), ["ClaimSource True", "Reapable True"]);
    assert_eq!(
        merged(Writer::Reaper, &[("SheetFresh", "True")], &[idle]).unwrap(),
        ["SheetFresh True", "Reapable True"]
    );
    assert_eq!(merged(Writer::Sync, &[fresh, used], &[stale, idle]).unwrap(), ["Reapable False", "ClaimSource False"]);
    assert_eq!(merged(Writer::Controller, &[fresh, used], &[("Restamped", "True")]).unwrap().len(), 3);
    assert_eq!(merged(Writer::Administrator, &[fresh], &[stale]), None);
    assert!(writes(&user(WEBHOOK), &conditions(&[fresh]), &conditions(&[])).unwrap_err().contains("status.conditions"));
}

#[test]
fn the_controller_and_the_restamper_tell_of_their_own_requests_and_not_over_the_others() {
    let request = |kind: &str, phase: &str| having(json!({"request": {"id": "r", "kind": kind, "phase": phase}}));
    let (none, controller, restamper) = (alices(), user(CONTROLLER), user(RESTAMPER));
    for (own, foreign, who, writer) in [
        ("reap", "restamp", &controller, Writer::Controller),
        ("revive", "restamp", &controller, Writer::Controller),
        ("restamp", "reap", &restamper, Writer::Restamper),
        ("restamp", "revive", &restamper, Writer::Restamper),
    ] {
        assert_eq!(writes(who, &none, &request(own, "Running")), Ok(writer));
        assert_eq!(writes(who, &request(own, "Running"), &request(own, "Failed")), Ok(writer));
        assert_eq!(writes(who, &request(foreign, "Failed"), &request(own, "Pending")), Ok(writer), "it is over");
        let says = |old: &Slot, new: &Slot| writes(who, old, new).unwrap_err();
        assert!(says(&none, &request(foreign, "Running")).contains(&format!("does not write of a {foreign}")));
        assert!(says(&request(foreign, "Running"), &request(foreign, "Failed")).contains("does not write of a"));
        assert!(says(&request(foreign, "Failed"), &none).contains(&format!("does not write of a {foreign}")));
        let under_way = format!("status.request: the {foreign} r is under way");
        assert_eq!(says(&request(foreign, "Pending"), &request(own, "Pending")), under_way);
    }
}

#[test]
fn the_restamper_tells_of_the_stamps_alone() {
    let was = [("ClaimSource", "True"), ("Reapable", "False"), ("Stamped", "True")];
    let forged = [("ClaimSource", "False"), ("Reapable", "True"), ("SheetFresh", "True"), ("Stamped", "False")];
    assert_eq!(
        merged(Writer::Restamper, &was, &forged).unwrap(),
        ["ClaimSource True", "Reapable False", "Stamped False"]
    );
    assert_eq!(merged(Writer::Restamper, &was, &[]).unwrap(), ["ClaimSource True", "Reapable False"]);
    for writer in [Writer::Reaper, Writer::Controller, Writer::Sync] {
        assert!(merged(writer, &was, &forged).unwrap().contains(&"Stamped True".to_owned()), "{writer:?}");
    }
    assert!(writes(&user(RESTAMPER), &conditions(&was), &conditions(&forged)).is_ok());
}

#[test]
fn the_clusters_machinery_writes_a_status_as_it_is() {
    let machinery = user("system:kube-controller-manager");
    let seen = having(json!({"phase": "Held"}));
    assert_eq!(writes(&machinery, &seen, &seen), Ok(Writer::Machinery));
    assert!(writes(&machinery, &seen, &alices()).is_err());
    assert!(writes(&user("bob@example.com"), &seen, &seen).is_err());
}

#[test]
fn a52_the_status_is_the_reapers_with_a_token_of_its_own() {
    let token = [("authentication.kubernetes.io/pod-name", "reap-1")];
    let status = |name: &str, extra: &[(&'static str, &'static str)]| {
        let extra = extra.iter().map(|(key, value)| ((*key).into(), vec![(*value).into()])).collect();
        let who = Requester { extra, ..user(name) };
        ask(Operation::Update, "status", &who, Some(&alices()), Some(&alices()))
    };
    assert_eq!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &token), Ok(Writer::Reaper));
    for stranger in [
        "system:serviceaccount:hotdesk-jobs:reaper-mew",
        "system:serviceaccount:hotdesk-jobs:reviver-mew",
        "bob@example.com",
        "mallory@example.com",
        "system:kube-scheduler:x",
        "system:serviceaccount:hotdesk-jobs:reaper-pikachu2",
        "system:serviceaccount:pikachu:reaper-pikachu",
        "system:serviceaccount:pikachu:default",
        "alice@example.com",
    ] {
        let problems = status(stranger, &token).unwrap_err().join("; ");
        assert_eq!(problems, "only hotdesk's own accounts and administrators write the status of a Slot", "{stranger}");
    }
    assert!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &[]).is_err(), "impersonated");
    let minted = [("authentication.kubernetes.io/credential-id", "JTI=1")];
    assert!(status("system:serviceaccount:hotdesk-jobs:reaper-pikachu", &minted).is_err(), "not of a pod");
    let reaper = Requester {
        extra: vec![(token[0].0.into(), vec![token[0].1.into()])],
        ..user("system:serviceaccount:hotdesk-jobs:reaper-pikachu")
    };
    assert!(
        ask(Operation::Update, "", &reaper, Some(&alices()), Some(&slot(&[]))).is_err(),
        "the reaper may not change a spec"
    );
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
    let claims = ask(Operation::Update, "", &user(WEBHOOK), Some(&old), Some(&slot(&["bob@example.com"])));
    assert!(claims.is_err());
}
