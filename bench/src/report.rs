//! How are the results shown? As tables in `docs/performance.md`, each between two markers, with words by hand around them.

use std::fmt::Write as _;

use anyhow::Context as _;

use crate::goals::{GOALS, Goal};
use crate::results::Results;
use crate::sections::ALL;
use crate::stats::{Summary, ratios, summary};
use crate::{Bench, goals};

const DOCUMENT: &str = "docs/performance.md";

/// What is compared with what at the end of each row: our rate with the limit's, and how long everybody takes with how long
/// it takes without them.
const OURS: &str = "hotdesk";
const LIMIT: &str = "constant";
const RATE: &str = "requests/s";
const NOBODY: &str = "none";
const TIME: &str = "seconds";

/// Writes the tables of everything that has been measured, by this run or an earlier one.
///
/// # Errors
/// If a file cannot be read or written, or the document has lost a marker.
pub fn write(bench: &Bench) -> anyhow::Result<()> {
    let path = bench.root.join(DOCUMENT);
    let mut document = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut measured = Vec::new();
    for section in ALL {
        let Some(results) = Results::load(&bench.out, section.name)? else { continue };
        document = replaced(&document, section.name, &tables(&results))?;
        measured.push(results);
    }
    document = replaced(&document, "goals", &goals_table(GOALS, &measured))?;
    std::fs::write(&path, document).with_context(|| path.display().to_string())?;
    bench.say(&format!("the tables are in {DOCUMENT}"));
    Ok(())
}

/// The document with other text between the markers of this name.
fn replaced(document: &str, name: &str, text: &str) -> anyhow::Result<String> {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let lost = || format!("{DOCUMENT} needs the lines {} and {end}, in this order", begin.trim());
    let (before, rest) = document.split_once(&begin).with_context(lost)?;
    let (_, after) = rest.split_once(&end).with_context(lost)?;
    Ok([before, &begin, "\n", text.trim(), "\n\n", &end, after].concat())
}

/// A section: when and where it was measured, and a table for each measure.
fn tables(results: &Results) -> String {
    let mut text = origin(results);
    for note in &results.notes {
        let _infallible = write!(text, "\n{note}\n");
    }
    for measure in distinct(results.cells.iter().map(|cell| cell.measure.as_str())) {
        let _infallible = write!(text, "\n{}", table(results, measure));
    }
    text
}

fn origin(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "Measured {}, {} rounds, {} s under each load, on {} cores of {} with {} GiB, Linux {}.\n",
        results.date, results.rounds, results.seconds, machine.cores, machine.processor, machine.memory, machine.kernel
    )
}

/// A measure: a row for each case, a column for each variant.
fn table(results: &Results, measure: &str) -> String {
    let cells = || results.cells.iter().filter(|cell| cell.measure == measure);
    let variants = distinct(cells().map(|cell| cell.variant.as_str()));
    let compared = compared(measure, &variants);
    let mut head = vec![measure.to_owned()];
    head.extend(variants.iter().map(|&variant| variant.to_owned()));
    head.extend(compared.iter().map(|(this, that)| format!("{this} : {that}")));
    let mut text = row(&head) + &rule(head.len());
    for case in distinct(cells().map(|cell| cell.case.as_str())) {
        let mut line = vec![case.to_owned()];
        line.extend(variants.iter().map(|variant| shown(results.rounds_of(case, variant, measure))));
        let rounds = |variant| results.rounds_of(case, variant, measure);
        line.extend(compared.iter().map(|&(this, that)| shown(&ratios(rounds(this), rounds(that)))));
        text += &row(&line);
    }
    text
}

fn compared<'a>(measure: &str, variants: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let named = |name: &str| variants.iter().copied().find(|variant| *variant == name);
    match measure {
        RATE => named(OURS).zip(named(LIMIT)).into_iter().collect(),
        TIME => named(NOBODY).map_or_else(Vec::new, |nobody| {
            let others = variants.iter().copied().filter(|variant| *variant != nobody);
            others.map(|other| (other, nobody)).collect()
        }),
        _ => Vec::new(),
    }
}

fn goals_table(goals: &[Goal], measured: &[Results]) -> String {
    let mut text = row(&["goal", "measured", "met"].map(str::to_owned)) + &rule(3);
    for goal in goals {
        let (values, met) = goals::judged(goal, measured);
        let met = match met {
            None => "not measured",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        text += &row(&[goal.to_string(), shown(&values), met.to_owned()]);
    }
    text
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The first column holds words, the others numbers.
fn rule(columns: usize) -> String {
    format!("|---|{}\n", "---:|".repeat(columns - 1))
}

/// The median, and the range if there is one.
fn shown(values: &[f64]) -> String {
    let Some(Summary { median, low, high }) = summary(values) else { return "–".to_owned() };
    let (median, low, high) = (number(median), number(low), number(high));
    if low == high { median } else { format!("{median} ({low}–{high})") }
}

/// Three digits that mean something; thousands apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => thousands(&format!("{value:.0}")),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.3}"),
    }
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Each once, in the order of first appearance.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

#[cfg(test)]
mod tests;
