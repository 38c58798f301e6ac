use std::time::Instant;

use super::*;

/// What Prometheus reads after these answers: operation, decision, reason, path, how often.
fn shown(answers: &[(&'static str, &'static str, &'static str, Path, u32)]) -> String {
    let metrics = Metrics::default();
    for (operation, decision, reason, path, times) in answers.iter().copied() {
        let note = DecisionRecord { operation, decision, reason, ..DecisionRecord::default() };
        (0..times).for_each(|_| metrics.answered(path, &note, Duration::ZERO));
    }
    let now = Instant::now();
    metrics.encode(&SlotCache::new(now), None, now).unwrap()
}

#[test]
fn every_answer_is_counted_as_what_it_was() {
    let text = shown(&[
        ("CREATE", "allow", "claimant", Path::Mutate, 1),
        ("UPDATE", "allow", "claimant", Path::Mutate, 2),
        ("DELETE", "allow", "claimant", Path::Validate, 3),
        ("CONNECT", "allow", "claimant", Path::Validate, 4),
        ("UPDATE", "deny", "claimant", Path::Slots, 5),
        ("UPDATE", "allow", "machinery", Path::Slots, 6),
        ("", "deny", "unreadable", Path::Slots, 7),
    ]);
    for (labels, times) in [
        (r#"decisions_total{operation="CREATE",decision="allow",reason="claimant"}"#, 1),
        (r#"decisions_total{operation="UPDATE",decision="allow",reason="claimant"}"#, 2),
        (r#"decisions_total{operation="DELETE",decision="allow",reason="claimant"}"#, 3),
        (r#"decisions_total{operation="CONNECT",decision="allow",reason="claimant"}"#, 4),
        (r#"decisions_total{operation="UPDATE",decision="deny",reason="claimant"}"#, 5),
        (r#"decisions_total{operation="UPDATE",decision="allow",reason="machinery"}"#, 6),
        (r#"decisions_total{operation="unknown",decision="deny",reason="unreadable"}"#, 7),
        (r#"review_duration_seconds_count{path="mutate"}"#, 3),
        (r#"review_duration_seconds_count{path="validate"}"#, 7),
        (r#"review_duration_seconds_count{path="slots"}"#, 18),
    ] {
        let line = format!("hotdesk_webhook_{labels} {times}");
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
