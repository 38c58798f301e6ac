//! Whatever a review holds many of, an answer takes as long as there are many: never as the square of it.
//!
//! Rows a95 and a96 of the attack table. What is compared is the CPU time of the thread, so other work on the machine
//! does not count. `cargo run --release -p hotdesk-webhook --example linear` says what the released program takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by a panic"
)]

#[path = "../examples/linear.rs"]
#[allow(dead_code, reason = "the example has a main, too")]
mod example;

use std::time::Duration;

use example::{KINDS, Kind, MANY, cost};

/// Of CPU time. In an optimised program (`tests/fuzz` runs this file so) it is below 50 ms (docs/reliability.md); some machines are
/// slower. Without optimisation it was 1.15 s at most.
const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_500 } else { 75 });
/// Ten times as many things may take so many times as long: memory that is further away is slower.
const FACTOR: u32 = 16;
/// Other work takes caches and memory too, so what looks too slow is measured again.
const TRIES: u32 = 6;
/// How often the few things are measured for each try. Linux counts a running thread's time at its ticks, which may lie on either
/// side of so short an answer: one measurement can be zero, and many are right on average.
const SAMPLES: u32 = 10;

#[track_caller]
fn check(kind: &Kind) {
    let (mut few, mut most) = (Duration::ZERO, Duration::MAX);
    for tried in 1..=TRIES {
        few += (0..SAMPLES).map(|_| cost(kind, MANY / 10)).sum::<Duration>();
        most = most.min(cost(kind, MANY));
        if most < MOST && most < few / (tried * SAMPLES) * FACTOR {
            return;
        }
    }
    panic!("{}: {:?} for {}, {most:?} for {MANY}", kind.name, few / (TRIES * SAMPLES), MANY / 10);
}

#[test]
fn a95_a96_an_answer_takes_as_long_as_there_are_keys_groups_names_and_extras() {
    for kind in KINDS {
        check(kind);
    }
}
