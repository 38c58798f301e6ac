//! Does a request come from an API server?
//!
//! A review says who asks for what, and nothing in it can be checked. So the sender has to show that it is an API
//! server, by the head of its request, before a byte of the body is kept. Today it shows a secret path. A client
//! certificate, or the token that API servers are to send to webhooks (KEP-6060), would be further proofs.

use std::fmt;

use actix_web::HttpRequest;

pub mod secret_path;

pub use secret_path::SecretPaths;

/// Tells API servers from everybody else.
pub trait CallerProof: fmt::Debug + Send + Sync {
    /// The route that an API server asks for, such as `/mutate`; none if the caller does not show that it is one.
    fn route<'r>(&self, request: &'r HttpRequest) -> Option<&'r str>;

    /// Why no API server could show that it is one at present.
    fn missing(&self) -> Option<&'static str>;
}
