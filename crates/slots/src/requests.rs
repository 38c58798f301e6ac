//! What may a holder ask of hotdesk, and what became of it?
//!
//! A holder writes a wish into `spec.requests`; the webhook notes of which claim and by whom it is; the controller makes
//! a Job of it in hotdesk's own namespace, or the restamper carries it out itself, and reports in `status.request`. Nobody
//! needs a right in that namespace for it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod asker;

/// For how long a request may wait to be carried out. After that it is void: the person who wrote it has gone on.
pub const VALID_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The shortest time between two requests of one kind in one slot: each becomes a Job.
pub const ONE_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The longest name of a helm release.
const MAX_RELEASE: usize = 53;

/// The most steps that a status holds; the oldest are left out first.
pub const MAX_STEPS: usize = 20;

/// The condition in which the restamper says whether everything in the slot carries the claim's labels and annotations.
pub const STAMPED: &str = "Stamped";

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
    /// Bring hotdesk's labels and annotations on everything in the slot to the claim, also where they look right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restamp: Option<Request>,
    /// Remove what was kept in the slot, and saved, of releases that are not installed there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<Request>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Check the slot, and clear it if nobody uses it.
    Reap,
    /// Bring back what was cleared.
    Revive,
    /// Bring hotdesk's labels and annotations to the claim.
    Restamp,
    /// Remove what was kept and saved.
    Purge,
}

/// A request that is not over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenRequest<'a> {
    /// What is asked for.
    pub kind: RequestKind,
    /// Its id.
    pub id: &'a str,
    /// As it stands in the spec; absent once the claim has changed.
    pub request: Option<&'a Request>,
    /// What has become of it so far.
    pub status: Option<&'a RequestStatus>,
}

/// One wish of a holder. People write `{}`, `dryRun`, `releases` and `names`; hotdesk writes the rest.
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
    /// The releases of which a purge removes what was kept and saved; all that are not installed any more if none is named.
    #[schemars(length(max = 50), inner(length(min = 1, max = 53)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
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

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reap, Self::Revive, Self::Restamp, Self::Purge];

    /// As it is written in a Slot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reap => "reap",
            Self::Revive => "revive",
            Self::Restamp => "restamp",
            Self::Purge => "purge",
        }
    }

    /// The kind that is written so.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The request of this kind.
    #[must_use]
    pub fn within(self, requests: &Requests) -> Option<&Request> {
        match self {
            Self::Reap => requests.reap.as_ref(),
            Self::Revive => requests.revive.as_ref(),
            Self::Restamp => requests.restamp.as_ref(),
            Self::Purge => requests.purge.as_ref(),
        }
    }
}

impl<'a> OpenRequest<'a> {
    /// The request that is to be carried out or followed, by the program whose kind it is. One at a time in a slot: a newer
    /// one waits until the one before is over, and of two new ones only the newer counts.
    #[must_use]
    pub fn of(requests: Option<&'a Requests>, status: Option<&'a RequestStatus>) -> Option<Self> {
        let asked = |kind: RequestKind| requests.and_then(|requests| kind.within(requests));
        if let Some(status) = status.filter(|status| !status.phase.is_over())
            && let Some(kind) = RequestKind::of(&status.kind)
        {
            let request = asked(kind).filter(|request| request.id.as_deref() == Some(&status.id));
            return Some(Self { kind, id: &status.id, request, status: Some(status) });
        }
        let all = RequestKind::ALL.into_iter().filter_map(|kind| Some((kind, asked(kind)?)));
        let with_id = all.filter_map(|(kind, request)| Some((kind, request, request.id.as_deref()?)));
        let newest = with_id.max_by_key(|(_, request, _)| request.at.as_ref().map(|at| at.0));
        let (kind, request, id) = newest.filter(|(_, _, id)| status.is_none_or(|status| status.id != *id))?;
        Some(Self { kind, id, request: Some(request), status: None })
    }
}

/// What became of a request.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// The request's id.
    pub id: String,
    /// `reap`, `revive`, `restamp` or `purge`.
    pub kind: String,
    /// The id of the claim under which it was asked for; absent where nobody held the slot.
    #[serde(default, rename = "claimID", skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<String>,
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
    /// The exit code of the Job's program; of a restamp, 0 or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// How far a request is.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RequestPhase {
    /// It has not begun.
    #[default]
    Pending,
    /// It is carried out.
    Running,
    /// It was carried out.
    Succeeded,
    /// It was carried out in part, or not at all.
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

    #[test]
    fn one_request_is_open_at_a_time_whoever_carries_it_out() {
        let requests = |wishes: &[(&str, &str, &str)]| -> Requests {
            let entries = wishes.iter().map(|(kind, id, at)| {
                ((*kind).to_owned(), serde_json::json!({"id": id, "at": format!("2026-11-29T12:0{at}:00Z")}))
            });
            serde_json::from_value(serde_json::Value::Object(entries.collect())).unwrap()
        };
        let status = |kind: &str, id: &str, phase| RequestStatus {
            id: id.to_owned(),
            kind: kind.to_owned(),
            phase,
            ..RequestStatus::default()
        };
        let open = |wishes: &[(&str, &str, &str)], status: Option<RequestStatus>| {
            let requests = requests(wishes);
            OpenRequest::of(Some(&requests), status.as_ref()).map(|open| (open.kind.as_str(), open.id.to_owned()))
        };
        let both = [("reap", "r1", "0"), ("restamp", "r2", "1")];
        let is = |kind: &'static str, id: &str| Some((kind, id.to_owned()));
        assert_eq!(open(&both, None), is("restamp", "r2"), "the newer one counts");
        let running = status("reap", "r1", RequestPhase::Running);
        assert_eq!(open(&both, Some(running)), is("reap", "r1"), "the one under way goes first");
        let over = status("reap", "r1", RequestPhase::Succeeded);
        assert_eq!(open(&both, Some(over)), is("restamp", "r2"));
        let over = status("restamp", "r2", RequestPhase::Succeeded);
        assert_eq!(open(&both, Some(over)), None, "an older one is not carried out again");
        assert_eq!(open(&[], Some(status("restamp", "r2", RequestPhase::Running))), is("restamp", "r2"));
    }
}
