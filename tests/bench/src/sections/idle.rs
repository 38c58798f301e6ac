//! What does a whole idle check cost, beside the pipeline that it replaces?

use crate::Bench;

/// Measures it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    bench.say("not written yet");
    Ok(())
}
