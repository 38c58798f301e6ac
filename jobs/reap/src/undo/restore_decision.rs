//! What is to be done to bring one release back, given what is there now?
//!
//! A reviver may have been killed at any moment, and people may have deployed since. All revisions of one
//! installation have the moment of its first deploy in common, and no other installation has it: that tells what is ours
//! to go on with from what must be left alone.

use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::undo::ObjectRef;
use jiff::Timestamp;

use crate::helm::release::{Driver, Phase};

/// A record of this release's name that is in the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Where.
    pub driver: Driver,
    /// The object.
    pub object: String,
    /// Its revision.
    pub revision: i64,
    /// True if it is what was saved, byte by byte.
    pub as_saved: bool,
    /// What it says, or why it cannot be read.
    pub says: Result<Says, String>,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Says {
    /// When its installation was first deployed.
    pub first_deployed: Timestamp,
    /// Its phase.
    pub phase: Phase,
    /// True for a rollback that is under way, or that failed or was killed.
    pub rolling_back: bool,
    /// True for a rollback that was done.
    pub rolled_back: bool,
}

/// An object of the release, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// Which.
    pub object: ObjectRef,
    /// True if it was told to stay.
    pub kept: bool,
    /// What it is now.
    pub state: State,
}

/// What an object is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is not there, and can be made.
    Absent,
    /// It is there, and this release's.
    There,
    /// It is there, and on its way out; what it waits for, if anything.
    Leaving(Vec<String>),
    /// It is there, and somebody else's, in words.
    Others(String),
    /// It is not there, and this service account may not make it.
    Forbidden,
    /// The cluster knows no such kind.
    UnknownKind,
    /// It cannot be read.
    Hidden,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put the record back and roll back to it.
    Restore {
        /// Objects that helm must leave as they are.
        untouched: Vec<ObjectRef>,
        /// Records of revivers that were killed or failed. They must go first: helm deletes what the newest record names
        /// and the one that it rolls back to does not, and what was kept is left out of that one.
        stale: Vec<(Driver, String)>,
    },
    /// It is there already; only what a reviver does last may be left to do.
    Done {
        /// What is there.
        why: String,
        /// Objects that helm was to leave as they are.
        untouched: Vec<ObjectRef>,
        /// True if nobody has deployed it since: the records are then those of a reap, or of a reviver.
        ours: bool,
    },
    /// Look again in a moment.
    Wait(String),
    /// Leave it, and say why.
    Leave(String),
}

/// Judges one release, of which this revision worked last.
#[must_use]
pub fn judge(first_deployed: Timestamp, revision: i64, present: &[Present], objects: &[Now]) -> Step {
    let newest = present.iter().filter(|record| !is_beyond(record, revision, first_deployed));
    let newest = newest.max_by_key(|record| record.revision);
    if let Some(newest) = newest {
        let says = match &newest.says {
            Ok(says) => says,
            Err(why) => {
                return Step::Leave(format!("the record {} cannot be read: {why}", sanitize_short(&newest.object)));
            }
        };
        if says.first_deployed != first_deployed {
            return Step::Leave(format!(
                "a release of that name has been installed since (revision {})",
                newest.revision
            ));
        }
        let done = |why: String, ours: bool| Step::Done { why, untouched: untouched(objects), ours };
        match says.phase {
            Phase::Uninstalling => {}
            Phase::Pending if !says.rolling_back => {
                return Step::Leave(format!("somebody is deploying it (revision {})", newest.revision));
            }
            Phase::Failed if newest.revision > revision && !says.rolling_back => {
                return Step::Leave(format!(
                    "somebody tried to deploy it since (revision {}): go on from there with helm",
                    newest.revision
                ));
            }
            Phase::Pending => {}
            Phase::Failed if newest.revision > revision => {}
            _ if newest.revision > revision => {
                let ours = newest.revision == revision.saturating_add(1) && says.rolled_back;
                return done(format!("it is there already (revision {})", newest.revision), ours);
            }
            _ if objects.iter().all(|now| now.kept || now.state == State::There) => {
                return done("it is there: it was not uninstalled".to_owned(), true);
            }
            _ => {}
        }
    }
    let stale = present.iter().filter(|record| {
        let rolling_back = record.revision > revision && record.says.as_ref().is_ok_and(|says| says.rolling_back);
        rolling_back || is_beyond(record, revision, first_deployed)
    });
    let stale = stale.map(|record| (record.driver, record.object.clone())).collect();
    obstacle(objects).unwrap_or_else(|| Step::Restore { untouched: untouched(objects), stale })
}

/// True for the record of a revision that did not work and is newer than the one that did, as it was saved or as a reap that
/// could not finish has left it. It goes while helm rolls back, and comes back after that.
fn is_beyond(record: &Present, revision: i64, first_deployed: Timestamp) -> bool {
    let half_gone = |says: &Says| says.phase == Phase::Uninstalling && says.first_deployed == first_deployed;
    record.revision > revision && (record.as_saved || record.says.as_ref().is_ok_and(half_gone))
}

/// What was kept is as people left it, and stays so. What cannot be seen was kept because it is out of reach.
fn untouched(objects: &[Now]) -> Vec<ObjectRef> {
    let stays = |now: &&Now| now.kept && matches!(now.state, State::There | State::Hidden);
    objects.iter().filter(stays).map(|now| now.object.clone()).collect()
}

fn obstacle(objects: &[Now]) -> Option<Step> {
    let all = |wanted: fn(&Now) -> bool| -> Vec<String> {
        objects.iter().filter(|now| wanted(now)).map(|now| now.object.to_string()).collect()
    };
    let others = objects.iter().find_map(|now| match &now.state {
        State::Others(whose) => Some(format!("{} is there and {whose}: remove or rename it first", now.object)),
        _ => None,
    });
    let forbidden = all(|now| now.state == State::Forbidden || now.state == State::Hidden && !now.kept);
    let unknown = all(|now| now.state == State::UnknownKind);
    let leaving = objects.iter().filter_map(|now| match &now.state {
        State::Leaving(finalizers) if finalizers.is_empty() => Some(now.object.to_string()),
        State::Leaving(finalizers) => {
            Some(format!("{} (which waits for its finalizer {})", now.object, list(finalizers)))
        }
        _ => None,
    });
    let leaving: Vec<String> = leaving.collect();
    if let Some(why) = others {
        Some(Step::Leave(why))
    } else if !unknown.is_empty() {
        Some(Step::Leave(format!("the cluster no longer knows the kind of {}", list(&unknown))))
    } else if !forbidden.is_empty() {
        Some(Step::Leave(format!(
            "the reviver may not make {}: install the release again, or have revive.clusterRole widened",
            list(&forbidden)
        )))
    } else if leaving.is_empty() {
        None
    } else {
        Some(Step::Wait(format!("{} is still being deleted", list(&leaving))))
    }
}

#[cfg(test)]
mod tests;
