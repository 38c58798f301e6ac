//! Was every session and write noted, and may one that was still be open?
//!
//! When a session ends is not told to anybody. It has ended once its pod is gone: where every pod of the slot is younger than the
//! session, and none has come, become ready, ended or gone within the window. Else it counts for a grace from its beginning.

use hotdesk_slots::session_records::{Gap, Records};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::sanitize_short;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// When the oldest of them was made.
    pub oldest: Timestamp,
    /// When one of them last came or became ready, or what keeps up their number last changed: another one may have gone then.
    pub changed: Timestamp,
    /// What has ended, or comes to its end: a session that is no younger may have lasted until then.
    pub ended: Vec<Ended>,
}

/// A pod that has ended, or what makes pods that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// When it was made.
    pub made: Timestamp,
    /// When it last changed, if that can be told.
    pub changed: Option<Timestamp>,
}

impl Pods {
    /// Of pods, and of the metadata of what keeps up their number and of what makes pods that end, where one that goes without
    /// another one leaves its trace. Nothing where no pod is open, for then it cannot be told when the last one went, and
    /// where one is kept by something else, of which another may have gone without a trace.
    #[must_use]
    pub fn of<'a>(
        pods: &[Pod],
        keepers: impl IntoIterator<Item = &'a ObjectMeta>,
        jobs: impl IntoIterator<Item = &'a ObjectMeta>,
    ) -> Option<Self> {
        if pods.iter().any(|pod| is_a_strangers(&pod.metadata)) {
            return None;
        }
        let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        let (gone, open): (Vec<_>, Vec<_>) =
            pods.iter().partition(|pod| matches!(phase(pod).as_str(), "Succeeded" | "Failed"));
        let changed = |pod: &&Pod| turned(pod).map_or(made(&pod.metadata), |turned| turned.max(made(&pod.metadata)));
        let oldest = open.iter().map(|pod| made(&pod.metadata)).min()?;
        // A controller writes into the status how many there are.
        let kept = keepers.into_iter().filter_map(written);
        let changed = open.iter().map(changed).chain(kept).max()?;
        let gone = gone.into_iter().map(Ended::pod);
        let jobs = jobs.into_iter().map(|job| Ended { made: made(job), changed: written(job) });
        Some(Self { oldest, changed, ended: gone.chain(jobs).collect() })
    }

    /// When they last changed, if a session that began then cannot be open any more.
    fn changed_after(&self, session: Timestamp) -> Option<Timestamp> {
        let is_younger = |made: Timestamp| made.duration_since(session) > APART;
        let older = self.ended.iter().filter(|ended| !is_younger(ended.made));
        let changed = older.map(|ended| ended.changed).try_fold(self.changed, |last, at| Some(last.max(at?)));
        changed.filter(|_| is_younger(self.oldest))
    }
}

impl Ended {
    fn pod(pod: &Pod) -> Self {
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let finished = statuses.filter_map(|status| status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
        let changed = finished.map(|at| at.0).chain(turned(pod)).chain(written(&pod.metadata)).max();
        Self { made: made(&pod.metadata), changed }
    }
}

fn made(object: &ObjectMeta) -> Timestamp {
    object.creation_timestamp.as_ref().map_or(Timestamp::MIN, |made| made.0)
}

/// When a pod last became something, such as ready.
fn turned(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter_map(|seen| Some(seen.last_transition_time.as_ref()?.0)).max()
}

/// When an object was last written.
fn written(object: &ObjectMeta) -> Option<Timestamp> {
    let fields = object.managed_fields.iter().flatten();
    fields.filter_map(|fields| Some(fields.time.as_ref()?.0)).max()
}

/// True for a pod of a controller that is none of Kubernetes' own.
fn is_a_strangers(pod: &ObjectMeta) -> bool {
    let owner = pod.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    owner.is_some_and(|owner| {
        !matches!(
            (owner.api_version.as_str(), owner.kind.as_str()),
            ("apps/v1", "ReplicaSet" | "StatefulSet" | "DaemonSet")
                | ("v1", "ReplicationController")
                | ("batch/v1", "Job")
        )
    })
}

impl Evidence {
    fn pods(&self) -> Option<&Pods> {
        self.sessions.as_ref()?.pods.as_ref()
    }

    /// When the pods of the slot last changed, if a session that began then cannot be open any more.
    #[must_use]
    pub fn pods_changed_after(&self, session: Timestamp) -> Option<Timestamp> {
        self.pods().and_then(|pods| pods.changed_after(session))
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
    let detail = format!("{} used {}", sanitize_short(&session.by), sanitize_short(&session.kind));
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
mod tests;
