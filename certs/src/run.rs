//! What does one run do?

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use kube::Client;
use tracing::{info, warn};

use crate::api::ApiError;
use crate::args::Args;
use crate::bundle;
use crate::certificate::Certificate;
use crate::held::Held;
use crate::plan::{Plan, Renew, Wanted};
use crate::publish::Configurations;
use crate::rotation::{Step, Which, steps};
use crate::secrets::Secrets;

/// How often a run starts over because somebody else wrote at the same time. Two runs at once need
/// two; more writers than these there should not be.
const ATTEMPTS: u32 = 5;

/// How long a run waits before it starts over, so that the other writer can finish.
const PAUSE: Duration = Duration::from_millis(500);

/// Does what is due, and starts over, with everything read anew, when somebody else wrote.
///
/// # Errors
/// What failed, where, and what to do.
pub(crate) async fn run(client: &Client, args: &Args, mut wanted: Wanted, now: Timestamp) -> anyhow::Result<()> {
    for attempt in 1..=ATTEMPTS {
        match once(client, args, &mut wanted, now).await {
            Ok(()) => return Ok(()),
            Err(ApiError::Failed(why)) => return Err(anyhow!(why)),
            Err(conflict @ ApiError::Conflict(_)) => {
                info!(attempt, "starting over: could not {conflict}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Err(anyhow!("somebody else kept writing the same Secrets or webhook configurations"))
        .with_context(|| format!("gave up after {ATTEMPTS} attempts"))
}

async fn once(client: &Client, args: &Args, wanted: &mut Wanted, now: Timestamp) -> Result<(), ApiError> {
    let configurations = Configurations::new(client, args);
    // The configurations first: a Secret is always written before a configuration shows it, so the
    // Secrets as read now are at least as new as what these show. An older bundle than the one there
    // can then only be written over a newer one by a request that the version check refuses.
    let found = configurations.read().await?;
    let secrets = Secrets::read(client, args).await?;
    let held = Held::parse(&secrets.data(Which::Ca), &secrets.data(Which::Tls));
    let plan = Plan::make(&held, wanted, &bundle::published(&found), now);
    report(&plan, &held, wanted);
    let steps = steps(&plan, &held, wanted, &found, now).map_err(|e| ApiError::Failed(e.to_string()))?;
    if steps.is_empty() {
        info!("nothing to do");
    }
    for step in steps {
        take(&step, &secrets, &configurations, args).await?;
        if matches!(step, Step::Store(Which::Ca, _)) && wanted.renew_now == Some(Renew::Ca) {
            wanted.renew_now = None; // Done; starting over must not make a third CA.
        }
    }
    Ok(())
}

fn report(plan: &Plan, held: &Held, wanted: &Wanted) {
    if let Some(reason) = &plan.ca {
        info!("new CA: {reason}");
    }
    if let Some(reason) = &plan.leaf {
        info!("new certificate: {reason}");
    }
    if let (None, Ok(leaf)) = (&plan.leaf, &held.leaf) {
        let leaf = &leaf.certificate;
        info!(until = %leaf.not_after, renewal = %leaf.due(), "the certificate is good");
    }
    if plan.ca.is_none() && plan.previous.len() < held.others.len() {
        info!(
            "{} of the CAs before the present one shall be trusted no longer",
            held.others.len() - plan.previous.len()
        );
    }
    if wanted.forget_previous && !plan.previous.is_empty() {
        warn!(
            "the previous CA stays trusted: the webhook served a certificate of it until now; run again in two minutes"
        );
    }
}

async fn take(step: &Step, secrets: &Secrets, configurations: &Configurations, args: &Args) -> Result<(), ApiError> {
    match step {
        Step::Store(which, data) => {
            secrets.store(*which, data).await?;
            let name = match which {
                Which::Ca => &args.ca_secret,
                Which::Tls => &args.tls_secret,
            };
            info!("wrote Secret {}/{name}", args.namespace);
        }
        Step::Publish(update) => {
            configurations.apply(update).await?;
            info!("published the CA in {update}");
        }
        Step::Settle(ca) => settle(ca, configurations, args).await?,
    }
    Ok(())
}

/// Waits, and then makes sure that nobody took the new CA out of a configuration meanwhile.
async fn settle(ca: &Certificate, configurations: &Configurations, args: &Args) -> Result<(), ApiError> {
    info!("waiting {:#} until every API server knows the new CA", args.settle);
    tokio::time::sleep(args.settle.unsigned_abs()).await;
    let found = configurations.read().await?;
    match found.iter().find(|c| !c.shows(ca)) {
        None => Ok(()),
        Some(other) => Err(ApiError::Conflict(format!("keep the CA in {} {}", other.kind.as_str(), other.name))),
    }
}
