//! Which secret paths does the webhook answer, and how are they renewed without a restart?
//!
//! A mounted Secret holds the path that the webhook configurations show, and the one before it while API servers may still call
//! that. It is read again on a timer, as the certificate is. What is not a path is left aside, and the old ones stay.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use hotdesk_slots::webhook_path::{CURRENT, PREVIOUS, SecretPath};
use subtle::{Choice, ConstantTimeEq as _};

use super::CallerProof;

/// The paths that are answered, and where they come from.
#[derive(Debug)]
pub struct SecretPaths {
    dir: PathBuf,
    accepted: ArcSwap<Vec<SecretPath>>,
    /// What was last found wrong, so that it is logged once.
    complaint: Mutex<Option<String>>,
}

impl SecretPaths {
    /// Reads the directory once. Its files need not be there yet: until they are, nobody is answered.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let paths = Self { dir: dir.into(), accepted: ArcSwap::default(), complaint: Mutex::default() };
        paths.reload();
        paths
    }

    /// Reads the files again, and takes what they hold if it is sound. True if something has changed.
    pub fn reload(&self) -> bool {
        match self.read() {
            Ok(paths) if **self.accepted.load() == paths => {
                self.complain(None);
                false
            }
            Ok(paths) => {
                tracing::info!(accepted = paths.len(), dir = %self.dir.display(), "took a new path");
                self.accepted.store(paths.into());
                self.complain(None);
                true
            }
            Err(problem) => {
                self.complain(Some(problem));
                false
            }
        }
    }

    /// Reads the files again and again.
    pub async fn follow(&self, every: Duration) {
        let mut timer = tokio::time::interval(every);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            self.reload();
        }
    }

    /// The present path first. No error says what a file holds: it may be nearly a path.
    fn read(&self) -> Result<Vec<SecretPath>, String> {
        let read = |key| std::fs::read(self.dir.join(key));
        let shown = self.dir.join(CURRENT);
        let current = read(CURRENT).map_err(|e| format!("{}: {e}", shown.display()))?;
        let current = SecretPath::parse(&current)
            .ok_or_else(|| format!("{} does not hold 64 lower-case hex digits", shown.display()))?;
        let previous = read(PREVIOUS).ok().and_then(|text| SecretPath::parse(&text));
        Ok(std::iter::once(current).chain(previous).collect())
    }

    /// Logs what is wrong once, until something else is.
    fn complain(&self, problem: Option<String>) {
        let mut last = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| last.as_ref() != Some(problem)) {
            let accepted = self.accepted.load().len();
            tracing::error!(%problem, accepted, "the webhook's path cannot be read; trying again");
        }
        *last = problem;
    }
}

impl CallerProof for SecretPaths {
    fn route<'r>(&self, request: &'r HttpRequest) -> Option<&'r str> {
        let (secret, route) = SecretPath::cut(request.path())?;
        // All are compared, each in full: how long it takes says nothing.
        let is_known = self
            .accepted
            .load()
            .iter()
            .fold(Choice::from(0), |found, path| found | path.as_str().as_bytes().ct_eq(secret.as_bytes()));
        bool::from(is_known).then_some(route)
    }

    fn missing(&self) -> Option<&'static str> {
        self.accepted.load().is_empty().then_some("there is no path yet")
    }
}

#[cfg(test)]
mod tests;
