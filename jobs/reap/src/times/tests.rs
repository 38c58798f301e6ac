//! What people are told of when a slot may go, against what a run at that moment would do.

use super::*;
use crate::decide::{Decision, decide};
use crate::helm::release::{Driver, Phase, Release, State};
use crate::sessions::{Noting, Sessions};
use crate::work::Work;
use globset::GlobSet;
use hotdesk_slots::window::Windows;
use hotdesk_traffic::log::scan::SeenRequest;
use hotdesk_traffic::observation::{Observation, Traffic};
use proptest::prelude::*;
use serde_json::json;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}:00Z").parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        windows: Windows::default(),
        session_grace: SignedDuration::from_hours(2),
        job_grace: SignedDuration::from_hours(24),
        lapse_grace: SignedDuration::from_mins(30),
        keep: GlobSet::empty(),
        silence_is_fine: false,
        observed_with: Vec::new(),
    }
}

/// A slot with a release of yesterday, and the newest request.
fn evidence(spec: &serde_json::Value, status: &serde_json::Value, request: Option<Timestamp>) -> Evidence {
    let slot = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"},
                      "spec": spec, "status": status});
    let release = Release {
        driver: Driver::Secret,
        name: "web".to_owned(),
        revision: 1,
        object: "sh.helm.release.v1.web.v1".to_owned(),
        resource_version: "7".to_owned(),
        deployed_by: None,
        state: Ok(State { phase: Phase::Deployed, last_deployed: at("00:00") - HOUR * 24, deleted: None }),
    };
    let hit = request.map(|time| SeenRequest { time, upstream: "mew-web-80".to_owned(), path: None });
    let far = at("00:00") - HOUR * 48;
    let look = Observation {
        source: "ingress-logs".to_owned(),
        samples: 9,
        from: far,
        through: far + HOUR * 99,
        hit,
        ..Observation::default()
    };
    Evidence {
        slot: Some(Ok(serde_json::from_value(slot).unwrap())),
        releases: Some(Ok(vec![release])),
        work: Some(Ok(Work::default())),
        sessions: Some(Sessions { noting: Ok(Noting::Ignored), pods: None }),
        traffic: Some(Traffic { observations: vec![look], ..Traffic::default() }),
    }
}

fn judged(evidence: &Evidence, now: Timestamp) -> Verdict {
    match decide(evidence, &rules(), now) {
        Decision::Settled(verdict) => verdict,
        Decision::AskTraffic => panic!("traffic was there"),
    }
}

#[track_caller]
fn check(id: &str, evidence: &Evidence, notice: i64, now: &str, expected: &str) {
    let verdict = judged(evidence, at(now));
    let told = told(verdict, evidence, &rules(), SignedDuration::from_mins(notice), at(now));
    assert_eq!(told.reap_at, Some(at(expected)), "{id}: {}", told.reason);
}

#[test]
fn e39_the_end_of_office_hours_is_when_it_may_go() {
    let used = evidence(&json!({}), &json!({}), Some(at("13:30")));
    check("e39", &used, 0, "13:40", "15:00");
    check("e39, with notice", &used, 20, "13:40", "15:20");
}

#[test]
fn e40_a_claim_that_ends_shortens_the_window_then() {
    let spec = json!({"claim": {"users": ["alice"], "until": at("12:00").to_string()}});
    check("e40", &evidence(&spec, &json!({}), Some(at("11:45"))), 0, "11:50", "12:30");
    check("e40, used later", &evidence(&spec, &json!({}), Some(at("12:10"))), 0, "12:15", "12:40");
    let later = json!({"claim": {"users": ["alice"], "until": at("18:00").to_string()}});
    check("e40, the window is over first", &evidence(&later, &json!({}), Some(at("11:45"))), 0, "11:50", "13:45");
}

#[test]
fn what_keeps_it_and_what_counts_after_that_are_both_told() {
    let kept = json!({"keepUntil": at("14:00").to_string()});
    check("kept", &evidence(&kept, &json!({}), None), 0, "11:50", "14:00");
    check("kept, with notice", &evidence(&kept, &json!({}), None), 30, "11:50", "14:30");
    let claimed = json!({"claimedAt": at("13:30").to_string()});
    check("claimed within", &evidence(&kept, &claimed, None), 0, "13:40", "15:00");
    let session = json!({"lastSession": {"time": at("20:00").to_string(), "by": "alice", "kind": "exec"}});
    check("a session", &evidence(&json!({}), &session, None), 0, "20:10", "22:00");
    let given_back = json!({"clearAfter": at("12:05").to_string()});
    check("given back", &evidence(&given_back, &json!({}), Some(at("11:45"))), 60, "11:50", "12:05");
}

#[test]
fn notice_that_ends_when_the_window_is_longer_is_told_as_such() {
    // Unused since 01:50: idle at 02:50, and at 03:10, when notice would be over, the window is two hours.
    let used = evidence(&json!({}), &json!({}), Some(at("01:50")));
    check("notice", &used, 20, "02:00", "03:50");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_run_finds_the_slot_idle_before_the_time_that_was_told(
        used in 0i64..900, wait in 0i64..60,
        until in proptest::option::of(0i64..1200), kept in proptest::option::of(0i64..1200), session in proptest::option::of(0i64..900),
    ) {
        let day = |minutes: i64| at("00:00") + SignedDuration::from_mins(minutes);
        let mut spec = json!({});
        if let Some(until) = until {
            spec["claim"] = json!({"users": ["alice"], "until": day(until).to_string()});
        }
        if let Some(kept) = kept {
            spec["keepUntil"] = json!(day(kept).to_string());
        }
        let (now, session) = (day(used + wait), session.filter(|session| *session <= used + wait));
        let status = session.map_or(json!({}), |session| {
            json!({"lastSession": {"time": day(session).to_string(), "by": "alice", "kind": "exec"}})
        });
        let evidence = evidence(&spec, &status, Some(day(used)));
        let verdict = judged(&evidence, now);
        // A keepUntil is judged before any log is read.
        let seen = verdict.activity.as_ref().is_some_and(|seen| seen.signal == "traffic");
        if let (true, Some(told)) = (seen, verdict.reap_at) {
            let quiet = self::evidence(&spec, &status, None);
            let idle = |now: Timestamp| {
                let window = rules().windows_of(quiet.slot.as_ref().unwrap().as_ref().unwrap(), now).at(now);
                // A source shows the requests of the window.
                let evidence = if now.duration_since(day(used)) <= window { &evidence } else { &quiet };
                judged(evidence, now).state == VerdictState::Idle
            };
            let mut runs = (0..3000).map(|minute| now + SignedDuration::from_mins(minute));
            let first = runs.find(|now| idle(*now + SignedDuration::from_secs(1)));
            prop_assert_eq!(Some(told), first, "used {}, asked {}", day(used), now);
        }
    }
}
