//! Where does this job say what it does, and why it failed?

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use tracing::{error, warn};
use tracing_subscriber::EnvFilter;

use crate::USAGE;
use crate::args::{Args, LogFormat, TERMINATION_LOG};

/// The kubelet keeps this much of a termination message, in bytes.
const MAX_MESSAGE: usize = 4096;

/// Sends log lines to standard error.
pub(crate) fn start(args: &Args) {
    let mut filter = EnvFilter::new(&args.log_level);
    if !args.log_level.contains("kube") {
        // The client reports each failed request before it returns the error, which is reported where it is handled.
        filter = filter.add_directive("kube_client=off".parse().unwrap_or_default());
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// Reports a failure where people look for it: in the log, and in the pod's termination message.
pub(crate) fn failed(args: &Args, why: &str) {
    for line in why.lines() {
        error!("{line}");
    }
    if let Err(e) = leave_message(&args.termination_log, why) {
        warn!("cannot write the termination message to {}: {e}", args.termination_log.display());
    }
}

/// Reports flags that cannot be read.
pub(crate) fn misused(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    let noted = if error.use_stderr() { leave_message(TERMINATION_LOG.as_ref(), &error.to_string()) } else { Ok(()) };
    match printed.and(noted) {
        Ok(()) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE)),
        Err(_nowhere_to_say_so) => ExitCode::from(USAGE),
    }
}

/// Only if the file exists: outside a pod nobody makes it, and nobody wants it.
fn leave_message(file: &Path, text: &str) -> std::io::Result<()> {
    if !file.exists() {
        return Ok(());
    }
    let end = text.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| *end <= MAX_MESSAGE).last();
    let message = text.get(..end.unwrap_or(0)).unwrap_or_default();
    std::fs::OpenOptions::new().write(true).truncate(true).open(file)?.write_all(message.as_bytes())
}
