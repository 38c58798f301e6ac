//! What does one line of an ingress controller's log say?
//!
//! One file per format. A line is an access entry, known noise, or unparsed; which slot an entry
//! belongs to is asked elsewhere ([`crate::attribute`]).
//!
//! Architecture Invariant: entries are read by structure, from known positions. Most fields are chosen
//! by whoever sends the request, so no reader ever searches a line for a name. What makes a reader fast may skip work, and
//! never decide: for each there is a plain reader that has the last word (`serde_json`, the time library, or one that the
//! tests alone use), and the tests hold both to the same answer on real, damaged and made-up lines.

#[cfg(test)]
mod damage;
pub mod envoy;
mod fast;
mod fields;
pub mod json;
pub mod keys;
pub mod nginx;
pub mod times;

use std::borrow::Cow;

use jiff::Timestamp;
use memchr::memchr;

use fast::shape::Shapes;
use times::Minute;

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

/// What a log's lines were like, so that the next ones are read faster. All of them are to be read in the same format.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    shapes: Shapes,
    /// When the runtime wrote the last line.
    pub(crate) written: Minute<{ times::RFC_3339 }>,
    /// When nginx logged the last line.
    logged: Minute<{ times::NGINX }>,
}

/// What was learned makes no difference to what a line says.
impl PartialEq for Learned {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Learned {}

/// Reads one line of a log, without the runtime's timestamp before it.
#[must_use]
pub fn read<'a>(line: &'a str, format: &Format, learned: &mut Learned) -> Line<'a> {
    if is_noise(line) {
        return Line::Noise;
    }
    match format {
        Format::Nginx => nginx::read(line, &mut learned.logged),
        Format::NginxJson => json::read_alike(line, json::Dialect::Nginx, &mut learned.shapes),
        Format::TraefikJson => json::read_alike(line, json::Dialect::Traefik, &mut learned.shapes),
        Format::EnvoyJson => json::read_alike(line, json::Dialect::Envoy, &mut learned.shapes),
        Format::Json(keys) => json::read_alike(line, json::Dialect::Named(keys), &mut learned.shapes),
        Format::Auto if line.starts_with('{') => json::read_alike(line, json::Dialect::Either, &mut learned.shapes),
        Format::Auto => nginx::read(line, &mut learned.logged),
    }
}

/// Lines that controllers write beside their access log.
fn is_noise(line: &str) -> bool {
    line.trim_start().is_empty()
        || is_klog(line)
        || nginx::is_error_log(line)
        || nginx::is_banner(line)
        || envoy::is_own_log(line)
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

/// What is before and what behind the first such byte, which is ASCII.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The same where the byte is but a few bytes away: looking at each is then faster than looking at many at once.
fn split_near(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|found| found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controllers_say_beside_the_access_log_is_noise() {
        for line in include_str!("../tests/data/noise.log").lines() {
            assert_eq!(read(line, &Format::Auto, &mut Learned::default()), Line::Noise, "{line}");
        }
    }

    #[test]
    fn what_could_have_been_a_request_is_unparsed() {
        for line in include_str!("../tests/data/unparsed.log").lines() {
            assert_eq!(read(line, &Format::Auto, &mut Learned::default()), Line::Unparsed, "{line}");
        }
    }
}
