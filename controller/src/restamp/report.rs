//! What is told of the stamps of a slot: a condition, and how a request ended.

use hotdesk_slots::requests::{OpenRequest, RequestPhase, RequestStatus, STAMPED};
use hotdesk_slots::text::{sanitize, shown_name};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// How many objects are named.
const NAMED: usize = 5;

/// The longest reason that is told of one object, in characters.
const MAX_WHY: usize = 300;

/// What came of looking at the objects of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many were changed.
    pub restamped: u64,
    /// How many are still wrong, or could not be looked at.
    pub wrong: u64,
    /// The first of those, each with the reason.
    named: Vec<String>,
}

impl Report {
    /// Something could not be restamped.
    pub fn fail(&mut self, what: &str, why: &str) {
        self.wrong += 1;
        if self.named.len() < NAMED {
            let why: String = sanitize(why).chars().take(MAX_WHY).collect();
            self.named.push(format!("{} ({why})", sanitize(what)));
        }
    }

    /// The condition of a Slot of this owner, if it is to be written: nothing is, where it says the same already.
    #[must_use]
    pub fn condition(&self, owner: Option<&str>, before: Option<&Condition>, now: Timestamp) -> Option<Condition> {
        let whose = owner.map_or_else(|| "nobody".to_owned(), shown_name);
        let (status, reason, message) = match self.wrong {
            0 => ("True", "AsClaimed", format!("everything in the slot is marked as owned by {whose}")),
            _ => ("False", "Refused", format!("not marked as owned by {whose}: {}", self.list())),
        };
        let same = |one: &&Condition| one.status == status && one.reason == reason && one.message == message;
        if before.is_some_and(|before| same(&before)) {
            return None;
        }
        let since = before.filter(|before| before.status == status).map(|before| before.last_transition_time.clone());
        Some(Condition {
            type_: STAMPED.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: since.unwrap_or(Time(now)),
            observed_generation: None,
        })
    }

    /// How a request ended.
    #[must_use]
    pub fn ending(&self, open: &OpenRequest<'_>) -> RequestStatus {
        let objects = count(self.restamped);
        let (phase, code, message) = match self.wrong {
            0 => (RequestPhase::Succeeded, 0, format!("restamped {objects}")),
            wrong => {
                let message = format!("restamped {objects}; {wrong} could not be: {}", self.list());
                (RequestPhase::Failed, 1, message)
            }
        };
        RequestStatus { exit_code: Some(code), ..told(open, phase, Some(message)) }
    }

    fn list(&self) -> String {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        let more = self.wrong.saturating_sub(named);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{rest}", self.named.join("; "))
    }
}

/// What has become of a request so far.
#[must_use]
pub fn told(open: &OpenRequest<'_>, phase: RequestPhase, message: Option<String>) -> RequestStatus {
    RequestStatus {
        id: open.id.to_owned(),
        kind: open.kind.as_str().to_owned(),
        claim_id: open.request.and_then(|request| request.claim_id.clone()),
        phase,
        message,
        ..RequestStatus::default()
    }
}

fn count(objects: u64) -> String {
    if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") }
}

#[cfg(test)]
mod tests {
    use hotdesk_slots::requests::RequestKind;

    use super::*;

    const ALICE: Option<&str> = Some("alice");

    fn now() -> Timestamp {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    fn failing(objects: u64) -> Report {
        let mut report = Report { restamped: 12, ..Report::default() };
        (0..objects).for_each(|n| report.fail(&format!("configmaps/c{n}"), "denied\u{1b}[2J"));
        report
    }

    #[test]
    fn the_condition_names_five_objects_and_is_not_written_twice() {
        let condition = failing(7).condition(ALICE, None, now()).unwrap();
        assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("Stamped", "False"));
        assert!(
            condition.message.starts_with("not marked as owned by alice: configmaps/c0 (denied\u{fffd}[2J); "),
            "{condition:?}"
        );
        assert!(condition.message.contains("c4") && !condition.message.contains("c5"), "{condition:?}");
        assert!(condition.message.ends_with("; and 2 more"), "{condition:?}");
        assert_eq!(failing(7).condition(ALICE, Some(&condition), now()), None, "nothing is new");
        let later: Timestamp = "2026-11-29T13:00:00Z".parse().unwrap();
        let fewer = failing(1).condition(ALICE, Some(&condition), later).unwrap();
        assert_eq!(fewer.last_transition_time, Time(now()), "it was False before");
        let well = failing(0).condition(ALICE, Some(&fewer), later).unwrap();
        assert_eq!((well.status.as_str(), well.last_transition_time.0), ("True", later));
        assert_eq!(well.message, "everything in the slot is marked as owned by alice");
        assert_eq!(failing(0).condition(ALICE, Some(&well), now()), None);
        let freed = failing(0).condition(None, Some(&well), now()).unwrap();
        assert_eq!(freed.message, "everything in the slot is marked as owned by nobody");
    }

    #[test]
    fn a_condition_stays_short_whatever_a_denial_says() {
        let mut report = Report::default();
        (0..100).for_each(|_| report.fail(&"x".repeat(300), &"ü".repeat(10_000)));
        assert!(report.condition(ALICE, None, now()).unwrap().message.chars().count() < 4096);
    }

    #[test]
    fn a_request_ends_with_how_many_were_restamped_and_what_was_not() {
        let open = OpenRequest { kind: RequestKind::Restamp, id: "r1", request: None, status: None };
        let ended = failing(0).ending(&open);
        assert_eq!((ended.phase, ended.exit_code), (RequestPhase::Succeeded, Some(0)));
        assert_eq!((ended.kind.as_str(), ended.message.as_deref()), ("restamp", Some("restamped 12 objects")));
        let ended = failing(1).ending(&open);
        assert_eq!((ended.phase, ended.exit_code), (RequestPhase::Failed, Some(1)));
        let message = ended.message.unwrap();
        assert_eq!(message, "restamped 12 objects; 1 could not be: configmaps/c0 (denied\u{fffd}[2J)");
    }
}
