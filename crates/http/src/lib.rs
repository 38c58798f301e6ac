//! How is a server asked that is not the API server: Google, a Prometheus, a Loki?
//!
//! Each answer has a time limit and a size limit, no redirect is followed, and credentials go only where nobody listens.
//! What went wrong is either passing (worth asking again) or lasting (somebody has to fix it).
//!
//! Architecture Invariant: no error's text holds a credential, nor the body of an answer that may be one.

pub mod error;
#[cfg(feature = "stand-in")]
pub mod fake_server;
pub mod google;
pub mod http;
pub mod retry;

pub use error::Error;
