//! How are a new CA and a new leaf made?
//!
//! ECDSA on P-256, which every TLS client takes and which signs fast. The only randomness of this
//! crate is here: keys and serial numbers.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};

use crate::certificate::{Certificate, Pair};

/// How far a certificate is dated back, so that a client whose clock is behind accepts it at once.
const BACKDATED: SignedDuration = SignedDuration::from_mins(10);

/// The end of the year 9000; certificates and rcgen's calendar end with the year 9999.
const LAST: Timestamp = Timestamp::constant(221_876_928_000, 0);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("cannot make the certificate: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("the new certificate cannot be read back: {0}")]
    ReadBack(String),
    #[error("an API server would reject the new certificate: {0}")]
    Rejected(String),
    #[error("{0} is out of the range that a certificate can express: choose a shorter lifetime")]
    Moment(Timestamp),
}

/// Makes a CA that may sign leaves and nothing below them.
///
/// # Errors
/// When the key or the certificate cannot be made.
pub(crate) fn ca(lifetime: SignedDuration, now: Timestamp) -> Result<Pair, IssueError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    // Each CA has a name of its own, so that a client which knows two of them tells them apart.
    params.distinguished_name = name(&format!("hotdesk CA {}", now.strftime("%Y-%m-%dT%H:%M:%SZ")));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    date(&mut params, now, after(now, lifetime))?;
    let certificate = params.self_signed(&key)?;
    read_back(certificate.der(), key)
}

/// Makes a server certificate for these names. It never outlives its CA.
///
/// # Errors
/// When a name is not a DNS name, or the key or the certificate cannot be made.
pub(crate) fn leaf(ca: &Pair, names: &[String], lifetime: SignedDuration, now: Timestamp) -> Result<Pair, IssueError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name(names.first().map_or("hotdesk", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    date(&mut params, now, after(now, lifetime).min(ca.certificate.not_after))?;
    let issuer = Issuer::from_ca_cert_der(ca.certificate.der(), &ca.key)?;
    let certificate = params.signed_by(&key, &issuer)?;
    read_back(certificate.der(), key)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "hotdesk");
    name.push(DnType::CommonName, common);
    name
}

fn after(now: Timestamp, lifetime: SignedDuration) -> Timestamp {
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}

fn date(params: &mut CertificateParams, now: Timestamp, until: Timestamp) -> Result<(), IssueError> {
    let from = now.saturating_sub(BACKDATED).unwrap_or(now);
    // Added to the epoch, rcgen's dates need no second time library among our dependencies.
    let date = |moment: Timestamp| match u64::try_from(moment.as_second()) {
        Ok(seconds) if moment < LAST => Ok(date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)),
        _ => Err(IssueError::Moment(moment)),
    };
    params.not_before = date(from)?;
    params.not_after = date(until)?;
    Ok(())
}

fn read_back(der: &rustls_pki_types::CertificateDer<'_>, key: KeyPair) -> Result<Pair, IssueError> {
    let certificate = Certificate::from_der(der).map_err(IssueError::ReadBack)?;
    Ok(Pair { certificate, key })
}
