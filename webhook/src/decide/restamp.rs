//! Is a request of the restamper what it may send: an UPDATE that changes nothing of an object but hotdesk's own keys?
//!
//! It sends empty patches, and what is stamped then is the webhook's to write. The policy beside the gate says the same of the
//! object as it is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use hotdesk_slots::keys;
use serde_json::value::RawValue;

use crate::gated::Gated;
use crate::review::{Operation, Request, Text};

/// What the API server counts by itself.
const COUNTED: [&str; 3] = ["generation", "managedFields", "resourceVersion"];

/// The fields of an object's metadata that may hold hotdesk's keys.
const MARKED: [&str; 2] = ["labels", "annotations"];

/// Why a request of the restamper is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotARestamp {
    /// It creates, deletes or connects.
    Operation,
    /// It is of a subresource.
    Subresource,
    /// It is of a kind that is left alone.
    Kind,
    /// It changes something else.
    Change,
    /// The object cannot be compared with what it was.
    Uncompared,
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Says what is wrong with such a request. The objects are the texts of the review; they are absent where the review was too
/// large to be kept.
///
/// # Errors
/// why it is not a restamp.
pub fn judge<O>(request: &Request<'_, O>, objects: Option<(&RawValue, &RawValue)>) -> Result<(), NotARestamp> {
    if request.operation != Operation::Update {
        return Err(NotARestamp::Operation);
    }
    if !request.subresource().is_empty() {
        return Err(NotARestamp::Subresource);
    }
    if Gated::table().restamp.leaves_out(request.resource.group.as_str(), request.resource.resource.as_str()) {
        return Err(NotARestamp::Kind);
    }
    let (new, old) = objects.ok_or(NotARestamp::Uncompared)?;
    match is_same(new.get(), old.get()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotARestamp::Change),
        Err(_) => Err(NotARestamp::Uncompared),
    }
}

/// True if two objects differ in nothing but hotdesk's own keys. The API server writes equal fields in equal words.
fn is_same(new: &str, old: &str) -> serde_json::Result<bool> {
    let (mut new, mut old): (Members<'_>, Members<'_>) = (serde_json::from_str(new)?, serde_json::from_str(old)?);
    let (Some(new_metadata), Some(old_metadata)) = (new.remove("metadata"), old.remove("metadata")) else {
        return Ok(false);
    };
    let (mut new_metadata, mut old_metadata): (Members<'_>, Members<'_>) =
        (serde_json::from_str(new_metadata.get())?, serde_json::from_str(old_metadata.get())?);
    for field in MARKED {
        if others(new_metadata.remove(field))? != others(old_metadata.remove(field))? {
            return Ok(false);
        }
    }
    for field in COUNTED {
        new_metadata.remove(field);
        old_metadata.remove(field);
    }
    Ok(are_equal(&new, &old) && are_equal(&new_metadata, &old_metadata))
}

fn are_equal(new: &Members<'_>, old: &Members<'_>) -> bool {
    new.len() == old.len()
        && new.iter().zip(old).all(|((name, value), (other, was))| name == other && value.get() == was.get())
}

/// The entries that are not hotdesk's.
fn others(field: Option<&RawValue>) -> serde_json::Result<BTreeMap<Cow<'_, str>, Cow<'_, str>>> {
    let Some(field) = field else { return Ok(BTreeMap::new()) };
    let entries: Option<BTreeMap<Text<'_>, Text<'_>>> = serde_json::from_str(field.get())?;
    let foreign = entries.unwrap_or_default().into_iter().filter(|(key, _)| !keys::is_reserved(&key.0));
    Ok(foreign.map(|(key, value)| (key.0, value.0)).collect())
}

impl Display for NotARestamp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operation => "is not an UPDATE",
            Self::Subresource => "is of a subresource",
            Self::Kind => "is of a kind that is left as it is",
            Self::Change => "changes something else of the object",
            Self::Uncompared => "is of an object that is too large to be compared with what it was",
        })
    }
}

#[cfg(test)]
mod tests;
