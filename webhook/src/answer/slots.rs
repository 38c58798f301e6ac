//! How is a write of a Slot judged, and put into the form in which it is stored?

use std::borrow::Cow;

use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{sanitize, sanitize_short, shown_name};
use hotdesk_slots::{Name, Requester};
use json_patch::Patch;
use serde_json::value::RawValue;

use crate::answer::{Answer, Context, DecisionRecord, is_slot, refusal, requires_object};
use crate::limiter::Refused;
use crate::reply::{Audit, Denial, Reply};
use crate::reservations::Reservations;
use crate::review::{Operation, Request, SlotReview, Unreadable};
use crate::settings::Settings;
use crate::slot_cache::Lookup;
use crate::slot_validation::limit::{self, Acquisition};
use crate::slot_validation::{self, Asked, Moment, Writer, hosts, newcomers, sheet, status};

pub(super) mod large;
mod patch;

type SlotRequest<'a> = Request<'a, &'a RawValue>;

/// As whom a write goes on, what is changed and said on the way, and who gains a slot by it.
struct Ruled {
    writer: Writer,
    patch: Patch,
    acquisition: Option<Acquisition>,
    warnings: Vec<String>,
}

/// Answers a review of `/slots`.
///
/// # Errors
/// Where the review cannot be read.
pub fn answer<'a>(body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut review = SlotReview::parse(body)?;
    let requester = review.request.take_requester();
    let uid = std::mem::take(&mut review.request.uid.0);
    let request = &review.request;
    if !is_slot(request) {
        return Ok(misdirected(uid));
    }
    if requires_object(request.operation) && request.object.is_none() {
        return Ok(refusal(uid, 400, "unreadable", "request.object is missing"));
    }
    // It is not even read: that could take longer than an answer may.
    if large::grows_too_large(request) && !context.settings.breaks_glass(&requester) {
        return Ok(large::refused(uid, review.request, requester));
    }
    Ok(judged(uid, review.request, requester, context))
}

fn misdirected(uid: Cow<'_, str>) -> Answer<'_> {
    let what = "/slots judges slots.hotdesk.dev only: fix the rules of the webhook configuration";
    refusal(uid, 400, "unreadable", what)
}

fn judged<'a>(
    uid: Cow<'a, str>,
    request: SlotRequest<'a>,
    requester: Requester<'a>,
    context: &Context<'_>,
) -> Answer<'a> {
    let new = request.object.filter(|_| requires_object(request.operation)).map(|raw| large::bounded(read(raw)?));
    let result = match new {
        Some(Err(problem)) => Err(vec![problem]),
        None => rule(&request, &requester, None, &uid, context),
        Some(Ok(new)) => rule(&request, &requester, Some(&new), &uid, context),
    };
    decided(uid, request, requester, result)
}

fn decided<'a>(
    uid: Cow<'a, str>,
    request: SlotRequest<'a>,
    requester: Requester<'a>,
    result: Result<Ruled, Vec<String>>,
) -> Answer<'a> {
    let result = result.and_then(|ruled| Ok((written(&ruled.patch)?, ruled)));
    let (patch, acquisition, warnings, denial, decision) = match result {
        Ok((patch, Ruled { writer, acquisition, warnings, .. })) => {
            let warnings = by_break_glass(writer, &request).into_iter().chain(warnings).collect();
            (patch, acquisition, warnings, None, ("allow", writer.as_str()))
        }
        Err(problems) => {
            let denial = Denial { code: 403, message: sentence(&request, &problems) };
            (None, None, Vec::new(), Some(denial), ("deny", "guard"))
        }
    };
    let note = DecisionRecord { decision: decision.0, reason: decision.1, ..DecisionRecord::of(request, requester) };
    let audit = Audit { slot: note.slot.clone(), owner: String::new(), decision };
    Answer { reply: Reply { uid, denial, patch, warnings, audit }, note, acquisition, session: None }
}

/// A Slot that could not be put into form must not be stored as it was sent.
fn written(patch: &Patch) -> Result<Option<Vec<u8>>, Vec<String>> {
    if patch.0.is_empty() {
        return Ok(None);
    }
    serde_json::to_vec(patch)
        .map(Some)
        .map_err(|e| vec![format!("hotdesk could not write its changes: {}", sanitize(&e.to_string()))])
}

/// The same answer, denied because the person holds enough slots, or because that could not be found out.
#[must_use]
pub fn beyond<'a>(answer: Answer<'a>, acquisition: &Acquisition, refused: &Refused, settings: &Settings) -> Answer<'a> {
    let problem = match refused {
        Refused::Over(held) => acquisition.refusal(held, settings.max_slots, settings.claim_url.as_deref()),
        Refused::Uncounted(why) => format!(
            "hotdesk could not count the slots of {}: {}. Try again; if it stays so, the log of the hotdesk webhook says why",
            shown_name(acquisition.owner.as_str()),
            sanitize(why)
        ),
    };
    let reason = refused.as_str();
    let denial = Denial { code: 403, message: sentence_of(Operation::Update, &acquisition.slot, &[problem]) };
    let audit = Audit { decision: ("deny", reason), ..answer.reply.audit };
    Answer {
        reply: Reply { uid: answer.reply.uid, denial: Some(denial), audit, ..Reply::default() },
        note: DecisionRecord { decision: "deny", reason, ..answer.note },
        acquisition: None,
        session: None,
    }
}

