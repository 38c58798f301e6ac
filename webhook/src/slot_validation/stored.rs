//! In which form is an admitted write of a Slot stored?
//!
//! Everything that would have to be worked out for each later request (names as they are compared, aliases, the Slot's own
//! marks) is worked out here, once. What the write does not change stays as it is: an empty patch, a label or the same
//! values again renew no claim, no matter who sends them.

use hotdesk_slots::claim::{ClaimState, trusts_workloads};
use hotdesk_slots::identity::Name;
use hotdesk_slots::requests::Requests;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::{Claim, ClaimView, keys};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::people::own_names;
use super::{Aliases, Asked, Moment, Strictness, Writer, marks, normalise, requests, respelled, same_claim, sheet};
use crate::settings::Settings;

/// What is stored in place of what was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The claim.
    pub claim: Option<Claim>,
    /// The wishes.
    pub requests: Option<Requests>,
    /// Until when the slot is kept.
    pub keep_until: Option<Time>,
    /// What kubectl noted of the last apply.
    pub last_applied: Option<String>,
    /// The Slot's own labels and annotations.
    pub stamp: Stamp,
    /// What the writer is told.
    pub warnings: Vec<String>,
}

/// What a write means for who holds the slot.
struct Turn {
    /// Who held it, lapsed or not, with the names as they would be stored today.
    was: Option<ClaimView>,
    /// Who holds it then.
    is: Option<ClaimView>,
    now: Timestamp,
}

/// Works out what is stored.
///
/// # Errors
/// Every part of it that cannot be stored.
pub fn stored(
    asked: &Asked<'_>,
    writer: Writer,
    settings: &Settings,
    moment: Moment<'_>,
) -> Result<Stored, Vec<String>> {
    let Some(new) = asked.new else { return Err(vec!["the Slot is missing".to_owned()]) };
    let was = asked.old.and_then(|old| old.spec.claim.as_ref());
    let mut problems = Vec::new();
    let claim = new.spec.claim.as_ref().map(|claim| in_form(claim, was, asked, writer, settings, moment.now));
    let claim = claim.transpose().unwrap_or_else(|found| {
        problems = found;
        None
    });
    let turn = Turn {
        was: was.map(|claim| respelled(claim, &settings.people)),
        is: claim.as_ref().map(|claim| respelled(claim, &settings.people)),
        now: moment.now,
    };
    let claim_id = claim_id(asked, &turn, moment.uid);
    let requests =
        if turn.changes_holder() { Ok(None) } else { requests::stored(asked, writer, claim_id.as_deref(), moment) };
    let requests = requests.unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let trusts = trust(asked, writer, &turn, settings);
    let keep_until = kept(asked, writer, &turn);
    let mut warnings = told(asked, trusts, requests.as_ref(), &turn);
    warnings.extend(no_longer_kept(asked, keep_until.as_ref()));
    let claim = claim.map(|claim| Claim { trust_workloads: trusts, hand_to: None, ..claim });
    // As it is stored, not as it would be: the policy compares names with what the Slot says.
    let view = claim.as_ref().map(ClaimView::parse_lossy);
    let stamp = Stamp::of_slot(asked.namespace, view.as_ref())
        .with_claimed_at(claimed_at(asked.old, &turn))
        .with_claim_id(claim_id)
        .with_lost_at(lost_at(asked.old, &turn));
    let noted = if writer == Writer::Person { asked.old } else { asked.new };
    let last_applied = noted.and_then(marks::last_applied).cloned();
    Ok(Stored { claim, requests, keep_until, last_applied, stamp, warnings })
}

