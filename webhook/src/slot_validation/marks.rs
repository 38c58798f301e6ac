//! Which labels and annotations of a Slot may a person write?
//!
//! Those without a domain. The keys with a domain are of tools, and so the administrators': by one a person could have a Slot
//! deleted, or have the next `kubectl apply` of an administrator end the claim of who holds the slot then. There are more
//! tools that delete what has their mark, or has it no more, than anybody could list.

use std::collections::BTreeMap;

use hotdesk_slots::keys;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::quoted;
use kube::api::ObjectMeta;

/// What kubectl notes of the last apply. What the next one does not name it removes, where this names it.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// How many labels, and how many annotations, people have on a Slot, and how much text in all.
const MOST: usize = 32;
const MOST_TEXT: usize = 16 << 10;

/// How many field managers have applied to a Slot. Each of them names every field that it applied.
const MOST_APPLIERS: usize = 8;

type Entries = BTreeMap<String, String>;

/// What speaks against this write by a person. What kubectl notes is not a fault: it is put back.
pub(super) fn against(old: &Slot, new: &Slot) -> Vec<String> {
    let (was, is) = (&old.metadata, &new.metadata);
    let maps = [
        ("labels", was.labels.as_ref(), is.labels.as_ref()),
        ("annotations", was.annotations.as_ref(), is.annotations.as_ref()),
    ];
    let changed = maps.into_iter().filter_map(|(map, was, is)| Some((map, changed(was, is)?)));
    let tools = changed.map(|(map, key)| {
        let key = quoted(key);
        format!(
            "metadata.{map} {key}: only administrators can change it, for tools deploy and delete by keys with a domain"
        )
    });
    tools.chain(too_much(was, is)).collect()
}

/// What speaks against the amount of what people write. A Slot that one of them filled nobody could claim after them. What
/// does not grow is let in, whatever is there.
fn too_much(was: &ObjectMeta, is: &ObjectMeta) -> Vec<String> {
    let (labels, annotations) = (own(was.labels.as_ref()), own(was.annotations.as_ref()));
    let (new_labels, new_annotations) = (own(is.labels.as_ref()), own(is.annotations.as_ref()));
    let bounds = [
        ("metadata.labels", "labels of their own", labels.0, new_labels.0, MOST),
        ("metadata.annotations", "annotations of their own", annotations.0, new_annotations.0, MOST),
        (
            "metadata",
            "bytes of labels and annotations of their own",
            labels.1 + annotations.1,
            new_labels.1 + new_annotations.1,
            MOST_TEXT,
        ),
        ("metadata.managedFields", "field managers that apply", appliers(was), appliers(is), MOST_APPLIERS),
    ];
    let beyond = bounds.into_iter().filter(|(_, _, was, is, most)| is > most && is > was);
    beyond.map(|(field, what, _, is, most)| format!("{field}: people write {most} {what} at most, not {is}")).collect()
}

/// How many of the entries are people's own, and how long they are.
fn own(entries: Option<&Entries>) -> (usize, usize) {
    let own = entries.into_iter().flatten();
    let own = own.filter(|(key, _)| !key.contains('/'));
    own.fold((0, 0), |(count, text), (key, value)| (count + 1, text + key.len() + value.len()))
}

fn appliers(metadata: &ObjectMeta) -> usize {
    let entries = metadata.managed_fields.iter().flatten();
    entries.filter(|entry| entry.operation.as_deref() == Some("Apply")).count()
}

/// What is stored of what kubectl noted: a person's write leaves it as it was.
pub(super) fn last_applied(slot: &Slot) -> Option<&String> {
    slot.metadata.annotations.as_ref()?.get(LAST_APPLIED)
}

/// The first key of a tool that the write adds, changes or removes.
fn changed<'a>(was: Option<&'a Entries>, is: Option<&'a Entries>) -> Option<&'a str> {
    let differs = |key: &&String| was.and_then(|was| was.get(*key)) != is.and_then(|is| is.get(*key));
    let mut keys = is.into_iter().chain(was).flat_map(BTreeMap::keys);
    keys.find(|key| key.as_str() != LAST_APPLIED && is_tools(key) && differs(key)).map(String::as_str)
}

/// hotdesk's own keys are judged elsewhere.
fn is_tools(key: &str) -> bool {
    key.contains('/') && !keys::is_reserved(key)
}

#[cfg(test)]
mod tests;
