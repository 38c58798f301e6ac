//! Which host names does an object ask requests for?
//!
//! The kinds that are known are read where they hold hosts. Of every other kind that is not Kubernetes' own, each text that is
//! a host name counts, so that no new kind of route is overlooked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde_json::value::RawValue;

use super::host::{Asked, Host, host_of};
use super::raw::{at, each, elements, text, texts};
use super::{Finding, Neighbours, Owner};

pub mod annotations;
mod precedence;
mod siblings;
mod words;

/// Where a kind holds the hosts that it asks for, below `spec`.
struct Route {
    group: &'static str,
    kind: &'static str,
    hosts: &'static [Hosts],
    /// A field that takes every request which nothing else takes.
    rest: Option<&'static str>,
}

/// A field with hosts.
struct Hosts {
    /// The list of whose elements it is a field, or the object; empty where it is the field of `spec`.
    of: &'static str,
    field: &'static str,
    /// True where one without it asks for every host.
    or_all: bool,
}

const fn hosts(of: &'static str, field: &'static str) -> Hosts {
    Hosts { of, field, or_all: false }
}

const fn hosts_or_all(of: &'static str, field: &'static str) -> Hosts {
    Hosts { of, field, or_all: true }
}

const fn route(group: &'static str, kind: &'static str, hosts: &'static [Hosts]) -> Route {
    Route { group, kind, hosts, rest: None }
}

const GATEWAY_API: &str = "gateway.networking.k8s.io";
const ISTIO: &str = "networking.istio.io";

const ROUTES: [Route; 10] = [
    Route {
        rest: Some("defaultBackend"),
        ..route("networking.k8s.io", "Ingress", &[hosts_or_all("rules", "host"), hosts("tls", "hosts")])
    },
    route(GATEWAY_API, "HTTPRoute", &[hosts_or_all("", "hostnames")]),
    route(GATEWAY_API, "GRPCRoute", &[hosts_or_all("", "hostnames")]),
    route(GATEWAY_API, "TLSRoute", &[hosts_or_all("", "hostnames")]),
    route(GATEWAY_API, "Gateway", &[hosts_or_all("listeners", "hostname")]),
    route(GATEWAY_API, "ListenerSet", &[hosts_or_all("listeners", "hostname")]),
    route(ISTIO, "VirtualService", &[hosts("", "hosts")]),
    route(ISTIO, "Gateway", &[hosts("servers", "hosts")]),
    route("projectcontour.io", "HTTPProxy", &[hosts("virtualhost", "fqdn")]),
    route("route.openshift.io", "Route", &[hosts_or_all("", "host")]),
];

/// Kinds that ask for a host as a URL, by their group, and the field. Elsewhere a URL only says where something leads.
const URLS: [(&str, &[&str], &str); 1] = [("ngrok.k8s.ngrok.com", &["AgentEndpoint", "CloudEndpoint"], "spec.url")];

const TRAEFIK: [&str; 2] = ["traefik.io", "traefik.containo.us"];

/// The groups of cert-manager, whose `spec.request` is a request for a certificate.
const CERT_MANAGER: [&str; 3] = ["cert-manager.io", "acme.cert-manager.io", "certmanager.k8s.io"];

/// Of how many rules that could take any host is looked whether they are new.
const MOST_OPEN: usize = 32;
/// How much of such a rule is shown.
const SHOWN: usize = 80;

/// What an object asks for, as far as its neighbours are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Hosts of others.
    pub foreign: BTreeMap<Host<'static>, Owner>,
    /// Rules that could take any host: regular expressions, and rules without a host.
    pub open: BTreeSet<String>,
    /// Priority classes of the cluster's own or hotdesk's, where an object of an unknown kind names one.
    pub priorities: BTreeSet<String>,
    /// Addresses of which a Service's external ones are made, where an object that is not a Service names one.
    pub addresses: BTreeSet<String>,
    /// What else is not the slot's own matter, by all that makes it another one.
    pub others: BTreeMap<String, Finding>,
}

