//! Where do the claims come from?

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::source::sheets::Sheets;
use hotdesk_sheet::Table;

pub mod access;
pub mod file;
pub mod http;
pub mod sheets;

/// What was read, before anything is made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Who claims which slot.
    pub slots: Table,
    /// Who goes by several names, one row a person.
    pub people: Option<Table>,
}

/// A source of claims.
#[derive(Debug)]
pub enum Source {
    /// A Google Sheet.
    Sheet(Box<Sheets>),
    /// CSV files, in their own words.
    File {
        /// The claims.
        slots: PathBuf,
        /// The people, if there is such a file.
        people: Option<PathBuf>,
    },
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It may be over soon: too many requests, a server's error, no answer, half an answer.
    #[error("{what}")]
    Passing {
        /// What happened.
        what: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Somebody has to mend it.
    #[error("{0}")]
    Lasting(String),
}

impl Source {
    /// Reads everything anew.
    ///
    /// # Errors
    /// When any of it cannot be read in full.
    pub async fn read(&self, clock: fn() -> Timestamp) -> Result<Reading, SourceError> {
        match self {
            Self::Sheet(sheets) => sheets.read(clock).await,
            Self::File { slots, people } => {
                let people = people.as_ref().map(|path| file::read(path)).transpose()?;
                Ok(Reading { slots: file::read(slots)?, people })
            }
        }
    }
}

impl SourceError {
    /// It may be over soon.
    pub(crate) fn passing(what: impl Into<String>) -> Self {
        Self::Passing { what: what.into(), retry_after: None }
    }

    /// True if it is worth asking again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Passing { .. })
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Passing { retry_after, .. } => *retry_after,
            Self::Lasting(_) => None,
        }
    }
}
