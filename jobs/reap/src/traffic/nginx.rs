//! What does a line of nginx's text log say, in the format of ingress-nginx?
//!
//! ```text
//! $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer"
//! "$http_user_agent" $request_length $request_time [$proxy_upstream_name]
//! [$proxy_alternative_upstream_name] $upstream_addr …
//! ```
//!
//! The user, the request, the referer, the user agent and the request id (last) are the sender's.
//! nginx writes a quote inside them as `\x22`, so the first six quotes of a line are always its own,
//! and everything between the sixth and the upstream is made by nginx.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::strtime;

use super::{Entry, Line, named};

/// Reads one line.
#[must_use]
pub fn read(line: &str) -> Line<'_> {
    entry(line).map_or(Line::Unparsed, Line::Access)
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (before, rest) = line.split_once('"')?;
    let (request, rest) = rest.split_once('"')?;
    let (numbers, rest) = rest.split_once('"')?;
    let (_referer, rest) = rest.split_once('"')?;
    let rest = rest.strip_prefix(" \"")?;
    let (agent, rest) = rest.split_once('"')?;
    let time = head(before)?;
    let sound = are_numbers(numbers.strip_prefix(' ')?.strip_suffix(' ')?);
    let (upstream, alternative) = upstreams(rest.strip_prefix(' ')?)?;
    sound.then(|| Entry {
        upstream: named(upstream.into()),
        alternative: named(alternative.into()),
        namespace: None,
        path: path(request).map(Cow::from),
        agent: named(agent.into()),
        logged: logged(time),
    })
}

/// `$remote_addr - $remote_user [$time_local] `; the user may hold anything but a quote. Returns the time.
fn head(text: &str) -> Option<&str> {
    let (address, rest) = text.split_once(" - ")?;
    let (_user, time) = rest.strip_suffix("] ")?.rsplit_once(" [")?;
    let sound = !address.is_empty() && !address.contains(' ') && time.bytes().filter(|b| *b == b':').count() >= 3;
    sound.then_some(time)
}

/// `23/Nov/2026:15:04:05 +0000`
fn logged(time: &str) -> Option<Timestamp> {
    strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).ok()?.to_timestamp().ok()
}

/// `$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr …`
fn upstreams(text: &str) -> Option<(&str, &str)> {
    let (numbers, rest) = text.split_once(" [")?;
    let (upstream, rest) = rest.split_once("] [")?;
    let (alternative, rest) = rest.split_once("] ")?;
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_graphic() && b != b'[' && b != b']');
    let whole = rest.split(' ').filter(|field| !field.is_empty()).count() >= 4;
    (are_numbers(numbers) && plain(upstream) && plain(alternative) && whole).then_some((upstream, alternative))
}

/// Two numbers, or `-` where nginx has none.
fn are_numbers(text: &str) -> bool {
    let number =
        |field: &str| field == "-" || (!field.is_empty() && field.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    text.split_once(' ').is_some_and(|(a, b)| number(a) && number(b))
}

/// The path of `GET /path?query HTTP/1.1`.
fn path(request: &str) -> Option<&str> {
    let target = request.split(' ').nth(1)?;
    target.split('?').next()
}

/// nginx's error log: `2026/11/23 15:04:05 [error] 33#33: *5 …`.
pub(super) fn is_error_log(line: &str) -> bool {
    let shape = b"0000/00/00 00:00:00 [";
    let time = shape.iter().zip(line.bytes()).all(|(expected, found)| match expected {
        b'0' => found.is_ascii_digit(),
        other => *other == found,
    });
    let level = line.get(shape.len()..).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let known = ["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"];
    line.len() > shape.len() && time && known.contains(&level)
}

/// What ingress-nginx writes when it starts.
pub(super) fn is_banner(line: &str) -> bool {
    let rule = line.len() > 20 && line.bytes().all(|b| b == b'-');
    let fact = ["Release:", "Build:", "Repository:", "nginx version:"];
    let indented = line.strip_prefix("  ").is_some_and(|rest| fact.iter().any(|f| rest.starts_with(f)));
    rule || line == "NGINX Ingress controller" || indented
}

#[cfg(test)]
mod tests {
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
        let lines = include_str!("../../tests/data/nginx.log").lines();
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
        let line = render("-", "GET / HTTP/1.1", "-", "curl/8", "mew-web-80] [mew-web-canary-80", "x")
            .replacen("] [] ", "] ", 1);
        assert_eq!(access(&line).alternative.as_deref(), Some("mew-web-canary-80"));
    }

    #[test]
    fn a_request_that_spells_another_upstream_counts_for_the_one_that_served_it() {
        for line in include_str!("../../tests/data/nginx-forged.log").lines() {
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
            let _any = super::super::read(&line, &crate::traffic::Format::Auto);
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
}
