//! Which certificates do the servers of a benchmark show? Those of an authority that lives as long as the run.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The files of a server's certificate.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate, as PEM.
    pub cert: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// If the crypto library has no randomness.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "hotdesk benchmark");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("no authority")?;
        Ok(Self { issuer })
    }

    /// Its certificate, as PEM: what clients trust.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes `NAME.crt` and `NAME.key` for a server on 127.0.0.1.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn server(&self, dir: &Path, name: &str) -> anyhow::Result<Pair> {
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?;
        let pair = Pair { cert: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) };
        std::fs::write(&pair.cert, cert.pem()).with_context(|| pair.cert.display().to_string())?;
        std::fs::write(&pair.key, key.serialize_pem()).with_context(|| pair.key.display().to_string())?;
        Ok(pair)
    }
}
