//! Is this answer one that the webhook may give to this question?

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hotdesk_webhook::answer::{Answer, Path};
use hotdesk_webhook::reply::Reply;
use hotdesk_webhook::session::Field;
use serde_json::Value;

use super::oracle::asked;
use super::oracle::role::Slot;
use super::oracle::{Asked, Claim, Part, Role, restamp, rules, stamped};
use super::world::World;
use super::{Ask, slots};

/// What is wrong with an answer.
pub type Problem = String;

/// How often a slow answer is asked for again: one measurement says little.
const AGAIN: usize = 4;

/// How long the slowest answer took so far, in nanoseconds.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// How long the slowest answer took so far.
#[must_use]
pub fn slowest() -> Duration {
    Duration::from_nanos(SLOWEST.load(Ordering::Relaxed))
}

/// The reasons that say that somebody is a stranger, or that this cannot be told.
const STRANGER: [&str; 12] = [
    "held",
    "free",
    "lapsed",
    "no-token",
    "untrusted-workload",
    "for-stranger",
    "deployer-unclaimed",
    "deployer-not-listed",
    "no-slot",
    "not-synced",
    "unreadable-slot",
    "no-namespace",
];

/// A question, and what the webhook knows when it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub path: Path,
    pub body: &'a [u8],
    /// True if the Slots are known.
    pub synced: bool,
    /// True if a person can hold a few slots only.
    pub limited: bool,
}

/// What was answered, in the words of the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub operation: &'static str,
    pub decision: &'static str,
    pub reason: &'static str,
    pub patched: bool,
}

/// Asks, and checks the answer.
///
/// # Errors
/// What is wrong with the answer.
pub fn answered<'a>(
    question: &Question<'a>,
    world: &World,
    ask: Ask,
    limit: Duration,
) -> Result<(Outcome, Option<Answer<'a>>), Problem> {
    let context = world.context(question.synced, question.limited);
    let (answered, took) = timed(|| ask(question.path, question.body, &context));
    if took > limit {
        return Err(format!("the answer took {took:?} of CPU time"));
    }
    let asked = Asked::read(question.body);
    let Ok(answer) = answered else {
        return match asked {
            Some(asked) if !asked.uid.is_empty() => {
                Err(format!("a review with the uid {:?} is not answered", asked.uid))
            }
            _ => Ok((Outcome { reason: "unanswered", ..Outcome::default() }, None)),
        };
    };
    envelope(&answer.reply, question.body)?;
    let outcome = Outcome {
        operation: answer.note.operation,
        decision: answer.note.decision,
        reason: answer.note.reason,
        patched: answer.reply.patch.is_some(),
    };
    match asked {
        Some(asked) if asked.is_slot() => slots::judge(&asked, &answer, &context)?,
        Some(asked) if question.path != Path::Slots => judge(&asked, &answer, question, world)?,
        _ if answer.reply.denial.is_none() => return Err("what cannot be read is admitted".to_owned()),
        _ => {}
    }
    Ok((outcome, Some(answer)))
}

/// An answer, and how long it takes. What looks slower than all before is asked for again, and its CPU time counts: a busy
/// machine is not a fault of the answer's.
fn timed<T>(ask: impl Fn() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let answer = ask();
    let mut took = begun.elapsed();
    for _ in 0..AGAIN {
        if took <= slowest() {
            return (answer, took);
        }
        let before = cpu_time();
        drop(ask());
        took = took.min(cpu_time().saturating_sub(before));
    }
    SLOWEST.fetch_max(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    (answer, took)
}

/// The CPU time of this thread so far, as Linux counts it; elsewhere the time since the first call.
fn cpu_time() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = statistics.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| BEGUN.elapsed(), Duration::from_nanos)
}

/// What is true of every answer: the API server can read it, and nothing in it is more than text.
fn envelope(reply: &Reply<'_>, body: &[u8]) -> Result<(), Problem> {
    let json: Value =
        serde_json::from_slice(&reply.to_json()).map_err(|e| format!("the answer cannot be read: {e}"))?;
    let uid = json.pointer("/response/uid").and_then(Value::as_str).unwrap_or_default();
    let wanted = asked::uid_of(body);
    if uid.is_empty() || wanted.as_ref().is_some_and(|wanted| wanted != uid) {
        return Err(format!("the answer's uid is {uid:?}, and {wanted:?} was asked"));
    }
    let allowed = json.pointer("/response/allowed") == Some(&Value::Bool(true));
    if allowed == reply.denial.is_some() {
        return Err(format!("the answer says otherwise than was decided: {json}"));
    }
    let patch = json.pointer("/response/patch").and_then(Value::as_str).map(|text| STANDARD.decode(text));
    let sent = patch.transpose().map_err(|e| format!("the patch is not Base64: {e}"))?;
    if sent.as_ref() != reply.patch.as_ref().filter(|_| allowed) {
        return Err(format!("the answer has another patch than was decided: {json}"));
    }
    let code = json.pointer("/response/status/code").and_then(Value::as_u64);
    if !allowed && !code.is_some_and(|code| (400..=599).contains(&code)) {
        return Err(format!("the denial's code is {code:?}"));
    }
    match texts(&json).into_iter().find(|text| text.contains(is_harmful)) {
        Some(text) => Err(format!("{text:?} would do more than be shown")),
        None => Ok(()),
    }
}

