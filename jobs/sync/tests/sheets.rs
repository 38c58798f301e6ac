//! What do sheets as people write them change about slots that somebody holds?
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

use std::collections::BTreeSet;

use hotdesk_sheet::csv;
use hotdesk_slots::slot::{Slot, SlotSpec};
use hotdesk_slots::{NameRules, People};
use hotdesk_sync::plan::{Memory, Plan, holdings, name_of, plan};
use hotdesk_sync::rows::{Rules, judge};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

/// Plans a file against slots that are all held by a claim of the sheet, and returns the slots whose rows have problems.
fn held_by_the_sheet(name: &str) -> Slot {
    let mut slot = Slot::new("slot", SlotSpec::default());
    slot.metadata.namespace = Some(name.to_owned());
    slot.spec.claim = serde_json::from_value(json!({"users": ["former@example.com"], "source": "sheet"})).unwrap();
    slot
}

fn planned(file: &str) -> (Plan, BTreeSet<String>) {
    let path = format!("{}/../../crates/sheet/tests/sheets/{file}", env!("CARGO_MANIFEST_DIR"));
    let table = csv::parse(&std::fs::read(path).unwrap()).unwrap();
    let names: BTreeSet<String> = table.lines.iter().skip(1).map(|line| line.cell(0).to_owned()).collect();
    let slots: Vec<Slot> = names.iter().map(|name| held_by_the_sheet(name)).collect();
    let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
    let rules = Rules { limit: None, zone: TimeZone::UTC, names: NameRules::default() };
    let judged = judge(&table, &holdings(&slots, now), &People::default(), &rules, now).unwrap();
    let plan = plan(&judged, &slots, &Memory::default(), false, now);
    assert_eq!(slots.iter().map(name_of).collect::<Vec<_>>().len(), names.len());
    (plan, judged.refused)
}

#[test]
fn a_row_with_a_problem_claims_lapses_and_releases_nothing() {
    for (file, refused, changed) in [
        ("two-digit-years.csv", 8, vec![]),
        ("cr-only.csv", 1, vec!["eevee"]),
        ("chips-last-first.csv", 4, vec!["ditto"]),
        ("placeholders.csv", 11, vec!["snorlax"]),
    ] {
        let (plan, problems) = planned(file);
        let slots: Vec<&str> = plan.changes.iter().map(|change| change.slot.as_str()).collect();
        assert_eq!((problems.len(), &slots), (refused, &changed), "{file}: {:?}", plan.problems);
    }
}

#[test]
fn display_names_csv_warns_and_the_rows_count() {
    let (plan, problems) = planned("display-names.csv");
    assert_eq!((problems.len(), plan.changes.len(), plan.warnings.len()), (0, 5, 2), "{:?}", plan.warnings);
}

#[test]
fn dates_csv_changes_only_rows_with_one_meaning() {
    let (plan, problems) = planned("dates.csv");
    let changed: BTreeSet<&str> = plan.changes.iter().map(|change| change.slot.as_str()).collect();
    assert_eq!((changed.len(), problems.len()), (21, 10));
    assert!(changed.iter().all(|slot| !slot.starts_with('c')), "{changed:?}");
}
