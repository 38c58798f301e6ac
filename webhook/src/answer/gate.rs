//! How is a write into a slot judged and stamped?

use std::borrow::Cow;

use hotdesk_slots::stamp::{self, Change, Marks};
use hotdesk_slots::text::plain;
use hotdesk_slots::{Mode, Requester, keys};

use crate::answer::{Answer, Context, Note, Path, is_slot, refusal, requires_object, slots};
use crate::book::{Listing, Look, Page};
use crate::decide::rules::{Broken, broken, names_people};
use crate::decide::{Decision, Facts, Reason, Role, decide, restamp};
use crate::gated::Gated;
use crate::message::{self, denial, holder};
use crate::reply::{Audit, Denial, Reply};
use crate::review::object::{Entries, Object};
use crate::review::{GateReview, Operation, Request, SlotReview, Unreadable};
use crate::session;
use crate::settings::Settings;

/// The type of helm's release Secrets, and how its Secrets and ConfigMaps are named.
const RELEASE_TYPE: &str = "helm.sh/release.v1";
const RELEASE_NAME: &str = "sh.helm.release.v1.";

/// Answers a review of `/mutate` or `/validate`.
///
/// # Errors
/// Where the review cannot be read.
pub fn answer<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let review = GateReview::parse(body)?;
    if is_slot(&review.request) {
        return slots::answer(body, context);
    }
    Ok(judged(path, review, Some(body), context))
}

/// Answers a review that was read, of anything but a Slot. The body is absent where not all of it was kept.
pub(super) fn judged<'a>(
    path: Path,
    mut review: GateReview<'a>,
    body: Option<&[u8]>,
    context: &Context<'_>,
) -> Answer<'a> {
    let requester = review.request.take_requester();
    let uid = std::mem::take(&mut review.request.uid.0);
    let request = &review.request;
    if requires_object(request.operation) && request.object.is_none() {
        return refusal(uid, 400, "unreadable", "request.object is missing");
    }
    let look = context.book.look(request.namespace(), context.steady);
    let facts = Facts {
        namespace: request.namespace(),
        requester: &requester,
        deployed_for: deployed_for(request),
        is_controllers: binds_claimants(request) || is_event(request),
    };
    let judged = decide(&facts, look.view(), context.settings, context.now);
    let broken = broken(request, judged, &requester, context.settings).or_else(|| no_restamp(request, judged, body));
    let decision = broken.map_or(judged, |broken| Decision::Forbid(broken.rule()));
    let stamps = path == Path::Mutate && decision.admits();
    let denial = denied(decision, broken, &facts, &look, context);
    let patch = if stamps { patch(request, decision, &requester, look.page(), context.settings) } else { None };
    let warnings = warnings(request, decision, &facts, &look, context);
    let session = session::begun(request, &requester.username, decision, context.now);
    let note = Note { decision: decision.word(), reason: decision.why(), ..Note::of(review.request, requester) };
    let audit = audit(decision, note.slot.clone(), look.page());
    Answer { reply: Reply { uid, denial, patch, warnings, audit }, note, gain: None, session }
}

/// What is wrong with a request of the restamper. Of others the objects are not read in full.
fn no_restamp(request: &Request<'_, Object<'_>>, decision: Decision, body: Option<&[u8]>) -> Option<Broken<'static>> {
    if decision != Decision::Allow(Role::Restamper) {
        return None;
    }
    let whole = body.and_then(|body| SlotReview::parse(body).ok());
    let objects = whole.and_then(|whole| whole.request.object.zip(whole.request.old_object));
    restamp::judge(request, objects).err().map(Broken::Restamp)
}

fn binds_claimants(request: &Request<'_, Object<'_>>) -> bool {
    let resource = (request.resource.group.as_str(), request.resource.resource.as_str(), request.subresource());
    request.operation == Operation::Update
        && resource == ("rbac.authorization.k8s.io", "rolebindings", "")
        && request.name() == keys::CLAIMANTS_BINDING
}

fn is_event(request: &Request<'_, Object<'_>>) -> bool {
    let resource = (request.resource.group.as_str(), request.resource.resource.as_str(), request.subresource());
    matches!(request.operation, Operation::Create | Operation::Update)
        && matches!(resource, ("" | "events.k8s.io", "events", ""))
}

/// The person whom the object names. A DELETE has only the old object.
fn deployed_for<'a>(request: &'a Request<'_, Object<'_>>) -> Option<&'a str> {
    let object = match request.operation {
        Operation::Delete => request.old_object.as_ref(),
        Operation::Create | Operation::Update | Operation::Connect => request.object.as_ref(),
    };
    object?.label(keys::FOR)
}

fn denied(
    decision: Decision,
    broken: Option<Broken<'_>>,
    facts: &Facts<'_>,
    look: &Look,
    context: &Context<'_>,
) -> Option<Denial> {
    let message = match (decision, broken) {
        (Decision::Deny(reason), _) => explain(reason, facts, look, context),
        (_, Some(broken)) => message::rule(broken, facts),
        _ => return None,
    };
    Some(Denial { code: 403, message })
}

/// The sentences. Only here are the slots of a person and the free ones looked up.
fn explain(reason: Reason, facts: &Facts<'_>, look: &Look, context: &Context<'_>) -> String {
    let listing = if reason == Reason::Held {
        let names = facts.requester.names(&context.settings.identity);
        context.book.listing(&names, &facts.requester.groups, context.now)
    } else {
        Listing::default()
    };
    denial(reason, facts, &told(look, &listing, context))
}

