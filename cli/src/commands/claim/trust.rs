//! May what runs in the slot from before write there?
//!
//! A pod can write by its own token, also one that a former holder left. So a new claim trusts what runs only where nothing
//! does, or where the person says so.

use std::io::IsTerminal as _;

use hotdesk_slots::text::{list, plain};
use hotdesk_slots::{ClaimView, Slot, Standing};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::args::Claim;
use crate::cluster::Cluster;
use crate::commands::{agreed, change};
use crate::failure::Failure;
use crate::me::Me;
use crate::near;
use crate::request::on_stderr;
use crate::row::slot_name;

/// How many of what runs are named.
const SHOWN: usize = 8;

/// What a new claim says of what runs in its slot; nothing for a claim that only changes.
///
/// # Errors
/// When the slot cannot be found, or nobody can be asked.
pub(super) async fn decided(cluster: &Cluster, args: &Claim, me: &Me) -> Result<Option<bool>, Failure> {
    if let Some(said) = args.trust.said() {
        return Ok(Some(said));
    }
    let (slots, now) = (cluster.slots().await?, cluster.now.timestamp());
    let slot = near::find(&slots, &args.slot, now)?;
    let view = slot.spec.claim.as_ref().map(ClaimView::lenient);
    // Somebody else's is refused in a moment.
    if Standing::of(view.as_ref(), now).held().is_some() {
        return Ok(None);
    }
    let name = slot_name(slot);
    let later = format!("If that is fine: {} claim {name} --trust-workloads", cluster.program);
    let Some(running) = running(cluster, name).await else {
        on_stderr(&format!("You may not see what runs in {name}, so it may not write there by itself. {later}"));
        return Ok(Some(false));
    };
    if running.is_empty() {
        return Ok(Some(true));
    }
    on_stderr(&format!("From before, there is in {name}: {}.", shown(&running)));
    if std::io::stdin().is_terminal() && me.name().is_some() {
        let question = "Whoever left it could write in your slot by it. Trust it?";
        return agreed(question, "--trust-workloads or --no-trust-workloads").map(Some);
    }
    on_stderr(&format!("Whoever left it could write in your slot by it, so it is not trusted. {later}"));
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

/// What there is in a slot that may hold a token, or make what does; nothing if this person may not look.
async fn running(cluster: &Cluster, slot: &str) -> Option<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), slot);
    let cron_jobs: Api<CronJob> = Api::namespaced(cluster.client(), slot);
    let pods = pods.list_metadata(&ListParams::default()).await.ok()?;
    let cron_jobs = cron_jobs.list_metadata(&ListParams::default()).await.ok()?;
    let pods = pods.items.iter().map(|pod| format!("Pod/{}", plain(&pod.name_any())));
    let cron_jobs = cron_jobs.items.iter().map(|one| format!("CronJob/{}", plain(&one.name_any())));
    Some(pods.chain(cron_jobs).collect())
}

fn shown(running: &[String]) -> String {
    let mut first: Vec<String> = running.iter().take(SHOWN).cloned().collect();
    let more = running.len().saturating_sub(first.len());
    if more > 0 {
        first.push(format!("{more} more"));
    }
    list(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_named_up_to_a_number() {
        let running = |n: usize| (0..n).map(|i| format!("Pod/p{i}")).collect::<Vec<_>>();
        assert_eq!(shown(&running(2)), "Pod/p0 and Pod/p1");
        assert!(shown(&running(12)).ends_with(", Pod/p7 and 4 more"));
    }

    #[test]
    fn a_claim_says_what_was_decided_and_else_nothing() {
        assert_eq!(
            with(json!({"users": ["alice"]}), Some(false)),
            json!({"users": ["alice"], "trustWorkloads": false})
        );
        assert_eq!(with(json!({"until": null}), None), json!({"until": null}));
    }
}
