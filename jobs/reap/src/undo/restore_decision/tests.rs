//! What a reviver does with what it finds, also after another one was killed.

use super::*;

fn first() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn object(kind: &str) -> ObjectRef {
    ObjectRef { kind: kind.to_owned(), name: "web".to_owned(), ..ObjectRef::default() }
}

fn now(kind: &str, state: State) -> Now {
    Now { object: object(kind), kept: kind == "ConfigMap", state }
}

/// As a reap leaves it.
fn reaped() -> Vec<Now> {
    vec![now("Deployment", State::Absent), now("ConfigMap", State::There)]
}

fn there() -> Vec<Now> {
    vec![now("Deployment", State::There), now("ConfigMap", State::There)]
}

fn record(revision: i64, phase: Phase) -> Present {
    let says = Ok(Says { first_deployed: first(), phase, rolling_back: false, rolled_back: false });
    Present { driver: Driver::Secret, object: format!("v{revision}"), revision, as_saved: false, says }
}

fn rolling_back(revision: i64) -> Present {
    let says = Ok(Says { first_deployed: first(), phase: Phase::Pending, rolling_back: true, rolled_back: false });
    Present { says, ..record(revision, Phase::Pending) }
}

fn restore(stale: &[&str]) -> Step {
    let stale = stale.iter().map(|object| (Driver::Secret, (*object).to_owned())).collect();
    Step::Restore { untouched: vec![object("ConfigMap")], stale }
}

#[track_caller]
fn check(present: &[Present], objects: &[Now], expected: &Step) {
    assert_eq!(judge(first(), 3, present, objects), *expected, "{present:?} {objects:?}");
}

#[track_caller]
fn check_left(present: &[Present], objects: &[Now], says: &str) {
    match judge(first(), 3, present, objects) {
        Step::Leave(why) => assert!(why.contains(says), "{why}"),
        other => panic!("expected {says:?}, found {other:?}"),
    }
}

#[test]
fn what_was_reaped_is_restored_around_what_was_kept() {
    check(&[], &reaped(), &restore(&[]));
}

#[test]
fn a_reviver_that_was_killed_is_followed_by_one_that_finishes() {
    // After the record was put back; in the rollback; after a rollback that failed; between two releases.
    check(&[record(3, Phase::Deployed)], &reaped(), &restore(&[]));
    check(&[record(3, Phase::Deployed), rolling_back(4)], &reaped(), &restore(&["v4"]));
    check(&[record(3, Phase::Deployed), rolling_back(4)], &there(), &restore(&["v4"]));
    let mut failed = rolling_back(4);
    failed.says.as_mut().unwrap().phase = Phase::Failed;
    check(&[record(3, Phase::Superseded), failed], &there(), &restore(&["v4"]));
    let why = "it is there already (revision 4)".to_owned();
    let back = |ours: bool| Step::Done { why: why.clone(), untouched: vec![object("ConfigMap")], ours };
    check(&[record(3, Phase::Superseded), record(4, Phase::Deployed)], &there(), &back(false));
    let mut done = record(4, Phase::Deployed);
    done.says.as_mut().unwrap().rolled_back = true;
    check(&[record(3, Phase::Superseded), done], &there(), &back(true));
}

#[test]
fn a_release_that_a_reap_left_half_gone_is_made_whole() {
    check(&[record(3, Phase::Uninstalling)], &reaped(), &restore(&[]));
}

#[test]
fn u08_a_revision_that_did_not_work_goes_while_helm_rolls_back_and_is_nobodys_deploy() {
    let saved = |revision: i64, phase: Phase| Present { as_saved: true, ..record(revision, phase) };
    let half_gone = record(4, Phase::Uninstalling);
    check(&[record(3, Phase::Deployed), half_gone], &reaped(), &restore(&["v4"]));
    check(&[saved(3, Phase::Deployed), saved(4, Phase::Failed)], &reaped(), &restore(&["v4"]));
    let why = "it is there: it was not uninstalled".to_owned();
    let there_already = Step::Done { why, untouched: vec![object("ConfigMap")], ours: true };
    check(&[saved(3, Phase::Deployed), saved(4, Phase::Failed)], &there(), &there_already);
    // A reviver was killed while it put the records back: the rollback's own is the last to go.
    let mut rolled_back = record(4, Phase::Deployed);
    rolled_back.says.as_mut().unwrap().rolled_back = true;
    let records = [saved(3, Phase::Deployed), rolled_back, saved(5, Phase::Failed)];
    let why = "it is there already (revision 4)".to_owned();
    check(&records, &there(), &Step::Done { why, untouched: vec![object("ConfigMap")], ours: true });
    check_left(&[saved(3, Phase::Deployed), record(4, Phase::Failed)], &there(), "tried to deploy it since");
}

#[test]
fn what_was_never_uninstalled_is_left_alone() {
    let why = "it is there: it was not uninstalled".to_owned();
    check(
        &[record(3, Phase::Deployed)],
        &there(),
        &Step::Done { why, untouched: vec![object("ConfigMap")], ours: true },
    );
}

#[test]
fn what_somebody_did_meanwhile_is_left_alone() {
    let mut installed_again = record(1, Phase::Deployed);
    installed_again.says = Ok(Says {
        first_deployed: Timestamp::UNIX_EPOCH,
        phase: Phase::Deployed,
        rolling_back: false,
        rolled_back: false,
    });
    check_left(&[installed_again], &there(), "has been installed since (revision 1)");
    check_left(&[record(3, Phase::Deployed), record(4, Phase::Pending)], &there(), "somebody is deploying it");
    check_left(&[record(3, Phase::Superseded), record(4, Phase::Failed)], &there(), "tried to deploy it since");
    let unreadable = Present { says: Err("it is not base64".to_owned()), ..record(3, Phase::Deployed) };
    check_left(&[unreadable], &reaped(), "cannot be read");
}

#[test]
fn nobody_elses_object_is_taken() {
    let theirs = State::Others("belongs to the release api".to_owned());
    check_left(&[], &[now("Service", theirs.clone())], "Service/web is there and belongs to the release api");
    check_left(&[], &[now("ConfigMap", theirs)], "ConfigMap/web is there and belongs to the release api");
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is_done() {
    check_left(&[], &[now("Role", State::Forbidden), now("Job", State::Absent)], "may not make Role/web");
    check_left(&[], &[now("ClusterRole", State::Hidden)], "may not make ClusterRole/web");
    check_left(&[], &[now("Gadget", State::UnknownKind)], "no longer knows the kind of Gadget/web");
}

#[test]
fn what_was_kept_and_cannot_be_seen_is_left_as_it_is() {
    check(&[], &[now("Deployment", State::Absent), now("ConfigMap", State::Hidden)], &restore(&[]));
}

#[test]
fn what_was_kept_and_is_gone_is_made_again() {
    let step = Step::Restore { untouched: vec![], stale: vec![] };
    check(&[], &[now("Deployment", State::Absent), now("ConfigMap", State::Absent)], &step);
}

#[test]
fn u16_what_is_still_being_deleted_is_waited_for() {
    let expected = Step::Wait("Service/web is still being deleted".to_owned());
    check(&[], &[now("Service", State::Leaving(vec![])), now("Deployment", State::Absent)], &expected);
    let held = State::Leaving(vec!["example.com/hold".to_owned()]);
    let why = "Service/web (which waits for its finalizer example.com/hold) is still being deleted".to_owned();
    check(&[], &[now("Service", held)], &Step::Wait(why));
}
