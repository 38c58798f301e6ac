//! Which CAs do the webhook configurations show, and which patch makes them show others?
//!
//! Architecture Invariant: of a configuration, only the `caBundle` of its entries is ever written.
//! The chart leaves that field out, so helm and this job never contend for it.

use hotdesk_slots::text::plain;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, TestOperation};

use crate::certificate::Certificate;

/// Which of the two kinds of webhook configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mutating,
    Validating,
}

/// A webhook configuration, as far as its CAs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) resource_version: String,
    /// The name and the `caBundle` of each entry, in order.
    pub(crate) entries: Vec<(String, Vec<u8>)>,
}

/// A patch of one configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) patch: Patch,
}

impl Configuration {
    /// The patch that makes every entry show exactly this bundle; none if all of them do.
    ///
    /// It carries the version that was read, so that the API server refuses it with a conflict if
    /// anybody wrote in between: an older run must not take a newer CA away.
    pub(crate) fn update(&self, bundle: &str) -> Option<Update> {
        let stale = self.entries.iter().enumerate().filter(|(_, (_, found))| found != bundle.as_bytes());
        let mut operations: Vec<PatchOperation> =
            stale.flat_map(|(i, (name, _))| set_bundle(i, name, bundle)).collect();
        if operations.is_empty() {
            return None;
        }
        let path = PointerBuf::from_tokens(["metadata", "resourceVersion"]);
        let value = self.resource_version.as_str().into();
        operations.insert(0, PatchOperation::Replace(ReplaceOperation { path, value }));
        Some(Update { kind: self.kind, name: self.name.clone(), patch: Patch(operations) })
    }

    /// True if every entry shows this CA.
    pub(crate) fn shows(&self, ca: &Certificate) -> bool {
        self.entries.iter().all(|(_, bundle)| Certificate::all_from_pem(bundle).is_ok_and(|cas| cas.contains(ca)))
    }
}

fn set_bundle(entry: usize, name: &str, bundle: &str) -> [PatchOperation; 2] {
    let entry = entry.to_string();
    let named = PointerBuf::from_tokens(["webhooks", &entry, "name"]);
    let path = PointerBuf::from_tokens(["webhooks", &entry, "clientConfig", "caBundle"]);
    [
        PatchOperation::Test(TestOperation { path: named, value: name.into() }),
        PatchOperation::Add(AddOperation { path, value: encoded(bundle).into() }),
    ]
}

/// Bytes are base64 in Kubernetes' JSON.
fn encoded(bundle: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bundle)
}

/// The bundle that clients shall trust: the CA that signs first, then the previous ones.
pub(crate) fn text(ca: &Certificate, previous: &[Certificate]) -> String {
    std::iter::once(ca).chain(previous).map(|c| c.pem.as_str()).collect()
}

/// Every CA that a configuration shows, as far as they can be read.
pub(crate) fn published(configurations: &[Configuration]) -> Vec<Certificate> {
    let bundles = configurations.iter().flat_map(|c| &c.entries).map(|(_, bundle)| bundle);
    let mut all = Vec::new();
    for ca in bundles.flat_map(|bundle| Certificate::all_from_pem(bundle).unwrap_or_default()) {
        if !all.contains(&ca) {
            all.push(ca);
        }
    }
    all
}

impl std::fmt::Display for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), plain(&self.name))
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
