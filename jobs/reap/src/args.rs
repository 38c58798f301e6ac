//! What does the operator want? Everything is read and checked here, before anything is asked or done.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use globset::{Glob, GlobSet, GlobSetBuilder};
use hotdesk_runtime::log::LogArgs;
use hotdesk_runtime::termination;
use hotdesk_slots::duration::{non_negative, positive};
use hotdesk_slots::slot::MAX_REAP_ANNOUNCED;
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::window::{OfficeHours, Windows, office_hours};
use jiff::SignedDuration;

use crate::decide::Rules;
use crate::notices::args::NoticeArgs;
use crate::observe;
use crate::request::Request;
use crate::undo::args::{Command, Undo};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::agents;
use hotdesk_traffic::pod_usage;
use hotdesk_traffic::sources::settings::variable;
use hotdesk_traffic::sources::{self, Defaults, PodSelector, Source, default, share};

/// Reaps one slot: asks the logs whether anyone used it and, if not, runs helm uninstall.
///
/// Only a slot that is known to be idle is reaped; whatever cannot be read counts as in use.
#[derive(Debug, Clone, Parser)]
#[command(name = "hotdesk-reap", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The slot. It is never the pod's own namespace: reapers do not live in slots.
    #[arg(long, env = "HOTDESK_NAMESPACE")]
    pub namespace: Option<String>,

    /// Where traffic is seen: a list in YAML or JSON, each {type: ingress-logs, ingress-metrics, prometheus, loki or
    /// gcp-logging, …}; see docs/sources.md. A slot is idle only if all of them can observe traffic and none saw anybody.
    #[arg(long, env = variable::SOURCES, default_value = default::SOURCES)]
    pub sources: String,

    /// What the slot's own pods received and used, as a veto: {from: kubelets or prometheus, …} in YAML or JSON; see
    /// docs/sources.md. It keeps a slot that the sources saw nobody use; empty: it is off.
    #[arg(long, env = variable::POD_USAGE, default_value = "")]
    pub pod_usage: String,

    /// The namespace of the ingress controller.
    #[arg(long, env = variable::INGRESS_NAMESPACE, default_value = default::NAMESPACE)]
    pub ingress_namespace: String,

    /// The labels of the ingress controller's pods.
    #[arg(long, env = variable::INGRESS_SELECTOR, default_value = default::SELECTOR)]
    pub ingress_selector: String,

    /// The container of those pods that writes the access log.
    #[arg(long, env = variable::INGRESS_CONTAINER, default_value = default::CONTAINER)]
    pub ingress_container: String,

    /// The classes of Ingress that this controller serves, comma-separated. A slot with an Ingress of another class is
    /// not judged. Default: any, but only one in a slot.
    #[arg(long, env = variable::INGRESS_CLASS, value_delimiter = ',')]
    pub ingress_class: Vec<String>,

    /// The format of the access log.
    #[arg(long, env = variable::INGRESS_LOG_FORMAT, value_enum, default_value = default::LOG_FORMAT)]
    pub ingress_log_format: Format,

    /// Namespaces that are not slots, and whose names begin with a slot's name and a dash: their traffic is told
    /// apart by these names. Comma-separated.
    #[arg(long, env = "HOTDESK_OTHER_NAMESPACES", value_delimiter = ',')]
    pub other_namespaces: Vec<String>,

    /// How long a slot may go unused, for example 1h or 90m.
    #[arg(long, env = variable::WINDOW, default_value = default::WINDOW, value_parser = positive::<SignedDuration>)]
    pub window: SignedDuration,

    /// This is a trial: windows of less than a minute are allowed. They clear slots that somebody is using.
    #[arg(long, env = "HOTDESK_TRIAL", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub trial: bool,

    /// When it may go unused for longer, as a JSON list of {timeZone, days, from, to, window}; the longest window wins.
    #[arg(long, env = variable::OFFICE_HOURS, value_parser = hours, default_value = default::OFFICE_HOURS)]
    pub office_hours: Hours,

    /// For how long kubectl exec, attach, port-forward or debug count from their beginning, for example 4h, unless every pod
    /// of the slot is younger: when somebody leaves is not seen.
    #[arg(long, env = variable::SESSION_GRACE, default_value = default::SESSION_GRACE, value_parser = positive::<SignedDuration>)]
    pub session_grace: SignedDuration,

    /// Sessions that no webhook noted do not count as use. Without it a slot is never known to be idle where hotdesk's
    /// webhook has not noted sessions without a gap.
    #[arg(long, env = variable::IGNORE_UNNOTED_SESSIONS, default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub ignore_unnoted_sessions: bool,

    /// The namespace of the reapers, where the webhooks say in the ConfigMap hotdesk-sessions that they note sessions.
    #[arg(long, env = "HOTDESK_JOBS_NAMESPACE", default_value = "hotdesk-jobs")]
    pub jobs_namespace: String,

    /// For how long a running Job that no CronJob owns keeps the slot of somebody who holds it, for example 24h.
    #[arg(long, env = "HOTDESK_JOB_GRACE", default_value = "24h", value_parser = positive::<SignedDuration>)]
    pub job_grace: SignedDuration,

    /// How long after a claim has lapsed the slot is kept as usual; from then on it is cleared once it was unused for so
    /// long, for example 30m.
    #[arg(long, env = "HOTDESK_LAPSE_GRACE", default_value = "30m", value_parser = positive::<SignedDuration>)]
    pub lapse_grace: SignedDuration,

    /// How far back a request of any slot proves that the log can tell, for example 24h.
    #[arg(long, env = "HOTDESK_LOOK_BACK", default_value = "24h", value_parser = positive::<SignedDuration>)]
    pub look_back: SignedDuration,

    /// A log without a single request, of any slot, is normal here.
    #[arg(long, env = "HOTDESK_SILENCE_IS_FINE", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub silence_is_fine: bool,

    /// Requests that reach a Service past the ingress controller (LoadBalancer, NodePort, external addresses) do not
    /// count as use. Without it a slot with such a Service is never known to be idle.
    #[arg(long, env = variable::IGNORE_DIRECT_TRAFFIC, default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub ignore_direct_traffic: bool,

    /// The share of log lines within the window that may be text, or JSON, of no known form, for example 1% or 0. A line
    /// that was certainly a request is a doubt in any case.
    #[arg(long, env = variable::MAX_UNPARSED, default_value = default::MAX_UNPARSED, value_parser = share)]
    pub max_unparsed: f64,

    /// User agents whose requests do not count as use: globs, comma-separated.
    #[arg(long, env = "HOTDESK_IGNORE_USER_AGENT", value_delimiter = ',', default_value = agents::DEFAULT)]
    pub ignore_user_agent: Vec<String>,

    /// Paths that do not count as use, for example health checks: globs, comma-separated.
    #[arg(long, env = "HOTDESK_IGNORE_PATH", value_delimiter = ',')]
    pub ignore_path: Vec<String>,

    /// Releases that stay: globs, comma-separated.
    #[arg(long, env = "HOTDESK_KEEP", value_delimiter = ',', default_value = "roles,*config*")]
    pub keep: Vec<String>,

    /// Kinds of objects that survive the uninstall of their release, comma-separated.
    #[arg(long, env = "HOTDESK_PRESERVE", value_delimiter = ',', value_parser = kind, default_value = DEFAULT_KINDS)]
    pub preserve: Vec<String>,

    /// How long to wait between two uninstalls: bulk deletes have overloaded operators' webhooks.
    #[arg(long, env = "HOTDESK_PAUSE", default_value = "5s", value_parser = non_negative::<Duration>)]
    pub pause: Duration,

    /// How long one uninstall may take, at most 12m: until it ends nobody can take the slot over.
    #[arg(long, env = "HOTDESK_UNINSTALL_TIMEOUT", default_value = "5m", value_parser = uninstall)]
    pub uninstall_timeout: SignedDuration,

    /// How often a failed uninstall is tried again, each time after a longer wait.
    #[arg(long, env = "HOTDESK_RETRIES", default_value_t = 3)]
    pub retries: usize,

    /// The helm program, version 3 or 4.
    #[arg(long, env = "HOTDESK_HELM", default_value = "helm")]
    pub helm: PathBuf,

    /// Say what would be done, and do nothing.
    #[arg(long, env = "HOTDESK_DRY_RUN", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub dry_run: bool,

    /// Only look, note in the Slot's status how far the evidence reaches, and reap nothing: what runs between the hourly
    /// ones do where a controller restarts within the window.
    #[arg(long, env = "HOTDESK_OBSERVE", default_value_t = false, num_args = 0..=1,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub observe: bool,

    /// Where the outcome is left for Kubernetes to show.
    #[arg(long, env = "HOTDESK_TERMINATION_LOG", default_value = termination::LOG)]
    pub termination_log: PathBuf,

    /// How long one answer of the API server may take.
    #[arg(long, env = "HOTDESK_API_TIMEOUT", default_value = "30s", value_parser = positive::<SignedDuration>)]
    pub api_timeout: SignedDuration,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArgs,

    /// How a reap can be undone.
    #[command(flatten)]
    pub undo: Undo,

    /// Who asked for this run.
    #[command(flatten)]
    pub request: Request,

    /// What people are told.
    #[command(flatten)]
    pub notices: NoticeArgs,

    /// What to do instead of a check and a reap.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The shortest window that is meant for people.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
