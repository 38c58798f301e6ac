//! Is it noted who has a session? Where it is not, no slot is known to be idle.

use std::collections::BTreeMap;

use hotdesk_slots::session_records::{CONFIG_MAP, Records};
use hotdesk_slots::text::human_duration;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::ask::{Answered, timed};
use super::finding::{Finding, Id};
use super::reapers::Reaper;

const SUBJECT: &str = "the webhooks' record of sessions";
/// A gap that is younger is one of now.
const JUST_NOW: SignedDuration = SignedDuration::from_mins(2);
const LOGS: &str = "kubectl -n hotdesk get pods -l app.kubernetes.io/component=webhook; kubectl -n hotdesk logs \
                    deploy/hotdesk-webhook --tail=20";

/// The records in each namespace of reapers.
pub(super) type Noted = BTreeMap<String, Kept>;

/// The records in one namespace.
#[derive(Debug)]
pub(super) struct Kept {
    /// For how long they matter there.
    look_back: SignedDuration,
    /// Their entries; none where there is no such `ConfigMap`.
    entries: Answered<Option<BTreeMap<String, String>>>,
}

/// Asks for them.
pub(super) async fn ask(client: &Client, reapers: &[Reaper]) -> Noted {
    let mut longest: BTreeMap<&str, SignedDuration> = BTreeMap::new();
    for reaper in reapers.iter().filter(|reaper| !reaper.settings.ignores_sessions) {
        let of_namespace = longest.entry(&reaper.namespace).or_default();
        *of_namespace = reaper.settings.session_grace.max(reaper.settings.windows.longest()).max(*of_namespace);
    }
    let mut noted = Noted::new();
    for (namespace, look_back) in longest {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let map = timed(maps.get_opt(CONFIG_MAP)).await;
        let entries = map.map(|map| map.map(|map| map.data.unwrap_or_default()));
        noted.insert(namespace.to_owned(), Kept { look_back, entries });
    }
    noted
}

/// What they come to for the reapers.
pub(super) fn judge(noted: &Noted, now: Timestamp) -> Vec<Finding> {
    noted.iter().map(|(namespace, kept)| one(namespace, kept, now)).collect()
}

fn one(namespace: &str, kept: &Kept, now: Timestamp) -> Finding {
    let upgrade = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values";
    let entries = match &kept.entries {
        Err(why) => return Finding::unknown(Id::SessionsNoted, SUBJECT, why),
        Ok(None) => {
            let message = format!("ConfigMap {CONFIG_MAP} in {namespace} is not there, so no slot is ever cleared");
            return Finding::problem(Id::SessionsNoted, SUBJECT, message).with_fix(upgrade);
        }
        Ok(Some(entries)) => entries,
    };
    let records = match Records::parse(entries) {
        Ok(records) => records,
        Err(why) => {
            let message = format!("ConfigMap {CONFIG_MAP} in {namespace}: {why}, so no slot is ever cleared");
            let fix = format!("kubectl -n {namespace} delete configmap {CONFIG_MAP}; {upgrade}");
            return Finding::problem(Id::SessionsNoted, SUBJECT, message).with_fix(fix);
        }
    };
    let from = now.saturating_sub(kept.look_back).unwrap_or(Timestamp::MIN);
    match records.gaps(from, now).last() {
        None => Finding::ok(
            Id::SessionsNoted,
            SUBJECT,
            format!("has no gap in the last {}", human_duration(kept.look_back)),
        ),
        Some(gap) if now.duration_since(gap.to) <= JUST_NOW => {
            let message = format!("{}, so no slot is cleared now", gap.told(now));
            Finding::problem(Id::SessionsNoted, SUBJECT, message).with_fix(LOGS)
        }
        Some(gap) => {
            let message = format!("{}, so a slot with older pods is not cleared for a while", gap.told(now));
            Finding::warning(Id::SessionsNoted, SUBJECT, message)
                .with_fix("nothing, if hotdesk was installed or upgraded then")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Level;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    /// A webhook that began and last wrote so many seconds ago.
    fn record(since: i64, until: i64) -> Value {
        let ago = |seconds| (now() - SignedDuration::from_secs(seconds)).to_string();
        json!({"since": ago(since), "writtenUntil": ago(until)})
    }

    #[track_caller]
    fn check(entries: Answered<Option<Vec<Value>>>, level: Level, message: &str) {
        let of = |all: Vec<Value>| {
            all.into_iter().enumerate().map(|(i, record)| (format!("webhook-{i}.1"), record.to_string())).collect()
        };
        let kept = Kept { look_back: SignedDuration::from_hours(4), entries: entries.map(|entries| entries.map(of)) };
        let noted = Noted::from([("hotdesk-jobs".to_owned(), kept)]);
        let found = judge(&noted, now());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, level, "{:?}", found[0]);
        assert!(found[0].message.contains(message), "{:?} does not say {message:?}", found[0]);
        assert_eq!(found[0].fix.is_some(), !matches!(level, Level::Ok | Level::Unknown), "{:?}", found[0]);
    }

    #[test]
    fn a_gap_matters_for_as_long_as_a_session_counts() {
        let entries = BTreeMap::from([("webhook-0.1".to_owned(), record(5 * 3600, 5).to_string())]);
        for (hours, level) in [(4, Level::Ok), (6, Level::Warning)] {
            let kept = Kept { look_back: SignedDuration::from_hours(hours), entries: Ok(Some(entries.clone())) };
            let found = judge(&Noted::from([("hotdesk-jobs".to_owned(), kept)]), now());
            assert_eq!(found[0].level, level, "{hours} h: {found:?}");
        }
    }

    #[test]
    fn a_gap_is_told_as_the_reapers_tell_it() {
        let day = 24 * 3600;
        check(Ok(Some(vec![record(day, 5)])), Level::Ok, "no gap in the last 4 h");
        check(Err("403".to_owned()), Level::Unknown, "403");
        check(Ok(None), Level::Problem, "hotdesk-sessions in hotdesk-jobs is not there, so no slot is ever cleared");
        check(Ok(Some(vec![])), Level::Problem, "there is no record from before, so no slot is cleared now");
        let down = "sessions were not noted from 14:50 UTC to 15:00 UTC: no webhook was running";
        check(Ok(Some(vec![record(day, 600)])), Level::Problem, down);
        let restarted =
            "to 14:00 UTC: there is no record from before, so a slot with older pods is not cleared for a while";
        check(Ok(Some(vec![record(3600, 5)])), Level::Warning, restarted);
        check(Ok(Some(vec![json!({"since": null})])), Level::Problem, "its entry webhook-0.1 cannot be read");
        assert!(judge(&Noted::new(), now()).is_empty(), "no reaper wants to know");
    }
}
