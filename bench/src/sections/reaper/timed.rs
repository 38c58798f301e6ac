//! How much CPU time does a program take, to the millisecond?
//!
//! The kernel tells the process that waits for a child; bash says it in thousandths, where `/proc` has hundredths.

use std::process::{Command, Output};

use anyhow::ensure;

use crate::programs;

/// What a program wrote, and what it took.
#[derive(Debug)]
pub(super) struct Timed {
    /// What it wrote, and how it ended.
    pub(super) output: Output,
    /// CPU time of the program and of all that it waited for, in user and kernel.
    pub(super) cpu: f64,
}

/// Runs a program, however it ends. What it writes to stderr is not kept.
///
/// # Errors
/// If it cannot be started.
pub(super) fn timed(command: &Command) -> anyhow::Result<Timed> {
    let mut shell = Command::new("bash");
    shell.args(["-c", r#"TIMEFORMAT="%3U %3S"; time "$@" 2>/dev/null"#, "bash"]).arg(command.get_program());
    shell.args(command.get_args()).env("LC_ALL", "C");
    for (key, value) in command.get_envs() {
        value.map(|value| shell.env(key, value));
    }
    let output = programs::finished(&mut shell)?;
    let shown = String::from_utf8_lossy(&output.stderr);
    let numbers: Vec<f64> = shown.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, kernel] = numbers.as_slice() else { anyhow::bail!("bash timed nothing: {shown}") };
    ensure!(output.status.code() != Some(127), "{} cannot be started", command.get_program().display());
    Ok(Timed { cpu: user + kernel, output })
}
