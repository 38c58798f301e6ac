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

use super::{Entry, Line, named, times};

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
        logged: times::nginx(time),
    })
}

/// `$remote_addr - $remote_user [$time_local] `; the user may hold anything but a quote. Returns the time.
fn head(text: &str) -> Option<&str> {
    let (address, rest) = text.split_once(" - ")?;
    let (_user, time) = rest.strip_suffix("] ")?.rsplit_once(" [")?;
    let sound = !address.is_empty() && !address.contains(' ') && time.bytes().filter(|b| *b == b':').count() >= 3;
    sound.then_some(time)
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
    let known = ["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"];
    let level = || line.get(shape.len()..).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    time && line.len() > shape.len() && known.contains(&level())
}

/// What ingress-nginx writes when it starts.
pub(super) fn is_banner(line: &str) -> bool {
    let rule = line.len() > 20 && line.bytes().all(|b| b == b'-');
    let fact = ["Release:", "Build:", "Repository:", "nginx version:"];
    let indented = line.strip_prefix("  ").is_some_and(|rest| fact.iter().any(|f| rest.starts_with(f)));
    rule || line == "NGINX Ingress controller" || indented
}

#[cfg(test)]
mod tests;
