//! As whom can somebody write into a slot, if at all?

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::super::world::{STAMPS, World, names};
use super::claim::name;
use super::{Asked, Claim, FOR, Facts, Part};

/// Cluster machinery, one exact user name a line.
const MACHINERY: &str = include_str!("../../../charts/hotdesk/files/machinery.txt");
/// What the API server notes for the token of a pod.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";

/// As whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Machinery,
    BreakGlass,
    Administrator,
    Controller,
    Sync,
    Reaper,
    Reviver,
    Restamper,
    Workload,
    Deployer,
    Claimant,
}

/// What is known of the namespace of a review.
#[derive(Debug, Clone)]
pub enum Slot {
    /// The Slots are not known at the moment.
    Unsynced,
    /// It has none, or one that cannot be read.
    None,
    /// It has one.
    Known(Facts),
}

impl Slot {
    /// The Slot of a namespace.
    #[must_use]
    pub fn of(world: &World, namespace: &str, synced: bool) -> Self {
        match world.slot(namespace) {
            _ if !synced => Self::Unsynced,
            Some(slot) => Self::Known(Facts::of(slot)),
            None => Self::None,
        }
    }

    /// True where strangers are let through.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        matches!(self, Self::Known(facts) if facts.parse_lossy)
    }
}

impl Role {
    /// The role in which somebody asks; nothing for a stranger.
    #[must_use]
    pub fn of(asked: &Asked, slot: &Slot, now: Timestamp) -> Option<Self> {
        if let Some(role) = Self::everywhere(asked) {
            return Some(role);
        }
        if asked.namespace.is_empty() {
            return None;
        }
        if asked.username == names::CONTROLLER && is_controllers(asked) {
            return Some(Self::Controller);
        }
        if asked.username == names::SYNC && is_event(asked) {
            return Some(Self::Sync);
        }
        let Slot::Known(facts) = slot else { return None };
        if let Some(role) = own_job(asked) {
            return Some(role);
        }
        // Whether somebody holds the slot or not.
        if asked.username == names::RESTAMPER {
            return Some(Self::Restamper);
        }
        let claim = facts.held(now)?;
        if is_account_of(&asked.username, &asked.namespace) && claim.trusts && asked.carries(POD_NAME) {
            return Some(Self::Workload);
        }
        if is_bound(&asked.username, &asked.namespace, claim) {
            return Some(Self::Deployer);
        }
        if authenticates_people(asked)
            && let Some(allowed) = deployed_for(asked, claim)
        {
            return allowed.then_some(Self::Deployer);
        }
        claim.admits(&names_of(asked), &asked.groups).then_some(Self::Claimant)
    }

    /// The role of those who need no slot for it.
    #[must_use]
    pub fn everywhere(asked: &Asked) -> Option<Self> {
        if is_machinery(asked) {
            Some(Self::Machinery)
        } else if breaks_glass(asked) {
            Some(Self::BreakGlass)
        } else if is_administrator(asked) {
            Some(Self::Administrator)
        } else {
            None
        }
    }

    /// True for those who are held by none of the rules for everybody.
    #[must_use]
    pub fn is_exempt(self) -> bool {
        matches!(self, Self::Machinery | Self::BreakGlass | Self::Administrator)
    }
}

/// True for cluster machinery, by exact name; for a kubelet, by name and group.
#[must_use]
pub fn is_machinery(asked: &Asked) -> bool {
    static NAMES: OnceLock<BTreeSet<&str>> = OnceLock::new();
    let known = NAMES.get_or_init(|| MACHINERY.lines().filter(|line| !line.is_empty()).collect());
    let is_kubelet = asked.username.starts_with("system:node:") && asked.groups.iter().any(|g| g == "system:nodes");
    is_kubelet || asked.username == names::CLEANER || known.contains(asked.username.as_str())
}

/// True for the deployer that knows who asked it to deploy.
#[must_use]
pub fn authenticates_people(asked: &Asked) -> bool {
    asked.username == names::CI
}

