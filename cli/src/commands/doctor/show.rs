//! How do findings look, so that people see first what they have to fix?

use anstyle::{AnsiColor, Style};
use hotdesk_slots::text::list;

use super::finding::{Finding, Level, Section};
use super::slots::SUBJECT;

/// A line on the screen.
struct Line<'a> {
    finding: &'a Finding,
    /// The slots that it is true of, if it is of slots.
    slots: Vec<&'a str>,
}

/// Everything, under a heading each.
pub(super) fn show(findings: &[Finding], wide: bool) -> String {
    let lines = lines(findings, wide);
    let width = lines.iter().map(|line| line.subject().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for section in [Section::Installation, Section::Traffic, Section::Slots] {
        let of_it: Vec<&Line<'_>> = lines.iter().filter(|line| line.finding.section == section).collect();
        if of_it.is_empty() {
            continue;
        }
        let bold = Style::new().bold();
        text.push_str(&format!("{bold}{}{bold:#}\n", heading(section)));
        for line in of_it {
            line.onto(&mut text, width);
        }
        text.push('\n');
    }
    text.push_str(&format!("{}\n", summary(findings)));
    text
}

fn heading(section: Section) -> &'static str {
    match section {
        Section::Installation => "The installation",
        Section::Traffic => "Where the reapers observe traffic",
        Section::Slots => "The slots",
    }
}

/// The same of a dozen slots is one line, unless all is asked for; what is well about them is only counted.
fn lines(findings: &[Finding], wide: bool) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for finding in findings {
        let Some(slot) = finding.subject.strip_prefix(SUBJECT) else {
            lines.push(Line { finding, slots: Vec::new() });
            continue;
        };
        let same = |line: &&mut Line<'_>| !wide && !line.slots.is_empty() && like(line.finding, finding);
        match lines.iter_mut().find(same) {
            Some(line) => line.slots.push(slot),
            None => lines.push(Line { finding, slots: vec![slot] }),
        }
    }
    lines
}

fn like(one: &Finding, other: &Finding) -> bool {
    one.level == other.level && one.id == other.id && (one.level == Level::Ok || one.message == other.message)
}

impl Line<'_> {
    fn onto(&self, text: &mut String, width: usize) {
        let (word, style) = mark(self.finding.level);
        text.push_str(&format!("  {style}{word:<9}{style:#}  {:<width$}  {}\n", self.subject(), self.message()));
        if let Some(fix) = &self.finding.fix {
            text.push_str(&format!("  {:<9}  {:<width$}  to fix it: {fix}\n", "", ""));
        }
    }

    fn subject(&self) -> String {
        match self.slots.as_slice() {
            [] | [_] => self.finding.subject.clone(),
            slots => format!("{} slots", slots.len()),
        }
    }

    fn message(&self) -> String {
        match self.slots.as_slice() {
            [] | [_] => self.finding.message.clone(),
            slots if self.finding.level == Level::Ok => list(slots),
            slots => format!("{} ({})", self.finding.message, list(slots)),
        }
    }
}

/// A sign for the eye, and a word for people who have no such sign, or no colours.
fn mark(level: Level) -> (&'static str, Style) {
    let coloured = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match level {
        Level::Ok => ("✓ ok", coloured(AnsiColor::Green)),
        Level::Warning => ("! warning", coloured(AnsiColor::Yellow)),
        Level::Unknown => ("? unknown", coloured(AnsiColor::Cyan)),
        Level::Problem => ("✗ PROBLEM", coloured(AnsiColor::Red).bold()),
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, unknown, warnings) = (count(Level::Problem), count(Level::Unknown), count(Level::Warning));
    let mut parts = vec![format!("{} checks", findings.len())];
    parts.push(match problems {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    });
    match warnings {
        0 => {}
        1 => parts.push("1 warning".to_owned()),
        n => parts.push(format!("{n} warnings")),
    }
    let unknown = match unknown {
        0 => String::new(),
        n => {
            format!(" {n} could not be looked at: run this as somebody who can read it all, such as an administrator.")
        }
    };
    format!("{}.{unknown}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Id;
    use super::*;

    fn shown(findings: &[Finding], wide: bool) -> String {
        anstream::adapter::strip_str(&show(findings, wide)).to_string()
    }

    fn findings() -> Vec<Finding> {
        let suspended = |slot: &str| {
            let subject = format!("slot {slot}");
            Finding::warning(Id::ReaperSuspended, subject, "suspended").with_fix(format!("start {slot}"))
        };
        vec![
            Finding::ok(Id::KubernetesVersion, "the cluster", "Kubernetes v1.37.2"),
            Finding::problem(Id::Programs, "the webhook", "no pod is ready").with_fix("kubectl describe it"),
            Finding::ok(Id::Slot, "slot mew", "in use"),
            Finding::ok(Id::Slot, "slot onix", "idle"),
            suspended("abra"),
            suspended("eevee"),
            Finding::unknown(Id::Policies, "the policies", "forbidden"),
        ]
    }

    #[test]
    fn what_is_to_be_mended_stands_out_with_how() {
        assert_eq!(
            shown(&findings(), false),
            "\
The installation
  ✓ ok       the cluster   Kubernetes v1.37.2
  ✗ PROBLEM  the webhook   no pod is ready
                           to fix it: kubectl describe it
  ? unknown  the policies  could not be looked at: forbidden

The slots
  ✓ ok       2 slots       mew and onix
  ! warning  2 slots       suspended (abra and eevee)
                           to fix it: start abra

7 checks, 1 problem, 2 warnings. 1 could not be looked at: run this as somebody who can read it all, such as an administrator.
"
        );
    }

    #[test]
    fn wide_says_it_of_every_slot() {
        let text = shown(&findings(), true);
        for line in ["✓ ok       slot mew      in use\n", "! warning  slot eevee    suspended\n"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
