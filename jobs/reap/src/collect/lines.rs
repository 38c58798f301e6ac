//! How is a stream read line by line in constant memory?

use futures::{AsyncBufRead, AsyncBufReadExt as _};

/// The longest line that is kept, in bytes: far more than an nginx with default buffers can write.
pub(super) const MAX_LINE: usize = 256 * 1024;

/// What ended a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A line break.
    Line,
    /// A line break, of a line that was too long to be kept.
    Overlong,
    /// The end of the stream.
    Stream,
}

/// Reads up to the next line break; what is longer than [`MAX_LINE`] is dropped.
pub(super) async fn next_line(mut stream: impl AsyncBufRead + Unpin, line: &mut Vec<u8>) -> std::io::Result<End> {
    line.clear();
    let mut overlong = false;
    loop {
        let available = stream.fill_buf().await?;
        if available.is_empty() {
            return Ok(End::Stream);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let (piece, _rest) = available.split_at(end.unwrap_or(available.len()));
        let used = piece.len() + usize::from(end.is_some());
        overlong |= line.len() + piece.len() > MAX_LINE;
        if !overlong {
            line.extend_from_slice(piece);
        }
        stream.consume_unpin(used);
        match end {
            Some(_) if overlong => return Ok(End::Overlong),
            Some(_) => return Ok(End::Line),
            None => {}
        }
    }
}
