//! Is there a second witness where nothing else sees what reaches a slot?

use hotdesk_traffic::ways_in::{Rules, Unwatched, WaysIn, unwatched};

use super::finding::{Finding, Id};
use super::places::Reaper;
use super::slots::ABOUT;

const FIX: &str = "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values --set reaper.podUsage.from=kubelets; \
                   docs/sources.md (pod-usage) says what that costs";

/// What is wrong with the source `pod-usage` of a reaper, or what it would see that nothing sees.
pub(super) fn judge(reaper: &Reaper, found: &WaysIn) -> Option<Finding> {
    let about = format!("{ABOUT}{}", reaper.slot);
    match &reaper.pod_usage {
        Ok(Some(_)) => None,
        Err(why) => Some(
            Finding::problem(Id::PodUsage, about, format!("its reaper cannot read reaper.podUsage: {why}"))
                .mended_by("set it to what docs/sources.md (pod-usage) names"),
        ),
        Ok(None) => {
            let first = past_every_source(reaper, found).into_iter().next()?;
            let says = format!(
                "{} {}. reaper.ignoreDirectTraffic says that this does not count as use, so the slot is cleared while \
                 somebody uses it in that way",
                first.about, first.why
            );
            Some(Finding::warning(Id::PodUsage, about, says).mended_by(FIX))
        }
    }
}

/// What leads into the slot past every source, and is not counted because the operator says so.
fn past_every_source(reaper: &Reaper, found: &WaysIn) -> Vec<Unwatched> {
    let sources = reaper.sources.as_deref().unwrap_or_default();
    if !reaper.ignore_direct || sources.is_empty() {
        return Vec::new();
    }
    let all = |ignore_direct| unwatched(found, sources, &Rules { classes: &reaper.classes, ignore_direct });
    let counted = all(true);
    all(false).into_iter().filter(|one| !counted.contains(one)).collect()
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
