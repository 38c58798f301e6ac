//! What was measured? One JSON file a section, so that each can be measured alone.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::Bench;

/// What a section measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The section.
    pub section: String,
    /// When the run began.
    pub date: String,
    /// On what it ran.
    pub machine: Machine,
    /// How often each cell was measured.
    pub rounds: usize,
    /// How long each measurement under load lasted.
    pub seconds: u64,
    /// What a reader must know besides.
    pub notes: Vec<String>,
    /// The measurements, in the order in which they are shown.
    pub cells: Vec<Cell>,
}

/// The rounds of one measure of one variant in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What was done, such as `gate 1 KiB, 8 connections`.
    pub case: String,
    /// By whom, such as `hotdesk`.
    pub variant: String,
    /// What was measured, with its unit, such as `requests/s`.
    pub measure: String,
    /// A value a round.
    pub rounds: Vec<f64>,
}

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// Its memory in GiB.
    pub memory: u64,
    /// The kernel.
    pub kernel: String,
}

impl Results {
    /// Nothing yet.
    #[must_use]
    pub fn new(section: &str, bench: &Bench) -> Self {
        Self {
            section: section.to_owned(),
            date: bench.date.clone(),
            machine: bench.machine.clone(),
            rounds: bench.rounds,
            seconds: bench.seconds,
            notes: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Adds a round's value.
    pub fn add(&mut self, case: &str, variant: &str, measure: &str, value: f64) {
        if let Some(cell) = self.cells.iter_mut().find(|cell| cell.is(case, variant, measure)) {
            cell.rounds.push(value);
            return;
        }
        let (case, variant, measure) = (case.to_owned(), variant.to_owned(), measure.to_owned());
        self.cells.push(Cell { case, variant, measure, rounds: vec![value] });
    }

    /// Adds what a reader must know.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The rounds of a cell; none if it was not measured.
    #[must_use]
    pub fn rounds_of(&self, case: &str, variant: &str, measure: &str) -> &[f64] {
        self.cells.iter().find(|cell| cell.is(case, variant, measure)).map_or(&[], |cell| cell.rounds.as_slice())
    }

    /// Writes `SECTION.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, dir: &Path) -> anyhow::Result<()> {
        let path = dir.join(format!("{}.json", self.section));
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())
    }

    /// Reads `SECTION.json`; nothing if that section has not been measured.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn load(dir: &Path, section: &str) -> anyhow::Result<Option<Self>> {
        let path = dir.join(format!("{section}.json"));
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let shown = || format!("{}: remove it and measure again", path.display());
        serde_json::from_str(&text).map(Some).with_context(shown)
    }
}

impl Cell {
    fn is(&self, case: &str, variant: &str, measure: &str) -> bool {
        self.case == case && self.variant == variant && self.measure == measure
    }
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        // Without what its builder calls it.
        let kernel = read("/proc/sys/kernel/osrelease").split(['-', '\n']).next().unwrap_or_default().to_owned();
        Self { processor: processor(&read("/proc/cpuinfo")), cores, memory: memory(&read("/proc/meminfo")), kernel }
    }
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("an unnamed processor", |rest| rest.trim_start_matches([' ', '\t', ':'])).trim().to_owned()
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    kib.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Results {
        let machine = Machine::default();
        let (section, date) = ("api".to_owned(), "a day".to_owned());
        Results { section, date, machine, rounds: 2, seconds: 1, notes: Vec::new(), cells: Vec::new() }
    }

    #[test]
    fn the_rounds_of_a_cell_stay_together_and_in_order() {
        let mut results = empty();
        for (variant, value) in [("a", 1.0), ("b", 2.0), ("a", 3.0)] {
            results.add("gate", variant, "requests/s", value);
        }
        assert_eq!(results.rounds_of("gate", "a", "requests/s"), [1.0, 3.0]);
        assert_eq!(results.rounds_of("gate", "a", "p99 ms"), [0.0; 0], "another measure is another cell");
    }

    #[test]
    fn what_is_written_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut results = empty();
        results.add("gate", "a", "requests/s", 1.5);
        results.note("rough");
        results.save(dir.path()).unwrap();
        assert_eq!(Results::load(dir.path(), "api").unwrap(), Some(results));
        assert_eq!(Results::load(dir.path(), "helm").unwrap(), None, "not measured is not an error");
    }

    #[test]
    fn a_machine_is_read_from_the_kernel() {
        assert_eq!(processor("vendor_id\t: X\nmodel name\t: Some CPU 9000\n"), "Some CPU 9000");
        assert_eq!(memory("MemTotal:       24689128 kB\nMemFree: 1 kB\n"), 24);
    }
}
