//! What do many Slots and many claimants cost?

use crate::Bench;

/// Measures it.
///
/// # Errors
/// If a program cannot be started, or a request fails.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    bench.say("not written yet");
    Ok(())
}
