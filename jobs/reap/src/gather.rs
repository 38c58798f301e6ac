//! How is a long answer received without waking up for every few of its bytes?
//!
//! The API server sends a log in records of four kilobytes, at the pace at which the kubelet hands them over. To be woken up
//! for each costs more than to read it. So once an answer is known to be long, what comes is let gather in the kernel: for
//! some milliseconds nobody watches the connection, and then all that came is taken at once. Short answers are not delayed.

use std::io::{self, ErrorKind, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// An answer that is longer has more to come.
const LONG: usize = 64 * 1024;

/// How long what comes of it gathers: a log of 10 MB is taken in a dozen times then, and its end is known so much later at
/// most.
const PAUSE: Duration = Duration::from_millis(25);

/// How much is taken at once, at first and where there is more.
const FIRST: usize = 16 * 1024;
const MOST: usize = 128 * 1024;

/// A connection that lets long answers gather.
pub struct Gathered {
    socket: Socket,
    /// What was taken off the socket, and how much of it was handed on.
    taken: Vec<u8>,
    begin: usize,
    end: usize,
    /// How much has come since something was sent.
    answered: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The socket, as the runtime has it or not.
enum Socket {
    /// The runtime wakes up when something comes.
    Watched(TcpStream),
    /// It does not.
    Unwatched(std::net::TcpStream),
    /// It could not be handed from the one to the other.
    Lost,
}

impl Gathered {
    /// Wraps a connection.
    #[must_use]
    pub fn new(socket: TokioIo<TcpStream>) -> TokioIo<Self> {
        let socket = Socket::Watched(socket.into_inner());
        TokioIo::new(Self { socket, taken: vec![0; FIRST], begin: 0, end: 0, answered: 0, pause: None })
    }

    /// The socket, watched again.
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let Socket::Unwatched(_) = self.socket
            && let Socket::Unwatched(socket) = std::mem::replace(&mut self.socket, Socket::Lost)
        {
            self.socket = Socket::Watched(TcpStream::from_std(socket)?);
        }
        match &mut self.socket {
            Socket::Watched(socket) => Ok(Pin::new(socket)),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn unwatch(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.socket, Socket::Lost) {
            Socket::Watched(socket) => self.socket = Socket::Unwatched(socket.into_std()?),
            other => self.socket = other,
        }
        Ok(())
    }

    /// Takes what there is off the socket; nothing at its end.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        (self.begin, self.end) = (0, 0);
        if let Socket::Unwatched(socket) = &mut self.socket {
            match socket.read(&mut self.taken) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.and_then(|read| self.took(read))),
            }
        }
        let mut taken = std::mem::take(&mut self.taken);
        let mut buffer = ReadBuf::new(&mut taken);
        let polled = self.watched().map(|socket| socket.poll_read(context, &mut buffer));
        let read = buffer.filled().len();
        self.taken = taken;
        ready!(polled?)?;
        Poll::Ready(self.took(read))
    }

    fn took(&mut self, read: usize) -> io::Result<()> {
        self.end = read;
        self.answered += read;
        if self.answered > LONG && read > 0 {
            if read < self.taken.len() {
                self.unwatch()?;
                self.pause = Some(Box::pin(sleep(PAUSE)));
            } else if read < MOST {
                self.taken.resize(MOST, 0);
            }
        }
        Ok(())
    }

    /// Something is sent: what comes then is another answer.
    fn sends(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        (self.answered, self.pause) = (0, None);
        self.watched()
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        wanted: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begin == self.end {
            ready!(self.fill(context))?;
        }
        let number = wanted.remaining().min(self.end - self.begin);
        let piece = self.taken.get(self.begin..self.begin + number).unwrap_or_default();
        wanted.put_slice(piece);
        self.begin += number;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sends()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.sends()?.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched()?.poll_shutdown(context)
    }
}

impl Connection for Gathered {
    fn connected(&self) -> Connected {
        match &self.socket {
            Socket::Watched(socket) => socket.connected(),
            _ => Connected::new(),
        }
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
