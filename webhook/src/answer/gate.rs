//! How is a write into a slot judged and stamped?

use std::borrow::Cow;

use hotdesk_slots::stamp::{self, Change, Marks};
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::{Mode, Requester, keys, release};

use crate::answer::{Answer, Context, DecisionRecord, Path, is_slot, refusal, requires_object, slots};
use crate::decide::rules::{Broken, broken, names};
use crate::decide::{Decision, Facts, OwnWrite, Reason, Role, decide, restamp};
use crate::gated::Gated;
use crate::message::{self, denial, holder};
use crate::neighbours::{self, Found, Neighbours};
use crate::reply::{Audit, Denial, Reply};
use crate::review::object::{Entries, Object};
use crate::review::{GateRequest, GateReview, Operation, SlotReview, Unreadable};
use crate::session;
use crate::settings::Settings;
use crate::slot_cache::{Listing, Lookup, SlotEntry};

/// The type of helm's release Secrets.
const RELEASE_TYPE: &str = "helm.sh/release.v1";

/// Answers a review of `/mutate` or `/validate`.
///
/// # Errors
/// Where the review cannot be read.
pub fn answer<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let review = GateReview::parse(body)?;
    if is_slot(&review.request) {
        return slots::answer(body, context);
    }
    judged(path, review, Body::Whole(body), context)
}

/// What a review was read from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Of a large one, what was kept.
    Kept(&'a [u8]),
}

/// Answers a review that was read from this body, of anything but a Slot.
///
/// # Errors
/// As [`answer`].
pub(super) fn judged<'a>(
    path: Path,
    mut review: GateReview<'a>,
    body: Body<'_>,
    context: &Context<'_>,
) -> Result<Answer<'a>, Unreadable> {
    let requester = review.request.take_requester();
    let uid = std::mem::take(&mut review.request.uid.0);
    let request = &review.request;
    if requires_object(request.operation) && request.object.is_none() {
        return Ok(refusal(uid, 400, "unreadable", "request.object is missing"));
    }
    let lookup = context.slot_cache.lookup(request.namespace(), context.monotonic);
    let facts = Facts {
        namespace: request.namespace(),
        requester: &requester,
        deployed_for: deployed_for(request),
        own: own_write(request),
    };
    let judged = decide(&facts, lookup.view(), context.settings, context.now);
    let claim = lookup.entry().and_then(|entry| entry.claim.as_ref());
    let broken = broken(request, judged, &requester, claim, context.settings);
    let broken = broken.or_else(|| no_restamp(request, judged, body));
    let decision = broken.map_or(judged, |broken| Decision::Forbid(broken.rule()));
    let found = found(request, body, decision, context)?;
    let decision = found.denied.as_ref().map_or(decision, |finding| Decision::Forbid(finding.rule()));
    let stamps = path == Path::Mutate && decision.admits();
    let denial = match &found.denied {
        Some(finding) => Some(Denial { code: 403, message: finding.message(facts.namespace) }),
        None => denied(request, decision, broken, &facts, &lookup, context),
    };
    let patch = if stamps { patch(request, decision, &requester, lookup.entry(), context.settings) } else { None };
    let mut warnings = warnings(request, decision, &facts, &lookup, context);
    if denial.is_none() {
        warnings.extend(found.warnings(facts.namespace));
    }
    let begun = session::begun(request, &requester.username, decision, context.now);
    let session = begun.or_else(|| session::write::made(request, &requester.username, decision, context.now));
    let words = words(decision, &found);
    let note = DecisionRecord { decision: words.0, reason: words.1, ..DecisionRecord::of(review.request, requester) };
    let audit = audit(words, note.slot.clone(), lookup.entry());
    Ok(Answer { reply: Reply { uid, denial, patch, warnings, audit }, note, acquisition: None, session })
}

/// What the write brings that is a neighbour's.
fn found(
    request: &GateRequest<'_>,
    body: Body<'_>,
    decision: Decision,
    context: &Context<'_>,
) -> Result<Found, Unreadable> {
    let (Body::Whole(body) | Body::Kept(body)) = body;
    let is_slot = |namespace: &str| context.slot_cache.knows(namespace);
    neighbours::judge(request, body, decision, context.settings, || Neighbours {
        slot: request.namespace(),
        hosts: context.slot_cache.hosts(),
        is_slot: &is_slot,
        own_namespaces: &context.settings.own_namespaces,
        own_priority_classes: &context.settings.own_priority_classes,
    })
}

/// The decision, and as whom or why not. What a switch lets in with a warning is told as that.
fn words(decision: Decision, found: &Found) -> (&'static str, &'static str) {
    match (decision, found.warned.first()) {
        (Decision::Allow(_), Some(finding)) => (Decision::WARN, finding.rule().as_str()),
        _ => (decision.as_str(), decision.why()),
    }
}

