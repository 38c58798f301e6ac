//! `hotdesk-webhook`: arguments, logs, and then [`hotdesk_webhook::run`].

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hotdesk_runtime::process::{self, End};
use hotdesk_webhook::args::Args;
use hotdesk_webhook::run::run;

fn main() -> ExitCode {
    let args = Args::parse();
    // The lines of the webhook have always named their module.
    args.log.start_with_targets();
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
    // The servers bring threads of their own; the watch and the timers need no more than this one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(run(args))
}
