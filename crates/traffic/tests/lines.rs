//! Every case of `data/reaper-lines.jsonl` and `data/lines.jsonl`, by the way that a line takes in the reaper: the settings are read as the
//! operator wrote them, what is in the cluster is told as the reaper knows it, and the sources' verdict is the last word.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod cases;

use cases::{By, Case, Found, all};

/// Classes that are about objects alone, or about the controller's pods: the fault table of `jobs/reap` shows them.
const ELSEWHERE: [&str; 5] = ["way-", "dead-", "snippet-2", "snippet-3", "stream-5"];

#[test]
fn every_case_comes_to_its_verdict_and_says_why() {
    let cases: Vec<Case> =
        all().into_iter().filter(|case| !ELSEWHERE.iter().any(|id| case.id.starts_with(id))).collect();
    let wrong: Vec<String> = cases.iter().flat_map(failures).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_case_that_is_left_out_is_a_row_of_the_fault_table() {
    let table = include_str!("../../../jobs/reap/tests/faults/expected.txt");
    let is_of = |id: &str, row: &str| {
        let rest = row.strip_prefix("way in: ").unwrap_or(row).strip_prefix(id);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    };
    let left_out = all().into_iter().filter(|case| ELSEWHERE.iter().any(|id| case.id.starts_with(id)));
    let nowhere: Vec<String> =
        left_out.map(|case| case.id).filter(|id| !table.lines().any(|row| is_of(id, row))).collect();
    assert!(nowhere.is_empty(), "no row begins with {nowhere:?}");
}

/// What is wrong with a case: as a whole, and where several of its lines are the slot's, with each of them alone.
fn failures(case: &Case) -> Vec<String> {
    let mut trials = vec![("all lines".to_owned(), case.lines.clone())];
    let each = case.expected == "Active" || case.about.contains("one test each");
    if let [first, rest @ ..] = case.lines.as_slice()
        && each
    {
        let alone = |(at, line): (usize, &String)| (format!("line {}", at + 2), vec![first.clone(), line.clone()]);
        trials.extend(rest.iter().enumerate().map(alone));
    }
    let trials = trials.iter().flat_map(|trial| By::ALL.map(|by| (trial, by)));
    let judged = trials.filter(|((_, lines), by)| by.takes(lines)).filter_map(|((what, lines), by)| {
        let Found { verdict, reason } = case.judge(lines, by);
        let right = case.expected.split('|').any(|expected| expected == verdict);
        let says = verdict != "Unknown" || reason.contains(case.must_say());
        (!right || !says).then(|| {
            format!(
                "{} ({what}, by {by:?}): {verdict} and \"{}\", not {}: {reason}",
                case.id,
                case.must_say(),
                case.expected
            )
        })
    });
    judged.collect()
}
