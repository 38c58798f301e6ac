//! What does one run do? First the certificate, then the path.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tracing::{info, warn};

use crate::api::ApiError;
use crate::args::{Args, Mode};
use crate::bundle;
use crate::certificate::{Certificate, Flaw};
use crate::held::{Data, Held};
use crate::issued::{self, Issued};
use crate::path::{self, HeldPath, PathPlan, WantedPath};
use crate::plan::{Plan, Renew, Wanted};
use crate::publish::Configurations;
use crate::rotation::{Step, steps};
use crate::secrets::{StoredSecret, Which};

/// How often a part of a run starts over because somebody else wrote at the same time. Two runs at once need
/// two; more writers than these there should not be.
const ATTEMPTS: u32 = 5;

/// How long a run waits before it starts over, so that the other writer can finish.
const PAUSE: Duration = Duration::from_millis(500);

/// How often it is looked whether cert-manager has issued the certificate.
const GLANCE: Duration = Duration::from_secs(1);

/// Does what is due.
///
/// # Errors
/// What failed, where, and what to do.
pub(crate) async fn run(client: &Client, args: &Args, mut wanted: Wanted, now: Timestamp) -> anyhow::Result<()> {
    match args.mode {
        Mode::SelfSigned => persistently(async || certificates(client, args, &mut wanted, now).await).await?,
        Mode::CertManager => persistently(async || issued_certificate(client, args, &wanted, now).await).await?,
    }
    let mut wanted = args.wanted_path();
    persistently(async || webhook_path(client, args, &mut wanted, now).await).await
}

