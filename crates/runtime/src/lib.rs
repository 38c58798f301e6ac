//! What does every program of hotdesk do in the same way, so that it is written once?
//!
//! - [`log`]: the flags `--log-format` and `--log-level`, and where log lines go;
//! - [`process`]: what is set up before anything else, and the signals that end it;
//! - [`termination`]: the sentence that a pod leaves for `kubectl describe`;
//! - [`text`]: an error with its causes, and texts cut to a size;
//! - `health` (feature `health`): `/livez`, `/readyz` and `/metrics`;
//! - `client`, `events` (feature `client`): clients of the API server that never wait forever, and Events.
//!
//! Architecture Invariant: nothing here knows what a slot is.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod events;
#[cfg(feature = "health")]
pub mod health;
pub mod log;
pub mod process;
pub mod termination;
pub mod text;
