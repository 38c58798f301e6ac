//! What is a Slot? The one object that everything else reads.
//!
//! The CustomResourceDefinition in the chart is generated from these types: `make crd` writes it and
//! a test holds it current.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::counted::Counted;
use crate::covered::Covered;
use crate::evidence::SourceEvidence;
use crate::pod_usage::PodUsage;
use crate::requests::{Phase, ReaperSettings, RequestStatus, Requests, SavedRelease};
use crate::signals::{ReapPlan, Signal};

pub use reaping::{FailedReap, LastReap, MAX_REAP_ANNOUNCED, MAX_REAP_LOCK, Reaping, ReleaseRevision};

mod reaping;

/// The name of every Slot: a namespace has one, and it is called this.
pub const SLOT_NAME: &str = "slot";

/// A namespace that people take turns using.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[kube(
    group = "hotdesk.dev",
    version = "v1alpha1",
    kind = "Slot",
    plural = "slots",
    namespaced,
    status = "SlotStatus",
    category = "hotdesk",
    derive = "Default",
    derive = "PartialEq",
    doc = "A namespace that people take turns using: who holds it, why, and whether anyone uses it.",
    validation = Rule::new("self.metadata.name == 'slot'")
        .message("a namespace has one Slot, and its name is 'slot': set metadata.name to slot"),
    printcolumn(json_path = ".spec.claim.users[0]", name = "Owner", type_ = "string"),
    printcolumn(json_path = ".spec.claim.purpose", name = "Purpose", type_ = "string"),
    printcolumn(json_path = ".spec.claim.until", name = "Until", type_ = "string"),
    printcolumn(json_path = ".status.lastActivity.time", name = "Last Activity", type_ = "date"),
    printcolumn(json_path = ".status.verdict.state", name = "Verdict", type_ = "string"),
    printcolumn(json_path = ".status.nextReapAt", name = "Reap At", type_ = "string"),
    printcolumn(json_path = ".status.verdict.reason", name = "Reason", type_ = "string", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct SlotSpec {
    /// The host name under which the slot is reached; what CI exports as HOST.
    #[schemars(
        length(max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Who holds the slot. Absent: the slot is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,

    /// Nothing in the slot is reaped before this time (RFC 3339).
    #[schemars(schema_with = "moment")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Time>,

    /// From this time on (RFC 3339) the next run of the reaper clears the slot, used or not, as its last holder asked
    /// on giving it back (`hotdesk release --clean`). A claim removes it.
    #[schemars(schema_with = "moment")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_after: Option<Time>,

    /// What happens to a write by somebody who does not hold the slot; the installation's setting if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// Wishes of the holder that hotdesk carries out. A change of the claim removes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
}

impl Slot {
    /// When it was last claimed, as far as anybody noted: the webhook when it was written, or the sync.
    #[must_use]
    pub fn claimed_at(&self) -> Option<Timestamp> {
        let noted = self.metadata.annotations.as_ref().and_then(|marks| marks.get(crate::keys::CLAIMED_AT));
        let noted = noted.and_then(|text| text.parse().ok());
        let synced = self.status.as_ref().and_then(|status| status.claimed_at.as_ref()).map(|at| at.0);
        noted.max(synced)
    }

    /// The id of its present claim, or of the last one: another whenever a claim begins.
    #[must_use]
    pub fn claim_id(&self) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(crate::keys::CLAIM_ID).map(String::as_str)
    }
}

/// Who holds a slot, and why.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The people who hold the slot, by e-mail or login; the first is the owner.
    /// They are trimmed and lower-cased when the Slot is written.
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 256), regex(pattern = r"^[^,\x00-\x1f\x7f]+$"))
    )]
    pub users: Vec<String>,

    /// Further names of the same people. Written by hotdesk from its list of people; what others write here is replaced.
    #[schemars(length(max = 1024), inner(length(min = 1, max = 256), regex(pattern = r"^[^,\x00-\x1f\x7f]+$")))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,

    /// Everyone in one of these groups can deploy too.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,

    /// Why the slot is held; shown to everybody who wants the slot.
    #[schemars(length(max = 200), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,

    /// When the claim lapses (RFC 3339). From then on it counts as none.
    #[schemars(schema_with = "moment")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,

    /// Where the claim was made, if not here. `sheet`: it follows a sheet, and is changed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ClaimSource>,

    /// True: what runs in the slot may write there by the tokens of its pods. hotdesk sets it to false whenever somebody
    /// loses the slot; the next holder sets it once they know what runs from before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust_workloads: bool,

    /// Hands the slot over to this name, which is new in `users` in the same write. hotdesk removes it.
    #[schemars(length(min = 1, max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_to: Option<String>,
}

/// Where a claim was made, if its holder did not write it into the Slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum ClaimSource {
    /// In a sheet or a CSV file; hotdesk-sync writes it here.
    Sheet,
}

impl Claim {
    /// True for a claim that follows a sheet.
    #[must_use]
    pub fn is_sheets(&self) -> bool {
        self.source == Some(ClaimSource::Sheet)
    }
}

