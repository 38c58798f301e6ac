//! What kind of line is one that cannot be read as an entry, and what does the controller itself say in it?
//!
//! Each kind is judged for itself: one line that was certainly a request is a doubt, however many others were read.

use std::net::IpAddr;

use super::Format;

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

/// The keys that only a request has.
const OF_A_REQUEST: [&str; 9] = [
    "status",
    "path",
    "method",
    "request",
    "remote_addr",
    "http_user_agent",
    "user_agent",
    "response_code",
    "request_uri",
];

/// What kind of line it is.
#[must_use]
pub fn kind<'a>(line: &'a str, format: &Format) -> Unreadable<'a> {
    if line.starts_with('{') {
        return of_json(line, format);
    }
    if line.contains(" HTTP/1.") || line.contains(" HTTP/2") || line.contains(" HTTP/3") || begins_as_an_entry(line) {
        // What stands before the sixth quote is the sender's.
        let said = line.splitn(7, '"').nth(6);
        let kind = if said.is_none() { "an access line that breaks off" } else { "an access line of another format" };
        let said = said.unwrap_or_default();
        return Unreadable::Request { kind, said };
    }
    Unreadable::Text
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
    if OF_A_REQUEST.iter().any(|key| values_at(line, key).next().is_some()) {
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

/// Where a key stands, and what follows it.
fn values_at<'a>(line: &'a str, key: &str) -> impl Iterator<Item = (usize, &'a str)> {
    line.match_indices(key).filter_map(move |(at, _)| {
        let quoted = line.get(..at)?.ends_with(['"']) && !line.get(..at)?.ends_with("\\\"");
        let rest = line.get(at + key.len()..)?.strip_prefix('"')?.trim_start().strip_prefix(':')?;
        quoted.then(|| (at, rest.trim_start()))
    })
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
                "an access line of another format:  1 \"pikachu-web@kubernetes\" 0ms",
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
            ("2026/11/23 15:04:05 GET /mew 200", "Text"),
        ] {
            assert_eq!(kind(line), expected, "{line}");
        }
    }
}
