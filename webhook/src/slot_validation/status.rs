//! Who writes which part of a Slot's status, and within which bounds?
//!
//! Others decide by what stands there: whether a slot may be claimed while it is cleared, whether a lapsed claim counts,
//! what a reap may take. So each of hotdesk's accounts writes its own fields, no time lies ahead, and no text is endless.

use hotdesk_slots::Requester;
use hotdesk_slots::origin::{CONDITION, SHEET_FRESH};
use hotdesk_slots::requests::{RequestKind, RequestStatus, STAMPED};
use hotdesk_slots::slot::{MAX_REAP_ANNOUNCED, SlotStatus};
use hotdesk_slots::text::sanitize_short;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::{Map, Value};

use super::{Asked, Writer};
use crate::settings::{Settings, carries_pod_token, service_account_in};

/// How far the clocks of hotdesk's programs may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// The longest text of a status; Kubernetes' own bound for the message of a condition.
const MAX_TEXT: usize = 32_768;

/// The largest status, in bytes of JSON: all Slots are listed by everybody who asks which are free.
const MAX_STATUS: usize = 256 * 1024;

/// What others write, so that the reaper does not.
const NOT_THE_REAPERS: [&str; 8] =
    ["claimedAt", "evidence", "lapsedUntil", "lastSession", "lastWrite", "phase", "reaper", "request"];

