//! What is a row of the table, and when does it hold?

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Failed;

use crate::stage::World;

/// One attack: who does what, and what must happen.
pub struct Row {
    /// The row of the attack table; several rows may share one.
    pub id: &'static str,
    /// As whom.
    pub who: &'static str,
    /// What they try.
    pub what: Cow<'static, str>,
    /// What must happen.
    pub must: &'static str,
    /// The steps, and the claims about what they came to.
    pub play: Play,
}

/// The steps of a row.
pub type Play = Box<dyn FnOnce(&World) -> Verdict + Send>;

/// Whether a row holds.
pub type Verdict = Result<(), Failure>;

/// Why a row does not hold.
#[derive(Debug)]
pub enum Failure {
    /// The attack worked.
    Breach(String),
    /// It did not work, and for another reason than the row says.
    Wrong(String),
}

/// What most rows say must happen.
pub const DENIED: &str = "denied, naming alice; nothing changes";

/// A row of the table.
pub fn row(
    id: &'static str,
    who: &'static str,
    what: impl Into<Cow<'static, str>>,
    must: &'static str,
    play: impl FnOnce(&World) -> Verdict + Send + 'static,
) -> Row {
    Row { id, who, what: what.into(), must, play: Box::new(play) }
}

impl Row {
    /// Such as `a05 bob scales alice's Deployment: denied, naming alice; nothing changes`.
    pub fn name(&self) -> String {
        let Self { id, who, what, must, .. } = self;
        format!("{id} {who} {what}: {must}")
    }
}

/// How many rows were played, and how many attacks worked.
#[derive(Debug, Default)]
pub struct Tally {
    rows: AtomicUsize,
    breaches: AtomicUsize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        write!(f, "{} attack rows, {} breaches", count(&self.rows), count(&self.breaches))
    }
}

/// Plays a row.
pub fn judge(row: Row, world: &World, tally: &Tally) -> Result<(), Failed> {
    tally.rows.fetch_add(1, Ordering::Relaxed);
    match (row.play)(world) {
        Ok(()) => Ok(()),
        Err(Failure::Wrong(why)) => Err(format!("not as the table says: {why}").into()),
        Err(Failure::Breach(why)) => {
            tally.breaches.fetch_add(1, Ordering::Relaxed);
            Err(format!("BREACH: {why}").into())
        }
    }
}

/// A breach, unless this is true.
pub fn held(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Failure::Breach(why())) }
}

/// Wrong, unless this is true.
pub fn right(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Failure::Wrong(why())) }
}
