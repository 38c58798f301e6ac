//! What is to be written, so that the Slots say what the sheet says, and nothing else changes?

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::claim::Standing;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{list, plain};
use hotdesk_slots::{Claim, ClaimSource, ClaimView, Name};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Map, Value, json};

use crate::cells::{Kind, Problem};
use crate::rows::{Holding, Judged, Row, Wanted};

/// Under which name the API server knows what we wrote.
pub const MANAGER: &str = "hotdesk-sync";

/// So many releases at once are an ordinary day, however few claims there are.
const ORDINARY: usize = 2;

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What to write, a Slot each.
    pub changes: Vec<Change>,
    /// Everything that is wrong with the sheet, from the judgement and against the Slots.
    pub problems: Vec<Problem>,
    /// What the condition of each Slot shall say; none for a Slot that has nothing to do with the sheet.
    pub sayings: BTreeMap<String, Saying>,
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
}

/// What the condition of a Slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
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
        let view = ClaimView::lenient(claim);
        let owner = view.owner().cloned();
        match view.standing(now) {
            Standing::Held(_) if claim.is_sheets() => Holding::Sheet(owner),
            Standing::Held(_) => Holding::Elsewhere(owner),
            Standing::Free | Standing::Lapsed(_) => Holding::Nobody,
        }
    };
    slots.iter().map(|slot| (name_of(slot).to_owned(), holding(slot))).collect()
}

/// Makes the plan. `confirmed`: the operator says that clearing many claims is meant.
#[must_use]
pub fn plan(judged: &Judged, slots: &[Slot], memory: &Memory, confirmed: bool, now: Timestamp) -> Plan {
    let mut plan = Plan { problems: judged.problems.clone(), ..Plan::default() };
    for slot in slots {
        let present = Present { slot, judged, memory, now };
        match present.decide() {
            Decision::Leave => {}
            Decision::Follow(change) => {
                plan.sayings.insert(name_of(slot).to_owned(), Saying::Follows);
                plan.changes.extend(change);
            }
            Decision::Settle(change) => plan.changes.push(change),
            Decision::Refuse(problem) => plan.problems.extend(problem),
            Decision::Hold(why) => drop(plan.sayings.insert(name_of(slot).to_owned(), Saying::Held(why))),
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
             mend the sheet (File > Version history)"
        );
        for change in cleared {
            self.sayings.insert(change.slot.clone(), Saying::Held(why.clone()));
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
        let sayings = refused.into_iter().map(|(slot, problems)| (slot, Saying::Refused(problems.join("; "))));
        self.sayings.extend(sayings);
    }
}

enum Decision {
    /// It has nothing to do with the sheet.
    Leave,
    /// Its claim is the sheet's, after this change.
    Follow(Option<Change>),
    /// Something is written, and the slot then holds no claim of the sheet.
    Settle(Change),
    /// Its row has problems: those found before, and perhaps this one.
    Refuse(Option<Problem>),
    /// Its row is gone, and it is not safe to say that this is meant.
    Hold(String),
}

struct Present<'a> {
    slot: &'a Slot,
    judged: &'a Judged,
    memory: &'a Memory,
    now: Timestamp,
}

