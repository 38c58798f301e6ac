//! Which marks does an object in a slot carry, and which patch puts them there?
//!
//! The stamp is a pure function of the slot's claim, never of the requester: controllers dry-run
//! through admission as themselves, and a stamp that depended on them would show as drift forever.
//! A lapsed claim still stamps: what is in the slot is still its holder's, and the policy inside the
//! API server, which has no clock, must expect the same stamp as the webhook writes.

use std::borrow::Cow;

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde_json::Value;

use crate::claim::ClaimView;
use crate::identity::Name;
use crate::json::push_text;
use crate::keys;
use crate::label::label_safe;

/// The most bytes that [`keys::CLAIMANTS`] takes on each object of a slot: a list of them stays below 1 KiB.
pub const MAX_CLAIMANTS: usize = 1023;
/// `… +1024`
const ROOM_FOR_THE_COUNT: usize = "… +".len() + 4;

/// What the patch of a usual object needs.
const ROOM: usize = 512;

/// The reserved labels and annotations that an object shall carry, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Labels: key and value.
    pub labels: Vec<(&'static str, String)>,
    /// Annotations: key and value.
    pub annotations: Vec<(&'static str, String)>,
}

/// What an object's `labels` or `annotations` hold of hotdesk's own, before the stamp.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks<'a> {
    /// False when the field is absent or null.
    pub present: bool,
    /// Only the entries with a reserved key (see [`keys::is_reserved`]).
    pub reserved: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Stamp {
    /// The stamp of every object of a slot. In a free slot: the slot's name only.
    #[must_use]
    pub fn of(slot: &str, claim: Option<&ClaimView>) -> Self {
        let mut stamp = Self { labels: vec![(keys::SLOT, slot.to_owned())], annotations: Vec::new() };
        if let Some((claim, owner)) = claim.and_then(|c| c.owner().map(|owner| (c, owner))) {
            stamp.labels.insert(0, (keys::OWNER, label_safe(owner.as_str())));
            stamp.annotations =
                vec![(keys::CLAIMANTS, claimants(&claim.users)), (keys::OWNER, owner.as_str().to_owned())];
            if !claim.purpose.is_empty() {
                stamp.annotations.push((keys::PURPOSE, claim.purpose.clone()));
            }
        }
        stamp
    }

    /// The stamp of the Slot itself: its objects' stamp, and the label-safe spelling of every name of
    /// the claim. The policy in the API server compares objects and requests with these.
    #[must_use]
    pub fn of_slot(slot: &str, claim: Option<&ClaimView>) -> Self {
        let mut stamp = Self::of(slot, claim);
        if let Some(claim) = claim {
            let labels: Vec<String> =
                claim.users.iter().chain(&claim.aliases).map(|n| label_safe(n.as_str())).collect();
            stamp.annotations.insert(0, (keys::CLAIMANT_LABELS, labels.join(",")));
        }
        stamp
    }

    /// The stamp of a Slot that somebody lost at this moment.
    #[must_use]
    pub fn with_lost_at(mut self, when: Option<String>) -> Self {
        self.annotations.extend(when.map(|when| (keys::LOST_AT, when)));
        self.annotations.sort_unstable_by_key(|(key, _)| *key);
        self
    }

    /// The stamp of a Slot whose owner claimed it at this moment.
    #[must_use]
    pub fn with_claimed_at(mut self, when: Option<String>) -> Self {
        self.annotations.extend(when.map(|when| (keys::CLAIMED_AT, when)));
        self.annotations.sort_unstable_by_key(|(key, _)| *key);
        self
    }

    /// The stamp of a Slot whose present or last claim has this id.
    #[must_use]
    pub fn with_claim_id(mut self, id: Option<String>) -> Self {
        self.annotations.extend(id.map(|id| (keys::CLAIM_ID, id)));
        self.annotations.sort_unstable_by_key(|(key, _)| *key);
        self
    }

    /// The stamp of a helm release record: also who sent the request.
    #[must_use]
    pub fn with_deployed_by(mut self, who: &str) -> Self {
        self.annotations.push((keys::DEPLOYED_BY, who.to_owned()));
        self.annotations.sort_unstable_by_key(|(key, _)| *key);
        self
    }

    /// The fewest changes that make an object's reserved keys exactly this stamp.
    ///
    /// They touch `/metadata/labels` and `/metadata/annotations` and nothing else; for an object that
    /// already carries the stamp there are none.
    #[must_use]
    pub fn changes<'a>(&'a self, labels: &'a Marks<'_>, annotations: &'a Marks<'_>) -> Vec<Change<'a>> {
        let mut changes = Vec::new();
        note_changes("labels", &self.labels, labels, &mut changes);
        note_changes("annotations", &self.annotations, annotations, &mut changes);
        changes
    }
}

