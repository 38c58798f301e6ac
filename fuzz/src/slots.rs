//! Who may write which part of a Slot, and what is stored? Written from sections 2, 3 and 11 of the design.

use hotdesk_slots::Slot;
use hotdesk_webhook::answer::{Answer, Context};
use serde_json::Value;

use super::oracle::{Asked, Facts, Part, Role, role, stamped};

mod person;
mod status;
mod stored;

/// What controllers may delete, which clear a namespace.
const CLEANERS: [&str; 3] = [
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
];

/// As whom a Slot is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// A break-glass group or an administrator.
    Administrator,
    Machinery,
    Sync,
    Controller,
    Restamper,
    Webhook,
    Reaper,
    Reviver,
    Person,
}

/// A write that was admitted.
struct Write<'a> {
    asked: &'a Asked,
    writer: Writer,
    now: jiff::Timestamp,
    /// The Slot as it was; absent if it cannot be read.
    old: Option<Slot>,
    was: Facts,
    new: Slot,
    /// The Slot as it is stored.
    after: Slot,
    is: Facts,
    before_json: &'a Value,
    after_json: Value,
}

impl Write<'_> {
    /// True for a claim from before there were ids in an enforced slot: what ran there was trusted, and a write may say so.
    fn was_trusted_unsaid(&self) -> bool {
        self.old.as_ref().is_some_and(|old| old.claim_id().is_none())
            && self.was.claim.is_some()
            && !self.was.parse_lossy
    }
}

/// Checks the answer to a review of a Slot.
///
/// # Errors
/// What is wrong with it.
pub fn judge(asked: &Asked, answer: &Answer<'_>, context: &Context<'_>) -> Result<(), String> {
    let who = || format!("{:?} ({:?} of {:?})", asked.username, asked.operation, asked.target());
    let writer = writer(asked);
    if answer.reply.denial.is_some() {
        let breaks_glass = Role::everywhere(asked) == Some(Role::BreakGlass);
        let is_stuck = breaks_glass && asked.operation == "DELETE" && answer.note.reason != "unreadable";
        return if is_stuck { Err(format!("break-glass cannot delete a Slot: {}", who())) } else { Ok(()) };
    }
    if answer.session.is_some() {
        return Err(format!("a session is noted of {}", who()));
    }
    let admitted = match (asked.operation.as_str(), asked.subresource.as_str()) {
        _ if writer == Writer::Administrator => true,
        ("UPDATE", "" | "status") => true,
        ("DELETE", "") => CLEANERS.contains(&asked.username.as_str()),
        _ => false,
    };
    if !admitted {
        return Err(format!("a stranger writes a Slot ({}): {}", answer.note.reason, who()));
    }
    if !asked.writes() {
        return if answer.reply.patch.is_none() { Ok(()) } else { Err("a deletion is patched".to_owned()) };
    }
    // A key that is half a character, a number that no float holds: no API server sends them, and this reader reads none.
    if matches!(asked.object, Part::Odd) || matches!(asked.old, Part::Odd) {
        return Ok(());
    }
    let write = read(asked, answer, writer, context.now)?;
    let checked = if asked.subresource.is_empty() { written(&write) } else { status::check(&write) };
    checked.map_err(|problem| format!("{problem}: as {writer:?}, {}", who()))
}

fn written(write: &Write<'_>) -> Result<(), String> {
    stored::check(write)?;
    match write.writer {
        Writer::Administrator => Ok(()),
        Writer::Machinery => {
            same("machinery changes the spec", &write.old.as_ref().map(|old| &old.spec), &Some(&write.new.spec))
        }
        Writer::Sync => sync(write),
        // These accounts have no business in the spec, and no claim.
        Writer::Controller
        | Writer::Restamper
        | Writer::Webhook
        | Writer::Reaper
        | Writer::Reviver
        | Writer::Person => person::check(write),
    }
}

