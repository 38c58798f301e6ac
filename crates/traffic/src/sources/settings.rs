//! What do a reaper's variables say of where it looks for use, and over which time?
//!
//! The reaper takes them with clap (`jobs/reap/src/args.rs`), `hotdesk doctor` from the CronJob. Names, defaults and the reading of
//! each value are written once, so that the two cannot drift.

use std::fmt;

use clap::ValueEnum as _;
use hotdesk_slots::duration::positive;
use hotdesk_slots::window::{Windows, office_hours};
use jiff::SignedDuration;

use super::{Defaults, PodSelector, Source, default, read, share};
use crate::line::Format;
use crate::pod_usage;

/// The names of the variables.
pub mod variable {
    /// The list of sources.
    pub const SOURCES: &str = "HOTDESK_SOURCES";
    /// Where the usage of the slot's own pods is seen.
    pub const POD_USAGE: &str = "HOTDESK_POD_USAGE";
    /// The namespace of the ingress controller's pods.
    pub const INGRESS_NAMESPACE: &str = "HOTDESK_INGRESS_NAMESPACE";
    /// Their labels.
    pub const INGRESS_SELECTOR: &str = "HOTDESK_INGRESS_SELECTOR";
    /// Their container that serves.
    pub const INGRESS_CONTAINER: &str = "HOTDESK_INGRESS_CONTAINER";
    /// The classes of Ingress that it serves.
    pub const INGRESS_CLASS: &str = "HOTDESK_INGRESS_CLASS";
    /// How it logs.
    pub const INGRESS_LOG_FORMAT: &str = "HOTDESK_INGRESS_LOG_FORMAT";
    /// How long a slot may go unused.
    pub const WINDOW: &str = "HOTDESK_WINDOW";
    /// When it may go unused for longer.
    pub const OFFICE_HOURS: &str = "HOTDESK_OFFICE_HOURS";
    /// The share of log lines that may be unreadable.
    pub const MAX_UNPARSED: &str = "HOTDESK_MAX_UNPARSED";
    /// Requests past the ingress controller are nobody's use.
    pub const IGNORE_DIRECT_TRAFFIC: &str = "HOTDESK_IGNORE_DIRECT_TRAFFIC";
    /// For how long a session counts at least.
    pub const SESSION_GRACE: &str = "HOTDESK_SESSION_GRACE";
    /// Sessions that nobody noted are nobody's use.
    pub const IGNORE_UNNOTED_SESSIONS: &str = "HOTDESK_IGNORE_UNNOTED_SESSIONS";
    /// Where releases are saved.
    pub const SAVED_NAMESPACE: &str = "HOTDESK_SAVED_NAMESPACE";
    /// How much of the end of each log the observing job reads.
    pub const REACH: &str = "HOTDESK_REACH";
    /// By how much a use must be newer for the observing job to write it.
    pub const EVIDENCE_STEP: &str = "HOTDESK_EVIDENCE_STEP";
}

/// What a reaper is set to, as far as others have to know it.
#[derive(Debug, Clone)]
pub struct TrafficSettings {
    /// Where it looks; none where they cannot be read.
    pub sources: Vec<Source>,
    /// Where it sees the usage of the slot's own pods; none: it does not look at that.
    pub pod_usage: Option<pod_usage::Settings>,
    /// How long a slot may go unused.
    pub windows: Windows,
    /// The share of log lines that may be unreadable.
    pub max_unparsed: f64,
    /// The classes of Ingress that its sources read; none: the cluster's IngressClasses say.
    pub classes: Vec<String>,
    /// What comes past every controller is nobody's use.
    pub ignore_direct: bool,
    /// For how long a session counts at least.
    pub session_grace: SignedDuration,
    /// It takes a slot for idle also where nobody noted sessions.
    pub ignores_sessions: bool,
    /// Where it writes down what it is about to uninstall.
    pub saved_namespace: String,
    /// What it refuses to start with. The default stands in the place of each, but for the sources.
    pub problems: Vec<Problem>,
}

/// A value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Of which variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.why)
    }
}

impl TrafficSettings {
    /// Reads all of them. A variable that is there and empty is an empty value, as it is for the reaper.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let mut reader = Reader { get, problems: Vec::new() };
        let place = PodSelector {
            namespace: reader.text(variable::INGRESS_NAMESPACE, default::NAMESPACE),
            selector: reader.text(variable::INGRESS_SELECTOR, default::SELECTOR),
            container: reader.text(variable::INGRESS_CONTAINER, default::CONTAINER),
        };
        let format = reader.value(variable::INGRESS_LOG_FORMAT, default::LOG_FORMAT, log_format);
        let defaults = Defaults { place, format: format.unwrap_or(Format::Auto) };
        let all = |problems: Vec<String>| problems.join("; ");
        let sources = reader.value(variable::SOURCES, default::SOURCES, |text| read(text, &defaults).map_err(all));
        // Others than those that are meant would be judged.
        let readable = reader.problems.iter().all(|problem| problem.variable != variable::SOURCES);
        let sources = sources.filter(|_| readable);
        let pod_usage = reader.value(variable::POD_USAGE, "", |text| pod_usage::read(text).map_err(all));
        let windows = Windows {
            always: reader.length(variable::WINDOW, default::WINDOW),
            office: reader.value(variable::OFFICE_HOURS, default::OFFICE_HOURS, office_hours).unwrap_or_default(),
        };
        Self {
            sources: sources.unwrap_or_default(),
            pod_usage: pod_usage.flatten(),
            windows,
            max_unparsed: reader.value(variable::MAX_UNPARSED, default::MAX_UNPARSED, share).unwrap_or_default(),
            classes: reader.list(variable::INGRESS_CLASS),
            ignore_direct: reader.flag(variable::IGNORE_DIRECT_TRAFFIC),
            session_grace: reader.length(variable::SESSION_GRACE, default::SESSION_GRACE),
            ignores_sessions: reader.flag(variable::IGNORE_UNNOTED_SESSIONS),
            saved_namespace: reader.text(variable::SAVED_NAMESPACE, default::SAVED_NAMESPACE),
            problems: reader.problems,
        }
    }

    /// What is wrong with one variable, if anything.
    #[must_use]
    pub fn problem(&self, variable: &str) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.variable == variable)
    }
}

struct Reader<G> {
    get: G,
    problems: Vec<Problem>,
}

impl<'a, G: Fn(&str) -> Option<&'a str>> Reader<G> {
    /// What a variable says, or the default where it says nothing or nothing that can be read.
    fn value<T>(
        &mut self,
        variable: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(written) = (self.get)(variable) else { return parse(default).ok() };
        match parse(written) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problems.push(Problem { variable, why });
                parse(default).ok()
            }
        }
    }

    fn text(&self, variable: &str, default: &str) -> String {
        (self.get)(variable).unwrap_or(default).to_owned()
    }

    fn list(&self, variable: &str) -> Vec<String> {
        (self.get)(variable).into_iter().flat_map(|all| all.split(',')).map(str::to_owned).collect()
    }

    fn length(&mut self, variable: &'static str, default: &str) -> SignedDuration {
        self.value(variable, default, positive).unwrap_or_default()
    }

    fn flag(&mut self, variable: &'static str) -> bool {
        let flag = |text: &str| text.parse().map_err(|_| "write true or false".to_owned());
        self.value(variable, "false", flag).unwrap_or_default()
    }
}

fn log_format(text: &str) -> Result<Format, String> {
    Format::from_str(text, false).map_err(|_| {
        let known = Format::value_variants().iter().filter_map(Format::to_possible_value);
        let names: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("there is no such format; write {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests;