/// The claim in the spelling in which it is compared, if this write makes it.
fn in_form(
    claim: &Claim,
    was: Option<&Claim>,
    asked: &Asked<'_>,
    writer: Writer,
    settings: &Settings,
    now: Timestamp,
) -> Result<Claim, Vec<String>> {
    let Some(new) = asked.new else { return Ok(claim.clone()) };
    // Administrators bring a claim up to date with the list of people by whatever they write.
    let refreshes = matches!(writer, Writer::Administrator | Writer::BreakGlass);
    if same_claim(was, Some(claim)) && !refreshes {
        return Ok(claim.clone());
    }
    let aliases = if sheet::keeps_aliases(writer, asked.old, new) { Aliases::Stay } else { Aliases::Replaced };
    let strictness = if writer == Writer::BreakGlass { Strictness::Anything } else { Strictness::Rules };
    let view = normalise(claim, was, aliases, strictness, settings)?;
    let texts = |names: &[Name]| names.iter().map(Name::to_string).collect();
    let source = sheet::source(writer, asked.old, new, now);
    Ok(Claim { users: texts(&view.users), aliases: texts(&view.aliases), source, ..claim.clone() })
}

/// Whether what runs in the slot may write there. Who loses the slot takes this with them; who wins it says so themselves.
fn trust(asked: &Asked<'_>, writer: Writer, turn: &Turn, settings: &Settings) -> bool {
    let says = |slot: Option<&Slot>| claim_of(slot).is_some_and(|claim| claim.trust_workloads);
    let was = trusted_before(asked, settings);
    // What was never written down does not end by a write that leaves it out.
    let said = says(asked.new) || was && !says(asked.old);
    let owner = turn.is.as_ref().and_then(ClaimView::owner);
    let hands_over = turn.begins() && turn.held_before().is_some();
    match writer {
        _ if turn.is_lost() || hands_over => false,
        Writer::Sync => was && !turn.begins(),
        // Nobody lost a Slot that was not there.
        _ if asked.old.is_none() => said,
        // What was true before was said by who held it then.
        _ if turn.begins() => {
            said && !was && owner.is_some_and(|owner| own_names(asked.requester, settings).contains(owner))
        }
        _ => said,
    }
}

/// Whether what runs was trusted before this write.
fn trusted_before(asked: &Asked<'_>, settings: &Settings) -> bool {
    let (Some(old), Some(claim)) = (asked.old, claim_of(asked.old)) else { return false };
    trusts_workloads(claim.trust_workloads, old.claim_id().is_some(), old.spec.mode.unwrap_or(settings.mode))
}

/// Until when the slot is kept. What somebody asked for who does not hold the slot any more ends with their claim, also where
/// that lapsed. Administrators say themselves what they keep.
fn kept(asked: &Asked<'_>, writer: Writer, turn: &Turn) -> Option<Time> {
    let (was, is) = [asked.old, asked.new].map(|slot| slot.and_then(|slot| slot.spec.keep_until.clone())).into();
    let stays = matches!(writer, Writer::Administrator | Writer::BreakGlass) || !turn.takes_over();
    is.filter(|is| stays || was.as_ref() != Some(is))
}

fn no_longer_kept(asked: &Asked<'_>, kept: Option<&Time>) -> Option<String> {
    let was = asked.new?.spec.keep_until.as_ref().filter(|_| kept.is_none())?;
    Some(format!(
        "spec.keepUntil of slot \"{slot}\", {was}, is removed, for the person who set it does not hold the slot any more. The \
         holder can set it again: kubectl hotdesk keep {slot} 4h",
        slot = sanitize_short(asked.namespace),
        was = was.0,
    ))
}

fn claim_of(slot: Option<&Slot>) -> Option<&Claim> {
    slot.and_then(|slot| slot.spec.claim.as_ref())
}

