//! What the end-to-end tests share: people with kubeconfigs, slots of their own, and conditions to wait on.
//!
//! Every test makes its own [`slot::TestSlot`] and holds the installation through
//! [`installation::shared`], or [`installation::exclusive`] where it takes hotdesk itself apart.

// A test may end by a panic: that is how it says no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

pub mod cert_manager;
pub mod certs;
pub mod cluster;
pub mod command_output;
pub mod concurrent_users;
pub mod github;
pub mod grant;
pub mod ingress;
pub mod installation;
pub mod load;
pub mod objects;
pub mod people;
pub mod reaper;
pub mod requests;
pub mod runner;
pub mod shared;
pub mod sheet;
pub mod slot;
pub mod templates;
pub mod traefik;
pub mod wait;

pub use command_output::CommandOutput;
pub use grant::Grant;
pub use people::{Helm, Person, admin, alice, bob, carol, ci};
pub use slot::TestSlot;
pub use wait::until;
