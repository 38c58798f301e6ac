//! What does the operator want of undoing a reap?

use clap::{Args, Subcommand, ValueEnum};
use hotdesk_slots::duration::positive;
use hotdesk_traffic::sources::default;
use hotdesk_traffic::sources::settings::variable;
use jiff::SignedDuration;

/// Settings of the reap that make it possible to undo it.
#[derive(Debug, Clone, Args)]
pub struct Undo {
    /// The namespace of what was reaped and can be brought back.
    #[arg(long, env = variable::SAVED_NAMESPACE, default_value = default::SAVED_NAMESPACE)]
    pub saved_namespace: String,

    /// How long a reaped release can be brought back, for example 336h (14 days).
    #[arg(long, env = "HOTDESK_REVIVE_FOR", default_value = "336h", value_parser = positive::<SignedDuration>)]
    pub revive_for: SignedDuration,

    /// What happens to a release with objects that the reaper may not delete, such as a ClusterRole.
    #[arg(long, env = "HOTDESK_CLUSTER_SCOPED", value_enum, default_value = "keep-release")]
    pub cluster_scoped: ClusterScoped,

    /// How long one release may take to be ready after it was brought back, for example 5m.
    #[arg(long, env = "HOTDESK_REVIVE_TIMEOUT", default_value = "5m", value_parser = positive::<SignedDuration>)]
    pub revive_timeout: SignedDuration,
}

/// What happens to a release with objects that the reaper may not delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClusterScoped {
    /// The release stays as a whole.
    KeepRelease,
    /// These objects stay, and the rest of the release goes.
    KeepObjects,
}

/// What else this program does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring back what was reaped.
    Revive {
        /// The releases to bring back. Default: all of the last reap.
        releases: Vec<String>,
    },
    /// Remove what was kept in the slot, and saved, of releases that are not installed there any more.
    Purge {
        /// The releases. Default: all of which anything is left.
        names: Vec<String>,
    },
    /// Remove, of all slots, what was saved and is kept for no longer.
    Prune,
    /// Read the controllers' logs once for all slots, and write to each Slot who was seen using it.
    Observe(crate::observe::args::Observe),
}