fn read<'a>(asked: &'a Asked, answer: &Answer<'_>, writer: Writer, now: jiff::Timestamp) -> Result<Write<'a>, String> {
    let before_json = asked.object.value().ok_or("a Slot is admitted that cannot be read")?;
    let slot = |json: &Value| serde_json::from_value::<Slot>(json.clone());
    let after_json = stamped::patched(before_json, answer.reply.patch.as_deref())?;
    let new = slot(before_json).map_err(|e| format!("a Slot is admitted that cannot be read: {e}"))?;
    let after = slot(&after_json).map_err(|e| format!("the patch makes a Slot that cannot be read: {e}"))?;
    let old = asked.old.value();
    let read = old.and_then(|old| slot(old).ok());
    let was = old.filter(|_| read.is_some()).map(Facts::of).unwrap_or_default();
    let is = Facts::of(&after_json);
    Ok(Write { asked, writer, now, old: read, was, new, after, is, before_json, after_json })
}

fn writer(asked: &Asked) -> Writer {
    use super::world::names::{CONTROLLER, JOBS, RESTAMPER, SYNC, WEBHOOK};
    let job = |job: &str| asked.username == format!("system:serviceaccount:{JOBS}:{job}-{}", asked.namespace);
    let runs = asked.carries("authentication.kubernetes.io/pod-name");
    match Role::everywhere(asked) {
        Some(Role::BreakGlass | Role::Administrator) => return Writer::Administrator,
        // Machinery is nobody's administrator; it may be in such a group, though.
        Some(Role::Machinery) if role::is_administrator(asked) => return Writer::Administrator,
        _ => {}
    }
    match asked.username.as_str() {
        SYNC => Writer::Sync,
        CONTROLLER => Writer::Controller,
        RESTAMPER => Writer::Restamper,
        WEBHOOK => Writer::Webhook,
        _ if runs && job("reaper") => Writer::Reaper,
        _ if runs && job("reviver") => Writer::Reviver,
        _ if role::is_machinery(asked) && write_of_machinery(asked) => Writer::Machinery,
        _ => Writer::Person,
    }
}

/// Machinery may write a Slot whose spec stays as it is; what else it does, it does as anybody.
fn write_of_machinery(asked: &Asked) -> bool {
    let spec = |part: &Part| {
        let slot = serde_json::from_value::<Slot>(part.value()?.clone()).ok()?;
        Some(slot.spec)
    };
    !asked.subresource.is_empty() || spec(&asked.old) == spec(&asked.object)
}

/// The sync brings what a sheet says, and takes no slot from those who did not get it there.
fn sync(write: &Write<'_>) -> Result<(), String> {
    let Some(old) = &write.old else { return Err("the sync writes a Slot that cannot be read".to_owned()) };
    same("spec.mode", &old.spec.mode, &write.after.spec.mode)?;
    same("metadata.ownerReferences", &old.metadata.owner_references, &write.after.metadata.owner_references)?;
    same("metadata.finalizers", &old.metadata.finalizers, &write.after.metadata.finalizers)?;
    let held =
        write.was.held(write.now).filter(|_| !old.spec.claim.as_ref().is_some_and(hotdesk_slots::Claim::is_sheets));
    // Whether what runs is trusted is not the sync's to say, and does not make another claim.
    let claim = |slot: &Slot| {
        let claim = slot.spec.claim.clone();
        claim.map(|claim| hotdesk_slots::Claim { trust_workloads: false, ..claim })
    };
    if held.is_some() && claim(old) != claim(&write.new) {
        return Err("the sync takes a slot from somebody who did not get it from the sheet".to_owned());
    }
    Ok(())
}

/// All names of these people, by the operator's list.
fn people(names: &[String]) -> Vec<String> {
    let rows = super::world::names::PEOPLE;
    let theirs = rows.iter().filter(|row| row.iter().any(|name| names.iter().any(|n| n == name)));
    names.iter().cloned().chain(theirs.flatten().map(|name| (*name).to_owned())).collect()
}

/// The first name of a person, by the operator's list.
fn shown(name: &str) -> String {
    let rows = super::world::names::PEOPLE;
    let row = rows.iter().find(|row| row.contains(&name)).and_then(|row| row.first());
    row.map_or_else(|| name.to_owned(), |first| (*first).to_owned())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, was: &T, is: &T) -> Result<(), String> {
    if was == is { Ok(()) } else { Err(format!("{what}: it was {was:?}, and is {is:?}")) }
}
