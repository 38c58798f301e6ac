//! May what runs in the slot from before write there?
//!
//! A pod can write by its own token, also one that a former holder left, or that is made of what they left. So a new claim
//! trusts what runs only where there is nothing of the kind, or where the person says so.

mod left;

use std::io::IsTerminal as _;

use hotdesk_slots::{ClaimState, ClaimView, Slot};
use serde_json::{Value, json};

use crate::args::Claim;
use crate::cluster::Cluster;
use crate::commands::{agreed, change};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::request::on_stderr;
use crate::suggest;
use crate::view::slot_name;

/// Why it matters. docs/access.md says it in the same words.
const WHY: &str = "The people who left pods, or anything that pods can be made of, could write in your slot by them";

/// What a new claim says of what runs in its slot; nothing for a claim that only changes.
///
/// # Errors
/// When the slot cannot be found, or nobody can be asked.
pub(super) async fn decided(cluster: &Cluster, args: &Claim, identity: &Identity) -> Result<Option<bool>, Failure> {
    if let Some(said) = args.trust.said() {
        return Ok(Some(said));
    }
    let (slots, now) = (cluster.slots().await?, cluster.now.timestamp());
    let slot = suggest::find(&slots, &args.slot, now)?;
    let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
    // Somebody else's is refused in a moment.
    if ClaimState::of(claim_view.as_ref(), now).held().is_some() {
        return Ok(None);
    }
    let name = slot_name(slot);
    if let Some(told) = left::endless_tokens(&cluster.client(), name).await {
        on_stderr(&told);
    }
    let later = format!("If that is fine: {} claim {name} --trust-workloads", cluster.program);
    let Some(told) = left::look(&cluster.client(), name).await.told(name) else {
        return Ok(Some(true));
    };
    on_stderr(&told);
    if std::io::stdin().is_terminal() && identity.name().is_some() {
        let question = format!("{WHY}. Trust what is there?");
        return agreed(&question, "--trust-workloads or --no-trust-workloads").map(Some);
    }
    on_stderr(&format!("{WHY}, so what is there is not trusted. {later}"));
    Ok(Some(false))
}

/// The claim to write, with what it says of what runs.
pub(super) fn with(mut claim: Value, trust: Option<bool>) -> Value {
    if let (Some(claim), Some(trust)) = (claim.as_object_mut(), trust) {
        claim.insert("trustWorkloads".to_owned(), json!(trust));
    }
    claim
}

/// Says it once more where the webhook has not taken it: in the write by which somebody loses the slot, it trusts nothing.
/// The claim is made; that this fails costs a line.
pub(super) async fn after(cluster: &Cluster, slot: &Slot, trust: Option<bool>) -> Option<Slot> {
    let trusts = slot.spec.claim.as_ref().is_some_and(|claim| claim.trust_workloads);
    if trust != Some(true) || trusts {
        return None;
    }
    let said = json!({"claim": {"trustWorkloads": true}});
    match change(cluster, slot_name(slot), |_, _| Ok(Some(said.clone()))).await {
        Ok(changed) => Some(changed.is),
        Err(failure) => {
            on_stderr(&format!("What runs in {} is not trusted: {failure}", slot_name(slot)));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_says_what_was_decided_and_else_nothing() {
        assert_eq!(
            with(json!({"users": ["alice"]}), Some(false)),
            json!({"users": ["alice"], "trustWorkloads": false})
        );
        assert_eq!(with(json!({"until": null}), None), json!({"until": null}));
    }
}
