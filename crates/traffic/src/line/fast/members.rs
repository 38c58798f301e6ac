//! What are the members of a JSON object that is as plain as the lines of access logs are?
//!
//! One pass over the line, from quote to quote. Only an object that is certainly sound is read here: one that is flat,
//! with keys that are not escaped and values of no unusual shape. Of anything else nothing is said, and `serde_json` reads
//! the line; the tests hold both to the same answer.

use super::marks::Marks;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    /// As the line has it, with its quotes.
    pub(crate) raw: &'a str,
    /// What it is.
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text without escapes.
    Text,
    /// A text with escapes.
    Escaped,
    /// A number of up to 19 digits, without a sign or a point.
    Count,
    /// Any other number, or true or false.
    Other,
    /// Nothing.
    Null,
}

/// Hands over each member in order, with where its value begins. None if the object is not plain, or `take` wants it read
/// in full.
pub(crate) fn each<'a>(line: &'a str, mut take: impl FnMut(&'a str, Value<'a>, usize) -> Option<()>) -> Option<()> {
    let bytes = line.as_bytes();
    let mut reader = Reader { line, at: 1, marks: Marks::new(bytes) };
    if has_control(line) || bytes.first() != Some(&b'{') {
        return None;
    }
    loop {
        reader.spaces();
        let key = reader.key()?;
        reader.spaces();
        reader.byte(b':')?;
        reader.spaces();
        let at = reader.at;
        take(key, reader.value()?, at)?;
        reader.spaces();
        match reader.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    reader.spaces();
    (reader.at == bytes.len()).then_some(())
}

/// True for a line break, a tabulator, or anything else that a text must not hold. Looked for without a stop, for then
/// it is done for many bytes at once.
pub(crate) fn has_control(line: &str) -> bool {
    line.bytes().fold(false, |found, byte| found | (byte < b' '))
}

/// The value that begins here and is no text, and ends before a comma, a brace or a space.
pub(crate) fn bare(rest: &str) -> Option<Value<'_>> {
    let raw = rest.get(..rest.bytes().position(|byte| matches!(byte, b',' | b'}' | b' '))?)?;
    let kind = match raw {
        "null" => Kind::Null,
        "true" | "false" => Kind::Other,
        _ if !is_number(raw.as_bytes()) => return None,
        _ if raw.len() < 20 && raw.bytes().all(|byte| byte.is_ascii_digit()) => Kind::Count,
        _ => Kind::Other,
    };
    Some(Value { raw, kind })
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
    /// Where quotes and backslashes are; all before `at` were taken.
    marks: Marks<'a>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn key(&mut self) -> Option<&'a str> {
        let value = self.text()?;
        (value.kind == Kind::Text).then(|| value.raw.get(1..value.raw.len() - 1))?
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if self.peek()? == b'"' {
            return self.text();
        }
        let value = bare(self.line.get(self.at..)?)?;
        self.at += value.raw.len();
        Some(value)
    }

    /// A text that begins here.
    fn text(&mut self) -> Option<Value<'a>> {
        let begin = self.at;
        if self.marks.next()? != begin {
            return None;
        }
        self.byte(b'"')?;
        let mut kind = Kind::Text;
        loop {
            self.at = self.marks.next()?;
            if self.next()? == b'"' {
                return Some(Value { raw: self.line.get(begin..self.at)?, kind });
            }
            kind = Kind::Escaped;
            self.escape()?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' => (self.marks.next()? == self.at - 1).then_some(()),
            b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).try_for_each(|_| self.next().filter(u8::is_ascii_hexdigit).map(|_| ())),
            _ => None,
        }
    }
}

/// A number without an exponent.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.').and_then(|at| text.split_at_checked(at)) {
        Some((whole, fraction)) => (whole, fraction.get(1..)),
        None => (text, None),
    };
    digits(whole) && (whole.len() == 1 || whole.first() != Some(&b'0')) && fraction.is_none_or(digits)
}