/// Judges a write of the status by an account of hotdesk's own.
///
/// # Errors
/// Every reason against it at once.
pub(super) fn judge(asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Result<Writer, Vec<String>> {
    let Some(writer) = writer(asked, settings) else { return unchanged(asked, settings) };
    let (was, is) =
        (fields(asked.old.and_then(|old| old.status.as_ref())), asked.new.and_then(|new| new.status.as_ref()));
    let new = fields(is);
    let changed: Vec<&str> = was
        .keys()
        .chain(new.keys().filter(|key| !was.contains_key(*key)))
        .filter(|key| was.get(*key) != new.get(*key))
        .map(String::as_str)
        .collect();
    let mut problems: Vec<String> = changed
        .iter()
        .filter(|field| !writer.writes(field))
        .map(|field| format!("status.{field}: {} does not write it", writer.account()))
        .collect();
    if changed.contains(&"request") && problems.is_empty() {
        problems.extend(request(asked, writer));
    }
    if let Some(status) = is {
        problems.extend(ahead(status, &changed, now));
        problems.extend(endless(&new, &changed));
    }
    if problems.is_empty() { Ok(writer) } else { Err(problems) }
}

/// The conditions as they shall be stored, where that is not what is written: each account writes its own, and what it
/// read of others' a while ago does not come back.
#[must_use]
pub fn conditions(asked: &Asked<'_>, writer: Writer) -> Option<Vec<Condition>> {
    let of =
        |slot: Option<&hotdesk_slots::Slot>| slot.and_then(|slot| slot.status.clone()).unwrap_or_default().conditions;
    let (was, is) = (of(asked.old), of(asked.new));
    let foreign = |condition: &&Condition| !writer.writes_condition(&condition.type_);
    let (kept, written): (Vec<_>, Vec<_>) = (was.iter().filter(foreign).collect(), is.iter().filter(foreign).collect());
    let own = is.iter().filter(|condition| writer.writes_condition(&condition.type_));
    (kept != written).then(|| kept.iter().copied().chain(own).cloned().collect())
}

/// Two accounts tell what became of a request: each of its own kinds, and neither over one of the other's that is under way.
fn request(asked: &Asked<'_>, writer: Writer) -> Option<String> {
    let of = |slot: Option<&'_ hotdesk_slots::Slot>| slot?.status.as_ref()?.request.clone();
    let (was, is) = (of(asked.old), of(asked.new));
    let is_restamp = |request: &RequestStatus| request.kind == RequestKind::Restamp.as_str();
    let own = |request: &RequestStatus| match writer {
        Writer::Controller => !is_restamp(request),
        Writer::Restamper => is_restamp(request),
        _ => true,
    };
    let foreign = |request: &RequestStatus| {
        format!("status.request: {} does not write of a {}", writer.account(), sanitize_short(&request.kind))
    };
    if let Some(is) = is.as_ref().filter(|is| !own(is)) {
        return Some(foreign(is));
    }
    let was = was.filter(|was| !own(was))?;
    // Nobody takes away what another account wrote; its own next request may follow one that is over.
    if is.is_none() {
        return Some(foreign(&was));
    }
    (!was.phase.is_over())
        .then(|| format!("status.request: the {} {} is under way", sanitize_short(&was.kind), sanitize_short(&was.id)))
}

fn writer(asked: &Asked<'_>, settings: &Settings) -> Option<Writer> {
    let (requester, slot) = (asked.requester, asked.namespace);
    let accounts = [
        (settings.is_noting(requester), Writer::Webhook),
        (settings.is_sync(requester), Writer::Sync),
        (settings.is_controller(requester), Writer::Controller),
        (settings.is_restamper(requester), Writer::Restamper),
        (settings.is_reaper_of(requester, slot), Writer::Reaper),
        (settings.is_reviver_of(requester, slot), Writer::Reviver),
        (is_observer(requester, settings), Writer::Observer),
    ];
    accounts.into_iter().find_map(|(is, writer)| is.then_some(writer))
}

/// True for the job that reads for all slots, by exact user name and with a pod's token.
fn is_observer(requester: &Requester<'_>, settings: &Settings) -> bool {
    carries_pod_token(requester) && service_account_in(requester, &settings.jobs_namespace) == Some("observer")
}

/// The cluster's machinery rewrites objects as they are, for instance in another version of their storage.
fn unchanged(asked: &Asked<'_>, settings: &Settings) -> Result<Writer, Vec<String>> {
    let same = matches!((asked.old, asked.new), (Some(old), Some(new)) if old.status == new.status);
    if same && settings.is_machinery(asked.requester) {
        return Ok(Writer::Machinery);
    }
    Err(vec!["only hotdesk's own accounts and administrators write the status of a Slot".to_owned()])
}

fn fields(status: Option<&SlotStatus>) -> Map<String, Value> {
    match status.map(serde_json::to_value) {
        Some(Ok(Value::Object(fields))) => fields,
        _ => Map::new(),
    }
}

/// The times among what changed that lie ahead, and a lock that is too long.
fn ahead(status: &SlotStatus, changed: &[&str], now: Timestamp) -> Vec<String> {
    let is_changed = |field: &str| changed.iter().any(|changed| field.split('.').next() == Some(*changed));
    let late = past(status).into_iter().filter(|(field, at)| is_changed(field) && at.0.duration_since(now) > CLOCKS);
    let mut problems: Vec<String> =
        late.map(|(field, at)| format!("status.{field}: {} lies ahead, and it is {now}", at.0)).collect();
    let until = status.reaping.as_ref().and_then(|reaping| reaping.until.as_ref()).filter(|_| is_changed("reaping"));
    if let Some(until) = until.filter(|until| until.0.duration_since(now) > MAX_REAP_ANNOUNCED) {
        let most = MAX_REAP_ANNOUNCED.as_mins();
        problems.push(format!("status.reaping.until: {} is more than {most} minutes ahead", until.0));
    }
    problems
}

/// The times of a status that say when something was.
fn past(status: &SlotStatus) -> Vec<(&'static str, &Time)> {
    let single = [
        ("claimedAt", status.claimed_at.as_ref()),
        ("lapsedUntil", status.lapsed_until.as_ref()),
        ("lastActivity.time", status.last_activity.as_ref().map(|seen| &seen.time)),
        ("lastDeploy.time", status.last_deploy.as_ref().map(|seen| &seen.time)),
        ("lastSession.time", status.last_session.as_ref().map(|seen| &seen.time)),
        ("lastWrite.time", status.last_write.as_ref().map(|seen| &seen.time)),
        ("verdict.at", status.verdict.as_ref().map(|verdict| &verdict.at)),
        ("observed.from", status.observed.as_ref().map(|observed| &observed.from)),
        ("observed.through", status.observed.as_ref().map(|observed| &observed.through)),
        ("reaping.since", status.reaping.as_ref().map(|reaping| &reaping.since)),
        ("lastReap.time", status.last_reap.as_ref().map(|reap| &reap.time)),
        ("lastReap.restoredAt", status.last_reap.as_ref().and_then(|reap| reap.restored_at.as_ref())),
        ("request.at", status.request.as_ref().and_then(|request| request.at.as_ref())),
    ];
    let covered =
        status.covered.iter().flat_map(|one| [("covered.since", &one.since), ("covered.through", &one.through)]);
    let counted =
        status.counted.iter().flat_map(|one| [("counted.since", &one.since), ("counted.through", &one.through)]);
    let evidence = status
        .evidence
        .iter()
        .flat_map(|one| [("evidence.at", &one.at), ("evidence.lastUse.time", &one.last_use.time)]);
    let saved = status.saved.iter().flat_map(|one| [("saved.at", &one.at), ("saved.run", &one.run)]);
    let failed = status.failed_reaps.iter().map(|one| ("failedReaps.at", &one.at));
    let single = single.into_iter().filter_map(|(field, at)| at.map(|at| (field, at)));
    single.chain(covered).chain(counted).chain(evidence).chain(saved).chain(failed).collect()
}

/// What is too long to be shown or listed.
fn endless(status: &Map<String, Value>, changed: &[&str]) -> Vec<String> {
    let long = changed.iter().filter(|field| status.get(**field).is_some_and(has_long_text));
    let mut problems: Vec<String> =
        long.map(|field| format!("status.{field}: a text has more than {MAX_TEXT} characters")).collect();
    let size = serde_json::to_vec(status).map_or(0, |json| json.len());
    if size > MAX_STATUS && !changed.is_empty() {
        problems.push(format!("status: it has {size} bytes, and {MAX_STATUS} are the most"));
    }
    problems
}

fn has_long_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().nth(MAX_TEXT).is_some(),
        Value::Array(items) => items.iter().any(has_long_text),
        Value::Object(entries) => entries.values().any(has_long_text),
        _ => false,
    }
}

