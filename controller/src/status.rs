//! What is to be written into a Slot's status?
//!
//! Only the controller's own fields, and only what differs: the webhook lets it change nothing else.

use hotdesk_slots::requests::{ReaperSettings, RequestStatus};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Map, Value, json};

use crate::lapse;
use crate::slots::ReadSlot;

/// A merge patch of a Slot's status.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch(Map<String, Value>);

impl Patch {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the API server takes it.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({"status": self.0})
    }

    /// The phase, and the `until` that has passed.
    #[must_use]
    pub fn with_phase(mut self, slot: &ReadSlot, now: Timestamp) -> Self {
        let (phase, lapsed_until) = lapse::phase(slot, now);
        let before = slot.slot.status.as_ref().and_then(|status| status.phase);
        if before != Some(phase) {
            self.0.insert("phase".to_owned(), json!(phase));
        }
        if slot.lapsed_until.as_deref() != lapsed_until {
            self.0.insert("lapsedUntil".to_owned(), json!(lapsed_until));
        }
        self
    }

    /// What is set for the slot's reaper.
    #[must_use]
    pub fn with_reaper(mut self, slot: &ReadSlot, reaper: Option<&ReaperSettings>) -> Self {
        if slot.slot.status.as_ref().and_then(|status| status.reaper.as_ref()) != reaper {
            self.0.insert("reaper".to_owned(), json!(reaper));
        }
        self
    }

    /// What has become of the request. What the merge would leave of another one is taken away.
    #[must_use]
    pub fn with_request(mut self, slot: &ReadSlot, is: &RequestStatus, now: Timestamp) -> Self {
        let was = slot.slot.status.as_ref().and_then(|status| status.request.as_ref());
        let same = was
            .is_some_and(|was| RequestStatus { at: None, ..was.clone() } == RequestStatus { at: None, ..is.clone() });
        if !same {
            let mut request = json!(RequestStatus { at: Some(Time(now)), ..is.clone() });
            if let Value::Object(fields) = &mut request {
                for optional in ["claimID", "steps", "stepsLeftOut", "message", "exitCode"] {
                    fields.entry(optional).or_insert(Value::Null);
                }
            }
            self.0.insert("request".to_owned(), request);
        }
        self
    }
}

/// What a CronJob says of a slot's reaper.
#[must_use]
pub fn reaper(cron_job: Option<&CronJob>, revives: bool) -> Option<ReaperSettings> {
    let spec = cron_job?.spec.as_ref()?;
    Some(ReaperSettings {
        suspended: spec.suspend == Some(true),
        schedule: spec.schedule.chars().take(256).collect(),
        revives,
    })
}

#[cfg(test)]
mod tests {
    use hotdesk_slots::requests::RequestPhase;

    use super::*;
    use crate::slots::tests::read;

    const UNTIL: &str = "2026-11-23T15:59:00+01:00";

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn held(until: Option<&str>) -> Value {
        json!({"claim": {"users": ["alice"], "until": until}})
    }

    #[track_caller]
    fn check(spec: &Value, status: &Value, expected: &Value) {
        assert_eq!(Value::Object(Patch::default().with_phase(&read(spec, status), now()).0), *expected);
    }

    #[test]
    fn the_phase_follows_the_claim_and_the_lapse_is_taken_back_with_it() {
        check(&json!({}), &json!({}), &json!({"phase": "Free"}));
        check(&held(None), &json!({"phase": "Free"}), &json!({"phase": "Held"}));
        check(&held(Some(UNTIL)), &json!({"phase": "Held"}), &json!({"phase": "Lapsed", "lapsedUntil": UNTIL}));
        let lapsed = json!({"phase": "Lapsed", "lapsedUntil": UNTIL});
        check(&held(Some(UNTIL)), &lapsed, &json!({}));
        check(&held(None), &lapsed, &json!({"phase": "Held", "lapsedUntil": null}));
        check(&json!({}), &lapsed, &json!({"phase": "Free", "lapsedUntil": null}));
        let other = "2026-11-23T14:00:00Z";
        check(&held(Some(other)), &lapsed, &json!({"lapsedUntil": other}));
    }

    #[test]
    fn the_reapers_settings_are_those_of_its_cron_job() {
        let cron_job = |suspend| -> CronJob {
            let spec = json!({"schedule": "7 * * * *", "suspend": suspend, "jobTemplate": {}});
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
        };
        let found = reaper(Some(&cron_job(true)), true);
        assert_eq!(json!(found), json!({"suspended": true, "schedule": "7 * * * *", "revives": true}));
        let status = json!({"reaper": found});
        let patch = |found: Option<&ReaperSettings>| Patch::default().with_reaper(&read(&json!({}), &status), found).0;
        assert!(patch(found.as_ref()).is_empty());
        assert_eq!(json!(patch(None)), json!({"reaper": null}), "a slot that has no reaper any more says none");
        assert!(!patch(reaper(Some(&cron_job(false)), true).as_ref()).is_empty());
        assert_eq!(reaper(None, true), None);
    }

    #[test]
    fn a_request_is_written_when_it_says_something_new_and_leaves_nothing_of_the_one_before() {
        let is = RequestStatus {
            id: "r2".to_owned(),
            kind: "reap".to_owned(),
            phase: RequestPhase::Running,
            ..RequestStatus::default()
        };
        let slot =
            read(&json!({}), &json!({"request": {"id": "r1", "kind": "reap", "phase": "Failed", "exitCode": 3}}));
        let patch = Patch::default().with_request(&slot, &is, now()).body();
        let expected = json!({"id": "r2", "kind": "reap", "claimID": null, "phase": "Running", "steps": null, "stepsLeftOut": null,
            "message": null, "exitCode": null, "at": "2026-11-23T15:00:00Z"});
        assert_eq!(patch["status"]["request"], expected);
        let written = RequestStatus { at: Some(Time("2026-11-23T14:00:00Z".parse().unwrap())), ..is.clone() };
        let slot = read(&json!({}), &json!({"request": written}));
        assert!(Patch::default().with_request(&slot, &is, now()).is_empty(), "nothing but the time would differ");
    }
}
