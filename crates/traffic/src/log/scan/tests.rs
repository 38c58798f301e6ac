//! What lines of a log come to: use, sight, or a doubt.

use super::*;
use crate::attribute::Service;
use globset::{Glob, GlobSetBuilder};

fn at(text: &str) -> Timestamp {
    format!("2026-11-23T{text}Z").parse().unwrap()
}

fn globs(patterns: &[&str]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).unwrap());
    }
    set.build().unwrap()
}

fn watch() -> ScanWindow {
    let service = |name: &str| Service { name: name.to_owned(), ports: vec!["80".to_owned()], ..Service::default() };
    ScanWindow {
        format: Format::Auto,
        names: Names::new("mew", &[service("web"), service("two-web")], &["mewtwo".to_owned(), "mew-two".to_owned()]),
        slot: "mew".to_owned(),
        since: at("14:00:00"),
        look_back: at("03:00:00"),
        now: at("15:00:00"),
        ignore_agents: globs(&["kube-probe/*"]),
        ignore_paths: globs(&["/healthz", "/ready*"]),
        max_unparsed: 0.01,
    }
}

fn line(time: &str, upstream: &str, path: &str, agent: &str) -> String {
    format!(
        "2026-11-23T{time}.123456789Z 203.0.113.9 - - [23/Nov/2026:15:04:05 +0000] \"GET {path} HTTP/1.1\" 200 6 \"-\" \
         \"{agent}\" 512 0.004 [{upstream}] [] 10.244.0.7:8080 612 0.004 200 0af1"
    )
}

fn tally(lines: &[String]) -> LogScan {
    let mut tally = LogScan::default();
    for line in lines {
        if tally.take(&watch(), line).is_break() {
            break;
        }
    }
    tally
}

#[test]
fn a_request_within_the_window_is_a_hit_and_ends_the_reading() {
    let found = tally(&[line("14:00:00", "mew-web-80", "/cart", "curl"), line("14:10:00", "mew-web-80", "/x", "curl")]);
    let hit = found.hit.unwrap();
    assert_eq!((hit.upstream.as_str(), hit.path.as_deref(), found.entries), ("mew-web-80", Some("/cart"), 1));
}

#[test]
fn what_was_before_the_window_proves_sight_and_is_no_use() {
    let found = tally(&[line("02:59:59", "mew-web-80", "/", "c"), line("13:59:59", "mew-web-80", "/", "c")]);
    assert_eq!((found.hit, found.samples, found.entries), (None, 1, 0));
}

#[test]
fn traffic_of_others_proves_sight_only() {
    let found = tally(&[line("14:30:00", "mewtwo-web-80", "/", "c"), line("14:30:00", "-", "/", "c")]);
    assert_eq!((found.samples, found.entries, found.doubts(&watch())), (1, 2, vec![]));
}

#[test]
fn probes_are_no_use() {
    let lines = [
        line("14:30:00", "mew-web-80", "/", "kube-probe/1.37"),
        line("14:30:00", "mew-web-80", "/healthz", "curl"),
        line("14:30:00", "mew-web-80", "/readyz?full=1", "curl"),
    ];
    assert_eq!(tally(&lines).hit, None);
}

#[track_caller]
fn check_doubt(lines: &[String], expected: &str) {
    let found = tally(lines);
    assert_eq!(found.hit, None);
    let doubts = found.doubts(&watch());
    assert!(doubts.iter().any(|doubt| doubt.contains(expected)), "{expected}: {doubts:?}");
}

#[test]
fn every_surprise_is_a_doubt() {
    check_doubt(&[line("14:30:00", "mew-gone-80", "/", "c")], "mew-gone-80, which matches no Service");
    check_doubt(&[line("14:30:00", "mew-two-web-80", "/", "c")], "mew-two-web-80 could be this slot's or another's");
    check_doubt(&[line("15:06:00", "mewtwo-web-80", "/", "c")], "from the future");
    check_doubt(&["2026-11-23T14:30:00Z what is this".to_owned()], "1 of 1 lines within the window");
    check_doubt(&["2026-11-23T13:30:00Z what is this".to_owned()], "no line of the ingress log can be read");
    check_doubt(&["unable to retrieve container logs for containerd://0a".to_owned()], "unable to retrieve");
    check_doubt(&[String::new()], "a log stream broke off");
    let mut busy: Vec<String> = (0..1000).map(|_| line("14:30:00", "mewtwo-web-80", "/", "c")).collect();
    busy.push("2026-11-23T14:30:00Z GET mew-web-80".to_owned());
    check_doubt(&busy, "a line that mentions mew cannot be read");
}

#[test]
fn a_few_unparsed_lines_are_no_doubt() {
    let mut lines: Vec<String> = (0..1000).map(|_| line("14:30:00", "mewtwo-web-80", "/", "c")).collect();
    lines.push("2026-11-23T14:30:00Z GET mewtwo-web-80".to_owned());
    assert_eq!(tally(&lines).doubts(&watch()), Vec::<String>::new());
    lines.extend((0..10).map(|_| "2026-11-23T14:30:00Z what is this".to_owned()));
    assert_eq!(tally(&lines).doubts(&watch()).len(), 1);
}

#[test]
fn a_log_that_is_held_back_is_a_doubt() {
    let held = |written: &str, logged: &str| {
        line(written, "mewtwo-web-80", "/", "c").replacen("23/Nov/2026:15:04:05", &format!("23/Nov/2026:{logged}"), 1)
    };
    check_doubt(&[held("14:30:00", "14:20:00")], "a request of 14:20:00 UTC was written at 14:30:00 UTC");
    check_doubt(&[held("13:30:00", "13:20:00")], "holds its log back");
    let none = |lines: &[String]| assert_eq!(tally(lines).doubts(&watch()), Vec::<String>::new(), "{lines:?}");
    none(&[held("14:30:00", "14:29:30")]);
    none(&[held("13:30:00", "13:20:00"), held("14:30:00", "14:30:00")]);
}

#[test]
fn a_query_is_never_repeated() {
    for (text, expected) in [
        ("/cart?token=geheim", "/cart?…"),
        ("GET /a?b=c HTTP/1.1\" 200 \"https://x/?d=e\" f", "GET /a?… HTTP/1.1\" 200 \"https://x/?…\" f"),
        ("/plain", "/plain"),
    ] {
        assert_eq!(quoted(text), expected);
    }
}

#[test]
fn where_silence_is_fine_requests_that_name_nobody_are_still_no_silence() {
    let nobody = |upstream: &str| line("14:30:00", upstream, "/", "c");
    check_doubt(&[nobody("-"), nobody("")], "says whom it was for");
}
