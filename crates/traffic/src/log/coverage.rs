//! Does what can be read of a container's log reach back to the start of the window?
//!
//! The kubelet serves only the newest log file, of the running container and of the one before it.
//! A log that was rotated, or a predecessor whose log is gone, may have held the only sign of use.

use hotdesk_slots::covered::Covered;
use jiff::{SignedDuration, Timestamp};

/// How long after its start a container's first line may come for the log to be whole. The kubelet
/// looks whether to rotate every ten seconds, so no file of a whole log begins later than this.
const FIRST_LINE: SignedDuration = SignedDuration::from_secs(5);

/// One life of a container, between two restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerRun {
    /// When it started, by the node's clock.
    pub started: Timestamp,
    /// The earliest line that can be read; none if there is no line.
    pub earliest: Option<Timestamp>,
}

/// Whether the lives of a container, the running one first, cover the time since a moment.
///
/// # Errors
/// Says what is missing, as the end of a sentence about the container.
pub fn covers(container_runs: &[ContainerRun], since: Timestamp) -> Result<(), String> {
    for life in container_runs {
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
    let started = container_runs.last().map_or_else(|| "?".to_owned(), |life| seconds(life.started));
    Err(format!("started at {started}, within the window, and what was served before cannot be read"))
}

/// The earliest moment from which on the lives of a container, the running one first, can be read without a gap.
#[must_use]
pub fn reach(container_runs: &[ContainerRun]) -> Option<Timestamp> {
    let mut reach = None;
    for life in container_runs {
        let Some(earliest) = life.earliest else { return reach };
        if earliest > life.started.saturating_add(FIRST_LINE).unwrap_or(Timestamp::MAX) {
            return Some(earliest);
        }
        reach = Some(life.started);
    }
    reach
}

/// From when on a log must be readable now: since the start of the window, unless earlier readings join up from there.
/// The end of an earlier reading is read twice, so that clocks that differ a little leave no gap.
#[must_use]
pub fn needed(before: Option<&Covered>, since: Timestamp, overlap: SignedDuration) -> Timestamp {
    let joined = before.filter(|before| before.since.0 <= since);
    let end = joined.and_then(|before| before.through.0.checked_sub(overlap).ok());
    end.map_or(since, |end| end.max(since))
}

/// What is covered after a reading from `from` to `through` that showed nobody.
#[must_use]
pub fn join(before: Option<&Covered>, from: Timestamp, through: Timestamp, overlap: SignedDuration) -> Timestamp {
    let joins = |before: &&Covered| {
        before.through.0 <= through && before.through.0.saturating_sub(overlap).is_ok_and(|end| end >= from)
    };
    before.filter(joins).map_or(from, |before| before.since.0.min(from))
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    fn life(started: &str, earliest: &str) -> ContainerRun {
        ContainerRun { started: at(started), earliest: (!earliest.is_empty()).then(|| at(earliest)) }
    }

    #[track_caller]
    fn check(what: &str, container_runs: &[ContainerRun], expected: Result<(), &str>) {
        match (covers(container_runs, at("14:00:00")), expected) {
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

    #[track_caller]
    fn check_reach(container_runs: &[ContainerRun], expected: Option<&str>) {
        assert_eq!(reach(container_runs), expected.map(at), "{container_runs:?}");
    }

    #[test]
    fn a_log_reaches_back_to_its_rotation_or_to_the_start_of_the_oldest_life() {
        check_reach(&[], None);
        check_reach(&[life("08:00:00", "")], None);
        check_reach(&[life("08:00:00", "14:20:00")], Some("14:20:00"));
        check_reach(&[life("14:10:00", "14:10:01")], Some("14:10:00"));
        check_reach(&[life("14:10:00", "14:10:01"), life("08:00:00", "13:50:00")], Some("13:50:00"));
        check_reach(&[life("14:10:00", "14:10:01"), life("08:00:00", "")], Some("14:10:00"));
        check_reach(&[life("14:10:00", "14:30:00"), life("08:00:00", "08:00:01")], Some("14:30:00"));
    }

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    fn covered(since: &str, through: &str) -> Covered {
        Covered { source: String::new(), settings: String::new(), since: Time(at(since)), through: Time(at(through)) }
    }

    #[test]
    fn earlier_readings_that_cover_the_windows_start_leave_less_to_read() {
        let need = |before: Option<Covered>| needed(before.as_ref(), at("14:00:00"), MINUTE);
        assert_eq!(need(None), at("14:00:00"));
        assert_eq!(need(Some(covered("13:30:00", "14:50:00"))), at("14:49:00"));
        assert_eq!(need(Some(covered("14:00:00", "14:50:00"))), at("14:49:00"));
        assert_eq!(need(Some(covered("14:00:01", "14:50:00"))), at("14:00:00"), "it begins within the window");
        assert_eq!(need(Some(covered("12:00:00", "13:00:00"))), at("14:00:00"), "it ended before the window");
    }

    #[test]
    fn readings_join_up_only_without_a_gap() {
        let join = |before: Covered, from: &str| join(Some(&before), at(from), at("15:00:00"), MINUTE);
        assert_eq!(join(covered("13:30:00", "14:50:00"), "14:40:00"), at("13:30:00"));
        assert_eq!(join(covered("13:30:00", "14:50:00"), "14:49:00"), at("13:30:00"));
        assert_eq!(join(covered("13:30:00", "14:50:00"), "14:49:01"), at("14:49:01"), "a gap, or nearly one");
        assert_eq!(join(covered("13:30:00", "14:50:00"), "13:00:00"), at("13:00:00"), "this one reaches further");
        assert_eq!(join(covered("13:30:00", "15:00:01"), "14:40:00"), at("14:40:00"), "it ends in the future");
    }
}
