//! How long does it take until a change of a Slot is seen by the gate?

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use http::Request;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use super::elapsed;
use crate::control_plane::{ControlPlane, Person};

/// A change that is not seen for so long never is.
const LONGEST: Duration = Duration::from_secs(30);

/// One change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// From when the API server had answered the writer.
    pub since_answer: Duration,
    /// From when the writer sent it.
    pub since_sending: Duration,
}

/// Gives a slot to Bob and back to Alice, and asks again and again, until both are done, whether Bob may write there.
pub(super) async fn measured(
    plane: &ControlPlane,
    webhook: &str,
    slot: &str,
    bobs: &[u8],
    times: usize,
) -> anyhow::Result<Vec<Change>> {
    let slots: Api<Slot> = Api::namespaced(plane.client().await?, slot);
    let gate = handler(webhook)?;
    let before = slots.get(SLOT_NAME).await?.spec.claim.map(|claim| claim.users).unwrap_or_default();
    let mut changes = Vec::new();
    for turn in 0..times {
        let is_bobs = turn % 2 == 0;
        let users = if is_bobs { vec![Person::Bob.name().to_owned()] } else { before.clone() };
        let patch = Patch::Merge(json!({"spec": {"claim": {"users": users}}}));
        ensure!(admitted(&gate, bobs).await? != is_bobs, "{slot} is not whose it should be");
        let sent = Instant::now();
        let writes = async {
            slots.patch(SLOT_NAME, &PatchParams::default(), &patch).await?;
            anyhow::Ok(Instant::now())
        };
        let asks = async {
            while admitted(&gate, bobs).await? != is_bobs {
                ensure!(sent.elapsed() < LONGEST, "the change of {slot} was not seen within {LONGEST:?}");
            }
            anyhow::Ok(Instant::now())
        };
        let (answered, seen) = tokio::try_join!(writes, asks)?;
        changes.push(Change { since_answer: elapsed(seen, answered), since_sending: elapsed(seen, sent) });
    }
    Ok(changes)
}

/// A connection to the webhook that stays open.
fn handler(webhook: &str) -> anyhow::Result<Client> {
    let mut config = Config::new(webhook.parse()?);
    // As wrk, it does not ask whose certificate it is shown: both speak to a port that this run has opened.
    config.accept_invalid_certs = true;
    config.default_retry = false;
    config.read_timeout = Some(LONGEST);
    Ok(Client::try_from(config)?)
}

async fn admitted(gate: &Client, review: &[u8]) -> anyhow::Result<bool> {
    let request = Request::post("/mutate").header("content-type", "application/json").body(review.to_vec())?;
    let answer: Value = serde_json::from_str(&gate.request_text(request).await?)?;
    answer.pointer("/response/allowed").and_then(Value::as_bool).context("neither allowed nor denied")
}
