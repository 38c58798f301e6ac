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
    entry(line).or_else(|| session(line)).map_or(Line::Unparsed, Line::Access)
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (before, rest) = line.split_once('"')?;
    let (request, rest) = rest.split_once('"')?;
    let (numbers, rest) = rest.split_once('"')?;
    let (referer, rest) = rest.split_once('"')?;
    let rest = rest.strip_prefix(" \"")?;
    let (agent, rest) = rest.split_once('"')?;
    let (asked, time) = head(before)?;
    // nginx writes a backslash as `\x5C`, unless it escapes as for JSON: then the quotes are the sender's.
    let escaped = [before, request, referer, agent].iter().any(|text| text.ends_with('\\'));
    let sound = are_numbers(numbers.strip_prefix(' ')?.strip_suffix(' ')?) && !escaped;
    let entry = upstreams(rest.strip_prefix(' ')?)?;
    sound.then(|| Entry {
        path: path(request).map(Cow::from),
        agent: named(agent.into()),
        logged: times::nginx(time),
        // Some put the host in the place of the client's address, which is nobody's to repeat.
        host: asked.bytes().any(|byte| matches!(byte, b'g'..=b'z' | b'G'..=b'Z')).then(|| asked.into()),
        ..entry
    })
}

/// What stands behind the first six quotes of a line, all of it but the id by nginx; for a line whose beginning is too long
/// to be kept, behind the last one.
#[must_use]
pub fn tail(line: &str) -> Option<Entry<'_>> {
    let (sent, behind) = line.rsplit_once("\" ")?;
    if sent.ends_with('\\') { None } else { upstreams(behind) }
}

/// A TCP or UDP session, in the format of ingress-nginx: `[$remote_addr] [$time_local] $protocol $status $bytes_sent
/// $bytes_received $session_time`. It names nobody.
fn session(line: &str) -> Option<Entry<'_>> {
    let end = ["] TCP ", "] UDP "].iter().find_map(|mark| line.find(mark))?;
    let (before, rest) = (line.get(..end)?, line.get(end + "] ".len()..)?);
    let (address, time) = before.rsplit_once(" [")?;
    let mut fields = rest.split(' ');
    let _protocol = fields.next()?;
    let numbers = fields.clone().take(4).filter(|field| is_number(field)).count() == 4;
    let sound = numbers && !address.is_empty() && !address.contains(' ');
    let extra = fields.nth(3).and_then(|last| rest.split_once(last)).map(|(_, extra)| extra.trim());
    let logged = times::nginx(time)?;
    sound.then(|| Entry {
        stream: true,
        logged: Some(logged),
        served: extra.filter(|extra| !extra.is_empty()).map(Cow::from),
        ..Entry::default()
    })
}

/// `$remote_addr - $remote_user [$time_local] `; the user may hold anything but a quote. Returns the address and the time.
fn head(text: &str) -> Option<(&str, &str)> {
    let (address, rest) = text.split_once(" - ")?;
    let (_user, time) = rest.strip_suffix("] ")?.rsplit_once(" [")?;
    let sound = !address.is_empty() && !address.contains(' ') && time.bytes().filter(|b| *b == b':').count() >= 3;
    sound.then_some((address, time))
}

/// `$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr
/// $upstream_response_length $upstream_response_time $upstream_status $req_id`, and whatever the operator put behind it.
fn upstreams(text: &str) -> Option<Entry<'_>> {
    let (numbers, rest) = text.split_once(" [")?;
    let (upstream, rest) = rest.split_once("] [")?;
    let (alternative, rest) = rest.split_once("] ")?;
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_graphic() && b != b'[' && b != b']');
    let whole = rest.split(' ').filter(|field| !field.is_empty()).nth(3).is_some();
    let sound = are_numbers(numbers) && plain(upstream) && plain(alternative) && whole;
    sound.then(|| {
        let (served, behind) = rest.split_at(list(rest));
        // Behind the addresses come three lists, and the id, which may be the sender's.
        let extra =
            (0..3).fold(behind, |rest, _| rest.get(1 + list(rest.get(1..).unwrap_or_default())..).unwrap_or_default());
        let extra = extra.trim_start().split_once(' ').map(|(_id, extra)| extra);
        Entry {
            upstream: named(upstream.into()),
            alternative: named(alternative.into()),
            served: named(served.into()),
            extra: extra.map(Cow::from),
            ..Entry::default()
        }
    })
}

/// How long a list is as nginx writes it: `10.0.0.7:80, 10.0.0.8:80 : 10.0.0.6:80`.
fn list(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        end += rest.find(' ').unwrap_or(rest.len());
        let more = text.get(end..).unwrap_or_default();
        if more.starts_with(" : ") {
            end += 3;
        } else if text.get(..end).is_some_and(|list| list.ends_with(',')) && !more.is_empty() {
            end += 1;
        } else {
            return end;
        }
    }
}

/// Two numbers, or `-` where nginx has none.
fn are_numbers(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(a, b)| is_number(a) && is_number(b))
}

fn is_number(field: &str) -> bool {
    field == "-" || (!field.is_empty() && field.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
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
    // What a test of its configuration says. A log that came by syslog begins like it.
    let tests = ["nginx: [", "nginx: the configuration file ", "nginx: configuration file ", "Error: exit status "];
    let test = tests.iter().any(|begin| line.starts_with(begin));
    rule || line == "NGINX Ingress controller" || indented || test
}

#[cfg(test)]
mod tests;
