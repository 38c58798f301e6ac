//! How does a person read a plan?

use std::collections::BTreeMap;

use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{list, quoted, sanitize, shown_name};
use hotdesk_slots::{ClaimView, Name};

use super::{Change, Plan, SlotReport, What, name_of};

/// A plan in sentences, one line a slot: what would be written, what stays as it is and why, and what is wrong.
#[must_use]
pub fn dry_run(plan: &Plan, slots: &[Slot], rows: usize) -> String {
    let before: BTreeMap<&str, &Slot> = slots.iter().map(|slot| (name_of(slot), slot)).collect();
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    for change in &plan.changes {
        let slot = before.get(change.slot.as_str()).copied();
        lines.insert(&change.slot, told(change, &slot.map(held_by).unwrap_or_default()));
    }
    for (slot, slot_report) in &plan.slot_reports {
        match slot_report {
            SlotReport::Refused(_) => drop(lines.insert(slot, "stays as it is: its row has a problem".to_owned())),
            SlotReport::Held(_) => drop(lines.insert(slot, "stays as it is: it would be released".to_owned())),
            SlotReport::Follows | SlotReport::Stale(_) => {}
        }
    }
    let width = lines.keys().map(|slot| slot.len()).max().unwrap_or_default();
    let mut text: String = lines.iter().map(|(slot, line)| format!("{slot:width$}  {line}\n")).collect();
    if let Some(why) = &plan.held_back {
        text.push_str(&format!("Held back: {}\n", sanitize(why)));
    }
    text.extend(plan.problems.iter().map(|problem| format!("Problem in {}\n", sanitize(&problem.to_string()))));
    text.extend(plan.warnings.iter().map(|warning| format!("Warning for {}\n", sanitize(&warning.to_string()))));
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    text.push_str(&match plan.changes.len() {
        0 => format!("{rows} read: this would change nothing.\n"),
        1 => format!("{rows} read: 1 Slot would be written. This was a dry run.\n"),
        many => format!("{rows} read: {many} Slots would be written. This was a dry run.\n"),
    });
    text
}

fn told(change: &Change, before: &str) -> String {
    let line = match (change.what, &change.wanted) {
        (What::Claimed, Some(wanted)) => format!("claim for {}{}", names(&wanted.users), purpose(&wanted.purpose)),
        (What::Changed, Some(wanted)) => {
            format!("change the claim of {}{}", names(&wanted.users), purpose(&wanted.purpose))
        }
        (What::Released, _) => format!("release, from {before}"),
        (What::GivenUp, _) => format!("leave to {before}, as an administrator wished: it is not in the sheet any more"),
        (What::Settings | What::Claimed | What::Changed, _) => "set its host, or how long it is kept".to_owned(),
    };
    match &change.undoes {
        Some(who) => format!("{line}; this undoes what {} changed", sanitize(who)),
        None => line,
    }
}

fn names(users: &[Name]) -> String {
    list(&users.iter().map(|user| shown_name(user.as_str())).collect::<Vec<_>>())
}

fn purpose(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({})", quoted(text)) }
}

fn held_by(slot: &Slot) -> String {
    slot.spec.claim.as_ref().map(|claim| names(&ClaimView::parse_lossy(claim).users)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;
    use crate::plan::Memory;
    use crate::rows::{Rules, judge};
    use hotdesk_sheet::Table;
    use hotdesk_slots::NameRules;
    use hotdesk_slots::People;
    use hotdesk_slots::slot::SlotSpec;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use serde_json::json;

    #[track_caller]
    fn check(slots: &[(&str, &str)], rows: &[[&str; 3]], expected: &str) {
        let slot = |(name, user): &(&str, &str)| {
            let mut slot = Slot::new("slot", SlotSpec::default());
            slot.metadata.namespace = Some((*name).to_owned());
            let claim = json!({"users": [user], "source": "sheet"});
            slot.spec.claim = (!user.is_empty()).then(|| serde_json::from_value(claim).unwrap());
            slot
        };
        let slots: Vec<Slot> = slots.iter().map(slot).collect();
        let now = Timestamp::UNIX_EPOCH;
        let table = Table::numbered(std::iter::once(&["Slot", "Users", "Purpose"]).chain(rows).map(|row| row.to_vec()));
        let rules = Rules { limit: None, zone: TimeZone::UTC, names: NameRules::default() };
        let judged = judge(&table, &crate::plan::holdings(&slots, now), &People::default(), &rules, now).unwrap();
        let plan = plan(&judged, &slots, &Memory::default(), false, now);
        assert_eq!(dry_run(&plan, &slots, judged.rows), expected);
    }

    #[test]
    fn a_plan_is_one_line_a_slot_and_a_sum() {
        check(
            &[("mew", ""), ("eevee", "alice"), ("onix", "bob"), ("pikachu", "eve"), ("abra", "dan")],
            &[
                ["mew", "bob, carol", "demo"],
                ["eevee", "alice", "new"],
                ["onix", "", ""],
                ["pikachu", "e v e", ""],
                ["abra", "dan", ""],
            ],
            "eevee    change the claim of alice (\"new\")\n\
             mew      claim for bob and carol (\"demo\")\n\
             onix     release, from bob\n\
             pikachu  stays as it is: its row has a problem\n\
             Problem in B5: \"e v e\" is neither an e-mail nor a login: separate people by commas\n\
             5 rows read: 3 Slots would be written. This was a dry run.\n",
        );
    }

    #[test]
    fn a_warning_is_shown_and_its_row_counts() {
        check(
            &[("mew", ""), ("onix", "")],
            &[["mew", "alice@example.com", "demo"], ["onix", "Bob", ""]],
            "mew   claim for alice@example.com (\"demo\")\n\
             onix  claim for bob\n\
             Warning for B3: nobody has been seen under the name \"Bob\": show the chip as its e-mail address, or add the \
             name to the list of people\n\
             2 rows read: 2 Slots would be written. This was a dry run.\n",
        );
    }

    #[test]
    fn what_is_held_back_is_said_with_why() {
        check(
            &[("mew", "alice"), ("onix", "bob")],
            &[],
            "mew   stays as it is: it would be released\n\
             onix  stays as it is: it would be released\n\
             Held back: the sheet has no rows any more, so nothing is changed. If that is meant, let one pass run with \
             --confirm-clearing; if not, fix the sheet (File > Version history)\n\
             0 rows read: this would change nothing.\n",
        );
    }
}
