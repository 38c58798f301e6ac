//! Issues the webhook's certificate and makes its secret path, publishes both, and renews both without a gap.

mod api;
mod args;
mod bundle;
mod certificate;
mod configuration;
mod held;
mod issue;
mod issued;
mod path;
mod plan;
mod publish;
mod rotation;
mod run;
mod secrets;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;
use hotdesk_runtime::{process, termination};
use jiff::Timestamp;

use crate::args::Args;
use crate::plan::Wanted;

/// The exit code of a flag that cannot be read.
const USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => return termination::misused(&e),
    };
    args.log.start();
    process::prepare();
    let wanted = match args.wanted() {
        Ok(wanted) => wanted,
        Err(why) => {
            failed(&args, &why);
            return ExitCode::from(USAGE);
        }
    };
    match work(&args, wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            failed(&args, &format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn work(args: &Args, wanted: Wanted) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the edge: the one place where the clock is read")]
    let now = Timestamp::now();
    run::run(&api::connect().await?, args, wanted, now).await
}

/// Reports a failure where people look for it: in the log, and in the pod's termination message.
fn failed(args: &Args, why: &str) {
    for line in why.lines() {
        tracing::error!("{line}");
    }
    termination::leave(&args.termination_log, why);
}
