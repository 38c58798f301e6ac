//! What may a person make of a Slot? A person claims a free slot for themselves and does with their own claim what they like;
//! never with another's.

use std::collections::{BTreeMap, BTreeSet};

use hotdesk_slots::keys::{CLAIM_ID, CLAIMED_AT, LOST_AT};
use hotdesk_slots::slot::{Claim as Written, MAX_REAP_ANNOUNCED, SlotSpec};
use hotdesk_slots::{ClaimSource, Slot};

use super::super::oracle::{Claim, is_reserved, role};
use super::{Write, people, same, shown};

/// The most people in a claim, and the longest of their names.
const MOST: usize = 16;
const LONGEST: usize = 100;

/// Checks a write of the spec by somebody who is nobody in particular.
pub(super) fn check(write: &Write<'_>) -> Result<(), String> {
    let Some(old) = &write.old else { return Err("a person writes a Slot that cannot be read".to_owned()) };
    administrators_only(old, &write.after)?;
    filled(old, &write.after)?;
    let mine = people(&role::names_of(write.asked));
    let admits = |claim: &Claim| claim.admits(&mine, &write.asked.groups);
    match write.was.held(write.now) {
        Some(claim) if admits(claim) => holder(write, old, claim, &mine)?,
        Some(_) => untouched(write, old)?,
        None => claimed(write, old, &mine)?,
    }
    names(write, old)?;
    from_a_sheet(write, old)?;
    while_it_is_cleared(write, old)
}

fn administrators_only(old: &Slot, after: &Slot) -> Result<(), String> {
    same("spec.host", &old.spec.host, &after.spec.host)?;
    same("spec.mode", &old.spec.mode, &after.spec.mode)?;
    same("metadata.ownerReferences", &old.metadata.owner_references, &after.metadata.owner_references)?;
    same("metadata.finalizers", &old.metadata.finalizers, &after.metadata.finalizers)?;
    let (was, is) = (&old.metadata, &after.metadata);
    same("metadata.labels of tools", &of_tools(&was.labels), &of_tools(&is.labels))?;
    same("metadata.annotations of tools", &of_tools(&was.annotations), &of_tools(&is.annotations))
}

/// Nobody fills a Slot for those who come after them. A key without a domain is always a person's own.
fn filled(old: &Slot, after: &Slot) -> Result<(), String> {
    let sizes = |entries: &Option<BTreeMap<String, String>>, plain: bool| {
        let own = entries.iter().flatten().filter(|(key, _)| !(is_reserved(key) || plain && key.contains('/')));
        own.map(|(key, value)| key.len() + value.len()).collect::<Vec<_>>()
    };
    let of = |slot: &Slot, plain: bool| [sizes(&slot.metadata.labels, plain), sizes(&slot.metadata.annotations, plain)];
    let (was, is, plain) = (of(old, false), of(after, false), of(after, true));
    let text = |all: &[Vec<usize>; 2]| all.iter().flatten().sum::<usize>();
    let many = was.iter().zip(&is).zip(&plain).any(|((was, is), plain)| plain.len() > 32 && is.len() > was.len());
    if many || text(&plain) > 16 * 1024 && text(&is) > text(&was) {
        return Err(format!("a person fills the Slot: {} bytes of labels and annotations", text(&is)));
    }
    Ok(())
}

/// What the administrators' tools read of the Slot.
fn of_tools(entries: &Option<BTreeMap<String, String>>) -> Vec<(&String, &String)> {
    let tools = ["app.kubernetes.io/", "helm.sh/", "meta.helm.sh/", "kubectl.kubernetes.io/", "argocd.argoproj.io/"];
    entries.iter().flatten().filter(|(key, _)| tools.iter().any(|tool| key.starts_with(tool))).collect()
}

