//! `hotdesk-access`: arguments, logs, and then it follows the claims.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use hotdesk_access::args::{Args, LogFormat};
use hotdesk_access::health::health;
use hotdesk_access::keep::Keeper;
use hotdesk_access::metrics::Metrics;
use hotdesk_access::watch;
use jiff::Timestamp;
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Libraries that say again, and less clearly, what is logged here; `--log-level` can bring them back.
const QUIET: &str = "actix_server=warn,kube_client=off";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> anyhow::Result<()> {
    log_to_stderr(args)?;
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(args))
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::infer()
        .await
        .context("no cluster to read Slots from: run in a pod with a service account, or set KUBECONFIG")?;
    let metrics = Arc::new(Metrics::new(Instant::now()));
    let unusable = "the cluster's address or certificate cannot be used";
    let writing = writer(config.clone(), args.api_timeout).context(unusable)?;
    let watching = watch::client(config, metrics.clone()).context(unusable)?;
    let address = args.health_listen;
    let listener = TcpListener::bind(address)
        .with_context(|| format!("--health-listen {address} cannot be bound: is another process there?"))?;
    let health = health(metrics.clone(), listener)?;
    tracing::info!(health = %address, prefixes = ?args.subject_prefix, version = env!("CARGO_PKG_VERSION"), "following the claims");
    let mut keeper = Keeper::new(writing, args.subject_prefix.clone(), metrics, clock);
    let handle = health.handle();
    let ended = tokio::select! {
        ended = health => ended.context("the health server failed").and_then(|()| anyhow::bail!("the health server ended by itself")),
        () = keeper.follow(watching) => Ok(()),
        // What was not written yet is found again at the next start.
        () = asked_to_end()? => Ok(()),
    };
    handle.stop(false).await;
    tracing::info!("ended");
    ended
}

fn writer(mut config: Config, timeout: Duration) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(timeout);
    config.write_timeout = Some(timeout);
    // Failed writes are tried again here, with what is then right.
    config.default_retry = false;
    Client::try_from(config)
}

fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals cannot be received");
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
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
