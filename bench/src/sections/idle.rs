//! What does a whole idle check cost, beside the pipeline that it replaces?
//!
//! `bench/idle-check` measures both on the test cluster, round by round, and tells helm's own share apart.

use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::{Bench, programs};

/// As many lines as a kubelet serves at most: then the log has 10 MiB, and is rotated.
const LINES: u32 = 35_000;

/// Measures it.
///
/// # Errors
/// If the test cluster is not there, or one of the two fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let mut results = bench.results("idle");
    let there = bench.root.join("target/cluster/images.env").is_file();
    ensure!(
        there,
        "this section needs the test cluster: start tests/cluster/up, tests/cluster/images and tests/install"
    );
    let mut command = Command::new(bench.root.join("bench/idle-check"));
    command.arg("--table").arg(bench.rounds.to_string()).arg(LINES.to_string());
    command.env("HOTDESK_BIN_DIR", bench.root.join("target/release"));
    for line in programs::output(&mut command)?.lines() {
        let [variant, measure, value] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("it says {line}") };
        let measure = match measure {
            "CPU" => "CPU ms in all",
            "helm" => "CPU ms of helm",
            "rest" => "CPU ms without helm",
            "wall" => "ms in all",
            "peak" => "MiB at most, of the largest process",
            other => other,
        };
        results.add("idle, reaped", variant, measure, value.parse().with_context(|| line.to_owned())?);
    }
    results.note(format!(
        "{LINES} lines of log. hotdesk looks again before it acts, and then reads only the lines that came since; the \
         pipeline's log query was a Python program, for which kubectl stands here."
    ));
    results.save(&bench.out)
}
