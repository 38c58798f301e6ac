//! Jobs and deploys at work, and what cannot be read of them.

use super::*;
use crate::work::RunningJob;

fn job(name: &str, minutes: i64, by_clock: bool) -> RunningJob {
    RunningJob { name: name.to_owned(), since: ago(minutes), by_clock }
}

fn working(query: Query, jobs: &[RunningJob], rolling_out: &[&str]) -> Query {
    let rolling_out = rolling_out.iter().map(|object| (*object).to_owned()).collect();
    Query { work: Work { jobs: jobs.to_vec(), rolling_out }, ..query }
}

#[test]
fn e17_a_running_job_keeps_a_slot_that_somebody_holds() {
    let train = |minutes| [job("train", minutes, false)];
    let held = || claimed(idle(), -600);
    check(
        working(held(), &train(300), &[]),
        VerdictState::Kept,
        "Job train is running, which keeps the slot until it ends",
    );
    check(working(held(), &train(24 * 60 - 1), &[]), VerdictState::Kept, "at most until 20:01 UTC");
    let long = "Job train is running, and stops if its release goes";
    check(working(held(), &train(24 * 60), &[]), VerdictState::Idle, long);
    check(working(idle(), &train(300), &[]), VerdictState::Idle, long);
    check(working(claimed(idle(), 300), &train(300), &[]), VerdictState::Idle, long);
    // A newer one keeps it for its own time.
    let two = [job("train", 25 * 60, false), job("eval", 100, false)];
    check(working(held(), &two, &[]), VerdictState::Kept, "Job eval is running");
}

#[test]
fn e18_a_job_that_has_ended_keeps_nothing() {
    check(working(claimed(idle(), -600), &[], &[]), VerdictState::Idle, "no request");
}

#[test]
fn e19_a_job_of_a_cronjob_keeps_nothing_and_is_told() {
    let nightly = [job("nightly-1", 5, true)];
    let told = "Job nightly-1 of a CronJob is running, and stops if its release goes";
    check(working(claimed(idle(), -600), &nightly, &[]), VerdictState::Idle, told);
}

#[test]
fn e26_e27_e38_a_deploy_keeps_the_slot_while_something_of_it_changes() {
    let pending = |minutes| idle().releases(&[release("web", Phase::Pending, minutes)]);
    let hook = [job("migrate", 80, false)];
    check(
        working(pending(90), &hook, &[]),
        VerdictState::Kept,
        "a deploy of release web is under way since 18:30 UTC: Job migrate is running. It keeps the slot at most until 20:30",
    );
    check(working(pending(90), &[], &["Deployment/web"]), VerdictState::Kept, "Deployment/web is not ready yet");
    // e38: also once the claim has lapsed in the middle.
    let lapsed = claimed(pending(90), 60);
    check(working(lapsed, &[], &["Deployment/web"]), VerdictState::Kept, "Deployment/web is not ready yet");
    check(working(pending(120), &[], &["Deployment/web"]), VerdictState::Idle, "");
    check(working(pending(90), &[job("nightly", 5, true)], &[]), VerdictState::Idle, "");
}

#[test]
fn e28_e29_a_deploy_of_which_nothing_changes_keeps_the_slot_for_a_window() {
    let pending = |minutes| idle().releases(&[release("web", Phase::Pending, minutes)]);
    check(pending(59), VerdictState::Kept, "release web has been in the state pending");
    check(pending(61), VerdictState::Idle, "");
}

#[test]
fn unknown_when_it_cannot_be_read_what_is_at_work() {
    let mut evidence = idle().evidence();
    evidence.work = Some(Err("the slot's Jobs cannot be listed: forbidden (403)".to_owned()));
    let verdict = settled(&evidence, &rules());
    assert_eq!((verdict.state, verdict.reason.contains("Jobs cannot be listed")), (VerdictState::Unknown, true));
    evidence.work = None;
    assert_eq!(settled(&evidence, &rules()).state, VerdictState::Unknown);
}
