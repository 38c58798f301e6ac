//! `hotdesk doctor`: is everything in place, and how is what is not mended?

mod facts;
mod installation;
mod probe;
mod slots;

use anstyle::{AnsiColor, Style};
use hotdesk_slots::text::{harmless, list};
use jiff::Timestamp;
use serde::Serialize;

use self::facts::Facts;
use crate::args::Form;
use crate::cluster::Cluster;
use crate::commands::Done;
use crate::failure::Failure;
use crate::output::machine;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// It may be meant so.
    Warning,
    /// It could not be looked at, which is not the same as well.
    Unseen,
    /// It must be mended.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    level: Level,
    about: String,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// The form of `-o json` and `-o yaml`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    well: bool,
    findings: &'a [Finding],
}

/// Looks at everything, and says what it found.
///
/// # Errors
/// When the cluster cannot be asked at all.
pub(crate) async fn run(cluster: &Cluster, form: Form) -> Result<Done, Failure> {
    let facts = Facts::gather(cluster).await?;
    let findings = judge(&facts, cluster.program, cluster.now.timestamp());
    let well = findings.iter().all(|finding| finding.level <= Level::Warning);
    let report = Report { well, findings: &findings };
    let text = machine(&report, form)?.unwrap_or_else(|| show(&findings, form == Form::Wide));
    Ok(Done { text, well })
}

/// Every finding, with nothing in it that could harm a terminal.
fn judge(facts: &Facts, program: &str, now: Timestamp) -> Vec<Finding> {
    let mut findings = installation::judge(facts);
    findings.extend(probe::judge(facts));
    findings.extend(slots::judge(facts, program, now));
    for finding in &mut findings {
        finding.about = harmless(&finding.about);
        finding.says = harmless(&finding.says);
        finding.fix = finding.fix.take().map(|fix| harmless(&fix));
    }
    findings
}

impl Finding {
    fn new(level: Level, about: impl Into<String>, says: impl Into<String>) -> Self {
        Self { level, about: about.into(), says: says.into(), fix: None }
    }

    fn ok(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Ok, about, says)
    }

    fn warning(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Warning, about, says)
    }

    fn problem(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Problem, about, says)
    }

    fn unseen(about: impl Into<String>, why: &str) -> Self {
        Self::new(Level::Unseen, about, format!("could not be looked at: {why}"))
    }

    fn mended_by(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// A line on the screen.
struct Line<'a> {
    finding: &'a Finding,
    /// The slots that it is true of, if it is of slots.
    slots: Vec<&'a str>,
}

/// The same of a dozen slots is one line, unless all is asked for; what is well about them is only counted.
fn lines(findings: &[Finding], wide: bool) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for finding in findings {
        let Some(slot) = finding.about.strip_prefix(slots::ABOUT) else {
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
    one.level == other.level && (one.level == Level::Ok || one.says == other.says)
}

impl Line<'_> {
    fn about(&self) -> String {
        match self.slots.as_slice() {
            [] | [_] => self.finding.about.clone(),
            slots => format!("{} slots", slots.len()),
        }
    }

    fn says(&self) -> String {
        match self.slots.as_slice() {
            [] | [_] => self.finding.says.clone(),
            slots if self.finding.level == Level::Ok => list(slots),
            slots => format!("{} ({})", self.finding.says, list(slots)),
        }
    }
}

fn show(findings: &[Finding], wide: bool) -> String {
    let lines = lines(findings, wide);
    let width = lines.iter().map(|line| line.about().chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for line in &lines {
        let (word, style) = mark(line.finding.level);
        text.push_str(&format!("{style}{word:<7}{style:#}  {:<width$}  {}\n", line.about(), line.says()));
        if let Some(fix) = &line.finding.fix {
            text.push_str(&format!("{:<7}  {:<width$}  to mend it: {fix}\n", "", ""));
        }
    }
    text.push_str(&format!("\n{}\n", summary(findings)));
    text
}

fn mark(level: Level) -> (&'static str, Style) {
    let coloured = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match level {
        Level::Ok => ("ok", coloured(AnsiColor::Green)),
        Level::Warning => ("warning", coloured(AnsiColor::Yellow)),
        Level::Unseen => ("unseen", coloured(AnsiColor::Cyan)),
        Level::Problem => ("PROBLEM", coloured(AnsiColor::Red).bold()),
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, unseen, warnings) = (count(Level::Problem), count(Level::Unseen), count(Level::Warning));
    let mut parts = vec![format!("{} checks", findings.len())];
    parts.push(if problems == 0 {
        "no problem".to_owned()
    } else {
        format!("{problems} {}", counted(problems, "problem", "problems"))
    });
    if warnings > 0 {
        parts.push(format!("{warnings} {}", counted(warnings, "warning", "warnings")));
    }
    let unseen = match unseen {
        0 => String::new(),
        n => {
            format!(" {n} could not be looked at: run this as somebody who may read it all, such as an administrator.")
        }
    };
    format!("{}.{unseen}", parts.join(", "))
}

fn counted<'a>(n: usize, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(findings: &[Finding], wide: bool) -> String {
        anstream::adapter::strip_str(&show(findings, wide)).to_string()
    }

    fn findings() -> Vec<Finding> {
        let suspended =
            |slot: &str| Finding::warning(format!("slot {slot}"), "suspended").mended_by(format!("start {slot}"));
        vec![
            Finding::ok("the cluster", "Kubernetes v1.37.2"),
            Finding::problem("the webhook", "no pod is ready").mended_by("kubectl describe it"),
            Finding::ok("slot mew", "in use"),
            Finding::ok("slot onix", "idle"),
            suspended("abra"),
            suspended("eevee"),
            Finding::unseen("the policies", "forbidden"),
        ]
    }

    #[test]
    fn what_is_to_be_mended_stands_out_with_how() {
        assert_eq!(
            shown(&findings(), false),
            "\
ok       the cluster   Kubernetes v1.37.2
PROBLEM  the webhook   no pod is ready
                       to mend it: kubectl describe it
ok       2 slots       mew and onix
warning  2 slots       suspended (abra and eevee)
                       to mend it: start abra
unseen   the policies  could not be looked at: forbidden

7 checks, 1 problem, 2 warnings. 1 could not be looked at: run this as somebody who may read it all, such as an administrator.
"
        );
    }

    #[test]
    fn wide_says_it_of_every_slot() {
        let text = shown(&findings(), true);
        for line in ["ok       slot mew      in use\n", "warning  slot eevee    suspended\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn what_could_not_be_seen_is_not_well() {
        let well = |level: Level| level <= Level::Warning;
        assert!(well(Level::Ok) && well(Level::Warning) && !well(Level::Unseen) && !well(Level::Problem));
    }
}
