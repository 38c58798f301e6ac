//! What is said of a pass in the log, and how often?
//!
//! A pass comes every few seconds. What it found is said when it differs from what the last one found.

use hotdesk_slots::text::sanitize;

use crate::plan::{Change, Plan};

/// What the last pass said.
#[derive(Debug, Default)]
pub struct LoggedState {
    problems: Vec<String>,
    warnings: Vec<String>,
    held_back: Option<String>,
}

impl LoggedState {
    /// Says what is new in a plan, and returns what of it concerns no slot that is there.
    pub fn plan(&mut self, plan: &Plan) -> Option<String> {
        let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        let news = problems != self.problems;
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            tracing::warn!("{}", sanitize(problem));
        }
        if news && problems.is_empty() {
            tracing::info!("every row is in order again");
        }
        self.problems = problems;
        let warnings: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
        for warning in warnings.iter().filter(|warning| !self.warnings.contains(warning)) {
            tracing::warn!("{}", sanitize(warning));
        }
        self.warnings = warnings;
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
    let (slot, what, owner) = (sanitize(&change.slot), change.what.word(), owner.unwrap_or_default());
    match &change.undoes {
        Some(manager) => tracing::warn!(slot, what, owner, manager, "written over what was changed outside the sheet"),
        None => tracing::info!(slot, what, owner, "written"),
    }
}
