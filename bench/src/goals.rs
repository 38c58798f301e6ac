//! Which goals does the project set itself, and does a run meet them?
//!
//! Nearly all are ratios of two variants in the same rounds, so that they hold for any machine. A goal is met if the median
//! of its rounds is.

use std::fmt;

use crate::results::Results;
use crate::stats::{ratios, summary};

/// A goal.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// In words.
    pub what: &'static str,
    /// Where it is measured.
    pub section: &'static str,
    /// What is measured.
    pub ours: Side,
    /// What it is divided by, if the goal is a ratio.
    pub theirs: Option<Side>,
    /// How much it must be.
    pub bound: Bound,
    /// Of what, if it is not a ratio.
    pub unit: &'static str,
}

/// One cell of a section's results.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Its row.
    pub case: &'static str,
    /// Its column.
    pub variant: &'static str,
    /// Its table.
    pub measure: &'static str,
}

/// How much something must be.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// What its rounds say, and whether they meet it; nothing if it was not measured.
#[must_use]
pub fn judged(goal: &Goal, measured: &[Results]) -> (Vec<f64>, Option<bool>) {
    let Some(results) = measured.iter().find(|results| results.section == goal.section) else {
        return (Vec::new(), None);
    };
    let rounds = |side: Side| results.rounds_of(side.case, side.variant, side.measure);
    let values = match goal.theirs {
        None => rounds(goal.ours).to_vec(),
        Some(theirs) => ratios(rounds(goal.ours), rounds(theirs)),
    };
    let met = summary(&values).map(|summary| goal.bound.holds(summary.median));
    (values, met)
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        };
        let space = if self.unit.is_empty() { "" } else { " " };
        write!(f, "{}: {word} {bound}{space}{}", self.what, self.unit)
    }
}

