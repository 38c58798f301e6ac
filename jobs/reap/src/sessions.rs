//! Was every session and write noted, and may one that was still be open?
//!
//! When a session ends is not told to anybody. It has ended once its pod is gone: where every pod of the slot is younger than the
//! session, and none has come, become ready or gone within the window. Else it counts for a grace from its beginning.

use hotdesk_slots::session_records::{Gap, Records};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::plain;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::decide::{Activity, Evidence, Rules};

/// How far the clocks of the API server and of a webhook may be apart, where a pod is compared with a session.
const APART: SignedDuration = SignedDuration::from_mins(1);

/// What is known of sessions beyond the Slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// Over which time they were noted, or why that cannot be read.
    pub noting: Result<Noting, String>,
    /// The pods of the slot, where they matter and could be read.
    pub pods: Option<Pods>,
}

/// Over which time sessions were noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noting {
    /// The operator does not want to know.
    Ignored,
    /// As the webhooks say.
    Records(Records),
}

/// The pods in which a session may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pods {
    /// When the oldest of them was made.
    pub oldest: Timestamp,
    /// When one of them last came or became ready, or what keeps up their number last changed: another one may have gone then.
    pub changed: Timestamp,
}

impl Pods {
    /// Of those that have not ended, and of the metadata of what keeps up their number, where one that goes without another
    /// one leaves its trace. Nothing where there is no pod, for then it cannot be told when the last one went.
    #[must_use]
    pub fn of<'a>(pods: &[Pod], keepers: impl IntoIterator<Item = &'a ObjectMeta>) -> Option<Self> {
        let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        let open = || pods.iter().filter(|pod| !matches!(phase(pod).as_str(), "Succeeded" | "Failed"));
        let made = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |made| made.0);
        let turned = |pod: &Pod| {
            let conditions = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
            conditions.iter().filter_map(|seen| Some(seen.last_transition_time.as_ref()?.0)).max()
        };
        let changed = |pod: &Pod| turned(pod).map_or(made(pod), |turned| turned.max(made(pod)));
        // A controller writes into the status how many there are.
        let written = keepers.into_iter().flat_map(|keeper| keeper.managed_fields.iter().flatten());
        let written = written.filter_map(|fields| Some(fields.time.as_ref()?.0));
        Some(Self { oldest: open().map(made).min()?, changed: open().map(changed).chain(written).max()? })
    }

    fn are_younger_than(&self, session: Timestamp) -> bool {
        self.oldest.duration_since(session) > APART
    }
}

impl Evidence {
    fn pods(&self) -> Option<&Pods> {
        self.sessions.as_ref()?.pods.as_ref()
    }

    /// When the pods of the slot last changed, if a session that began then cannot be open any more.
    #[must_use]
    pub fn pods_changed_after(&self, session: Timestamp) -> Option<Timestamp> {
        self.pods().filter(|pods| pods.are_younger_than(session)).map(|pods| pods.changed)
    }

    fn has_ended(&self, session: Timestamp, rules: &Rules, now: Timestamp) -> bool {
        let window = rules.windows.at(now);
        self.pods_changed_after(session).is_some_and(|changed| now.duration_since(changed) > window)
    }
}

/// The newest session.
#[must_use]
pub fn newest(slot: &Slot) -> Option<Activity> {
    let session = slot.status.as_ref()?.last_session.as_ref()?;
    let detail = format!("{} used {}", plain(&session.by), plain(&session.kind));
    Some(Activity { time: session.time.0, signal: "session", detail })
}

/// The newest session, if it may still be open.
#[must_use]
pub fn open(evidence: &Evidence, slot: &Slot, rules: &Rules, now: Timestamp) -> Option<Activity> {
    let session = newest(slot).filter(|session| now.duration_since(session.time) <= rules.session_grace)?;
    (!evidence.has_ended(session.time, rules, now)).then_some(session)
}

/// Why it is not known that nobody had a session or wrote something since a moment; nothing if it is.
#[must_use]
pub fn unnoted(evidence: &Evidence, since: Timestamp, rules: &Rules, now: Timestamp) -> Option<String> {
    let records = match evidence.sessions.as_ref().map(|sessions| &sessions.noting) {
        Some(Ok(Noting::Ignored)) => return None,
        Some(Ok(Noting::Records(records))) => records,
        Some(Err(why)) => return Some(why.clone()),
        None => return Some("it was not read whether sessions were noted".to_owned()),
    };
    let within = |gap: &Gap| gap.to > since;
    let matters = |gap: &Gap| within(gap) || !evidence.has_ended(gap.to, rules, now);
    let gap = records.gaps(open_since(since, rules, now), now).into_iter().rfind(matters)?;
    let may_last = if within(&gap) { "" } else { ". A session that began then may still be open" };
    Some(format!("{}{may_last}", gap.told(now)))
}

/// True if the pods of the slot tell more than what was read so far.
#[must_use]
pub fn ask_for_pods(evidence: &Evidence, rules: &Rules, now: Timestamp) -> bool {
    let Some(Ok(slot)) = &evidence.slot else { return false };
    let rules = &Rules { windows: rules.windows_of(slot, now), ..rules.clone() };
    let since = window_start(rules, now);
    let old_session = || open(evidence, slot, rules, now).is_some_and(|session| session.time < since);
    let old_gap = || match evidence.sessions.as_ref().map(|sessions| &sessions.noting) {
        Some(Ok(Noting::Records(records))) => {
            records.gaps(open_since(since, rules, now), now).iter().any(|gap| gap.to <= since)
        }
        _ => false,
    };
    old_session() || old_gap()
}

/// The beginning of the window.
#[must_use]
pub fn window_start(rules: &Rules, now: Timestamp) -> Timestamp {
    now.saturating_sub(rules.windows.at(now)).unwrap_or(Timestamp::MIN)
}

/// A session counts longer than the window, so it matters for longer whether one was noted.
fn open_since(since: Timestamp, rules: &Rules, now: Timestamp) -> Timestamp {
    now.saturating_sub(rules.session_grace).unwrap_or(Timestamp::MIN).min(since)
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
