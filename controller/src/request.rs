//! What did a holder ask for, and what is to be done about it now?
//!
//! One pure function: [`next`] says what follows from the Slot, its CronJob, the Jobs and the time. Nothing is remembered
//! besides what stands in the cluster, so a controller that was restarted goes on where the one before it stopped.

use hotdesk_slots::requests::{
    OpenRequest, Request, RequestKind, RequestPhase, RequestStatus, VALID_FOR, asker, is_release_name,
};
use hotdesk_slots::text::{human_duration, sanitize, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::slots::ReadSlot;

pub mod job;
pub mod progress;

use job::Order;
use progress::Progress;

/// For how long a Job may wait for its program to begin before the status says why.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// The longest message of a status, in characters.
const MAX_MESSAGE: usize = 4096;

/// What is asked for, and becomes a Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Check the slot, and clear it if nobody uses it.
    Reap,
    /// Bring back what was cleared.
    Revive,
    /// Remove what was kept and saved.
    Purge,
}

/// A request that is not over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Open<'a> {
    /// What is asked for.
    pub kind: Kind,
    /// Its id.
    pub id: &'a str,
    /// As it stands in the spec; absent once the claim has changed.
    pub request: Option<&'a Request>,
    /// What has become of it so far.
    pub status: Option<&'a RequestStatus>,
}

/// What is known besides the Slot.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The slot's CronJob.
    pub cron_job: Option<&'a CronJob>,
    /// True if the slot has somebody who brings back what was cleared.
    pub revives: bool,
    /// The Jobs of the slot's requests.
    pub jobs: &'a [Job],
}

/// What is to be done about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Make its Job, and then write this.
    Make(Box<Job>, RequestStatus),
    /// Follow its Job.
    Follow(Box<Job>),
    /// Write this.
    Write(RequestStatus),
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reap, Self::Revive, Self::Purge];

    /// As it is written in a status, and how its Jobs' names begin.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reap => "reap",
            Self::Revive => "revive",
            Self::Purge => "purge",
        }
    }

    /// As an Event names what was done.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Reap => "Reap",
            Self::Revive => "Revive",
            Self::Purge => "Purge",
        }
    }

    /// None for what the restamper carries out.
    fn of(kind: RequestKind) -> Option<Self> {
        match kind {
            RequestKind::Reap => Some(Self::Reap),
            RequestKind::Revive => Some(Self::Revive),
            RequestKind::Purge => Some(Self::Purge),
            RequestKind::Restamp => None,
        }
    }
}

/// The request that is to be carried out or followed here. While another is under way in the slot, there is none.
#[must_use]
pub fn open(slot: &ReadSlot) -> Option<Open<'_>> {
    let status = slot.slot.status.as_ref().and_then(|status| status.request.as_ref());
    let OpenRequest { kind, id, request, status } = OpenRequest::of(slot.slot.spec.requests.as_ref(), status)?;
    Some(Open { kind: Kind::of(kind)?, id, request, status })
}

/// What is to be done about an open request.
#[must_use]
pub fn next(slot: &ReadSlot, open: &Open<'_>, around: &Around<'_>, now: Timestamp) -> Next {
    let name = job::name(open.kind, &slot.name, open.id);
    if let Some(own) = around.jobs.iter().find(|job| job.metadata.name.as_deref() == Some(&name)) {
        return match job::serves(own, open.id) {
            true => Next::Follow(Box::new(own.clone())),
            false => {
                Next::Write(open.refused(&format!("the name {name} is taken by the job of another request: ask again")))
            }
        };
    }
    if open.status.is_some_and(|status| status.phase == RequestPhase::Running) {
        return Next::Write(open.ended(RequestPhase::Failed, "its job was deleted before it ended"));
    }
    let refusal = refusal(slot, open, around, now);
    let (Some(request), Some(cron_job), None) = (open.request, around.cron_job, &refusal) else {
        return Next::Write(open.refused(&refusal.unwrap_or_default()));
    };
    if let Some(other) = around.jobs.iter().find(|job| !progress::is_over(job)) {
        let other = other.metadata.name.as_deref().unwrap_or_default();
        return Next::Write(open.pending(Some(format!("it waits for the job {other}, which runs in the slot"))));
    }
    let order =
        Order { kind: open.kind, slot: &slot.name, id: open.id, request, any_claim: slot.slot.spec.claim.is_none() };
    Next::Make(Box::new(job::of(cron_job, &order)), open.pending(None))
}

/// Why a request is not carried out.
fn refusal(slot: &ReadSlot, open: &Open<'_>, around: &Around<'_>, now: Timestamp) -> Option<String> {
    let name = &slot.name;
    if let Some(void) = void(slot, open.id, open.request, now) {
        return Some(void);
    }
    if around.cron_job.is_none() {
        return Some(format!("{name} has no reaper: an administrator sets reaper.enabled for it in charts/slots"));
    }
    let without = match open.kind {
        Kind::Reap => None,
        Kind::Revive => Some("nothing is brought back"),
        Kind::Purge => Some("nothing is purged"),
    };
    if let Some(without) = without.filter(|_| !around.revives) {
        let next = "an administrator sets reaper.revive.enabled for it in charts/slots";
        return Some(format!("{without} in {name}: {next}"));
    }
    // Kubernetes would expand `$(NAME)` in an argument, and so show a setting of the reaper.
    let wrong = named(open.kind, open.request?).iter().find(|release| !is_release_name(release))?;
    Some(format!("\"{}\" is not the name of a release", sanitize_short(wrong)))
}

