//! Which settings does the controller take?

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};
use hotdesk_runtime::log::LogArgs;
use hotdesk_slots::duration::positive;

/// Carries out what holders ask for, notes in each Slot whether its claim is in force, and keeps the rights of Kubernetes' own
/// roles in a slot with its claimants.
///
/// It writes a Slot's phase, lapsedUntil, reaper and request, Jobs in the jobs namespace as their CronJobs have them, and the
/// subjects of the RoleBinding hotdesk-claimants in each slot that has one.
#[derive(Debug, Clone, Parser)]
#[command(name = "hotdesk-controller", version)]
pub struct Args {
    /// Namespace of the reapers' CronJobs, in which the Jobs of requests are made
    #[arg(long, env = "HOTDESK_JOBS_NAMESPACE", default_value = "hotdesk-jobs", value_name = "NAME")]
    pub jobs_namespace: String,
    /// Prefix with which a claim's names are user names; an empty one: as they are. Repeat it, or separate by commas
    #[arg(
        long,
        env = "HOTDESK_SUBJECT_PREFIX",
        default_value = "",
        value_delimiter = ',',
        value_name = "PREFIX",
        value_parser = prefix
    )]
    pub subject_prefix: Vec<String>,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, env = "HOTDESK_HEALTH_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub health_listen: SocketAddr,
    /// How long an answer of the API server may take
    #[arg(long, env = "HOTDESK_API_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub api_timeout: Duration,
    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArgs,
    /// What is done instead.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Another program of the same image.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Brings hotdesk's labels and annotations on everything in the slots to their claims, as an account that can do nothing else
    Restamp(Restamp),
}

/// The restamper's settings.
#[derive(Debug, Clone, clap::Args)]
pub struct Restamp {
    /// How often each slot is looked at. After its claim has changed it is looked at at once
    #[arg(long, env = "HOTDESK_RESTAMP_INTERVAL", default_value = "1m", value_name = "DURATION", value_parser = positive::<Duration>)]
    pub restamp_interval: Duration,
}

fn prefix(text: &str) -> Result<String, String> {
    if text.starts_with("system:") {
        return Err("names that begin with system: are Kubernetes' own, and no claim gives them rights".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[&str], expected: Result<&[&str], &str>) {
        let parsed = Args::try_parse_from([&["hotdesk-controller"], line].concat());
        match (parsed, expected) {
            (Ok(args), Ok(prefixes)) => assert_eq!(args.subject_prefix, prefixes),
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{error}"),
            (parsed, expected) => panic!("{parsed:?}, not {expected:?}"),
        }
    }

    #[test]
    fn names_are_written_as_they_are_unless_prefixes_are_given() {
        check(&[], Ok(&[""]));
        check(&["--subject-prefix=,github:"], Ok(&["", "github:"]));
        check(&["--subject-prefix=oidc:"], Ok(&["oidc:"]));
        check(&["--subject-prefix=system:"], Err("Kubernetes' own"));
        check(&["--api-timeout=0s"], Err("longer than nothing"));
    }

    #[test]
    fn the_restamper_is_another_command_of_the_same_program() {
        let read = |line: &[&str]| Args::try_parse_from([&["hotdesk-controller"], line].concat());
        let interval = |line: &[&str]| match read(line).unwrap().command {
            Some(Command::Restamp(restamp)) => restamp.restamp_interval.as_secs(),
            None => panic!("the controller"),
        };
        assert!(read(&[]).unwrap().command.is_none());
        assert_eq!(interval(&["restamp"]), 60);
        assert_eq!(interval(&["restamp", "--restamp-interval=5m"]), 300);
        assert!(read(&["restamp", "--restamp-interval=0s"]).is_err());
    }
}
