//! By which names is a person known, and whom does a Slot name?

use std::collections::HashSet;

use hotdesk_slots::slot::Slot;
use hotdesk_slots::{ClaimView, Name, Requester};

use crate::settings::Settings;

/// All names of the requester, with those that the list of people adds.
pub(super) fn own_names(requester: &Requester<'_>, settings: &Settings) -> Vec<Name> {
    let mut names = requester.names(&settings.identity);
    let all: Vec<&Name> = names.iter().flat_map(|name| settings.people.all_of(name)).collect();
    if !all.is_empty() {
        let mut known: HashSet<&Name> = names.iter().collect();
        let more: Vec<Name> = all.into_iter().filter(|name| known.insert(name)).cloned().collect();
        names.extend(more);
    }
    names
}

/// A person's names, as far as the settings tell: with and without the prefixes, and those of the list of people.
pub(super) fn names_of(person: &Name, settings: &Settings) -> Vec<Name> {
    let mut names = vec![person.clone()];
    for prefix in settings.identity.strip_prefixes.iter().map(|prefix| prefix.to_ascii_lowercase()) {
        let other = match person.as_str().strip_prefix(prefix.as_str()) {
            Some(rest) => Name::parse(rest),
            None => Name::parse(&format!("{prefix}{person}")),
        };
        other.into_iter().for_each(|name| push_new(&mut names, name));
    }
    for name in names.clone() {
        let (shown, others) = settings.people.resolve(&name);
        std::iter::once(shown).chain(others).for_each(|name| push_new(&mut names, name));
    }
    names
}

/// The claim of a Slot, without what is not a name.
pub(super) fn view(slot: &Slot) -> Option<ClaimView> {
    slot.spec.claim.as_ref().map(ClaimView::parse_lossy)
}

fn push_new(names: &mut Vec<Name>, name: Name) {
    if !names.contains(&name) {
        names.push(name);
    }
}
