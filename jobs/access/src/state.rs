//! What is known of the slots and their bindings, and which bindings are not as they should be?

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::ClaimView;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::Subject;

use crate::subjects::{Wanted, wanted};

/// A `RoleBinding` `hotdesk-claimants` as it was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Binding {
    /// Who has rights by it.
    pub subjects: Vec<Subject>,
    /// Its version.
    pub version: String,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct State {
    /// The claim of each slot: absent where nobody holds it, or the Slot cannot be read.
    claims: BTreeMap<String, Option<ClaimView>>,
    bindings: BTreeMap<String, Binding>,
    claims_listed: bool,
    bindings_listed: bool,
    /// Slots to look at.
    due: BTreeSet<String>,
}

/// A binding that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The slot.
    pub slot: String,
    /// Who shall have rights by it.
    pub wanted: Wanted,
    /// The version of the binding that was judged.
    pub version: String,
}

impl State {
    /// Takes a complete list of claims.
    pub fn replace_claims(&mut self, claims: BTreeMap<String, Option<ClaimView>>) {
        self.claims = claims;
        self.claims_listed = true;
        self.look_at_all();
    }

    /// Takes a complete list of bindings.
    pub fn replace_bindings(&mut self, bindings: BTreeMap<String, Binding>) {
        self.bindings = bindings;
        self.bindings_listed = true;
        self.look_at_all();
    }

    /// Notes one slot's claim.
    pub fn put_claim(&mut self, slot: &str, claim: Option<ClaimView>) {
        self.claims.insert(slot.to_owned(), claim);
        self.look_at(slot);
    }

    /// Forgets a slot: nobody holds what is not there.
    pub fn remove_claim(&mut self, slot: &str) {
        self.claims.remove(slot);
        self.look_at(slot);
    }

    /// Notes one binding.
    pub fn put_binding(&mut self, slot: &str, binding: Binding) {
        self.bindings.insert(slot.to_owned(), binding);
        self.look_at(slot);
    }

    /// Forgets a binding: access does not follow the claim there.
    pub fn remove_binding(&mut self, slot: &str) {
        self.bindings.remove(slot);
    }

    /// Looks at a slot again.
    pub fn look_at(&mut self, slot: &str) {
        self.due.insert(slot.to_owned());
    }

    /// Looks at every slot again.
    pub fn look_at_all(&mut self) {
        self.due = self.bindings.keys().cloned().collect();
    }

    /// True once all claims and all bindings have been read.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.claims_listed && self.bindings_listed
    }

    /// How many slots have access that follows the claim.
    #[must_use]
    pub fn bindings(&self) -> usize {
        self.bindings.len()
    }

    /// What is to be written, of the slots that are due. Nothing until everything was read once: a claim that has not
    /// been read yet is no reason to take rights away.
    pub fn take_changes(&mut self, prefixes: &[String], now: Timestamp) -> Vec<Change> {
        if !self.is_listed() {
            return Vec::new();
        }
        std::mem::take(&mut self.due).iter().filter_map(|slot| self.change(slot, prefixes, now)).collect()
    }

    /// When the next claim lapses, of those that give rights.
    #[must_use]
    pub fn next_lapse(&self, now: Timestamp) -> Option<Timestamp> {
        let claims = self.bindings.keys().filter_map(|slot| self.claims.get(slot)?.as_ref());
        claims.filter_map(|claim| claim.until).filter(|until| *until > now).min()
    }

    fn change(&self, slot: &str, prefixes: &[String], now: Timestamp) -> Option<Change> {
        let binding = self.bindings.get(slot)?;
        let claim = self.claims.get(slot).and_then(Option::as_ref);
        let wanted = wanted(claim, prefixes, now);
        let same = keys(&binding.subjects) == keys(&wanted.subjects());
        (!same).then(|| Change { slot: slot.to_owned(), wanted, version: binding.version.clone() })
    }
}

/// Subjects as RBAC tells them apart, whatever their order.
fn keys(subjects: &[Subject]) -> BTreeSet<(&str, &str, &str)> {
    subjects.iter().map(|s| (s.kind.as_str(), s.name.as_str(), s.namespace.as_deref().unwrap_or(""))).collect()
}

#[cfg(test)]
mod tests;
