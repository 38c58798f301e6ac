//! How is a stream read line by line in constant memory?

use std::ops::ControlFlow;

use futures::{AsyncBufRead, AsyncBufReadExt as _};
use memchr::{memchr_iter, memrchr};

/// The longest line that is kept, in bytes: far more than an nginx with default buffers can write.
pub(crate) const MAX_LINE: usize = 256 * 1024;

/// One line, without its line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// What it says; bytes that are not text are replaced.
    Line(&'a str),
    /// It was too long to be kept: its beginning and its end.
    Overlong(&'a str, &'a str),
}

/// How much is kept of the beginning and of the end of a line that is too long.
const KEPT: usize = 16 * 1024;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End<B> {
    /// Behind a line break, or without a line.
    Whole,
    /// In the middle of a line.
    WithinLine,
    /// The reader of the lines wanted no more.
    Enough(B),
}

/// Hands over each line that ends in a line break, and only both ends of one that is longer than [`MAX_LINE`].
pub(crate) async fn each_line<B>(
    mut stream: impl AsyncBufRead + Unpin,
    mut take: impl FnMut(Piece<'_>) -> ControlFlow<B>,
) -> std::io::Result<End<B>> {
    let mut begun = Begun::default();
    loop {
        let available = stream.fill_buf().await?;
        if available.is_empty() {
            return Ok(if begun.is_empty() { End::Whole } else { End::WithinLine });
        }
        if let ControlFlow::Break(enough) = begun.split(available, &mut take) {
            return Ok(End::Enough(enough));
        }
        let used = available.len();
        stream.consume_unpin(used);
    }
}

/// The beginning of a line whose end is still to come.
#[derive(Default)]
struct Begun {
    bytes: Vec<u8>,
    /// The end of a line that is too long.
    end: Vec<u8>,
    overlong: bool,
}

impl Begun {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.overlong
    }

    fn add(&mut self, piece: &[u8]) {
        if !self.overlong && self.bytes.len() + piece.len() <= MAX_LINE {
            self.bytes.extend_from_slice(piece);
            return;
        }
        if !self.overlong {
            self.overlong = true;
            self.end.extend_from_slice(last(&self.bytes));
            // The beginning may lie in the piece.
            self.bytes.extend(piece.iter().take(KEPT.saturating_sub(self.bytes.len())));
            self.bytes.truncate(KEPT);
        }
        self.end.extend_from_slice(last(piece));
        let surplus = self.end.len().saturating_sub(KEPT);
        self.end.drain(..surplus);
    }

    fn hand_over<B>(&self, take: &mut impl FnMut(Piece<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        if self.overlong { both_ends(&self.bytes, &self.end, take) } else { each(&self.bytes, take) }
    }

    /// Takes the lines that end within a piece of the stream, where they lie if they also begin there.
    fn split<B>(&mut self, piece: &[u8], take: &mut impl FnMut(Piece<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        let Some((whole, tail)) = memrchr(b'\n', piece).and_then(|last| piece.split_at_checked(last)) else {
            self.add(piece);
            return ControlFlow::Continue(());
        };
        let mut rest = Some(whole);
        if !self.is_empty() {
            let mut lines = whole.splitn(2, |byte| *byte == b'\n');
            self.add(lines.next().unwrap_or_default());
            rest = lines.next();
            let taken = self.hand_over(take);
            self.bytes.clear();
            self.end.clear();
            self.overlong = false;
            taken?;
        }
        self.add(tail.get(1..).unwrap_or_default());
        rest.map_or(ControlFlow::Continue(()), |rest| each(rest, take))
    }
}

/// Hands over lines between line breaks. Whether they are text is seen for all of them at once: a line break is never
/// a part of another character.
fn each<B>(lines: &[u8], take: &mut impl FnMut(Piece<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    let Ok(text) = str::from_utf8(lines) else {
        return lines
            .split(|byte| *byte == b'\n')
            .try_for_each(|line| one(&String::from_utf8_lossy(line), line.len(), take));
    };
    let mut start = 0;
    for end in memchr_iter(b'\n', lines).chain([lines.len()]) {
        let line = text.get(start..end).unwrap_or_default();
        one(line, line.len(), take)?;
        start = end + 1;
    }
    ControlFlow::Continue(())
}

fn one<B>(line: &str, bytes: usize, take: &mut impl FnMut(Piece<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    if bytes > MAX_LINE {
        let line = line.as_bytes();
        return both_ends(line.get(..KEPT).unwrap_or(line), last(line), take);
    }
    take(Piece::Line(line))
}

fn last(piece: &[u8]) -> &[u8] {
    piece.get(piece.len().saturating_sub(KEPT)..).unwrap_or(piece)
}

fn both_ends<B>(head: &[u8], tail: &[u8], take: &mut impl FnMut(Piece<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    take(Piece::Overlong(&String::from_utf8_lossy(head), &String::from_utf8_lossy(tail)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::{BufReader, Cursor};
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> (Vec<String>, End<()>) {
        let mut lines = Vec::new();
        let take = |piece: Piece<'_>| {
            lines.push(match piece {
                Piece::Line(line) => line.to_owned(),
                Piece::Overlong(head, tail) => format!("overlong {} {}", ends(head), ends(tail)),
            });
            ControlFlow::Continue(())
        };
        let stream = BufReader::with_capacity(piece, Cursor::new(bytes));
        let end = futures::executor::block_on(each_line(stream, take)).unwrap();
        (lines, end)
    }

    fn ends(text: &str) -> String {
        [text.chars().next(), text.chars().next_back()].into_iter().flatten().collect()
    }

    proptest! {
        #[test]
        fn the_lines_are_the_same_in_whatever_pieces_they_come(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(0xc3), Just(0xa9), any::<u8>()], 0..60),
            piece in 1..70_usize,
        ) {
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map(|last| &bytes[..last]);
            let lines = whole.map(|whole| whole.split(|byte| *byte == b'\n'));
            let lines = lines.into_iter().flatten().map(|line| String::from_utf8_lossy(line).into_owned());
            let end = if bytes.last().is_none_or(|last| *last == b'\n') { End::Whole } else { End::WithinLine };
            prop_assert_eq!(read(&bytes, piece), (lines.collect(), end));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_told_in_whatever_pieces_it_comes() {
        for (length, expected) in [(MAX_LINE, "y"), (MAX_LINE + 1, "overlong yx xz"), (3 * MAX_LINE, "overlong yx xz")]
        {
            let text = ["a\ny", &"x".repeat(length - 2), "z\nb\n"].concat();
            for piece in [7, 8192, MAX_LINE - 1, MAX_LINE + 1, 2 * MAX_LINE] {
                let (lines, end) = read(text.as_bytes(), piece);
                assert_eq!(
                    (lines.len(), &lines[1][..expected.len()], end),
                    (3, expected, End::Whole),
                    "{length} {piece}"
                );
            }
            let unended = text.trim_end_matches("\nb\n");
            assert_eq!(read(unended.as_bytes(), 2 * MAX_LINE).1, End::WithinLine, "{length}");
        }
    }

    #[test]
    fn whoever_wants_no_more_gets_no_more() {
        let mut taken = 0;
        let take = |_: Piece<'_>| {
            taken += 1;
            if taken == 2 { ControlFlow::Break(taken) } else { ControlFlow::Continue(()) }
        };
        let end = futures::executor::block_on(each_line(Cursor::new("a\nb\nc\n"), take)).unwrap();
        assert_eq!(end, End::Enough(2));
    }
}
