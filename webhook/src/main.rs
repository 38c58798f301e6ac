//! `hotdesk-webhook`: arguments, logs, and then [`hotdesk_webhook::run`].

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hotdesk_webhook::args::{Args, LogFormat};
use hotdesk_webhook::run::{End, run};
use tracing_subscriber::EnvFilter;

/// Libraries that say again, and less clearly, what is logged here; `--log-level` can bring them back.
const QUIET: &str = "actix_server=warn,kube_client=off";

fn main() -> ExitCode {
    let args = Args::parse();
    match start(&args) {
        Ok(End::Graceful) => ExitCode::SUCCESS,
        Ok(End::Hurried) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> anyhow::Result<End> {
    log_to_stderr(args)?;
    hide_panics();
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    // The servers bring threads of their own; the watch and the timers need no more than this one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(args))
}

fn log_to_stderr(args: &Args) -> anyhow::Result<()> {
    let (filter, problem) = match EnvFilter::try_new(format!("{QUIET},{}", args.log_level)) {
        Ok(filter) => (filter, None),
        Err(e) => (EnvFilter::new("info"), Some(e)),
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => logs.with_ansi(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    problem
        .map_or(Ok(()), |e| Err(e).context(format!("--log-level {:?}: write info, or info,kube=debug", args.log_level)))
}

/// A panic's text may quote a request; where it happened says enough.
fn hide_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%at, "a bug in hotdesk: a panic");
    }));
}