/// What became of what the writer asked for.
fn told(asked: &Asked<'_>, trusts: bool, requests: Option<&Requests>, turn: &Turn) -> Vec<String> {
    let Some(new) = asked.new else { return Vec::new() };
    let slot = sanitize_short(asked.namespace);
    let noted = trusts
        && claim_of(asked.old).is_some_and(|was| !was.trust_workloads)
        && !claim_of(Some(new)).is_some_and(|is| is.trust_workloads);
    let noted = noted.then(|| {
        format!(
            "what runs in slot \"{slot}\" is trusted, as it was before claims said so, and the claim says so now. To end that: \
             kubectl patch slot slot -n {slot} --type=merge -p '{{\"spec\":{{\"claim\":{{\"trustWorkloads\":false}}}}}}'"
        )
    });
    let distrusted = !trusts && new.spec.claim.as_ref().is_some_and(|claim| claim.trust_workloads);
    let dropped =
        turn.changes_holder() && requests::changes(asked.old, new) && new.spec.requests.is_some() && requests.is_none();
    let distrusted = distrusted.then(|| {
        format!(
            "what runs in slot \"{slot}\" is not trusted now, for somebody else may have left it there: see it with \
             kubectl get all -n {slot}, then trust it with kubectl patch slot slot -n {slot} --type=merge \
             -p '{{\"spec\":{{\"claim\":{{\"trustWorkloads\":true}}}}}}'"
        )
    });
    let dropped = dropped.then(|| {
        format!(
            "spec.requests of slot \"{slot}\" is removed, for the slot changes hands by this write: ask again after it"
        )
    });
    noted.into_iter().chain(distrusted).chain(dropped).collect()
}

/// The id of the claim: another exactly when one begins. It stays when the claim ends, so that what was saved under it can
/// be told from the rest. A Slot from before there were ids gets one as soon as there is something to tell apart.
fn claim_id(asked: &Asked<'_>, turn: &Turn, uid: &str) -> Option<String> {
    let noted = asked.old.and_then(Slot::claim_id).map(str::to_owned);
    let asks = asked.new.is_some_and(|new| new.spec.requests.is_some());
    match noted {
        Some(id) if !turn.begins() => Some(id),
        None if turn.is.is_none() && !asks => None,
        _ => Some(uid.to_owned()),
    }
}

/// When the slot was claimed: now, if a claim begins; else as it was noted.
fn claimed_at(old: Option<&Slot>, turn: &Turn) -> Option<String> {
    turn.is.as_ref()?;
    if turn.begins() { Some(turn.now.to_string()) } else { noted(old, keys::CLAIMED_AT) }
}

/// When somebody last lost the slot: now, if one of those who held it does not any more; else as it was noted.
fn lost_at(old: Option<&Slot>, turn: &Turn) -> Option<String> {
    if turn.is_lost() { Some(turn.now.to_string()) } else { noted(old, keys::LOST_AT) }
}

fn noted(old: Option<&Slot>, key: &str) -> Option<String> {
    old?.metadata.annotations.as_ref()?.get(key).cloned()
}

impl Turn {
    /// True if a claim is in force by this write that was not: somebody else owns it, or nobody held the slot.
    fn begins(&self) -> bool {
        let Some(is) = ClaimState::of(self.is.as_ref(), self.now).held() else { return false };
        self.held_before().is_none_or(|was| was.owner() != is.owner())
    }

    /// True if the slot is somebody else's, or nobody's, from now on.
    fn changes_holder(&self) -> bool {
        self.begins() || self.was.is_some() && self.is.is_none()
    }

    /// True if the slot is nobody's from now on, or somebody's who is not its owner so far. Who claims again what lapsed is.
    fn takes_over(&self) -> bool {
        let owner = |claim: &Option<ClaimView>| claim.as_ref().and_then(ClaimView::owner).cloned();
        self.changes_holder() && (self.is.is_none() || owner(&self.was) != owner(&self.is))
    }

    /// True if one of those who held the slot does not any more.
    fn is_lost(&self) -> bool {
        let Some(was) = &self.was else { return false };
        let Some(is) = &self.is else { return true };
        let stay: std::collections::HashSet<&Name> = is.users.iter().chain(&is.aliases).collect();
        !was.users.iter().all(|name| stay.contains(name)) || !was.groups.iter().all(|group| is.groups.contains(group))
    }

    fn held_before(&self) -> Option<&ClaimView> {
        ClaimState::of(self.was.as_ref(), self.now).held()
    }
}

#[cfg(test)]
mod tests;
