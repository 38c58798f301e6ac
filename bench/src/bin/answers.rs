//! `answers QUESTION BYTES TIMES`: one review is read, judged and answered so often, from its bytes to the answer's, as
//! the webhook does between taking a body in and sending the answer. For `bench/instructions`, which counts.

use std::time::Instant;

use anyhow::bail;
use clap::Parser;
use hotdesk_bench::control_plane::slots;
use hotdesk_bench::reviews::{Question, review};
use hotdesk_slots::ClaimView;
use hotdesk_webhook::answer::{Answer, Context, Path, answer};
use hotdesk_webhook::settings::Settings;
use hotdesk_webhook::slot_cache::{SlotCache, SlotEntry};
use jiff::Timestamp;

/// As many as in the company that all this is for.
const SLOTS: usize = 12;

/// Answers one review again and again
#[derive(Debug, Parser)]
struct Args {
    /// gate, stamp or deny
    question: String,
    /// The review's size
    bytes: usize,
    /// How often it is answered
    times: u32,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let question = Question::ALL.into_iter().find(|question| question.name() == args.question);
    let Some(question) = question else { bail!("write gate, stamp or deny, not {}", args.question) };
    let path = if question == Question::Gate { Path::Validate } else { Path::Mutate };
    let review = review(question, &name(0), args.bytes);
    let settings = Settings { break_glass_groups: vec!["system:masters".to_owned()], ..Settings::default() };
    let began = Instant::now();
    let slot_cache = slot_cache(began);
    // One time for all: the clock is the kernel's, and is not counted.
    let now: Timestamp = "2026-11-23T15:00:00Z".parse()?;
    let context = Context { settings: &settings, slot_cache: &slot_cache, now, monotonic: began };
    for _ in 0..args.times {
        let answer = answer(path, review.as_bytes(), &context)?;
        check(question, &answer)?;
        std::hint::black_box(answer.reply.to_json());
    }
    Ok(())
}

fn check(question: Question, answer: &Answer) -> anyhow::Result<()> {
    let (denied, patched) = (answer.reply.denial.is_some(), answer.reply.patch.is_some());
    let right = match question {
        Question::Gate => !denied && !patched,
        Question::Stamp => !denied && patched,
        Question::Deny => denied,
    };
    if right { Ok(()) } else { bail!("{}: the answer is wrong: {:?}", question.name(), answer.reply) }
}

fn name(number: usize) -> String {
    format!("slot-{number}")
}

/// Every other slot is Alice's, the others are free.
fn slot_cache(now: Instant) -> SlotCache {
    let slot_cache = SlotCache::new(now);
    slot_cache.begin_list();
    for number in 0..SLOTS {
        let slot = slots::slot(&name(number), &slots::claimants(2));
        let claim = slot.spec.claim.as_ref().filter(|_| number % 2 == 0).map(ClaimView::parse_lossy);
        slot_cache.put(SlotEntry::new(&name(number), claim, None));
    }
    slot_cache.end_list(now);
    slot_cache
}
