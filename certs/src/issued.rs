//! What is there to do where cert-manager issues the certificate?
//!
//! cert-manager writes into a Secret of its own, which no pod mounts. This job brings what is in there to the webhook, in the
//! order of every rotation: a CA is published before anything that it signed is served. cert-manager's CA injector knows no such
//! order: it publishes a replaced CA while pods still serve what the one before it signed, and API servers turn them away.

use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};

use crate::bundle;
use crate::certificate::{Age, Certificate, Flaw, Pair};
use crate::configuration::Configuration;
use crate::held::{CA_CRT, Data, TLS_CRT, TLS_KEY};
use crate::rotation::Step;
use crate::verify;

/// What lives shorter may end between two daily runs: cert-manager renews it when a third of its life is left.
pub(crate) const SHORTEST: SignedDuration = SignedDuration::from_hours(4 * 24);

/// What cert-manager issued.
pub(crate) struct Issued {
    /// What the webhook is to serve.
    pub(crate) leaf: Certificate,
    intermediates: Vec<Certificate>,
    /// The CAs that clients must trust to accept it.
    cas: Vec<Certificate>,
    data: Data,
}

impl Issued {
    /// Reads the Secret that cert-manager fills.
    ///
    /// # Errors
    /// Why it cannot be used, in words; [`Flaw::Missing`] while cert-manager is still at work.
    pub(crate) fn parse(data: &Data) -> Result<Self, Flaw> {
        let get = |key: &str| data.get(key).map(Vec::as_slice);
        let leaf = Pair::parse(get(TLS_CRT), get(TLS_KEY))?.certificate;
        let chain = Certificate::all_from_pem(get(TLS_CRT).unwrap_or_default()).map_err(Flaw::Unreadable)?;
        let cas = Certificate::all_from_pem(get(CA_CRT).unwrap_or_default()).map_err(Flaw::Unreadable)?;
        if cas.is_empty() {
            let why = "its ca.crt is empty, so clients do not know which CA to trust: choose an issuer that names its CA, such as one of type CA or Vault";
            return Err(Flaw::Unreadable(why.to_owned()));
        }
        let data = [TLS_CRT, TLS_KEY, CA_CRT].map(|key| (key.to_owned(), get(key).unwrap_or_default().to_vec())).into();
        Ok(Self { leaf, intermediates: chain.into_iter().skip(1).collect(), cas, data })
    }

    /// How long the certificate lives in all.
    pub(crate) fn lifetime(&self) -> SignedDuration {
        self.leaf.not_after.duration_since(self.leaf.not_before)
    }

    /// The steps that bring it to the webhook, which serves what is in `tls`. `name` is the one by which API servers call it.
    ///
    /// # Errors
    /// Why an API server would reject it.
    pub(crate) fn steps(
        &self,
        tls: &Data,
        name: &str,
        forget_previous: bool,
        configurations: &[Configuration],
        now: Timestamp,
    ) -> Result<Vec<Step>, String> {
        let served = self.data.iter().all(|(key, value)| tls.get(key) == Some(value));
        let mut previous = Vec::new();
        // While the webhook may still serve what was issued before, its CA is needed.
        if !(forget_previous && served) {
            let before = Certificate::all_from_pem(tls.get(CA_CRT).map(Vec::as_slice).unwrap_or_default());
            previous.extend(bundle::published(configurations).into_iter().chain(before.unwrap_or_default()));
        }
        let mut cas = self.cas.clone();
        for ca in previous.into_iter().filter(|ca| ca.is_ca && ca.age(now) != Age::Expired) {
            if !cas.contains(&ca) {
                cas.push(ca);
            }
        }
        let bundle: String = cas.iter().map(|ca| ca.pem.as_str()).collect();
        verify::accepts(bundle.as_bytes(), &self.leaf, &self.intermediates, name, now)
            .map_err(|why| format!("an API server would reject what cert-manager issued: {}", sanitize_short(&why)))?;
        let mut steps: Vec<Step> =
            configurations.iter().filter_map(|c| c.show_bundle(&bundle)).map(Step::Publish).collect();
        if !served {
            let something_is_served = tls.get(TLS_CRT).is_some_and(|leaf| !leaf.is_empty());
            if let Some(ca) = cas.first().filter(|_| something_is_served && !configurations.is_empty()) {
                steps.push(Step::Settle(ca.clone()));
            }
            steps.push(Step::StoreLeaf(self.data.clone()));
        }
        Ok(steps)
    }
}
