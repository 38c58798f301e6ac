//! What did the counters of an ingress controller say when they were last read?
//!
//! Kept in the Slot's status, so that the next run of the reaper can tell whether anybody was there in between. Bounded,
//! for a status must stay small.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most pods of one controller that are kept.
pub const MAX_PODS: usize = 64;

/// The counters of one source.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The source, as the operator calls it.
    #[schemars(length(max = 256))]
    pub source: String,
    /// From when on the samples join up and show nobody.
    pub since: Time,
    /// When the last sample was taken.
    pub through: Time,
    /// When counters of the slot last grew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_use: Option<Time>,
    /// The controller's pods.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodCount>,
}

/// What one pod had counted for the slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodCount {
    /// The pod.
    pub uid: String,
    /// When its container started: a restart begins at zero.
    pub started: Time,
    /// The slot's requests.
    pub requests: i64,
    /// A digest of all its counters that are, or may be, the slot's.
    pub digest: String,
}
