//! May this request write into this slot, and why?
//!
//! One pure function over borrowed data. Whatever is not known to be allowed is denied, and the
//! policy inside the API server gives the same answers from the same rows.

use hotdesk_slots::claim::Standing;
use hotdesk_slots::label::label_safe;
use hotdesk_slots::{ClaimView, Mode, Name, Requester};
use jiff::{SignedDuration, Timestamp};

use crate::settings::{Settings, carries_pod_token, carries_token, is_service_account_of};

/// What a decision needs to know of a request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The namespace of the request; empty for a cluster-scoped object, which the gate never lets pass.
    pub namespace: &'a str,
    /// Who is asking.
    pub requester: &'a Requester<'a>,
    /// The label `hotdesk.dev/for` of the object, of the old object on DELETE.
    pub deployed_for: Option<&'a str>,
    /// True for a change of the one `RoleBinding` whose subjects are the slot's claimants.
    pub binds_claimants: bool,
}

/// For how long after a hand-over the tokens that somebody made do not count: as long as the longest of them lasts,
/// which the policy in the API server limits to an hour, and a little for clocks.
pub const TOKENS_OUTLIVE: SignedDuration = SignedDuration::from_mins(65);

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
        /// When somebody last lost it, by a release or a hand-over.
        lost_at: Option<Timestamp>,
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
    /// A service account of the slot's own namespace, with a token that counts.
    OwnServiceAccount,
    /// The controller, for the one object of a slot that it keeps.
    Controller,
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
    /// A service account of the slot without a token that counts.
    NoToken,
    /// A trusted deployer deploys for somebody who does not hold the slot.
    ForStranger,
    /// A trusted deployer deploys into a slot that nobody holds.
    DeployerUnclaimed,
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
    // Before the Slot is looked at: whoever sets up a slot writes there before it has one.
    if settings.is_administrator(facts.requester) {
        return Decision::Allow(Role::Administrator);
    }
    if facts.namespace.is_empty() {
        return Decision::Deny(Reason::NoNamespace);
    }
    // Whatever the Slot says: where it cannot be read, nobody is left in that object.
    if facts.binds_claimants && settings.is_controller(facts.requester) {
        return Decision::Allow(Role::Controller);
    }
    match slot {
        SlotView::NotSynced => Decision::Deny(Reason::NotSynced),
        SlotView::Missing => Decision::Deny(Reason::NoSlot),
        SlotView::Unreadable => Decision::Deny(Reason::UnreadableSlot),
        SlotView::Known { claim, mode, lost_at } => {
            let standing = Standing::of(claim, now);
            let tokens_count = !matches!(standing, Standing::Lapsed(_)) && lost_at.is_none_or(|at| is_past(at, now));
            soften(judge(facts, standing, tokens_count, settings), mode.unwrap_or(settings.mode))
        }
    }
}

fn is_past(lost_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(lost_at) > TOKENS_OUTLIVE
}

fn judge(facts: &Facts<'_>, standing: Standing<'_>, tokens_count: bool, settings: &Settings) -> Result<Role, Reason> {
    if settings.is_reaper_of(facts.requester, facts.namespace) || settings.is_reviver_of(facts.requester, facts.namespace) {
        return Ok(Role::OwnServiceAccount);
    }
    let own = is_service_account_of(facts.requester, facts.namespace);
    if own && (carries_pod_token(facts.requester) || tokens_count && carries_token(facts.requester)) {
        return Ok(Role::OwnServiceAccount);
    }
    if settings.is_deployer(facts.requester) {
        return judge_deployer(facts, standing);
    }
    match standing {
        Standing::Held(claim) if is_claimant(claim, facts.requester, settings) => Ok(Role::Claimant),
        _ if own => Err(Reason::NoToken),
        Standing::Held(_) => Err(Reason::Held),
        Standing::Lapsed(_) => Err(Reason::Lapsed),
        Standing::Free => Err(Reason::Free),
    }
}

fn is_claimant(claim: &ClaimView, requester: &Requester<'_>, settings: &Settings) -> bool {
    claim.admits(requester.spellings(&settings.identity), &requester.groups)
}

/// A deployer acts for whomever the object names. It need name nobody, but somebody must hold the slot.
fn judge_deployer(facts: &Facts<'_>, standing: Standing<'_>) -> Result<Role, Reason> {
    let Some(claim) = standing.held() else { return Err(Reason::DeployerUnclaimed) };
    let is_person =
        |person: &str| claim.users.iter().chain(&claim.aliases).any(|n: &Name| label_safe(n.as_str()) == person);
    match facts.deployed_for {
        Some(person) if !is_person(person) => Err(Reason::ForStranger),
        _ => Ok(Role::Deployer),
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
    pub fn word(self) -> &'static str {
        match self {
            Self::Machinery => "machinery",
            Self::BreakGlass => "break-glass",
            Self::Administrator => "administrator",
            Self::OwnServiceAccount => "own-service-account",
            Self::Controller => "controller",
            Self::Deployer => "deployer",
            Self::Claimant => "claimant",
        }
    }
}

impl Reason {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NoNamespace => "no-namespace",
            Self::NotSynced => "not-synced",
            Self::NoSlot => "no-slot",
            Self::UnreadableSlot => "unreadable-slot",
            Self::Free => "free",
            Self::Lapsed => "lapsed",
            Self::Held => "held",
            Self::NoToken => "no-token",
            Self::ForStranger => "for-stranger",
            Self::DeployerUnclaimed => "deployer-unclaimed",
        }
    }
}

impl Decision {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Tolerate(_, Mode::Warn) => "warn",
            Self::Tolerate(..) => "audit",
            Self::Deny(_) => "deny",
        }
    }

    /// As whom, or why not, in one word.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Allow(role) => role.word(),
            Self::Tolerate(reason, _) | Self::Deny(reason) => reason.word(),
        }
    }

    /// True unless the write is denied.
    #[must_use]
    pub fn admits(self) -> bool {
        !matches!(self, Self::Deny(_))
    }
}

#[cfg(test)]
mod tests;
