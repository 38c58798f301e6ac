//! Do the Slots say what the sheet says, and since when not?

use hotdesk_slots::origin::CONDITION;
use hotdesk_slots::text::list;
use jiff::Timestamp;

use super::finding::{Finding, Id};
use super::snapshot::Snapshot;
use crate::commands::relative;
use crate::view::slot_name;

const SUBJECT: &str = "the sheet";
const LOGS: &str = "kubectl -n hotdesk logs deploy/hotdesk-sync --tail=20";

/// What the sync says in the Slots.
pub(super) fn judge(snapshot: &Snapshot, now: Timestamp) -> Option<Finding> {
    let slots = snapshot.slots.as_ref().ok()?;
    let said = slots.iter().filter_map(|slot| {
        let conditions = &slot.status.as_ref()?.conditions;
        Some((slot_name(slot), conditions.iter().find(|condition| condition.type_ == CONDITION)?))
    });
    let said: Vec<_> = said.collect();
    let of = |status: &str| said.iter().filter(|(_, c)| c.status == status).collect::<Vec<_>>();
    let (unread, refused, follow) = (of("Unknown"), of("False"), of("True"));
    let names = |some: &[&(&str, &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition)]| {
        list(&some.iter().map(|(name, _)| *name).collect::<Vec<_>>())
    };
    if let Some((_, condition)) = unread.iter().min_by_key(|(_, c)| c.last_transition_time.0) {
        let since = relative(condition.last_transition_time.0, now);
        let message = format!("cannot be read since {since}: {}. Claims stay as they were", condition.message);
        return Some(
            Finding::problem(Id::SyncFresh, SUBJECT, message).with_fix(format!("change what the reason names; {LOGS}")),
        );
    }
    if let Some((_, condition)) = refused.first() {
        let message = format!("has rows that are not applied, for {}: {}", names(&refused), condition.message);
        return Some(
            Finding::warning(Id::SyncFresh, SUBJECT, message)
                .with_fix(format!("change the cell that it names; {LOGS}")),
        );
    }
    let installed = snapshot.deployments.as_ref().is_ok_and(|all| all.iter().any(is_sync));
    if !installed && !follow.is_empty() {
        let message = format!("it is not read any more, and {} still follow it", names(&follow));
        let fix = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values --set sync.enabled=true";
        return Some(Finding::problem(Id::SyncFresh, SUBJECT, message).with_fix(fix));
    }
    installed.then(|| {
        Finding::ok(Id::SyncFresh, SUBJECT, format!("{} of the claims follow it, and it can be read", follow.len()))
    })
}

fn is_sync(deployment: &k8s_openapi::api::apps::v1::Deployment) -> bool {
    kube::ResourceExt::labels(deployment).get("app.kubernetes.io/component").is_some_and(|c| c == "sync")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Level;
    use super::super::installation::tests::snapshot;
    use super::*;
    use crate::view::tests::slot;

    #[track_caller]
    fn check(installed: bool, conditions: &[(&str, &str)], expected: Option<(Level, &str)>) {
        let mut snapshot = snapshot();
        let condition = |(status, message): &(&str, &str)| {
            let mut slot = slot("mew");
            let at = "2026-11-23T14:00:00Z";
            let condition = json!({"type": CONDITION, "status": status, "reason": "x", "message": message, "lastTransitionTime": at});
            slot.status = serde_json::from_value(json!({"conditions": [condition]})).unwrap();
            slot
        };
        snapshot.slots = Ok(conditions.iter().map(condition).collect());
        let labels: Value = json!({"app.kubernetes.io/component": if installed { "sync" } else { "webhook" }});
        snapshot.deployments =
            Ok(vec![serde_json::from_value(json!({"metadata": {"name": "x", "labels": labels}})).unwrap()]);
        let found = judge(&snapshot, "2026-11-23T15:00:00Z".parse().unwrap());
        match (&found, expected) {
            (None, None) => {}
            (Some(finding), Some((level, message))) => {
                assert_eq!(finding.level, level, "{finding:?}");
                assert!(finding.message.contains(message), "{finding:?} does not say {message:?}");
                assert_eq!(finding.fix.is_some(), level != Level::Ok, "{finding:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sheet_that_cannot_be_read_is_a_problem_with_since_when() {
        check(false, &[], None);
        check(true, &[("True", "")], Some((Level::Ok, "1 of the claims follow it")));
        let message = "cannot be read since 1 h ago: 403 PERMISSION_DENIED. Claims stay";
        check(true, &[("True", ""), ("Unknown", "403 PERMISSION_DENIED")], Some((Level::Problem, message)));
        check(true, &[("False", "B7: no such slot")], Some((Level::Warning, "not applied, for mew: B7: no such slot")));
        check(false, &[("True", "")], Some((Level::Problem, "it is not read any more, and mew still follow it")));
    }
}
