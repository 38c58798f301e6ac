//! Which host names does an object ask requests for, and whose are they?
//!
//! A slot's `spec.host` belongs to the slot, and so does every host below it. Only what a write newly brings is judged:
//! what stood there before stays until somebody writes it again.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names that an ingress controller or a DNS controller takes from annotations, comma-separated.
const HOST_ANNOTATIONS: [&str; 4] = [
    "nginx.ingress.kubernetes.io/server-alias",
    "haproxy-ingress.github.io/server-alias",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/internal-hostname",
];

/// Built-in groups without routes. Their objects may name any host: in a ConfigMap it is a text.
const WITHOUT_ROUTES: [&str; 5] = ["", "apps", "batch", "autoscaling", "policy"];

/// What an object asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Host names in lower case, sorted, without a port or a dot at the end; a wildcard begins with `*.`.
    pub names: Vec<String>,
    /// Rules that could take any host: regular expressions, and rules without a host. Each a field and what it holds.
    pub open: Vec<String>,
}

/// The hosts of all slots.
#[derive(Debug, Clone, Default)]
pub struct HostIndex {
    slots: BTreeMap<String, String>,
    /// For each domain above a slot's host: two slots below it at most, so that one is another than who asks.
    above: BTreeMap<String, Vec<String>>,
}

impl HostIndex {
    /// Takes pairs of a host and its slot.
    #[must_use]
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut index = Self::default();
        for (host, slot) in pairs.into_iter().map(|(host, slot)| (clean(host), slot.to_owned())) {
            for (at, _) in host.match_indices('.') {
                let below = index.above.entry(host.get(at + 1..).unwrap_or_default().to_owned()).or_default();
                if below.len() < 2 && !below.contains(&slot) {
                    below.push(slot.clone());
                }
            }
            if !host.is_empty() {
                index.slots.insert(host, slot);
            }
        }
        index
    }

    /// The slot whose host this name is, or is below of; the closest wins. For a wildcard: a slot whose host it takes in.
    #[must_use]
    pub fn owner(&self, name: &str, asking: &str) -> Option<&str> {
        let Some(parent) = name.strip_prefix("*.") else { return self.closest(name) };
        let other = self.above.get(parent).and_then(|below| below.iter().find(|slot| *slot != asking));
        other.map(String::as_str).or_else(|| self.closest(parent))
    }

    fn closest(&self, name: &str) -> Option<&str> {
        let mut rest = name;
        loop {
            if let Some(slot) = self.slots.get(rest) {
                return Some(slot);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The first host among those that the write newly brings which is another slot's: the name, and the slot.
    #[must_use]
    pub fn foreign<'a>(&'a self, new: &'a Hosts, old: &Hosts, asking: &str) -> Option<(&'a str, &'a str)> {
        let fresh = new.names.iter().filter(|name| old.names.binary_search(name).is_err());
        fresh.filter_map(|name| Some((name.as_str(), self.owner(name, asking)?))).find(|(_, slot)| *slot != asking)
    }
}

/// The hosts that an object asks for, by its group and kind.
#[must_use]
pub fn hosts(group: &str, kind: &str, object: &Value) -> Hosts {
    let mut hosts = Hosts::default();
    annotated(object, &mut hosts);
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match (group, kind) {
        ("networking.k8s.io" | "extensions", "Ingress") => ingress(spec, &mut hosts),
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute" | "TLSRoute") => {
            hosts.all(spec, "hostnames");
            if texts(spec.get("hostnames")).next().is_none() {
                hosts.open.push("spec.hostnames is empty".to_owned());
            }
        }
        ("traefik.io" | "traefik.containo.us", "IngressRoute" | "IngressRouteTCP") => traefik(spec, &mut hosts),
        (group, _) if WITHOUT_ROUTES.contains(&group) => {}
        // Any other kind: whatever in it is a host name. So a new kind of route is not overlooked.
        _ => leaves(spec, &mut hosts),
    }
    hosts.names.sort_unstable();
    hosts.names.dedup();
    hosts
}

fn ingress(spec: &Value, hosts: &mut Hosts) {
    for rule in array(spec.get("rules")) {
        match rule.get("host").and_then(Value::as_str).filter(|host| !host.is_empty()) {
            Some(host) => hosts.add(host),
            None => hosts.open.push("spec.rules has a rule without a host".to_owned()),
        }
    }
    array(spec.get("tls")).for_each(|tls| hosts.all(tls, "hosts"));
    if spec.get("defaultBackend").is_some_and(|backend| !backend.is_null()) {
        hosts.open.push("spec.defaultBackend".to_owned());
    }
}

fn traefik(spec: &Value, hosts: &mut Hosts) {
    for route in array(spec.get("routes")) {
        let rule = route.get("match").and_then(Value::as_str).unwrap_or_default();
        let before = hosts.names.len();
        for matcher in ["Host(", "HostSNI(", "HostHeader("] {
            arguments(rule, matcher).for_each(|host| hosts.add(host));
        }
        if hosts.names.len() == before || rule.contains("Regexp(") {
            hosts.open.push(format!("spec.routes has the rule {rule}"));
        }
    }
    for domain in array(spec.pointer("/tls/domains")) {
        domain.get("main").and_then(Value::as_str).into_iter().for_each(|host| hosts.add(host));
        hosts.all(domain, "sans");
    }
}

/// The quoted arguments of each call of a matcher in one of Traefik's rules.
fn arguments<'a>(rule: &'a str, matcher: &'a str) -> impl Iterator<Item = &'a str> {
    rule.match_indices(matcher).flat_map(move |(at, _)| {
        let inside = rule.get(at + matcher.len()..).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        inside.split(['`', '"']).skip(1).step_by(2)
    })
}

fn annotated(object: &Value, hosts: &mut Hosts) {
    for key in HOST_ANNOTATIONS {
        let value = object.pointer("/metadata/annotations").and_then(|all| all.get(key)).and_then(Value::as_str);
        for name in value.unwrap_or_default().split([',', ' ']).filter(|name| !name.is_empty()) {
            if name.contains(['~', '^', '$', '(', '\\']) {
                hosts.open.push(format!("the annotation {key} holds a regular expression"));
            } else {
                hosts.add(name);
            }
        }
    }
}

/// Every text in there that is a host name with a dot, at any depth.
fn leaves(value: &Value, hosts: &mut Hosts) {
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        match value {
            // Istio writes a namespace before a host.
            Value::String(text) => hosts.add(text.rsplit_once('/').map_or(text.as_str(), |(_, host)| host)),
            Value::Array(items) => todo.extend(items),
            Value::Object(entries) => todo.extend(entries.values()),
            _ => {}
        }
    }
}

impl Hosts {
    fn add(&mut self, text: &str) {
        let name = clean(text);
        if name == "*" {
            self.open.push("it takes every host (*)".to_owned());
        } else if is_host(&name) {
            self.names.push(name);
        }
    }

    fn all(&mut self, of: &Value, field: &str) {
        for text in texts(of.get(field)) {
            self.add(text);
        }
    }
}

fn clean(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    // A port is no part of a host name.
    let host = text.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    host.map_or(text, |(host, _)| host).to_ascii_lowercase()
}

fn is_host(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    plain.contains('.') && plain.len() <= 253 && plain.split('.').all(label)
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    array(value).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests;
