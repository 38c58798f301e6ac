//! Why was nothing learned, and may it be over soon?

use std::time::Duration;

/// Why a server did not tell what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It may be over soon: too many requests, a server's error, no answer, half an answer.
    #[error("{what}")]
    Passing {
        /// What happened.
        what: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Somebody has to fix it.
    #[error("{0}")]
    Lasting(String),
}

impl Error {
    /// It may be over soon.
    pub fn passing(what: impl Into<String>) -> Self {
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

    /// The same error, told in other words.
    #[must_use]
    pub fn map(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Passing { what, retry_after } => Self::Passing { what: tell(what), retry_after },
            Self::Lasting(what) => Self::Lasting(tell(what)),
        }
    }
}
