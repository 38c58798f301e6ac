//! A stand-in for Google and for the API server, on loopback: real HTTP, real shapes, and faults on demand.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod cluster;
pub(crate) mod google;

pub(crate) use hotdesk_http::fake_server::{Reply, Request, serve};

/// The time at which the tests play.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
pub(crate) fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
