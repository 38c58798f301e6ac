//! `hotdesk-reap`: the program of a slot's CronJob.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use hotdesk_reap::args::Args;
use hotdesk_reap::misused::misused;
use hotdesk_reap::observe::observe;
use hotdesk_reap::report::{Conclusion, Exit};
use hotdesk_reap::run::run;
use hotdesk_reap::stop::{Stop, TIME_TO_TELL};
use hotdesk_reap::undo::args::Command;
use hotdesk_reap::undo::pruner::prune;
use hotdesk_reap::undo::purger::purge;
use hotdesk_reap::undo::revive_job::revive;
use hotdesk_runtime::process::{self, Signals};
use hotdesk_runtime::termination;
use jiff::Timestamp;

// One thread: nothing here is done by two at once, and waking another one for every piece of a log costs more than reading it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return termination::misused(&error),
    };
    let args = Arc::new(args);
    let stop = Arc::new(Stop::default());
    let (shared, stopped) = (Arc::clone(&args), Arc::clone(&stop));
    // A task of its own: whatever comes wakes it alone, and neither asks for signals nor the kernel for what else there is.
    let mut work = tokio::spawn(async move { conclude(&shared, &stopped).await });
    let early = |why: String| Conclusion {
        exit: Exit::Error,
        message: format!("{why}. What was begun, the next run finishes."),
    };
    let conclusion = tokio::select! {
        done = &mut work => done.unwrap_or_else(|error| early(format!("The run ended early: {error}"))),
        // The first process of a container is not ended by a signal that it does not wait for.
        what = ended() => {
            let told = if stop.ask(what) { tokio::time::timeout(TIME_TO_TELL, &mut work).await.ok() } else { None };
            work.abort();
            told.and_then(Result::ok).unwrap_or_else(|| early(format!("The run was ended by {what}")))
        }
    };
    leave_message(&args, &conclusion);
    ExitCode::from(conclusion.exit as u8)
}

async fn conclude(args: &Args, stop: &Stop) -> Conclusion {
    args.log.start();
    process::prepare();
    let (rules, patterns) = match args.rules() {
        Ok(checked) => checked,
        Err(message) => return misused(args, message, clock()).await,
    };
    match &args.command {
        None => run(args, (&rules, &patterns), stop, clock).await,
        Some(Command::Revive { releases }) => revive(args, releases, clock).await,
        Some(Command::Purge { names }) => purge(args, names, clock).await,
        Some(Command::Prune) => prune(args, clock).await,
        Some(Command::Observe(how)) => observe(args, how, &patterns, clock).await,
    }
}

async fn ended() -> &'static str {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}

fn leave_message(args: &Args, conclusion: &Conclusion) {
    let message = &conclusion.message;
    match conclusion.exit {
        Exit::Fine => tracing::info!("{message}"),
        _ => tracing::error!("{message}"),
    }
    termination::leave(&args.termination_log, message);
    if args.dry_run || conclusion.exit == Exit::Usage {
        let mut out = std::io::stdout();
        let _closed = writeln!(out, "{message}");
    }
}