/// The releases that a request names.
fn named(kind: Kind, request: &Request) -> &[String] {
    match kind {
        Kind::Purge => &request.names,
        Kind::Reap | Kind::Revive => &request.releases,
    }
}

/// Why a request may not be carried out any more, whatever it asks for.
#[must_use]
pub fn void(slot: &ReadSlot, id: &str, request: Option<&Request>, now: Timestamp) -> Option<String> {
    let changed = || Some("the claim has changed since this was asked: ask again".to_owned());
    let Some(request) = request else { return changed() };
    let claim_id = slot.slot.claim_id();
    // A slot that nobody has claimed yet has no id: what an administrator asks for there is of no claim.
    let unclaimed = claim_id.is_none() && slot.slot.spec.claim.is_none();
    if request.claim_id.as_deref() != claim_id || claim_id.is_none() && !unclaimed {
        return changed();
    }
    if asker::may_have_lost(&slot.slot, Some(request)) {
        return Some(format!("{}: ask again", asker::LOST));
    }
    if !is_fresh(request, now) {
        return Some(format!("more than {} have passed since this was asked: ask again", human_duration(VALID_FOR)));
    }
    let sound = [Some(id), claim_id].into_iter().flatten().all(is_plain_id);
    (!sound).then(|| "its id cannot be used: ask again".to_owned())
}

/// As [`Request::is_valid`], for a request of any claim.
fn is_fresh(request: &Request, now: Timestamp) -> bool {
    let any = request.claim_id.as_deref().unwrap_or_default();
    Request { claim_id: Some(any.to_owned()), ..request.clone() }.is_valid(Some(any), now)
}

/// The webhook makes ids of these. Kubernetes would expand `$(NAME)` in a variable of the Job.
fn is_plain_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl Open<'_> {
    /// What is to be written of a Job that is at this, with what its log says.
    #[must_use]
    pub fn followed(&self, job: &Job, progress: &Progress, log: Option<&str>, now: Timestamp) -> RequestStatus {
        let mut status = match progress {
            Progress::Waiting(why) => {
                let made = job.metadata.creation_timestamp.as_ref().map_or(now, |at| at.0);
                let long = now.duration_since(made) > PATIENCE;
                self.pending(long.then(|| why.clone()))
            }
            Progress::Running => self.in_phase(RequestPhase::Running, None),
            Progress::Gone(why) => self.ended(RequestPhase::Failed, &format!("its job ended without a message: {why}")),
            Progress::Ended { code: 0, message } => {
                let status = self.ended(RequestPhase::Succeeded, message);
                RequestStatus { exit_code: Some(0), ..status }
            }
            Progress::Ended { code, message } => {
                let status = self.ended(RequestPhase::Failed, message);
                RequestStatus { exit_code: Some(*code), ..status }
            }
        };
        if let Some(log) = log {
            let ended = matches!(progress, Progress::Ended { .. });
            (status.steps, status.steps_left_out) = progress::steps(log, ended);
        }
        status
    }

    fn pending(&self, message: Option<String>) -> RequestStatus {
        self.in_phase(RequestPhase::Pending, message)
    }

    fn ended(&self, phase: RequestPhase, message: &str) -> RequestStatus {
        let message = if message.is_empty() { "its job ended without a message" } else { message };
        self.in_phase(phase, Some(message.to_owned()))
    }

    /// The status of a request that is not carried out.
    #[must_use]
    pub fn refused(&self, why: &str) -> RequestStatus {
        self.in_phase(RequestPhase::Refused, Some(why.to_owned()))
    }

    /// What was told before stays.
    fn in_phase(&self, phase: RequestPhase, message: Option<String>) -> RequestStatus {
        let (steps, steps_left_out) =
            self.status.map(|status| (status.steps.clone(), status.steps_left_out)).unwrap_or_default();
        // What was asked is taken away when the claim changes; what runs is still of the claim before.
        let told = self.status.and_then(|status| status.claim_id.as_ref());
        let claim_id = told.or_else(|| self.request.and_then(|request| request.claim_id.as_ref())).cloned();
        RequestStatus {
            id: self.id.to_owned(),
            kind: self.kind.as_str().to_owned(),
            claim_id,
            phase,
            steps,
            steps_left_out,
            message: message.map(|text| sanitize(&text).chars().take(MAX_MESSAGE).collect()),
            exit_code: None,
            at: None,
        }
    }

    /// Who asked, for a log line or an Event.
    #[must_use]
    pub fn by(&self) -> String {
        self.request.and_then(|request| request.by.as_deref()).map_or_else(|| "somebody".to_owned(), sanitize_short)
    }
}

#[cfg(test)]
mod tests;