/// What an object of this kind asks for. A Service takes hosts by its annotations alone. With what it asked for before, only
/// what is new is looked for, and of that one host and one class, which are enough to deny it.
#[must_use]
pub fn taken(
    (group, kind): (&str, &str),
    object: &RawValue,
    neighbours: &Neighbours<'_>,
    before: Option<&Taken>,
) -> Taken {
    let mut reader = Reader::new(neighbours, before);
    let places = Places::of(group, kind);
    // An object may be large, so it is gone through once.
    each(object, &mut |field, value| match (field, places) {
        ("metadata", _) => reader.metadata(value, places),
        ("spec", Places::Route(route)) => reader.route(route, value),
        ("spec", Places::Traefik) => reader.traefik(value),
        ("apiVersion" | "kind" | "status", _) => {}
        (_, Places::Anywhere) => reader.anything(field, value),
        _ => {}
    });
    reader.before_others();
    if TRAEFIK.contains(&group) {
        reader.default(kind, object);
    } else if CERT_MANAGER.contains(&group) {
        at(object, "spec.request", &mut |request| reader.certificate_request(&text(request).unwrap_or_default()));
        at(object, "spec.literalSubject", &mut |subject| reader.subject(&text(subject).unwrap_or_default()));
    }
    for (_, _, field) in URLS.iter().filter(|(of, kinds, _)| *of == group && kinds.contains(&kind)) {
        at(object, field, &mut |url| reader.url(&text(url).unwrap_or_default(), field));
    }
    reader.taken
}

/// What these annotations ask for, as [`taken`] says of an object's.
#[must_use]
pub fn named<'a>(
    annotations: impl Iterator<Item = (&'a str, &'a str)>,
    neighbours: &Neighbours<'_>,
    before: Option<&Taken>,
) -> Taken {
    let mut reader = Reader::new(neighbours, before);
    for (key, value) in annotations {
        // Each of them may name hosts and nothing else.
        if reader.has_enough() {
            break;
        }
        reader.annotation(key, &|| value.to_owned());
    }
    reader.taken
}

impl Hosts {
    fn rule(&self) -> String {
        if self.of.is_empty() { "spec".to_owned() } else { format!("spec.{}", self.of) }
    }
}

impl Display for Hosts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.rule(), self.field)
    }
}

/// Where an object of a kind asks for hosts besides its annotations.
#[derive(Clone, Copy)]
enum Places {
    Nowhere,
    Route(&'static Route),
    Traefik,
    /// Any text but in what every object has may be a host, and so may the object's name.
    Anywhere,
}

impl Places {
    fn of(group: &str, kind: &str) -> Self {
        match ROUTES.iter().find(|route| route.group == group && route.kind == kind) {
            _ if group.is_empty() => Self::Nowhere,
            Some(route) => Self::Route(route),
            None if TRAEFIK.contains(&group) && matches!(kind, "IngressRoute" | "IngressRouteTCP") => Self::Traefik,
            None => Self::Anywhere,
        }
    }
}

struct Reader<'r> {
    taken: Taken,
    before: Option<&'r Taken>,
    /// How many rules could take any host, so far.
    opened: usize,
    /// The priority that an annotation gives to the rules of an Ingress.
    priority_of_rules: Option<String>,
    /// The first of an Ingress's rules that could take any host.
    open_rule: Option<String>,
    neighbours: &'r Neighbours<'r>,
}

impl<'r> Reader<'r> {
    fn new(neighbours: &'r Neighbours<'r>, before: Option<&'r Taken>) -> Self {
        let taken = Taken::default();
        Self { taken, before, opened: 0, priority_of_rules: None, open_rule: None, neighbours }
    }
}

