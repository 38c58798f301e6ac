//! What is set up before a program does anything, and how is it asked to end?

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What every program needs once, before its first line of work.
pub fn prepare() {
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    hide_panics();
}

/// A panic's text may quote what somebody sent; where it happened says enough.
fn hide_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%at, "a bug in hotdesk: a panic");
    }));
}

/// SIGTERM and SIGINT. The first process of a container is not ended by a signal that it does not wait for.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// How a program ended after it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything under way was finished.
    Drained,
    /// It was asked again, and ended at once.
    Aborted,
}

impl Signals {
    /// From now on, the signals are waited for.
    ///
    /// # Errors
    /// Where they cannot be received.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one, and says which it was.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Finishes what is under way, unless another signal comes first.
    pub async fn drain(&mut self, under_way: impl Future<Output = ()>) -> End {
        tokio::select! {
            () = under_way => End::Drained,
            what = self.next() => {
                tracing::warn!("{what} again: ending at once");
                End::Aborted
            }
        }
    }
}
