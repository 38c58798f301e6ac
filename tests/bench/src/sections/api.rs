//! What does a write cost through the API server?

use crate::Bench;

/// Measures it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    bench.say("not written yet");
    Ok(())
}
