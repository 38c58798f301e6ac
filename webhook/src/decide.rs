//! May this request write into this slot, and why?
//!
//! One pure function over borrowed data. Whatever is not known to be allowed is denied, and the
//! policy inside the API server gives the same answers from the same rows.

use hotdesk_slots::claim::{ClaimState, trusts_workloads};
use hotdesk_slots::label::label_safe;
use hotdesk_slots::{ClaimView, Mode, Name, Requester};
use jiff::Timestamp;

use crate::settings::{Settings, carries_pod_token, is_service_account_of};

pub use rules::Rule;

pub mod restamp;
pub mod rules;

/// What a decision needs to know of a request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The namespace of the request; empty for a cluster-scoped object, which the gate never lets pass.
    pub namespace: &'a str,
    /// Who is asking.
    pub requester: &'a Requester<'a>,
    /// The label `hotdesk.dev/for` of the object, of the old object on DELETE.
    pub deployed_for: Option<&'a str>,
    /// What the write is to hotdesk's own programs, if it is something that they write in a slot.
    pub own: Option<OwnWrite>,
}

/// What hotdesk's own programs write in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnWrite {
    /// The one `RoleBinding` whose subjects are the slot's claimants: the controller's.
    ClaimantsBinding,
    /// An Event: the controller's, and the sync's.
    Event,
}

/// What is known of the namespace's Slot.
#[derive(Debug, Clone, Copy)]
pub enum SlotView<'a> {
    /// The Slots have not been read, or have not been heard of for too long.
    NotSynced,
    /// The Slots have been read, and the namespace has none.
    Missing,
    /// The Slot is there, and its claim cannot be read.
    Unreadable,
    /// The Slot as it was last seen.
    Known {
        /// Its claim, lapsed or not; absent where it is free.
        claim: Option<&'a ClaimView>,
        /// Its own mode.
        mode: Option<Mode>,
        /// Whether its claim has an id.
        has_claim_id: bool,
    },
}

/// As whom a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The cluster's own machinery.
    Machinery,
    /// A break-glass group: allowed with a warning.
    BreakGlass,
    /// An administrator of hotdesk, who installs what a slot needs: allowed with a warning.
    Administrator,
    /// A service account of the slot's own namespace, with a pod's token, where the claim trusts what runs.
    OwnServiceAccount,
    /// The slot's reaper. A policy of its own holds it to what it needs.
    Reaper,
    /// What brings back the slot's releases. The same policy holds it.
    Reviver,
    /// The controller, for what it writes in a slot.
    Controller,
    /// What brings claims from a sheet, for the Events that it writes in a slot.
    Sync,
    /// What brings the stamps in a slot to its claim. A rule and a policy of its own hold it to that.
    Restamper,
    /// A trusted deployer.
    Deployer,
    /// A claimant of the slot.
    Claimant,
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request has no namespace.
    NoNamespace,
    /// The Slots have not been read.
    NotSynced,
    /// The namespace has no Slot.
    NoSlot,
    /// The Slot's claim cannot be read.
    UnreadableSlot,
    /// Nobody claims the slot.
    Free,
    /// The claim has lapsed.
    Lapsed,
    /// Somebody else holds the slot.
    Held,
    /// A service account of the slot without the token of a pod.
    NoToken,
    /// A service account of the slot with the token of a pod, and the claim does not trust what runs.
    UntrustedWorkload,
    /// A trusted deployer deploys for somebody who does not hold the slot.
    ForStranger,
    /// A trusted deployer deploys into a slot that nobody holds.
    DeployerUnclaimed,
    /// A trusted deployer deploys into a slot for which it is not listed, and names nobody.
    DeployerNotListed,
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The write may go on.
    Allow(Role),
    /// The write would be denied, and the mode lets it pass.
    Tolerate(Reason, Mode),
    /// The write is denied.
    Deny(Reason),
    /// The write is denied to everybody but administrators, the slot's holder too.
    Forbid(Rule),
}

/// Judges a request, in the order of the decision table.
#[must_use]
pub fn decide(facts: &Facts<'_>, slot: SlotView<'_>, settings: &Settings, now: Timestamp) -> Decision {
    if settings.is_machinery(facts.requester) {
        return Decision::Allow(Role::Machinery);
    }
    if settings.breaks_glass(facts.requester) {
        return Decision::Allow(Role::BreakGlass);
    }
    // Before the Slot is looked at: an administrator who sets up a slot writes there before it has one.
    if settings.is_administrator(facts.requester) {
        return Decision::Allow(Role::Administrator);
    }
    if facts.namespace.is_empty() {
        return Decision::Deny(Reason::NoNamespace);
    }
    // Whatever the Slot says: where it cannot be read, nobody is left in that object.
    if facts.own.is_some() && settings.is_controller(facts.requester) {
        return Decision::Allow(Role::Controller);
    }
    if facts.own == Some(OwnWrite::Event) && settings.is_sync(facts.requester) {
        return Decision::Allow(Role::Sync);
    }
    match slot {
        SlotView::NotSynced => Decision::Deny(Reason::NotSynced),
        SlotView::Missing => Decision::Deny(Reason::NoSlot),
        SlotView::Unreadable => Decision::Deny(Reason::UnreadableSlot),
        SlotView::Known { claim, mode, has_claim_id } => {
            let mode = mode.unwrap_or(settings.mode);
            let trusts = claim.is_some_and(|claim| trusts_workloads(claim.trust_workloads, has_claim_id, mode));
            soften(judge(facts, ClaimState::of(claim, now), trusts, settings), mode)
        }
    }
}

