//! Is there a second witness where nothing else sees what reaches a slot?

use hotdesk_traffic::sources::settings::variable;
use hotdesk_traffic::ways_in::{Rules, Unwatched, WaysIn, unwatched};

use super::finding::{Finding, Id};
use super::reapers::Reaper;
use super::slots::SUBJECT;

const FIX: &str = "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values --set reaper.podUsage.from=kubelets; \
                   docs/sources.md (pod-usage) says what that costs";

/// What is wrong with the source `pod-usage` of a reaper, or what it would see that nothing sees.
pub(super) fn judge(reaper: &Reaper, found: &WaysIn) -> Option<Finding> {
    let subject = format!("{SUBJECT}{}", reaper.slot);
    match (reaper.settings.problem(variable::POD_USAGE), &reaper.settings.pod_usage) {
        (Some(problem), _) => Some(
            Finding::problem(Id::PodUsage, subject, format!("its reaper cannot read reaper.podUsage: {}", problem.why))
                .with_fix("set it to what docs/sources.md (pod-usage) names"),
        ),
        (None, Some(_)) => None,
        (None, None) => {
            let first = past_every_source(reaper, found).into_iter().next()?;
            let message = format!(
                "{} {}. reaper.ignoreDirectTraffic says that this does not count as use, so the slot is cleared while \
                 somebody uses it in that way",
                first.about, first.why
            );
            Some(Finding::warning(Id::PodUsage, subject, message).with_fix(FIX))
        }
    }
}

/// What leads into the slot past every source, and is not counted because the operator says so.
fn past_every_source(reaper: &Reaper, found: &WaysIn) -> Vec<Unwatched> {
    let sources = &reaper.settings.sources;
    if !reaper.settings.ignore_direct || sources.is_empty() {
        return Vec::new();
    }
    let all = |ignore_direct| unwatched(found, sources, &Rules { classes: &reaper.settings.classes, ignore_direct });
    let counted = all(true);
    all(false).into_iter().filter(|one| !counted.contains(one)).collect()
}

#[cfg(test)]
mod tests;
