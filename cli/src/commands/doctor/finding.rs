//! What was found, how bad is it, and what fixes it?

use clap::ValueEnum;
use serde::Serialize;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It may be meant so.
    Warning,
    /// It could not be looked at, which is not the same as well.
    Unknown,
    /// It must be fixed.
    Problem,
}

/// What was looked at. Monitoring and docs/troubleshooting.md go by these names: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Id {
    KubernetesVersion,
    SlotKind,
    WebhookEntries,
    WebhookRules,
    WebhookTrust,
    WebhookCertificate,
    WebhookPods,
    Policies,
    GatedKinds,
    AggregatedApis,
    RightsBeyond,
    TrustedDeployers,
    Programs,
    WriteProbe,
    SyncFresh,
    Rights,
    SessionsNoted,
    ControllerPods,
    ControllerSettings,
    LogFormat,
    LogRotation,
    Metrics,
    SlotThere,
    SlotLabel,
    SlotMode,
    SlotPodSecurity,
    SlotIngress,
    SlotStamps,
    ReaperThere,
    ReaperSuspended,
    ReaperDryRun,
    ReaperSettings,
    ReaperRights,
    ReaperSecrets,
    SavedInSlots,
    ReaperStart,
    ReaperRun,
    ReaperSight,
    PodUsage,
    Slot,
}

/// Under which heading it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Section {
    /// What `charts/hotdesk` installs.
    Installation,
    /// Whether the reapers can see who uses a slot.
    Traffic,
    /// Each slot.
    Slots,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) id: Id,
    pub(super) section: Section,
    pub(super) level: Level,
    pub(super) subject: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Id {
    fn section(self) -> Section {
        if self <= Self::Rights {
            Section::Installation
        } else if self <= Self::Metrics {
            Section::Traffic
        } else {
            Section::Slots
        }
    }
}

impl Finding {
    fn new(level: Level, id: Id, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { id, section: id.section(), level, subject: subject.into(), message: message.into(), fix: None }
    }

    pub(super) fn ok(id: Id, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Level::Ok, id, subject, message)
    }

    pub(super) fn warning(id: Id, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Level::Warning, id, subject, message)
    }

    pub(super) fn problem(id: Id, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Level::Problem, id, subject, message)
    }

    pub(super) fn unknown(id: Id, subject: impl Into<String>, why: &str) -> Self {
        Self::new(Level::Unknown, id, subject, format!("could not be looked at: {why}"))
    }

    pub(super) fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_found_is_explained_in_the_docs() {
        let docs = include_str!("../../../../docs/troubleshooting.md");
        for id in Id::value_variants() {
            let name = serde_json::to_value(id).unwrap();
            let heading = format!("### `{}`", name.as_str().unwrap());
            assert!(docs.lines().any(|line| line.starts_with(&heading)), "docs/troubleshooting.md has no {heading}");
        }
    }

    #[test]
    fn what_could_not_be_seen_is_worse_than_what_may_be_meant_so() {
        assert!(Level::Ok < Level::Warning && Level::Warning < Level::Unknown && Level::Unknown < Level::Problem);
    }
}
