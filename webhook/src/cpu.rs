//! How much CPU time does a test take? Of this thread alone, so other work on the machine does not count.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that something takes.
pub(crate) fn time_of(run: impl FnOnce()) -> Duration {
    let began = clock_gettime(ClockId::ThreadCPUTime);
    run();
    let took = clock_gettime(ClockId::ThreadCPUTime) - began;
    Duration::try_from(took).unwrap_or_default()
}
