//! Is a review that is too large to be held answered as if it had been held?
//!
//! Of such a review only what the gate reads is kept. Whatever is forgotten there would hold for small reviews alone.

use hotdesk_slots::Slot;
use hotdesk_webhook::answer::{Answer, Context, answer_condensed};
use hotdesk_webhook::review::condense::condense;
use serde_json::Value;

use super::check::{Problem, Question};
use super::oracle::{Asked, Part, role};

/// A limit that every review exceeds.
const TINY: usize = 1;

/// Compares the answer to a whole review with the answers to what is kept of it.
///
/// # Errors
/// How they differ.
pub fn agrees(question: &Question<'_>, whole: Option<&Answer<'_>>, context: &Context<'_>) -> Result<(), Problem> {
    // An API server sends nothing else; of a large review, what is skipped is not looked at so closely.
    if std::str::from_utf8(question.body).is_err() {
        return Ok(());
    }
    let asked = Asked::read(question.body);
    // Slots that no API server sends are read the other way round: all of one, or nothing.
    let is_odd = |asked: &Asked| asked.is_slot() && (is_unreadable(&asked.object) || is_unreadable(&asked.old));
    if asked.as_ref().is_some_and(is_odd) {
        return Ok(());
    }
    // Of a large review too little is kept to compare its objects.
    let restamps = whole.is_some_and(|whole| whole.note.reason == "restamper");
    let admitted = whole.filter(|answer| answer.reply.denial.is_none());
    let Ok(short) = condense(question.body) else {
        return match admitted {
            // Of a small review what is skipped is not decoded. Half a surrogate pair, which no API server sends, is denied
            // only where it is kept.
            Some(_) if serde_json::from_slice::<Value>(question.body).is_ok() => {
                Err("a review is admitted that is unreadable where it is large".to_owned())
            }
            _ => Ok(()),
        };
    };
    let breaks_glass = asked.as_ref().is_some_and(role::breaks_glass);
    let deletes = asked.as_ref().is_some_and(|asked| asked.operation == "DELETE");
    // A Slot that is too large is not read at all.
    let is_slot = asked.as_ref().is_some_and(Asked::is_slot);
    for limit in [None, Some(TINY)] {
        let answered = answer_condensed(question.path, &short, limit, context).ok();
        let large = answered.as_ref().filter(|answer| answer.reply.denial.is_none());
        let may_differ = is_slot || limit.is_some();
        match (admitted, large) {
            (Some(_), None) if restamps => continue,
            (Some(_), Some(_)) if restamps => return Err("a restamp is admitted that was not compared".to_owned()),
            (None, Some(large)) if !(is_slot && breaks_glass) => {
                return Err(format!("what is denied is admitted where it is large ({})", large.note.reason));
            }
            (_, Some(_)) if may_differ && !breaks_glass && !deletes => {
                return Err("what is too large is admitted".to_owned());
            }
            // Nobody is both machinery and of such a group.
            (Some(whole), None) if !may_differ || deletes || whole.note.reason == "break-glass" && !is_slot => {
                return Err(format!("what is admitted is denied where it is large ({limit:?})"));
            }
            (Some(whole), Some(large))
                if !is_slot && (&whole.reply, &whole.session) != (&large.reply, &large.session) =>
            {
                return Err(format!("what is large is answered with {:?}, not {:?}", large.reply, whole.reply));
            }
            _ => {}
        }
        let code = |answer: Option<&Answer<'_>>| answer.and_then(|answer| answer.reply.denial.as_ref()).map(|d| d.code);
        if !may_differ && code(whole) != code(answered.as_ref()) {
            return Err(format!("what is large is denied with {:?}, not {:?}", code(answered.as_ref()), code(whole)));
        }
    }
    Ok(())
}

fn is_unreadable(part: &Part) -> bool {
    match part {
        Part::Absent => false,
        Part::Odd => true,
        Part::Read(slot) => serde_json::from_value::<Slot>(slot.clone()).is_err(),
    }
}
