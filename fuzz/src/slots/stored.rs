//! In which form is a Slot stored, for every writer?

use std::collections::BTreeMap;

use hotdesk_slots::keys::{CLAIM_ID, CLAIMED_AT, LOST_AT};
use hotdesk_slots::requests::Request;
use hotdesk_slots::slot::Claim as Written;
use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::{ClaimView, Slot};
use serde_json::{Map, Value};

use super::super::oracle::claim::name;
use super::super::oracle::{Claim, is_reserved};
use super::{Write, Writer, people, same, shown};

/// What `/slots` notes of the past.
const NOTES: [&str; 3] = [CLAIM_ID, CLAIMED_AT, LOST_AT];

/// What kubectl notes of an apply.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Checks what is stored.
pub(super) fn check(write: &Write<'_>) -> Result<(), String> {
    marks(write)?;
    notes(write)?;
    claim(write)?;
    trust(write)?;
    requests(write)?;
    kept(write)?;
    last_applied(write)?;
    same("what is not hotdesk's to change", &others(write.before_json), &others(&write.after_json))
}

/// The Slot carries the stamp of its objects, and what the policy compares with.
fn marks(write: &Write<'_>) -> Result<(), String> {
    let view = write.after.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let stamp = Stamp::of_slot(&write.asked.namespace, view.as_ref());
    let maps = [(&write.after.metadata.labels, stamp.labels), (&write.after.metadata.annotations, stamp.annotations)];
    for (found, wanted) in maps {
        let own = found.iter().flatten().filter(|(key, _)| is_reserved(key) && !NOTES.contains(&key.as_str()));
        let found: BTreeMap<&str, &str> = own.map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let wanted: BTreeMap<&str, &str> = wanted.iter().map(|(key, value)| (*key, value.as_str())).collect();
        same("the Slot's stamp", &wanted, &found)?;
    }
    Ok(())
}

/// A claim that begins gets a time and an id; one that goes on keeps them, whatever the write says.
fn notes(write: &Write<'_>) -> Result<(), String> {
    let old = write.old.as_ref();
    let note = |slot: Option<&Slot>, key: &str| {
        slot.and_then(|slot| slot.metadata.annotations.as_ref()).and_then(|all| all.get(key)).cloned()
    };
    let (was, is) = (|key| note(old, key), |key| note(Some(&write.after), key));
    let begins = begins(write);
    let now = Some(write.now.to_string());
    if let Some(claim) = &write.is.claim {
        let wanted = if begins { now.clone() } else { was(CLAIMED_AT) };
        if !claim.users.is_empty() {
            same("claimed-at", &wanted, &is(CLAIMED_AT))?;
        }
    }
    let id = Some(write.asked.uid.clone());
    let ids = if begins { vec![id] } else { vec![was(CLAIM_ID).or(id), was(CLAIM_ID)] };
    if !ids.contains(&is(CLAIM_ID)) {
        return Err(format!("claim-id is {:?}, and one of {ids:?} is right", is(CLAIM_ID)));
    }
    let lost = is_lost(write);
    same("lost-at", &if lost { now } else { was(LOST_AT) }, &is(LOST_AT))
}

/// The people whom a write names are stored under their names, in their order, and each once.
fn claim(write: &Write<'_>) -> Result<(), String> {
    let (Some(new), Some(after)) = (&write.new.spec.claim, &write.after.spec.claim) else {
        let (new, after) = (write.new.spec.claim.is_some(), write.after.spec.claim.is_some());
        return same("whether there is a claim", &new, &after);
    };
    let mut wanted: Vec<String> = Vec::new();
    for user in &new.users {
        let user = shown(&name(user));
        if !wanted.contains(&user) {
            wanted.push(user);
        }
    }
    if after.users != wanted && after.users != new.users {
        return Err(format!("the users {:?} are stored as {:?}", new.users, after.users));
    }
    let rest = |claim: &Written| (claim.groups.clone(), claim.purpose.clone(), claim.until.clone());
    same("the rest of the claim", &rest(new), &rest(after))?;
    same("spec.claim.handTo", &None, &after.hand_to)
}

/// What runs is trusted by who holds the slot, and not by who held it before.
fn trust(write: &Write<'_>) -> Result<(), String> {
    let trusts =
        |slot: Option<&Slot>| slot.and_then(|slot| slot.spec.claim.as_ref()).is_some_and(|c| c.trust_workloads);
    let (was, said, is) = (trusts(write.old.as_ref()), trusts(Some(&write.new)), trusts(Some(&write.after)));
    // A sheet says nothing of it, so the sync leaves it as it is.
    let stays = was && write.writer == Writer::Sync || write.was_trusted_unsaid();
    if is && !said && !stays {
        return Err("the webhook itself trusts what runs".to_owned());
    }
    if is && write.old.is_some() && is_lost(write) {
        return Err("what a former holder left is trusted".to_owned());
    }
    if is && begins(write) && write.was.held(write.now).is_some() {
        return Err("what runs is trusted although the slot changes its owner".to_owned());
    }
    if is && was && begins(write) && write.writer == Writer::Person {
        return Err("what was trusted under another claim is trusted".to_owned());
    }
    Ok(())
}

