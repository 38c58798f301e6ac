//! What the three targets share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hotdesk_fuzz::OPTIMISED;
use hotdesk_fuzz::check::{Outcome, Problem, slowest};

/// Tries one input. libFuzzer keeps an input that panics. The slowest answer so far is said whenever it is slower by a half.
pub fn run(target: fn(&[u8], Duration) -> Result<Outcome, Problem>, data: &[u8]) {
    static SAID: AtomicU64 = AtomicU64::new(0);
    if let Err(problem) = target(data, OPTIMISED) {
        panic!("{problem}");
    }
    let slowest = u64::try_from(slowest().as_micros()).unwrap_or(u64::MAX);
    if slowest > SAID.load(Ordering::Relaxed) / 2 * 3 {
        SAID.store(slowest, Ordering::Relaxed);
        eprintln!("slowest answer: {slowest} us, {} bytes of input", data.len());
    }
}