/// The names, comma-separated: `alice,bob`. Every object of the slot carries them, so they are cut: `alice,bob,… +12`.
fn claimants(users: &[Name]) -> String {
    let whole = users.iter().map(|name| name.as_str().len() + 1).sum::<usize>();
    if whole <= MAX_CLAIMANTS {
        return users.iter().map(Name::as_str).collect::<Vec<_>>().join(",");
    }
    let mut shown = String::new();
    let fits = |name: &&Name, shown: &str| shown.len() + name.as_str().len() + 1 + ROOM_FOR_THE_COUNT <= MAX_CLAIMANTS;
    let mut rest = users.iter();
    while let Some(name) = rest.as_slice().first().filter(|name| fits(name, &shown)) {
        shown.push_str(name.as_str());
        shown.push(',');
        rest.next();
    }
    format!("{shown}… +{}", rest.len())
}

/// One operation of a JSON Patch (RFC 6902), which is what it is written as. It borrows what it says: nearly every review
/// that is admitted writes some, and nobody keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    field: &'static str,
    what: What<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    /// An entry with one of hotdesk's own keys is added or replaced.
    Add(&'static str, &'a str),
    /// The field is not there: it is added with all these entries.
    AddAll(&'a [(&'static str, String)]),
    /// An entry is removed, whose key is anybody's.
    Remove(&'a str),
}

impl From<Change<'_>> for PatchOperation {
    fn from(change: Change<'_>) -> Self {
        let at = |key: Option<&str>| PointerBuf::from_tokens(["metadata", change.field].into_iter().chain(key));
        match change.what {
            What::Remove(key) => Self::Remove(RemoveOperation { path: at(Some(key)) }),
            What::Add(key, value) => Self::Add(AddOperation { path: at(Some(key)), value: value.into() }),
            What::AddAll(entries) => {
                let value = entries.iter().map(|(k, v)| ((*k).to_owned(), v.as_str().into())).collect();
                Self::Add(AddOperation { path: at(None), value: Value::Object(value) })
            }
        }
    }
}

/// The JSON of a patch: an array of these operations.
#[must_use]
pub fn patch(changes: &[Change<'_>]) -> Vec<u8> {
    let mut json = Vec::with_capacity(ROOM);
    json.push(b'[');
    for (i, change) in changes.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        change.write(&mut json);
    }
    json.push(b']');
    json
}

impl Change<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        match self.what {
            What::Remove(key) => {
                push_all(json, [r#"{"op":"remove","path":"/metadata/"#, self.field, "/"]);
                push_any_key(json, key);
                json.push(b'"');
            }
            What::Add(key, value) => {
                push_all(json, [r#"{"op":"add","path":"/metadata/"#, self.field, "/"]);
                push_escaped(json, key);
                push_all(json, [r#"","value":"#]);
                push_text(json, value);
            }
            What::AddAll(entries) => {
                push_all(json, [r#"{"op":"add","path":"/metadata/"#, self.field, r#"","value":"#]);
                write_entries(json, entries);
            }
        }
        json.push(b'}');
    }
}

fn write_entries(json: &mut Vec<u8>, entries: &[(&'static str, String)]) {
    json.push(b'{');
    for (i, (key, value)) in entries.iter().enumerate() {
        push_all(json, [if i == 0 { "\"" } else { ",\"" }, key, "\":"]);
        push_text(json, value);
    }
    json.push(b'}');
}

/// Appends what is fixed: it needs no escapes, as hotdesk's own keys do not.
fn push_all<const N: usize>(json: &mut Vec<u8>, texts: [&str; N]) {
    texts.into_iter().for_each(|text| json.extend_from_slice(text.as_bytes()));
}

/// Appends one of hotdesk's own keys as a token of a JSON Pointer (RFC 6901, section 3). None has a tilde.
fn push_escaped(json: &mut Vec<u8>, key: &str) {
    let (domain, name) = key.split_once('/').unwrap_or(("", key));
    push_all(json, [domain, "~1", name]);
}

/// Appends anybody's key in the same way. One review may have very many, so nearly none of them is copied on the way.
fn push_any_key(json: &mut Vec<u8>, key: &str) {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'.' | b'-' | b'_' | b'/');
    if key.bytes().all(is_usual) {
        let (first, rest) = key.split_once('/').unwrap_or((key, ""));
        json.extend_from_slice(first.as_bytes());
        if first.len() < key.len() {
            json.extend_from_slice(b"~1");
        }
        match rest.contains('/') {
            true => json.extend_from_slice(rest.replace('/', "~1").as_bytes()),
            false => json.extend_from_slice(rest.as_bytes()),
        }
    } else {
        let mut text = Vec::new();
        push_text(&mut text, Token::new(key).encoded());
        json.extend_from_slice(text.get(1..text.len() - 1).unwrap_or_default());
    }
}

fn note_changes<'a>(
    field: &'static str,
    wanted: &'a [(&'static str, String)],
    found: &'a Marks<'_>,
    changes: &mut Vec<Change<'a>>,
) {
    if !found.present {
        if !wanted.is_empty() {
            changes.push(Change { field, what: What::AddAll(wanted) });
        }
        return;
    }
    for (key, value) in wanted {
        if !found.reserved.iter().any(|(k, v)| k == key && v == value) {
            changes.push(Change { field, what: What::Add(key, value) });
        }
    }
    for (key, _) in &found.reserved {
        if !wanted.iter().any(|(k, _)| k == key) {
            changes.push(Change { field, what: What::Remove(key) });
        }
    }
}

#[cfg(test)]
mod tests;
