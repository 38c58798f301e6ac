//! Where do the claims come from?

use std::path::PathBuf;

pub use hotdesk_http::Error as SourceError;
use jiff::Timestamp;

use crate::source::sheets::Sheets;
use hotdesk_sheet::Table;

pub mod file;
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

impl Source {
    /// Reads everything again.
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
