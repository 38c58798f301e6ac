//! The command line of hotdesk; called `kubectl-hotdesk`, it is `kubectl hotdesk`.

mod args;
mod cluster;
mod commands;
mod failure;
mod me;
mod moment;
mod near;
mod output;
mod row;
mod table;

use std::io::Write as _;
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Failure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(e) => return failure::misused(&e),
    };
    // Two providers in one process would make rustls panic at first use; this one is ours. That one
    // is installed already is no error.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    match commands::run(&args).await {
        Ok(text) => print(&text),
        Err(failure) => failure.report(),
    }
}

fn print(text: &str) -> ExitCode {
    // Colours go to terminals only, and not where NO_COLOR is set.
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // `hotdesk list | head -1`: whoever reads has read enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => Failure::Refused(format!("cannot write the output: {e}")).report(),
    }
}
