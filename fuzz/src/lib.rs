//! Is every answer of the webhook one that it may give, whatever it is asked?
//!
//! The questions are made of bytes ([`input`]), so that a fuzzer can search among them. What is right is said here once
//! more ([`oracle`], [`slots`]), from the design and not from the webhook's code: two readings that agree are better than one. The
//! slots and settings never change ([`world`]), so an input that failed fails again.
//!
//! `make fuzz` runs this under cargo-fuzz; `webhook/tests/fuzz.rs` includes the same files, so that every run of the tests
//! tries the committed corpus and some thousand reviews more.

use std::time::Duration;

use arbitrary::{Arbitrary as _, Unstructured};
use hotdesk_webhook::answer::{Answer, Context, Path, answer};
use hotdesk_webhook::review::Unreadable;

pub mod check;
pub mod input;
pub mod large;
pub mod numbers;
pub mod oracle;
pub mod slots;
pub mod world;

use check::{Outcome, Problem, Question};
use input::review::Review;
use input::slot::SlotReview;
use world::World;

/// How long an answer may take in a build that is optimised.
pub const OPTIMISED: Duration = Duration::from_millis(50);

/// What answers a review: the webhook, or in a test of this crate something that answers wrongly.
pub type Ask = for<'a> fn(Path, &'a [u8], &Context<'_>) -> Result<Answer<'a>, Unreadable>;

/// Asks with a body that need not be a review: the first byte says where, the others are the body.
///
/// # Errors
/// What is wrong with the answer.
pub fn raw(data: &[u8], limit: Duration) -> Result<Outcome, Problem> {
    let Some((way, body)) = data.split_first() else { return Ok(Outcome::default()) };
    ask(&Question { path: input::path(*way), body, synced: way & 0x80 == 0, limited: way & 0x40 != 0 }, limit)
}

/// Asks with a review that these bytes make.
///
/// # Errors
/// What is wrong with the answer, with the review.
pub fn structured(data: &[u8], limit: Duration) -> Result<Outcome, Problem> {
    let Ok(review) = Review::arbitrary(&mut Unstructured::new(data)) else { return Ok(Outcome::default()) };
    ask(
        &Question {
            path: review.path(),
            body: &review.body(is_crowded(data)),
            synced: review.synced(),
            limited: false,
        },
        limit,
    )
}

/// True for one input of 4,096. A review with many keys takes as long as a thousand others, and a fuzzer that could choose them
/// would choose little else; so it cannot.
fn is_crowded(data: &[u8]) -> bool {
    let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    data.iter().fold(0x811c_9dc5, mix) >> 20 == 0
}

/// Asks with a review of a Slot that these bytes make.
///
/// # Errors
/// What is wrong with the answer, with the review.
pub fn slot(data: &[u8], limit: Duration) -> Result<Outcome, Problem> {
    let Ok(review) = SlotReview::arbitrary(&mut Unstructured::new(data)) else { return Ok(Outcome::default()) };
    ask(&Question { path: review.path(), body: &review.body(), synced: true, limited: review.limited }, limit)
}

fn ask(question: &Question<'_>, limit: Duration) -> Result<Outcome, Problem> {
    let world = World::get()?;
    let checked = check::answered(question, world, answer, limit).and_then(|(outcome, answer)| {
        large::agrees(question, answer.as_ref(), &world.context(question.synced, question.limited))?;
        Ok(outcome)
    });
    checked.map_err(|problem| format!("{problem}\n{:?}: {}", question.path, String::from_utf8_lossy(question.body)))
}
