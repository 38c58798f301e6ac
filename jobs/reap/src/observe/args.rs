//! How does the observing job read?

use clap::Args;
use hotdesk_slots::duration::positive;
use hotdesk_traffic::sources::settings::variable;
use jiff::SignedDuration;

/// Settings of the observing job. What counts as use follows from those of the reaper.
#[derive(Debug, Clone, Args)]
pub struct Observe {
    /// How much of the end of each log is read, for example 25m: a little more than lies between two runs.
    #[arg(long, env = variable::REACH, default_value = "25m", value_parser = positive::<SignedDuration>)]
    pub reach: SignedDuration,

    /// By how much a use must be newer than what the Slot says already to be written.
    #[arg(long, env = variable::EVIDENCE_STEP, default_value = "5m", value_parser = positive::<SignedDuration>)]
    pub evidence_step: SignedDuration,
}
