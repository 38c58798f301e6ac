//! Who may write which Slot, and how is a claim spelled once it is written?
//!
//! A person claims a free slot for themselves and does with their own claim what they like; never
//! with another's. Everything that would have to be worked out for each later request (names as they
//! are compared, aliases, the Slot's own stamp) is worked out here, once.

use std::collections::HashSet;

use hotdesk_slots::claim::Standing;
use hotdesk_slots::identity::Name;
use hotdesk_slots::slot::{Slot, SlotStatus};
use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::text::{is_harmful, plain};
use hotdesk_slots::{Claim, ClaimView, People, Requester, keys};
use jiff::Timestamp;
use kube::api::ObjectMeta;

use crate::book::Listing;
use crate::message::{Context, holder};
use crate::review::Operation;
use crate::settings::Settings;

pub(crate) mod clearing;
pub mod limit;
pub(crate) mod sheet;

/// What is asked of a Slot.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What is to be done.
    pub operation: Operation,
    /// Empty, or `status`.
    pub subresource: &'a str,
    /// The slot.
    pub namespace: &'a str,
    /// Who is asking.
    pub requester: &'a Requester<'a>,
    /// The Slot as it is; absent on CREATE, and where what is stored cannot be read.
    pub old: Option<&'a Slot>,
    /// The Slot as it shall be; absent on DELETE.
    pub new: Option<&'a Slot>,
}

/// As whom a Slot may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A break-glass group: allowed with a warning.
    BreakGlass,
    /// An administrator.
    Administrator,
    /// The cluster's own machinery.
    Machinery,
    /// The slot's reaper, its status only.
    Reaper,
    /// The webhook itself, its notes of sessions only.
    Webhook,
    /// What brings the claims of a sheet.
    Sync,
    /// A person, for themselves.
    Person,
}

/// What becomes of the aliases that a claim is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// They give way to those of the webhook's list of people.
    Replaced,
    /// They stay beside those.
    Stay,
}

/// Two controllers delete what is in a namespace; one process runs them where they have no names of their own.
const CLEANERS: [&str; 3] = [
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
];

