//! What does one line of an ingress controller's log say?
//!
//! One file per format. A line is an access entry, known noise, or unparsed; which slot an entry
//! belongs to is asked elsewhere ([`crate::attribute`]).
//!
//! Architecture Invariant: entries are read by structure, from known positions. Most fields are chosen
//! by the one who sends the request, so no reader ever searches a line for a name.

pub mod envoy;
mod fields;
pub mod json;
pub mod keys;
pub mod nginx;
pub mod own;
mod request;
pub mod times;
pub mod unreadable;

use std::borrow::Cow;

use jiff::Timestamp;

/// How a controller writes its access log.
#[derive(Debug, Clone, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Each line decides.
    Auto,
    /// ingress-nginx, as it comes.
    Nginx,
    /// ingress-nginx with a `log-format-upstream` of JSON.
    NginxJson,
    /// Traefik with `accesslog.format=json`.
    TraefikJson,
    /// Envoy Gateway, as it comes.
    EnvoyJson,
    /// JSON with fields that the operator names.
    #[value(skip)]
    Json(keys::Keys),
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a line is judged and forgotten: a box for each costs more than its size"
)]
pub enum Line<'a> {
    /// One request.
    Access(Entry<'a>),
    /// A line that is known not to be a request.
    Noise,
    /// Anything else: it could have been a request.
    Unparsed,
}

/// One request, as far as a verdict needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The upstream that served it, as `<namespace>-<service>-<port>`; none if nobody did.
    pub upstream: Option<Cow<'a, str>>,
    /// The canary upstream, if there is one: it may have served the request instead.
    pub alternative: Option<Cow<'a, str>>,
    /// The namespace, where the log says it by itself.
    pub namespace: Option<Cow<'a, str>>,
    /// True if that is the namespace of the route, and the Service may be in another one.
    pub by_route: bool,
    /// The namespace of the Service that served, where the log says that beside the route's.
    pub backend: Option<Cow<'a, str>>,
    /// The name of the route.
    pub route: Option<Cow<'a, str>>,
    /// Traefik's entry point, which it may put before the name of the route.
    pub entry_point: Option<Cow<'a, str>>,
    /// The addresses that were tried, as they were written, in order where one key holds them.
    pub served: Option<Cow<'a, str>>,
    /// The hosts that were asked for, with a blank between them where several keys hold some.
    pub host: Option<Cow<'a, str>>,
    /// URLs that were asked for, in the same way: only their hosts say anything.
    pub url: Option<Cow<'a, str>>,
    /// What the controller wrote beyond what is understood.
    pub extra: Option<Cow<'a, str>>,
    /// True for a TCP or UDP session.
    pub stream: bool,
    /// The path that was asked for, as it was written.
    pub path: Option<Cow<'a, str>>,
    /// The user agent, as it was written.
    pub agent: Option<Cow<'a, str>>,
    /// When the controller says that it logged this.
    pub logged: Option<Timestamp>,
}

impl Entry<'_> {
    /// True if the entry says whom the request was for. Only such an entry proves that the log can
    /// tell: `-` is also what a log would show that never names anybody.
    #[must_use]
    pub fn names_somebody(&self) -> bool {
        self.upstream.is_some() || self.alternative.is_some() || self.namespace.is_some()
    }
}

/// Reads one line of a log, without the runtime's timestamp before it.
#[must_use]
pub fn read<'a>(line: &'a str, format: &Format) -> Line<'a> {
    if is_noise(line) {
        return Line::Noise;
    }
    match format {
        Format::Nginx => nginx::read(line),
        Format::NginxJson => json::read(line, json::Dialect::Nginx),
        Format::TraefikJson => json::read(line, json::Dialect::Traefik),
        Format::EnvoyJson => json::read(line, json::Dialect::Envoy),
        Format::Json(keys) => json::read(line, json::Dialect::Named(keys)),
        Format::Auto if line.starts_with('{') => json::read(line, json::Dialect::Either),
        Format::Auto => nginx::read(line),
    }
}

/// Lines that controllers write beside their access log.
fn is_noise(line: &str) -> bool {
    line.trim_start().is_empty() || is_own_log(line) || nginx::is_banner(line) || own::is_trace(line)
}

/// True for a line of a controller's own log, as its first words tell.
pub(crate) fn is_own_log(line: &str) -> bool {
    is_klog(line) || nginx::is_error_log(line) || envoy::is_own_log(line) || own::is_traefiks(line)
}

/// The log of Kubernetes' own programs: `I1123 15:04:05.678901       7 main.go:42] …`.
fn is_klog(line: &str) -> bool {
    let shape = b"L0000 00:00:00.000000 ";
    shape.len() < line.len()
        && shape.iter().zip(line.bytes()).all(|(expected, found)| match expected {
            b'L' => matches!(found, b'I' | b'W' | b'E' | b'F'),
            b'0' => found.is_ascii_digit(),
            other => *other == found,
        })
}

/// A field that says "none": nginx writes `-`, and nothing at all before it has chosen a server.
pub(crate) fn named(value: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!value.is_empty() && value != "-").then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controllers_say_beside_the_access_log_is_noise() {
        for line in include_str!("../tests/data/noise.log").lines() {
            assert_eq!(read(line, &Format::Auto), Line::Noise, "{line}");
        }
    }

    #[test]
    fn a_tcp_session_is_an_entry_that_names_nobody() {
        for (line, served) in [
            ("[203.0.113.9] [23/Nov/2026:15:04:05 +0000] TCP 200 512 612 0.101", None),
            ("[2001:db8::7] [23/Nov/2026:15:04:05 +0000] UDP 200 512 612 0.101 10.244.0.7:53", Some("10.244.0.7:53")),
        ] {
            let Line::Access(entry) = read(line, &Format::Auto) else { panic!("{line}") };
            assert!(entry.stream && !entry.names_somebody(), "{line}");
            assert_eq!(entry.served.as_deref(), served, "{line}");
        }
        let cut = read("[203.0.113.9] [23/Nov/2026:15:04:05 +0000] TCP 200 51", &Format::Auto);
        assert_eq!(cut, Line::Unparsed);
    }

    #[test]
    fn what_could_have_been_a_request_is_unparsed() {
        for line in include_str!("../tests/data/unparsed.log").lines() {
            assert_eq!(read(line, &Format::Auto), Line::Unparsed, "{line}");
        }
    }
}
