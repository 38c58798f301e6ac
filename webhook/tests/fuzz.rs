//! A short run of the fuzz targets (`fuzz/`): the committed corpus, and some thousand reviews that follow from a fixed seed.
//! `make fuzz` is the long one. The checks are the same files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

#[allow(unreachable_pub, reason = "the library of the fuzz targets, included")]
#[path = "../../fuzz/src/lib.rs"]
mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use checks::check::{Outcome, Problem, Question, answered};
use checks::input::fixed;
use checks::numbers::Numbers;
use checks::world::World;
use checks::{Ask, OPTIMISED};
use hotdesk_webhook::answer::{Answer, Context, Path, answer};
use hotdesk_webhook::review::Unreadable;
use serde_json::{Value, json};

/// How many reviews each target makes besides the corpus.
const EXECUTIONS: usize = 4_000;
/// How many inputs the corpus keeps for each kind of answer.
const KEPT: usize = 4;
/// Code without optimisation takes longer, and the tests run side by side. `tests/fuzz` runs this file optimised, where 50 ms are
/// 50 ms.
const LIMIT: Duration = OPTIMISED.saturating_mul(if cfg!(debug_assertions) { 20 } else { 1 });

type Target = fn(&[u8], Duration) -> Result<Outcome, Problem>;

/// Which answers there were.
type Seen = BTreeSet<Outcome>;

/// Where the corpus is committed, and where `make fuzz` puts what it finds.
const COMMITTED: &str = "fuzz/corpus";
const FOUND: &str = "target/fuzz/corpus";

fn folder(of: &str, target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(of).join(target)
}

fn corpus(of: &str, target: &str) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder(of, target)).into_iter().flatten().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// Tries one input, and says which it was if the answer is wrong or there is none.
fn try_one(name: &str, target: Target, input: &[u8], seen: &mut Seen) {
    let tried = std::panic::catch_unwind(|| target(input, LIMIT));
    let hex = || input.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match tried {
        Ok(Ok(outcome)) => drop(seen.insert(outcome)),
        Ok(Err(problem)) => panic!("{problem}\n{name}, input in hex: {}", hex()),
        Err(_) => panic!("the webhook panicked\n{name}, input in hex: {}", hex()),
    }
}

/// Tries the corpus of a target, and what these numbers make: of one input of the corpus, or of nothing.
fn run(name: &str, target: Target, next: impl Fn(&mut Numbers, &[u8]) -> Vec<u8>) -> Seen {
    let (mut numbers, mut seen) = (Numbers(2026), Seen::new());
    let seeds: Vec<Vec<u8>> = corpus(COMMITTED, name).into_values().collect();
    seeds.iter().for_each(|seed| try_one(name, target, seed, &mut seen));
    for _ in 0..EXECUTIONS {
        let seed = numbers.one(&seeds).cloned().unwrap_or_default();
        try_one(name, target, &next(&mut numbers, &seed), &mut seen);
    }
    seen
}

fn made_or_mutated(numbers: &mut Numbers, seed: &[u8]) -> Vec<u8> {
    if numbers.below(2) == 0 { numbers.bytes() } else { numbers.mutated(seed) }
}

/// A run that asks nothing of a kind shows nothing of it.
#[track_caller]
fn saw(seen: &Seen, wanted: &[(&'static str, &'static str)]) {
    let answered: BTreeSet<_> = seen.iter().map(|outcome| (outcome.decision, outcome.reason)).collect();
    let missing: Vec<_> = wanted.iter().filter(|outcome| !answered.contains(*outcome)).collect();
    assert!(missing.is_empty(), "never answered: {missing:?}; but {answered:?}");
}

#[test]
fn no_body_is_answered_wrongly() {
    let seen = run("raw_review", checks::raw, Numbers::mutated);
    saw(&seen, &[("", "unanswered"), ("deny", "unreadable"), ("deny", "held"), ("allow", "claimant")]);
}

