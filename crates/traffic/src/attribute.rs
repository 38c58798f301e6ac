//! Which slot does an upstream belong to?
//!
//! Ingress controllers join namespace, service and port with `-`, and all three may contain `-`
//! themselves. So an upstream is never split: it belongs to the slot only if it equals the name that
//! one of the slot's existing Services or routes gives it, or if an address of the slot served it. What begins like the
//! slot's and equals none of them, what could be another slot's as well, and what names nobody who is known but points at
//! the slot, is said, and never counted as nobody's.

pub(crate) mod address;
mod directory;
mod host;
mod known;
mod learned;
mod mention;
mod name;
mod neighbours;
mod whose;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::line::Entry;
pub use directory::Directory;
use host::Host;
pub use known::{ForeignRoute, Known, Neighbour, Service, Streams};
pub use mention::Pointer;
use name::{PAGES, Shape, beginnings, begins, begins_with, is_of, is_route, normalized, readings};
pub use neighbours::Neighbours;
pub use whose::Whose;

/// The names by which the slot's traffic is known, and those of its neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    slot: String,
    own: HashSet<String>,
    /// `<slot>-<service>`, without a port.
    services: HashSet<String>,
    external: Vec<String>,
    /// `<slot>-<route>`, as Traefik writes them.
    routes: HashSet<String>,
    /// All namespaces that are known, this one among them.
    neighbours: Arc<Neighbours>,
    addresses: HashSet<IpAddr>,
    /// Those of its Services, which are nobody else's, and those that Services elsewhere have as well: by these it is the slot's
    /// whatever the name says.
    proving: Vec<IpAddr>,
    hosts: Vec<Host>,
    foreign: Vec<ForeignRoute>,
    granted: Vec<String>,
    streams: Streams,
}

/// Whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Nobody,
    Unknown,
    /// Of a namespace that exists and is not a slot.
    Elsewhere,
    /// A Service of another slot.
    OfSlot,
    /// A route of another namespace, which may lead anywhere.
    OfRoute,
    Mentioned,
    Orphan,
    Ambiguous,
    Ours,
}

impl Names {
    /// The names of a slot of which nothing but its Services is known. `neighbours` are the other slots.
    #[must_use]
    pub fn new(slot: &str, services: &[Service], neighbours: &[String]) -> Self {
        let slots = neighbours.iter().map(|name| Neighbour { namespace: name.clone(), host: None }).collect();
        Self::of(slot, &Known { services: services.to_vec(), slots, ..Known::default() })
    }

    /// The names of a slot.
    #[must_use]
    pub fn of(slot: &str, known: &Known) -> Self {
        Self::among(slot, known, Arc::new(Neighbours::of(&known.slots, &known.namespaces)))
    }

    /// The names of a slot among neighbours that are known already; what `known` says of them is not read.
    #[must_use]
    pub fn among(slot: &str, known: &Known, neighbours: Arc<Neighbours>) -> Self {
        let services = || known.services.iter().map(|service| (format!("{slot}-{}", service.name), service));
        Self {
            slot: slot.to_owned(),
            own: services().flat_map(|(base, service)| joined(&base, service)).collect(),
            services: services().map(|(base, _)| base).collect(),
            external: services().filter(|(_, service)| service.external).map(|(base, _)| format!("{base}-")).collect(),
            routes: known.routes.iter().map(|route| format!("{slot}-{}", normalized(route))).collect(),
            neighbours,
            addresses: services()
                .flat_map(|(_, service)| &service.addresses)
                .chain(&known.pods)
                .chain(&known.lent)
                .copied()
                .collect(),
            proving: services().flat_map(|(_, service)| &service.addresses).chain(&known.lent).copied().collect(),
            hosts: Host::all(known),
            foreign: known.foreign.clone(),
            granted: known.granted.clone(),
            streams: known.streams.clone(),
        }
    }

    /// Whose a request was.
    #[must_use]
    pub fn whose(&self, entry: &Entry<'_>) -> Whose {
        self.judge(entry).0
    }