const DEFAULT_KINDS: &str = "ConfigMap,Secret,ExternalSecret,PersistentVolumeClaim";

/// What people's programs call themselves.
const ANY_AGENT: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "okhttp/4.12.0",
];

/// Paths that no health check asks for.
const ANY_PATH: [&str; 2] = ["/any/7f3a-page.html", "/basket"];

const EXIT_CODES: &str = "Exit codes:
  0  the slot is in use, is kept, has nothing to reap, or was reaped
  1  an error that has nothing to do with the slot; or what was asked for is void, for the claim changed hands
  2  wrong usage
  3  unknown: something could not be read, so nothing was touched
  4  the slot is idle and its reap could not finish, which the Slot's status says; or not all came back";

/// Office hours, as one value of the command line.
#[derive(Debug, Clone)]
pub struct Hours(Vec<OfficeHours>);

/// What the command line says of traffic, checked and compiled.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// Where it is seen.
    pub sources: Vec<Source>,
    /// Where the usage of the slot's own pods is seen; none: it is not looked at.
    pub pod_usage: Option<pod_usage::Settings>,
    /// User agents to ignore.
    pub agents: GlobSet,
    /// Paths to ignore.
    pub paths: GlobSet,
}

impl Args {
    /// The slot.
    ///
    /// # Errors
    /// When none is named.
    pub fn slot(&self) -> Result<&str, String> {
        let named = self.namespace.as_deref().filter(|name| !name.is_empty());
        named.ok_or_else(|| "which slot? Name it with --namespace (HOTDESK_NAMESPACE)".to_owned())
    }