#[test]
fn no_review_lets_a_stranger_in_or_stamps_otherwise() {
    let seen = run("structured_review", checks::structured, made_or_mutated);
    let roles = [
        "administrator",
        "break-glass",
        "claimant",
        "controller",
        "deployer",
        "machinery",
        "own-service-account",
        "reaper",
        "restamper",
        "reviver",
    ];
    saw(&seen, &roles.map(|role| ("allow", role)));
    let reasons = [
        "deployer-not-listed",
        "deployer-unclaimed",
        "fixture",
        "for-stranger",
        "free",
        "held",
        "lapsed",
        "no-namespace",
        "no-slot",
        "no-token",
        "not-a-restamp",
        "not-synced",
        "reserved-key",
        "token-lifetime",
        "token-secret",
        "unreadable-slot",
        "untrusted-workload",
    ];
    saw(&seen, &reasons.map(|reason| ("deny", reason)));
    saw(&seen, &[("warn", "held"), ("audit", "free")]);
}

#[test]
fn no_review_of_a_slot_changes_what_is_somebody_elses() {
    let seen = run("slot_review", checks::slot, made_or_mutated);
    let writers =
        ["administrator", "break-glass", "claimant", "controller", "machinery", "reaper", "reviver", "sync", "webhook"];
    saw(&seen, &writers.map(|writer| ("allow", writer)));
    saw(&seen, &[("deny", "guard")]);
}

/// True where the corpus shall be written, and not only read.
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn writes() -> bool {
    std::env::var("WRITE_CORPUS").is_ok()
}

/// Writes the corpus: of each kind of answer the shortest inputs, out of the corpus as it is and of what `make fuzz` found.
fn keep(name: &str, target: Target) {
    let mut inputs: Vec<Vec<u8>> =
        [COMMITTED, FOUND].into_iter().flat_map(|of| corpus(of, name).into_values()).collect();
    inputs.sort_by_key(|input| (input.len(), input.clone()));
    inputs.dedup();
    std::fs::remove_dir_all(folder(COMMITTED, name)).unwrap();
    std::fs::create_dir_all(folder(COMMITTED, name)).unwrap();
    let mut kept: BTreeMap<Outcome, usize> = BTreeMap::new();
    for input in inputs {
        let outcome = target(&input, LIMIT).unwrap();
        let number = kept.entry(outcome).and_modify(|number| *number += 1).or_insert(1);
        if *number <= KEPT {
            let Outcome { operation, decision, reason, patched } = outcome;
            let patched = if patched { "patched" } else { "as-it-is" };
            let operation = if operation.is_empty() { "unread" } else { operation };
            let file = format!("{}-{decision}-{reason}-{patched}-{number}", operation.to_lowercase());
            std::fs::write(folder(COMMITTED, name).join(file), input).unwrap();
        }
    }
}

#[test]
fn the_corpus_holds_the_reviews_that_are_written_down() {
    if writes() {
        keep("raw_review", checks::raw);
        keep("structured_review", checks::structured);
        keep("slot_review", checks::slot);
        let written_down = fixed::all().into_iter();
        written_down
            .for_each(|(name, input)| std::fs::write(folder(COMMITTED, "raw_review").join(name), input).unwrap());
    }
    let committed = corpus(COMMITTED, "raw_review");
    let missing = fixed::all().into_iter().filter(|(name, input)| committed.get(name) != Some(input));
    let missing: Vec<String> = missing.map(|(name, _)| name).collect();
    let how = "write them: WRITE_CORPUS=1 cargo test -p hotdesk-webhook --test fuzz written_down";
    assert!(missing.is_empty(), "{missing:?} are not as written down: {how}");
}

/// What is said of an answer of `ask` to a review, for which the real webhook's answer is right.
#[track_caller]
fn caught(ask: Ask, path: Path, more: &Value, says: &str) {
    let body = fixed::review(more).to_string();
    let question = Question { path, body: body.as_bytes(), synced: true, limited: false };
    let world = World::get().unwrap();
    answered(&question, world, answer, LIMIT).unwrap();
    let problem = answered(&question, world, ask, LIMIT).expect_err(says);
    assert!(problem.contains(says), "{problem:?} does not say {says:?}");
}

