//! What is to be written, so that the Slots say what the sheet says, and nothing else changes?

use std::collections::BTreeMap;

use hotdesk_sheet::{Problem, Wanted, Warning};
use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::{Claim, ClaimView};
use jiff::Timestamp;
use serde_json::Value;

use crate::plan::decide::{CurrentSlot, Decision};
use crate::rows::{Holding, Judged};

mod decide;
pub mod dry_run;
mod elsewhere;

/// Under which name the API server knows what we wrote.
pub const MANAGER: &str = hotdesk_slots::origin::SYNC;

/// So many releases at once are an ordinary day, however few claims there are.
const ORDINARY: usize = 2;

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What to write, a Slot each.
    pub changes: Vec<Change>,
    /// Everything that is wrong with the sheet, from the judgement and against the Slots.
    pub problems: Vec<Problem>,
    /// What may not be meant so in the sheet, and counts all the same.
    pub warnings: Vec<Warning>,
    /// What the condition of each Slot shall say; none for a Slot that has nothing to do with the sheet.
    pub slot_reports: BTreeMap<String, SlotReport>,
    /// Why nothing is written, although there would be something.
    pub held_back: Option<String>,
}

/// What is written to one Slot, on the version that was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The slot.
    pub slot: String,
    /// The Slot's `resourceVersion`: if it has changed since, nothing is written.
    pub version: String,
    /// What it comes to.
    pub what: What,
    /// A merge patch that takes away what an apply would leave.
    pub remove: Option<Value>,
    /// The `spec` to apply.
    pub apply: Option<Value>,
    /// The claim that this makes, to know it again.
    pub wanted: Option<Wanted>,
    /// Who changed the sheet's claim in the Slot, so that it is written again.
    pub undoes: Option<String>,
}

/// What a change comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The slot has a new owner.
    Claimed,
    /// The claim changes, and its owner does not.
    Changed,
    /// The slot is free.
    Released,
    /// Only the host, or how long the slot is kept.
    Settings,
    /// The slot has left the sheet, and its claim is what an administrator made of it: it is the sheet's no more.
    GivenUp,
}

/// What the condition of a Slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotReport {
    /// Its claim is the sheet's.
    Follows,
    /// Its row has problems.
    Refused(String),
    /// Its claim would go, and stays until somebody has looked.
    Held(String),
    /// The sheet cannot be read.
    Stale(String),
}

/// What was written before, so that what the webhook made of it is not taken for a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<String, (Wanted, i64)>);

impl Memory {
    /// Notes what was written, and the generation of the Slot that came of it.
    pub fn note(&mut self, slot: &str, wanted: Wanted, generation: i64) {
        self.0.insert(slot.to_owned(), (wanted, generation));
    }

    fn knows(&self, slot: &str, wanted: &Wanted, generation: Option<i64>) -> bool {
        self.0.get(slot).is_some_and(|(written, then)| written == wanted && Some(*then) == generation)
    }
}

/// The name of a slot is that of its Slot's namespace.
#[must_use]
pub fn name_of(slot: &Slot) -> &str {
    slot.metadata.namespace.as_deref().unwrap_or_default()
}

/// Who holds which slot.
#[must_use]
pub fn holdings(slots: &[Slot], now: Timestamp) -> BTreeMap<String, Holding> {
    let holding = |slot: &Slot| {
        let Some(claim) = &slot.spec.claim else { return Holding::Nobody };
        let view = ClaimView::parse_lossy(claim);
        let owner = view.owner().cloned();
        match view.state_at(now) {
            ClaimState::Held(_) if claim.is_sheets() => Holding::Sheet(owner),
            ClaimState::Held(_) => Holding::Elsewhere(owner),
            ClaimState::Free | ClaimState::Lapsed(_) => Holding::Nobody,
        }
    };
    slots.iter().map(|slot| (name_of(slot).to_owned(), holding(slot))).collect()
}

/// Makes the plan. `confirmed`: the operator says that clearing many claims is meant.
#[must_use]
pub fn plan(judged: &Judged, slots: &[Slot], memory: &Memory, confirmed: bool, now: Timestamp) -> Plan {
    let (problems, warnings) = (judged.problems.clone(), judged.warnings.clone());
    let mut plan = Plan { problems, warnings, ..Plan::default() };
    for slot in slots {
        let current = CurrentSlot { slot, judged, memory, now };
        match current.decide() {
            Decision::Leave => {}
            Decision::Follow(change) => {
                plan.slot_reports.insert(name_of(slot).to_owned(), SlotReport::Follows);
                plan.changes.extend(change);
            }
            Decision::Settle(change) => plan.changes.push(change),
            Decision::Refuse(problem) => plan.problems.extend(problem),
            Decision::Hold(why) => drop(plan.slot_reports.insert(name_of(slot).to_owned(), SlotReport::Held(why))),
        }
    }
    let ours = slots.iter().filter(|slot| slot.spec.claim.as_ref().is_some_and(Claim::is_sheets)).count();
    plan.hold_back_clearing(ours, judged.rows, confirmed);
    plan.say_what_is_refused();
    plan
}

impl Plan {
    /// A sheet that loses most of its claims at once has more likely had an accident.
    fn hold_back_clearing(&mut self, ours: usize, rows: usize, confirmed: bool) {
        let cleared: Vec<&Change> = self.changes.iter().filter(|change| change.what == What::Released).collect();
        let count = cleared.len();
        let suspicious = count > 0 && (rows == 0 || (count > ORDINARY && count * 2 > ours));
        if confirmed || !suspicious {
            return;
        }
        let emptied = if rows == 0 {
            "the sheet has no rows any more".to_owned()
        } else {
            format!("{count} of {ours} claims would go")
        };
        let why = format!(
            "{emptied}, so nothing is changed. If that is meant, let one pass run with --confirm-clearing; if not, \
             fix the sheet (File > Version history)"
        );
        for change in cleared {
            self.slot_reports.insert(change.slot.clone(), SlotReport::Held(why.clone()));
        }
        self.changes.clear();
        self.held_back = Some(why);
    }

    fn say_what_is_refused(&mut self) {
        let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for problem in &self.problems {
            if let Some(slot) = &problem.slot {
                refused.entry(slot.clone()).or_default().push(problem.to_string());
            }
        }
        let slot_reports = refused.into_iter().map(|(slot, problems)| (slot, SlotReport::Refused(problems.join("; "))));
        self.slot_reports.extend(slot_reports);
    }
}

impl What {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Claimed, Self::Changed, Self::Released, Self::Settings, Self::GivenUp];

    /// One word for logs and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Changed => "changed",
            Self::Released => "released",
            Self::Settings => "settings",
            Self::GivenUp => "given-up",
        }
    }
}

#[cfg(test)]
mod tests;
