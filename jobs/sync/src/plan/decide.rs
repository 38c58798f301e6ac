//! What becomes of one Slot, by its row and by what it holds?

use hotdesk_sheet::{Problem, Row, Wanted};
use hotdesk_slots::origin::{CONDITION, written_over_by};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::list;
use hotdesk_slots::{Claim, ClaimSource, ClaimView, Name};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ManagedFieldsEntry};
use serde_json::{Map, Value, json};

use super::elsewhere::{conflict, keeps_host, says_the_same};
use super::{Change, MANAGER, Memory, What, name_of};
use crate::rows::Judged;

/// What becomes of a Slot.
pub(super) enum Decision {
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

pub(super) struct CurrentSlot<'a> {
    pub(super) slot: &'a Slot,
    pub(super) judged: &'a Judged,
    pub(super) memory: &'a Memory,
    pub(super) now: Timestamp,
}

impl CurrentSlot<'_> {
    pub(super) fn decide(&self) -> Decision {
        let name = name_of(self.slot);
        if self.judged.refused.contains(name) {
            return Decision::Refuse(None);
        }
        match self.judged.good.get(name) {
            Some(row) => self.follow(row),
            None if !self.is_sheets() => Decision::Leave,
            None => match self.stray() {
                Some(why) => Decision::Hold(why),
                None if self.stranger().is_some() => Decision::Settle(self.given_up()),
                None => Decision::Settle(self.change(What::Released, None, &Row::default())),
            },
        }
    }

    fn follow(&self, row: &Row) -> Decision {
        if let Some(held) = self.held_elsewhere() {
            return self.leave_to(&held, row);
        }
        match &row.claim {
            None if self.is_sheets() => Decision::Settle(self.change(What::Released, None, row)),
            None => self.settings(row, None).map_or(Decision::Leave, Decision::Settle),
            // What has lapsed claims nothing; if it was the sheet's, it goes on saying so.
            Some(wanted) if wanted.has_lapsed(self.now) && !self.is_sheets() => Decision::Leave,
            Some(wanted) if self.is_same(wanted) && self.stranger().is_none() => {
                Decision::Follow(self.settings(row, Some(wanted)))
            }
            Some(wanted) => Decision::Follow(Some(self.change(self.what(wanted), Some(wanted), row))),
        }
    }

    /// A claim in force that was made elsewhere: the row may give the slot a host that has none, and nothing else.
    fn leave_to(&self, held: &ClaimView, row: &Row) -> Decision {
        if let Some(wanted) = &row.claim
            && !wanted.has_lapsed(self.now)
            && !says_the_same(held, wanted)
        {
            return Decision::Refuse(Some(conflict(self.slot, row, held)));
        }
        match (&self.slot.spec.host, &row.host) {
            (Some(host), Some(other)) if host != other => {
                Decision::Refuse(Some(keeps_host(self.slot, row, held, host)))
            }
            _ => self.settings(row, None).map_or(Decision::Leave, Decision::Settle),
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
        let view = self.claim().filter(|claim| !claim.is_sheets()).map(ClaimView::parse_lossy)?;
        view.state_at(self.now).held().is_some().then_some(view)
    }

    /// A row that may be this slot's, with its name mistyped or its formula broken.
    fn stray(&self) -> Option<String> {
        let view = self.claim().map(ClaimView::parse_lossy)?;
        let stray = self.judged.strays.iter().find(|stray| match &stray.users {
            None => true,
            Some(users) => users.iter().any(|user| view.names(user)),
        })?;
        Some(format!("no row names it any more, but {} may be its row: fix that cell, or delete its row", stray.cell))
    }

    fn is_same(&self, wanted: &Wanted) -> bool {
        let stored = self.claim().is_some_and(|claim| is_stored(claim, wanted));
        let known = || self.memory.knows(name_of(self.slot), wanted, self.slot.metadata.generation);
        self.is_sheets() && (stored || known())
    }

    fn what(&self, wanted: &Wanted) -> What {
        let was = self.claim().map(ClaimView::parse_lossy);
        let owner = was.as_ref().filter(|was| was.state_at(self.now).held().is_some()).and_then(ClaimView::owner);
        if owner.is_some() && owner == wanted.users.first() { What::Changed } else { What::Claimed }
    }

    /// Who holds a slot by a claim of their own keeps its host: once given up, it would be the next row's.
    fn judges_host(&self) -> bool {
        self.judged.has_host && (self.slot.spec.host.is_none() || self.held_elsewhere().is_none())
    }

    /// How long their slot is kept is theirs to say as well.
    fn judges_keep(&self) -> bool {
        self.judged.has_keep_until && self.held_elsewhere().is_none()
    }

    /// The host and how long the slot is kept, where only they differ.
    fn settings(&self, row: &Row, wanted: Option<&Wanted>) -> Option<Change> {
        let spec = &self.slot.spec;
        let keep = spec.keep_until.as_ref().map(|at| at.0);
        let differs =
            |has: bool, cell: bool, same: bool, field: &str| has && if cell { !same } else { self.owns(field) };
        let host = differs(self.judges_host(), row.host.is_some(), row.host == spec.host, "f:host");
        let kept = differs(self.judges_keep(), row.keep_until.is_some(), row.keep_until == keep, "f:keepUntil");
        (host || kept).then(|| self.change(What::Settings, wanted, row))
    }

    fn change(&self, what: What, wanted: Option<&Wanted>, row: &Row) -> Change {
        let mut apply = Map::new();
        if let Some(wanted) = wanted {
            apply.insert("claim".to_owned(), applied(wanted));
        }
        let spec = &self.slot.spec;
        let host = self.setting(self.judges_host(), row.host.clone(), spec.host.clone(), "f:host");
        let kept = spec.keep_until.as_ref().map(|at| at.0);
        let kept = self.setting(self.judges_keep(), row.keep_until, kept, "f:keepUntil");
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
            undoes: wanted.and_then(|_| self.stranger().or_else(|| self.taken_away())),
        }
    }

    fn given_up(&self) -> Change {
        Change {
            slot: name_of(self.slot).to_owned(),
            version: self.slot.metadata.resource_version.clone().unwrap_or_default(),
            what: What::GivenUp,
            remove: Some(json!({"claim": {"source": null}})),
            apply: None,
            wanted: None,
            undoes: None,
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

    /// Somebody, if the sheet claimed the slot at the last pass, and now it has no claim.
    fn taken_away(&self) -> Option<String> {
        let conditions = self.slot.status.iter().flat_map(|status| &status.conditions);
        let followed = |condition: &Condition| condition.type_ == CONDITION && condition.status == "True";
        (self.claim().is_none() && conditions.into_iter().any(followed)).then(|| "somebody".to_owned())
    }

    /// Who wrote over the sheet's claim.
    fn stranger(&self) -> Option<String> {
        let managers = written_over_by(self.slot);
        (!managers.is_empty()).then(|| list(&managers))
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
