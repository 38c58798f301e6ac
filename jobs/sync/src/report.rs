//! What is said about a pass, and where: the condition of each Slot, and Events.

use hotdesk_runtime::text::cut;
use hotdesk_slots::slot::{SLOT_NAME, Slot};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta, Time};
use kube::Resource as _;

use crate::plan::{SlotReport, name_of};

pub use hotdesk_slots::origin::CONDITION;

/// The longest note that an Event may have, in bytes.
const MAX_NOTE: usize = 1024;

/// The longest message that a condition may have is 32768 characters; people read less.
const MAX_MESSAGE: usize = 2000;

/// The conditions that a Slot should have, if they are not those that it has. Others' conditions stay.
#[must_use]
pub fn conditions(slot: &Slot, slot_report: Option<&SlotReport>, now: Timestamp) -> Option<Vec<Condition>> {
    let before = slot.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    let old = before.iter().find(|condition| condition.type_ == CONDITION);
    let new = slot_report.map(|slot_report| condition(slot_report, old, now));
    let same = match (old, &new) {
        (None, None) => true,
        (Some(old), Some(new)) => (&old.status, &old.reason, &old.message) == (&new.status, &new.reason, &new.message),
        _ => false,
    };
    let others = before.iter().filter(|condition| condition.type_ != CONDITION).cloned();
    (!same).then(|| others.chain(new).collect())
}

fn condition(slot_report: &SlotReport, old: Option<&Condition>, now: Timestamp) -> Condition {
    let (status, reason) = slot_report.words();
    let since = old.filter(|old| old.status == status).map_or(Time(now), |old| old.last_transition_time.clone());
    Condition {
        type_: CONDITION.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: cut(slot_report.message(), MAX_MESSAGE),
        last_transition_time: since,
        observed_generation: None,
    }
}

impl SlotReport {
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Follows => ("True", "FromSheet"),
            Self::Refused(_) => ("False", "RowRefused"),
            Self::Held(_) => ("False", "ClearingHeld"),
            Self::Stale(_) => ("Unknown", "SheetUnreadable"),
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Follows => "The claim is what the sheet says.",
            Self::Refused(why) | Self::Held(why) | Self::Stale(why) => why,
        }
    }
}

/// True if the Slot says already that the sheet cannot be read.
#[must_use]
pub fn is_told_stale(slot: &Slot) -> bool {
    let conditions = slot.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == CONDITION && condition.status == "Unknown")
}

/// True if the Slot's condition or claim speaks of a sheet.
#[must_use]
pub fn concerns_sheet(slot: &Slot) -> bool {
    let conditions = slot.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    slot.spec.claim.as_ref().is_some_and(hotdesk_slots::Claim::is_sheets)
        || conditions.iter().any(|condition| condition.type_ == CONDITION)
}

/// The Event that tells of a Slot's new condition; good news is told by the claim itself.
#[must_use]
pub fn event(slot: &Slot, slot_report: &SlotReport, now: Timestamp) -> Option<Event> {
    let (_, reason) = slot_report.words();
    if *slot_report == SlotReport::Follows {
        return None;
    }
    let regarding = ObjectReference {
        api_version: Some(Slot::api_version(&()).into_owned()),
        kind: Some(Slot::kind(&()).into_owned()),
        name: Some(SLOT_NAME.to_owned()),
        namespace: Some(name_of(slot).to_owned()),
        uid: slot.metadata.uid.clone(),
        ..ObjectReference::default()
    };
    Some(warning(regarding, reason, slot_report.message(), now))
}

/// The Event that tells that an administrator's change was written over.
#[must_use]
pub fn undone(slot: &Slot, manager: &str, now: Timestamp) -> Option<Event> {
    let note = format!(
        "The claim comes from a sheet, and {manager} changed it here: what the sheet says was written again. \
         Take the slot out of the sheet to change it here"
    );
    event(slot, &SlotReport::Refused(note), now)
        .map(|event| Event { reason: Some("ClaimRestored".to_owned()), ..event })
}

/// The Event on the sync's own namespace, for what concerns no slot that is there.
#[must_use]
pub fn general(namespace: &str, reason: &str, note: &str, now: Timestamp) -> Event {
    let regarding = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Namespace".to_owned()),
        name: Some(namespace.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectReference::default()
    };
    warning(regarding, reason, note, now)
}

fn warning(regarding: ObjectReference, reason: &str, note: &str, now: Timestamp) -> Event {
    Event {
        metadata: ObjectMeta {
            generate_name: Some("hotdesk-sync-".to_owned()),
            namespace: regarding.namespace.clone(),
            ..ObjectMeta::default()
        },
        action: Some("Sync".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(cut(note, MAX_NOTE)),
        reason: Some(reason.to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some("hotdesk.dev/sync".to_owned()),
        reporting_instance: Some("hotdesk-sync".to_owned()),
        type_: Some("Warning".to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotdesk_slots::slot::{SlotSpec, SlotStatus};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn slot(conditions: Vec<Condition>) -> Slot {
        let mut slot = Slot::new("slot", SlotSpec::default());
        slot.metadata.namespace = Some("mew".to_owned());
        slot.status = Some(SlotStatus { conditions, ..SlotStatus::default() });
        slot
    }

    fn other() -> Condition {
        Condition {
            type_: "Sighted".to_owned(),
            status: "True".to_owned(),
            reason: "EverythingRead".to_owned(),
            message: String::new(),
            last_transition_time: Time(at("2026-11-01T00:00:00Z")),
            observed_generation: None,
        }
    }

    #[test]
    fn a_condition_is_written_when_it_says_something_new_and_others_stay() {
        let (monday, tuesday) = (at("2026-11-23T15:00:00Z"), at("2026-11-24T15:00:00Z"));
        let refused = |why: &str| SlotReport::Refused(why.to_owned());
        assert_eq!(conditions(&slot(vec![other()]), None, monday), None);
        let first = conditions(&slot(vec![other()]), Some(&refused("B2: x")), monday).unwrap();
        assert_eq!((first.len(), first[0].type_.as_str(), first[1].status.as_str()), (2, "Sighted", "False"));
        assert_eq!(conditions(&slot(first.clone()), Some(&refused("B2: x")), tuesday), None);
        let second = conditions(&slot(first), Some(&refused("B3: x")), tuesday).unwrap();
        assert_eq!(second[1].last_transition_time, Time(monday), "it was False before");
        let third = conditions(&slot(second), Some(&SlotReport::Follows), tuesday).unwrap();
        assert_eq!((third[1].status.as_str(), &third[1].last_transition_time), ("True", &Time(tuesday)));
        assert_eq!(conditions(&slot(third), None, tuesday).unwrap(), [other()]);
    }

    #[test]
    fn an_event_fits_and_names_its_slot() {
        let event = event(&slot(vec![]), &SlotReport::Refused("ü".repeat(2000)), at("2026-11-23T15:00:00Z")).unwrap();
        assert!(event.note.as_ref().unwrap().len() <= MAX_NOTE);
        let regarding = event.regarding.unwrap();
        assert_eq!((regarding.kind.as_deref(), regarding.namespace.as_deref()), (Some("Slot"), Some("mew")));
        assert_eq!(event.reason.as_deref(), Some("RowRefused"));
        assert!(super::event(&slot(vec![]), &SlotReport::Follows, at("2026-11-23T15:00:00Z")).is_none());
    }
}
