//! Whom does a person bring into a claim of whom hotdesk has not heard?
//!
//! A misspelt name is nobody's, and a slot that was handed to it is lost until it lapses. So it gives a warning, and no more:
//! everybody comes for the first time once.

use hotdesk_slots::Name;
use hotdesk_slots::text::{list, shown_name};

use super::people::{names_of, own_names, view};
use super::{Asked, Writer};
use crate::settings::Settings;

/// How many of them are named.
const TOLD: usize = 3;

/// What the person is told who brings in people that no claim names. `is_named`: a claim names one of these, in any slot.
#[must_use]
pub(crate) fn warning(
    writer: Writer,
    asked: &Asked<'_>,
    settings: &Settings,
    is_named: impl Fn(&[Name]) -> bool,
) -> Option<String> {
    if !matches!(writer, Writer::Person | Writer::Administrator) || !asked.subresource.is_empty() {
        return None;
    }
    let is = asked.new.and_then(view)?;
    let was = asked.old.and_then(view).unwrap_or_default();
    let mine = own_names(asked.requester, settings);
    let is_new = |name: &&Name| !was.users.contains(name) && !was.aliases.contains(name) && !mine.contains(name);
    let unheard: Vec<String> = is
        .users
        .iter()
        .filter(is_new)
        .filter(|name| !is_named(&names_of(name, settings)))
        .take(TOLD)
        .map(|name| shown_name(name.as_str()))
        .collect();
    (!unheard.is_empty()).then(|| {
        format!(
            "no claim names {} yet, in any slot: make sure that it is spelt as the cluster knows them",
            list(&unheard)
        )
    })
}

#[cfg(test)]
mod tests {
    use hotdesk_slots::slot::Slot;

    use super::*;
    use crate::review::Operation;
    use crate::slot_validation::tests::{settings, slot, user};

    const ALICE: &str = "alice@example.com";

    #[test]
    fn a63_a_name_that_no_claim_has_gives_a_warning() {
        let told = |writer, old: &Slot, new: &Slot| {
            let known: Vec<Name> = ["bob@example.com"].iter().filter_map(|name| Name::parse(name).ok()).collect();
            let requester = user(ALICE);
            let (operation, subresource, namespace) = (Operation::Update, "", "pikachu");
            let asked =
                Asked { operation, subresource, namespace, requester: &requester, old: Some(old), new: Some(new) };
            warning(writer, &asked, &settings(), |names| names.iter().any(|name| known.contains(name)))
        };
        let (free, mine) = (slot(&[]), slot(&[ALICE]));
        assert_eq!(told(Writer::Person, &free, &mine), None, "it is herself");
        assert_eq!(told(Writer::Person, &mine, &slot(&[ALICE, "bob@example.com"])), None, "he holds another slot");
        let ghost = told(Writer::Person, &mine, &slot(&["ghost@example.com"])).unwrap_or_default();
        assert!(ghost.starts_with("no claim names ghost@example.com yet"), "{ghost:?}");
        assert_eq!(told(Writer::Person, &slot(&[ALICE, "ghost@example.com"]), &slot(&["ghost@example.com"])), None);
        assert_eq!(told(Writer::Sync, &free, &slot(&["ghost@example.com"])), None, "a sheet names everybody");
    }
}