/// Starts over, and reads everything again, when somebody else wrote.
async fn persistently(mut part: impl AsyncFnMut() -> Result<(), ApiError>) -> anyhow::Result<()> {
    for attempt in 1..=ATTEMPTS {
        match part().await {
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

async fn certificates(client: &Client, args: &Args, wanted: &mut Wanted, now: Timestamp) -> Result<(), ApiError> {
    let configurations = Configurations::new(client, args);
    // The configurations first: a Secret is always written before a configuration shows it, so the
    // Secrets as read now are at least as new as what these show. An older bundle than the one there
    // can then only be written over a newer one by a request that the version check refuses.
    let found = configurations.read().await?;
    let ca = StoredSecret::read(client, args, Which::Ca).await?;
    let tls = StoredSecret::read(client, args, Which::Tls).await?;
    let held = Held::parse(&ca.data(), &tls.data());
    let plan = Plan::make(&held, wanted, &bundle::published(&found), now);
    report(&plan, &held, wanted);
    let steps = steps(&plan, &held, wanted, &found, now).map_err(|e| ApiError::Failed(e.to_string()))?;
    let mut store_ca = async |data: &Data| {
        ca.store(data).await?;
        if wanted.renew_now == Some(Renew::Ca) {
            wanted.renew_now = None; // Done; starting over must not make a third CA.
        }
        Ok(())
    };
    carry_out(&steps, &mut store_ca, &tls, &configurations, args).await
}

/// Brings what cert-manager issued to the webhook.
async fn issued_certificate(client: &Client, args: &Args, wanted: &Wanted, now: Timestamp) -> Result<(), ApiError> {
    let issued = what_was_issued(client, args).await?;
    let configurations = Configurations::new(client, args);
    // In this order for the same reason as above.
    let found = configurations.read().await?;
    let tls = StoredSecret::read(client, args, Which::Tls).await?;
    let (until, lifetime) = (issued.leaf.not_after, issued.lifetime());
    info!(%until, "cert-manager issued a certificate");
    if lifetime < issued::SHORTEST {
        warn!("it lives for {lifetime:#}, and this job runs once a day: let certs.leafLifetime be at least 96h");
    }
    let steps = issued.steps(&tls.data(), &args.name_for_api_servers(), wanted.forget_previous, &found, now);
    let steps = steps.map_err(ApiError::Failed)?;
    let mut no_ca = async |_data: &Data| Ok(());
    carry_out(&steps, &mut no_ca, &tls, &configurations, args).await
}

/// Waits until cert-manager has issued something.
async fn what_was_issued(client: &Client, args: &Args) -> Result<Issued, ApiError> {
    let (namespace, name) = (&args.namespace, &args.issued_secret);
    let deadline = tokio::time::Instant::now() + args.issued_within.unsigned_abs();
    let mut told = false;
    loop {
        let secret = StoredSecret::read(client, args, Which::Issued).await?;
        match Issued::parse(&secret.data()) {
            Ok(issued) => return Ok(issued),
            Err(Flaw::Missing) if tokio::time::Instant::now() < deadline => {
                if !told {
                    info!("waiting up to {:#} until cert-manager fills Secret {namespace}/{name}", args.issued_within);
                    told = true;
                }
                tokio::time::sleep(GLANCE).await;
            }
            Err(why) => {
                return Err(ApiError::Failed(format!(
                    "what cert-manager issued in Secret {namespace}/{name} cannot be used: {why}; cert-manager says more: \
                     kubectl -n {namespace} describe certificate"
                )));
            }
        }
    }
}

async fn carry_out(
    steps: &[Step],
    store_ca: &mut impl AsyncFnMut(&Data) -> Result<(), ApiError>,
    tls: &StoredSecret,
    configurations: &Configurations,
    args: &Args,
) -> Result<(), ApiError> {
    if steps.is_empty() {
        info!("nothing to do for the certificate");
    }
    for step in steps {
        match step {
            Step::StoreCa(data) => store_ca(data).await?,
            Step::StoreLeaf(data) => tls.store(data).await?,
            Step::Publish(update) => {
                configurations.apply("CA", update).await?;
                info!("published the CA in {update}");
            }
            Step::Settle(ca) => settle(ca, configurations, args).await?,
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

/// Waits, and then makes sure that nobody took the new CA out of a configuration while it waited.
async fn settle(ca: &Certificate, configurations: &Configurations, args: &Args) -> Result<(), ApiError> {
    wait(args.settle, "every API server knows the new CA").await;
    let found = configurations.read().await?;
    match found.iter().find(|c| !c.shows(ca)) {
        None => Ok(()),
        Some(other) => Err(ApiError::Conflict(format!("keep the CA in {other}"))),
    }
}

async fn webhook_path(client: &Client, args: &Args, wanted: &mut WantedPath, now: Timestamp) -> Result<(), ApiError> {
    let configurations = Configurations::new(client, args);
    // In this order for the same reason as above.
    let found = configurations.read().await?;
    let secret = StoredSecret::read(client, args, Which::Path).await?;
    let new = path::random().map_err(ApiError::Failed)?;
    let plan = PathPlan::make(&HeldPath::parse(&secret.data()), &found, wanted, new, now);
    if let Some(reason) = &plan.reason {
        info!("the Secret gets another path: {reason}");
    } else if wanted.renew_now {
        warn!("the path is not renewed: an earlier run was cut off and is brought to its end now; run again");
    }
    if plan.forgets {
        wait(args.settle, "every API server knows the present path").await;
        if configurations.read().await? != found {
            return Err(ApiError::Conflict("keep the path in the webhook configurations".to_owned()));
        }
    }
    if let Some(held) = &plan.store {
        secret.store(&held.data()).await?;
        wanted.renew_now = false; // Done; starting over must not make a third path.
    }
    if plan.settle {
        wait(args.path_settle, "every webhook pod has loaded the new path").await;
    }
    let updates: Vec<_> = found.iter().filter_map(|c| c.show_path(&plan.show)).collect();
    if updates.is_empty() && plan.store.is_none() {
        info!("nothing to do for the path");
    }
    for update in &updates {
        configurations.apply("path", update).await?;
        info!("published the path in {update}");
    }
    Ok(())
}

async fn wait(time: SignedDuration, until: &str) {
    info!("waiting {time:#} until {until}");
    tokio::time::sleep(time.unsigned_abs()).await;
}
