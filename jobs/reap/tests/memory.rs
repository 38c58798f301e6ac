//! How much memory does a run take that reads a large log? As much as it does without, and some buffers: lines are read as they come.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test, and uses a part of the fault table's world"
)]

#[path = "faults/objects.rs"]
mod objects;
#[path = "support/pod_log.rs"]
mod pod_log;
#[path = "faults/world.rs"]
mod world;

use self::world::{idle, line};

/// What an hour of a busy controller's log comes to.
const LOG: usize = 10 << 20;
/// The most that may be resident, in KiB. A program that is not optimised is 20 MiB larger by itself.
const MOST: usize = if cfg!(debug_assertions) { 52 << 10 } else { 32 << 10 };
/// How much more that may be than with a log of some lines.
const MORE: usize = 4 << 10;
/// helm says what the program that called it has had resident at most; by then the log has been read twice.
const HELM: &str = r#"sed -n 's/^VmHWM: *//p' "/proc/$PPID/status" >>"$(dirname "$0")/uninstalls""#;

/// The most that was resident, in KiB, in a run over a log of this size.
fn peak(bytes: usize) -> usize {
    let mut world = idle();
    world.helm = HELM;
    let at = |minutes| line(minutes, "mewtwo-web-80", "/", "curl/8.5");
    world.log = at(590) + &at(30).repeat(bytes / at(30).len()) + &at(1);
    let ran = world.run();
    let told = ran.uninstalls.iter().find_map(|line| line.trim().strip_suffix(" kB"));
    told.unwrap_or_else(|| panic!("helm was not asked: {ran:?}")).trim().parse().unwrap()
}

#[test]
fn a_log_of_10_mib_is_read_within_32_mib() {
    let (few, most) = (peak(1 << 10), peak(LOG));
    assert!(most < MOST, "{most} KiB, and may be {MOST}");
    assert!(most < few + MORE, "{most} KiB, and {few} with some lines");
}
