//! Waiting on conditions.

use std::time::{Duration, Instant};

/// Asks until there is an answer, or fails saying what was waited for and what was seen last.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) if started.elapsed() > limit => panic!("waited {limit:?} for {what}; last seen: {last}"),
            #[allow(clippy::disallowed_methods)] // the pause between two looks at a condition
            Err(_) => std::thread::sleep(Duration::from_millis(150)),
        }
    }
}