/// Who may, and what is changed on the way. The reasons of both kinds are told at once.
fn rule(
    request: &SlotRequest<'_>,
    requester: &Requester<'_>,
    new: Option<&Slot>,
    uid: &str,
    context: &Context<'_>,
) -> Result<Ruled, Vec<String>> {
    // What is stored and cannot be read stays away; then only administrators can write.
    let old = request.old_object.and_then(|raw| read(raw).ok());
    let asked = Asked {
        operation: request.operation,
        subresource: request.subresource(),
        namespace: request.namespace(),
        requester,
        old: old.as_ref(),
        new,
    };
    let known = || context.slot_cache.is_synced(context.monotonic).then(|| context.slot_cache.hosts());
    let judged = slot_validation::judge(&asked, context.settings, context.now)
        .and_then(|writer| hosts::against(writer, &asked, known).map_or(Ok(writer), |problem| Err(vec![problem])));
    // What is denied is put into form as a person's, for its other faults.
    let writer = judged.as_ref().copied().unwrap_or(Writer::Person);
    match (judged, formed(request, &asked, writer, uid, context)) {
        (Ok(writer), Ok((patch, mut warnings))) => {
            let acquisition = limit::acquisition(writer, &asked, context.settings, context.now);
            // What is not stored is not noted, only judged by what is known here.
            let acquisition = if request.dry_run == Some(true) { within(acquisition, context)? } else { acquisition };
            let says = |new| sheet::lasts_until_the_next_sync(writer, asked.old, new, context.settings, context.now);
            warnings.extend(new.and_then(says));
            let is_named = |names: &[Name]| !context.slot_cache.owned(names).is_empty();
            warnings.extend(newcomers::warning(writer, &asked, context.settings, is_named));
            Ok(Ruled { writer, patch, acquisition, warnings })
        }
        (judged, formed) => Err(judged.err().into_iter().chain(formed.err()).flatten().collect()),
    }
}

/// What is stored in place of what was written, as a patch, and what the writer is told about it.
fn formed(
    request: &SlotRequest<'_>,
    asked: &Asked<'_>,
    writer: Writer,
    uid: &str,
    context: &Context<'_>,
) -> Result<(Patch, Vec<String>), Vec<String>> {
    let Some(new) = asked.new else { return Ok((Patch::default(), Vec::new())) };
    if !asked.subresource.is_empty() {
        return Ok((patch::of_status(status::conditions(asked, writer)), Vec::new()));
    }
    let stored = slot_validation::stored(asked, writer, context.settings, Moment { now: context.now, uid })?;
    Ok((patch::of_slot(request.object, new, &stored), stored.warnings))
}

fn within(acquisition: Option<Acquisition>, context: &Context<'_>) -> Result<Option<Acquisition>, Vec<String>> {
    let Some(acquisition) = acquisition else { return Ok(None) };
    let lookup = |slot: &str| match context.slot_cache.lookup(slot, context.monotonic) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing | Lookup::NotSynced => None,
    };
    let held =
        Reservations::default().held(&acquisition, &context.slot_cache.owned(&acquisition.names), lookup, context.now);
    if held.len() < context.settings.max_slots {
        return Ok(None);
    }
    Err(vec![acquisition.refusal(&held, context.settings.max_slots, context.settings.claim_url.as_deref())])
}

fn read(raw: &RawValue) -> Result<Slot, String> {
    // To know the path of a fault takes as long again as to read.
    serde_json::from_str(raw.get()).or_else(|_| read_with_path(raw))
}

fn read_with_path(raw: &RawValue) -> Result<Slot, String> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let field = if path == "." { "the Slot" } else { &path };
        format!("{} cannot be read: {}", sanitize(field), sanitize(&e.inner().to_string()))
    })
}

fn sentence(request: &SlotRequest<'_>, problems: &[String]) -> String {
    sentence_of(request.operation, request.namespace(), problems)
}

fn sentence_of(operation: Operation, namespace: &str, problems: &[String]) -> String {
    let slot = sanitize_short(namespace);
    let verb = match operation {
        Operation::Create => "created",
        Operation::Delete => "deleted",
        Operation::Update | Operation::Connect => "changed",
    };
    format!("the Slot of \"{slot}\" cannot be {verb}: {}", problems.join("; "))
}

fn by_break_glass(writer: Writer, request: &SlotRequest<'_>) -> Option<String> {
    let slot = sanitize_short(request.namespace());
    let warning = || format!("hotdesk let you write the Slot of \"{slot}\" by a break-glass group");
    (writer == Writer::BreakGlass).then(warning)
}

#[cfg(test)]
mod tests;
