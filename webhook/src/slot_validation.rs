//! Who may write which Slot, and how is a claim spelled once it is written?
//!
//! Here is who can write as whom; each kind of writer and each rule has a file of its own.

use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::{Claim, Requester};
use jiff::Timestamp;

use crate::review::Operation;
use crate::settings::Settings;

mod handover;
pub(crate) mod hosts;
pub mod limit;
pub(crate) mod marks;
mod names;
pub(crate) mod newcomers;
mod ownership;
mod people;
mod person;
pub(crate) mod reap_lock;
mod requests;
pub(crate) mod sheet;
pub mod status;
mod stored;

pub use names::{Aliases, Strictness, normalise, respelled};
pub use stored::{Stored, stored};

/// What is asked of a Slot.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What is to be done.
    pub operation: Operation,
    /// Empty, or `status`.
    pub subresource: &'a str,
    /// The slot.
    pub namespace: &'a str,
    /// Who is asking.
    pub requester: &'a Requester<'a>,
    /// The Slot as it is; absent on CREATE, and where what is stored cannot be read.
    pub old: Option<&'a Slot>,
    /// The Slot as it shall be; absent on DELETE.
    pub new: Option<&'a Slot>,
}

/// When a write is judged, and the API server's id of the request. The id is random, so it serves as the id of what begins.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The time.
    pub now: Timestamp,
    /// The request's uid.
    pub uid: &'a str,
}

/// As whom a Slot may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A break-glass group: allowed with a warning.
    BreakGlass,
    /// An administrator.
    Administrator,
    /// The cluster's own machinery.
    Machinery,
    /// The slot's reaper, what it saw and did.
    Reaper,
    /// What brings back releases in the slot, what is saved of it.
    Reviver,
    /// The controller, its parts of the status.
    Controller,
    /// The restamper, what became of the stamps.
    Restamper,
    /// The job that reads for all slots, whom it saw using the slot.
    Observer,
    /// The webhook itself, its notes of sessions only.
    Webhook,
    /// What brings the claims of a sheet.
    Sync,
    /// A person, for themselves.
    Person,
}

/// Two controllers delete what is in a namespace; one process runs them where they have no names of their own.
const CLEANERS: [&str; 3] = [
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
];

/// Judges a write of a Slot.
///
/// # Errors
/// Every reason against it at once.
pub fn judge(asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Result<Writer, Vec<String>> {
    let requester = asked.requester;
    if settings.breaks_glass(requester) {
        return Ok(Writer::BreakGlass);
    }
    if settings.is_administrator(requester) {
        return Ok(Writer::Administrator);
    }
    match (asked.operation, asked.subresource) {
        (Operation::Update, "status") => status::judge(asked, settings, now),
        (Operation::Update, "") if settings.is_sync(requester) => judge_sync(asked, now),
        (Operation::Delete, "") if CLEANERS.contains(&&*requester.username) => Ok(Writer::Machinery),
        (Operation::Update, "") if settings.is_machinery(requester) && keeps_spec(asked) => Ok(Writer::Machinery),
        (Operation::Update, "") => person::judge(asked, settings, now),
        (Operation::Create | Operation::Delete, "") => {
            Err(vec!["only administrators can create and delete Slots".to_owned()])
        }
        _ => Err(vec![format!("nobody can {} slots/{}", asked.operation.as_str(), sanitize_short(asked.subresource))]),
    }
}

impl<'a> Asked<'a> {
    /// The Slot as it is and as it shall be.
    fn both(&self) -> Result<(&'a Slot, &'a Slot), Vec<String>> {
        match (self.old, self.new) {
            (Some(old), Some(new)) => Ok((old, new)),
            _ => Err(vec!["the present Slot cannot be read: only an administrator can fix it".to_owned()]),
        }
    }
}

/// True if a write leaves the claim as it is, but for whether it trusts what runs in the slot: that is the holder's to say
/// also where the claim itself is made elsewhere.
fn same_claim(was: Option<&Claim>, is: Option<&Claim>) -> bool {
    match (was, is) {
        (Some(was), Some(is)) => *was == Claim { trust_workloads: was.trust_workloads, ..is.clone() },
        (None, None) => true,
        _ => false,
    }
}

fn keeps_spec(asked: &Asked<'_>) -> bool {
    matches!((asked.old, asked.new), (Some(old), Some(new)) if old.spec == new.spec)
}

fn judge_sync(asked: &Asked<'_>, now: Timestamp) -> Result<Writer, Vec<String>> {
    let (old, new) = asked.both()?;
    let mut problems = sheet::against_sync(old, new, now);
    problems.extend(reap_lock::against(old, new, now));
    if problems.is_empty() { Ok(Writer::Sync) } else { Err(problems) }
}

impl Writer {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::Administrator => "administrator",
            Self::Machinery => "machinery",
            Self::Reaper => "reaper",
            Self::Reviver => "reviver",
            Self::Controller => "controller",
            Self::Restamper => "restamper",
            Self::Observer => "observer",
            Self::Webhook => "webhook",
            Self::Sync => "sync",
            Self::Person => "claimant",
        }
    }
}

#[cfg(test)]
mod tests;
