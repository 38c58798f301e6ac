//! Which answer does a review get?
//!
//! The wire on one side, the decision on the other: this file reads the question, asks the pure
//! functions, and writes down what they said.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use hotdesk_slots::Requester;
use hotdesk_slots::text::{sanitize, sanitize_short, sanitize_short_cow};
use jiff::Timestamp;

use crate::reply::Reply;
use crate::review::condense::Condensed;
use crate::review::{GateReview, Operation, Request, Text, Unreadable};
use crate::session::Session;
use crate::settings::Settings;
use crate::slot_cache::SlotCache;
use crate::slot_validation::limit::Acquisition;

pub mod gate;
pub mod slots;
pub mod too_large;

/// The longest reason that a refusal gives, in characters.
const MAX_REASON: usize = 500;

/// What every answer depends on besides the question.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The operator's settings.
    pub settings: &'a Settings,
    /// The Slots.
    pub slot_cache: &'a SlotCache,
    /// The time on the wall, for claims that lapse.
    pub now: Timestamp,
    /// The time that never jumps, for how long the API server was silent.
    pub monotonic: Instant,
}

/// The way on which a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// CREATE and UPDATE: gated and stamped.
    Mutate,
    /// DELETE and CONNECT: gated.
    Validate,
    /// Slots: guarded.
    Slots,
}

/// An answer, and what the log and the metrics shall know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// What the API server gets.
    pub reply: Reply<'a>,
    /// What happened.
    pub note: DecisionRecord<'a>,
    /// Who gains a slot by it, which is still to be counted before it is allowed.
    pub acquisition: Option<Acquisition>,
    /// Somebody who begins to work in a pod by it, or writes something.
    pub session: Option<Session>,
}

/// What the log and the metrics shall know of an answer. The texts are sanitised; the words come from small fixed sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionRecord<'a> {
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`; empty if it could not be read.
    pub operation: &'static str,
    /// `allow`, `warn`, `audit`, `deny`.
    pub decision: &'static str,
    /// As whom, or why not.
    pub reason: &'static str,
    /// The namespace.
    pub slot: Cow<'a, str>,
    /// The user name.
    pub requester: Cow<'a, str>,
    /// What is written.
    pub target: Target<'a>,
}

/// What a request is about. It is shown sanitised, as `deployments.apps/scale web`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target<'a> {
    resource: Cow<'a, str>,
    group: Cow<'a, str>,
    subresource: Cow<'a, str>,
    name: Cow<'a, str>,
}

/// Answers a review.
///
/// # Errors
/// Only where not even the request's uid can be read. Every other problem is answered with a denial.
pub fn answer<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let answered = match path {
        Path::Mutate | Path::Validate => gate::answer(path, body, context),
        Path::Slots => slots::answer(body, context),
    };
    denied_if_unreadable(answered)
}

/// Answers a review of which only what the gate reads was kept. If it is larger than the limit, it is judged only where
/// that is not for the object's size to stop.
///
/// # Errors
/// As [`answer`].
pub fn answer_condensed<'a>(
    path: Path,
    review: &'a Condensed,
    limit: Option<usize>,
    context: &Context<'_>,
) -> Result<Answer<'a>, Unreadable> {
    let answered = GateReview::parse(review.json()).and_then(|parsed| {
        if path == Path::Slots || is_slot(&parsed.request) {
            return slots::large::answer(review.json(), context);
        }
        let judged = gate::judged(path, parsed, gate::Body::Kept(review.json()), context)?;
        Ok(too_large::unless_exempt(judged, review, limit))
    });
    denied_if_unreadable(answered)
}

fn denied_if_unreadable(answered: Result<Answer<'_>, Unreadable>) -> Result<Answer<'_>, Unreadable> {
    match answered {
        Err(Unreadable { uid: Some(uid), what }) => Ok(refusal(uid.into(), 400, "unreadable", &what)),
        other => other,
    }
}

/// A denial for a reason that has to do with the request itself, not with people.
#[must_use]
pub fn refusal<'a>(uid: Cow<'a, str>, code: u16, reason: &'static str, what: &str) -> Answer<'a> {
    // What is wrong may be quoted, in whatever length.
    let what: String = sanitize(&what.chars().take(MAX_REASON).collect::<String>());
    let message = format!("hotdesk cannot judge this request, so it is denied: {what}");
    let note = DecisionRecord { decision: "deny", reason, ..DecisionRecord::default() };
    Answer { reply: Reply::refused(uid, code, message), note, acquisition: None, session: None }
}

impl<'a> DecisionRecord<'a> {
    fn of<O>(request: Request<'a, O>, requester: Requester<'a>) -> Self {
        let text = |text: Option<Text<'a>>| text.unwrap_or_default().0;
        Self {
            operation: request.operation.as_str(),
            slot: sanitize_short_cow(text(request.namespace)),
            requester: sanitize_short_cow(requester.username),
            target: Target {
                resource: request.resource.resource.0,
                group: request.resource.group.0,
                subresource: text(request.sub_resource),
                name: text(request.name),
            },
            ..Self::default()
        }
    }
}

impl Display for Target<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitize_short(&self.resource))?;
        for (sign, part) in [(".", &self.group), ("/", &self.subresource), (" ", &self.name)] {
            if !part.is_empty() {
                write!(f, "{sign}{}", sanitize_short(part))?;
            }
        }
        Ok(())
    }
}

/// True for the Slots themselves, which the guard judges wherever they come in.
fn is_slot<O>(request: &Request<'_, O>) -> bool {
    request.resource.group.0 == "hotdesk.dev" && request.resource.resource.0 == "slots"
}

/// What a CREATE or an UPDATE must carry, and others need not.
fn requires_object(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Update)
}

#[cfg(test)]
mod tests;
