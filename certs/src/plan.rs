//! What is there to do: nothing, a new leaf, or a new CA?
//!
//! Pure: what the Secrets hold, what is wanted, what the configurations show, and the time are arguments.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::certificate::{Age, Certificate, Flaw, Pair};
use crate::held::Held;

/// What the certificates shall be like.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The DNS names of the webhook's Service.
    pub(crate) names: Vec<String>,
    pub(crate) ca_lifetime: SignedDuration,
    pub(crate) leaf_lifetime: SignedDuration,
    /// Renewed by hand, whatever the dates say.
    pub(crate) renew_now: Option<Renew>,
    /// The CAs before the present one are to be trusted no longer.
    pub(crate) forget_previous: bool,
}

/// What may be renewed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Renew {
    /// The webhook's certificate only.
    Leaf,
    /// The CA, and with it the webhook's certificate.
    Ca,
    /// The path below which the webhook answers.
    Path,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Why a new CA is made, if one is.
    pub(crate) ca: Option<Reason>,
    /// The CAs, beside the one that signs, which clients shall trust.
    pub(crate) previous: Vec<Certificate>,
    /// Why a new leaf is made, if one is.
    pub(crate) leaf: Option<Reason>,
}

/// Why a certificate is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    Flawed(Flaw),
    Asked,
    NotYetValid(Timestamp),
    Due(Timestamp),
    Expired(Timestamp),
    /// The CA ends before a leaf issued today would.
    Outlived(Timestamp),
    OtherNames(Vec<String>),
    OtherCa,
}

impl Plan {
    /// Decides. `published` are the CAs that the webhook configurations show at present.
    pub(crate) fn make(held: &Held, wanted: &Wanted, published: &[Certificate], now: Timestamp) -> Self {
        let ca = reason_for_ca(&held.ca, wanted, now);
        let leaf = if ca.is_some() { None } else { held.ca.as_ref().ok() };
        let leaf = reason_for_leaf(&held.leaf, leaf, wanted, now);
        let mut previous = held.others.clone();
        if let (Some(_), Ok(old)) = (&ca, &held.ca) {
            previous.insert(0, old.certificate.clone());
        }
        let known = |leaf: &Certificate| {
            held.ca.iter().map(|ca| &ca.certificate).chain(&held.others).any(|ca| leaf.is_signed_by(ca))
        };
        if held.ca.is_err() || held.leaf.as_ref().is_ok_and(|leaf| !known(&leaf.certificate)) {
            // Where the CA Secret was lost, or another issuer was at work, what is published is the only record of what pods
            // may serve.
            let current = held.ca.as_ref().ok().map(|ca| &ca.certificate);
            let lost = published.iter().filter(|ca| ca.is_ca && !held.others.contains(ca) && current != Some(*ca));
            previous.extend(lost.cloned());
        }
        previous.retain(|c| c.age(now) != Age::Expired);
        // While the webhook may still serve a leaf of a previous CA, that CA is needed.
        if wanted.forget_previous && leaf.is_none() {
            previous.clear();
        }
        Self { ca, previous, leaf }
    }
}

fn reason_for_ca(ca: &Result<Pair, Flaw>, wanted: &Wanted, now: Timestamp) -> Option<Reason> {
    let ca = match ca {
        Ok(pair) => &pair.certificate,
        Err(flaw) => return Some(Reason::Flawed(flaw.clone())),
    };
    if wanted.renew_now == Some(Renew::Ca) {
        return Some(Reason::Asked);
    }
    by_age(ca, now).or_else(|| {
        let left = ca.not_after.duration_since(now);
        (left < wanted.leaf_lifetime).then_some(Reason::Outlived(ca.not_after))
    })
}

/// `ca` is the CA that signs from now on, if it is the one that signed until now.
fn reason_for_leaf(leaf: &Result<Pair, Flaw>, ca: Option<&Pair>, wanted: &Wanted, now: Timestamp) -> Option<Reason> {
    let leaf = match leaf {
        Ok(pair) => &pair.certificate,
        Err(flaw) => return Some(Reason::Flawed(flaw.clone())),
    };
    if !ca.is_some_and(|ca| leaf.is_signed_by(&ca.certificate)) {
        Some(Reason::OtherCa)
    } else if wanted.renew_now == Some(Renew::Leaf) {
        Some(Reason::Asked)
    } else if leaf.names != wanted.names.iter().cloned().collect() {
        Some(Reason::OtherNames(leaf.names.iter().cloned().collect()))
    } else {
        by_age(leaf, now)
    }
}

fn by_age(certificate: &Certificate, now: Timestamp) -> Option<Reason> {
    match certificate.age(now) {
        Age::Fresh => None,
        Age::NotYetValid => Some(Reason::NotYetValid(certificate.not_before)),
        Age::Due => Some(Reason::Due(certificate.due())),
        Age::Expired => Some(Reason::Expired(certificate.not_after)),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flawed(flaw) => write!(f, "{flaw}"),
            Self::Asked => f.write_str("--renew-now asks for it"),
            Self::NotYetValid(from) => write!(f, "it is valid only from {from} on: a clock was or is wrong"),
            Self::Due(since) => write!(f, "two thirds of its life were over at {since:.0}"),
            Self::Expired(at) => write!(f, "it expired at {at}"),
            Self::Outlived(at) => write!(f, "it ends at {at}, before a certificate issued today would"),
            Self::OtherNames(names) => write!(f, "it is for {}", hotdesk_slots::text::list(names)),
            Self::OtherCa => f.write_str("it was signed by another CA than the present one"),
        }
    }
}

#[cfg(test)]
mod tests;
