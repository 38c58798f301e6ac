//! What takes the same as a host, an address or a priority class does, by another field or spelling?

use serde_json::value::RawValue;

use super::{GATEWAY_API, ISTIO, Reader, Route};
use crate::neighbours::host::{Host, ending_of};
use crate::neighbours::is_reserved_priority;
use crate::neighbours::raw::{at, each, each_text, text};
use crate::neighbours::traefik::without_escapes;

/// A field of a Service, which controllers copy from their own kinds.
pub(super) const ADDRESSES: &str = "externalIPs";

/// How every name ends of a field that holds a priority class; the first letter may be a capital.
const PRIORITY_CLASS: &str = "riorityClassName";

/// The names of the header that holds the host.
const HOST_HEADERS: [&str; 2] = ["host", ":authority"];

impl Reader<'_> {
    /// A text such as `*ew.dev.example.com`, which takes every host that ends so. False if it is none.
    pub(super) fn ending(&mut self, written: &str) -> bool {
        let Some(ending) = ending_of(written) else { return false };
        match self.neighbours.hosts.ending_in(&ending, self.neighbours.slot) {
            Some(host) => self.asked(host),
            // It may be below the host of another slot.
            None => self.name(&ending),
        }
        true
    }

    /// What a route of a known kind asks for besides its hosts.
    pub(super) fn besides_hosts(&mut self, route: &Route, spec: &RawValue) {
        match (route.group, route.kind) {
            (ISTIO, "VirtualService") => {
                at(spec, "hosts[]", &mut |host| self.short_name(text(host).as_deref().unwrap_or_default()));
                at(spec, "http[].match[].authority", &mut |authority| {
                    each(authority, &mut |_, host| self.name(text(host).as_deref().unwrap_or_default()));
                });
                at(spec, "tls[].match[].sniHosts[]", &mut |host| {
                    self.host(&text(host).unwrap_or_default(), &"sniHosts");
                });
            }
            (GATEWAY_API, "HTTPRoute" | "GRPCRoute") => {
                at(spec, "rules[].matches[].headers[]", &mut |header| self.header(header));
            }
            (GATEWAY_API, "Gateway") => at(spec, "addresses[]", &mut |address| self.gateways(address)),
            ("projectcontour.io", _) => {
                at(spec, "routes[].conditions[].header", &mut |header| self.header(header));
            }
            _ => {}
        }
    }

    /// `web.mew` is how the pods of a mesh call the Service `web` of `mew`.
    fn short_name(&mut self, name: &str) {
        let Some(host) = Host::read(name).filter(|host| !host.is_wildcard) else { return };
        let namespace = host.name.split_once('.').map(|(_, rest)| rest).filter(|rest| !rest.contains('.'));
        let owner = namespace.and_then(|namespace| self.neighbours.owner_of_namespace(namespace));
        if let Some(owner) = owner.filter(|_| !self.has_enough()) {
            self.taken_by(host, owner);
        }
    }

    /// A header that requests are compared with.
    fn header(&mut self, header: &RawValue) {
        let (mut is_host, mut values) = (false, Vec::new());
        each(header, &mut |field, value| match (field, text(value)) {
            ("name", Some(name)) => is_host = HOST_HEADERS.iter().any(|host| name.eq_ignore_ascii_case(host)),
            (_, value) => values.extend(value),
        });
        if is_host {
            values.iter().for_each(|value| self.name(value));
        }
    }

    /// An address of a gateway, of which some controllers make an external address of its Service.
    fn gateways(&mut self, address: &RawValue) {
        let (mut is_address, mut value) = (true, None);
        each(address, &mut |field, found| match field {
            "type" => is_address = text(found).is_none_or(|kind| kind == "IPAddress"),
            "value" => value = text(found),
            _ => {}
        });
        if let Some(value) = value.filter(|_| is_address) {
            self.address(&value);
        }
    }

    /// The external addresses of Services in a kind that is not known.
    pub(super) fn addresses(&mut self, field: &str, value: &RawValue) {
        if field == ADDRESSES {
            each_text(value.get(), &mut |address| self.address(address));
        }
        let mut rest = value.get();
        while let Some((_, behind)) = rest.split_once(ADDRESSES) {
            rest = behind;
            let behind_key =
                behind.strip_prefix('"').map(str::trim_ascii_start).and_then(|rest| rest.strip_prefix(':'));
            let list = behind_key.unwrap_or_default();
            each_text(list, &mut |address| self.address(address));
        }
    }

    fn address(&mut self, address: &str) {
        let is_enough = self.before.is_some() && !self.taken.addresses.is_empty();
        let is_new = self.before.is_none_or(|before| !before.addresses.contains(address));
        if !address.is_empty() && !is_enough && is_new {
            self.taken.addresses.insert(address.to_owned());
        }
    }

    /// A priority class, if this text or one within it is one. True if the text is nothing else.
    pub(super) fn priorities(&mut self, key: Option<&str>, written: &str) -> bool {
        let own = self.neighbours.own_priority_classes;
        if is_reserved_priority(written, own) && key.is_some_and(holds_priority) {
            self.priority(written);
            return true;
        }
        // With a letter before it, and a sign and a name behind it: a key by itself is none.
        if written.len() >= PRIORITY_CLASS.len() + 3 {
            // A patch, or a whole template, in JSON or YAML.
            let plain = without_escapes(written);
            for part in plain.split(PRIORITY_CLASS).skip(1) {
                let is_between = |c: char| c.is_whitespace() || matches!(c, ':' | '"' | '\'');
                let class =
                    part.trim_start_matches(is_between).split(|c: char| is_between(c) || matches!(c, ',' | '}'));
                if let Some(class) = class.take(1).find(|class| is_reserved_priority(class, own)) {
                    self.priority(class);
                }
            }
        }
        false
    }
}

/// True for the names of fields that hold a priority class: `priorityClassName`, `podPriorityClassName`, `priority_class`.
fn holds_priority(key: &str) -> bool {
    let letters = || key.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase());
    key.ends_with(PRIORITY_CLASS) || letters().collect::<String>().contains("priorityclass")
}
