//! What does the API server ask? An AdmissionReview, read without building what is not needed.
//!
//! Of the object only `type` and a few entries of `metadata` are read; everything else is skipped
//! while it is scanned. Whatever does not read as expected is an error, never a guess.

use std::borrow::Cow;
use std::collections::HashSet;

use hotdesk_slots::Requester;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::review::object::Object;
pub(crate) use crate::review::uid::uid_of;
pub use crate::review::user::UserInfo;

pub mod condense;
pub mod object;
pub mod templates;
mod uid;
mod user;

/// The only version that is spoken here, and by every API server since Kubernetes 1.16.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind of a review, asked and answered.
pub const KIND: &str = "AdmissionReview";

/// A text that borrows from the body where it holds no escapes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A review whose objects are read as `O`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
pub struct Review<'a, O> {
    #[serde(borrow)]
    api_version: Text<'a>,
    kind: Text<'a>,
    /// The question.
    pub request: Request<'a, O>,
}

/// A review for the gate: of the objects only what it reads. They are boxed, for they are most of a request, which is moved
/// several times while it is read.
pub type GateReview<'a> = Review<'a, Box<Object<'a>>>;
/// The question of such a review.
pub type GateRequest<'a> = Request<'a, Box<Object<'a>>>;
/// A review for the guard of Slots, whose objects are read in full, later.
pub type SlotReview<'a> = Review<'a, &'a RawValue>;

/// The question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "O: Deserialize<'de>"))]
pub struct Request<'a, O> {
    /// Echoed in the answer.
    #[serde(borrow)]
    pub uid: Text<'a>,
    /// The kind of the object.
    pub kind: Kind<'a>,
    /// What is asked for, as the rules of the webhook matched it.
    pub resource: Resource<'a>,
    /// The subresource, if any.
    #[serde(default)]
    pub sub_resource: Option<Text<'a>>,
    /// What is to be done.
    pub operation: Operation,
    /// Who is asking.
    pub user_info: UserInfo<'a>,
    /// Absent for a cluster-scoped object.
    #[serde(default)]
    pub namespace: Option<Text<'a>>,
    /// Empty at CREATE with `generateName`, and for each object of a `deletecollection`.
    #[serde(default)]
    pub name: Option<Text<'a>>,
    /// True if nothing will be stored.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// The object as it shall be; absent on DELETE.
    #[serde(default = "none")]
    pub object: Option<O>,
    /// The object as it is; absent on CREATE and CONNECT.
    #[serde(default = "none")]
    pub old_object: Option<O>,
}

fn none<O>() -> Option<O> {
    None
}

/// A kind with its group.
#[derive(Debug, Deserialize)]
pub struct Kind<'a> {
    /// Empty for the core group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// The kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
}

/// A resource with its group.
#[derive(Debug, Deserialize)]
pub struct Resource<'a> {
    /// Empty for the core group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// The resource, in the plural.
    #[serde(borrow)]
    pub resource: Text<'a>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// An object shall be made.
    Create,
    /// An object shall be changed.
    Update,
    /// An object shall be deleted.
    Delete,
    /// A connection into an object: exec, attach, port-forward, proxy.
    Connect,
}

/// Why a body is not a review that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the admission review cannot be read: {what}")]
pub struct Unreadable {
    /// The request's uid, where at least that could be read.
    pub uid: Option<String>,
    /// What is wrong. It may quote the body: sanitise before showing.
    pub what: String,
}

impl<'a, O: Deserialize<'a>> Review<'a, O> {
    /// Reads a review.
    ///
    /// # Errors
    /// When the body is not JSON, is not an `admission.k8s.io/v1` review, or lacks what every request has.
    pub fn parse(body: &'a [u8]) -> Result<Self, Unreadable> {
        let unreadable = |what: String| Unreadable { uid: uid_of(body), what };
        // Once for all texts in it.
        let text = std::str::from_utf8(body).map_err(|e| unreadable(e.to_string()))?;
        let review: Self = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if review.api_version.0 != API_VERSION || review.kind.0 != KIND {
            return Err(unreadable(format!(
                "it is {} {}, and only {API_VERSION} {KIND} is spoken here",
                review.api_version.0, review.kind.0
            )));
        }
        if review.request.uid.0.is_empty() {
            return Err(unreadable("request.uid is empty".to_owned()));
        }
        Ok(review)
    }
}

impl<'a, O> Request<'a, O> {
    /// The requester, taken out of the request.
    #[must_use]
    pub fn take_requester(&mut self) -> Requester<'a> {
        std::mem::take(&mut self.user_info).into_requester()
    }

    /// The namespace; empty if there is none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_ref().map_or("", Text::as_str)
    }

    /// The subresource; empty if there is none.
    #[must_use]
    pub fn subresource(&self) -> &str {
        self.sub_resource.as_ref().map_or("", Text::as_str)
    }

    /// The name; empty if the API server has not given it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_ref().map_or("", Text::as_str)
    }
}

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Operation {
    /// As the API server writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// So many keys are compared with each other faster than they are put into a set.
const FEW: usize = 16;

/// A key that is there twice.
fn twice<'k>(mut keys: impl ExactSizeIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    if keys.len() > FEW {
        let mut known = HashSet::with_capacity(keys.len());
        return keys.find(|key| !known.insert(*key));
    }
    let mut rest = keys.clone();
    keys.find(|key| {
        rest.next();
        rest.clone().any(|other| other == *key)
    })
}

#[cfg(test)]
mod tests;