/// What is wrong with a request of the restamper. Of others the objects are not read in full.
fn no_restamp(request: &GateRequest<'_>, decision: Decision, body: Body<'_>) -> Option<Broken<'static>> {
    if decision != Decision::Allow(Role::Restamper) {
        return None;
    }
    let whole = match body {
        Body::Whole(body) => SlotReview::parse(body).ok(),
        Body::Kept(_) => None,
    };
    let objects = whole.and_then(|whole| whole.request.object.zip(whole.request.old_object));
    restamp::judge(request, objects).err().map(Broken::Restamp)
}

/// What hotdesk's own programs write in a slot.
fn own_write(request: &GateRequest<'_>) -> Option<OwnWrite> {
    let resource = (request.resource.group.as_str(), request.resource.resource.as_str(), request.subresource());
    match (request.operation, resource) {
        (Operation::Create | Operation::Update, ("" | "events.k8s.io", "events", "")) => Some(OwnWrite::Event),
        (Operation::Update, ("rbac.authorization.k8s.io", "rolebindings", "")) => {
            (request.name() == keys::CLAIMANTS_BINDING).then_some(OwnWrite::ClaimantsBinding)
        }
        _ => None,
    }
}

/// The person whom the object names. A DELETE has only the old object.
fn deployed_for<'a>(request: &'a GateRequest<'_>) -> Option<&'a str> {
    let object = match request.operation {
        Operation::Delete => request.old_object.as_ref(),
        Operation::Create | Operation::Update | Operation::Connect => request.object.as_ref(),
    };
    object?.label(keys::FOR)
}

fn denied(
    request: &GateRequest<'_>,
    decision: Decision,
    broken: Option<Broken<'_>>,
    facts: &Facts<'_>,
    lookup: &Lookup,
    context: &Context<'_>,
) -> Option<Denial> {
    let message = match (decision, broken) {
        (Decision::Deny(reason), _) => {
            let message = explain(reason, facts, lookup, context);
            match way_on(request, facts.namespace) {
                Some(way_on) => format!("{}; {way_on}", message.trim_end_matches('.')),
                None => message,
            }
        }
        (_, Some(broken)) => message::rule(broken, facts),
        _ => return None,
    };
    Some(Denial { code: 403, message })
}

/// What becomes of a deploy whose last write comes when the slot is another's: helm leaves the release pending, and says so only to
/// the person who deploys it next.
fn way_on(request: &GateRequest<'_>, slot: &str) -> Option<String> {
    let (name, revision) = release::of_record(request.name())?;
    (request.operation == Operation::Update && is_release(request) && !slot.is_empty()).then(|| {
        let (release, commands) = (sanitize_short(name), release::go_on(name, revision, slot));
        format!("if this was the end of a deploy, release {release} stays pending, and the holder of the slot goes on with: {commands}")
    })
}

/// The sentences. Only here are the slots of a person and the free ones looked up.
fn explain(reason: Reason, facts: &Facts<'_>, lookup: &Lookup, context: &Context<'_>) -> String {
    let listing = if reason == Reason::Held {
        let names = facts.requester.names(&context.settings.identity);
        context.slot_cache.listing(&names, &facts.requester.groups, context.now)
    } else {
        Listing::default()
    };
    denial(reason, facts, &told(lookup, &listing, context))
}

fn told<'a>(lookup: &'a Lookup, listing: &'a Listing, context: &Context<'a>) -> message::Context<'a> {
    message::Context {
        claim: lookup.entry().and_then(|entry| entry.claim.as_ref()),
        listing,
        claim_url: context.settings.claim_url.as_deref(),
        now: context.now,
    }
}

fn warnings(
    request: &GateRequest<'_>,
    decision: Decision,
    facts: &Facts<'_>,
    lookup: &Lookup,
    context: &Context<'_>,
) -> Vec<String> {
    match decision {
        // `helm uninstall` keeps every error to itself, also that of its first write, which marks the record. It shows
        // warnings, so the person learns why.
        Decision::Deny(reason) if request.operation == Operation::Update && is_release(request) => {
            vec![explain(reason, facts, lookup, context)]
        }
        Decision::Tolerate(reason, Mode::Warn) => {
            vec![format!("hotdesk would deny this: {}", explain(reason, facts, lookup, context))]
        }
        Decision::Allow(role @ (Role::BreakGlass | Role::Administrator)) => {
            let slot = sanitize_short(facts.namespace);
            let held_by = holder(&told(lookup, &Listing::default(), context));
            let by = if role == Role::BreakGlass { "by a break-glass group" } else { "as an administrator" };
            vec![format!("hotdesk let you into slot \"{slot}\" {by}; it is held by {held_by}")]
        }
        _ => Vec::new(),
    }
}

