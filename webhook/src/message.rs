//! What does a person read when the gate says no, and what can they do about it?

use hotdesk_slots::text::{human_time, list, quoted, sanitize_short, shown_name};
use hotdesk_slots::{ClaimView, keys};
use jiff::Timestamp;

use crate::decide::rules::Broken;
use crate::decide::{Facts, Reason};
use crate::slot_cache::{Listing, Truncated};

/// What a denial may mention besides the request itself.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The slot's claim, lapsed or not.
    pub claim: Option<&'a ClaimView>,
    /// The slots that the person holds, and the free ones.
    pub listing: &'a Listing,
    /// Where people claim a slot, besides the command line.
    pub claim_url: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// The denial, in sentences that say what is the matter and what to do.
#[must_use]
pub fn denial(reason: Reason, facts: &Facts<'_>, context: &Context<'_>) -> String {
    let (slot, who) = (sanitize_short(facts.namespace), shown_name(&facts.requester.username));
    let held_by = || holder(context);
    match reason {
        Reason::Held => {
            format!("slot \"{slot}\" is held by {} and you are {who}. {}", held_by(), elsewhere(context))
        }
        Reason::Free => format!(
            "slot \"{slot}\" is free, and only its holder can deploy there; you are {who}. {}",
            claim_it(&slot, context)
        ),
        Reason::Lapsed => format!(
            "the claim of {} on slot \"{slot}\" has lapsed, so nobody can deploy there, and you are {who}. {}",
            held_by(),
            claim_it(&slot, context)
        ),
        Reason::NoToken => format!(
            "{who} belongs to slot \"{slot}\", and this request carries no token of a pod: it is impersonated, or it uses a \
             token that somebody made. Send it from a pod of the slot, or as yourself."
        ),
        Reason::UntrustedWorkload => format!(
            "slot \"{slot}\" is held by {}, and the claim does not trust what runs there, such as {who}. It may run from \
             before the slot changed hands. See what runs: kubectl get all -n {slot}. Delete what is not yours, and \
             trust the rest: {}",
            held_by(),
            trust_it(&slot)
        ),
        Reason::ForStranger | Reason::DeployerUnclaimed | Reason::DeployerNotListed => deployer(reason, facts, context),
        Reason::NotSynced | Reason::NoSlot | Reason::UnreadableSlot | Reason::NoNamespace => unjudged(reason, &slot),
    }
}

/// The denial of somebody who deploys for others.
fn deployer(reason: Reason, facts: &Facts<'_>, context: &Context<'_>) -> String {
    let (slot, who) = (sanitize_short(facts.namespace), shown_name(&facts.requester.username));
    match reason {
        Reason::ForStranger => format!(
            "{who} deploys for {} (label {}), who does not hold slot \"{slot}\": it is held by {}. Deploy for a \
             claimant, written as in the label {} of the slot's objects, or claim another slot.",
            quoted(facts.deployed_for.unwrap_or_default()),
            keys::FOR,
            holder(context),
            keys::OWNER,
        ),
        Reason::DeployerUnclaimed => format!(
            "nobody holds slot \"{slot}\", and {who} deploys only where somebody does. {}",
            claim_it(&slot, context)
        ),
        _ => format!(
            "{who} deploys for others, and is listed neither for slot \"{slot}\" nor for {}, who holds it. Name a claimant in \
             the label {} of the object, if this deployer authenticates people; or have an administrator list the slot in \
             trustedDeployers of charts/hotdesk.",
            holder(context),
            keys::FOR,
        ),
    }
}

/// The denial of what cannot be judged, by any person.
fn unjudged(reason: Reason, slot: &str) -> String {
    match reason {
        Reason::NotSynced => format!(
            "hotdesk cannot see the Slots at the moment, so nothing can change in slot \"{slot}\". Try again in a minute; if \
             it stays so, the log of the hotdesk webhook says why."
        ),
        Reason::NoSlot => format!(
            "namespace \"{slot}\" is labelled {} and has no Slot, so nobody can hold it. An administrator creates the Slot \
             \"slot\" there, or removes the label from the namespace.",
            keys::SLOT
        ),
        Reason::UnreadableSlot => format!(
            "the Slot of \"{slot}\" cannot be read, so nobody holds it. An administrator can fix it: kubectl edit slot slot -n {slot}"
        ),
        _ => "hotdesk was asked about an object without a namespace, and judges slots only. An administrator \
             restricts the rules of the hotdesk webhooks to scope Namespaced."
            .to_owned(),
    }
}