/// All of them, in the order of the sections.
pub const GOALS: &[Goal] = &[
    rate("1 KiB gate, of the constant answer", "gate 1 KiB, 8 connections", "constant", 0.95),
    rate("1 KiB stamp, of the constant answer", "stamp 1 KiB, 8 connections", "constant", 0.88),
    rate("1 KiB gate, of the constant answer, 1 connection", "gate 1 KiB, 1 connection", "constant", 0.9),
    rate("1 KiB stamp, of the constant answer, 1 connection", "stamp 1 KiB, 1 connection", "constant", 0.9),
    rate("1 KiB gate, of the constant answer, 64 connections", "gate 1 KiB, 64 connections", "constant", 0.9),
    rate("1 KiB stamp, of the constant answer, 64 connections", "stamp 1 KiB, 64 connections", "constant", 0.9),
    rate("1 KiB gate, of the Go reference", "gate 1 KiB, 8 connections", "reference", 2.2),
    rate("1 KiB stamp, of the Go reference", "stamp 1 KiB, 8 connections", "reference", 2.2),
    rate("1 KiB gate, of Kyverno", "gate 1 KiB, 8 connections", "kyverno", 12.0),
    rate("1 KiB stamp, of Kyverno", "stamp 1 KiB, 8 connections", "kyverno", 12.0),
    rate("1 KiB gate, of Kyverno with ClusterPolicy", "gate 1 KiB, 8 connections", "kyverno-classic", 12.0),
    rate("1 KiB stamp, of Kyverno with ClusterPolicy", "stamp 1 KiB, 8 connections", "kyverno-classic", 12.0),
    rate("1 MiB gate, of the Go reference", "gate 1 MiB, 8 connections", "reference", 4.0),
    rate("1 MiB stamp, of the Go reference", "stamp 1 MiB, 8 connections", "reference", 4.0),
    p99("1 KiB gate, p99 of the constant's", "gate 1 KiB, 8 connections with pauses"),
    p99("1 KiB stamp, p99 of the constant's", "stamp 1 KiB, 8 connections with pauses"),
    p99("1 KiB gate, p99 of the constant's at full load", "gate 1 KiB, 8 connections"),
    p99("1 KiB stamp, p99 of the constant's at full load", "stamp 1 KiB, 8 connections"),
    own(
        "handler",
        "memory under reviews of 1 KiB, 12 Slots",
        ("under reviews of 1 KiB", "peak MiB"),
        Bound::AtMost(16.0),
        "MiB",
    ),
    write("ConfigMap through the API server, of the constant answer", "ConfigMap, 4 connections", "constant", 0.95),
    write("Deployment through the API server, of the constant answer", "Deployment, 4 connections", "constant", 0.95),
    write(
        "ConfigMap through the API server, of the Go reference with our policy",
        "ConfigMap, 4 connections",
        "reference",
        1.4,
    ),
    write(
        "Deployment through the API server, of the Go reference with our policy",
        "Deployment, 4 connections",
        "reference",
        1.4,
    ),
    write(
        "ConfigMap through the API server, of the Go reference with two calls",
        "ConfigMap, 4 connections",
        "reference-twice",
        1.4,
    ),
    write(
        "Deployment through the API server, of the Go reference with two calls",
        "Deployment, 4 connections",
        "reference-twice",
        1.4,
    ),
    write("ConfigMap through the API server, of Kyverno", "ConfigMap, 4 connections", "kyverno", 4.0),
    write("Deployment through the API server, of Kyverno", "Deployment, 4 connections", "kyverno", 4.0),
    write(
        "ConfigMap through the API server, of Kyverno with ClusterPolicy",
        "ConfigMap, 4 connections",
        "kyverno-classic",
        4.0,
    ),
    write(
        "Deployment through the API server, of Kyverno with ClusterPolicy",
        "Deployment, 4 connections",
        "kyverno-classic",
        4.0,
    ),
    grown(
        "stamps a second with 100,000 Slots, of those with 12",
        ("stamp, 1 claimant a Slot", RATE),
        Bound::AtLeast(0.9),
    ),
    grown(
        "denials a second with 100,000 Slots, of those with 12",
        ("deny, 1 claimant a Slot", RATE),
        Bound::AtLeast(0.9),
    ),
    grown(
        "p99 of stamps with 100,000 Slots, of that with 12",
        ("stamp with pauses, 1 claimant a Slot", "p99 ms"),
        Bound::AtMost(1.1),
    ),
    grown(
        "p99 of denials with 100,000 Slots, of that with 12",
        ("deny with pauses, 1 claimant a Slot", "p99 ms"),
        Bound::AtMost(1.1),
    ),
    grown(
        "p99 of stamps with 100,000 Slots, of that with 12, at full load",
        ("stamp, 1 claimant a Slot", "p99 ms"),
        Bound::AtMost(1.1),
    ),
    grown(
        "p99 of denials with 100,000 Slots, of that with 12, at full load",
        ("deny, 1 claimant a Slot", "p99 ms"),
        Bound::AtMost(1.1),
    ),
    size(
        "a change is seen with 100,000 Slots",
        "100,000 Slots",
        ("from the answer, 1 claimant a Slot", "change ms"),
        100.0,
        "ms",
    ),
    size("memory under load with 12 Slots", "12 Slots", ("under load, 1 claimant a Slot", "peak MiB"), 16.0, "MiB"),
    size(
        "memory under load with 100,000 Slots",
        "100,000 Slots",
        ("under load, 1 claimant a Slot", "peak MiB"),
        100.0,
        "MiB",
    ),
    size("ready with 12 Slots", "12 Slots", ("1 claimant a Slot", "ready s"), 1.0, "s"),
    size("ready with 100,000 Slots", "100,000 Slots", ("1 claimant a Slot", "ready s"), 5.0, "s"),
    helm("helm 4 install, of the time without hotdesk (without controllers, nothing waited for)", "helm 4 install"),
    helm("helm 4 upgrade, of the time without hotdesk (without controllers, nothing waited for)", "helm 4 upgrade"),
    helm("helm 4 uninstall, of the time without hotdesk (without controllers, nothing waited for)", "helm 4 uninstall"),
    helm("helm 3 install, of the time without hotdesk (without controllers, nothing waited for)", "helm 3 install"),
    helm("helm 3 upgrade, of the time without hotdesk (without controllers, nothing waited for)", "helm 3 upgrade"),
    helm("helm 3 uninstall, of the time without hotdesk (without controllers, nothing waited for)", "helm 3 uninstall"),
    helm_wait("helm 4 install --wait, of the time without hotdesk", "helm 4 install --wait"),
    helm_wait("helm 4 upgrade --wait, of the time without hotdesk", "helm 4 upgrade --wait"),
    helm_wait("helm 4 uninstall --wait, of the time without hotdesk", "helm 4 uninstall --wait"),
    helm_wait("helm 3 install --wait, of the time without hotdesk", "helm 3 install --wait"),
    helm_wait("helm 3 upgrade --wait, of the time without hotdesk", "helm 3 upgrade --wait"),
    helm_wait("helm 3 uninstall --wait, of the time without hotdesk", "helm 3 uninstall --wait"),
    log("log of ingress-nginx as text", "ingress-nginx, text"),
    log("log of ingress-nginx as JSON", "ingress-nginx, JSON"),
    log("log of Traefik", "Traefik, JSON"),
    log("log of Envoy Gateway", "Envoy Gateway, JSON"),
    ratio(
        "idle",
        "CPU time of an idle check without helm's, of the pipeline's",
        ("idle, reaped", "CPU ms without helm"),
        "pipeline",
        Bound::AtMost(0.2),
    ),
    Goal {
        what: "p99 of ordinary stamps under attack, of that in quiet",
        section: "attack",
        ours: Side { case: "stamp 1 KiB", variant: "attacked", measure: "p99 ms" },
        theirs: Some(Side { case: "stamp 1 KiB", variant: "quiet", measure: "p99 ms" }),
        bound: Bound::AtMost(3.0),
        unit: "",
    },
    Goal {
        what: "resident after two million reviews, of that after the first hundred thousand",
        section: "soak",
        ours: Side { case: "gates, stamps and denials", variant: "2,000,000", measure: "resident MiB" },
        theirs: Some(Side { case: "gates, stamps and denials", variant: "first 100,000", measure: "resident MiB" }),
        bound: Bound::AtMost(1.05),
        unit: "",
    },
];