/// What people read: the message, the warnings, and the notes in the audit log.
fn texts(json: &Value) -> Vec<&str> {
    let message = json.pointer("/response/status/message").and_then(Value::as_str);
    let warnings = json.pointer("/response/warnings").and_then(Value::as_array);
    let audit = json.pointer("/response/auditAnnotations").and_then(Value::as_object);
    let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    let audit = audit.into_iter().flatten().filter_map(|(_, value)| value.as_str());
    message.into_iter().chain(warnings).chain(audit).collect()
}

/// Line breaks, escapes, and what turns text around.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The gate: nobody who is a stranger, nobody kept out who is not, and the stamp.
fn judge(asked: &Asked, answer: &Answer<'_>, question: &Question<'_>, world: &World) -> Result<(), Problem> {
    let now = world.context(true, false).now;
    let slot = Slot::of(world, &asked.namespace, question.synced);
    let role = Role::of(asked, &slot, now);
    let claim = if let Slot::Known(facts) = &slot { facts.claim.as_ref() } else { None };
    let who =
        || format!("{:?} in {:?} ({:?} of {:?})", asked.username, asked.namespace, asked.operation, asked.target());
    if answer.reply.denial.is_some() {
        let reason = answer.note.reason;
        // Of an object that no API server sends, the webhook may read less than is thought here.
        let is_odd = matches!(asked.object, Part::Odd) || matches!(asked.old, Part::Odd);
        return match role.filter(|_| !is_odd) {
            Some(role) if STRANGER.contains(&reason) => Err(format!("a {role:?} is denied as {reason}: {}", who())),
            // Of other kinds, the webhook may deny more than is said here.
            // Of a small review everything is there to be compared.
            Some(Role::Restamper) if restamp::is_empty(asked) && rules::broken(asked, role, claim).is_none() => {
                Err(format!("an empty patch of the restamper is denied as {reason}: {}", who()))
            }
            Some(Role::Claimant) if asked.target() == ("", "configmaps", "") && reason != "unreadable" => {
                Err(format!("a claimant is denied a ConfigMap as {reason}: {}", who()))
            }
            _ => Ok(()),
        };
    }
    if role.is_none() && !slot.is_lenient() {
        return Err(format!("a stranger is admitted ({}): {}", answer.note.reason, who()));
    }
    if let Some(broken) = rules::broken(asked, role, claim) {
        return Err(format!("it {broken}, and is admitted ({}): {}", answer.note.reason, who()));
    }
    if asked.writes() && matches!(asked.object, Part::Absent) {
        return Err(format!("nothing is written, and admitted: {}", who()));
    }
    session(asked, answer, role)?;
    let slot = world.slot(&asked.namespace).filter(|_| question.synced);
    stamp(asked, answer, question.path, role, claim, slot).map_err(|problem| format!("{problem}: {}", who()))
}

/// A session keeps a slot, so it is only noted of people who can begin one.
fn session(asked: &Asked, answer: &Answer<'_>, role: Option<Role>) -> Result<(), Problem> {
    let begins = match asked.target() {
        ("", "pods", "exec" | "attach" | "portforward") => asked.operation == "CONNECT",
        ("", "pods", "ephemeralcontainers") => asked.operation == "UPDATE",
        _ => false,
    };
    let persons = matches!(role, None | Some(Role::Claimant | Role::Administrator | Role::BreakGlass));
    let wanted = begins && persons && !asked.dry_run;
    let calls = matches!(asked.target(), ("", "pods" | "services", "proxy")) && asked.operation == "CONNECT";
    let writes = calls || matches!(asked.operation.as_str(), "CREATE" | "UPDATE" | "DELETE");
    let for_the_claim = matches!(role, Some(Role::Claimant | Role::Deployer));
    match &answer.session {
        Some(session) if matches!(session.field, Field::Write(_)) && !(writes && for_the_claim && !asked.dry_run) => {
            Err(format!("{session:?} is noted, and nobody of the claim writes"))
        }
        Some(session) if session.field == Field::Session && !wanted => {
            Err(format!("{session:?} is noted, which is none"))
        }
        Some(session) if session.by.len() > 100 || !session.by.chars().all(|c| c.is_ascii_graphic() || c == ' ') => {
            Err(format!("{session:?} is noted under a name that could be anything"))
        }
        Some(session) if session.slot != asked.namespace => Err(format!("{session:?} is noted for another slot")),
        None if wanted && role == Some(Role::Claimant) => Err("the session of a claimant is not noted".to_owned()),
        _ => Ok(()),
    }
}

fn stamp(
    asked: &Asked,
    answer: &Answer<'_>,
    path: Path,
    role: Option<Role>,
    claim: Option<&Claim>,
    slot: Option<&Value>,
) -> Result<(), Problem> {
    let patch = answer.reply.patch.as_deref();
    let stamped = path == Path::Mutate && stamped::is_stamped(asked, role);
    match (slot, asked.object.value()) {
        (Some(_), Some(object)) if stamped => stamped::compare(asked, role, claim, &stamped::patched(object, patch)?),
        // What no API server sends: an object that is a list, or one that cannot be read.
        (_, None) | (Some(_), Some(_)) if stamped::is_odd(&asked.object) => Ok(()),
        _ if patch.is_some() => Err("an object is patched that is not stamped".to_owned()),
        _ => Ok(()),
    }
}