impl Reader<'_> {
    fn metadata(&mut self, metadata: &RawValue, places: Places) {
        each(metadata, &mut |field, value| match field {
            "annotations" => self.annotations(value),
            "name" if matches!(places, Places::Anywhere) => self.name(text(value).as_deref().unwrap_or_default()),
            _ => {}
        });
    }

    fn annotations(&mut self, all: &RawValue) {
        each(all, &mut |key, value| self.annotation(key, &|| text(value).unwrap_or_default().into_owned()));
    }

    fn route(&mut self, route: &Route, spec: &RawValue) {
        if matches!(route.group, "networking.k8s.io" | GATEWAY_API) {
            self.back_quotes(spec);
        }
        for hosts in route.hosts.iter().filter(|hosts| hosts.of.is_empty()) {
            self.hosts(hosts, spec);
        }
        each(spec, &mut |field, value| {
            for hosts in route.hosts.iter().filter(|hosts| hosts.of == field) {
                elements(value, &mut |element| self.hosts(hosts, element));
            }
            if route.rest == Some(field) && value.get() != "null" {
                self.open(&format!("spec.{field}"));
            }
            if route.group == GATEWAY_API && field == "infrastructure" {
                // They become those of the Service.
                at(value, "annotations", &mut |all| self.annotations(all));
            }
        });
        if route.group == "route.openshift.io" {
            self.openshift(spec);
        }
        self.besides_hosts(route, spec);
    }

    /// The hosts in a rule of a route.
    fn hosts(&mut self, hosts: &Hosts, rule: &RawValue) {
        let mut names_any = false;
        each(rule, &mut |field, value| {
            if field == hosts.field {
                names_any |= !matches!(value.get(), "\"\"" | "[]" | "null");
                elements(value, &mut |host| self.host(text(host).as_deref().unwrap_or_default(), hosts));
            }
        });
        if hosts.or_all && !names_any {
            let rule = format!("{} without {}", hosts.rule(), hosts.field);
            self.open(&rule);
            self.open_rule.get_or_insert(rule);
        }
    }

    /// The host of a route of OpenShift's may stand for all of its domain. Without one, it is made of `subdomain` and the router's
    /// domain, which nobody here knows: any domain of the slots may be it.
    fn openshift(&mut self, spec: &RawValue) {
        let (mut host, mut subdomain, mut stands_for_all) = (None, None, false);
        each(spec, &mut |field, value| match field {
            "host" => host = text(value).filter(|host| !host.is_empty()),
            "subdomain" => subdomain = text(value).filter(|subdomain| !subdomain.is_empty()),
            "wildcardPolicy" => stands_for_all = text(value).as_deref() == Some("Subdomain"),
            _ => {}
        });
        if let Some((_, domain)) = host.as_deref().filter(|_| stands_for_all).and_then(|host| host.split_once('.')) {
            self.name(&format!("*.{domain}"));
        }
        if let Some(subdomain) = subdomain.filter(|_| host.is_none()) {
            for domain in self.neighbours.hosts.domains() {
                let name = format!("{subdomain}.{domain}");
                // Where another slot has hosts below its own host, that is not the router's domain for everything below it.
                if self.owner(&name) != self.owner(&domain) {
                    self.name(&name);
                }
            }
        }
    }

    fn owner(&self, name: &str) -> Option<Owner> {
        self.neighbours.owner_of_host(&Host::read(name)?)
    }

    fn anything(&mut self, field: &str, value: &RawValue) {
        let is_text = value.get().starts_with('"');
        let mut names_addresses = field == siblings::ADDRESSES;
        texts(value.get(), &mut |key, text| {
            let key = if is_text { Some(field) } else { key };
            names_addresses |= text == siblings::ADDRESSES;
            if !self.priorities(key, text) {
                self.words(text);
                if let Some(key) = key.filter(|key| key.contains('/')) {
                    self.annotation(key, &|| text.to_owned());
                }
            }
        });
        if names_addresses {
            self.addresses(field, value);
        }
    }

    /// A text that stands where a host is asked for.
    fn host(&mut self, text: &str, field: &dyn Display) {
        match Asked::read(text) {
            Asked::Host(host) => self.asked(host),
            Asked::Pattern if self.ending(text) => {}
            Asked::Pattern => self.open(&format!("{text} in {field}")),
            Asked::Nothing => {}
        }
    }

    /// A URL that stands where a host is asked for.
    fn url(&mut self, url: &str, field: &str) {
        let host = host_of(url);
        match Asked::read(host) {
            Asked::Host(host) => self.asked(host),
            Asked::Pattern => self.open(&format!("{url} in {field}")),
            Asked::Nothing if host.contains('%') => self.open(&format!("{url} in {field}")),
            Asked::Nothing => {}
        }
    }

    /// A text that may be a host.
    fn name(&mut self, text: &str) {
        if self.has_enough() {
            return;
        }
        if let Some(host) = Host::read(text) {
            self.asked(host);
        }
    }

    /// True if a host of another slot was found that was not there before: one is enough for an answer.
    fn has_enough(&self) -> bool {
        self.before.is_some() && !self.taken.foreign.is_empty()
    }

    fn asked(&mut self, host: Host<'_>) {
        if self.has_enough() {
            return;
        }
        if let Some(owner) = self.neighbours.owner_of_host(&host) {
            self.taken_by(host, owner);
        }
    }

    /// A host that is another's.
    fn taken_by(&mut self, host: Host<'_>, owner: Owner) {
        let host = host.into_owned();
        if self.before.is_none_or(|before| !before.foreign.contains_key(&host)) {
            self.taken.foreign.insert(host, owner);
        }
    }

    fn priority(&mut self, class: &str) {
        let is_enough = self.before.is_some() && !self.taken.priorities.is_empty();
        if !is_enough && self.before.is_none_or(|before| !before.priorities.contains(class)) {
            self.taken.priorities.insert(class.to_owned());
        }
    }

    fn open(&mut self, rule: &str) {
        if self.opened < MOST_OPEN {
            self.opened += 1;
            let rule: String = rule.chars().take(SHOWN).collect();
            if self.before.is_none_or(|before| !before.open.contains(&rule)) {
                self.taken.open.insert(rule);
            }
        }
    }
}
