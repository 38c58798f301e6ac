//! Does a write in a slot reach for what is somebody else's: the host of another slot, its Services, an address, a place on a
//! node before everybody else?
//!
//! Only what a write newly brings counts; what is there stays until somebody changes it. Each guard has a switch of its own.
//! The policy inside the API server knows one Slot only: it says the same of addresses, priority classes and endpoints
//! (`policy-neighbours.yaml`), and nothing of hosts and Services.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::decide::{Decision, Role, Rule};
use crate::review::object::Object;
use crate::review::{GateRequest, Operation, Request, SlotReview, Unreadable};
use crate::settings::Settings;

pub use finding::{Finding, Found};
pub use host::Host;
pub use index::HostIndex;
pub use settings::{Guards, Switch};

use routes::{Taken, named, taken};
use services::Service;

pub mod endpoints;
pub mod finding;
pub mod host;
pub mod index;
pub mod raw;
pub mod routes;
pub mod services;
pub mod settings;
pub mod traefik;

/// How the names of the priority classes begin that are the cluster's own.
const SYSTEM_PRIORITY: &str = "system-";

/// Kubernetes' own groups. Of their kinds, Ingresses and Services alone take hosts: a host name in a ConfigMap is a text. Not
/// `scheduling.k8s.io`, whose groups of pods have a priority class as unknown kinds may.
const BUILT_IN: [&str; 19] = [
    "",
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "rbac.authorization.k8s.io",
    "coordination.k8s.io",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "certificates.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "resource.k8s.io",
    "storage.k8s.io",
];

/// What of an object is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The hosts that it asks for.
    Hosts,
    /// Where it leads, its addresses, and its hosts.
    Service,
    /// Whether people write it.
    Endpoints,
}

impl Reads {
    /// What of an object of this kind is looked at; nothing for most of what people write.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("", "Service") => Some(Self::Service),
            ("", "Endpoints") | ("discovery.k8s.io", "EndpointSlice") => Some(Self::Endpoints),
            ("networking.k8s.io", "Ingress") => Some(Self::Hosts),
            _ => (!BUILT_IN.contains(&group)).then_some(Self::Hosts),
        }
    }
}

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Another slot's.
    Slot(String),
    /// hotdesk's own, in this namespace.
    Hotdesk(String),
}

/// Who is there besides the slot that is written to.
#[derive(Clone)]
pub struct Neighbours<'w> {
    /// The slot that is written to.
    pub slot: &'w str,
    /// The hosts of all slots.
    pub hosts: Arc<HostIndex>,
    /// Says whether a namespace is a slot.
    pub is_slot: &'w dyn Fn(&str) -> bool,
    /// hotdesk's namespaces.
    pub own_namespaces: &'w [String],
    /// The priority classes of hotdesk's pods.
    pub own_priority_classes: &'w [String],
}

impl fmt::Debug for Neighbours<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Neighbours<'_> {
    /// Whose a host is, unless it is the slot's own, or nobody's.
    fn owner_of_host(&self, host: &Host<'_>) -> Option<Owner> {
        let of_slot = self.hosts.foreign(host, self.slot).map(|slot| Owner::Slot(slot.to_string()));
        let of_service = || host.service_namespaces().find_map(|namespace| self.owner_of_namespace(namespace));
        // Every namespace, hotdesk's among them.
        let of_all = || self.own_namespaces.first().filter(|_| host.is_every_service()).cloned().map(Owner::Hotdesk);
        of_slot.or_else(of_service).or_else(of_all)
    }

    /// Whose a namespace is, unless it is the slot's own, or nobody's.
    fn owner_of_namespace(&self, namespace: &str) -> Option<Owner> {
        if namespace == self.slot {
            None
        } else if (self.is_slot)(namespace) {
            Some(Owner::Slot(namespace.to_owned()))
        } else {
            let own = self.own_namespaces.iter().find(|own| *own == namespace);
            own.cloned().map(Owner::Hotdesk)
        }
    }
}

/// True where these guards judge: what is let in, but for those who can write anything, and the controller.
fn judges(operation: Operation, decision: Decision) -> bool {
    let exempt = [Role::Machinery, Role::BreakGlass, Role::Administrator, Role::Controller];
    let is_judged = match decision {
        Decision::Allow(role) => !exempt.contains(&role),
        Decision::Tolerate(..) => true,
        Decision::Deny(_) | Decision::Forbid(_) => false,
    };
    is_judged && matches!(operation, Operation::Create | Operation::Update)
}

