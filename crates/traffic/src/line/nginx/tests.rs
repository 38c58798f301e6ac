//! The text format: whose a request was, whatever its sender wrote.

use super::*;
use proptest::prelude::*;

/// Writes a field as nginx does: quotes, backslashes and what is not printable ASCII as `\xXX`.
fn escape(text: &str) -> String {
    let byte = |b: u8| match b {
        b'"' | b'\\' | 0..=31 | 127.. => format!("\\x{b:02X}"),
        _ => char::from(b).to_string(),
    };
    text.bytes().map(byte).collect()
}

fn render(user: &str, request: &str, referer: &str, agent: &str, upstream: &str, id: &str) -> String {
    let [user, request, referer, agent, id] = [user, request, referer, agent, id].map(escape);
    format!(
        "203.0.113.9 - {user} [23/Nov/2026:15:04:05 +0000] \"{request}\" 200 612 \"{referer}\" \"{agent}\" \
         512 0.004 [{upstream}] [] 10.244.0.7:8080 612 0.004 200 {id}"
    )
}

#[track_caller]
fn access(line: &str) -> Entry<'_> {
    match read(line) {
        Line::Access(entry) => entry,
        other => panic!("{other:?}: {line}"),
    }
}

#[test]
fn reads_the_upstream_the_path_and_the_agent() {
    let line = render("-", "GET /cart?id=1 HTTP/2.0", "-", "Mozilla/5.0 (X11)", "mew-web-80", "abc");
    let expected = Entry {
        upstream: Some("mew-web-80".into()),
        path: Some("/cart".into()),
        agent: Some("Mozilla/5.0 (X11)".into()),
        served: Some("10.244.0.7:8080".into()),
        logged: Some("2026-11-23T15:04:05Z".parse().unwrap()),
        ..Entry::default()
    };
    assert_eq!(access(&line), expected);
}

#[test]
fn every_line_of_a_real_log_is_read() {
    let expected = [
        Some("mew-web-80"),
        Some("mewtwo-api-http"),
        Some("upstream-default-backend"),
        None,
        None,
        Some("mew-web-80"),
        Some("mew-web-80"),
    ];
    let lines = include_str!("../../../tests/data/nginx.log").lines();
    let found: Vec<_> = lines.map(|line| access(line).upstream.map(Cow::into_owned)).collect();
    assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
}

#[test]
fn the_time_of_a_line_is_by_its_own_zone() {
    let line = render("-", "GET / HTTP/1.1", "-", "curl/8", "mew-web-80", "x").replacen("+0000", "+0530", 1);
    assert_eq!(access(&line).logged, Some("2026-11-23T09:34:05Z".parse().unwrap()));
}

#[test]
fn a_canary_is_read_too() {
    let line =
        render("-", "GET / HTTP/1.1", "-", "curl/8", "mew-web-80] [mew-web-canary-80", "x").replacen("] [] ", "] ", 1);
    assert_eq!(access(&line).alternative.as_deref(), Some("mew-web-canary-80"));
}

#[test]
fn a_request_that_spells_another_upstream_counts_for_the_one_that_served_it() {
    for line in include_str!("../../../tests/data/nginx-forged.log").lines() {
        assert_eq!(access(line).upstream.as_deref(), Some("mew-web-80"), "{line}");
    }
}

#[test]
fn a_line_cut_short_is_unparsed() {
    let line = render("-", "GET / HTTP/1.1", "-", "curl/8", "mew-web-80", "0af1");
    let end = line.find(" 200 0af1").unwrap();
    for length in 1..end {
        assert_eq!(read(&line[..length]), Line::Unparsed, "{}", &line[..length]);
    }
}

#[test]
fn fields_are_what_stands_between_any_number_of_spaces() {
    let line = |end: &str| {
        let line = render("-", "GET / HTTP/1.1", "-", "curl/8", "mew-web-80", "x");
        format!("{} {end}", &line[..line.find(" 10.244").unwrap()])
    };
    for (end, expected) in [
        ("a b c d", true),
        (" a  b c   d ", true),
        ("a b c d e", true),
        ("a  b c ", false),
        ("a b c", false),
        ("    ", false),
    ] {
        assert_eq!(matches!(read(&line(end)), Line::Access(_)), expected, "{end:?}");
    }
}

proptest! {
    #[test]
    fn whatever_the_sender_writes_the_upstream_is_the_one_that_served(
        user in "[^\\x00]{0,20}", request in senders(), referer in senders(), agent in senders(), id in senders(),
    ) {
        let line = render(&user, &request, &referer, &agent, "mew-web-80", &id);
        // nginx always has a request id; a user agent and a request may be empty.
        prop_assume!(!id.trim().is_empty());
        let Line::Access(entry) = read(&line) else { return Err(TestCaseError::fail(line)) };
        prop_assert_eq!(entry.upstream.as_deref(), Some("mew-web-80"));
    }

    #[test]
    fn no_line_makes_the_reader_fail(line in "\\PC{0,200}") {
        let _any = super::super::read(&line, &crate::line::Format::Auto);
    }
}

fn senders() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("\" 200 1 \"-\" \"x\" 1 0.1 [mewtwo-web-80] [] 10.0.0.1:80 1 0.1 200 f".to_owned()),
        "[\\[\\]\" \\\\x2-]{0,30}",
        "(GET|x) /\\[mewtwo-web-80\\] \\[\\] HTTP/1.1",
    ]
}
