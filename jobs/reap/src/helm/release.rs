//! What is a helm release, as its newest record tells?

use std::fmt;

use jiff::Timestamp;

/// Where helm keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    /// In Secrets of type helm.sh/release.v1.
    Secret,
    /// In ConfigMaps.
    ConfigMap,
}

/// The newest revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Where its record is.
    pub driver: Driver,
    /// The release's name.
    pub name: String,
    /// Its newest revision.
    pub revision: i64,
    /// The name of the object that holds the record.
    pub object: String,
    /// That object's version: any change of it is seen.
    pub resource_version: String,
    /// Who deployed it, as the webhook noted.
    pub deployed_by: Option<String>,
    /// What the record says, or why it cannot be read.
    pub state: Result<State, String>,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// In which phase the release is.
    pub phase: Phase,
    /// When this revision was deployed.
    pub last_deployed: Timestamp,
    /// When its uninstall began.
    pub deleted: Option<Timestamp>,
}

/// The phase of a release: helm's statuses, but for `unknown`, which says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Installed.
    Deployed,
    /// Installed as far as it went.
    Failed,
    /// An install, upgrade or rollback has begun.
    Pending,
    /// An uninstall has begun.
    Uninstalling,
    /// Uninstalled with its history kept.
    Uninstalled,
    /// Replaced by a newer revision.
    Superseded,
}

impl Release {
    /// True if something of it is in the slot. What cannot be read may be.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(&self.state, Ok(state) if matches!(state.phase, Phase::Uninstalled | Phase::Superseded))
    }

    /// What is under way, if anything is, and since when.
    #[must_use]
    pub fn under_way(&self) -> Option<(Phase, Timestamp)> {
        let state = self.state.as_ref().ok()?;
        let since = state.deleted.map_or(state.last_deployed, |deleted| deleted.max(state.last_deployed));
        matches!(state.phase, Phase::Pending | Phase::Uninstalling).then_some((state.phase, since))
    }
}

impl Driver {
    /// The value of `HELM_DRIVER`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
        }
    }
}

impl Phase {
    /// Reads helm's status.
    #[must_use]
    pub fn parse(status: &str) -> Option<Self> {
        Some(match status {
            "deployed" => Self::Deployed,
            "failed" => Self::Failed,
            "pending-install" | "pending-upgrade" | "pending-rollback" => Self::Pending,
            "uninstalling" => Self::Uninstalling,
            "uninstalled" => Self::Uninstalled,
            "superseded" => Self::Superseded,
            _ => return None,
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deployed => "deployed",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Uninstalling => "uninstalling",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
        })
    }
}
