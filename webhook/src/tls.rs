//! Which certificate does the server show, and how is it renewed without a restart?
//!
//! The files are read again on a timer and compared by content: a mounted Secret changes by a swap of
//! a symbolic link, which watching the files would miss. A pair that does not parse or does not match
//! is left aside, and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate that new connections are shown, and where it comes from.
#[derive(Debug)]
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwapOption<Pair>,
    /// What was last found wrong, so that it is logged once.
    complaint: Mutex<Option<String>>,
}

/// A certificate with its key.
#[derive(Debug)]
struct Pair {
    files: (Vec<u8>, Vec<u8>),
    certified: Arc<CertifiedKey>,
    expires: Timestamp,
}

/// Why a pair of files is not a certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file is not there, or may not be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The certificate's file.
    #[error("{0} holds no certificate as PEM: {1}")]
    Certificate(PathBuf, String),
    /// The key's file.
    #[error("{0} holds no private key as PEM: {1}")]
    Key(PathBuf, String),
    /// Both can be read, and do not belong together.
    #[error("the certificate in {0} and the key in {1} do not belong together: {2}")]
    Mismatch(PathBuf, PathBuf, rustls::Error),
}

impl Certificates {
    /// Reads the files once. They need not be there yet: until they are, handshakes fail.
    #[must_use]
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let certificates =
            Self { cert: cert.into(), key: key.into(), current: ArcSwapOption::empty(), complaint: Mutex::default() };
        certificates.reload();
        certificates
    }

    /// Reads the files again, and takes them if they have changed and are sound. True if it took them.
    pub fn reload(&self) -> bool {
        match self.read_new() {
            Ok(None) => {
                self.complain(None);
                false
            }
            Ok(Some(pair)) => {
                tracing::info!(expires = %pair.expires, file = %self.cert.display(), "took a new certificate");
                self.current.store(Some(Arc::new(pair)));
                self.complain(None);
                true
            }
            Err(error) => {
                self.complain(Some(error.to_string()));
                false
            }
        }
    }

    /// Reads the files again and again.
    pub async fn follow(&self, every: Duration) {
        let mut timer = tokio::time::interval(every);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            self.reload();
        }
    }

    /// When the certificate that is shown expires; absent while there is none.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.current.load().as_ref().map(|pair| pair.expires)
    }

    /// The TLS side of a server that shows these certificates. TLS 1.2 and 1.3, HTTP/1.1: the API
    /// server speaks nothing newer to a webhook that is not on its own host.
    ///
    /// # Errors
    /// If the crypto library supports neither version of TLS, which would be a build gone wrong.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn read_new(&self) -> Result<Option<Pair>, PairError> {
        let files = (read(&self.cert)?, read(&self.key)?);
        if self.current.load().as_ref().is_some_and(|pair| pair.files == files) {
            return Ok(None);
        }
        self.parse(files).map(Some)
    }

    fn parse(&self, files: (Vec<u8>, Vec<u8>)) -> Result<Pair, PairError> {
        let no_certificate = |what: String| PairError::Certificate(self.cert.clone(), what);
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&files.0)
            .collect::<Result<_, _>>()
            .map_err(|e| no_certificate(e.to_string()))?;
        let leaf = chain.first().ok_or_else(|| no_certificate("it is empty".to_owned()))?;
        let expires = expiry(leaf).ok_or_else(|| no_certificate("it is not an X.509 certificate".to_owned()))?;
        let key =
            PrivateKeyDer::from_pem_slice(&files.1).map_err(|e| PairError::Key(self.key.clone(), e.to_string()))?;
        let mismatch = |e| PairError::Mismatch(self.cert.clone(), self.key.clone(), e);
        // It also compares the key with the certificate.
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(mismatch)?;
        Ok(Pair { files, certified: Arc::new(certified), expires })
    }

    /// Logs what is wrong once, until something else is.
    fn complain(&self, problem: Option<String>) {
        let mut last = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| last.as_ref() != Some(problem)) {
            let shown =
                self.expires().map_or_else(|| "none; handshakes fail".to_owned(), |t| format!("the one until {t}"));
            tracing::error!(%problem, %shown, "the certificate's files cannot be used; trying again");
        }
        *last = problem;
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|pair| pair.certified.clone())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(path).map_err(|e| PairError::File(path.to_owned(), e))
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests;
