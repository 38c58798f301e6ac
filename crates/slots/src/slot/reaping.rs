//! What does a Slot say of the reap that is under way, and of the last one?

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Uninstalls under way.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Reaping {
    /// When the reap began.
    pub since: Time,
    /// The releases that it set out to uninstall.
    pub releases: Vec<ReleaseRevision>,
    /// Until then the reap may be at work, and nobody can take the slot over; extended as the reap goes on. Absent: it is
    /// not at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// For how long a reap may say that it is at work: one uninstall, which it announces again before the next. What lies
/// further ahead locks nobody out.
pub const MAX_REAP_LOCK: SignedDuration = SignedDuration::from_mins(15);

/// How far ahead a reap may announce its end. Clocks differ: by that of who reads it, it must not be beyond [`MAX_REAP_LOCK`].
pub const MAX_REAP_ANNOUNCED: SignedDuration = SignedDuration::from_mins(14);

impl Reaping {
    /// Until when the reap is at work, if it is. An end further ahead than [`MAX_REAP_LOCK`] is not one.
    #[must_use]
    pub fn at_work_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.until.as_ref()?.0;
        (until > now && until.duration_since(now) <= MAX_REAP_LOCK).then_some(until)
    }
}

/// One revision of a helm release.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRevision {
    /// The release's name.
    pub name: String,
    /// Its revision, counted from 1.
    pub revision: i64,
}

/// A finished reap.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastReap {
    /// When.
    pub time: Time,
    /// The names of the releases that were uninstalled.
    pub releases: Vec<String>,
    /// When all of them had been brought back, if they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<Time>,
    /// Who asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_by: Option<String>,
}

/// A release whose uninstall has failed.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedReap {
    /// The release's name.
    pub release: String,
    /// Its revision: another is tried at once.
    pub revision: i64,
    /// How often its uninstall has failed.
    pub times: u32,
    /// When it failed last.
    pub at: Time,
    /// From when on it is tried again; absent when that is only done because somebody asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// Why it failed.
    pub reason: String,
}
