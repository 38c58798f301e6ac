//! Of which slots may an entry be? An index over the names of all slots, so that the cost of a line does not grow with them.
//!
//! It leads to those slots whose own names are worth asking, and to every one that would say that the entry is its own
//! ([`Names::whose`] decides). Who adds a way in which an entry can be a slot's adds it here: a test compares them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::name::{backend, beginnings, readings};
use super::{Known, Names, Neighbours, Shape, Whose, address, mention, name};
use crate::line::Entry;

/// The names of all slots.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    slots: Vec<Names>,
    by_name: HashMap<String, usize>,
    by_address: HashMap<IpAddr, Vec<usize>>,
}

impl Directory {
    /// Of each slot, by its name, what is known of it. What is said there of other slots and namespaces is not read.
    #[must_use]
    pub fn new<'a>(slots: impl IntoIterator<Item = (&'a str, &'a Known)>, neighbours: &Arc<Neighbours>) -> Self {
        let mut directory = Self::default();
        for (slot, known) in slots {
            let (at, names) = (directory.slots.len(), Names::among(slot, known, Arc::clone(neighbours)));
            for ip in &names.addresses {
                directory.by_address.entry(*ip).or_default().push(at);
            }
            directory.by_name.insert(slot.to_owned(), at);
            directory.slots.push(names);
        }
        directory
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is no slot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A slot's name, by its place in the order in which they were given.
    #[must_use]
    pub fn slot(&self, at: usize) -> Option<&str> {
        self.slots.get(at).map(|names| names.slot.as_str())
    }

    /// Calls for each slot whose entry this is, with its place.
    pub fn owners(&self, entry: &Entry<'_>, mut owns: impl FnMut(usize)) {
        let mut asked = Vec::new();
        self.candidates(entry, &mut |at| {
            if !asked.contains(&at) {
                asked.push(at);
                let ours = self.slots.get(at).is_some_and(|names| names.whose(entry) == Whose::Ours);
                if ours {
                    owns(at);
                }
            }
        });
    }

    fn candidates(&self, entry: &Entry<'_>, add: &mut impl FnMut(usize)) {
        for namespace in [&entry.namespace, &entry.backend].into_iter().flatten() {
            self.named(namespace, add);
        }
        for upstream in [&entry.upstream, &entry.alternative].into_iter().flatten() {
            self.of_upstream(upstream, add);
        }
        if let Some(served) = entry.served.as_deref() {
            self.of_addresses(served, add);
        }
        if let Some(route) = entry.route.as_deref() {
            let router = route.split('@').next().unwrap_or_default();
            mention::parts(router).for_each(|part| self.named(part, add));
        }
    }

    fn of_upstream(&self, upstream: &str, add: &mut impl FnMut(usize)) {
        match name::shape(upstream) {
            Shape::Nobody | Shape::Strange => {}
            Shape::Address => self.of_addresses(upstream, add),
            Shape::Exact { namespace, .. } => self.named(namespace, add),
            Shape::ByIngress(joined) => {
                name::by_ingress(joined).flat_map(beginnings).for_each(|begin| self.named(begin, add));
            }
            Shape::Joined(joined) => {
                let served = backend(joined).into_iter();
                let all = readings(joined).map(|(_, name)| name).chain(served);
                all.flat_map(beginnings).for_each(|begin| self.named(begin, add));
            }
        }
    }

    fn of_addresses(&self, served: &str, add: &mut impl FnMut(usize)) {
        for host in address::served(served) {
            match address::ip(host) {
                Some(ip) => self.by_address.get(&ip).into_iter().flatten().for_each(|at| add(*at)),
                None => address::service(host).into_iter().for_each(|(_, namespace)| self.named(namespace, add)),
            }
        }
    }

    fn named(&self, slot: &str, add: &mut impl FnMut(usize)) {
        self.by_name.get(slot).into_iter().for_each(|at| add(*at));
    }
}
