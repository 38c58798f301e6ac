//! Is what the webhook serves signed by whom the API server trusts, and for how long still?

use jiff::Timestamp;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::finding::{Finding, Id};

/// What renews them.
pub(super) const RENEW: &str = "kubectl -n hotdesk create job certs-now --from=cronjob/hotdesk-certs (where cert-manager issues them, look at its Certificate first: kubectl -n hotdesk describe certificate)";

/// Certificates are renewed after two thirds of their lifetime: with less than this share left, nobody has renewed them.
const LATE: f64 = 0.25;

const SERVED: &str = "the webhook's certificate";
const TRUSTED: &str = "the webhook's CA";

/// A certificate, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    from: i64,
    until: i64,
}

/// All certificates of a PEM bundle.
///
/// # Errors
/// Says which is none.
pub(super) fn read(bundle: &[u8]) -> Result<Vec<Certificate>, String> {
    let mut found = Vec::new();
    for pem in Pem::iter_from_buffer(bundle) {
        let pem = pem.map_err(|e| format!("it is not PEM: {e}"))?;
        let (_, parsed) =
            X509Certificate::from_der(&pem.contents).map_err(|e| format!("it is not a certificate: {e}"))?;
        let (from, until) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        found.push(Certificate { der: pem.contents.clone(), from, until });
    }
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

impl Certificate {
    /// When it ends, in seconds since 1970.
    pub(super) fn until(&self) -> i64 {
        self.until
    }

    fn signed(&self, other: &Self) -> bool {
        let both = (X509Certificate::from_der(&self.der), X509Certificate::from_der(&other.der));
        let (Ok((_, ca)), Ok((_, leaf))) = both else { return false };
        ca.subject() == leaf.issuer() && leaf.verify_signature(Some(ca.public_key())).is_ok()
    }
}

/// A bundle of a webhook configuration.
#[derive(Debug, Clone)]
pub(super) struct Bundle {
    /// Of which entry.
    pub(super) entry: String,
    pub(super) pem: Vec<u8>,
}

/// Whether the API server trusts what is served.
pub(super) fn judge(bundles: &[Bundle], served: &Result<Vec<u8>, String>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let leaf = match served.as_ref().map(|pem| read(pem)) {
        Ok(Ok(chain)) => chain.into_iter().next(),
        Ok(Err(why)) => {
            findings.push(
                Finding::problem(Id::WebhookCertificate, SERVED, format!("its Secret cannot be used: {why}"))
                    .with_fix(RENEW),
            );
            None
        }
        Err(why) => {
            findings.push(
                Finding::unknown(Id::WebhookCertificate, SERVED, why)
                    .with_fix("run this with the right to get the Secrets of hotdesk's namespace"),
            );
            None
        }
    };
    findings.extend(leaf.as_ref().map(|leaf| lasts(Id::WebhookCertificate, SERVED, leaf, now, false)));
    findings.extend(trusted(bundles, leaf.as_ref(), now));
    findings
}

fn trusted(bundles: &[Bundle], leaf: Option<&Certificate>, now: Timestamp) -> Vec<Finding> {
    let (mut findings, mut signers) = (Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    for bundle in bundles {
        match read(&bundle.pem) {
            Err(why) => {
                let message = format!("the CA bundle of {} cannot be used: {why}", bundle.entry);
                findings.push(Finding::problem(Id::WebhookTrust, TRUSTED, message).with_fix(RENEW));
            }
            Ok(cas) => match leaf.map(|leaf| cas.iter().find(|ca| ca.signed(leaf))) {
                Some(None) => wrong.push(bundle.entry.as_str()),
                Some(Some(ca)) => signers.push(ca.clone()),
                // Which of them signs is not known, and the one that lasts longest is the newest.
                None => signers.extend(cas.into_iter().max_by_key(Certificate::until)),
            },
        }
    }
    if !wrong.is_empty() {
        let message = format!(
            "the CA bundle of {} did not sign the certificate that the webhook serves, so the API server does not trust it",
            hotdesk_slots::text::list(&wrong)
        );
        findings.push(Finding::problem(Id::WebhookTrust, TRUSTED, message).with_fix(RENEW));
    }
    if findings.is_empty() {
        findings.extend(
            signers
                .iter()
                .min_by_key(|ca| ca.until())
                .map(|ca| lasts(Id::WebhookTrust, TRUSTED, ca, now, leaf.is_some())),
        );
    }
    findings
}

#[expect(clippy::cast_precision_loss, reason = "a share of a lifetime, for a judgement")]
fn lasts(id: Id, subject: &str, certificate: &Certificate, now: Timestamp, signs: bool) -> Finding {
    let (left, whole) = (certificate.until - now.as_second(), certificate.until - certificate.from);
    let days = left / 86_400;
    if certificate.from > now.as_second() {
        Finding::problem(id, subject, "is not valid yet: a clock is wrong").with_fix("set the clocks of the nodes")
    } else if left <= 0 {
        Finding::problem(id, subject, format!("expired {} days ago, so no write in a slot is admitted", -days))
            .with_fix(RENEW)
    } else if (left as f64) < whole as f64 * LATE {
        Finding::warning(id, subject, format!("expires in {days} days, and should have been renewed by now"))
            .with_fix(RENEW)
    } else {
        let more = if signs { " and signed what is served" } else { "" };
        Finding::ok(id, subject, format!("is valid for {days} days{more}"))
    }
}

#[cfg(test)]
mod tests;
