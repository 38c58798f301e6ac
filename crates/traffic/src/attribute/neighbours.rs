//! Which namespaces are known, and which of them are slots? The same for all slots, so that many share one.

use std::collections::HashMap;

use super::Neighbour;

/// The namespaces that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// True for slots.
    all: HashMap<String, bool>,
    slots: Vec<Neighbour>,
}

impl Neighbours {
    /// The slots, and namespaces that are none.
    #[must_use]
    pub fn of(slots: &[Neighbour], namespaces: &[String]) -> Self {
        let others = namespaces.iter().map(|name| (name.clone(), false));
        let all = others.chain(slots.iter().map(|slot| (slot.namespace.clone(), true))).collect();
        Self { all, slots: slots.to_vec() }
    }

    pub(super) fn is_namespace(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    pub(super) fn is_slot(&self, name: &str) -> bool {
        self.all.get(name) == Some(&true)
    }

    /// All slots but one, in the order in which they were listed.
    pub(super) fn slots_but<'a>(&'a self, own: &'a str) -> impl Iterator<Item = &'a str> {
        self.slots.iter().map(|slot| slot.namespace.as_str()).filter(move |slot| *slot != own)
    }

    /// The hosts of all slots but one.
    pub(super) fn hosts_but<'a>(&'a self, own: &'a str) -> impl Iterator<Item = &'a str> {
        self.slots.iter().filter(move |slot| slot.namespace != own).filter_map(|slot| slot.host.as_deref())
    }
}