/// The denial of what nobody can write in a slot.
#[must_use]
pub fn rule(broken: Broken<'_>, facts: &Facts<'_>) -> String {
    let (slot, who) = (sanitize_short(facts.namespace), sanitize_short(&facts.requester.username));
    match broken {
        Broken::Fixture(name, resource) => format!(
            "slot \"{slot}\": {name} ({resource}) belongs to hotdesk, not to the holder of the slot: only \
             administrators of hotdesk can change it, and you are {who}. Give what is yours another name."
        ),
        Broken::TokenLifetime => format!(
            "slot \"{slot}\": a token of a slot's service account lasts an hour at most, for a slot changes hands. Leave out \
             --duration, and make a new one when it has ended."
        ),
        Broken::TokenOfPod => format!(
            "slot \"{slot}\": a token that is bound to a pod passes for the pod's own, which its kubelet alone asks for. Leave out \
             --bound-object-kind, or run in a pod what needs its token."
        ),
        Broken::TokenSecret => format!(
            "slot \"{slot}\": a Secret of the type kubernetes.io/service-account-token holds a token that never expires, and a \
             slot changes hands. A pod has a token of its own; outside of pods, make one that ends: kubectl create token ACCOUNT -n \
             {slot}"
        ),
        Broken::ReservedKey(found) => format!(
            "slot \"{slot}\": {}.metadata.{} has the key {}: hotdesk alone writes keys that begin with {}, and a controller \
             would copy this one. Take it out.",
            found.template,
            found.map,
            sanitize_short(found.key),
            keys::PREFIX,
        ),
        Broken::Restamp(why) => format!(
            "hotdesk's restamper changes keys that begin with {} and nothing else, and this {why}",
            keys::PREFIX
        ),
    }
}

/// `bob@example.com ("checkout", until Fri 18:00 UTC)`.
#[must_use]
pub fn holder(context: &Context<'_>) -> String {
    let Some(claim) = context.claim else { return "nobody".to_owned() };
    let groups = || claim.groups.iter().map(|group| shown_name(group)).collect::<Vec<_>>();
    let owner =
        claim.owner().map_or_else(|| format!("the groups {}", list(&groups())), |name| shown_name(name.as_str()));
    let purpose = (!claim.purpose.is_empty()).then(|| quoted(&claim.purpose));
    let until = claim.until.map(|until| format!("until {}", human_time(until, context.now)));
    let details: Vec<String> = purpose.into_iter().chain(until).collect();
    if details.is_empty() { owner } else { format!("{owner} ({})", details.join(", ")) }
}

fn elsewhere(context: &Context<'_>) -> String {
    let Listing { yours, free } = context.listing;
    let advice = match free.names.first() {
        Some(first) => format!("Claim one: kubectl hotdesk claim {first}{}", or_edit(context)),
        None => format!("Ask the holder to hand it over or to release it{}", listed_at(context)),
    };
    format!("You hold: {}. Free: {}. {advice}", some(yours), some(free))
}

fn trust_it(slot: &str) -> String {
    let patch = r#"'{"spec":{"claim":{"trustWorkloads":true}}}'"#;
    format!("kubectl patch slot slot -n {slot} --type merge -p {patch}")
}

fn claim_it(slot: &str, context: &Context<'_>) -> String {
    format!("Claim it first: kubectl hotdesk claim {slot}{}", or_edit(context))
}

fn or_edit(context: &Context<'_>) -> String {
    context.claim_url.map_or_else(String::new, |url| format!(", or edit {url}"))
}

fn listed_at(context: &Context<'_>) -> String {
    context.claim_url.map_or_else(String::new, |url| format!("; who holds what: {url}"))
}

fn some(slots: &Truncated) -> String {
    let names: Vec<String> = slots.names.iter().map(|name| sanitize_short(name)).collect();
    match (names.len(), slots.more) {
        (0, _) => "none".to_owned(),
        (_, 0) => names.join(", "),
        (_, more) => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
