//! Whatever a review holds many of, an answer takes as long as there are many: never as the square of it.
//!
//! Rows a95 and a96 of the attack table. What is compared is the CPU time of the thread, so other work on the machine
//! does not count. `cargo run --release -p hotdesk-webhook --example linear` says what the released program takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

#[path = "../examples/linear.rs"]
#[allow(dead_code, reason = "the example has a main, too")]
mod example;

use std::time::Duration;

use example::{KINDS, Kind, MANY, cost};

/// In a released program it is below 50 ms (docs/reliability.md).
const MOST: Duration = Duration::from_secs(2);
/// Ten times as many things may take so many times as long: memory that is further away is slower.
const FACTOR: u32 = 30;

#[track_caller]
fn check(kind: &Kind) {
    let cost = |many| (0..3).map(|_| cost(kind, many)).min().unwrap();
    let (tenth, all) = (cost(MANY / 10), cost(MANY));
    assert!(all < MOST && all < tenth * FACTOR, "{}: {tenth:?} for {}, {all:?} for {MANY}", kind.name, MANY / 10);
}

#[test]
fn a95_a96_an_answer_takes_as_long_as_there_are_keys_groups_names_and_extras() {
    for kind in KINDS {
        check(kind);
    }
}