/// Wishes say under which claim, by whom and when they were made, and die with their claim.
fn requests(write: &Write<'_>) -> Result<(), String> {
    let of = |slot: Option<&Slot>| slot.and_then(|slot| slot.spec.requests.clone()).unwrap_or_default();
    let (was, is) = (of(write.old.as_ref()), of(Some(&write.after)));
    let ended = write.was.claim.is_some() && write.is.claim.is_none();
    let id = write.after.metadata.annotations.as_ref().and_then(|all| all.get(CLAIM_ID)).cloned();
    for (was, is) in [(was.reap, is.reap), (was.revive, is.revive), (was.restamp, is.restamp), (was.purge, is.purge)] {
        let Some(is) = is else { continue };
        if begins(write) || ended {
            return Err(format!("the wish {is:?} outlives its claim"));
        }
        let noted = Request {
            id: Some(write.asked.uid.clone()),
            claim_id: id.clone(),
            by: Some(write.asked.username.clone()),
            at: Some(k8s_time(write.now)),
            ..is.clone()
        };
        if Some(&is) != was.as_ref() && is != noted {
            return Err(format!("the wish {is:?} does not say who made it, which is {noted:?}"));
        }
    }
    Ok(())
}

fn k8s_time(at: jiff::Timestamp) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at)
}

/// A slot is kept for who asked for it: who holds it next finds nothing of that, unless the write itself says it.
fn kept(write: &Write<'_>) -> Result<(), String> {
    let until = |slot: &Slot| slot.spec.keep_until.clone();
    let owner = |claim: &Option<Claim>| claim.as_ref().and_then(|claim| claim.users.first()).map(|user| shown(user));
    let has_claim = |slot: &Slot| slot.spec.claim.is_some();
    let ends = write.old.as_ref().is_some_and(has_claim) && !has_claim(&write.after);
    let is_next = ends || begins(write) && owner(&write.was.claim) != owner(&write.is.claim);
    let unsaid = write.old.as_ref().and_then(until) == until(&write.new);
    let is_dropped = write.writer != Writer::Administrator && is_next && unsaid;
    same("spec.keepUntil", &until(&write.new).filter(|_| !is_dropped), &until(&write.after))
}

/// What kubectl noted of the last apply no person changes; others' is stored as it was sent.
fn last_applied(write: &Write<'_>) -> Result<(), String> {
    let noted = |slot: &Slot| slot.metadata.annotations.as_ref().and_then(|all| all.get(LAST_APPLIED)).cloned();
    let wanted = match write.writer {
        Writer::Administrator | Writer::Machinery | Writer::Sync => noted(&write.new),
        _ => write.old.as_ref().and_then(noted),
    };
    same("what kubectl noted", &wanted, &noted(&write.after))
}

/// True if a claim is in force after the write that was not before it: another owner's, or one at all.
fn begins(write: &Write<'_>) -> bool {
    let owner = |claim: &Claim| claim.users.first().map(|user| shown(user));
    let Some(is) = write.is.held(write.now) else { return false };
    write.was.held(write.now).is_none_or(|was| owner(was) != owner(is))
}

/// True if one of those of the claim before is not in the claim after it.
fn is_lost(write: &Write<'_>) -> bool {
    let Some(was) = &write.was.claim else { return false };
    let Some(is) = &write.is.claim else { return true };
    let stays = |user: &String| is.has(&people(std::slice::from_ref(user)));
    !was.users.iter().all(stays) || !was.groups.iter().all(|group| is.groups.contains(group))
}

/// The Slot without what hotdesk writes.
fn others(slot: &Value) -> Value {
    let mut slot = slot.clone();
    for (parent, fields) in [
        ("/spec/claim", ["users", "aliases", "source", "trustWorkloads", "handTo"].as_slice()),
        ("/spec", ["requests", "clearAfter", "keepUntil"].as_slice()),
    ] {
        if let Some(Value::Object(parent)) = slot.pointer_mut(parent) {
            fields.iter().for_each(|field| drop(parent.remove(*field)));
        }
    }
    for map in ["labels", "annotations"] {
        let Some(Value::Object(metadata)) = slot.get_mut("metadata") else { continue };
        if let Some(Value::Object(entries)) = metadata.get_mut(map) {
            entries.retain(|key, _| !is_reserved(key) && key != LAST_APPLIED);
        }
        if metadata.get(map).is_some_and(|entries| entries.is_null() || entries.as_object().is_some_and(Map::is_empty))
        {
            metadata.remove(map);
        }
    }
    slot
}