    /// The rules of the decision.
    ///
    /// # Errors
    /// Names every glob that is none: a release that should stay must not go for a typing error.
    pub fn rules(&self) -> Result<(Rules, Patterns), String> {
        let sets = [
            ("--keep", &self.keep),
            ("--ignore-user-agent", &self.ignore_user_agent),
            ("--ignore-path", &self.ignore_path),
        ];
        let mut problems = Vec::new();
        let mut compiled = sets.map(|(flag, patterns)| globs(flag, patterns, &mut problems)).into_iter();
        let mut next = || compiled.next().unwrap_or_default();
        let (keep, agents, paths) = (next(), next(), next());
        let sources = sources::read(&self.sources, &self.defaults()).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let pod_usage = pod_usage::read(&self.pod_usage).unwrap_or_else(|found| {
            problems.extend(found);
            None
        });
        let patterns = Patterns { sources, pod_usage, agents, paths };
        problems.extend(too_wide("--ignore-user-agent", &patterns.agents, &self.ignore_user_agent, &ANY_AGENT));
        problems.extend(too_wide("--ignore-path", &patterns.paths, &self.ignore_path, &ANY_PATH));
        let windows = Windows { always: self.window, office: self.office_hours.0.clone() };
        problems.extend(self.too_short(&windows));
        if problems.is_empty() {
            Ok((
                Rules {
                    windows,
                    session_grace: self.session_grace,
                    job_grace: self.job_grace,
                    lapse_grace: self.lapse_grace,
                    keep,
                    silence_is_fine: self.silence_is_fine,
                    observed_with: observe::settings::of_all(&patterns.sources, self),
                },
                patterns,
            ))
        } else {
            Err(problems.join("\n"))
        }
    }
}

impl Args {
    /// Between two requests of somebody who reads a page, more than a few seconds pass.
    fn too_short(&self, windows: &Windows) -> Option<String> {
        let short = windows.shortest().min(self.lapse_grace) < SHORTEST;
        (short && !self.trial).then(|| {
            "--window, the windows of --office-hours and --lapse-grace must be 1m or longer, or people lose slots that they \
             use: for a trial, set --trial (reaper.trial: true in charts/slots)"
                .to_owned()
        })
    }

    /// What holds for sources that say nothing else.
    fn defaults(&self) -> Defaults {
        let place = PodSelector {
            namespace: self.ingress_namespace.clone(),
            selector: self.ingress_selector.clone(),
            container: self.ingress_container.clone(),
        };
        Defaults { place, format: self.ingress_log_format.clone() }
    }
}

fn globs(flag: &str, patterns: &[String], problems: &mut Vec<String>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty()) {
        match Glob::new(pattern) {
            Ok(glob) => {
                set.add(glob);
            }
            Err(error) => problems.push(format!("{flag}: {error}")),
        }
    }
    set.build().unwrap_or_else(|error| {
        problems.push(format!("{flag}: {error}"));
        GlobSet::empty()
    })
}

/// A glob that also takes in what people's browsers send would make every slot look idle.
fn too_wide(flag: &str, set: &GlobSet, patterns: &[String], anybody: &[&str]) -> Option<String> {
    let found = anybody.iter().flat_map(|text| set.matches(text)).next()?;
    let written = patterns.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty());
    let pattern = written.skip(found).map(sanitize_short).next().unwrap_or_default();
    Some(format!("{flag}: {pattern} takes in the requests of people, so no use of a slot would be found: narrow it"))
}

/// An uninstall and its minute of grace must end before the slot's lock would be too long to be believed.
fn uninstall(text: &str) -> Result<SignedDuration, String> {
    let most = MAX_REAP_ANNOUNCED - SignedDuration::from_mins(2);
    let length = positive::<SignedDuration>(text)?;
    if length <= most { Ok(length) } else { Err(format!("it can be {}m at most", most.as_mins())) }
}

fn hours(text: &str) -> Result<Hours, String> {
    office_hours(text).map(Hours)
}

fn kind(text: &str) -> Result<String, String> {
    let kind = text.trim();
    let named = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.chars().all(|c| c.is_ascii_alphanumeric());
    if named || kind.is_empty() {
        Ok(kind.to_owned())
    } else {
        Err("write a kind as objects do, for example ConfigMap".to_owned())
    }
}

#[cfg(test)]
mod tests;
