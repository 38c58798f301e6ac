//! The admission server of hotdesk: gates and stamps what is written into a slot.
//!
//! The rooms, from the pure to the edge:
//! [`settings`], [`gated`], [`decide`], [`neighbours`], [`slot_validation`], [`message`] decide, and touch nothing;
//! [`review`], [`reply`] read and write the API server's JSON; [`answer`] joins the two;
//! [`slot_cache`] holds the Slots, [`watch`] fills it; [`reservations`] says how many slots a person holds, [`limiter`] keeps what that needs; [`session`] notes people at work; [`caller`] tells API servers from everybody else; [`tls`], [`request_gate`], [`deadline`], [`serve`], [`health`],
//! [`metrics`], [`run`] are the server.
//!
//! Architecture Invariant: the server asks the cluster for nothing while it answers a request, but for a person's claim
//! where there is a limit ([`limiter`]). The Slots that the watch has read are its only state, and what it cannot
//! know it denies.

pub mod answer;
pub mod args;
pub mod caller;
#[cfg(test)]
mod cpu;
pub mod deadline;
pub mod decide;
pub mod gated;
pub mod health;
pub mod limiter;
pub mod message;
pub mod metrics;
pub mod neighbours;
pub mod reply;
pub mod request_gate;
pub mod reservations;
pub mod review;
pub mod run;
pub mod serve;
pub mod session;
pub mod settings;
pub mod slot_cache;
pub mod slot_validation;
pub mod tls;
pub mod watch;
