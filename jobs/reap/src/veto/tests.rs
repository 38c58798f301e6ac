use super::*;

fn now() -> Timestamp {
    "2026-11-30T15:00:00Z".parse().unwrap()
}

fn verdict(state: VerdictState) -> Verdict {
    Verdict { state, reason: "no request for 1 h".to_owned(), activity: None, reap_at: None }
}

fn above() -> Finding {
    Finding::Above { at: now(), detail: "the pods received 48 MiB that no log explains".to_owned() }
}

fn judged(state: VerdictState, finding: Finding) -> Verdict {
    of_pods(verdict(state), Some(&Usage { finding, kept: None }), now())
}

#[test]
fn e21_an_idle_slot_whose_pods_received_more_than_the_floor_is_kept() {
    let kept = judged(VerdictState::Idle, above());
    assert_eq!(kept.state, VerdictState::Kept, "e21");
    assert!(
        kept.reason.starts_with("the pods received 48 MiB that no log explains; no request"),
        "e21: {}",
        kept.reason
    );
    assert_eq!(kept.activity.map(|seen| (seen.signal, seen.time)), Some(("pod-usage", now())));
}

#[test]
fn e22_an_idle_slot_whose_pods_are_at_rest_stays_idle() {
    let idle = judged(VerdictState::Idle, Finding::Quiet("the pod received 24 B/s beyond its probes".to_owned()));
    assert_eq!(idle.state, VerdictState::Idle, "e22");
    assert!(
        idle.reason.contains("pod-usage does not speak against it (the pod received 24 B/s"),
        "e22: {}",
        idle.reason
    );
}

#[test]
fn what_cannot_be_told_makes_an_idle_slot_unknown() {
    let unknown = judged(VerdictState::Idle, Finding::Unclear("the node n1 does not answer".to_owned()));
    assert_eq!(
        (unknown.state, unknown.reason.as_str()),
        (VerdictState::Unknown, "pod-usage: the node n1 does not answer")
    );
}

#[test]
fn no_other_verdict_changes_and_none_becomes_idle() {
    for state in [VerdictState::Active, VerdictState::Kept, VerdictState::Unknown] {
        for finding in [above(), Finding::Quiet("x".to_owned()), Finding::Unclear("x".to_owned())] {
            assert_eq!(judged(state, finding), verdict(state));
        }
    }
    assert_eq!(of_pods(verdict(VerdictState::Idle), None, now()), verdict(VerdictState::Idle), "it is off");
}
