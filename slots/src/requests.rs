//! What may a holder ask of hotdesk, and what became of it?
//!
//! A holder writes a wish into `spec.requests`; the webhook notes of which claim and by whom it is; the controller makes
//! a Job of it in hotdesk's own namespace, and reports in `status.request`. Nobody needs a right in that namespace for it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For how long a request may wait to be carried out. After that it is void: whoever wrote it has gone on.
pub const VALID_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The shortest time between two requests of one kind in one slot: each becomes a Job.
pub const ONE_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The longest name of a helm release.
const MAX_RELEASE: usize = 53;

/// The most steps that a status holds; the oldest are left out first.
pub const MAX_STEPS: usize = 20;

/// What the holder asks for.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// Check the slot now, and clear it if nobody uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reap: Option<Request>,
    /// Bring back what was cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revive: Option<Request>,
}

/// One wish of a holder. People write `{}`, `dryRun` and `releases`; hotdesk writes the rest.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What `status.request.id` repeats.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The claim under which it was made (annotation `hotdesk.dev/claim-id`). It is void under any other.
    #[serde(default, rename = "claimID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub claim_id: Option<String>,
    /// Who asked, by their exact user name.
    #[schemars(length(max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was asked (RFC 3339). It is void five minutes later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Say what would be done, and do nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The releases to bring back; those of the last reap if none is named.
    #[schemars(length(max = 50), inner(length(min = 1, max = 53)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
}

/// True for what helm accepts as the name of a release: labels of lower-case letters, digits and `-`, with dots between.
#[must_use]
pub fn is_release_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| {
        label.starts_with(letter) && label.ends_with(letter) && label.chars().all(|c| letter(c) || c == '-')
    };
    text.len() <= MAX_RELEASE && text.split('.').all(label)
}

impl Request {
    /// True while the request may be carried out: it is of this claim, and not too old.
    #[must_use]
    pub fn is_valid(&self, claim_id: Option<&str>, now: Timestamp) -> bool {
        let fresh = self.at.as_ref().is_some_and(|at| {
            let age = now.duration_since(at.0);
            age <= VALID_FOR && age >= -VALID_FOR
        });
        fresh && self.id.is_some() && claim_id.is_some() && self.claim_id.as_deref() == claim_id
    }
}

/// What became of a request.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// The request's id.
    pub id: String,
    /// `reap` or `revive`.
    pub kind: String,
    /// How far it is.
    pub phase: RequestPhase,
    /// What was said on the way, oldest first.
    #[schemars(length(max = 20), inner(length(max = 1024)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// How many earlier steps were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steps_left_out: i64,
    /// How it ended, in one sentence.
    #[schemars(length(max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The exit code of the Job's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// How far a request is.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RequestPhase {
    /// The Job is being made.
    #[default]
    Pending,
    /// The Job runs.
    Running,
    /// The Job has ended with exit code 0.
    Succeeded,
    /// The Job has ended otherwise.
    Failed,
    /// The request was void, or nobody can carry it out; the message says why.
    Refused,
}

impl RequestPhase {
    /// True once nothing more happens.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Refused)
    }
}

/// Whether the slot is held.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nobody claims it.
    Free,
    /// The claim is in force.
    Held,
    /// The claim's `until` has passed.
    Lapsed,
}

/// What is set for the slot's reaper.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReaperSettings {
    /// True while its runs are stopped.
    #[serde(default)]
    pub suspended: bool,
    /// When it runs (cron, UTC).
    #[schemars(length(max = 256))]
    #[serde(default)]
    pub schedule: String,
    /// True if what was cleared can be brought back by the holder.
    #[serde(default)]
    pub revives: bool,
}

/// A release that was cleared and can be brought back.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SavedRelease {
    /// The release's name.
    #[schemars(length(max = 253))]
    pub release: String,
    /// Its revision, counted from 1.
    pub revision: i64,
    /// When it was saved.
    pub at: Time,
    /// When the reap began; the releases of one reap have it in common.
    pub run: Time,
    /// Until when it is kept.
    pub until: Time,
    /// The claim under which it was cleared (`hotdesk.dev/claim-id`).
    #[schemars(length(max = 64))]
    #[serde(default, rename = "claimID", skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<String>,
    /// Who held the slot then.
    #[schemars(length(max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What stays as it is now, as `Kind/name`.
    #[schemars(length(max = 50), inner(length(max = 512)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// What does not come back, one sentence each.
    #[schemars(length(max = 50), inner(length(max = 1024)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_as_helm_names_it() {
        for name in ["web", "web-2.api", "7", &"x".repeat(53)] {
            assert!(is_release_name(name), "{name:?}");
        }
        for name in ["", "Web", "-web", "web-", "a..b", "a_b", "--kubeconfig=x", "a b", "a\nb", "wéb", &"x".repeat(54)]
        {
            assert!(!is_release_name(name), "{name:?}");
        }
    }

    #[track_caller]
    fn check(claim_id: Option<&str>, minutes: i64, expected: bool) {
        let at: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let request = Request {
            id: Some("r1".to_owned()),
            claim_id: Some("c1".to_owned()),
            at: Some(Time(at)),
            ..Request::default()
        };
        assert_eq!(request.is_valid(claim_id, at + SignedDuration::from_mins(minutes)), expected);
    }

    #[test]
    fn a_request_is_void_under_another_claim_and_after_five_minutes() {
        check(Some("c1"), 0, true);
        check(Some("c1"), 5, true);
        check(Some("c1"), 6, false);
        check(Some("c2"), 0, false);
        check(None, 0, false);
        assert!(!Request::default().is_valid(None, "2026-11-29T12:00:00Z".parse().unwrap()));
    }
}
