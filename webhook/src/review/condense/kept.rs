//! What is left of a large review as it is read, and how much that may be.

use hotdesk_slots::json::push_text;
use serde::de::Error;

use crate::neighbours::Reads;
use crate::review::Kind;

/// How much of a request is kept besides its objects. All headers of a request to an API server together have at most
/// 1 MiB, so nobody has more groups and extras than fit.
pub(super) const REQUEST_ROOM: usize = 2 << 20;
/// How much of one object is kept. etcd stores no object of more than 1.5 MiB, so of every object that is stored,
/// all that is read fits.
pub(super) const OBJECT_ROOM: usize = 2 << 20;
/// How much is kept at most: of a request, its object, and its old object.
pub(super) const ROOM: usize = REQUEST_ROOM + 2 * OBJECT_ROOM;

/// The short review as it grows.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) json: Vec<u8>,
    /// How much of it is objects.
    objects: usize,
    object: Inside,
    /// Whether objects are kept whole, once their kind was read. API servers name it first.
    pub(super) keeps_whole: Option<bool>,
    pub(super) left_out: bool,
    pub(super) is_full: bool,
}

/// Whether an object is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// No.
    #[default]
    Request,
    /// One that begins here.
    Object(usize),
    /// One that does not fit, and is read without being kept.
    Dropped,
}

impl Kept {
    /// Makes room for so many bytes, or drops the object that they are of. False if they are not to be written.
    fn has_room<E: Error>(&mut self, bytes: usize) -> Result<bool, E> {
        let end = self.json.len() + bytes;
        match self.object {
            Inside::Dropped => Ok(false),
            Inside::Object(start) if end - start > OBJECT_ROOM || end > ROOM => {
                self.json.truncate(start);
                // It is there, and nothing of it is known.
                self.json.extend_from_slice(b"{}");
                self.object = Inside::Dropped;
                self.left_out = true;
                Ok(false)
            }
            Inside::Request if end - self.objects > REQUEST_ROOM => {
                self.is_full = true;
                Err(E::custom("it says too much about its user"))
            }
            Inside::Object(_) | Inside::Request => Ok(true),
        }
    }

    pub(super) fn push<E: Error>(&mut self, json: &str) -> Result<(), E> {
        if self.has_room(json.len())? {
            self.json.extend_from_slice(json.as_bytes());
        }
        Ok(())
    }

    pub(super) fn push_text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if self.has_room(text.len() + 2)? {
            push_text(&mut self.json, text);
        }
        Ok(())
    }

    /// Begins with the next member or element of a list: a comma before all but the first.
    pub(super) fn begin<E: Error>(&mut self, is_first: &mut bool) -> Result<(), E> {
        if std::mem::replace(is_first, false) { Ok(()) } else { self.push(",") }
    }

    pub(super) fn begin_object(&mut self) {
        self.object = Inside::Object(self.json.len());
        // Whether more of it should have been kept, nobody knows then.
        self.left_out |= self.keeps_whole.is_none();
    }

    /// Notes of which kind the objects are, which was copied from here on.
    pub(super) fn note_kind(&mut self, from: usize) {
        let kind = self.json.get(from..).and_then(|json| serde_json::from_slice::<Kind<'_>>(json).ok());
        self.keeps_whole = kind.map(|kind| Reads::of(kind.group.as_str(), kind.kind.as_str()).is_some());
    }

    pub(super) fn end_object(&mut self) {
        if let Inside::Object(start) = self.object {
            self.objects += self.json.len() - start;
        }
        self.object = Inside::Request;
    }
}
