//! Which CAs do clients trust?

use crate::certificate::Certificate;
use crate::configuration::Configuration;

/// The bundle that clients shall trust: the CA that signs first, then the previous ones.
pub(crate) fn text(ca: &Certificate, previous: &[Certificate]) -> String {
    std::iter::once(ca).chain(previous).map(|c| c.pem.as_str()).collect()
}

/// Every CA that a configuration shows, as far as they can be read.
pub(crate) fn published(configurations: &[Configuration]) -> Vec<Certificate> {
    let bundles = configurations.iter().flat_map(|c| &c.entries).map(|entry| &entry.bundle);
    let mut all = Vec::new();
    for ca in bundles.flat_map(|bundle| Certificate::all_from_pem(bundle).unwrap_or_default()) {
        if !all.contains(&ca) {
            all.push(ca);
        }
    }
    all
}
