//! How is a note written that holds only for the Slot as it was judged?
//!
//! A write of the Slot after it was judged wins: what it says may be a claim, or a sign of use. The controller alone
//! says nothing of either: it tells what this very run does, line by line, so its writes come just when the note does.

use hotdesk_slots::slot::{Slot, SlotStatus};
use serde_json::{Value, json};

use crate::api::Cluster;
use crate::collect::slots;
use crate::report::write_status;

/// How often a note is tried; the controller writes once a second at most.
const ATTEMPTS: usize = 5;

/// Why a note is not written.
#[derive(Debug)]
pub enum NotWritten {
    /// Somebody else has written the Slot, which may be a claim or a sign of use.
    Changed(String),
    /// The API server does not take it.
    Failed(String),
}

impl NotWritten {
    /// In words.
    #[must_use]
    pub fn why(self) -> String {
        match self {
            Self::Changed(why) | Self::Failed(why) => why,
        }
    }
}

/// Writes to the status of the Slot as it was judged, if nobody but the controller has written it since.
///
/// # Errors
/// When somebody has, or it cannot be written.
pub async fn write_judged(cluster: &Cluster, slot: &str, judged: &Slot, mut patch: Value) -> Result<(), NotWritten> {
    let mut version = judged.metadata.resource_version.clone();
    let mut attempt = 1;
    loop {
        if let Some(tied) = patch.pointer_mut("/metadata/resourceVersion") {
            *tied = json!(version);
        }
        let Err(why) = write_status(cluster, slot, &patch).await else { return Ok(()) };
        let now = slots::own(cluster, slot).await.map_err(NotWritten::Failed)?;
        if !is_as_judged(judged, &now) {
            return Err(NotWritten::Changed(why));
        }
        if attempt == ATTEMPTS || now.metadata.resource_version == version {
            return Err(NotWritten::Failed(why));
        }
        version = now.metadata.resource_version;
        attempt += 1;
    }
}

/// True if nothing differs but what the controller writes.
fn is_as_judged(judged: &Slot, now: &Slot) -> bool {
    let (was, is) = (&judged.metadata, &now.metadata);
    judged.spec == now.spec
        && was.uid == is.uid
        && was.labels == is.labels
        && was.annotations == is.annotations
        && of_others(judged) == of_others(now)
}

/// The status without the fields of the controller.
fn of_others(slot: &Slot) -> SlotStatus {
    let status = slot.status.clone().unwrap_or_default();
    SlotStatus { phase: None, lapsed_until: None, reaper: None, request: None, ..status }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(change: &Value, expected: bool) {
        let judged = json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
            "metadata": {"name": "slot", "uid": "s", "resourceVersion": "1", "annotations": {"hotdesk.dev/claim-id": "c1"}},
            "spec": {"claim": {"users": ["alice"]}}, "status": {"lastSession": {"time": "2026-11-23T15:00:00Z", "by": "a", "kind": "exec"}}
        });
        let mut now = judged.clone();
        json_patch::merge(&mut now, change);
        json_patch::merge(&mut now, &json!({"metadata": {"resourceVersion": "2"}}));
        let read = |slot: Value| serde_json::from_value::<Slot>(slot).unwrap();
        assert_eq!(is_as_judged(&read(judged), &read(now)), expected, "{change}");
    }

    #[test]
    fn the_controllers_reports_change_no_verdict_and_everything_else_may() {
        check(&json!({}), true);
        let request = json!({"id": "r1", "kind": "reap", "phase": "Running", "steps": ["idle"]});
        check(&json!({"status": {"request": request, "phase": "Held", "reaper": {"suspended": true}}}), true);
        check(&json!({"status": {"lapsedUntil": "2026-11-23T15:00:00Z"}}), true);
        check(&json!({"status": {"lastSession": {"time": "2026-11-23T15:01:00Z"}}}), false);
        check(&json!({"status": {"reaping": {"since": "2026-11-23T15:01:00Z", "releases": []}}}), false);
        check(&json!({"spec": {"claim": {"users": ["bob"]}}}), false);
        check(&json!({"spec": {"keepUntil": "2026-11-24T15:00:00Z"}}), false);
        check(&json!({"metadata": {"annotations": {"hotdesk.dev/claim-id": "c2"}}}), false);
        check(&json!({"metadata": {"uid": "another"}}), false);
    }
}
