//! What is said in the log, and how often?
//!
//! A pass comes every few seconds. What it found is said when it differs from what the last one found.

use anyhow::Context as _;
use hotdesk_slots::text::harmless;
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::plan::{Change, Plan};

/// Libraries that say again, and less clearly, what is logged here; a filter can bring them back.
const QUIET: &str = "actix_server=warn,kube_client=off";

/// From now on, what is said goes to standard error.
///
/// # Errors
/// When the filter cannot be read.
pub fn to_stderr(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .with_context(|| format!("--log-level {filter:?}: write info, or info,kube=debug"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => logs.with_ansi(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}

/// What the last pass said.
#[derive(Debug, Default)]
pub struct Said {
    problems: Vec<String>,
    held_back: Option<String>,
}

impl Said {
    /// Says what is new in a plan, and returns what of it concerns no slot that is there.
    pub fn plan(&mut self, plan: &Plan) -> Option<String> {
        let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        let news = problems != self.problems;
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            tracing::warn!("{}", harmless(problem));
        }
        if news && problems.is_empty() {
            tracing::info!("every row is in order again");
        }
        self.problems = problems;
        if plan.held_back != self.held_back {
            plan.held_back.iter().for_each(|why| tracing::error!("{why}"));
            self.held_back.clone_from(&plan.held_back);
        }
        let general = plan.problems.iter().filter(|problem| problem.slot.is_none()).map(ToString::to_string);
        let general: Vec<String> = general.collect();
        (news && !general.is_empty()).then(|| general.join("; "))
    }
}

/// Says what was written.
pub fn change(change: &Change) {
    let owner = change.wanted.as_ref().and_then(|wanted| wanted.users.first()).map(ToString::to_string);
    let (slot, what, owner) = (harmless(&change.slot), change.what.word(), owner.unwrap_or_default());
    match &change.undoes {
        Some(manager) => tracing::warn!(slot, what, owner, manager, "written over what was changed outside the sheet"),
        None => tracing::info!(slot, what, owner, "written"),
    }
}
