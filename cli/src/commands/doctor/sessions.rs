//! Is it noted who has a session? Where it is not, no slot is known to be idle.

use std::collections::BTreeMap;

use hotdesk_slots::session_records::{CONFIG_MAP, Records};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::ask::{Seen, timed};
use super::finding::{Finding, Id};
use super::places::Reaper;

const ABOUT: &str = "the webhooks' record of sessions";
/// A session counts for so long, unless a chart says otherwise.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(4);
/// A gap that is younger is one of now.
const JUST_NOW: SignedDuration = SignedDuration::from_mins(2);
const LOGS: &str = "kubectl -n hotdesk get pods -l app.kubernetes.io/component=webhook; kubectl -n hotdesk logs \
                    deploy/hotdesk-webhook --tail=20";

/// The entries of the records in each namespace of reapers; none where there is no such `ConfigMap`.
pub(super) type Noted = BTreeMap<String, Seen<Option<BTreeMap<String, String>>>>;

/// Asks for them.
pub(super) async fn ask(client: &Client, reapers: &[Reaper]) -> Noted {
    let mut noted = Noted::new();
    for namespace in reapers.iter().filter(|reaper| !reaper.ignores_sessions).map(|reaper| &reaper.namespace) {
        if !noted.contains_key(namespace) {
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let map = timed(maps.get_opt(CONFIG_MAP)).await;
            noted.insert(namespace.clone(), map.map(|map| map.map(|map| map.data.unwrap_or_default())));
        }
    }
    noted
}

/// What they come to for the reapers.
pub(super) fn judge(noted: &Noted, now: Timestamp) -> Vec<Finding> {
    noted.iter().map(|(namespace, seen)| one(namespace, seen, now)).collect()
}

fn one(namespace: &str, seen: &Seen<Option<BTreeMap<String, String>>>, now: Timestamp) -> Finding {
    let upgrade = "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values";
    let entries = match seen {
        Err(why) => return Finding::unseen(Id::SessionsNoted, ABOUT, why),
        Ok(None) => {
            let says = format!("ConfigMap {CONFIG_MAP} in {namespace} is not there, so no slot is ever cleared");
            return Finding::problem(Id::SessionsNoted, ABOUT, says).mended_by(upgrade);
        }
        Ok(Some(entries)) => entries,
    };
    let records = match Records::parse(entries) {
        Ok(records) => records,
        Err(why) => {
            let says = format!("ConfigMap {CONFIG_MAP} in {namespace}: {why}, so no slot is ever cleared");
            let fix = format!("kubectl -n {namespace} delete configmap {CONFIG_MAP}, and then: {upgrade}");
            return Finding::problem(Id::SessionsNoted, ABOUT, says).mended_by(fix);
        }
    };
    let from = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    match records.gaps(from, now).last() {
        None => Finding::ok(Id::SessionsNoted, ABOUT, "has no gap in the last 4 h"),
        Some(gap) if now.duration_since(gap.to) <= JUST_NOW => {
            let says = format!("{}, so no slot is cleared now", gap.told(now));
            Finding::problem(Id::SessionsNoted, ABOUT, says).mended_by(LOGS)
        }
        Some(gap) => {
            let says = format!("{}, so a slot with older pods is not cleared for a while", gap.told(now));
            Finding::warning(Id::SessionsNoted, ABOUT, says)
                .mended_by("nothing, if hotdesk was installed or upgraded then")
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
    fn check(entries: Seen<Option<Vec<Value>>>, level: Level, says: &str) {
        let of = |all: Vec<Value>| {
            all.into_iter().enumerate().map(|(i, record)| (format!("webhook-{i}.1"), record.to_string())).collect()
        };
        let noted = Noted::from([("hotdesk-jobs".to_owned(), entries.map(|entries| entries.map(of)))]);
        let found = judge(&noted, now());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, level, "{:?}", found[0]);
        assert!(found[0].says.contains(says), "{:?} does not say {says:?}", found[0]);
        assert_eq!(found[0].fix.is_some(), !matches!(level, Level::Ok | Level::Unseen), "{:?}", found[0]);
    }

    #[test]
    fn a_gap_is_told_as_the_reapers_tell_it() {
        let day = 24 * 3600;
        check(Ok(Some(vec![record(day, 5)])), Level::Ok, "no gap in the last 4 h");
        check(Err("403".to_owned()), Level::Unseen, "403");
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