/// True for a deployer that is listed for this slot, or for one of its people.
fn is_bound(username: &str, namespace: &str, claim: &Claim) -> bool {
    username == names::FLUX && namespace == "mew"
        || username == names::ARGO && claim.has(&["bob@example.com".to_owned()])
}

/// Every name by which a claim may know who asks.
#[must_use]
pub fn names_of(asked: &Asked) -> Vec<String> {
    let whole = name(&asked.username);
    let stripped = names::PREFIXES.iter().filter_map(|prefix| whole.strip_prefix(prefix)).map(name);
    let logins = asked.extra.get(names::LOGIN).into_iter().flatten().map(|text| name(text));
    let names: Vec<String> = stripped.chain(logins).collect();
    std::iter::once(whole.clone()).chain(names).collect()
}

/// The reaper or reviver of this very slot, by the token of its pod.
fn own_job(asked: &Asked) -> Option<Role> {
    let is = |job: &str| asked.username == format!("system:serviceaccount:{}:{job}-{}", names::JOBS, asked.namespace);
    match asked.carries(POD_NAME) {
        true if is("reaper") => Some(Role::Reaper),
        true if is("reviver") => Some(Role::Reviver),
        _ => None,
    }
}

/// What the controller writes in slots.
fn is_controllers(asked: &Asked) -> bool {
    match asked.target() {
        ("rbac.authorization.k8s.io", "rolebindings", "") => {
            asked.operation == "UPDATE" && asked.name == "hotdesk-claimants"
        }
        _ => is_event(asked),
    }
}

/// What the sync writes in slots, and the controller too.
fn is_event(asked: &Asked) -> bool {
    matches!(asked.target(), ("" | "events.k8s.io", "events", "")) && asked.writes()
}

fn is_account_of(username: &str, namespace: &str) -> bool {
    let mut parts = username.split(':');
    let rest = [parts.next(), parts.next(), parts.next()];
    rest == [Some("system"), Some("serviceaccount"), Some(namespace)]
        && parts.next().is_some_and(|account| !account.is_empty())
        && parts.next().is_none()
}

/// Whether the object names a claimant; nothing if it names nobody.
fn deployed_for(asked: &Asked, claim: &Claim) -> Option<bool> {
    let part = if asked.operation == "DELETE" { &asked.old } else { &asked.object };
    if matches!(part, Part::Odd) {
        return Some(true);
    }
    // Null is how Go's JSON says the empty text.
    let person = part.entry("labels", FOR)?.as_str().unwrap_or_default();
    Some(claim.users.iter().chain(&claim.aliases).any(|user| label_safe(user) == person))
}

/// True for somebody who can write that an object is for this person: who knows for whom they deploy, and what brings back
/// releases, for the people of the claim that it is under.
#[must_use]
pub fn may_name(asked: &Asked, role: Option<Role>, claim: Option<&Claim>, person: &str) -> bool {
    let is_claimants = |claim: &Claim| claim.users.iter().chain(&claim.aliases).any(|user| label_safe(user) == person);
    match role {
        Some(Role::Reviver) => claim.is_none_or(is_claimants),
        _ => authenticates_people(asked),
    }
}

/// The label of the names of this world: of a service account with a hash, as the stamp of its slot is written down.
fn label_safe(name: &str) -> String {
    let written = STAMPS.iter().find(|[_, _, owner, ..]| *owner == name).map(|[_, label, ..]| (*label).to_owned());
    written.unwrap_or_else(|| name.replace('@', "_at_"))
}

/// True for members of the break-glass groups.
#[must_use]
pub fn breaks_glass(asked: &Asked) -> bool {
    asked.groups.iter().any(|group| names::BREAK_GLASS.contains(&group.as_str()))
}

/// True for members of the break-glass groups and administrators.
#[must_use]
pub fn is_administrator(asked: &Asked) -> bool {
    let listed = asked.username == names::ADMINISTRATOR || asked.groups.iter().any(|g| g == names::ADMINISTRATORS);
    listed || breaks_glass(asked)
}