fn bobs() -> Value {
    json!({"userInfo": {"username": "bob@example.com"}})
}

fn admits_everybody<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut answer = answer(path, body, context)?;
    answer.reply.denial = None;
    Ok(answer)
}

fn stamps_nothing<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut answer = answer(path, body, context)?;
    answer.reply.patch = None;
    Ok(answer)
}

/// Adds an operation to the patch.
fn adds<'a>(operation: &str, path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut answer = answer(path, body, context)?;
    let patch = String::from_utf8(answer.reply.patch.take().unwrap_or_else(|| b"[]".to_vec())).unwrap();
    let comma = if patch == "[]" { "" } else { "," };
    answer.reply.patch = Some(patch.replacen('[', &format!("[{operation}{comma}"), 1).into_bytes());
    Ok(answer)
}

#[test]
fn an_answer_that_lets_a_stranger_in_is_caught() {
    caught(admits_everybody, Path::Mutate, &bobs(), "a stranger is admitted");
    let exec = json!({
        "operation": "CONNECT", "subResource": "exec", "object": null,
        "resource": {"group": "", "resource": "pods"}, "userInfo": {"username": "bob@example.com"}
    });
    caught(admits_everybody, Path::Validate, &exec, "a stranger is admitted");
    caught(admits_everybody, Path::Mutate, &json!({"namespace": "onix"}), "a stranger is admitted");
    caught(admits_everybody, Path::Mutate, &json!({"namespace": "eevee"}), "a stranger is admitted");
    caught(admits_everybody, Path::Mutate, &json!({"namespace": null}), "a stranger is admitted");
    caught(admits_everybody, Path::Mutate, &json!({"uid": "u-1", "operation": "PATCH"}), "cannot be read is admitted");
}

#[test]
fn an_answer_that_keeps_a_holder_out_is_caught() {
    fn denies_everybody<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
        let bobs = bobs();
        let theirs: &'static [u8] = fixed::review(&bobs).to_string().into_bytes().leak();
        let mut denied = answer(path, theirs, context)?;
        denied.reply.uid = answer(path, body, context)?.reply.uid;
        Ok(denied)
    }
    caught(denies_everybody, Path::Mutate, &json!({}), "a Claimant is denied as held");
}

#[test]
fn a_stamp_that_is_not_the_slots_is_caught() {
    caught(stamps_nothing, Path::Mutate, &json!({}), "and the stamp is");
    caught(
        |path, body, context| adds(r#"{"op":"add","path":"/data/a","value":"c"}"#, path, body, context),
        Path::Mutate,
        &json!({}),
        "changes more than hotdesk's keys",
    );
    caught(
        |path, body, context| adds(r#"{"op":"remove","path":"/spec"}"#, path, body, context),
        Path::Mutate,
        &json!({}),
        "does not apply",
    );
    let deletion = json!({"operation": "DELETE", "object": null, "oldObject": {"metadata": {}}});
    caught(
        |path, body, context| adds(r#"{"op":"remove","path":"/spec"}"#, path, body, context),
        Path::Validate,
        &deletion,
        "patched that is not stamped",
    );
}

#[test]
fn an_answer_to_another_question_is_caught() {
    fn mixes_up<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
        let mut answer = answer(path, body, context)?;
        answer.reply.uid = "u-2".into();
        Ok(answer)
    }
    fn is_silent<'a>(_: Path, _: &'a [u8], _: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
        Err(Unreadable { uid: None, what: String::new() })
    }
    fn repeats<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
        let mut answer = answer(path, body, context)?;
        answer.reply.warnings.push("saved\n::set-output name=x::".to_owned());
        Ok(answer)
    }
    caught(mixes_up, Path::Mutate, &json!({}), "the answer's uid is \"u-2\"");
    caught(is_silent, Path::Mutate, &json!({}), "is not answered");
    caught(repeats, Path::Mutate, &json!({}), "would do more than be shown");
}

