//! Which slot was meant?

use hotdesk_slots::Slot;
use hotdesk_slots::text::{list, sanitize_short};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::view::{SlotView, slot_name};

/// Finds a slot by its name, trimmed and lower-cased.
///
/// # Errors
/// The near name, and the free slots, for a name that no slot has.
pub(crate) fn find<'a>(slots: &'a [Slot], typed: &str, now: Timestamp) -> Result<&'a Slot, Failure> {
    let wanted = normal(typed);
    slots.iter().find(|slot| slot_name(slot) == wanted).ok_or_else(|| unknown(slots, &wanted, now))
}

/// A slot's name as it is compared.
pub(crate) fn normal(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// `Free: mew, onix.`, or that there is none.
pub(crate) fn free(slots: &[Slot], now: Timestamp) -> String {
    let free: Vec<String> =
        slots.iter().map(|s| SlotView::of(s, None, now)).filter(SlotView::is_free).map(|r| r.slot).collect();
    if free.is_empty() { "No slot is free".to_owned() } else { format!("Free: {}", free.join(", ")) }
}

fn unknown(slots: &[Slot], wanted: &str, now: Timestamp) -> Failure {
    let mut message = format!("there is no slot \"{}\"", sanitize_short(wanted));
    let suggest: Vec<String> = suggest(slots, wanted).iter().map(|name| sanitize_short(name)).collect();
    if slots.is_empty() {
        message.push_str("; there are no slots yet: the chart charts/slots makes them");
    } else if suggest.is_empty() {
        message.push_str(&format!(". {}", free(slots, now)));
    } else {
        message.push_str(&format!(". Did you mean {}? {}", list(&suggest).replace(" and ", " or "), free(slots, now)));
    }
    Failure::Refused(message)
}

/// The names closest to what was typed, if they are close at all.
fn suggest<'a>(slots: &'a [Slot], wanted: &str) -> Vec<&'a str> {
    // One slip in a short name, two in a longer one: more is another name.
    let slips = if wanted.chars().count() < 6 { 1 } else { 2 };
    let distance = |name: &str| strsim::damerau_levenshtein(name, wanted);
    let least = slots.iter().map(|slot| distance(slot_name(slot))).min().unwrap_or(usize::MAX);
    let all = slots.iter().map(slot_name);
    let begins = |name: &str| wanted.chars().count() >= 3 && name.starts_with(wanted);
    all.filter(|name| (least <= slips && distance(name) == least) || (least > slips && begins(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::{claimed, slot};

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn slots() -> Vec<Slot> {
        vec![slot("mew"), claimed("mewtwo", "alice@example.com"), slot("onix"), claimed("pikachu", "bob@example.com")]
    }

    #[track_caller]
    fn check(typed: &str, expected: &str) {
        match find(&slots(), typed, now()) {
            Ok(slot) => assert_eq!(slot_name(slot), expected),
            Err(failure) => assert_eq!(failure.to_string(), expected),
        }
    }

    #[test]
    fn a_name_is_found_however_it_is_typed() {
        check("mew", "mew");
        check(" MEW\n", "mew");
        check("Mewtwo", "mewtwo");
    }

    #[test]
    fn a_mistyped_name_suggests_the_near_one_and_lists_the_free() {
        check("mwe", "there is no slot \"mwe\". Did you mean mew? Free: mew, onix");
        check("pickachu", "there is no slot \"pickachu\". Did you mean pikachu? Free: mew, onix");
        check("pika", "there is no slot \"pika\". Did you mean pikachu? Free: mew, onix");
        check("snorlax", "there is no slot \"snorlax\". Free: mew, onix");
    }

    #[test]
    fn what_was_typed_cannot_harm_the_terminal() {
        check("\u{1b}[2Jx", "there is no slot \"\u{fffd}[2jx\". Free: mew, onix");
    }

    #[test]
    fn without_slots_it_says_where_they_come_from() {
        let failure = find(&[], "mew", now()).unwrap_err();
        assert!(failure.to_string().contains("charts/slots"), "{failure}");
    }
}
