//! Below which path does the API server call the webhook, and when does another one take its place?
//!
//! A new path is first stored beside the present one, then given time to reach every webhook pod, and only then shown in
//! the configurations. The one before it is accepted until the next run; that run gives the API servers time as well. As with certificates, nothing is remembered but
//! what is stored: a run that dies between two steps leaves a state from which the next run goes on.
//!
//! Pure: what the Secret holds, what the configurations show, a path that nobody has used yet, and the time are arguments.

use std::collections::BTreeMap;
use std::fmt;

use hotdesk_slots::webhook_path::{CURRENT, PREVIOUS, SecretPath};
use jiff::{SignedDuration, Timestamp};

use crate::configuration::Configuration;
use crate::held::Data;

/// Key of the Secret: when the present path was made.
const ISSUED: &str = "issued";

/// What the Secret of the path holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HeldPath {
    current: Option<SecretPath>,
    previous: Option<SecretPath>,
    issued: Option<Timestamp>,
}

/// What the path shall be like.
#[derive(Debug, Clone)]
pub(crate) struct WantedPath {
    pub(crate) lifetime: SignedDuration,
    /// Replaced by hand, whatever the dates say.
    pub(crate) renew_now: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathPlan {
    /// Why the Secret gets another path, if it does.
    pub(crate) reason: Option<Reason>,
    /// Whether a path goes that was accepted until now, so that API servers get time to hear of the one after it first.
    pub(crate) forgets: bool,
    /// What the Secret shall hold, if it changes.
    pub(crate) store: Option<HeldPath>,
    /// Whether the configurations show a path that works until now, so that webhooks get time to load the new one.
    pub(crate) settle: bool,
    /// What the configurations shall show.
    pub(crate) show: SecretPath,
}

/// Why a path is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Missing,
    Lost,
    Asked,
    Undated,
    Due(Timestamp),
}

impl HeldPath {
    /// Reads the Secret; an absent one is one without data.
    pub(crate) fn parse(data: &Data) -> Self {
        let get = |key: &str| data.get(key).map(Vec::as_slice).unwrap_or_default();
        let issued = std::str::from_utf8(get(ISSUED)).ok().and_then(|text| text.trim().parse().ok());
        Self { current: SecretPath::parse(get(CURRENT)), previous: SecretPath::parse(get(PREVIOUS)), issued }
    }

    /// What the Secret shall hold.
    pub(crate) fn data(&self) -> Data {
        let path = |path: &Option<SecretPath>| path.as_ref().map_or_else(Vec::new, |path| path.as_str().into());
        let issued = self.issued.map_or_else(String::new, |issued| issued.to_string());
        BTreeMap::from([
            (CURRENT.to_owned(), path(&self.current)),
            (PREVIOUS.to_owned(), path(&self.previous)),
            (ISSUED.to_owned(), issued.into_bytes()),
        ])
    }

    /// Why the path that all configurations show is to be replaced.
    fn reason(&self, wanted: &WantedPath, now: Timestamp) -> Option<Reason> {
        let due = match self.issued {
            _ if wanted.renew_now => return Some(Reason::Asked),
            Some(issued) if issued <= now => issued.saturating_add(wanted.lifetime / 3 * 2).unwrap_or(now),
            // Of a path that is dated ahead nobody knows how old it is.
            _ => return Some(Reason::Undated),
        };
        (due <= now).then_some(Reason::Due(due))
    }
}

impl PathPlan {
    /// Decides. `new` is a path that nobody has used yet.
    pub(crate) fn make(
        held: &HeldPath,
        configurations: &[Configuration],
        wanted: &WantedPath,
        new: SecretPath,
        now: Timestamp,
    ) -> Self {
        let shown: Vec<Option<SecretPath>> = configurations.iter().flat_map(Configuration::paths).collect();
        let Some(current) = held.current.clone() else {
            return Self::restore(shown, new, now);
        };
        let forgets = held.previous.is_some();
        if shown.iter().any(|path| path.as_ref() != Some(&current)) {
            // A run died before it got so far, or the configuration is new.
            let settle = shown.iter().flatten().any(|path| held.previous.as_ref() == Some(path));
            return Self { reason: None, forgets: false, store: None, settle, show: current };
        }
        if let Some(reason) = held.reason(wanted, now) {
            let working = if shown.is_empty() { None } else { Some(current) };
            return Self { forgets, ..Self::replace(new, working, reason, now) };
        }
        let store = forgets.then(|| HeldPath { previous: None, ..held.clone() });
        Self { reason: None, forgets, store, settle: false, show: current }
    }

    /// Where the Secret was lost, what is shown is the only record of what pods accept: it is kept until the next run.
    fn restore(shown: Vec<Option<SecretPath>>, new: SecretPath, now: Timestamp) -> Self {
        let mut working = shown.into_iter().flatten();
        let Some(current) = working.next() else { return Self::replace(new, None, Reason::Missing, now) };
        let previous = working.find(|other| *other != current);
        let store = HeldPath { current: Some(current.clone()), previous, issued: None };
        Self { reason: Some(Reason::Lost), forgets: true, store: Some(store), settle: false, show: current }
    }

    fn replace(new: SecretPath, working: Option<SecretPath>, reason: Reason, now: Timestamp) -> Self {
        let settle = working.is_some();
        let store = HeldPath { current: Some(new.clone()), previous: working, issued: Some(now) };
        Self { reason: Some(reason), forgets: false, store: Some(store), settle, show: new }
    }
}

/// A path that nobody has used and nobody can guess. The only other randomness of this crate is that of `issue`.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random() -> Result<SecretPath, String> {
    let mut bytes = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| "the system gave no randomness for a new path".to_owned())?;
    Ok(SecretPath::of(&bytes))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the Secret holds none"),
            Self::Lost => {
                f.write_str("the Secret holds none, so the one that the configurations show is kept until the next run")
            }
            Self::Asked => f.write_str("--renew-now asks for it"),
            Self::Undated => f.write_str("the Secret does not say when the present one was made"),
            Self::Due(since) => write!(f, "two thirds of the life of the present one were over at {since:.0}"),
        }
    }
}

#[cfg(test)]
mod tests;
