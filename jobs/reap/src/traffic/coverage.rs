//! Does what can be read of a container's log reach back to the start of the window?
//!
//! The kubelet serves only the newest log file, of the running container and of the one before it.
//! A log that was rotated, or a predecessor whose log is gone, may have held the only sign of use.

use jiff::{SignedDuration, Timestamp};

/// How long after its start a container's first line may come for the log to be whole. The kubelet
/// looks whether to rotate every ten seconds, so no file of a whole log begins later than this.
const FIRST_LINE: SignedDuration = SignedDuration::from_secs(5);

/// One life of a container, between two restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it started, by the node's clock.
    pub started: Timestamp,
    /// The earliest line that can be read; none if there is no line.
    pub earliest: Option<Timestamp>,
}

/// Whether the lives of a container, the running one first, cover the time since a moment.
///
/// # Errors
/// Says what is missing, as the end of a sentence about the container.
pub fn covers(lives: &[Life], since: Timestamp) -> Result<(), String> {
    for life in lives {
        let Some(earliest) = life.earliest else {
            return Err("has an empty log, which a rotated one would be too".to_owned());
        };
        let from_its_start = earliest <= life.started.saturating_add(FIRST_LINE).unwrap_or(Timestamp::MAX);
        if earliest > since && !from_its_start {
            return Err(format!(
                "has a log that begins at {}, within the window: it was rotated, or silent until then",
                seconds(earliest)
            ));
        }
        if life.started <= since {
            return Ok(());
        }
    }
    let started = lives.last().map_or_else(|| "?".to_owned(), |life| seconds(life.started));
    Err(format!("started at {started}, within the window, and what was served before cannot be read"))
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    fn life(started: &str, earliest: &str) -> Life {
        Life { started: at(started), earliest: (!earliest.is_empty()).then(|| at(earliest)) }
    }

    #[track_caller]
    fn check(what: &str, lives: &[Life], expected: Result<(), &str>) {
        match (covers(lives, at("14:00:00")), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(part)) if found.contains(part) => {}
            (found, _) => panic!("{what}: {found:?}"),
        }
    }

    #[test]
    fn a_log_covers_what_it_reaches_back_to() {
        check("older than the window", &[life("08:00:00", "08:00:01")], Ok(()));
        check("rotated before the window", &[life("08:00:00", "13:59:59")], Ok(()));
        check("to the second", &[life("08:00:00", "14:00:00")], Ok(()));
        check("rotated within the window", &[life("08:00:00", "14:20:00")], Err("begins at 14:20:00 UTC"));
        check("nothing to read", &[life("08:00:00", "")], Err("empty log"));
        check("began just before the window", &[life("13:59:58", "14:00:01")], Ok(()));
    }

    #[test]
    fn a_container_that_started_within_the_window_leaves_a_gap() {
        check("a new pod", &[life("14:20:00", "14:20:01")], Err("started at 14:20:00 UTC"));
        check("restarted once", &[life("14:20:00", "14:20:01"), life("08:00:00", "08:00:01")], Ok(()));
        check(
            "restarted twice",
            &[life("14:20:00", "14:20:01"), life("14:10:00", "14:10:01")],
            Err("started at 14:10:00 UTC"),
        );
        let rotated_since = [life("14:20:00", "14:40:00"), life("08:00:00", "08:00:01")];
        check("rotated since the restart", &rotated_since, Err("begins at 14:40:00 UTC"));
        let rotated_before = [life("14:20:00", "14:20:01"), life("08:00:00", "14:15:00")];
        check("rotated before the restart", &rotated_before, Err("begins at 14:15:00 UTC"));
        check("the log before is empty", &[life("14:20:00", "14:20:01"), life("08:00:00", "")], Err("empty log"));
        check("no life at all", &[], Err("cannot be read"));
    }
}
