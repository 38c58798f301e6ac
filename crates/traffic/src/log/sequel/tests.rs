//! When a reading goes on from an earlier one, and the many ways in which it does not.

use super::*;
use crate::attribute::{Names, Service};
use crate::line::Format;
use crate::log::tally::HeldBack;

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}Z").parse().unwrap()
}

fn log(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("2026-11-23T{line}\n")).collect()
}

/// Known is what was read last; `end` is when the last line was logged that there is now.
#[track_caller]
fn check(why: &str, known: &[&str], answer: &str, end: &str, expected: Option<&[&str]>) {
    let mut mark = Mark::default();
    known.iter().for_each(|line| mark.note(&format!("2026-11-23T{line}")));
    let expected = expected.map(|lines| lines.iter().map(|line| format!("2026-11-23T{line}")).collect::<Vec<_>>());
    let found = mark.rest(answer, at(end)).map(|rest| rest.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    assert_eq!(found, expected, "{why}");
}

const A: &str = "14:00:00.1Z a";
const B: &str = "14:00:00.2Z b";
const C: &str = "14:00:00.3Z c";
const D: &str = "14:00:00.4Z d";

#[test]
fn what_comes_behind_the_known_lines_is_new() {
    check("nothing came", &[B], &log(&[A, B]), "14:00:00.2", Some(&[]));
    check("two lines came", &[B], &log(&[A, B, C, D]), "14:00:00.4", Some(&[C, D]));
    check("several are known", &[B, C], &log(&[A, B, C, D]), "14:00:00.4", Some(&[D]));
    check("more came than its end knew of", &[B], &log(&[A, B, C]), "14:00:00.2", Some(&[C]));
}

#[test]
fn a_line_that_came_late_or_by_a_clock_that_was_set_back_is_new() {
    let late = "13:10:00Z late";
    check("late", &[B], &log(&[A, B, late]), "14:00:00.2", Some(&[late]));
    check("late, and then others", &[B], &log(&[A, B, late, C]), "14:00:00.3", Some(&[late, C]));
}

#[test]
fn a_log_that_does_not_certainly_go_on_is_not_taken_for_it() {
    check("rotated", &[B], &log(&[C, D]), "14:00:00.4", None);
    check("rotated, and empty", &[B], "", "14:00:00.2", None);
    check("only a part of what is known is left", &[A, B], &log(&[B, C]), "14:00:00.3", None);
    check("a known line is missing", &[A, C], &log(&[A, B, C]), "14:00:00.3", None);
    check("known lines in another order", &[C, B], &log(&[A, B, C]), "14:00:00.3", None);
    check("another text at the same time", &[B], &log(&[A, "14:00:00.2Z x", C]), "14:00:00.3", None);
    check("the same text at another time", &[B], &log(&[A, "14:00:00.3Z b", D]), "14:00:00.4", None);
    check("nothing is known", &[], &log(&[A, B]), "14:00:00.2", None);
}

#[test]
fn lines_that_look_the_same_are_no_proof() {
    check("twice", &[B], &log(&[A, B, C, B, D]), "14:00:00.4", None);
    check("nothing before it", &[B], &log(&[B, C]), "14:00:00.3", None);
    check("nothing older before it", &[B], &log(&["14:00:00.2Z x", B, C]), "14:00:00.3", None);
    check("what is before it is newer", &[B], &log(&[D, B]), "14:00:00.2", None);
}

#[test]
fn an_answer_that_is_cut_or_no_log_proves_nothing() {
    check("cut within a line", &[B], log(&[A, B, C]).trim_end(), "14:00:00.3", None);
    check("cut between two lines", &[B], &log(&[A, B]), "14:00:00.3", None);
    check("no text", &[B], "\n", "14:00:00.2", None);
    check("a line without a time", &[B], &format!("{}no time\n", log(&[A, B])), "14:00:00.2", None);
    check("an error of the kubelet's", &[B], "unable to retrieve container logs\n", "14:00:00.2", None);
}

#[test]
fn only_the_last_lines_are_kept() {
    let mut mark = Mark::default();
    (0..100).for_each(|number| mark.note(&format!("14:00:00.{number:03}Z")));
    assert_eq!((mark.lines.len(), mark.lines[0].as_str()), (KEPT, "14:00:00.092Z"));
}

fn watch(since: &str) -> Watch {
    Watch {
        format: Format::Auto,
        names: Names::new("mew", &[], &["mewtwo".to_owned()]),
        slot: "mew".to_owned(),
        since: at(since),
        look_back: at("03:00:00"),
        now: at("15:00:00"),
        ignore_agents: globset::GlobSet::empty(),
        ignore_paths: globset::GlobSet::empty(),
        max_unparsed: 0.01,
    }
}

fn known() -> Known {
    let tally = Tally { samples: 2, entries: 2, newest: Some(at("14:30:00")), ..Tally::default() };
    Known { watch: watch("14:00:00"), need: at("14:00:00"), tally, logs: Vec::new() }
}

#[test]
fn what_was_read_serves_the_same_question_asked_again() {
    assert!(known().serves(&watch("14:00:00"), at("14:00:00")));
    let later = Watch { look_back: at("04:00:00"), now: at("15:00:10"), ..watch("14:00:10") };
    assert!(known().serves(&later, at("14:00:10")));
}

#[track_caller]
fn check_another(why: &str, change: impl FnOnce(&mut Known, &mut Watch, &mut Timestamp)) {
    let (mut known, mut watch, mut need) = (known(), watch("14:00:00"), at("14:00:00"));
    change(&mut known, &mut watch, &mut need);
    assert!(!known.serves(&watch, need), "{why}");
}

#[test]
fn what_was_read_does_not_serve_another_question() {
    check_another("the window reaches further back", |_, watch, _| watch.since = at("13:59:59"));
    check_another("the look-back reaches further back", |_, watch, _| watch.look_back = at("02:59:59"));
    check_another("the clock was set back", |_, watch, _| watch.now = at("14:59:59"));
    check_another("more must be readable", |_, _, need| *need = at("13:59:59"));
    check_another("no sample is left in the look-back", |_, watch, _| watch.look_back = at("14:30:01"));
    check_another("another slot", |_, watch, _| watch.slot = "mewtwo".to_owned());
    check_another("another format", |_, watch, _| watch.format = Format::Nginx);
    check_another("a neighbour has gone", |_, watch, _| watch.names = Names::new("mew", &[], &[]));
    let web = Service { name: "web".to_owned(), ..Service::default() };
    let names = Names::new("mew", &[web], &["mewtwo".to_owned()]);
    check_another("a Service is new", |_, watch, _| watch.names = names);
}

#[test]
fn what_is_weighed_by_the_number_of_lines_is_read_again() {
    check_another("no sample", |known, _, _| known.tally.newest = None);
    check_another("an unparsed line", |known, _, _| known.tally.unparsed = 1);
    check_another("an unparsed line before the window", |known, _, _| known.tally.unparsed_before = 1);
    check_another("a line that was held back", |known, _, _| {
        known.tally.held_back = Some(HeldBack { logged: at("10:00:00"), written: at("10:10:00") });
    });
    check_another("an orphan", |known, _, _| known.tally.orphan = Some("mew-x-80".to_owned()));
    check_another("a line from the future", |known, _, _| known.tally.future = Some(at("16:00:00")));
}

#[test]
fn a_container_is_known_by_all_that_tells_it_apart() {
    let writer = |pod: &str, uid: &str, container: &str, restarts, started: &str| Writer {
        pod: pod.to_owned(),
        uid: uid.to_owned(),
        container: Some(container.to_owned()),
        restarts,
        started: at(started),
    };
    let known = Known { logs: vec![(writer("a", "1", "c", 0, "08:00:00"), Mark::default())], ..known() };
    assert!(known.mark(&writer("a", "1", "c", 0, "08:00:00")).is_some());
    for other in [
        writer("b", "1", "c", 0, "08:00:00"),
        writer("a", "2", "c", 0, "08:00:00"),
        writer("a", "1", "d", 0, "08:00:00"),
        writer("a", "1", "c", 1, "08:00:00"),
        writer("a", "1", "c", 0, "08:00:01"),
    ] {
        assert_eq!(known.mark(&other), None, "{other:?}");
    }
}
