//! How are log lines written, and which?

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Libraries that say again, and less clearly, what is logged here; `--log-level` can bring them back.
const QUIET: &str = "actix_server=warn,kube_client=off,kube_runtime=warn";

/// The flags for logging; a program flattens them into its own.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// How log lines are written
    #[arg(long, env = "HOTDESK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or a filter such as `info,kube=debug`
    #[arg(long, env = "HOTDESK_LOG_LEVEL", default_value = "info", value_name = "FILTER", value_parser = filter)]
    pub log_level: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// For a program that has no such flags.
    #[must_use]
    pub fn text() -> Self {
        Self { log_format: LogFormat::Text, log_level: "info".to_owned() }
    }

    /// From now on, log lines go to standard error. A second call changes nothing.
    pub fn start(&self) {
        self.start_lines(false);
    }

    /// The same, with the module that wrote a line in its `target`.
    pub fn start_with_targets(&self) {
        self.start_lines(true);
    }

    fn start_lines(&self, targets: bool) {
        let filter = EnvFilter::new(format!("{QUIET},{}", self.log_level));
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(targets);
        let _started_before = match self.log_format {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).try_init(),
        };
    }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| "write info, or info,kube=debug".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Args {
        #[command(flatten)]
        log: LogArgs,
    }

    #[track_caller]
    fn check(args: &[&str], expected: Result<&str, &str>) {
        match (Args::try_parse_from(["program"].iter().chain(args)), expected) {
            (Ok(args), Ok(level)) => assert_eq!(args.log.log_level, level),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{error}"),
            (parsed, expected) => panic!("{parsed:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_its_flag() {
        check(&[], Ok("info"));
        check(&["--log-level=info,kube=debug"], Ok("info,kube=debug"));
        check(&["--log-level=info,,kube=loud"], Err("--log-level <FILTER>': write info, or info,kube=debug"));
    }
}