impl Writer {
    fn writes(self, field: &str) -> bool {
        match self {
            // Others' conditions are put back.
            Self::Reaper => !NOT_THE_REAPERS.contains(&field),
            Self::Reviver => matches!(field, "saved" | "lastReap"),
            Self::Controller => matches!(field, "phase" | "lapsedUntil" | "reaper" | "request" | "conditions"),
            Self::Restamper => matches!(field, "request" | "conditions"),
            Self::Observer => field == "evidence",
            Self::Webhook => matches!(field, "lastSession" | "lastWrite"),
            Self::Sync => matches!(field, "claimedAt" | "conditions"),
            Self::BreakGlass | Self::Administrator => true,
            Self::Machinery | Self::Person => false,
        }
    }

    fn writes_condition(self, kind: &str) -> bool {
        let stamped = kind == STAMPED;
        let (sheet, reap) = (matches!(kind, CONDITION | SHEET_FRESH), matches!(kind, "Reapable" | "Sighted"));
        match self {
            Self::Reaper => !sheet && !stamped,
            Self::Controller => !sheet && !reap && !stamped,
            Self::Restamper => stamped,
            Self::Sync => sheet,
            Self::BreakGlass | Self::Administrator => true,
            Self::Reviver | Self::Observer | Self::Webhook | Self::Machinery | Self::Person => false,
        }
    }

    fn account(self) -> &'static str {
        match self {
            Self::Reaper => "the slot's reaper",
            Self::Reviver => "the slot's reviver",
            Self::Controller => "hotdesk's controller",
            Self::Restamper => "hotdesk's restamper",
            Self::Observer => "hotdesk's observer",
            Self::Webhook => "hotdesk's webhook",
            Self::Sync => "hotdesk's sync",
            Self::BreakGlass | Self::Administrator | Self::Machinery | Self::Person => "this account",
        }
    }
}

#[cfg(test)]
mod tests;
