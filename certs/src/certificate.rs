//! What does a certificate say, and does its key belong to it?

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate, read once, so that a plan only compares dates and names.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    /// The whole of the certificate in PEM, as it is stored and published.
    pub(crate) pem: String,
    /// From when on it is valid.
    pub(crate) not_before: Timestamp,
    /// Until when, this moment included.
    pub(crate) not_after: Timestamp,
    /// The DNS names that it is for; empty for a CA.
    pub(crate) names: BTreeSet<String>,
    /// True if it may sign other certificates.
    pub(crate) is_ca: bool,
    public_key: Vec<u8>,
}

/// A certificate and the private key that belongs to it.
pub(crate) struct Pair {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

/// Why a Secret does not hold a usable certificate and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("there is none")]
    Missing,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("its private key is of another certificate")]
    OtherKey,
}

/// Where a moment lies in a certificate's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    NotYetValid,
    Fresh,
    /// Two thirds of the life are over.
    Due,
    Expired,
}

impl Certificate {
    /// Reads the certificate in DER.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub(crate) fn from_der(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_rest, x509) = X509Certificate::from_der(der).map_err(|e| format!("not a certificate: {e}"))?;
        let moment = |seconds: i64| Timestamp::from_second(seconds).map_err(|e| format!("its validity: {e}"));
        let names = match x509.subject_alternative_name() {
            Ok(extension) => extension.map(|e| dns_names(&e.value.general_names)).unwrap_or_default(),
            Err(e) => return Err(format!("its names: {e}")),
        };
        Ok(Self {
            der: der.clone().into_owned(),
            pem: to_pem(der),
            not_before: moment(x509.validity().not_before.timestamp())?,
            not_after: moment(x509.validity().not_after.timestamp())?,
            names,
            is_ca: x509.is_ca(),
            public_key: x509.public_key().raw.to_vec(),
        })
    }

    /// Reads every certificate of a PEM text; an empty text holds none.
    ///
    /// # Errors
    /// The first one that cannot be read.
    pub(crate) fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, String> {
        let read = |der: Result<CertificateDer<'static>, _>| match der {
            Ok(der) => Self::from_der(&der),
            Err(e) => Err(format!("not PEM: {e}")),
        };
        CertificateDer::pem_slice_iter(pem).map(read).collect()
    }

    /// The certificate as TLS sends it.
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Where a moment lies in its life.
    pub(crate) fn age(&self, now: Timestamp) -> Age {
        if now < self.not_before {
            Age::NotYetValid
        } else if now > self.not_after {
            Age::Expired
        } else if now >= self.due() {
            Age::Due
        } else {
            Age::Fresh
        }
    }

    /// When it is to be renewed: after two thirds of its life.
    pub(crate) fn due(&self) -> Timestamp {
        let third: SignedDuration = self.not_after.duration_since(self.not_before) / 3;
        self.not_after.saturating_sub(third).unwrap_or(self.not_after)
    }

    /// True if `ca` signed this certificate.
    pub(crate) fn is_signed_by(&self, ca: &Self) -> bool {
        // Parsed again, for the parsed form borrows from the DER; both were read before.
        match (X509Certificate::from_der(&self.der), X509Certificate::from_der(&ca.der)) {
            (Ok((_, child)), Ok((_, parent))) => {
                child.issuer() == parent.subject() && child.verify_signature(Some(parent.public_key())).is_ok()
            }
            _ => false,
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({}..{} {:?})", self.not_before, self.not_after, self.names)
    }
}

impl Pair {
    /// Reads a certificate and its key; of a chain, the first certificate counts.
    ///
    /// # Errors
    /// What is missing, unreadable, or does not belong together.
    pub(crate) fn parse(certificate: Option<&[u8]>, key: Option<&[u8]>) -> Result<Self, Flaw> {
        let present = |text: Option<&[u8]>| text.filter(|t| !t.is_empty()).map(<[u8]>::to_vec).ok_or(Flaw::Missing);
        let (certificate, key) = (present(certificate)?, present(key)?);
        let chain = Certificate::all_from_pem(&certificate).map_err(Flaw::Unreadable)?;
        let first = chain.into_iter().next();
        let certificate = first.ok_or_else(|| Flaw::Unreadable("no certificate in it".to_owned()))?;
        let key = String::from_utf8_lossy(&key);
        let key = KeyPair::from_pem(&key).map_err(|e| Flaw::Unreadable(format!("its private key: {e}")))?;
        if key.subject_public_key_info() == certificate.public_key {
            Ok(Self { certificate, key })
        } else {
            Err(Flaw::OtherKey)
        }
    }
}

fn dns_names(names: &[GeneralName<'_>]) -> BTreeSet<String> {
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.iter().filter_map(dns).collect()
}

/// RFC 7468: base64 in lines of 64 characters.
fn to_pem(der: &CertificateDer<'_>) -> String {
    let body = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (i, c) in body.chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}
