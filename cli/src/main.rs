//! The command line of hotdesk; called `kubectl-hotdesk`, it is `kubectl hotdesk`.

mod args;
mod cluster;
mod commands;
mod datetime;
mod failure;
mod identity;
mod output;
mod request;
mod suggest;
mod table;
mod view;

use std::process::ExitCode;

use crate::args::Args;
use crate::commands::Done;
use crate::failure::Failure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(e) => return failure::misused(&e),
    };
    // Two providers in one process would make rustls panic at first use; this one is ours. That one
    // is installed already is not an error.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    match commands::run(&args).await {
        Ok(done) => print(&done),
        Err(failure) => failure.report(),
    }
}

fn print(done: &Done) -> ExitCode {
    match output::show(&done.text) {
        // The reader has read enough, as in `hotdesk list | head -1`, or has it all.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Failure::Refused(format!("cannot write the output: {e}")).report()
        }
        _ if done.well => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
