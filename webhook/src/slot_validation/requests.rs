//! What is noted of a wish in `spec.requests`, and when is it refused?
//!
//! People write that they ask for something, `dryRun`, and which releases; under which claim, by whom and when is written here,
//! whatever they wrote there. A wish dies with its claim.

use hotdesk_slots::requests::{ONE_EVERY, Request, RequestKind, Requests, is_release_name};
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::quoted;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Asked, Moment, Writer};

/// The requests as they shall be stored, under a claim that goes on.
///
/// # Errors
/// What is asked for too often, or cannot be done.
pub(super) fn stored(
    asked: &Asked<'_>,
    writer: Writer,
    claim_id: Option<&str>,
    moment: Moment<'_>,
) -> Result<Option<Requests>, Vec<String>> {
    let asking = Asking { asked, claim_id, moment, may_hurry: writer == Writer::BreakGlass };
    if asked.new.is_none_or(|new| new.spec.requests.is_none()) {
        return asking.withdrawn().map(|()| None);
    }
    let [reap, revive, restamp, purge] =
        [RequestKind::Reap, RequestKind::Revive, RequestKind::Restamp, RequestKind::Purge].map(|kind| asking.one(kind));
    match (reap, revive, restamp, purge) {
        (Ok(reap), Ok(revive), Ok(restamp), Ok(purge)) => Ok(Some(Requests { reap, revive, restamp, purge })),
        (reap, revive, restamp, purge) => {
            Err([reap, revive, restamp, purge].into_iter().filter_map(Result::err).flatten().collect())
        }
    }
}

/// True if the write asks for something, or takes a wish back.
pub(super) fn changes(old: Option<&Slot>, new: &Slot) -> bool {
    old.and_then(|old| old.spec.requests.as_ref()) != new.spec.requests.as_ref()
}

/// A write that may ask for something.
struct Asking<'a> {
    asked: &'a Asked<'a>,
    claim_id: Option<&'a str>,
    moment: Moment<'a>,
    /// Who breaks the glass need not wait.
    may_hurry: bool,
}

impl Asking<'_> {
    /// A request that was taken back lately could be made again at once.
    fn withdrawn(&self) -> Result<(), Vec<String>> {
        let early = RequestKind::ALL.into_iter().filter(|kind| of(*kind, self.asked.old).is_some());
        let early: Vec<String> = early.filter_map(|kind| self.too_soon(kind)).collect();
        if early.is_empty() { Ok(()) } else { Err(early) }
    }

    fn one(&self, kind: RequestKind) -> Result<Option<Request>, Vec<String>> {
        let (was, wanted) = (of(kind, self.asked.old), of(kind, self.asked.new));
        if was == wanted {
            return Ok(wanted.cloned());
        }
        let mut problems: Vec<String> = self.too_soon(kind).into_iter().collect();
        problems.extend(wanted.into_iter().flat_map(|wanted| against(kind, wanted)));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(wanted.map(|wanted| Request {
            id: Some(self.moment.uid.to_owned()),
            claim_id: self.claim_id.map(str::to_owned),
            by: Some(self.asked.requester.username.to_string()),
            at: Some(Time(self.moment.now)),
            ..wanted.clone()
        }))
    }

    fn too_soon(&self, kind: RequestKind) -> Option<String> {
        let age = self.moment.now.duration_since(asked_at(kind, self.asked.old?)?);
        let wait = ONE_EVERY.as_secs() - age.as_secs();
        // What lies further ahead than clocks differ is not from here.
        (!self.may_hurry && age < ONE_EVERY && age > -ONE_EVERY).then(|| {
            format!(
                "spec.requests.{}: hotdesk was asked for that within the last minute: ask again in {wait} s",
                kind.as_str()
            )
        })
    }
}

/// When it was last asked for: by the request that is there, or, where a change of the claim took it away, by what hotdesk
/// reports of it.
fn asked_at(kind: RequestKind, old: &Slot) -> Option<Timestamp> {
    let report = || old.status.as_ref()?.request.as_ref().filter(|report| report.kind == kind.as_str())?.at.as_ref();
    let at = match of(kind, Some(old)) {
        Some(request) => request.at.as_ref(),
        None => report(),
    };
    at.map(|at| at.0)
}

fn against(kind: RequestKind, wanted: &Request) -> Vec<String> {
    let field = format!("spec.requests.{}", kind.as_str());
    let whole = match kind {
        RequestKind::Revive => None,
        RequestKind::Reap => Some("a slot is cleared as a whole"),
        RequestKind::Restamp => Some("a slot is restamped as a whole"),
        RequestKind::Purge => Some("a purge says in names of which releases"),
    };
    if let Some(whole) = whole.filter(|_| !wanted.releases.is_empty()) {
        return vec![format!("{field}.releases: {whole}: leave it out")];
    }
    if kind != RequestKind::Purge && !wanted.names.is_empty() {
        return vec![format!("{field}.names: it is for a purge alone: leave it out")];
    }
    if kind == RequestKind::Restamp && wanted.dry_run {
        return vec![format!(
            "{field}.dryRun: a restamp is not tried out, for it changes hotdesk's keys alone: leave it out"
        )];
    }
    let listed = [("releases", &wanted.releases), ("names", &wanted.names)];
    let unsound = listed.into_iter().flat_map(|(list, names)| {
        let unsound = names.iter().enumerate().filter(|(_, name)| !is_release_name(name));
        unsound.map(move |(i, name)| (list, i, name))
    });
    unsound
        .map(|(list, i, name)| format!("{field}.{list}[{i}]: {} is not the name of a helm release", quoted(name)))
        .collect()
}

fn of(kind: RequestKind, slot: Option<&Slot>) -> Option<&Request> {
    slot.and_then(|slot| slot.spec.requests.as_ref()).and_then(|requests| kind.within(requests))
}

#[cfg(test)]
mod tests;
