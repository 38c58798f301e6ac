//! Which use of a slot did the observing job see, which reads each source once for all slots?
//!
//! It says who was there, and never that nobody was: what is missing here is read by the slot's own reaper.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most sources of which a Slot holds evidence.
pub const MAX_SOURCES: usize = 16;

/// The longest detail, in bytes.
pub const MAX_DETAIL: usize = 1024;

/// What one source showed of a slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SourceEvidence {
    /// The source, as the operator calls it.
    #[schemars(length(max = 256))]
    pub source: String,
    /// A digest of the settings that decide what counts as use: a reaper with others reads for itself.
    #[schemars(length(max = 64))]
    pub settings: String,
    /// When the source was looked at.
    pub at: Time,
    /// The newest use that was seen.
    pub last_use: SeenUse,
}

/// A use of a slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SeenUse {
    /// When, by the clock of what logged it.
    pub time: Time,
    /// One line on what exactly.
    #[schemars(length(max = 1024))]
    pub detail: String,
}
