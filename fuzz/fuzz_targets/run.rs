//! What the three targets share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hotdesk_fuzz::OPTIMISED;
use hotdesk_fuzz::check::{Outcome, Problem, slowest};

/// How long an answer may take here: the fuzzer's look at each comparison of two texts takes as long as the answer, where
/// thousands of keys are put in order.
const WATCHED: Duration = OPTIMISED.saturating_mul(2);

/// Faster answers are not worth a line, in microseconds.
const FAST: u64 = 100;

/// Tries one input. libFuzzer keeps an input that panics. The slowest answer so far is told whenever it is slower by a half.
pub fn run(target: fn(&[u8], Duration) -> Result<Outcome, Problem>, data: &[u8]) {
    static TOLD: AtomicU64 = AtomicU64::new(FAST);
    if let Err(problem) = target(data, WATCHED) {
        panic!("{problem}");
    }
    let (slowest, told) = (u64::try_from(slowest().as_micros()).unwrap_or(u64::MAX), TOLD.load(Ordering::Relaxed));
    if slowest > told + told / 2 {
        TOLD.store(slowest, Ordering::Relaxed);
        eprintln!("slowest answer: {slowest} us, {} bytes of input", data.len());
    }
}