/// Judges a write of a Slot.
///
/// # Errors
/// Every reason against it at once.
pub fn judge(asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Result<Writer, Vec<String>> {
    let requester = asked.requester;
    if settings.breaks_glass(requester) {
        return Ok(Writer::BreakGlass);
    }
    if settings.is_administrator(requester) {
        return Ok(Writer::Administrator);
    }
    match (asked.operation, asked.subresource) {
        (Operation::Update, "status") if settings.is_noting(requester) && notes_session(asked) => Ok(Writer::Webhook),
        (Operation::Update, "status") if settings.is_sync(requester) => Ok(Writer::Sync),
        (Operation::Update, "") if settings.is_sync(requester) => judge_sync(asked, now),
        (Operation::Delete, "") if CLEANERS.contains(&&*requester.username) => Ok(Writer::Machinery),
        (Operation::Update, "status") if settings.is_machinery(requester) => Ok(Writer::Machinery),
        (Operation::Update, "status") if settings.is_reaper_of(requester, asked.namespace) => Ok(Writer::Reaper),
        (Operation::Update, "status") if settings.is_reviver_of(requester, asked.namespace) => Ok(Writer::Reaper),
        (Operation::Update, "") if settings.is_machinery(requester) && keeps_spec(asked) => Ok(Writer::Machinery),
        (Operation::Update, "") => judge_person(asked, settings, now),
        (Operation::Create | Operation::Delete, "") => {
            Err(vec!["only administrators create and delete Slots".to_owned()])
        }
        (_, "status") => Err(vec!["only the slot's reaper and administrators write the status of a Slot".to_owned()]),
        _ => Err(vec![format!("nobody may {} slots/{}", asked.operation.word(), plain(asked.subresource))]),
    }
}

/// The claim as it shall be stored: names as they are compared, aliases from the list of people. The claim's own
/// aliases are replaced, unless they may stay.
///
/// # Errors
/// Every entry that cannot be read, with its field.
pub fn normalise(claim: &Claim, people: &People, aliases: Aliases) -> Result<ClaimView, Vec<String>> {
    // What is replaced need not be readable.
    let kept = if aliases == Aliases::Stay { claim.aliases.clone() } else { Vec::new() };
    let parsed = ClaimView::parse(&Claim { aliases: kept, ..claim.clone() });
    let harmful = claim.purpose.as_deref().is_some_and(|purpose| purpose.contains(is_harmful));
    let purpose = harmful.then(|| "spec.claim.purpose: it contains a line break or an invisible character".to_owned());
    let view = match (parsed, purpose) {
        (Ok(view), None) => view,
        (parsed, purpose) => {
            let names = parsed.err().into_iter().flatten().map(|(field, problem)| format!("{field}: {problem}"));
            return Err(names.chain(purpose).collect());
        }
    };
    let (mut users, mut aliases): (Vec<Name>, Vec<Name>) = (Vec::new(), view.aliases.clone());
    for user in &view.users {
        let (shown, others) = people.resolve(user);
        push_new(&mut users, shown);
        others.into_iter().for_each(|other| push_new(&mut aliases, other));
    }
    aliases.retain(|alias| !users.contains(alias));
    Ok(ClaimView { users, aliases, ..view })
}

/// The stamp of the Slot itself.
#[must_use]
pub fn stamp(namespace: &str, claim: Option<&ClaimView>, claimed_at: Option<String>, lost_at: Option<String>) -> Stamp {
    Stamp::of_slot(namespace, claim).with_claimed_at(claimed_at).with_lost_at(lost_at)
}

/// When somebody last lost the slot: now, if one of those who held it does not any more; else as it was noted.
#[must_use]
pub fn lost_at(old: Option<&Slot>, claim: Option<&ClaimView>, now: Timestamp) -> Option<String> {
    let old = old?;
    let was = old.spec.claim.as_ref().map(ClaimView::lenient).unwrap_or_default();
    let keeps_user = |name: &Name| claim.is_some_and(|claim| claim.names(name));
    let keeps_group = |group: &String| claim.is_some_and(|claim| claim.groups.contains(group));
    let lost = !was.users.iter().all(keeps_user) || !was.groups.iter().all(keeps_group);
    let noted = old.metadata.annotations.as_ref().and_then(|entries| entries.get(keys::LOST_AT)).cloned();
    if lost { Some(now.to_string()) } else { noted }
}

/// When the owner of this claim claimed the slot: now, unless they hold it already; else as it was noted.
#[must_use]
pub fn claimed_at(old: Option<&Slot>, claim: Option<&ClaimView>, now: Timestamp) -> Option<String> {
    let owner = claim?.owner()?;
    let was = old.and_then(|old| old.spec.claim.as_ref()).map(ClaimView::lenient);
    let held = Standing::of(was.as_ref(), now).held();
    let noted = || old?.metadata.annotations.as_ref()?.get(keys::CLAIMED_AT).cloned();
    if held.is_some_and(|was| was.owner() == Some(owner)) { noted() } else { Some(now.to_string()) }
}

/// True if nothing in the status changes but the last session.
fn notes_session(asked: &Asked<'_>) -> bool {
    let rest = |slot: &Slot| SlotStatus { last_session: None, ..slot.status.clone().unwrap_or_default() };
    matches!((asked.old, asked.new), (Some(old), Some(new)) if rest(old) == rest(new))
}

fn keeps_spec(asked: &Asked<'_>) -> bool {
    matches!((asked.old, asked.new), (Some(old), Some(new)) if old.spec == new.spec)
}

fn judge_person(asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Result<Writer, Vec<String>> {
    let (Some(old), Some(new)) = (asked.old, asked.new) else {
        return Err(vec!["the present Slot cannot be read: only an administrator can mend it".to_owned()]);
    };
    let mut problems = administrators_only(old, new);
    problems.extend(takes_from_another(asked, settings, old, new, now));
    problems.extend(limit::against(asked.requester, old, new, settings, now));
    problems.extend(sheet::against_person(old, new, settings, now));
    problems.extend(clearing::against(old, new, now));
    problems.extend(lapses_at_once(old, new, now));
    if problems.is_empty() { Ok(Writer::Person) } else { Err(problems) }
}

fn judge_sync(asked: &Asked<'_>, now: Timestamp) -> Result<Writer, Vec<String>> {
    let (Some(old), Some(new)) = (asked.old, asked.new) else {
        return Err(vec!["the present Slot cannot be read: only an administrator can mend it".to_owned()]);
    };
    let mut problems = sheet::against_sync(old, new, now);
    problems.extend(clearing::against(old, new, now));
    if problems.is_empty() { Ok(Writer::Sync) } else { Err(problems) }
}

/// What a person may not change even of their own slot. Whoever could set an owner reference could have
/// the garbage collector delete the Slot.
fn administrators_only(old: &Slot, new: &Slot) -> Vec<String> {
    let (was, is) = (&old.metadata, &new.metadata);
    let fields = [
        ("spec.host", old.spec.host != new.spec.host),
        ("spec.mode", old.spec.mode != new.spec.mode),
        ("metadata.ownerReferences", was.owner_references != is.owner_references),
        ("metadata.finalizers", was.finalizers != is.finalizers),
    ];
    let changed = fields.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(field, _)| format!("{field}: only administrators change it")).collect()
}

fn takes_from_another(
    asked: &Asked<'_>,
    settings: &Settings,
    old: &Slot,
    new: &Slot,
    now: Timestamp,
) -> Option<String> {
    let touched = old.spec.claim != new.spec.claim
        || old.spec.keep_until != new.spec.keep_until
        || old.spec.clear_after != new.spec.clear_after
        || marks_differ(&old.metadata, &new.metadata)
        // Whoever applies another's values anew would own those fields too, and stand in the way of their next apply.
        || old.metadata.managed_fields != new.metadata.managed_fields;
    let mine = own_names(asked.requester, settings);
    let was = old.spec.claim.as_ref().map(ClaimView::lenient);
    let was_mine = was.as_ref().is_some_and(|claim| claim.admits(&mine, &asked.requester.groups));
    if !touched || was_mine {
        return None;
    }
    let who = plain(&asked.requester.username);
    if let Standing::Held(_) = Standing::of(was.as_ref(), now) {
        let context = Context { claim: was.as_ref(), listing: &Listing::default(), claim_url: None, now };
        return Some(format!(
            "it is held by {}, and you are {who}: only its claimants and administrators change it",
            holder(&context)
        ));
    }
    let owner = new.spec.claim.as_ref().and_then(|claim| claim.users.first()).map(|text| Name::parse(text));
    match owner {
        Some(Ok(owner)) if mine.contains(&owner) => None,
        Some(_) => {
            Some(format!("spec.claim.users[0]: claim a free slot for yourself: the first user must be you, {who}"))
        }
        None => Some(format!("spec.claim: nobody holds the slot, and you are {who}: claim it before you change it")),
    }
}

fn lapses_at_once(old: &Slot, new: &Slot, now: Timestamp) -> Option<String> {
    let until = |slot: &Slot| slot.spec.claim.as_ref().and_then(|claim| claim.until.as_ref()).map(|t| t.0);
    let past = until(new).filter(|end| *end <= now && until(old) != Some(*end))?;
    Some(format!("spec.claim.until: {past} has passed; name a later time, or remove spec.claim to release the slot"))
}

/// All names of the requester, with those that the list of people adds.
fn own_names(requester: &Requester<'_>, settings: &Settings) -> Vec<Name> {
    let mut names = requester.names(&settings.identity);
    let mut known: HashSet<Name> = names.iter().cloned().collect();
    for name in names.clone() {
        let (shown, others) = settings.people.resolve(&name);
        names.extend(std::iter::once(shown).chain(others).filter(|name| known.insert(name.clone())));
    }
    names
}

/// Whether labels or annotations differ, besides hotdesk's own, which the stamp restores.
fn marks_differ(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    fn theirs(entries: Option<&std::collections::BTreeMap<String, String>>) -> Vec<(&String, &String)> {
        entries.into_iter().flatten().filter(|(key, _)| !hotdesk_slots::keys::is_reserved(key)).collect()
    }
    theirs(old.labels.as_ref()) != theirs(new.labels.as_ref())
        || theirs(old.annotations.as_ref()) != theirs(new.annotations.as_ref())
}

fn push_new(names: &mut Vec<Name>, name: Name) {
    if !names.contains(&name) {
        names.push(name);
    }
}

impl Writer {
    /// One word for metrics and audit logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::Administrator => "administrator",
            Self::Machinery => "machinery",
            Self::Reaper => "reaper",
            Self::Webhook => "webhook",
            Self::Sync => "sync",
            Self::Person => "claimant",
        }
    }
}

#[cfg(test)]
mod tests;