impl Present<'_> {
    fn decide(&self) -> Decision {
        let name = name_of(self.slot);
        if self.judged.refused.contains(name) {
            return Decision::Refuse(None);
        }
        match self.judged.good.get(name) {
            Some(row) => self.follow(row),
            None if !self.is_sheets() => Decision::Leave,
            None => match self.stray() {
                Some(why) => Decision::Hold(why),
                None => Decision::Settle(self.change(What::Released, None, &Row::default())),
            },
        }
    }

    fn follow(&self, row: &Row) -> Decision {
        let held = self.held_elsewhere();
        match &row.claim {
            None if self.is_sheets() => Decision::Settle(self.change(What::Released, None, row)),
            None => self.settings(row, None).map_or(Decision::Leave, Decision::Settle),
            // What has lapsed claims nothing; if it was the sheet's, it goes on saying so.
            Some(wanted) if wanted.has_lapsed(self.now) && !self.is_sheets() => Decision::Leave,
            Some(wanted) => match held.filter(|held| !keeps_owner(held, wanted)) {
                Some(held) => Decision::Refuse(Some(self.conflict(row, &held))),
                None if self.is_same(wanted) => Decision::Follow(self.settings(row, Some(wanted))),
                None => Decision::Follow(Some(self.change(self.what(wanted), Some(wanted), row))),
            },
        }
    }

    fn claim(&self) -> Option<&Claim> {
        self.slot.spec.claim.as_ref()
    }

    fn is_sheets(&self) -> bool {
        self.claim().is_some_and(Claim::is_sheets)
    }

    /// A claim in force that was not made in the sheet.
    fn held_elsewhere(&self) -> Option<ClaimView> {
        let view = self.claim().filter(|claim| !claim.is_sheets()).map(ClaimView::lenient)?;
        view.standing(self.now).held().is_some().then_some(view)
    }

    /// A row that may be this slot's, with its name mistyped or its formula broken.
    fn stray(&self) -> Option<String> {
        let view = self.claim().map(ClaimView::lenient)?;
        let stray = self.judged.strays.iter().find(|stray| match &stray.users {
            None => true,
            Some(users) => users.iter().any(|user| view.admits(std::slice::from_ref(user), &[])),
        })?;
        Some(format!("no row names it any more, but {} may be its row: mend that cell, or delete its row", stray.cell))
    }

    fn conflict(&self, row: &Row, held: &ClaimView) -> Problem {
        let name = name_of(self.slot);
        let owner = held.owner().map_or_else(|| list(&held.groups), |owner| plain(owner.as_str()));
        let what =
            format!("{name} is held by {owner}, who claimed it outside the sheet: it can be had once they release it");
        Problem { cell: row.cell.clone(), what, slot: Some(name.to_owned()), kind: Kind::Conflict }
    }

    fn is_same(&self, wanted: &Wanted) -> bool {
        let stored = self.claim().is_some_and(|claim| is_stored(claim, wanted));
        let known = || self.memory.knows(name_of(self.slot), wanted, self.slot.metadata.generation);
        self.is_sheets() && (stored || known())
    }

    fn what(&self, wanted: &Wanted) -> What {
        let was = self.claim().map(ClaimView::lenient);
        let owner = was.as_ref().filter(|was| was.standing(self.now).held().is_some()).and_then(ClaimView::owner);
        if owner.is_some() && owner == wanted.users.first() { What::Changed } else { What::Claimed }
    }

    /// The host and how long the slot is kept, where only they differ.
    fn settings(&self, row: &Row, wanted: Option<&Wanted>) -> Option<Change> {
        let spec = &self.slot.spec;
        let keep = spec.keep_until.as_ref().map(|at| at.0);
        let differs =
            |has: bool, cell: bool, same: bool, field: &str| has && if cell { !same } else { self.owns(field) };
        let host = differs(self.judged.has_host, row.host.is_some(), row.host == spec.host, "f:host");
        let kept = differs(self.judged.has_keep_until, row.keep_until.is_some(), row.keep_until == keep, "f:keepUntil");
        (host || kept).then(|| self.change(What::Settings, wanted, row))
    }

    fn change(&self, what: What, wanted: Option<&Wanted>, row: &Row) -> Change {
        let mut apply = Map::new();
        if let Some(wanted) = wanted {
            apply.insert("claim".to_owned(), applied(wanted));
        }
        let spec = &self.slot.spec;
        let host = self.setting(self.judged.has_host, row.host.clone(), spec.host.clone(), "f:host");
        let kept = spec.keep_until.as_ref().map(|at| at.0);
        let kept = self.setting(self.judged.has_keep_until, row.keep_until, kept, "f:keepUntil");
        let kept = kept.filter(|_| what != What::Released || row.keep_until.is_some());
        apply.extend(host.map(|host| ("host".to_owned(), json!(host))));
        apply.extend(kept.map(|kept| ("keepUntil".to_owned(), json!(kept))));
        let gives_up = what == What::Released && row.keep_until.is_none() && self.owns("f:keepUntil");
        Change {
            slot: name_of(self.slot).to_owned(),
            version: self.slot.metadata.resource_version.clone().unwrap_or_default(),
            what,
            remove: self.removal(what, wanted, gives_up),
            // An apply gives up whatever it leaves out, so a release of the claim needs one only for the rest.
            apply: (what != What::Released || !apply.is_empty()).then_some(Value::Object(apply)),
            wanted: wanted.cloned(),
            undoes: (self.is_sheets() && wanted.is_some()).then(|| self.stranger()).flatten(),
        }
    }

    /// What an apply must hold so that a setting is as it should be: the cell's; without such a column, what we own.
    fn setting<T>(&self, has_column: bool, cell: Option<T>, present: Option<T>, field: &str) -> Option<T> {
        if has_column { cell } else { present.filter(|_| self.owns(field)) }
    }

    /// Fields of the claim that an apply would leave, for others own them.
    fn removal(&self, what: What, wanted: Option<&Wanted>, gives_up_keep: bool) -> Option<Value> {
        let claim = self.claim()?;
        let Some(wanted) = wanted else {
            let released =
                if gives_up_keep { json!({"claim": null, "keepUntil": null}) } else { json!({"claim": null}) };
            return (what == What::Released).then_some(released);
        };
        let gone = [
            ("until", claim.until.is_some() && wanted.until.is_none()),
            ("purpose", claim.purpose.is_some() && wanted.purpose.is_empty()),
            ("groups", !claim.groups.is_empty()),
        ];
        let gone: Map<String, Value> =
            gone.into_iter().filter(|(_, gone)| *gone).map(|(field, _)| (field.to_owned(), Value::Null)).collect();
        (!gone.is_empty()).then(|| json!({"claim": gone}))
    }

    /// True if our last apply had this field of the spec.
    fn owns(&self, field: &str) -> bool {
        let ours = |entry: &&ManagedFieldsEntry| {
            entry.manager.as_deref() == Some(MANAGER) && entry.operation.as_deref() == Some("Apply")
        };
        let entries = self.slot.metadata.managed_fields.iter().flatten();
        entries.filter(ours).filter_map(spec_fields).any(|spec| spec.get(field).is_some())
    }

    /// Who else wrote into the claim.
    fn stranger(&self) -> Option<String> {
        let entries = self.slot.metadata.managed_fields.iter().flatten();
        let others = entries.filter(|entry| entry.manager.as_deref() != Some(MANAGER) && entry.subresource.is_none());
        let wrote = |entry: &&ManagedFieldsEntry| spec_fields(entry).is_some_and(|spec| spec.get("f:claim").is_some());
        let managers: BTreeSet<String> =
            others.filter(wrote).filter_map(|entry| entry.manager.as_deref()).map(plain).collect();
        (!managers.is_empty()).then(|| list(&managers.into_iter().collect::<Vec<_>>()))
    }
}

