//! What do the two Secrets hold?
//!
//! The CA's key lives in a Secret of its own, so that the webhook, which mounts the other one, can
//! never sign anything.

use std::collections::BTreeMap;

use crate::certificate::{Certificate, Flaw, Pair};

/// Key of the CA Secret: the CA that signs.
pub(crate) const CA_CRT: &str = "ca.crt";
/// Key of the CA Secret: its private key.
pub(crate) const CA_KEY: &str = "ca.key";
/// Key of the CA Secret: the CAs before it, as long as a client should still trust them.
pub(crate) const PREVIOUS_CRT: &str = "previous.crt";
/// Key of the webhook's Secret: the leaf.
pub(crate) const TLS_CRT: &str = "tls.crt";
/// Key of the webhook's Secret: its private key.
pub(crate) const TLS_KEY: &str = "tls.key";

/// The data of a Secret, by key.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// What the two Secrets hold, read.
pub(crate) struct Held {
    /// The CA that signs.
    pub(crate) ca: Result<Pair, Flaw>,
    /// Every other CA that the Secret names: the previous ones, and the present one if its key is lost.
    pub(crate) others: Vec<Certificate>,
    /// What the webhook serves.
    pub(crate) leaf: Result<Pair, Flaw>,
}

impl Held {
    /// Reads the two Secrets; an absent Secret is one without data.
    pub(crate) fn parse(ca: &Data, tls: &Data) -> Self {
        let get = |data: &'_ Data, key: &str| data.get(key).cloned().unwrap_or_default();
        let (ca_crt, previous) = (get(ca, CA_CRT), get(ca, PREVIOUS_CRT));
        let pair = Pair::parse(Some(&ca_crt), ca.get(CA_KEY).map(Vec::as_slice)).and_then(signing);
        // What cannot be read here can be trusted by nobody either, so it is left out.
        let readable = |pem: &[u8]| Certificate::all_from_pem(pem).unwrap_or_default();
        let mut others = Vec::new();
        for other in readable(&ca_crt).into_iter().chain(readable(&previous)) {
            let is_current = pair.as_ref().is_ok_and(|p| p.certificate == other);
            if other.is_ca && !is_current && !others.contains(&other) {
                others.push(other);
            }
        }
        let leaf = Pair::parse(tls.get(TLS_CRT).map(Vec::as_slice), tls.get(TLS_KEY).map(Vec::as_slice));
        Self { ca: pair, others, leaf }
    }
}

fn signing(pair: Pair) -> Result<Pair, Flaw> {
    if pair.certificate.is_ca { Ok(pair) } else { Err(Flaw::Unreadable("it is not a CA".to_owned())) }
}

/// What the CA Secret shall hold.
pub(crate) fn ca_data(ca: &Pair, previous: &[Certificate]) -> Data {
    BTreeMap::from([
        (CA_CRT.to_owned(), ca.certificate.pem.clone().into_bytes()),
        (CA_KEY.to_owned(), ca.key.serialize_pem().into_bytes()),
        (PREVIOUS_CRT.to_owned(), previous.iter().map(|c| c.pem.as_str()).collect::<String>().into_bytes()),
    ])
}

/// What the webhook's Secret shall hold.
pub(crate) fn tls_data(leaf: &Pair) -> Data {
    BTreeMap::from([
        (TLS_CRT.to_owned(), leaf.certificate.pem.clone().into_bytes()),
        (TLS_KEY.to_owned(), leaf.key.serialize_pem().into_bytes()),
    ])
}