fn told<'a>(look: &'a Look, listing: &'a Listing, context: &Context<'a>) -> message::Context<'a> {
    message::Context {
        claim: look.page().and_then(|page| page.claim.as_ref()),
        listing,
        claim_url: context.settings.claim_url.as_deref(),
        now: context.now,
    }
}

fn warnings(
    request: &Request<'_, Object<'_>>,
    decision: Decision,
    facts: &Facts<'_>,
    look: &Look,
    context: &Context<'_>,
) -> Vec<String> {
    match decision {
        // `helm uninstall` keeps every error to itself, also that of its first write, which marks the record. It shows
        // warnings, so the person learns why.
        Decision::Deny(reason) if request.operation == Operation::Update && is_release(request) => {
            vec![explain(reason, facts, look, context)]
        }
        Decision::Tolerate(reason, Mode::Warn) => {
            vec![format!("hotdesk would deny this: {}", explain(reason, facts, look, context))]
        }
        Decision::Allow(role @ (Role::BreakGlass | Role::Administrator)) => {
            let slot = plain(facts.namespace);
            let held_by = holder(&told(look, &Listing::default(), context));
            let by = if role == Role::BreakGlass { "by a break-glass group" } else { "as an administrator" };
            vec![format!("hotdesk let you into slot \"{slot}\" {by}; it is held by {held_by}")]
        }
        _ => Vec::new(),
    }
}

fn audit<'a>(decision: Decision, slot: Cow<'a, str>, page: Option<&Page>) -> Audit<'a> {
    let owner = page.and_then(|page| page.claim.as_ref()).and_then(|claim| claim.owner());
    Audit {
        slot,
        owner: owner.map_or_else(String::new, |name| plain(name.as_str())),
        decision: (decision.word(), decision.why()),
    }
}

fn patch(
    request: &Request<'_, Object<'_>>,
    decision: Decision,
    requester: &Requester<'_>,
    page: Option<&Page>,
    settings: &Settings,
) -> Option<Vec<u8>> {
    let object = request.object.as_ref().filter(|_| is_stamped(request, decision))?;
    let page = page?;
    // An object without metadata has no room for a stamp; the policy in the API server will say so.
    let metadata = object.metadata.as_ref()?;
    let role = if let Decision::Allow(role) = decision { Some(role) } else { None };
    let (mut labels, mut annotations) =
        (Entries::marks(metadata.labels.as_ref()), Entries::marks(metadata.annotations.as_ref()));
    if !names_people(role, requester, settings) {
        let old = request.old_object.as_ref().and_then(|old| old.metadata.as_ref());
        unname(metadata.labels.as_ref(), old.and_then(|old| old.labels.as_ref()), &mut labels);
        unname(metadata.annotations.as_ref(), old.and_then(|old| old.annotations.as_ref()), &mut annotations);
    }
    match deployed_by(request, role, requester).filter(|_| is_release_record(request, object)) {
        Some(by) => written(&page.stamp().clone().with_deployed_by(&by).changes(&labels, &annotations)),
        None => written(&page.stamp().changes(&labels, &annotations)),
    }
}

fn written(changes: &[Change<'_>]) -> Option<Vec<u8>> {
    (!changes.is_empty()).then(|| stamp::patch(changes))
}

/// Has `hotdesk.dev/for` removed, unless the object had it before, and says the same.
fn unname<'b>(new: Option<&'b Entries<'_>>, old: Option<&Entries<'_>>, marks: &mut Marks<'b>) {
    let named = new.and_then(|entries| entries.get(keys::FOR));
    let before = old.and_then(|entries| entries.get(keys::FOR));
    let brought = named.filter(|_| named != before);
    marks.reserved.extend(brought.map(|person| (keys::FOR.into(), person.into())));
}

/// Who deployed a release. hotdesk's own accounts, which clear, restore and restamp releases, are not the people who deployed
/// them; a restamp does not make up who did.
fn deployed_by<'b>(
    request: &'b Request<'_, Object<'_>>,
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

fn is_stamped(request: &Request<'_, Object<'_>>, decision: Decision) -> bool {
    // Machinery is stamped as it creates; what it merely updates is left to the audit.
    let wanted = match request.operation {
        Operation::Create => true,
        Operation::Update => decision != Decision::Allow(Role::Machinery),
        Operation::Delete | Operation::Connect => false,
    };
    let (group, kind) = (request.kind.group.as_str(), request.kind.kind.as_str());
    wanted && Gated::table().stamp.takes(request.subresource(), group, kind)
}

fn is_release(request: &Request<'_, Object<'_>>) -> bool {
    request.object.as_ref().is_some_and(|object| is_release_record(request, object))
}

/// helm's record of a release: a Secret of its type, or a Secret or ConfigMap that is labelled and named so.
fn is_release_record(request: &Request<'_, Object<'_>>, object: &Object<'_>) -> bool {
    let kind = request.kind.kind.as_str();
    let core = request.kind.group.0.is_empty();
    let typed = kind == "Secret" && object.type_.0.as_deref() == Some(RELEASE_TYPE);
    let name = object.metadata.as_ref().and_then(|m| m.name.as_ref()).map_or("", |name| name.as_str());
    let labelled = matches!(kind, "Secret" | "ConfigMap") && object.is_helms() && name.starts_with(RELEASE_NAME);
    core && (typed || labelled)
}

#[cfg(test)]
mod tests;
