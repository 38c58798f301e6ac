//! Whose is a host name?
//!
//! A slot's `spec.host` belongs to the slot, and so does every host below it, unless the host of another slot is closer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::host::Host;

/// The hosts of all slots: a tree of labels from the last to the first, so that of a name no more is looked at than it shares
/// with them.
#[derive(Debug, Clone, Default)]
pub struct HostIndex {
    below: BTreeMap<Box<str>, Self>,
    /// The slots whose host ends here; nearly always one at most.
    slots: Vec<Arc<str>>,
}

impl HostIndex {
    /// Notes that a host is this slot's.
    pub fn insert(&mut self, host: &str, slot: Arc<str>) {
        let node = host.rsplit('.').fold(self, |node, label| node.below.entry(label.into()).or_default());
        if !node.slots.contains(&slot) {
            node.slots.push(slot);
        }
    }

    /// Forgets that a host is this slot's.
    pub fn remove(&mut self, host: &str, slot: &str) {
        let (rest, last) = host.rsplit_once('.').map_or(("", host), |(rest, last)| (rest, last));
        let Some(node) = self.below.get_mut(last) else { return };
        if rest.is_empty() {
            node.slots.retain(|other| **other != *slot);
        } else {
            node.remove(rest, slot);
        }
        if node.slots.is_empty() && node.below.is_empty() {
            self.below.remove(last);
        }
    }

    /// The other slot whose host an object in the slot `asking` would take; for a wildcard, a slot whose host it takes in.
    #[must_use]
    pub fn foreign(&self, host: &Host<'_>, asking: &str) -> Option<&Arc<str>> {
        let mut node = self;
        let mut closest: &[Arc<str>] = &[];
        let mut is_whole = true;
        for label in host.name.rsplit('.') {
            let Some(next) = node.below.get(label) else {
                is_whole = false;
                break;
            };
            node = next;
            closest = if node.slots.is_empty() { closest } else { &node.slots };
        }
        let taken_in = if host.is_wildcard && is_whole { node.other_below(asking) } else { None };
        // Who asks may share the host.
        let of_closest = || if closest.iter().any(|slot| **slot == *asking) { None } else { closest.first() };
        taken_in.or_else(of_closest)
    }

    /// Hosts of another slot that end so: `ew.dev.example.com` is an ending of `mew.dev.example.com`, and of all below that.
    #[must_use]
    pub fn ending_in(&self, ending: &str, asking: &str) -> Option<Host<'static>> {
        let (part, domain) = ending.split_once('.').unwrap_or((ending, ""));
        let mut node = self;
        for label in domain.rsplit('.').filter(|label| !label.is_empty()) {
            node = node.below.get(label)?;
        }
        let longer = node.below.iter().filter(|(label, _)| label.ends_with(part));
        let mut hosts = longer.filter_map(|(label, node)| {
            let is_host = node.slots.iter().any(|slot| **slot != *asking);
            let is_wildcard = !is_host;
            let name = [label, domain].join(".").trim_end_matches('.').to_owned().into();
            (is_host || node.other_below(asking).is_some()).then_some(Host { name, is_wildcard })
        });
        hosts.next()
    }

    /// Another slot that has this host, one above it, or one below it.
    #[must_use]
    pub fn related(&self, host: &str, asking: &str) -> Option<&Arc<str>> {
        let mut node = self;
        for label in host.rsplit('.') {
            node = node.below.get(label)?;
            if let Some(other) = node.slots.iter().find(|slot| ***slot != *asking) {
                return Some(other);
            }
        }
        node.other_below(asking)
    }

    /// The domains in which slots have their hosts.
    #[must_use]
    pub fn domains(&self) -> Vec<String> {
        let mut domains = Vec::new();
        self.add_domains("", &mut domains);
        domains
    }

    fn add_domains(&self, here: &str, domains: &mut Vec<String>) {
        if !here.is_empty() && self.below.values().any(|node| !node.slots.is_empty()) {
            domains.push(here.to_owned());
        }
        for (label, node) in self.below.iter().filter(|(_, node)| !node.below.is_empty()) {
            let domain = if here.is_empty() { label.to_string() } else { format!("{label}.{here}") };
            node.add_domains(&domain, domains);
        }
    }

    /// A slot other than `asking` whose host is below this one. No slot has more than one host, so few are passed over.
    fn other_below(&self, asking: &str) -> Option<&Arc<str>> {
        self.below.values().find_map(|node| {
            let here = node.slots.iter().find(|slot| ***slot != *asking);
            here.or_else(|| node.other_below(asking))
        })
    }
}
