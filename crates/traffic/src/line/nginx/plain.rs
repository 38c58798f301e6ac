//! The reader of nginx's text log as it reads most easily, piece by piece. The tests hold the one that is fast to it.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::fmt::strtime;

use crate::line::{Entry, Line, named};

/// Reads one line.
pub(super) fn read(line: &str) -> Line<'_> {
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