    /// True if a request was of this slot or of another one that is known.
    #[must_use]
    pub fn knows(&self, entry: &Entry<'_>) -> bool {
        self.judge(entry).1
    }

    /// Whose a request was, and whether it names somebody who exists: only that proves that its source can tell.
    #[must_use]
    pub fn judge(&self, entry: &Entry<'_>) -> (Whose, bool) {
        let named = self.named(entry);
        let exists = matches!(
            named,
            Named::Elsewhere | Named::OfSlot | Named::OfRoute | Named::Orphan | Named::Ambiguous | Named::Ours
        );
        (self.by(named, entry), exists)
    }

    fn by(&self, named: Named, entry: &Entry<'_>) -> Whose {
        match named {
            Named::Ours => Whose::Ours,
            // Whatever the name says, it came by the slot, or was passed on to it.
            Named::OfSlot if self.reached_a_service(entry) || self.begins_with_our_route(entry) => Whose::Ours,
            Named::OfSlot => Whose::Theirs,
            _ if entry.stream && named <= Named::Unknown => self.session(entry),
            Named::Nobody => self.unnamed(entry),
            _ if self.served(entry) || self.begins_with_our_route(entry) => Whose::Ours,
            Named::Ambiguous => Whose::Ambiguous,
            Named::Orphan => Whose::Orphan,
            Named::Mentioned => Whose::Mentioned,
            Named::OfRoute | Named::Elsewhere | Named::Unknown if self.may_lead_in(entry) => Whose::LedIn,
            Named::Unknown if self.host_of_ours(entry).is_some() => Whose::Hosted,
            Named::Unknown if self.is_pointed_at_behind(entry) => Whose::Mentioned,
            _ if self.may_be_by_our_route(entry) => Whose::Mentioned,
            // A route of the slot that is gone.
            _ if entry.route.as_deref().is_some_and(|route| begins(route, &self.slot) && self.mentions_us(route)) => {
                Whose::Mentioned
            }
            _ => Whose::Theirs,
        }
    }

