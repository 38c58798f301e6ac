//! Issues the webhook's certificate and makes its secret path, publishes both, and renews both without a gap.

mod api;
mod args;
mod bundle;
mod certificate;
mod configuration;
mod held;
mod issue;
mod path;
mod plan;
mod publish;
mod rotation;
mod run;
mod secrets;
mod telemetry;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;
use jiff::Timestamp;

use crate::args::Args;
use crate::plan::Wanted;

/// The exit code of a flag that cannot be read.
const USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => return telemetry::misused(&e),
    };
    telemetry::start(&args);
    let wanted = match args.wanted() {
        Ok(wanted) => wanted,
        Err(why) => {
            telemetry::failed(&args, &why);
            return ExitCode::from(USAGE);
        }
    };
    match work(&args, wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            telemetry::failed(&args, &format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn work(args: &Args, wanted: Wanted) -> anyhow::Result<()> {
    // Two providers in one process would make rustls panic at first use; this one is ours. That one
    // is installed already is no error.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the edge: the one place where the clock is read")]
    let now = Timestamp::now();
    run::run(&api::connect().await?, args, wanted, now).await
}
