//! `hotdesk-sync`: arguments, logs, and then one pass or many.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use hotdesk_sync::args::{Args, LogFormat};
use hotdesk_sync::cluster::Cluster;
use hotdesk_sync::health::health;
use hotdesk_sync::metrics::Metrics;
use hotdesk_sync::run::{Ended, Settings, Sync};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Libraries that say again, and less clearly, what is logged here; `--log-level` can bring them back.
const QUIET: &str = "actix_server=warn,kube_client=off";

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
    log_to_stderr(args)?;
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(args))
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        scope: args.scope()?,
        rules: args.rules(),
        people: args.listed_people()?,
        poll: args.poll,
        retry_delay: args.retry_delay,
        stale_after: args.stale_after,
        confirmed: args.confirm_clearing,
        dry_run: args.dry_run,
        claim_url: args.claim_url.clone(),
    };
    let cluster = Cluster::connect(args.api_timeout).await?;
    let metrics = Arc::new(Metrics::new(clock()));
    let mut sync = Sync::new(args.source()?, cluster, settings, metrics.clone(), clock);
    if args.is_once() {
        let ended = tokio::select! {
            ended = sync.pass() => ended,
            () = asked_to_end()? => anyhow::bail!("asked to end before the pass was over"),
        };
        std::io::stdout().write_all(sync.shown.as_bytes()).context("standard output cannot be written")?;
        return Ok(code(&ended));
    }
    follow(args, &mut sync, metrics).await
}

async fn follow(args: &Args, sync: &mut Sync, metrics: Arc<Metrics>) -> anyhow::Result<ExitCode> {
    let address = args.health_listen;
    let listener = TcpListener::bind(address)
        .with_context(|| format!("--health-listen {address} cannot be bound: is another process there?"))?;
    let listening = listener.local_addr()?;
    let health = health(metrics.clone(), clock, listener, args.poll)?;
    tracing::info!(health = %listening, poll = ?args.poll, version = env!("CARGO_PKG_VERSION"), "following the sheet");
    let handle = health.handle();
    let ended = tokio::select! {
        ended = health => ended.context("the health server failed").and_then(|()| anyhow::bail!("the health server ended by itself")),
        () = sync.follow() => Ok(ExitCode::FAILURE),
        // A pass that is cut off leaves each Slot as it was or as it should be; the next one goes on.
        () = asked_to_end()? => Ok(ExitCode::SUCCESS),
    };
    metrics.leave();
    handle.stop(false).await;
    tracing::info!("ended");
    ended
}

fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals cannot be received");
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    })
}

fn code(ended: &Ended) -> ExitCode {
    ExitCode::from(match ended {
        Ended::Done(0) => 0,
        Ended::Unreadable(_) | Ended::Cluster => 1,
        Ended::Done(_) => 3,
        Ended::HeldBack => 4,
    })
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn log_to_stderr(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", args.log_level))
        .with_context(|| format!("--log-level {:?}: write info, or info,kube=debug", args.log_level))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match args.log_format {
        LogFormat::Text => logs.with_ansi(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}