fn spec_fields(entry: &ManagedFieldsEntry) -> Option<&Value> {
    entry.fields_v1.as_ref()?.0.get("f:spec")
}

/// The claim as it is applied. Aliases are always named: others' would be kept, and belong to other people.
fn applied(wanted: &Wanted) -> Value {
    let names = |names: &[Name]| -> Vec<String> { names.iter().map(Name::to_string).collect() };
    let mut claim = json!({
        "users": names(&wanted.users),
        "aliases": names(&wanted.aliases),
        "source": ClaimSource::Sheet,
    });
    if let Some(fields) = claim.as_object_mut() {
        fields.extend(wanted.until.map(|until| ("until".to_owned(), json!(until))));
        fields.extend((!wanted.purpose.is_empty()).then(|| ("purpose".to_owned(), json!(wanted.purpose))));
    }
    claim
}

fn is_stored(claim: &Claim, wanted: &Wanted) -> bool {
    let same = |names: &[Name], texts: &[String]| names.iter().map(Name::as_str).eq(texts.iter().map(String::as_str));
    same(&wanted.users, &claim.users)
        && same(&wanted.aliases, &claim.aliases)
        && claim.groups.is_empty()
        && claim.purpose.as_deref().unwrap_or_default() == wanted.purpose
        && claim.until.as_ref().map(|until| until.0) == wanted.until
}

/// True if the owner of a claim is one of the people whom the sheet names: it takes the claim over, and nobody loses it.
fn keeps_owner(held: &ClaimView, wanted: &Wanted) -> bool {
    held.owner().is_some_and(|owner| wanted.users.contains(owner) || wanted.aliases.contains(owner))
}

impl What {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Claimed, Self::Changed, Self::Released, Self::Settings];

    /// One word for logs and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Changed => "changed",
            Self::Released => "released",
            Self::Settings => "settings",
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
