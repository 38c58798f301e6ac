//! What did the counters of the slot's pods say when they were last read: bytes received, CPU time, probes?
//!
//! Kept in the Slot's status, so that the next run of the reaper can tell what came in between. Bounded, for a status must
//! stay small.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most pods of one slot that are compared.
pub const MAX_PODS: usize = 64;

/// The readings of one slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodUsage {
    /// From when on the readings join up and show no more than the floor.
    pub since: Time,
    /// When the pods were last read.
    pub through: Time,
    /// When they were last found above the floor. Written also when they were not: a merge would leave what was there.
    #[serde(default)]
    pub last_use: Option<PodUse>,
    /// The pods.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodReading>,
}

/// What was found above the floor.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodUse {
    /// When it was found; it came before that.
    pub at: Time,
    /// What it was, in a few words.
    #[schemars(length(max = 1024))]
    pub detail: String,
}

/// What one pod had counted since its sandbox was made.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodReading {
    /// The pod.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// When its sandbox was made: the counters of another begin at zero.
    pub started: Time,
    /// When the counters had these values.
    pub at: Time,
    /// Bytes received.
    pub bytes: i64,
    /// Those of them that probes brought.
    pub probe_bytes: i64,
    /// CPU time, in milliseconds.
    pub cpu_ms: i64,
    /// The mean of its quietest hour, in millionths of a core; none while there was no such hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quietest: Option<i64>,
}