/// True for a priority class of the cluster's own, or of hotdesk's pods.
fn is_reserved_priority(class: &str, own: &[String]) -> bool {
    class.starts_with(SYSTEM_PRIORITY) || own.iter().any(|own| own == class)
}

/// What a write newly brings that is somebody else's.
///
/// # Errors
/// Where the body is not the review that the request was read from.
pub fn judge<'w>(
    request: &GateRequest<'_>,
    body: &[u8],
    decision: Decision,
    settings: &Settings,
    neighbours: impl FnOnce() -> Neighbours<'w>,
) -> Result<Found, Unreadable> {
    let mut found = Found::default();
    if !judges(request.operation, decision) {
        return Ok(found);
    }
    let (guards, own) = (&settings.guards, &settings.own_priority_classes);
    let old = request.old_object.as_deref();
    let mut classes = request.object.iter().flat_map(|new| new.new_priorities(old));
    if let Some(class) = classes.find(|class| is_reserved_priority(class, own)) {
        found.note(guards, Finding::SystemPriority(class.to_owned()));
    }
    let kind = (request.kind.group.as_str(), request.kind.kind.as_str());
    let reads = Reads::of(kind.0, kind.1).filter(|reads| guards.ask_for(*reads));
    let names_hosts = request.object.as_ref().is_some_and(|new| new.dns_names(kind).next().is_some());
    if reads.is_none() && !names_hosts {
        return Ok(found);
    }
    let neighbours = neighbours();
    if names_hosts && guards.hosts != Switch::Allow {
        let names = |object: Option<&Object<'_>>, before: Option<&Taken>| {
            named(object.into_iter().flat_map(|object| object.dns_names(kind)), &neighbours, before)
        };
        let before = names(old, None);
        note(names(request.object.as_deref(), Some(&before)), guards, &mut found);
    }
    let Some(reads) = reads else { return Ok(found) };
    let SlotReview { request: Request { object, old_object, .. }, .. } = SlotReview::parse(body)?;
    if let Some(new) = object {
        look(kind, reads, (new, old_object), guards, &neighbours, &mut found);
    }
    Ok(found)
}

fn look(
    kind: (&str, &str),
    reads: Reads,
    (new, old): (&RawValue, Option<&RawValue>),
    guards: &Guards,
    neighbours: &Neighbours<'_>,
    found: &mut Found,
) {
    if reads == Reads::Endpoints {
        if endpoints::changed(new, old) {
            found.note(guards, Finding::Endpoints(kind.1.to_owned()));
        }
        return;
    }
    if reads == Reads::Service {
        let (new, old) = (Service::read(new), old.map(Service::read).unwrap_or_default());
        if let Some((name, leads)) = new.leads_astray(&old, neighbours) {
            found.note(guards, Finding::ExternalName(name.to_owned(), leads));
        }
        if let Some(address) = new.new_address(&old) {
            found.note(guards, Finding::ExternalIp(address.to_owned()));
        }
    }
    let before = old.map(|old| taken(kind, old, neighbours, None)).unwrap_or_default();
    note(taken(kind, new, neighbours, Some(&before)), guards, found);
}

/// Notes what is newly taken.
fn note(Taken { priorities, addresses, foreign, open, others }: Taken, guards: &Guards, found: &mut Found) {
    if let Some(class) = priorities.into_iter().next() {
        found.note(guards, Finding::SystemPriority(class));
    }
    if let Some(address) = addresses.into_iter().next() {
        found.note(guards, Finding::ExternalIp(address));
    }
    if let Some((host, owner)) = foreign.into_iter().next() {
        found.note(guards, Finding::Host(host, owner));
    }
    if let Some((_, finding)) = others.into_iter().next() {
        found.note(guards, finding);
    }
    if guards.hosts != Switch::Allow {
        found.open.extend(open);
    }
}

impl Finding {
    /// The rule that it breaks.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Host(..) | Self::RuleBefore(_) | Self::Default(_) | Self::LongRequest => Rule::NeighbourHost,
            Self::ExternalName(..) => Rule::NeighbourExternalName,
            Self::ExternalIp(_) => Rule::ExternalIp,
            Self::SystemPriority(_) => Rule::SystemPriority,
            Self::Endpoints(_) => Rule::Endpoints,
        }
    }
}

#[cfg(test)]
mod tests;
