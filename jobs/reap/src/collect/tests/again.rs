//! What a second look of the same run sees.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Looks, and looks again after a change.
#[track_caller]
fn check_again(why: &str, change: fn(&mut FakeCluster), state: VerdictState) {
    let mut looks = Vec::new();
    looked_each(idle_for_long(), &mut [|_| {}, change], &mut looks);
    let seen: Vec<_> = looks.iter().map(|(verdict, ..)| verdict.state).collect();
    assert_eq!(seen, [VerdictState::Idle, state], "{why}: {:?}", looks[1].0);
}

#[test]
fn a_second_look_sees_what_came_since() {
    check_again("nothing came", |_| {}, VerdictState::Idle);
    check_again("others came", |world| world.log += &OTHERS.replace("18:00:00", "19:59:00"), VerdictState::Idle);
    check_again("somebody came", |world| world.log += OURS, VerdictState::Active);
    let late = |world: &mut FakeCluster| world.log += &OURS.replace("2026-11-23T19:55:00.5Z", "2026-11-23T19:01:00.5Z");
    check_again("somebody came, by a clock that was set back", late, VerdictState::Active);
    let busy = |world: &mut FakeCluster| {
        world.log += OURS;
        (0..500).for_each(|number| world.log += &OTHERS.replace("18:00:00.5", &format!("19:59:00.{number:03}")));
    };
    check_again("somebody came before many others", busy, VerdictState::Active);
    let another = |world: &mut FakeCluster| {
        let mut pods = vec![controller("controller-b")];
        pods.append(&mut world.pods);
        world.pods = pods;
    };
    check_again("another pod", another, VerdictState::Idle);
}

#[test]
fn a_log_that_does_not_go_on_is_a_doubt() {
    let rotated = |world: &mut FakeCluster| world.log = OTHERS.replace("18:00:00", "19:59:00");
    check_again("rotated", rotated, VerdictState::Unknown);
    let restarted = |world: &mut FakeCluster| {
        let status = &mut world.pods[0]["status"]["containerStatuses"][0];
        status["restartCount"] = json!(1);
        status["state"]["running"]["startedAt"] = json!("2026-11-23T19:59:00Z");
    };
    check_again("restarted", restarted, VerdictState::Unknown);
    let odd = |world: &mut FakeCluster| world.log += "2026-11-23T19:59:00Z something odd\n";
    check_again("a line that cannot be read", odd, VerdictState::Unknown);
    let cut = |world: &mut FakeCluster| world.end = Some("2026-11-23T19:59:00.5Z 203.0.113.9".to_owned());
    check_again("the answer breaks off", cut, VerdictState::Unknown);
}

#[test]
fn a_second_look_reads_only_what_came_since() {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    let long = |world: &mut FakeCluster| {
        let lines = (0..5000).map(|number| OTHERS.replace("18:00:00.5", &format!("18:00:00.{number:04}")));
        world.log = OTHERS.replace("18:00:00", "10:00:00") + &lines.collect::<String>();
    };
    let note: fn(&mut FakeCluster) = |world| FIRST.store(std::mem::take(&mut world.log_read), Ordering::Relaxed);
    let compare: fn(&mut FakeCluster) = |world| {
        let (first, second) = (FIRST.load(Ordering::Relaxed), world.log_read);
        assert!(0 < second && second * 9 < first, "{second} bytes after {first}");
    };
    let mut looks = Vec::new();
    looked_each(idle().with(long), &mut [|_| {}, note, compare], &mut looks);
    assert!(looks.iter().all(|(verdict, ..)| verdict.state == VerdictState::Idle), "{looks:?}");
}

#[test]
fn what_was_read_counts_only_for_what_it_was_read_for() {
    // By an address of the slot that was another's before, or none's.
    let moved = |world: &mut FakeCluster| {
        let pod = json!({"metadata": {"name": "web"}, "status": {"phase": "Running", "podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}]}});
        world.own_pods = vec![pod];
    };
    let nameless =
        |world: &mut FakeCluster| world.log += &OTHERS.replace("mewtwo-web-80", "").replace("18:00:00", "19:30:00");
    let mut looks = Vec::new();
    looked_each(idle_for_long().with(nameless), &mut [|_| {}, moved], &mut looks);
    let seen: Vec<_> = looks.iter().map(|(verdict, ..)| verdict.state).collect();
    assert_eq!(seen, [VerdictState::Idle, VerdictState::Active], "{:?}", looks[1].0);
}
