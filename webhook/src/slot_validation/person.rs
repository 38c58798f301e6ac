//! May a person write this Slot so?
//!
//! A person claims a free slot for themselves and does with their own claim what they like; never with another's. A lapsed
//! claim counts as none, for the one who made it as well. What a write does not change is not a claim: it renews nothing.

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::identity::Name;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::shown_name;
use hotdesk_slots::{ClaimView, keys};
use jiff::Timestamp;
use kube::api::ObjectMeta;

use super::people::own_names;
use super::{Asked, Writer, handover, limit, marks, ownership, reap_lock, same_claim, sheet};
use crate::message::{Context, holder};
use crate::settings::Settings;
use crate::slot_cache::Listing;

pub(super) fn judge(asked: &Asked<'_>, settings: &Settings, now: Timestamp) -> Result<Writer, Vec<String>> {
    let (old, new) = asked.both()?;
    let mut problems = administrators_only(old, new);
    problems.extend(marks::against(old, new));
    problems.extend(ownership::against(old, new));
    let mine = own_names(asked.requester, settings);
    problems.extend(takes_from_another(asked, &mine, old, new, now));
    problems.extend(handover::against(asked, &mine, settings, old, new, now));
    problems.extend(limit::against(&mine, old, new, settings, now));
    problems.extend(sheet::against_person(old, new, settings, now));
    problems.extend(reap_lock::against(old, new, now));
    problems.extend(lapses_at_once(old, new, now));
    problems.extend(keeps_what_nobody_holds(old, new));
    if problems.is_empty() { Ok(Writer::Person) } else { Err(problems) }
}

/// What a person cannot change even of their own slot. A person who could set an owner reference could have
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
    changed.map(|(field, _)| format!("{field}: only administrators can change it")).collect()
}

fn takes_from_another(asked: &Asked<'_>, mine: &[Name], old: &Slot, new: &Slot, now: Timestamp) -> Option<String> {
    if !touches(old, new) {
        return None;
    }
    let was = old.spec.claim.as_ref().map(ClaimView::parse_lossy);
    let was_mine = was.as_ref().is_some_and(|claim| claim.admits(mine, &asked.requester.groups));
    let who = shown_name(&asked.requester.username);
    if let ClaimState::Held(_) = ClaimState::of(was.as_ref(), now) {
        let context = Context { claim: was.as_ref(), listing: &Listing::default(), claim_url: None, now };
        let problem = format!(
            "it is held by {}, and you are {who}: only its claimants and administrators can change it",
            holder(&context)
        );
        return (!was_mine).then_some(problem);
    }
    let Some(claim) = &new.spec.claim else {
        // Who held it may take away what is left of the claim.
        let unheld = format!("spec.claim: nobody holds the slot, and you are {who}: claim it before you change it");
        return (!was_mine).then_some(unheld);
    };
    match claim.users.first().map(|text| Name::parse(text)) {
        Some(Ok(owner)) if mine.contains(&owner) => None,
        _ => Some(format!("spec.claim.users[0]: claim a free slot for yourself: the first user must be you, {who}")),
    }
}

/// True if the write changes anything but hotdesk's own marks, which the stamp restores.
fn touches(old: &Slot, new: &Slot) -> bool {
    old.spec != new.spec
        || marks_differ(&old.metadata, &new.metadata)
        // A person who applies another's values again would own those fields too, and stand in the way of their next apply.
        || old.metadata.managed_fields != new.metadata.managed_fields
}

/// Whether labels or annotations differ, besides hotdesk's own, which the stamp restores.
fn marks_differ(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    fn theirs(entries: Option<&std::collections::BTreeMap<String, String>>) -> Vec<(&String, &String)> {
        entries.into_iter().flatten().filter(|(key, _)| !keys::is_reserved(key)).collect()
    }
    theirs(old.labels.as_ref()) != theirs(new.labels.as_ref())
        || theirs(old.annotations.as_ref()) != theirs(new.annotations.as_ref())
}

/// A claim whose end has passed is not made, nor is anything done with one that has lapsed.
fn lapses_at_once(old: &Slot, new: &Slot, now: Timestamp) -> Option<String> {
    let past = new.spec.claim.as_ref()?.until.as_ref().map(|until| until.0).filter(|until| *until <= now)?;
    let unchanged = same_claim(old.spec.claim.as_ref(), new.spec.claim.as_ref());
    if unchanged && !touches(old, new) {
        return None;
    }
    let what = if unchanged { "the claim has lapsed, for " } else { "" };
    Some(format!(
        "spec.claim.until: {what}{past} has passed; name a later time, or remove spec.claim to release the slot"
    ))
}

/// What is to be kept is kept for a holder.
fn keeps_what_nobody_holds(old: &Slot, new: &Slot) -> Option<String> {
    let kept = new.spec.keep_until.is_some() && new.spec.keep_until != old.spec.keep_until;
    (kept && old.spec.claim.is_some() && new.spec.claim.is_none()).then(|| {
        "spec.keepUntil: nobody holds the slot once spec.claim is removed: leave spec.keepUntil out".to_owned()
    })
}