/// Somebody else's slot is as it was.
fn untouched(write: &Write<'_>, old: &Slot) -> Result<(), String> {
    let was_trusted = write.was_trusted_unsaid();
    let problem = |what: &str| format!("somebody who does not hold the slot changes {what}");
    // What the webhook itself writes down, for every writer of the Slot: a claim ends the wish to have the slot cleared,
    // and says that it trusts what runs where that was so.
    let spec = |slot: &Slot| {
        let clear_after = slot.spec.clear_after.clone().filter(|_| slot.spec.claim.is_none());
        let trust = |claim: Written| Written { trust_workloads: claim.trust_workloads || was_trusted, ..claim };
        SlotSpec { clear_after, claim: slot.spec.claim.clone().map(trust), ..slot.spec.clone() }
    };
    same(&problem("spec"), &spec(old), &spec(&write.after))?;
    let after = &write.after;
    for key in [CLAIM_ID, CLAIMED_AT, LOST_AT] {
        let noted = |slot: &Slot| slot.metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        if noted(old).is_some() {
            same(&problem(key), &noted(old), &noted(after))?;
        }
    }
    let theirs = |entries: &Option<std::collections::BTreeMap<String, String>>| {
        let others = entries.iter().flatten().filter(|(key, _)| !is_reserved(key));
        others.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    same(&problem("labels"), &theirs(&old.metadata.labels), &theirs(&after.metadata.labels))?;
    same(&problem("annotations"), &theirs(&old.metadata.annotations), &theirs(&after.metadata.annotations))
}

/// A slot that nobody holds is claimed for oneself, or stays as it was.
fn claimed(write: &Write<'_>, old: &Slot, mine: &[String]) -> Result<(), String> {
    if old.spec == write.after.spec {
        return Ok(());
    }
    let held_before = write.was.claim.as_ref().is_some_and(|claim| claim.admits(mine, &write.asked.groups));
    match write.is.claim.as_ref() {
        None if held_before => Ok(()),
        None => Err(format!("somebody without a claim changes what nobody holds: {:?}", write.after.spec)),
        Some(claim) if claim.users.first().is_some_and(|owner| mine.contains(owner)) => Ok(()),
        // What changes must be the webhook's own doing.
        Some(_) if old.spec == write.new.spec => Ok(()),
        Some(claim) => Err(format!("a slot that nobody holds is claimed for {:?} by {mine:?}", claim.users)),
    }
}

/// A holder gives away what is theirs by saying so.
fn holder(write: &Write<'_>, old: &Slot, was: &Claim, mine: &[String]) -> Result<(), String> {
    let Some(is) = write.is.claim.as_ref().filter(|is| !is.admits(mine, &write.asked.groups)) else { return Ok(()) };
    let said = |slot: &Slot| slot.spec.claim.as_ref().and_then(|claim| claim.hand_to.clone());
    let to = said(&write.new).filter(|to| Some(to) != said(old).as_ref());
    let handed = to.map(|to| people(&[super::super::oracle::claim::name(&to)]));
    let is_handed = handed.is_some_and(|to| is.users.first().is_some_and(|owner| to.contains(owner)) && !was.has(&to));
    // Who leaves takes nobody along, brings nobody in, and leaves the rest as it is.
    let others = |claim: &Claim| {
        let others = claim.users.iter().filter(|user| !mine.contains(user));
        others.flat_map(|user| people(std::slice::from_ref(user))).collect::<BTreeSet<_>>()
    };
    let is_left = others(was) == others(is) && was.groups == is.groups;
    if is_handed || is_left {
        return Ok(());
    }
    Err(format!("the slot is given away without saying so: from {was:?} to {is:?}"))
}

/// New names are those of people, and no group takes in everybody.
fn names(write: &Write<'_>, old: &Slot) -> Result<(), String> {
    if old.spec.claim == write.new.spec.claim {
        return Ok(());
    }
    let (was, Some(is)) = (write.was.claim.clone().unwrap_or_default(), &write.is.claim) else { return Ok(()) };
    let mut new = is.users.iter().filter(|user| !was.has(&[(*user).clone()]));
    if let Some(unfit) = new.find(|user| !is_person(user)) {
        return Err(format!("the claim takes in {unfit:?}, which is not a person's name"));
    }
    if is.users.len() > MOST && is.users.len() > was.users.len() {
        return Err(format!("the claim takes in {} people", is.users.len()));
    }
    let everybody = |group: &&String| group.to_ascii_lowercase().starts_with("system:") && !was.groups.contains(group);
    if let Some(group) = is.groups.iter().find(everybody) {
        return Err(format!("the claim takes in the group {group:?}"));
    }
    let known = people(&is.users);
    let chosen = |alias: &&String| !known.contains(alias) && !was.has(&[(*alias).clone()]);
    match is.aliases.iter().find(chosen) {
        Some(alias) => Err(format!("the claim takes in the alias {alias:?}")),
        None => Ok(()),
    }
}

fn is_person(name: &str) -> bool {
    let listed = super::super::world::names::PEOPLE.iter().flatten().any(|known| *known == name);
    let plain = name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, ',' | '"' | '\\' | '<' | '>' | '`' | '$'));
    listed || plain && name.len() <= LONGEST && !name.starts_with("system:")
}

/// What comes from a sheet is changed there.
fn from_a_sheet(write: &Write<'_>, old: &Slot) -> Result<(), String> {
    let is_sheets = |claim: Option<&Written>| claim.is_some_and(|claim| claim.source == Some(ClaimSource::Sheet));
    let (was, is) = (old.spec.claim.as_ref(), write.after.spec.claim.as_ref());
    if is_sheets(is) && !is_sheets(was) {
        return Err("a person says that a claim comes from a sheet".to_owned());
    }
    let trust_apart = |claim: Option<&Written>| claim.map(|claim| Written { trust_workloads: false, ..claim.clone() });
    if is_sheets(was) && write.was.held(write.now).is_some() {
        same("a claim of a sheet", &trust_apart(was), &trust_apart(is))?;
    }
    Ok(())
}

/// A slot that is just being cleared is not taken over.
fn while_it_is_cleared(write: &Write<'_>, old: &Slot) -> Result<(), String> {
    let reaping = old.status.as_ref().and_then(|status| status.reaping.as_ref());
    let until = reaping.and_then(|reaping| reaping.until.as_ref()).filter(|until| until.0 > write.now);
    // What lies further ahead no reaper can have announced; it must lock nobody out.
    let until = until.filter(|until| until.0.duration_since(write.now) <= MAX_REAP_ANNOUNCED);
    let owner = |claim: Option<&Claim>| claim.and_then(|claim| claim.users.first()).map(|user| shown(user));
    let (was, is) = (owner(write.was.held(write.now)), owner(write.is.claim.as_ref()));
    let is_taken = is.is_some() && was != is && old.spec.claim != write.new.spec.claim;
    match until {
        Some(until) if is_taken => Err(format!("the slot is claimed while it is cleared until {}", until.0)),
        _ => Ok(()),
    }
}