#[test]
fn a_restamp_that_changes_more_or_is_denied_is_caught() {
    fn denies_restamps<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
        let changed = restamp(&json!({"data": {"a": "c"}}));
        let theirs: &'static [u8] = fixed::review(&changed).to_string().into_bytes().leak();
        let mut denied = answer(path, theirs, context)?;
        denied.reply.uid = answer(path, body, context)?.reply.uid;
        Ok(denied)
    }
    for (more, says) in [
        (json!({"data": {"a": "c"}}), "changes more than hotdesk's keys"),
        (json!({"metadata": {"name": "web", "labels": {"app": "x"}}}), "changes more than hotdesk's keys"),
        (json!({"metadata": {"name": "web", "finalizers": ["x/y"]}}), "changes more than hotdesk's keys"),
    ] {
        caught(admits_everybody, Path::Mutate, &restamp(&more), says);
    }
    let mut other = restamp(&json!({}));
    other["subResource"] = json!("status");
    caught(admits_everybody, Path::Mutate, &other, "of a subresource");
    other["subResource"] = json!("");
    other["resource"] = json!({"group": "rbac.authorization.k8s.io", "resource": "roles"});
    caught(admits_everybody, Path::Mutate, &other, "of what it leaves alone");
    caught(
        denies_restamps,
        Path::Mutate,
        &restamp(&json!({})),
        "an empty patch of the restamper is denied as not-a-restamp",
    );
    caught(stamps_nothing, Path::Mutate, &restamp(&json!({})), "and the stamp is");
}

/// A request of the restamper's, with these fields in the new object.
fn restamp(more: &Value) -> Value {
    let old = json!({"metadata": {"name": "web", "labels": {"app": "web"}}, "data": {"a": "b"}});
    let mut new = old.clone();
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let user = json!({"username": checks::world::names::RESTAMPER});
    json!({"operation": "UPDATE", "userInfo": user, "oldObject": old, "object": new})
}

#[test]
fn a_slot_that_changes_hands_is_caught() {
    let slot = |users: &[&str]| {
        let claim = if users.is_empty() { Value::Null } else { json!({"users": users}) };
        json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"}, "spec": {"claim": claim}
        })
    };
    let write = |user: &str, old: Value, new: Value| {
        json!({
            "operation": "UPDATE", "resource": {"group": "hotdesk.dev", "resource": "slots"},
            "userInfo": {"username": user}, "oldObject": old, "object": new
        })
    };
    let (alice, bob) = ("alice@example.com", "bob@example.com");
    let taken = write(bob, slot(&[alice]), slot(&[bob]));
    caught(unguarded, Path::Slots, &taken, "somebody who does not hold the slot changes spec");
    let given = write(bob, slot(&[]), slot(&[alice]));
    caught(unguarded, Path::Slots, &given, "a slot that nobody holds is claimed for");
    let deleted = json!({
        "operation": "DELETE", "resource": {"group": "hotdesk.dev", "resource": "slots"}, "object": null,
        "userInfo": {"username": alice}, "oldObject": slot(&[alice])
    });
    caught(admits_everybody, Path::Slots, &deleted, "a stranger writes a Slot");
}

/// Stores what was sent as an administrator's write would be.
fn unguarded<'a>(path: Path, body: &'a [u8], context: &Context<'_>) -> Result<Answer<'a>, Unreadable> {
    let mut review: Value = serde_json::from_slice(body).unwrap();
    let denied = answer(path, body, context)?;
    if denied.reply.denial.is_none() {
        return Ok(denied);
    }
    review["request"]["userInfo"]["username"] = "admin@example.com".into();
    let body: &'static [u8] = review.to_string().into_bytes().leak();
    answer(path, body, context)
}
