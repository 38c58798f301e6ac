//! How does a body get from the connection to the one who reads it, a piece at a time?
//!
//! serde_json reads without waiting, so a thread of its own reads the pieces as they come, through a channel that holds a
//! few. The thread never outlives the request by more than these few: when the request gives up, the channel ends, and
//! what breaks off is not a review.

use std::io::{self, BufReader, Read};
use std::str::from_utf8;
use std::thread;
use std::time::Instant;

use actix_web::web::{Bytes, Payload};
use futures::StreamExt as _;
use rustix::process::setpriority_process;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::{ARRIVE, Refused, Why};
use crate::deadline::Deadline;
use crate::review::condense::{CondenseError, Condensed, condense};

/// How many pieces may wait for the thread. actix makes them of at most 32 KiB or so.
const PIECES: usize = 8;
/// What is taken out of a piece at once.
const BUFFER: usize = 16 << 10;

/// The priority of a thread that reads a large review (`man 2 setpriority`: 0 is what others have, 19 the least). Not the
/// least: it shares the allocator's locks with those who answer.
const LOW_PRIORITY: i32 = 15;

/// What was read.
pub(super) struct StreamRead {
    /// What is left of the review.
    pub(super) review: Condensed,
    /// How long it was.
    pub(super) length: usize,
    /// Its share of the budget.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Reads a body to its end.
///
/// # Errors
/// If it does not arrive in time, or is not a review.
pub(super) async fn read(
    announced: Option<usize>,
    first: Bytes,
    body: &mut Payload,
    permit: OwnedSemaphorePermit,
    deadline: Deadline,
) -> Result<StreamRead, Refused> {
    let (sender, pieces) = channel(PIECES);
    // The thread gives the permit back, so that its memory is counted for as long as it runs.
    let reading = behind_others(move || (condense(BufReader::with_capacity(BUFFER, Pieces::new(pieces))), permit))?;
    let arrival = deadline.share(Instant::now(), ARRIVE);
    let fed = arrival.within(feed(first, body, sender)).await.unwrap_or(Err(Why::TooSlow));
    let read = deadline.within(reading).await.map_err(|_| Refused::from(Why::TooSlow))?;
    let (review, permit) = read.map_err(|_| Refused::from(Why::Panic))?;
    let length = fed.and_then(|length| match announced {
        Some(announced) if announced != length => Err(Why::Broken),
        _ => Ok(length),
    });
    match (length, review) {
        (Ok(length), Ok(review)) => Ok(StreamRead { review, length, permit }),
        // A review that the thread has given up is not fed to its end, and has its own reason.
        (Ok(_), Err(CondenseError::TooLarge { uid })) => Err(Refused { why: Why::TooLarge, uid }),
        (Ok(_), Err(CondenseError::Unreadable(e))) => Err(Refused { why: Why::Unreadable(e.what), uid: e.uid }),
        (Err(why), read) => Err(Refused { why, uid: read.map_or_else(CondenseError::into_uid, |review| review.uid()) }),
    }
}

/// Does this in a thread of low priority: ordinary reviews are not to wait for a large one.
fn behind_others<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, Refused> {
    let (done, result) = oneshot::channel();
    let run = move || {
        // On Linux a priority is a thread's own.
        if let Err(error) = setpriority_process(None, LOW_PRIORITY) {
            tracing::debug!(%error, "a large review is read with the priority of the others");
        }
        // Who gave up the request does not wait.
        let _gone = done.send(work());
    };
    thread::Builder::new().name("large-review".to_owned()).spawn(run).map_err(|_| Refused::from(Why::Busy))?;
    Ok(result)
}

/// Passes a body on, and says how long it was. What comes when nobody reads any more is taken from the connection all
/// the same: else its sender would not hear why.
async fn feed(first: Bytes, body: &mut Payload, thread: Sender<Bytes>) -> Result<usize, Why> {
    let mut length = first.len();
    let mut is_read = thread.send(first).await.is_ok();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Why::Broken)?;
        length += piece.len();
        is_read = is_read && thread.send(piece).await.is_ok();
    }
    Ok(length)
}

/// The pieces of a body, as one text.
struct Pieces {
    pieces: Receiver<Bytes>,
    piece: Bytes,
    /// How much of the piece is text; the rest is the beginning of a character that the next piece ends.
    text: usize,
}

impl Pieces {
    fn new(pieces: Receiver<Bytes>) -> Self {
        Self { pieces, piece: Bytes::new(), text: 0 }
    }

    /// Takes the next piece. False if there is none.
    fn next(&mut self) -> io::Result<bool> {
        // A low priority alone still takes its whole turn, some milliseconds, before anybody else has one.
        thread::yield_now();
        let Some(next) = self.pieces.blocking_recv() else {
            return if self.piece.is_empty() { Ok(false) } else { Err(not_text()) };
        };
        self.piece = if self.piece.is_empty() { next } else { [&*self.piece, &*next].concat().into() };
        self.text = match from_utf8(&self.piece) {
            Ok(text) => text.len(),
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            Err(_) => return Err(not_text()),
        };
        Ok(true)
    }
}

/// What is not UTF-8 is refused as it is in a review that is read whole.
fn not_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text == 0 {
            if !self.next()? {
                return Ok(0);
            }
        }
        let taken = self.piece.split_to(self.text.min(buffer.len()));
        self.text -= taken.len();
        (&*taken).read(buffer)
    }
}

#[cfg(test)]
mod tests;
