//! Which parts has a run, and in which order?

use crate::Bench;

pub mod api;
pub mod growth;
pub mod handler;
pub mod helm;
pub mod idle;
pub mod reaper;
pub mod steady;
pub mod workers;

/// A part of a run.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name, on the command line and in `target/bench`.
    pub name: &'static str,
    /// What it measures, as a heading.
    pub title: &'static str,
    /// How long it takes with five rounds on two cores, in minutes.
    pub minutes: u8,
    /// Measures it.
    pub run: fn(&Bench) -> anyhow::Result<()>,
}

/// The one that takes too much memory for most machines.
const LARGEST: &str = "growth-largest";
/// The one whose length is a number of reviews.
const SOAK: &str = "soak";
/// They are measured only if they are named.
pub const ONLY_NAMED: [&str; 2] = [LARGEST, SOAK];

/// All of them, in the order in which they run and are shown.
pub const ALL: &[Section] = &[
    Section { name: "handler", title: "Straight to the handler", minutes: 10, run: handler::run },
    Section { name: "workers", title: "Workers", minutes: 4, run: workers::run },
    Section { name: "api", title: "Through the API server", minutes: 9, run: api::run },
    Section { name: "growth", title: "Growth", minutes: 7, run: growth::run },
    Section { name: LARGEST, title: "Growth to 20 million claimants", minutes: 8, run: growth::run_largest },
    Section { name: "helm", title: "helm", minutes: 3, run: helm::run },
    Section { name: "reaper", title: "Reading logs", minutes: 2, run: reaper::run },
    Section { name: "helm-wait", title: "helm --wait on a whole cluster", minutes: 4, run: helm::wait::run },
    Section { name: "attack", title: "Under attack", minutes: 1, run: steady::attack },
    Section { name: SOAK, title: "Two million reviews", minutes: 3, run: steady::soak },
    Section { name: "idle", title: "A whole idle check", minutes: 4, run: idle::run },
];

/// Bytes as tables show them.
#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A section by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Section> {
    ALL.iter().find(|section| section.name == name)
}