fn judge(facts: &Facts<'_>, state_at: ClaimState<'_>, trusts: bool, settings: &Settings) -> Result<Role, Reason> {
    if settings.is_reaper_of(facts.requester, facts.namespace) {
        return Ok(Role::Reaper);
    }
    if settings.is_reviver_of(facts.requester, facts.namespace) {
        return Ok(Role::Reviver);
    }
    if settings.is_restamper(facts.requester) {
        return Ok(Role::Restamper);
    }
    let own = is_service_account_of(facts.requester, facts.namespace);
    let runs = own && carries_pod_token(facts.requester);
    if runs && trusts && state_at.held().is_some() {
        return Ok(Role::OwnServiceAccount);
    }
    if let Some(judged) = judge_deployer(facts, state_at, settings) {
        return judged;
    }
    match state_at {
        ClaimState::Held(claim) if is_claimant(claim, facts.requester, settings) => Ok(Role::Claimant),
        _ if own && !runs => Err(Reason::NoToken),
        ClaimState::Held(_) if own => Err(Reason::UntrustedWorkload),
        ClaimState::Held(_) => Err(Reason::Held),
        ClaimState::Lapsed(_) => Err(Reason::Lapsed),
        ClaimState::Free => Err(Reason::Free),
    }
}

fn is_claimant(claim: &ClaimView, requester: &Requester<'_>, settings: &Settings) -> bool {
    claim.admits(requester.spellings(&settings.identity), &requester.groups)
}

/// True for the value of `hotdesk.dev/for` that names one of the claim's people.
fn is_claimants(claim: &ClaimView, person: &str) -> bool {
    claim.users.iter().chain(&claim.aliases).any(|name: &Name| label_safe(name.as_str()) == person)
}

/// A deployer acts for the person whom the object names, if it knows people; else where it is listed for the slot or for
/// a claimant. Nothing for those who are not deployers, or hold the slot themselves.
fn judge_deployer(facts: &Facts<'_>, state_at: ClaimState<'_>, settings: &Settings) -> Option<Result<Role, Reason>> {
    let entries = settings.deployer(facts.requester);
    entries.clone().next()?;
    let Some(claim) = state_at.held() else { return Some(Err(Reason::DeployerUnclaimed)) };
    match facts.deployed_for.filter(|_| entries.clone().any(|deployer| deployer.authenticates_people)) {
        Some(person) if is_claimants(claim, person) => Some(Ok(Role::Deployer)),
        Some(_) => Some(Err(Reason::ForStranger)),
        None if entries.clone().any(|deployer| deployer.is_bound_to(facts.namespace, claim)) => {
            Some(Ok(Role::Deployer))
        }
        None if is_claimant(claim, facts.requester, settings) => None,
        None => Some(Err(Reason::DeployerNotListed)),
    }
}

/// The mode lets a denial about people pass; it never excuses a missing Slot or an error.
fn soften(judged: Result<Role, Reason>, mode: Mode) -> Decision {
    match (judged, mode) {
        (Ok(role), _) => Decision::Allow(role),
        (Err(reason), Mode::Enforce) => Decision::Deny(reason),
        (Err(reason), Mode::Warn | Mode::Audit) => Decision::Tolerate(reason, mode),
    }
}

impl Role {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machinery => "machinery",
            Self::BreakGlass => "break-glass",
            Self::Administrator => "administrator",
            Self::OwnServiceAccount => "own-service-account",
            Self::Reaper => "reaper",
            Self::Reviver => "reviver",
            Self::Controller => "controller",
            Self::Sync => "sync",
            Self::Restamper => "restamper",
            Self::Deployer => "deployer",
            Self::Claimant => "claimant",
        }
    }
}

impl Reason {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoNamespace => "no-namespace",
            Self::NotSynced => "not-synced",
            Self::NoSlot => "no-slot",
            Self::UnreadableSlot => "unreadable-slot",
            Self::Free => "free",
            Self::Lapsed => "lapsed",
            Self::Held => "held",
            Self::NoToken => "no-token",
            Self::UntrustedWorkload => "untrusted-workload",
            Self::ForStranger => "for-stranger",
            Self::DeployerUnclaimed => "deployer-unclaimed",
            Self::DeployerNotListed => "deployer-not-listed",
        }
    }
}

impl Decision {
    /// The word for what is let in although it would be denied, with a warning.
    pub const WARN: &str = "warn";

    /// One word for metrics and audit logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Tolerate(_, Mode::Warn) => Self::WARN,
            Self::Tolerate(..) => "audit",
            Self::Deny(_) | Self::Forbid(_) => "deny",
        }
    }

    /// As whom, or why not, in one word.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Allow(role) => role.as_str(),
            Self::Tolerate(reason, _) | Self::Deny(reason) => reason.as_str(),
            Self::Forbid(rule) => rule.as_str(),
        }
    }

    /// True unless the write is denied.
    #[must_use]
    pub fn admits(self) -> bool {
        !matches!(self, Self::Deny(_) | Self::Forbid(_))
    }
}

#[cfg(test)]
mod tests;
