//! What does a text that stands for a host name mean?

use std::borrow::Cow;

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<'a> {
    /// One host, or all hosts below a domain.
    Host(Host<'a>),
    /// Whatever fits a pattern, or every host.
    Pattern,
    /// It is not a host name.
    Nothing,
}

/// A host name in lower case, without a port or a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host<'a> {
    /// The name; of a wildcard, what stands behind `*.`.
    pub name: Cow<'a, str>,
    /// True for all hosts below it.
    pub is_wildcard: bool,
}

/// The longest name in DNS.
const LONGEST: usize = 253;

impl<'a> Asked<'a> {
    /// Reads a text.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        if let Some(host) = Host::read(text) {
            return Self::Host(host);
        }
        let text = bare(text);
        // What is not ASCII may be mapped to it by who reads it.
        let is_pattern = !text.contains('/') && (text.contains(['*', '~', '^', '$', '\\', '(']) || !text.is_ascii());
        if is_pattern { Self::Pattern } else { Self::Nothing }
    }
}

impl<'a> Host<'a> {
    /// Reads a text that is a host name. A name without a dot is not a host that a slot could have.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        // Of a large object every text is asked about, and most have none.
        if !text.contains('.') {
            return None;
        }
        let text = bare(text);
        let (rest, is_wildcard) = match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let name = rest.trim_end_matches('.');
        let is_host = is_name(name) && (is_wildcard || name.contains('.'));
        is_host.then(|| Host { name: in_lower_case(name), is_wildcard })
    }
}

impl Host<'_> {
    /// The same, held by nobody else.
    #[must_use]
    pub fn into_owned(self) -> Host<'static> {
        Host { name: self.name.into_owned().into(), is_wildcard: self.is_wildcard }
    }

    /// The namespace of the Service that this name is in a cluster: `web.mew.svc.cluster.local`, whatever stands behind `svc`.
    pub fn service_namespaces(&self) -> impl Iterator<Item = &str> {
        let mut labels = self.name.split('.');
        let mut last = labels.next().unwrap_or_default();
        labels.filter_map(move |label| {
            let namespace = std::mem::replace(&mut last, label);
            matches!(label, "svc" | "pod").then_some(namespace)
        })
    }

    /// True for all Services of a cluster: `*.svc.cluster.local`.
    #[must_use]
    pub fn is_every_service(&self) -> bool {
        self.is_wildcard && self.name.split('.').next() == Some("svc")
    }
}

/// What every host ends in that a text such as `*ew.dev.example.com` takes: controllers read such a star as any beginning, also
/// within a label. In lower case; nothing where there is no such star.
pub(super) fn ending_of(text: &str) -> Option<Cow<'_, str>> {
    let ending = bare(text).strip_prefix('*')?.trim_end_matches('.');
    (!ending.starts_with('.') && is_name(ending)).then(|| in_lower_case(ending))
}

/// The host of a URL, with its port; also of one without a scheme.
pub(super) fn host_of(url: &str) -> &str {
    let url = url.trim();
    let is_sign = |c: char| matches!(c, '/' | '\\');
    let rest = url.split_once(':').filter(|(_, rest)| rest.starts_with(is_sign)).map_or(url, |(_, rest)| rest);
    let rest = rest.trim_start_matches(is_sign);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn bare(text: &str) -> &str {
    let text = text.trim();
    if text.bytes().any(|byte| matches!(byte, b'/' | b':')) { without_port(without_namespace(text)) } else { text }
}

/// Istio writes a namespace before a host, or a sign in its place.
fn without_namespace(text: &str) -> &str {
    match text.split_once('/') {
        Some((namespace, host)) if matches!(namespace, "*" | "." | "~") || is_label(namespace) => host,
        _ => text,
    }
}

fn in_lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => text,
    }
}

/// True for names as resolvers take them, which is more than the standards allow.
pub(super) fn is_name(name: &str) -> bool {
    let mut is_between = true;
    // In one pass, for a review may have very many.
    let fits = name.bytes().all(|byte| match byte {
        b'.' => !std::mem::replace(&mut is_between, true),
        _ => {
            is_between = false;
            is_of_label(byte)
        }
    });
    fits && !is_between && name.len() <= LONGEST
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(is_of_label)
}

fn is_of_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
