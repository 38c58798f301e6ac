//! Would an API server that trusts this bundle accept this leaf?

use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{ServerName, UnixTime};

use crate::certificate::{Age, Certificate};

/// Asks a real TLS client's verifier.
///
/// # Errors
/// Why the leaf is rejected.
pub(crate) fn accepts(
    bundle: &[u8],
    leaf: &Certificate,
    intermediates: &[Certificate],
    name: &str,
    at: Timestamp,
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    // API servers reject a CA outside its own dates; rustls does not look at a root's dates.
    let in_force = |ca: &Certificate| matches!(ca.age(at), Age::Fresh | Age::Due);
    for ca in Certificate::all_from_pem(bundle)?.iter().filter(|ca| in_force(ca)) {
        roots.add(ca.der().clone()).map_err(|e| e.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|e| format!("no CA in force: {e}"))?;
    let name = ServerName::try_from(name.to_owned()).map_err(|e| format!("{name}: {e}"))?;
    let seconds = u64::try_from(at.as_second()).map_err(|e| format!("{at}: {e}"))?;
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let intermediates: Vec<_> = intermediates.iter().map(|certificate| certificate.der().clone()).collect();
    match verifier.verify_server_cert(leaf.der(), &intermediates, &name, &[], at) {
        Ok(_verified) => Ok(()),
        Err(e) => Err(format!("{}: {e}", name.to_str())),
    }
}