fn audit<'a>(decision: (&'static str, &'static str), slot: Cow<'a, str>, entry: Option<&SlotEntry>) -> Audit<'a> {
    let owner = entry.and_then(|entry| entry.claim.as_ref()).and_then(|claim| claim.owner());
    Audit { slot, owner: owner.map_or_else(String::new, |name| sanitize_short(name.as_str())), decision }
}

fn patch(
    request: &GateRequest<'_>,
    decision: Decision,
    requester: &Requester<'_>,
    entry: Option<&SlotEntry>,
    settings: &Settings,
) -> Option<Vec<u8>> {
    let object = request.object.as_ref().filter(|_| is_stamped(request, decision))?;
    let entry = entry?;
    // An object without metadata has no room for a stamp; the policy in the API server will say so.
    let metadata = object.metadata.as_ref()?;
    let role = if let Decision::Allow(role) = decision { Some(role) } else { None };
    let (mut labels, mut annotations) =
        (Entries::marks(metadata.labels.as_ref()), Entries::marks(metadata.annotations.as_ref()));
    let may_name = |person: &str| names(person, role, requester, entry.claim.as_ref(), settings);
    let old = request.old_object.as_ref().and_then(|old| old.metadata.as_ref());
    unname(metadata.labels.as_ref(), old.and_then(|old| old.labels.as_ref()), &may_name, &mut labels);
    unname(metadata.annotations.as_ref(), old.and_then(|old| old.annotations.as_ref()), &may_name, &mut annotations);
    match deployed_by(request, role, requester).filter(|_| is_release_record(request, object)) {
        Some(by) => written(&entry.stamp().clone().with_deployed_by(&by).changes(&labels, &annotations)),
        None => written(&entry.stamp().changes(&labels, &annotations)),
    }
}

fn written(changes: &[Change<'_>]) -> Option<Vec<u8>> {
    (!changes.is_empty()).then(|| stamp::patch(changes))
}

/// Has `hotdesk.dev/for` removed, unless the writer may name that person, or the object had it before, and says the same.
fn unname<'b>(
    new: Option<&'b Entries<'_>>,
    old: Option<&Entries<'_>>,
    may_name: &dyn Fn(&str) -> bool,
    marks: &mut Marks<'b>,
) {
    let named = new.and_then(|entries| entries.get(keys::FOR));
    let before = old.and_then(|entries| entries.get(keys::FOR));
    let brought = named.filter(|person| named != before && !may_name(person));
    marks.reserved.extend(brought.map(|person| (keys::FOR.into(), person.into())));
}

/// Who deployed a release. hotdesk's own accounts, which clear, restore and restamp releases, are not the people who deployed
/// them; a restamp does not make up who did.
fn deployed_by<'b>(
    request: &'b GateRequest<'_>,
    role: Option<Role>,
    requester: &'b Requester<'_>,
) -> Option<Cow<'b, str>> {
    let kept = match role {
        Some(Role::Reaper | Role::Restamper) => request.old_object.as_ref(),
        Some(Role::Reviver) => request.object.as_ref(),
        _ => None,
    };
    let annotations = kept.and_then(|object| object.metadata.as_ref()).and_then(|m| m.annotations.as_ref());
    let noted = annotations.and_then(|entries| entries.get(keys::DEPLOYED_BY));
    noted.or_else(|| (role != Some(Role::Restamper)).then_some(&requester.username)).map(Cow::from)
}

fn is_stamped(request: &GateRequest<'_>, decision: Decision) -> bool {
    // Machinery is stamped as it creates; what it merely updates is left to the audit.
    let wanted = match request.operation {
        Operation::Create => true,
        Operation::Update => decision != Decision::Allow(Role::Machinery),
        Operation::Delete | Operation::Connect => false,
    };
    let (group, kind) = (request.kind.group.as_str(), request.kind.kind.as_str());
    wanted && Gated::table().stamp.takes(request.subresource(), group, kind)
}

fn is_release(request: &GateRequest<'_>) -> bool {
    request.object.as_ref().is_some_and(|object| is_release_record(request, object))
}

/// helm's record of a release: a Secret of its type, or a Secret or ConfigMap that is labelled and named so.
fn is_release_record(request: &GateRequest<'_>, object: &Object<'_>) -> bool {
    let kind = request.kind.kind.as_str();
    let core = request.kind.group.0.is_empty();
    let typed = kind == "Secret" && object.type_.0.as_deref() == Some(RELEASE_TYPE);
    let name = object.metadata.as_ref().and_then(|m| m.name.as_ref()).map_or("", |name| name.as_str());
    let labelled =
        matches!(kind, "Secret" | "ConfigMap") && object.is_helms() && name.starts_with(release::RECORD_PREFIX);
    core && (typed || labelled)
}

#[cfg(test)]
mod tests;
