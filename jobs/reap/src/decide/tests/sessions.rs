//! Sessions that may still be open, and times over which nobody noted them. The window is 1 h, and a session counts for 90 min.

use std::collections::BTreeMap;

use super::*;
use crate::sessions::{Ended, Pods};
use hotdesk_slots::session_records::Records;
use serde_json::{Value, json};

/// A webhook that began and last wrote so many minutes ago.
fn record(since: i64, until: i64) -> Value {
    json!({"since": ago(since).to_string(), "writtenUntil": ago(until).to_string()})
}

fn noted(query: Query, records: &[Value]) -> Query {
    let entries: BTreeMap<String, String> =
        records.iter().enumerate().map(|(i, record)| (format!("webhook-{i}.1"), record.to_string())).collect();
    let noting = Ok(Noting::Records(Records::parse(&entries).unwrap().of_slot("mew")));
    Query { sessions: Sessions { noting, pods: None }, ..query }
}

fn pods(query: Query, oldest: i64, changed: i64) -> Query {
    let pods = Some(Pods { oldest: ago(oldest), changed: ago(changed), ended: Vec::new() });
    Query { sessions: Sessions { pods, ..query.sessions }, ..query }
}

fn session(minutes: i64) -> Query {
    let last = LastSession { time: Time(ago(minutes)), by: "alice".to_owned(), kind: "exec".to_owned() };
    idle().status(|status| status.last_session = Some(last))
}

#[test]
fn e02_e04_e05_a_session_counts_for_its_grace_while_its_pod_may_be_there() {
    let open = "alice used exec, 1 h 10 min ago, and a session, which may still be open, counts for 1 h 30 min";
    check(session(70), VerdictState::Active, open);
    check(pods(session(70), 300, 300), VerdictState::Active, open);
    check(session(90), VerdictState::Active, "may still be open");
    check(session(91), VerdictState::Idle, "");
}

#[test]
fn e03_a_session_has_ended_once_every_pod_is_younger() {
    check(pods(session(80), 70, 61), VerdictState::Idle, "no request");
    check(pods(session(80), 70, 60), VerdictState::Active, "may still be open");
    check(pods(session(80), 79, 61), VerdictState::Active, "may still be open");
    // It is use of the last hour all the same.
    check(pods(session(59), 50, 50), VerdictState::Active, "alice used exec, 59 min ago");
}

#[test]
fn e03_a_session_may_have_lasted_until_its_pod_ended() {
    let ended = |made: i64, changed: Option<i64>| {
        let mut query = pods(session(80), 70, 61);
        let all = query.sessions.pods.as_mut().unwrap();
        all.ended.push(Ended { made: ago(made), changed: changed.map(ago) });
        query
    };
    let open = "may still be open";
    check(ended(300, Some(61)), VerdictState::Idle, "no request");
    check(ended(300, Some(60)), VerdictState::Active, open);
    check(ended(300, None), VerdictState::Active, open);
    // The session could not have been in it.
    check(ended(78, Some(1)), VerdictState::Idle, "no request");
    check(ended(79, Some(1)), VerdictState::Active, open);
    // It ended, and one that is still there is older.
    let mut older = ended(300, Some(61));
    older.sessions.pods.as_mut().unwrap().oldest = ago(300);
    check(older, VerdictState::Active, open);
}

#[test]
fn e32_idle_only_if_sessions_were_noted_over_the_window() {
    check(noted(idle(), &[record(300, 0)]), VerdictState::Idle, "no request");
    let none = "sessions were not noted from 18:30 UTC to 20:00 UTC: there is no record from before";
    check(noted(idle(), &[]), VerdictState::Unknown, none);
    let young = "sessions were not noted from 18:30 UTC to 19:40 UTC: there is no record from before";
    check(noted(idle(), &[record(20, 0)]), VerdictState::Unknown, young);
    // A request is one whatever was noted.
    let used = noted(idle(), &[]).traffic(|traffic| traffic.hit = Some(hit()));
    check(used, VerdictState::Active, "mew-web-80");
    let unreadable = Sessions { noting: Err("ConfigMap hotdesk-sessions cannot be read".to_owned()), pods: None };
    check(Query { sessions: unreadable, ..idle() }, VerdictState::Unknown, "hotdesk-sessions cannot be read");
    let evidence = Evidence { sessions: None, ..idle().evidence() };
    let verdict = settled(&evidence, &rules());
    assert_eq!((verdict.state, verdict.reason.contains("not read whether")), (VerdictState::Unknown, true));
}

#[test]
fn e32_a_session_of_a_gap_before_the_window_may_still_be_open() {
    let restarted = || noted(idle(), &[record(75, 0)]);
    let told = "sessions were not noted from 18:30 UTC to 18:45 UTC: there is no record from before. A session that began then may";
    check(restarted(), VerdictState::Unknown, told);
    check(pods(restarted(), 300, 300), VerdictState::Unknown, told);
    check(pods(restarted(), 73, 61), VerdictState::Idle, "no request");
    check(pods(restarted(), 73, 50), VerdictState::Unknown, told);
    check(pods(noted(idle(), &[record(50, 0)]), 45, 45), VerdictState::Unknown, "to 19:10 UTC");
}

#[test]
fn e32_a_slot_that_is_to_be_cleared_goes_only_if_sessions_since_then_were_noted() {
    let given_back = |records: &[Value]| {
        let mut query = noted(idle(), records);
        query.slot.spec.clear_after = Some(Time(ago(20)));
        query
    };
    check(given_back(&[record(95, 0)]), VerdictState::Idle, "gave it back to be cleared");
    check(given_back(&[record(15, 0)]), VerdictState::Unknown, "to 19:45 UTC");
}
