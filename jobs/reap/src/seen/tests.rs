//! What of the observing job's evidence counts.

use globset::GlobSet;
use hotdesk_slots::window::Windows;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}:00Z").parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        windows: Windows { always: SignedDuration::from_hours(1), office: Vec::new() },
        session_grace: SignedDuration::from_hours(2),
        job_grace: SignedDuration::from_hours(24),
        lapse_grace: SignedDuration::from_mins(30),
        keep: GlobSet::empty(),
        silence_is_fine: false,
        observed_with: vec!["same".to_owned()],
    }
}

fn evidence(settings: &str, seen: &str, used: &str) -> Value {
    let last_use = json!({"time": at(used).to_string(), "detail": format!("a request of {used}")});
    json!({"source": "ingress-logs", "settings": settings, "at": at(seen).to_string(), "lastUse": last_use})
}

/// At 15:00, with a window of an hour.
#[track_caller]
fn check(evidence: &[Value], expected: Option<&str>) {
    let slot = json!({
        "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"}, "spec": {},
        "status": {"evidence": evidence},
    });
    let slot: Slot = serde_json::from_value(slot).unwrap();
    let found = by_the_observer(&slot, &rules(), at("15:00"));
    let told = |text: &str| format!("{text} (seen by the observing job in ingress-logs)");
    assert_eq!(found.map(|activity| activity.detail), expected.map(told), "{evidence:?}");
}

#[test]
fn the_newest_use_within_the_window_counts() {
    check(&[], None);
    check(&[evidence("same", "14:50", "14:40")], Some("a request of 14:40"));
    check(&[evidence("same", "14:50", "14:00")], Some("a request of 14:00"));
    check(&[evidence("same", "14:50", "13:59")], None);
    check(
        &[evidence("same", "14:50", "14:20"), evidence("same", "14:50", "14:30"), evidence("same", "14:55", "14:10")],
        Some("a request of 14:30"),
    );
}

#[test]
fn what_was_seen_with_other_settings_or_at_a_time_that_cannot_be_is_not_there() {
    check(&[evidence("other", "14:50", "14:40")], None);
    check(&[evidence("other", "14:50", "14:40"), evidence("same", "14:50", "14:20")], Some("a request of 14:20"));
    check(&[evidence("same", "15:06", "14:40")], None);
    check(&[evidence("same", "15:05", "14:40")], Some("a request of 14:40"));
    check(&[evidence("same", "14:30", "14:36")], None);
    check(&[evidence("same", "15:06", "15:06")], None);
}
