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

use memchr::{memchr_iter, memchr2, memrchr_iter};

use super::times::{self, Minute, NGINX};
use super::{Entry, Line, named, split_near};

/// Reads one line. `logged` is the minute in which the one before was logged.
#[must_use]
pub fn read<'a>(line: &'a str, logged: &mut Minute<NGINX>) -> Line<'a> {
    entry(line, logged).map_or(Line::Unparsed, Line::Access)
}

fn entry<'a>(line: &'a str, logged: &mut Minute<NGINX>) -> Option<Entry<'a>> {
    let mut quotes = memchr_iter(b'"', line.as_bytes());
    let mut quote = || quotes.next();
    let [first, second, third, fourth, fifth, sixth] = [quote()?, quote()?, quote()?, quote()?, quote()?, quote()?];
    let between = |begin: usize, end: usize| line.get(begin + 1..end);
    let time = head(line.get(..first)?)?;
    let numbers = between(second, third)?.strip_prefix(' ')?.strip_suffix(' ')?;
    let (upstream, alternative) = upstreams(line.get(sixth + 1..)?.strip_prefix(' ')?)?;
    let logged = times::nginx_after(time, logged);
    let is_time = logged.is_some() || time.bytes().filter(|b| *b == b':').count() >= 3;
    let sound = is_time && after_numbers(numbers) == Some("") && between(fourth, fifth)? == " ";
    sound.then_some(())?;
    Some(Entry {
        upstream: named(upstream.into()),
        alternative: named(alternative.into()),
        namespace: None,
        path: path(between(first, second)?).map(Cow::from),
        agent: named(between(fifth, sixth)?.into()),
        logged,
    })
}

/// `$remote_addr - $remote_user [$time_local] `; the user may hold anything but a quote. Returns the time.
fn head(text: &str) -> Option<&str> {
    // An address holds no space, so the first one is the separator's.
    let (address, rest) = split_near(text, b' ')?;
    let rest = rest.strip_prefix("- ")?.strip_suffix("] ")?;
    let bytes = rest.as_bytes();
    let open =
        memrchr_iter(b'[', bytes).find(|at| at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b' '))?;
    let time = rest.get(open + 1..)?;
    (!address.is_empty()).then_some(time)
}

/// `$request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr …`
fn upstreams(text: &str) -> Option<(&str, &str)> {
    let (upstream, rest) = name(after_numbers(text)?.strip_prefix(" [")?)?;
    let (alternative, rest) = name(rest.strip_prefix(" [")?)?;
    has_fields(rest.strip_prefix(' ')?, 4).then_some((upstream, alternative))
}

/// `name]…`: a name of what can be seen, up to its bracket, and what follows that.
fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_graphic() || b == b'[' || b == b']')?;
    Some((text.get(..end)?, text.get(end..)?.strip_prefix(']')?))
}

/// Whether there are so many fields, with any number of spaces between them.
fn has_fields(text: &str, wanted: usize) -> bool {
    let mut begin = 0;
    let ends = memchr_iter(b' ', text.as_bytes()).chain([text.len()]);
    let fields = ends.filter(|end| std::mem::replace(&mut begin, end + 1) < *end);
    fields.take(wanted).count() == wanted
}

/// What follows two numbers, or `-` where nginx has none.
fn after_numbers(text: &str) -> Option<&str> {
    after_number(after_number(text)?.strip_prefix(' ')?)
}

fn after_number(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some(rest);
    }
    let end = text.bytes().position(|b| !matches!(b, b'.' | b'0'..=b'9')).unwrap_or(text.len());
    if end == 0 { None } else { text.get(end..) }
}

/// The path of `GET /path?query HTTP/1.1`.
fn path(request: &str) -> Option<&str> {
    let (_method, rest) = split_near(request, b' ')?;
    // The target ends at a space, and its path at a question mark before that.
    rest.get(..memchr2(b' ', b'?', rest.as_bytes()).unwrap_or(rest.len()))
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
mod plain;

#[cfg(test)]
mod tests;
