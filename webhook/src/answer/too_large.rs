//! Which objects are denied for their size, and which are not?
//!
//! Nothing becomes undeletable by its size, and break-glass always works: there a review without its object is enough. All
//! others need what did not fit.

use std::fmt::{self, Display, Formatter};

use crate::answer::Answer;
use crate::decide::Role;
use crate::reply::{Audit, Denial, Reply};
use crate::review::Operation;
use crate::review::condense::Condensed;

/// The reason in metrics and audit logs.
const REASON: &str = "too-large";

/// What is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLarge {
    /// The review, which may have so many bytes.
    Review(usize),
    /// hotdesk's own labels and annotations on the object, and those that name hosts in DNS.
    Marks,
    /// An object in which hotdesk looks for what is a neighbour's.
    Object,
    /// A Slot.
    Slot,
}

/// The answer to a condensed review, or a denial if the review is too large for that answer.
#[must_use]
pub fn unless_exempt<'a>(answer: Answer<'a>, review: &Condensed, limit: Option<usize>) -> Answer<'a> {
    let missing = if review.keeps_whole() { TooLarge::Object } else { TooLarge::Marks };
    let what = match limit {
        Some(limit) => TooLarge::Review(limit),
        None if review.lacks_an_object() => missing,
        None => return answer,
    };
    // A deployer can delete what it deployed for whom it deploys, and that stands on the object.
    let needs_object = review.lacks_an_object() && answer.note.reason == Role::Deployer.as_str();
    let deletes = answer.note.operation == Operation::Delete.as_str() && !needs_object;
    if answer.reply.denial.is_some() || deletes {
        answer
    } else if answer.note.reason == Role::BreakGlass.as_str() {
        told_if_unstamped(answer, review, missing)
    } else {
        denied(answer, what)
    }
}

fn told_if_unstamped<'a>(mut answer: Answer<'a>, review: &Condensed, missing: TooLarge) -> Answer<'a> {
    if review.lacks_an_object() {
        answer.reply.warnings.push(format!("hotdesk did not stamp the object: {missing}"));
    }
    answer
}

/// The same answer, denied because this is too large.
#[must_use]
pub fn denied(answer: Answer<'_>, what: TooLarge) -> Answer<'_> {
    let denial = Some(Denial { code: 413, message: what.to_string() });
    let audit = Audit { decision: ("deny", REASON), ..answer.reply.audit };
    let mut note = answer.note;
    (note.decision, note.reason) = ("deny", REASON);
    Answer {
        reply: Reply { uid: answer.reply.uid, denial, audit, ..Reply::default() },
        note,
        acquisition: None,
        session: None,
    }
}

impl Display for TooLarge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Review(bytes) => write!(
                f,
                "the object is too large for hotdesk: with its old self, written as JSON, it has more than {} MiB. Split \
                 it into several objects, or ask an administrator to raise webhook.maxReviewBytes of the hotdesk chart. \
                 It can still be deleted",
                bytes >> 20
            ),
            Self::Marks => f.write_str(
                "the object has more labels and annotations that begin with hotdesk.dev/, or that name hosts in DNS \
                 (…/hostname, …/internal-hostname), than hotdesk reads, 2 MiB of them: remove them, hotdesk writes the \
                 former itself. It can still be deleted",
            ),
            Self::Object => f.write_str(
                "the object is too large for hotdesk to see whose hosts and addresses it takes, 2 MiB of it: split it \
                 into several objects. It can still be deleted",
            ),
            Self::Slot => f.write_str(
                "the Slot is too large for hotdesk: no Slot needs more than 1 MiB. Remove what it does not need from \
                 metadata.labels and metadata.annotations. Administrators can still delete it",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