    /// This slot, and then the others that are known.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        [self.slot.as_str()].into_iter().chain(self.neighbours.slots_but(&self.slot))
    }

    /// True for another namespace that is known.
    fn is_namespace(&self, name: &str) -> bool {
        name != self.slot && self.neighbours.is_namespace(name)
    }

    /// True for another slot.
    fn is_slot(&self, name: &str) -> bool {
        name != self.slot && self.neighbours.is_slot(name)
    }

    fn named(&self, entry: &Entry<'_>) -> Named {
        let joined = [entry.upstream.as_deref(), entry.alternative.as_deref()];
        if [&entry.namespace, &entry.backend].into_iter().any(|said| said.as_deref() == Some(self.slot.as_str())) {
            return Named::Ours;
        }
        // Where backends are merged, the cluster says whose the Service is, whatever the route is called.
        if let Some(backend) = entry.backend.as_deref() {
            return self.of_namespace(backend, false);
        }
        match entry.namespace.as_deref() {
            // Only where the log agrees with itself is its word taken against the slot.
            Some(namespace) if joined.iter().flatten().all(|name| begins(name, namespace)) => {
                self.of_namespace(namespace, entry.by_route)
            }
            _ => joined.iter().flatten().map(|name| self.of_name(name)).max().unwrap_or(Named::Nobody),
        }
    }

    fn of_namespace(&self, namespace: &str, by_route: bool) -> Named {
        match (by_route, self.is_slot(namespace)) {
            (true, true) => Named::OfRoute,
            (false, true) => Named::OfSlot,
            // It may as well be a constant of the format.
            (_, false) => Named::Unknown,
        }
    }

    fn of_name(&self, name: &str) -> Named {
        match name::shape(name) {
            Shape::Nobody => Named::Nobody,
            Shape::Address => {
                if self.serves(name) {
                    Named::Ours
                } else {
                    Named::Nobody
                }
            }
            Shape::Joined(name) => self.of_joined(name),
            Shape::ByIngress(name) => self.of_ingress(name),
            Shape::Exact { namespace, service, .. } if namespace == self.slot => {
                let exists = self.services.contains(&format!("{namespace}-{service}"));
                if exists { Named::Ours } else { Named::Orphan }
            }
            Shape::Exact { rest, .. } if self.mentions_us(rest) => Named::Mentioned,
            Shape::Exact { namespace, .. } if self.is_slot(namespace) => Named::OfSlot,
            Shape::Exact { namespace, .. } if self.is_namespace(namespace) => Named::Elsewhere,
            Shape::Exact { .. } | Shape::Strange => self.of_stranger(name),
        }
    }

    fn of_stranger(&self, name: &str) -> Named {
        if self.mentions_us(name) { Named::Mentioned } else { Named::Unknown }
    }

    fn of_joined(&self, name: &str) -> Named {
        if let Some(service) = name::backend(name) {
            return self.of_reading(service, || self.services.contains(service), false).unwrap_or(Named::Unknown);
        }
        let found = readings(name).filter_map(|(before, name)| {
            let is_route = before.is_some_and(|before| before.ends_with("route-")) || name::hashed(name).is_some();
            self.of_reading(name, || self.is_own(before, name), is_route)
        });
        found.max().unwrap_or_else(|| self.of_stranger(name))
    }

    fn of_ingress(&self, name: &str) -> Named {
        let found = name::by_ingress(name).filter_map(|name| self.of_reading(name, || self.is_by_ingress(name), false));
        found.max().unwrap_or_else(|| self.of_stranger(name))
    }

    /// True if it names an Ingress of the slot and then a Service of it, its default backend, or a rule.
    fn is_by_ingress(&self, name: &str) -> bool {
        let own = |rest: &str| {
            let service = format!("{}-{rest}", self.slot);
            rest == "default-backend" || rest.starts_with("rule-") || self.is_own(None, &service)
        };
        let behind = |route: &String| name.strip_prefix(route.as_str()).and_then(|rest| rest.strip_prefix('-'));
        self.is_own(None, name) || self.routes.iter().filter_map(behind).any(own)
    }

    /// Whose a name is that begins with a namespace; none if with none that is known.
    fn of_reading(&self, name: &str, is_own: impl FnOnce() -> bool, is_route: bool) -> Option<Named> {
        let others = || beginnings(name).filter(|begin| self.is_namespace(begin));
        if begins_with(name, &self.slot) {
            if is_own() {
                return Some(if others().next().is_some() { Named::Ambiguous } else { Named::Ours });
            }
            // A longer name explains it: `mew-two-web-80` is mew-two's. A shorter one does not: it could
            // as well be a Service of ours that is gone.
            let longer = others().filter(|other| other.len() > self.slot.len()).last();
            return Some(longer.map_or(Named::Orphan, |other| self.of_other(other, is_route)));
        }
        others().last().map(|other| self.of_other(other, is_route))
    }

    fn of_other(&self, namespace: &str, is_route: bool) -> Named {
        match (is_route, self.is_slot(namespace)) {
            (true, _) => Named::OfRoute,
            (false, true) => Named::OfSlot,
            (false, false) => Named::Elsewhere,
        }
    }

    fn is_own(&self, before: Option<&str>, name: &str) -> bool {
        match before {
            Some(PAGES) => self.services.contains(name),
            Some(before) if before.ends_with("route-") => {
                let route = name.split_once("-gw-").map(|(route, _)| route);
                route.is_some_and(|route| self.routes.contains(route))
            }
            Some(_) => self.own.contains(name),
            None => {
                let of_route = || name::hashed(name).is_some_and(|route| self.routes.contains(route));
                self.own.contains(name) || self.is_external(name) || of_route()
            }
        }
    }

    fn is_external(&self, name: &str) -> bool {
        let port = |base: &String| {
            name.strip_prefix(base.as_str()).is_some_and(|port| !port.is_empty() && !port.contains('-'))
        };
        self.external.iter().any(port)
    }

    /// An entry that names nobody, by everything else that it says.
    fn unnamed(&self, entry: &Entry<'_>) -> Whose {
        let pages = entry.served.as_deref().is_some_and(|served| served.contains(" : "));
        if pages && entry.upstream.is_some() {
            // Some Service answered first. Whose it was, an address cannot prove that may have changed hands since.
            return if entry.host.as_deref().is_some_and(|hosts| self.are_of_others(hosts)) {
                Whose::Theirs
            } else {
                Whose::Answered
            };
        }
        if self.served(entry) {
            return Whose::Ours;
        }
        if let Some(route) = entry.route.as_deref() {
            if self.mentions_us(route) {
                return if self.begins_with_our_route(entry) { Whose::Ours } else { Whose::Mentioned };
            }
            if self.may_lead_in(entry) {
                return Whose::LedIn;
            }
        }
        if self.host_of_ours(entry).is_some() {
            return Whose::Hosted;
        }
        if self.is_pointed_at_behind(entry) { Whose::Mentioned } else { Whose::Theirs }
    }

    /// True if what the controller wrote beyond what is understood points at the slot.
    fn is_pointed_at_behind(&self, entry: &Entry<'_>) -> bool {
        entry.extra.as_deref().is_some_and(|extra| self.points_at_us(extra).is_some())
    }

    /// A TCP or UDP session that names nobody.
    fn session(&self, entry: &Entry<'_>) -> Whose {
        match &self.streams {
            _ if self.served(entry) => Whose::Ours,
            _ if entry.served.as_deref().is_some_and(|served| self.mentions_us(served)) => Whose::Mentioned,
            Streams::Of(namespaces) if !namespaces.is_empty() && !namespaces.contains(&self.slot) => Whose::Theirs,
            _ => Whose::Stream,
        }
    }

    /// True if a session that names nobody could be the slot's.
    #[must_use]
    pub fn may_have_streams(&self) -> bool {
        self.session(&Entry::default()) == Whose::Stream
    }

    /// The namespaces of routes that lead into the slot, or may.
    pub fn leading_in(&self) -> impl Iterator<Item = &str> {
        self.granted.iter().chain(self.foreign.iter().map(|route| &route.namespace)).map(String::as_str)
    }

    /// The namespaces whose routes a ReferenceGrant lets lead into the slot.
    #[must_use]
    pub fn granted(&self) -> &[String] {
        &self.granted
    }

    /// The addresses of the slot, and its hosts: what may stand in a line instead of its name.
    pub fn pointers(&self) -> impl Iterator<Item = String> {
        let mut addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        addresses.sort();
        addresses.into_iter().chain(self.hosts.iter().map(|host| host.text().to_owned()))
    }

    /// True if the route is one of another namespace that leads into the slot, or that may.
    fn may_lead_in(&self, entry: &Entry<'_>) -> bool {
        let names = [entry.route.as_deref(), entry.upstream.as_deref()];
        let named = |route: &ForeignRoute| {
            let joined = format!("{}-{}", normalized(&route.namespace), normalized(&route.name));
            names.iter().flatten().any(|name| is_route(name, &joined, &route.namespace, &route.name))
        };
        let of_grant = |namespace: &String| match entry.namespace.as_deref() {
            Some(said) => entry.by_route && said == namespace,
            None => entry.upstream.is_none() && entry.route.as_deref().is_some_and(|route| is_of(route, namespace)),
        };
        self.foreign.iter().any(named) || self.granted.iter().any(of_grant)
    }
}

/// True for what controllers call their own: a request that it served proves nothing, for or against.
#[must_use]
pub fn is_of_the_controller(upstream: &str) -> bool {
    name::shape(upstream) == Shape::Nobody
}

/// The names that controllers give a Service, each of its ports and with the words that Traefik puts beside them.
fn joined(base: &str, service: &Service) -> Vec<String> {
    let port = |port: &String| {
        let port = normalized(port);
        [
            format!("{base}-{port}"),
            format!("{base}-http-{port}"),
            format!("{base}-https-{port}"),
            format!("{base}-{port}-grpc"),
        ]
    };
    service.ports.iter().flat_map(port).collect()
}

#[cfg(test)]
mod tests;