const RATE: &str = "requests/s";

const fn rate(what: &'static str, case: &'static str, than: &'static str, bound: f64) -> Goal {
    ratio("handler", what, (case, RATE), than, Bound::AtLeast(bound))
}

const fn write(what: &'static str, case: &'static str, than: &'static str, bound: f64) -> Goal {
    ratio("api", what, (case, RATE), than, Bound::AtLeast(bound))
}

const fn p99(what: &'static str, case: &'static str) -> Goal {
    ratio("handler", what, (case, "p99 ms"), "constant", Bound::AtMost(1.5))
}

const fn helm(what: &'static str, case: &'static str) -> Goal {
    ratio("helm", what, (case, "seconds"), "none", Bound::AtMost(1.05))
}

const fn helm_wait(what: &'static str, case: &'static str) -> Goal {
    ratio("helm-wait", what, (case, "seconds"), "none", Bound::AtMost(1.05))
}

/// Read so fast, a log of 10 MiB takes 70 ms once an hour: more speed would be felt by nobody.
const fn log(what: &'static str, case: &'static str) -> Goal {
    own("reaper", what, (case, "MB/s a core"), Bound::AtLeast(150.0), "MB/s a core")
}

/// What becomes of a value as the Slots grow many.
const fn grown(what: &'static str, (case, measure): (&'static str, &'static str), bound: Bound) -> Goal {
    let ours = Side { case, variant: "100,000 Slots", measure };
    Goal { what, section: "growth", ours, theirs: Some(Side { case, variant: "12 Slots", measure }), bound, unit: "" }
}

/// A value with so many Slots.
const fn size(
    what: &'static str,
    variant: &'static str,
    (case, measure): (&'static str, &'static str),
    most: f64,
    unit: &'static str,
) -> Goal {
    Goal {
        what,
        section: "growth",
        ours: Side { case, variant, measure },
        theirs: None,
        bound: Bound::AtMost(most),
        unit,
    }
}

/// What hotdesk's share of another variant's value is, in the same row of the same table.
const fn ratio(
    section: &'static str,
    what: &'static str,
    (case, measure): (&'static str, &'static str),
    than: &'static str,
    bound: Bound,
) -> Goal {
    let ours = Side { case, variant: "hotdesk", measure };
    Goal { what, section, ours, theirs: Some(Side { case, variant: than, measure }), bound, unit: "" }
}

/// A value of hotdesk's own.
const fn own(
    section: &'static str,
    what: &'static str,
    (case, measure): (&'static str, &'static str),
    bound: Bound,
    unit: &'static str,
) -> Goal {
    Goal { what, section, ours: Side { case, variant: "hotdesk", measure }, theirs: None, bound, unit }
}
