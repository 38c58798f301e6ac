//! How are the results shown? As tables in `docs/performance.md`, between two markers.

use crate::Bench;

/// Writes the tables of everything that has been measured.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write(bench: &Bench) -> anyhow::Result<()> {
    bench.say("not written yet");
    Ok(())
}
