//! `hotdesk-reap`: the program of a slot's CronJob.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use hotdesk_reap::args::{Args, LogFormat};
use hotdesk_reap::report::{Conclusion, Exit, termination_message};
use hotdesk_reap::run::run;
use hotdesk_reap::undo::args::Command;
use hotdesk_reap::undo::pruner::prune;
use hotdesk_reap::undo::reviver::revive;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The client logs each failure by itself; what it means is said once, where it is handled.
const QUIET: &str = "kube_client=off";

// One thread: nothing here is done by two at once, and waking another one for every piece of a log costs more than reading it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let args = Arc::new(args);
    let shared = Arc::clone(&args);
    // A task of its own: whatever comes wakes it alone, and neither asks for signals nor the kernel for what else there is.
    let mut work = tokio::spawn(async move { conclude(&shared).await });
    let conclusion = tokio::select! {
        done = &mut work => done.unwrap_or_else(|error| Conclusion {
            exit: Exit::Error,
            message: format!("The run ended early: {error}. What was begun, the next run finishes."),
        }),
        // The first process of a container is not ended by a signal that it does not wait for.
        what = ended() => {
            work.abort();
            let _ended = work.await;
            Conclusion { exit: Exit::Error, message: format!("Ended by {what}; what was begun, the next run finishes.") }
        }
    };
    leave_message(&args, &conclusion);
    ExitCode::from(conclusion.exit as u8)
}

async fn conclude(args: &Args) -> Conclusion {
    if let Err(message) = start_logging(args) {
        return Conclusion { exit: Exit::Usage, message };
    }
    let (rules, patterns) = match args.rules() {
        Ok(checked) => checked,
        Err(message) => return Conclusion { exit: Exit::Usage, message },
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a crypto provider is installed already");
    }
    match &args.command {
        None => run(args, &rules, &patterns, clock).await,
        Some(Command::Revive { releases }) => revive(args, releases, clock).await,
        Some(Command::Prune) => prune(args, clock).await,
    }
}

async fn ended() -> &'static str {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn start_logging(args: &Args) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(format!("{QUIET},{}", args.log_level)).map_err(|error| format!("--log-level: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match args.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// Wrong usage is told to Kubernetes too, where the program is run by a Job.
fn refuse(error: &clap::Error) -> ExitCode {
    let _unwritable = error.print();
    if error.use_stderr() {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        write_to("/dev/termination-log".as_ref(), &format!("Wrong usage: {first}"));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}

fn leave_message(args: &Args, conclusion: &Conclusion) {
    let message = termination_message(conclusion);
    match conclusion.exit {
        Exit::Fine => tracing::info!("{message}"),
        _ => tracing::error!("{message}"),
    }
    write_to(&args.termination_log, &message);
    if args.dry_run || conclusion.exit == Exit::Usage {
        let mut out = std::io::stdout();
        let _closed = writeln!(out, "{message}");
    }
}

/// The file is there where Kubernetes wants a message, and nowhere else.
fn write_to(path: &std::path::Path, message: &str) {
    let file = OpenOptions::new().write(true).truncate(true).open(path);
    if let Err(error) = file.and_then(|mut file| file.write_all(message.as_bytes())) {
        tracing::debug!("no termination message at {}: {error}", path.display());
    }
}
