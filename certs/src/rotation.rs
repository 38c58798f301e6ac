//! In which order is a plan carried out, so that no client ever rejects what the webhook serves?
//!
//! A new CA is first stored, then published beside the old one, then given time to reach every API
//! server, and only then does it sign the leaf that the webhook serves. A run that dies between two
//! steps leaves a state from which the next run goes on; nothing is remembered but what is stored.

use jiff::Timestamp;

use crate::bundle;
use crate::certificate::{Certificate, Pair};
use crate::configuration::{Configuration, Update};
use crate::held::{self, Data, Held};
use crate::issue::{self, IssueError};
use crate::plan::{Plan, Wanted};
use crate::verify;

/// One step. The order of a plan's steps is the promise of this crate.
pub(crate) enum Step {
    /// Write these keys of the CA's Secret.
    StoreCa(Data),
    /// Write these keys of the Secret that the webhook mounts.
    StoreLeaf(Data),
    /// Make a configuration show the bundle.
    Publish(Update),
    /// Wait until every API server has seen the bundle, and make sure that this CA is still in it.
    Settle(Certificate),
}

/// The steps of a plan, with new keys where it asks for them.
///
/// # Errors
/// When a certificate cannot be made, or clients would reject it.
pub(crate) fn steps(
    plan: &Plan,
    held: &Held,
    wanted: &Wanted,
    configurations: &[Configuration],
    now: Timestamp,
) -> Result<Vec<Step>, IssueError> {
    let new_ca = plan.ca.as_ref().map(|_| issue::ca(wanted.ca_lifetime, now)).transpose()?;
    let Some(ca) = new_ca.as_ref().or(held.ca.as_ref().ok()) else {
        return Ok(Vec::new()); // Cannot be: a plan without a CA makes one.
    };
    let bundle = bundle::text(&ca.certificate, &plan.previous);
    let mut steps = Vec::new();
    if new_ca.is_some() || plan.previous != held.others {
        steps.push(Step::StoreCa(held::ca_data(ca, &plan.previous)));
    }
    steps.extend(configurations.iter().filter_map(|c| c.show_bundle(&bundle)).map(Step::Publish));
    if plan.leaf.is_some() {
        if !configurations.is_empty() && serves_another_ca(held, ca) {
            steps.push(Step::Settle(ca.certificate.clone()));
        }
        let leaf = issue::leaf(ca, &wanted.names, wanted.leaf_lifetime, now)?;
        for name in &wanted.names {
            verify::accepts(bundle.as_bytes(), &leaf.certificate, &[], name, now).map_err(IssueError::Rejected)?;
        }
        steps.push(Step::StoreLeaf(held::tls_data(&leaf)));
    }
    Ok(steps)
}

/// Also true if the bundle is published already: the run that published it may have died a moment ago.
fn serves_another_ca(held: &Held, ca: &Pair) -> bool {
    held.leaf.as_ref().is_ok_and(|leaf| !leaf.certificate.is_signed_by(&ca.certificate))
}

#[cfg(test)]
mod tests;
