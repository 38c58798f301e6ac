use super::*;
use crate::goals::{Bound, Side};
use crate::results::Machine;

fn measured(values: &[(&str, &str, &str, f64)]) -> Results {
    let machine = Machine { processor: "Some CPU".to_owned(), cores: 2, memory: 8, kernel: "6.0".to_owned() };
    let (section, date) = ("handler".to_owned(), "2026-01-02 03:04 UTC".to_owned());
    let mut results = Results { section, date, machine, rounds: 2, seconds: 1, notes: Vec::new(), cells: Vec::new() };
    for (case, variant, measure, value) in values {
        results.add(case, variant, measure, *value);
    }
    results
}

#[test]
fn a_table_has_a_row_a_case_and_a_column_a_variant() {
    let results = measured(&[
        ("gate", "none", "p99 ms", 0.5),
        ("gate", "hotdesk", "p99 ms", 1.0),
        ("stamp", "hotdesk", "p99 ms", 3.0),
        ("stamp", "hotdesk", "p99 ms", 2.0),
    ]);
    let expected = "| p99 ms | none | hotdesk |\n|---|---:|---:|\n\
                    | gate | 0.500 | 1.00 |\n| stamp | – | 2.50 (2.00–3.00) |\n";
    assert_eq!(table(&results, "p99 ms"), expected);
}

#[test]
fn rates_are_compared_with_the_limit_round_by_round() {
    let results = measured(&[
        ("gate", "hotdesk", "requests/s", 900.0),
        ("gate", "hotdesk", "requests/s", 50.0),
        ("gate", "constant", "requests/s", 1000.0),
        ("gate", "constant", "requests/s", 100.0),
    ]);
    let table = table(&results, "requests/s");
    assert!(table.contains("hotdesk : constant |\n"), "{table}");
    assert!(table.contains("| 0.700 (0.500–0.900) |\n"), "{table}");
}

#[test]
fn times_are_compared_with_how_long_it_takes_without() {
    let results = measured(&[
        ("install", "none", "seconds", 2.0),
        ("install", "hotdesk", "seconds", 3.0),
        ("install", "constant", "seconds", 1.0),
    ]);
    let table = table(&results, "seconds");
    assert!(table.contains("| constant | hotdesk : none | constant : none |\n"), "{table}");
    assert!(table.contains("| 1.50 | 0.500 |\n"), "{table}");
}

#[test]
fn a_section_says_where_and_when_it_was_measured() {
    let text = tables(&measured(&[("gate", "hotdesk", "p99 ms", 1.0)]));
    assert!(text.starts_with("Measured 2026-01-02 03:04 UTC, 2 rounds, 1 s under each load, on 2 cores of Some CPU"));
}

#[test]
fn numbers_have_three_digits_that_mean_something() {
    for (value, expected) in [
        (1_234_567.8, "1,234,568"),
        (999.7, "1,000"),
        (123.4, "123"),
        (99.96, "100"),
        (12.34, "12.3"),
        (9.996, "10.0"),
        (1.234, "1.23"),
        (0.0456, "0.046"),
        (0.0, "0"),
    ] {
        assert_eq!(number(value), expected);
    }
}

#[test]
fn words_outside_the_markers_stay() {
    let document = "Before.\n<!-- begin helm -->\nold\n<!-- end helm -->\nAfter.\n";
    let expected = "Before.\n<!-- begin helm -->\n\nnew\n\n<!-- end helm -->\nAfter.\n";
    assert_eq!(replaced(document, "helm", "new\n").unwrap(), expected);
    assert_eq!(replaced(expected, "helm", "new\n").unwrap(), expected, "twice is as once");
}

#[test]
fn a_lost_marker_is_an_error_that_names_it() {
    let error = replaced("<!-- begin helm -->\n", "helm", "").unwrap_err().to_string();
    assert!(error.contains("<!-- end helm -->"), "{error}");
}

#[test]
fn the_document_of_this_project_has_all_markers() {
    let document = include_str!("../../../docs/performance.md");
    for name in ALL.iter().map(|section| section.name).chain(["goals"]) {
        replaced(document, name, "").unwrap();
    }
}

#[test]
fn a_goal_is_met_missed_or_not_measured() {
    let goal = |at_least, variant| Goal {
        what: "rate",
        section: "handler",
        ours: Side { case: "gate", variant: "hotdesk", measure: "requests/s" },
        theirs: Some(Side { case: "gate", variant, measure: "requests/s" }),
        bound: Bound::AtLeast(at_least),
        unit: "",
    };
    let results = measured(&[("gate", "hotdesk", "requests/s", 9.0), ("gate", "constant", "requests/s", 10.0)]);
    let text = goals_table(&[goal(0.9, "constant"), goal(0.95, "constant"), goal(2.0, "kyverno")], &[results]);
    let expected = "| goal | measured | met |\n|---|---:|---:|\n\
                    | rate: at least 0.9 | 0.900 | yes |\n\
                    | rate: at least 0.95 | 0.900 | **no** |\n\
                    | rate: at least 2 | – | not measured |\n";
    assert_eq!(text, expected);
}
