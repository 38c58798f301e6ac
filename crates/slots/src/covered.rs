//! Over which time has an ingress controller's log been read without a gap, and shown nobody?
//!
//! Kept in the Slot's status, so that what several runs of the reaper have read counts as one reading: of a container that
//! restarted twice, only the log before the last restart can still be read. (A rotation always leaves a gap: what was
//! logged between a reading and the rotation is in a file that the kubelet does not serve.)

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one log source has covered.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    /// The source, as the operator calls it.
    #[schemars(length(max = 256))]
    pub source: String,
    /// A digest of the settings with which it was read: other settings may see what these did not.
    pub settings: String,
    /// From when on the readings join up and show nobody.
    pub since: Time,
    /// When the last of them was made.
    pub through: Time,
}
