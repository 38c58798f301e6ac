//! Whose cluster is it, and what is said of a test that cannot run there?

use std::io::Write as _;

use crate::people::cluster_dir;

/// True for the cluster of `tests/cluster/up`, of which everything is known; false for one that somebody named.
pub fn is_own() -> bool {
    let settings = std::fs::read_to_string(cluster_dir().join("cluster.env")).unwrap();
    settings.lines().any(|line| line == "HOTDESK_CLUSTER=own")
}

/// Says that the test of this thread does not run, and why.
///
/// The line goes past the test harness, which shows nothing of a test that passes; `tests/run` counts it.
pub fn not_run(why: &str) {
    let thread = std::thread::current();
    let line = format!("NOT RUN {}: {why}\n", thread.name().unwrap_or("a test"));
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
