//! What do the webhook configurations show, and which patch makes them show something else?
//!
//! Architecture Invariant: of a configuration, only the `caBundle` and the `service.path` of its entries are ever
//! written. The chart leaves both fields out, so helm and this job never contend for them.

use std::fmt;

use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::webhook_path::{SecretPath, route};
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, TestOperation};

use crate::certificate::Certificate;

/// Which of the two kinds of webhook configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mutating,
    Validating,
}

/// A webhook configuration, as far as this job goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) resource_version: String,
    /// In order.
    pub(crate) entries: Vec<Entry>,
}

/// One webhook of a configuration.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The CAs that the API server trusts there, as PEM.
    pub(crate) bundle: Vec<u8>,
    /// The URL path that the API server calls; none if it calls `/`.
    pub(crate) path: Option<String>,
}

/// A patch of one configuration.
#[derive(Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) patch: Patch,
}

impl Configuration {
    /// The patch that makes every entry show exactly this bundle; none if all of them do.
    pub(crate) fn show_bundle(&self, bundle: &str) -> Option<Update> {
        self.update(&["caBundle"], |entry| (entry.bundle != bundle.as_bytes()).then(|| encoded(bundle)))
    }

    /// The patch that makes the API server call every entry below this path; none if it does.
    pub(crate) fn show_path(&self, path: &SecretPath) -> Option<Update> {
        self.update(&["service", "path"], |entry| {
            let wanted = path.url(self.route(entry));
            (entry.path.as_ref() != Some(&wanted)).then_some(wanted)
        })
    }

    /// The secret paths below which the API server calls the entries, where it calls them by such a path and by the right route.
    pub(crate) fn paths(&self) -> impl Iterator<Item = Option<SecretPath>> {
        self.entries.iter().map(|entry| {
            let (path, route) = SecretPath::split(entry.path.as_deref()?)?;
            (route == self.route(entry)).then_some(path)
        })
    }

    /// True if every entry shows this CA.
    pub(crate) fn shows(&self, ca: &Certificate) -> bool {
        let shows =
            |entry: &Entry| Certificate::all_from_pem(&entry.bundle).is_ok_and(|published| published.contains(ca));
        self.entries.iter().all(shows)
    }

    fn route(&self, entry: &Entry) -> &'static str {
        route(self.kind == Kind::Mutating, &entry.name)
    }

    /// It carries the version that was read, so that the API server refuses it with a conflict if
    /// anybody wrote in between: an older run must not take away what a newer one published.
    fn update(&self, field: &[&str], wanted: impl Fn(&Entry) -> Option<String>) -> Option<Update> {
        let stale = self.entries.iter().enumerate().filter_map(|(i, entry)| Some((i, entry, wanted(entry)?)));
        let mut operations: Vec<PatchOperation> =
            stale.flat_map(|(i, entry, value)| set(i, &entry.name, field, value)).collect();
        if operations.is_empty() {
            return None;
        }
        let path = PointerBuf::from_tokens(["metadata", "resourceVersion"]);
        let value = self.resource_version.as_str().into();
        operations.insert(0, PatchOperation::Replace(ReplaceOperation { path, value }));
        Some(Update { kind: self.kind, name: self.name.clone(), patch: Patch(operations) })
    }
}

fn set(entry: usize, name: &str, field: &[&str], value: String) -> [PatchOperation; 2] {
    let entry = entry.to_string();
    let named = PointerBuf::from_tokens(["webhooks", &entry, "name"]);
    let path = PointerBuf::from_tokens(["webhooks", &entry, "clientConfig"].into_iter().chain(field.iter().copied()));
    [
        PatchOperation::Test(TestOperation { path: named, value: name.into() }),
        PatchOperation::Add(AddOperation { path, value: value.into() }),
    ]
}

/// Bytes are base64 in Kubernetes' JSON.
fn encoded(bundle: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bundle)
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), sanitize_short(&self.name))
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), sanitize_short(&self.name))
    }
}

// What these hold of the path is a secret.
impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Update({self})")
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.name)
    }
}

impl Kind {
    /// The kind's name in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }
}
