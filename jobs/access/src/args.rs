//! Which settings does the access controller take?

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;

/// Keeps the rights of Kubernetes' own roles in a slot with whoever holds it.
///
/// It writes the subjects of the RoleBinding hotdesk-claimants in each slot that has one, and nothing else.
#[derive(Debug, Clone, Parser)]
#[command(name = "hotdesk-access", version)]
pub struct Args {
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
    /// How long an answer of the API server to a write may take
    #[arg(long, env = "HOTDESK_API_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = positive)]
    pub api_timeout: Duration,
    /// How log lines are written
    #[arg(long, env = "HOTDESK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or a filter such as `info,kube=debug`
    #[arg(long, env = "HOTDESK_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

fn prefix(text: &str) -> Result<String, String> {
    if text.starts_with("system:") {
        return Err("names that begin with system: are Kubernetes' own, and no claim gives them rights".to_owned());
    }
    Ok(text.to_owned())
}

fn positive(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
    parsed
        .filter(|length| !length.is_zero())
        .ok_or_else(|| format!("write a length of time such as 10s or 500ms, longer than nothing, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[&str], expected: Result<&[&str], &str>) {
        let parsed = Args::try_parse_from([&["hotdesk-access"], line].concat());
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
}
