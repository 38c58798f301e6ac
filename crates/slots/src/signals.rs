//! What does the reaper tell of a slot ahead of time: what each signal saw, and what a reap would take and leave?
//!
//! Written to the Slot's status, so that `hotdesk plan` and `hotdesk why` need no right but to read Slots. Every list
//! is bounded, for a status must stay small.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most signals that a status holds.
pub const MAX_SIGNALS: usize = 16;
/// The most releases that a plan names one by one.
pub const MAX_RELEASES: usize = 32;
/// The most objects that a plan names for one release; one more line says how many there are beyond.
pub const MAX_OBJECTS: usize = 16;

/// What one signal of use says.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Which: `keepUntil`, `claim`, `deploy`, `session`, or a traffic source such as `ingress-logs`.
    pub name: String,
    /// What it means for the slot.
    pub state: SignalState,
    /// When it last saw something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// One line on what exactly, or on what it could not see.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What a signal of use means for the slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalState {
    /// It saw somebody within the window, or keeps the slot by itself.
    InUse,
    /// It could see, and saw nobody within the window.
    Quiet,
    /// It could not see.
    Blind,
    /// It was not asked, for another signal settled it.
    NotAsked,
}

/// What a reap would do.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReapPlan {
    /// When it was made.
    pub at: Time,
    /// The releases that it is about.
    #[serde(default)]
    pub releases: Vec<PlannedRelease>,
    /// The releases that stay by their names. Written also when there is none: an older list must not outlast it.
    #[serde(default)]
    pub kept: Vec<String>,
}

/// What a reap would do to one release.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRelease {
    /// Its name.
    pub name: String,
    /// Its revision, counted from 1.
    pub revision: i64,
    /// Why it stays as a whole; absent if it would be uninstalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Its objects that would stay, as `Kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<String>,
    /// Why its hooks would not run, such as `pre-delete`; absent if they would, or if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_hooks: Option<String>,
    /// What could not be brought back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// The first entries of a list, and one line that says how many more there are.
#[must_use]
pub fn bounded(mut entries: Vec<String>) -> Vec<String> {
    let more = entries.len().saturating_sub(MAX_OBJECTS);
    if more > 0 {
        entries.truncate(MAX_OBJECTS);
        entries.push(format!("and {more} more"));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let entries = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(bounded(entries(MAX_OBJECTS)), entries(MAX_OBJECTS));
        let cut = bounded(entries(MAX_OBJECTS + 3));
        assert_eq!((cut.len(), cut.last().map(String::as_str)), (MAX_OBJECTS + 1, Some("and 3 more")));
    }
}
