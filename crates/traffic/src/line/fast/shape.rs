//! How is a line read that has the shape of one before?
//!
//! A controller writes its lines by a template: the same keys in the same order, and between the values always the same
//! text. A line that was read in full shows that text, and whatever has exactly the same between its values is read from
//! value to value, without a look at its keys. The values are looked at as closely as [`super::members`] looks at them, so
//! such a line is as sound as the one that showed the way. Any other line is read in full; the tests hold both to the same
//! answer.

use memchr::memchr;

use super::members::{self, Kind, Value};
use crate::line::fields::{Field, Found};

/// So many shapes are known at a time. An ingress controller has one, or two where a request may lack an upstream.
const KNOWN: usize = 4;

/// So many lines are learned from. Where more are of a shape of their own, to learn is not worth while.
const LESSONS: u8 = 200;

/// The shapes of the lines of one log, which is read in one dialect. Empty at first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shapes {
    known: Vec<Shape>,
    learned: u8,
}

/// What lines have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    places: Vec<Place>,
    /// What follows the last value.
    end: String,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// What precedes it, from the end of the value before.
    before: String,
    /// What its key says, if anything.
    field: Option<Field>,
}

impl Shapes {
    /// What a line says that has a known shape. `keep` puts in the value of a key that says something.
    pub(crate) fn found<'a>(
        &self,
        line: &'a str,
        keep: impl Fn(&mut Found<'a>, Field, Value<'a>) -> Option<()>,
    ) -> Option<Found<'a>> {
        // Neither what a text must not hold, nor an escape. Looked for without a stop, for then it is done for many bytes
        // at once.
        let odd = line.bytes().fold(false, |odd, byte| odd | (byte < b' ') | (byte == b'\\'));
        if odd {
            return None;
        }
        self.known.iter().find_map(|shape| {
            let mut found = Found::default();
            shape.each(line, |field, value| keep(&mut found, field, value)).map(|()| found)
        })
    }

    /// Learns from a line that was read in full.
    pub(crate) fn learn(&mut self, line: &str, field: impl Fn(&str) -> Option<Field>) {
        if self.learned == LESSONS {
            return;
        }
        self.learned += 1;
        let Some(shape) = Shape::of(line, field).filter(|shape| !self.known.contains(shape)) else { return };
        self.known.truncate(KNOWN - 1);
        self.known.insert(0, shape);
    }
}

impl Shape {
    fn of(line: &str, field: impl Fn(&str) -> Option<Field>) -> Option<Self> {
        let (mut places, mut end) = (Vec::new(), 0);
        members::each(line, |key, value, at| {
            let before = line.get(end..at)?.to_owned();
            end = at + value.raw.len();
            places.push(Place { before, field: field(key) });
            Some(())
        })?;
        Some(Self { places, end: line.get(end..)?.to_owned() })
    }

    fn each<'a>(&self, line: &'a str, mut take: impl FnMut(Field, Value<'a>) -> Option<()>) -> Option<()> {
        let mut rest = line;
        for place in &self.places {
            rest = rest.strip_prefix(place.before.as_str())?;
            let value = if rest.starts_with('"') { plain_text(rest) } else { members::bare(rest) }?;
            rest = rest.get(value.raw.len()..)?;
            if let Some(field) = place.field {
                take(field, value)?;
            }
        }
        (rest == self.end).then_some(())
    }
}

/// The text that begins here, in a line without escapes.
fn plain_text(rest: &str) -> Option<Value<'_>> {
    let inner = rest.strip_prefix('"')?;
    let raw = rest.get(..memchr(b'"', inner.as_bytes())? + 2)?;
    Some(Value { raw, kind: Kind::Text })
}
