//! `hotdesk-controller`: arguments, logs, and then it follows the Slots, as the controller or as the restamper.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser as _;
use futures::FutureExt as _;
use futures::future::{join, join3};
use hotdesk_controller::args::{Args, Command, Restamp};
use hotdesk_controller::cluster::Cluster;
use hotdesk_controller::metrics::Metrics;
use hotdesk_controller::reconcile::Slots;
use hotdesk_controller::restamp::{Restamper, kinds, metrics as restamp_metrics};
use hotdesk_controller::rights::Rights;
use hotdesk_runtime::health::Server;
use hotdesk_runtime::process::{self, End, Signals};
use hotdesk_runtime::{client, events, health};
use jiff::Timestamp;
use tokio::sync::watch;

fn main() -> ExitCode {
    let args = Args::parse();
    args.log.start();
    process::prepare();
    match start(&args) {
        Ok(End::Drained) => ExitCode::SUCCESS,
        Ok(End::Aborted) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> anyhow::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    match &args.command {
        None => runtime.block_on(run(args)),
        Some(Command::Restamp(restamp)) => runtime.block_on(restamp_slots(args, restamp)),
    }
}

async fn run(args: &Args) -> anyhow::Result<End> {
    let mut signals = Signals::new()?;
    let config = client::infer().await?;
    let metrics = Arc::new(Metrics::new(Instant::now()));
    let asking = client::asking(config.clone(), args.api_timeout)?;
    let heard = metrics.clone();
    let watching = client::watching(config, move || heard.freshness().hear())?;
    let listener = health::bind(args.health_listen, "--health-listen")?;
    let address = listener.local_addr()?;
    let health = health::serve(metrics.clone(), listener)?;
    tracing::info!(health = %address, jobs = %args.jobs_namespace, prefixes = ?args.subject_prefix, version = env!("CARGO_PKG_VERSION"), "following the Slots");

    let (end, ending) = watch::channel(false);
    let cluster = Cluster::new(asking.clone(), args.jobs_namespace.clone());
    let recorder = events::recorder(asking.clone(), "controller");
    let slots = Arc::new(Slots::new(cluster, recorder, metrics.clone(), clock));
    let rights = Arc::new(Rights::new(asking, args.subject_prefix.clone(), metrics.clone(), clock));
    let (all_slots, slots) = slots.follow(watching.clone(), &args.jobs_namespace, asked(ending.clone()));
    let (all_bindings, rights) = rights.follow(watching, asked(ending));
    let listed = async {
        if all_slots.wait_until_ready().await.is_ok() {
            metrics.freshness().listed();
        }
        if all_bindings.wait_until_ready().await.is_ok() {
            metrics.freshness().listed();
        }
    };
    drive(join3(slots, rights, listed).map(drop), &mut signals, health, end).await
}

async fn restamp_slots(args: &Args, restamp: &Restamp) -> anyhow::Result<End> {
    let mut signals = Signals::new()?;
    kinds::Table::read().context("the table of what is gated (charts/hotdesk/files/gated.yaml) cannot be read")?;
    let config = client::infer().await?;
    let metrics = Arc::new(restamp_metrics::Metrics::new(Instant::now()));
    let asking = client::asking(config.clone(), args.api_timeout)?;
    let heard = metrics.clone();
    let watching = client::watching(config, move || heard.freshness().hear())?;
    let listener = health::bind(args.health_listen, "--health-listen")?;
    let address = listener.local_addr()?;
    let health = health::serve(metrics.clone(), listener)?;
    tracing::info!(health = %address, interval = ?restamp.restamp_interval, version = env!("CARGO_PKG_VERSION"), "restamping the slots");

    let (end, ending) = watch::channel(false);
    let restamper = Restamper::new(asking, metrics.clone(), clock, restamp.restamp_interval, ending);
    let (all_slots, restamping) = Arc::new(restamper).follow(watching);
    let listed = async {
        if all_slots.wait_until_ready().await.is_ok() {
            metrics.freshness().listed();
        }
    };
    drive(join(restamping, listed).map(drop), &mut signals, health, end).await
}

/// Works until asked to end.
async fn drive(
    work: impl Future<Output = ()>,
    signals: &mut Signals,
    health: Server,
    end: watch::Sender<bool>,
) -> anyhow::Result<End> {
    let handle = health.handle();
    let mut working = std::pin::pin!(work.fuse());
    tokio::select! {
        ended = health => { ended.context("the health server failed")?; anyhow::bail!("the health server ended by itself") }
        () = &mut working => anyhow::bail!("the watches ended by themselves"),
        what = signals.next() => tracing::info!("{what}: finishing what is under way"),
    }
    // What was not begun is found again at the next start.
    let _nobody_listens = end.send(true);
    let ended = signals.drain(join(working, handle.stop(false)).map(drop)).await;
    tracing::info!("ended");
    Ok(ended)
}

/// Waits until the program was asked to end.
async fn asked(mut ending: watch::Receiver<bool>) {
    let _sender_is_gone = ending.wait_for(|asked| *asked).await;
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}
