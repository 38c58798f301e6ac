//! What does the stream of one log come to?

use std::ops::ControlFlow;
use std::pin::pin;

use futures::AsyncBufRead;
use hotdesk_slots::text::sanitize_short;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use jiff::Timestamp;

use super::resume::{Mark, Sequel};
use crate::sources::lines::{End, Piece, each_line};

/// Enough for the last piece of a line: a container runtime writes a long line in pieces, of 16 KiB as it comes.
pub(super) const PIECE_BYTES: i64 = 128 * 1024;

/// A line that is shorter is never written in pieces.
const SHORTEST_IN_PIECES: usize = 4 * 1024;

/// The line that is the last one of a log, or its last piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    line: String,
    /// How long its time is.
    stamp: usize,
}

impl Last {
    /// What the API server gives for the last line; none of an empty log.
    ///
    /// # Errors
    /// Tells what it says, if that is not a line of a log.
    pub(super) fn of(answer: &str) -> Result<Option<Self>, String> {
        let line = answer.trim_end_matches('\n');
        let first = line.split(' ').next().unwrap_or(line);
        if first.trim().is_empty() {
            return Ok(None);
        }
        let _time: Timestamp =
            first.parse().map_err(|_| format!("its last line has no time: {}", sanitize_short(line.trim())))?;
        Ok(Some(Self { line: line.to_owned(), stamp: first.len() }))
    }

    /// True if that is the line. Of one that was written in pieces, the last one has a time of its own, and the line has that of
    /// the first; of one that is longer than what was asked for, the times agree.
    fn is(&self, line: &str) -> bool {
        line == self.line || (line.len() >= SHORTEST_IN_PIECES && (self.ends(line) || self.begins(line)))
    }

    fn ends(&self, line: &str) -> bool {
        let piece = self.line.get(self.stamp + 1..).unwrap_or_default();
        !piece.is_empty() && line.len() > 2 * self.stamp + piece.len() && line.ends_with(piece)
    }

    fn begins(&self, line: &str) -> bool {
        let whole = self.line.len() < usize::try_from(PIECE_BYTES).unwrap_or(usize::MAX);
        !whole && line.get(..=self.stamp) == self.line.get(..=self.stamp)
    }
}

/// What was read of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The time of the first line.
    pub first: Option<Timestamp>,
    /// The latest time of any.
    pub last: Option<Timestamp>,
    /// True if the line that was the log's last one is among those that were read.
    pub(super) is_whole: bool,
    /// Where it ended.
    pub(super) mark: Mark,
}

/// Reads a stream line by line in constant memory, to its end or to a hit.
///
/// # Errors
/// When it breaks off, or ends in the middle of a line.
pub async fn read_all(stream: impl AsyncBufRead, watch: &ScanWindow, tally: &mut LogScan) -> Result<Reading, String> {
    Reader { watch, tally, end: None, resume: None, read: Reading::default() }.all(stream).await
}

/// How a stream is read.
pub(super) struct Reader<'a, 's> {
    pub(super) watch: &'a ScanWindow,
    pub(super) tally: &'a mut LogScan,
    /// The line that was the log's last one.
    pub(super) end: Option<&'a Last>,
    /// What has to be passed before anything counts.
    pub(super) resume: Option<&'a mut Sequel<'s>>,
    pub(super) read: Reading,
}

impl Reader<'_, '_> {
    /// As [`read_all`] does.
    pub(super) async fn all(mut self, stream: impl AsyncBufRead) -> Result<Reading, String> {
        self.read.is_whole = self.end.is_none();
        match each_line(pin!(stream), |piece| self.take(piece)).await {
            Ok(End::WithinLine) => Err("it ends in the middle of a line".to_owned()),
            Ok(End::Whole | End::Enough(())) => Ok(self.read),
            Err(error) => Err(sanitize_short(&error.to_string())),
        }
    }

    fn take(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        if self.resume.as_ref().is_none_or(|resume| resume.is_new()) {
            let time = match piece {
                Piece::Line(line) => self.tally.take(self.watch, line)?,
                Piece::Overlong(head, tail) => self.tally.take_overlong(self.watch, head, tail)?,
            };
            (self.read.first, self.read.last) = (self.read.first.or(time), self.read.last.max(time));
        }
        self.note(piece);
        ControlFlow::Continue(())
    }

    fn note(&mut self, piece: Piece<'_>) {
        let is_last = |last: &Last| match piece {
            Piece::Line(line) => last.is(line),
            Piece::Overlong(head, tail) => last.ends(tail) || last.begins(head),
        };
        self.read.is_whole |= self.end.is_none_or(is_last);
        match piece {
            Piece::Line(line) => self.read.mark.note(line),
            Piece::Overlong(..) => self.read.mark.forget(),
        }
        if let Some(resume) = &mut self.resume {
            resume.passed(&self.read.mark);
        }
    }
}

#[cfg(test)]
mod tests;
