//! `hotdesk-sync`: arguments, logs, and then one pass or many.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use hotdesk_runtime::health;
use hotdesk_runtime::process::{self, Signals};
use hotdesk_sync::args::Args;
use hotdesk_sync::cluster::Cluster;
use hotdesk_sync::health::SyncHealth;
use hotdesk_sync::metrics::Metrics;
use hotdesk_sync::run::{PassOutcome, Sync};
use jiff::Timestamp;

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> anyhow::Result<ExitCode> {
    args.log.start();
    process::prepare();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(args))
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = args.pass.settings(args.poll, args.stale_after)?;
    let cluster = Cluster::connect(args.pass.api_timeout).await?;
    let metrics = Arc::new(Metrics::new(clock()));
    let mut sync = Sync::new(args.pass.source()?, cluster, settings, metrics.clone(), clock);
    let mut signals = Signals::new()?;
    if args.pass.is_once() {
        let outcome = tokio::select! {
            outcome = sync.pass() => outcome,
            what = signals.next() => anyhow::bail!("ended by {what} before the pass was over"),
        };
        std::io::stdout().write_all(sync.dry_run.as_bytes()).context("standard output cannot be written")?;
        return Ok(code(&outcome));
    }
    follow(args, &mut sync, metrics, &mut signals).await
}

async fn follow(
    args: &Args,
    sync: &mut Sync,
    metrics: Arc<Metrics>,
    signals: &mut Signals,
) -> anyhow::Result<ExitCode> {
    let listener = health::bind(args.health_listen, "--health-listen")?;
    let listening = listener.local_addr()?;
    let health = health::serve(Arc::new(SyncHealth::new(metrics.clone(), clock, args.poll)), listener)?;
    tracing::info!(health = %listening, poll = ?args.poll, version = env!("CARGO_PKG_VERSION"), "following the sheet");
    let handle = health.handle();
    let outcome = tokio::select! {
        outcome = health => outcome.context("the health server failed").and_then(|()| anyhow::bail!("the health server ended by itself")),
        () = sync.follow() => Ok(ExitCode::FAILURE),
        // A pass that is cut off leaves each Slot as it was or as it should be; the next one goes on.
        _ = signals.next() => Ok(ExitCode::SUCCESS),
    };
    metrics.leave();
    handle.stop(false).await;
    tracing::info!("ended");
    outcome
}

fn code(outcome: &PassOutcome) -> ExitCode {
    ExitCode::from(match outcome {
        PassOutcome::Done(0) => 0,
        PassOutcome::Unreadable(_) | PassOutcome::Cluster => 1,
        PassOutcome::Done(_) => 3,
        PassOutcome::HeldBack => 4,
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}
