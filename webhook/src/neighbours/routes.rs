//! Which host names does an object ask requests for?
//!
//! The kinds that are known are read where they hold hosts. Of every other kind that is not Kubernetes' own, each text that is
//! a host name counts, so that no new kind of route is overlooked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde_json::value::RawValue;

use super::host::{Asked, Host};
use super::raw::{at, each, elements, text, texts};
use super::{Neighbours, Owner, traefik};

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

const TRAEFIK: [&str; 2] = ["traefik.io", "traefik.containo.us"];

/// The annotations whose values are further names, by what stands behind the slash: the prefix of a controller is a setting.
const HOST_ANNOTATIONS: [&str; 9] = [
    "server-alias",       // ingress-nginx, haproxy-ingress
    "redirect-from",      // haproxy-ingress
    "hostname-extension", // Azure's Application Gateway
    "host-aliases",       // Kong
    "hostname",           // external-dns
    "internal-hostname",  // external-dns
    "common-name",        // cert-manager
    "alt-names",          // cert-manager
    "subject-alt-names",  // F5, Contour
];

/// Annotations of which there are several: Traefik numbers its domains, and AWS' load balancer has conditions by the action.
const NUMBERED_HOST_ANNOTATIONS: [&str; 2] = ["router.tls.domains.", "conditions."];

/// Annotations whose values are regular expressions of hosts: haproxy-ingress has both.
const PATTERN_ANNOTATIONS: [&str; 2] = ["server-alias-regex", "redirect-from-regex"];

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
    let mut reader = Reader { taken: Taken::default(), before, opened: 0, neighbours };
    at(object, "metadata.annotations", &mut |all| each(all, &mut |key, value| reader.annotation(key, value)));
    if group.is_empty() {
        return reader.taken;
    }
    if let Some(route) = ROUTES.iter().find(|route| route.group == group && route.kind == kind) {
        at(object, "spec", &mut |spec| reader.route(route, spec));
    } else if TRAEFIK.contains(&group) && matches!(kind, "IngressRoute" | "IngressRouteTCP") {
        reader.traefik(object);
    } else {
        reader.anything(object);
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

struct Reader<'r> {
    taken: Taken,
    before: Option<&'r Taken>,
    /// How many rules could take any host, so far.
    opened: usize,
    neighbours: &'r Neighbours<'r>,
}

impl Reader<'_> {
    fn route(&mut self, route: &Route, spec: &RawValue) {
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
        });
        if route.group == "route.openshift.io" {
            self.subdomain(spec);
        }
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
            self.open(&format!("{} without {}", hosts.rule(), hosts.field));
        }
    }

    /// The host of a route of OpenShift's may stand for all of its domain.
    fn subdomain(&mut self, spec: &RawValue) {
        let (mut host, mut stands_for_all) = (None, false);
        each(spec, &mut |field, value| match field {
            "host" => host = text(value),
            "wildcardPolicy" => stands_for_all = text(value).as_deref() == Some("Subdomain"),
            _ => {}
        });
        if let Some((_, domain)) = host.as_deref().filter(|_| stands_for_all).and_then(|host| host.split_once('.')) {
            self.name(&format!("*.{domain}"));
        }
    }

    fn traefik(&mut self, object: &RawValue) {
        at(object, "spec.routes[].match", &mut |rule| {
            let rule = text(rule).unwrap_or_default();
            let read = traefik::read(&rule);
            read.texts.iter().for_each(|text| self.name(text));
            if read.is_open {
                self.open(&format!("the rule {rule}"));
            }
        });
        for path in ["spec.tls.domains[].main", "spec.tls.domains[].sans[]"] {
            at(object, path, &mut |host| self.name(text(host).as_deref().unwrap_or_default()));
        }
    }

    /// A text anywhere but in what every object has may be a host, and so may the object's name.
    fn anything(&mut self, object: &RawValue) {
        at(object, "metadata.name", &mut |name| self.name(text(name).as_deref().unwrap_or_default()));
        each(object, &mut |field, value| {
            if !matches!(field, "apiVersion" | "kind" | "metadata" | "status") {
                texts(value.get(), &mut |key, text| {
                    let own = self.neighbours.own_priority_classes;
                    if key == Some("priorityClassName") && super::is_reserved_priority(text, own) {
                        self.priority(text);
                    } else {
                        self.name(text);
                    }
                });
            }
        });
    }

    fn annotation(&mut self, key: &str, value: &RawValue) {
        let word = key.rsplit_once('/').map_or(key, |(_, word)| word);
        let has_hosts = HOST_ANNOTATIONS.contains(&word)
            || NUMBERED_HOST_ANNOTATIONS.iter().any(|numbered| word.starts_with(numbered));
        if has_hosts {
            self.listed(&text(value).unwrap_or_default(), key);
        } else if PATTERN_ANNOTATIONS.contains(&word) {
            self.open(&format!("{} in {key}", text(value).unwrap_or_default()));
        }
    }

    /// A list of hosts in one form or another.
    fn listed(&mut self, list: &str, key: &str) {
        // In JSON, a letter may be written in other ways.
        if list.contains('\\') {
            texts(list, &mut |_, text| self.name(text));
        }
        let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '[' | ']' | '{' | '}');
        list.split(is_between).for_each(|name| self.host(name, &key));
        // external-dns drops blanks, also within a name.
        if list.contains(char::is_whitespace) {
            let dense: String = list.chars().filter(|c| !c.is_whitespace()).collect();
            dense.split([',', ';']).for_each(|name| self.name(name));
        }
    }

    /// A text that stands where a host is asked for.
    fn host(&mut self, text: &str, field: &dyn Display) {
        match Asked::read(text) {
            Asked::Host(host) => self.asked(host),
            Asked::Pattern => self.open(&format!("{text} in {field}")),
            Asked::Nothing => {}
        }
    }

    /// A text that may be a host.
    fn name(&mut self, text: &str) {
        if let Asked::Host(host) = Asked::read(text) {
            self.asked(host);
        }
    }

    fn asked(&mut self, host: Host<'_>) {
        let is_enough = self.before.is_some() && !self.taken.foreign.is_empty();
        if is_enough {
            return;
        }
        if let Some(owner) = self.neighbours.owner_of_host(&host) {
            let host = host.into_owned();
            if self.before.is_none_or(|before| !before.foreign.contains_key(&host)) {
                self.taken.foreign.insert(host, owner);
            }
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
