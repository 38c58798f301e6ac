//! Why was nothing learned, and may it be over soon?

use std::time::Duration;

/// Why a server did not tell what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It may be over soon: too many requests, a server's error, no answer, half an answer.
    #[error("{what}")]
    Transient {
        /// What happened.
        what: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Somebody has to fix it.
    #[error("{0}")]
    Permanent(String),
}

impl Error {
    /// It may be over soon.
    pub fn transient(what: impl Into<String>) -> Self {
        Self::Transient { what: what.into(), retry_after: None }
    }

    /// True if it is worth asking again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::Permanent(_) => None,
        }
    }

    /// The same error, told in other words.
    #[must_use]
    pub fn map(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Transient { what, retry_after } => Self::Transient { what: tell(what), retry_after },
            Self::Permanent(what) => Self::Permanent(tell(what)),
        }
    }
}
