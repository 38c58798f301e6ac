//! What kind of line is one that cannot be read as an entry, and what does the controller itself say in it?
//!
//! Each kind is judged for itself: one line that was certainly a request is a doubt, however many others were read.

use std::net::IpAddr;

use super::request::values_at;
use super::{Format, request};

/// A line that cannot be read as an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable<'a> {
    /// A request in another form, or one that breaks off. What it says of who served it, where that can be told from what
    /// its sender chose.
    Request {
        /// What kind of line it is.
        kind: &'static str,
        /// The controller's part.
        said: &'a str,
    },
    /// JSON that is not known.
    Json,
    /// Any other text.
    Text,
}

/// The keys under which JSON says who served.
const SAYING: [&str; 8] = [
    "proxyUpstreamName",
    "proxy_upstream_name",
    "ServiceName",
    "route_name",
    "upstream_cluster",
    "namespace",
    "upstream",
    "backend",
];

/// What kind of line it is.
#[must_use]
pub fn kind<'a>(line: &'a str, format: &Format) -> Unreadable<'a> {
    if line.starts_with('{') {
        return of_json(line, format);
    }
    if !request::is_one(line) && !begins_as_an_entry(line) {
        return Unreadable::Text;
    }
    let behind = line.splitn(7, '"').nth(6);
    let breaks_off = behind.is_none() && (line.contains('"') || begins_as_an_entry(line));
    let kind = if breaks_off { "an access line that breaks off" } else { "an access line of another format" };
    Unreadable::Request { kind, said: behind.map_or("", |behind| said(line, behind)) }
}

/// What stands behind the first six quotes of a line and is not the sender's: up to the next quote, for what is quoted mostly
/// is, and Traefik's name of the route, which stands between a number and what ends in milliseconds.
fn said<'a>(line: &str, behind: &'a str) -> &'a str {
    let before = line.split('"').next().unwrap_or_default();
    // Only in the form of nginx the first six quotes are certainly the controller's.
    if !(before.contains(" - ") && before.ends_with("] ")) || line.contains("\\\"") {
        return "";
    }
    let mut pieces = behind.split('"');
    let plain = pieces.next().unwrap_or_default();
    let number = plain.trim();
    let is_traefiks = behind.ends_with("ms") && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_traefiks { pieces.next().unwrap_or_default() } else { plain }
}

fn of_json<'a>(line: &'a str, format: &Format) -> Unreadable<'a> {
    let named = match format {
        Format::Json(keys) => [keys.upstream.as_deref(), keys.namespace.as_deref()],
        _ => [None, None],
    };
    let said =
        SAYING.into_iter().chain(named.into_iter().flatten()).find_map(|key| value(line, key)).unwrap_or_default();
    if serde_json::from_str::<serde::de::IgnoredAny>(line).is_err() {
        return Unreadable::Request { kind: "a line of JSON that is broken", said };
    }
    if request::is_in_json(line) {
        return Unreadable::Request { kind: "a line of JSON without a field that says who served", said };
    }
    Unreadable::Json
}

/// The text under a key of the outermost object. A quote that a sender wrote is escaped, and a header or a parameter stands in
/// an object of its own, so this finds none of his.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = values_at(line, key).find(|(at, _)| is_outermost(line, *at))?;
    value.strip_prefix('"')?.split('"').next()
}

/// True if a place lies in the outermost object, and in none inside of it.
fn is_outermost(line: &str, at: usize) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in line.bytes().take(at) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth == 1
}

/// `203.0.113.9 - …`: the beginning of a line of nginx, or of the common log format.
fn begins_as_an_entry(line: &str) -> bool {
    line.split_once(" - ").is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_cannot_be_read_is_told_from_other_lines() {
        let kind = |line| match kind(line, &Format::Auto) {
            Unreadable::Request { kind, said } => format!("{kind}: {said}"),
            other => format!("{other:?}"),
        };
        for (line, expected) in [
            ("203.0.113.9 - - [23/Nov/20", "an access line that breaks off: "),
            ("203.0.113.9 - - [x] \"GET /pikachu HTTP/1.1\" 200 6 \"-\" \"Mozil", "an access line that breaks off: "),
            (
                "203.0.113.9 - - [x] \"GET / HTTP/1.1\" 200 6 \"-\" \"curl\" 1 \"pikachu-web@kubernetes\" 0ms",
                "an access line of another format: pikachu-web@kubernetes",
            ),
            ("[2026-11-23T15:04:05.678Z] \"GET / HTTP/1.1\" 200 - 0", "an access line that breaks off: "),
            (r#"{"status":200,"path":"/x","http_us"#, "a line of JSON that is broken: "),
            (r#"{"path":"\"proxyUpstreamName\":\"pikachu-web-80","a":-}"#, "a line of JSON that is broken: "),
            (r#"{"proxyUpstreamName": "pikachu-web-80","a":-}"#, "a line of JSON that is broken: pikachu-web-80"),
            (
                r#"{"headers":{"namespace":"pikachu"},"status":200}"#,
                "a line of JSON without a field that says who served: ",
            ),
            (r#"{"q":["{\"",{"upstream":"pikachu"}],"upstream":"x","#, "a line of JSON that is broken: x"),
            (r#"{"httpRequest":{"status":200}}"#, "a line of JSON without a field that says who served: "),
            (r#"{"status":200,"up":"x"}"#, "a line of JSON without a field that says who served: "),
            (r#"{"level":"info","msg":"served","a":1}"#, "Json"),
            (r#"{"code":200,"bytes":612}"#, "a line of JSON without a field that says who served: "),
            (
                "203.0.113.9 - - [x] \"GET / HTTP/1.1\" 200 6 \"-\" \"curl\" \"pikachu\"",
                "an access line of another format:  ",
            ),
            (
                "203.0.113.9 - - [x] \"GET / HTTP/1.1\" 200 6 \"-\" \"a\\\"\" [pikachu-web-80]",
                "an access line of another format: ",
            ),
            (
                "[2026-11-23T15:04:05.678Z] \"GET / HTTP/1.1\" 200 - via_upstream - \"-\" 0 6 4 3 \"203.0.113.9\" \"pikachu\" \"5f",
                "an access line of another format: ",
            ),
            ("2026/11/23 15:04:05 GET /mew 200", "an access line of another format: "),
            (r#"{"log":"\"GET / HTTP/1.1\" 200"}"#, "a line of JSON without a field that says who served: "),
            ("I am a log line of somebody else", "Text"),
        ] {
            assert_eq!(kind(line), expected, "{line}");
        }
    }
}