/// A time that people write. The format `date-time` alone admits one without a time zone, which no reader of
/// ours could read: one such Slot would make every list of Slots fail.
fn moment(_: &mut SchemaGenerator) -> Schema {
    let pattern = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$";
    json_schema!({"type": "string", "format": "date-time", "pattern": pattern, "nullable": true})
}

/// What happens to a write by somebody who does not hold the slot.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It is denied.
    #[default]
    Enforce,
    /// It is admitted, and the client sees a warning.
    Warn,
    /// It is admitted, and only the audit log and the metrics tell.
    Audit,
}

/// What hotdesk has seen of a slot.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SlotStatus {
    /// Whether the slot is held, as the controller last saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The claim's `until`, once it has passed: the policy in the API server has no clock, and counts such a claim as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lapsed_until: Option<Time>,
    /// What is set for the slot's reaper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaper: Option<ReaperSettings>,
    /// What became of the holder's last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestStatus>,
    /// Releases that were cleared and can be brought back.
    #[schemars(length(max = 50))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub saved: Vec<SavedRelease>,
    /// When the present claim was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Time>,
    /// The newest deploy of a helm release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deploy: Option<LastDeploy>,
    /// The newest exec, attach or port-forward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_session: Option<LastSession>,
    /// The newest write of somebody who holds the slot, or call of the app through the API server, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_write: Option<LastWrite>,
    /// The newest sign of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<LastActivity>,
    /// What the last check found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<SlotVerdict>,
    /// How far the evidence of the last check reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// What the controllers' counters said, for the next check to compare.
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// Over which time the controllers' logs have been read without a gap; for the next run of the reaper.
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covered: Vec<Covered>,
    /// Which use of the slot the observing job has seen; what it has not, the slot's own reaper reads.
    #[schemars(length(max = 16))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<SourceEvidence>,
    /// What the counters of the slot's pods said; for the next run of the reaper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_usage: Option<PodUsage>,
    /// When the slot will be reaped if nobody uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_reap_at: Option<Time>,
    /// Releases whose uninstall has begun and is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaping: Option<Reaping>,
    /// The last reap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reap: Option<LastReap>,
    /// Releases whose uninstall has failed.
    #[schemars(length(max = 32))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_reaps: Vec<FailedReap>,
    /// What people were told, so that nobody is told twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// What each signal of use said at the last check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
    /// What a reap would do, as of the last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<ReapPlan>,
    /// Conditions, in Kubernetes' own form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A deploy of a helm release.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastDeploy {
    /// When.
    pub time: Time,
    /// The release.
    pub release: String,
    /// Who sent the request, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A person at work inside a pod.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastSession {
    /// When it began.
    pub time: Time,
    /// Who.
    pub by: String,
    /// `exec`, `attach`, `portforward` or `ephemeralcontainers`.
    pub kind: String,
}

/// A write of somebody who holds the slot, or of a deployer for them.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastWrite {
    /// When.
    pub time: Time,
    /// Who.
    pub by: String,
    /// `created`, `changed` or `deleted`; `called` where it was a request to the app through the API server.
    pub kind: String,
    /// What: `a Deployment`.
    pub on: String,
}

/// A sign of use.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastActivity {
    /// When, by the clock of what saw it.
    pub time: Time,
    /// What saw it: `traffic`, `deploy`, `session`, `claim`, `write`, `pod-usage`.
    pub signal: String,
    /// One line on what exactly.
    pub detail: String,
}

/// What a check found.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SlotVerdict {
    /// Whether the slot is in use.
    pub state: VerdictState,
    /// Why, in one sentence.
    pub reason: String,
    /// When the check was made.
    pub at: Time,
}

/// Whether a slot is in use. Only `Idle` is ever reaped.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictState {
    /// Somebody used it within the window.
    Active,
    /// Every signal could be read in full, and none saw anybody.
    Idle,
    /// Not judged by use: somebody asked to keep it, or there is nothing to reap.
    Kept,
    /// Something could not be read. No error, gap or surprise ever reads as `Idle`.
    Unknown,
}

/// How far the evidence of a check reaches.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The earliest time that the evidence covers without a gap.
    pub from: Time,
    /// The latest time.
    pub through: Time,
    /// Access log entries, of any slot, that were read.
    pub samples: u64,
}

/// What people were told.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// That the slot will be reaped.
    #[serde(default)]
    pub notice: Option<Notice>,
    /// That it cannot be known whether the slot is in use.
    #[serde(default)]
    pub blind: Option<Lasting>,
    /// That somebody asked to keep it, long ago.
    #[serde(default)]
    pub kept: Option<Lasting>,
}

/// Notice of a reap.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// When it was given.
    pub at: Time,
    /// The earliest time of the reap.
    pub reap_at: Time,
}

/// Something that lasts.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Lasting {
    /// Since when.
    pub since: Time,
    /// When people were last told.
    #[serde(default)]
    pub told_at: Option<Time>,
}
