//! The sync: claims that people make in a Google Sheet or a CSV file become claims on Slots.
//!
//! A pass **reads** (`source`: the sheet or the file), **judges** (`rows`: pure, every row and cell at once), **plans**
//! (`plan`: pure, what to write where), **writes** (`cluster`: server-side apply, each write on the version of the Slot
//! that was judged) and **reports** (`report`, `metrics`: log, Events, a condition on the Slot, numbers).
//!
//! Architecture Invariant: what cannot be read changes nothing. A row with a problem leaves its slot as it is; a sheet
//! without its header, or suddenly empty, leaves everything as it is. The modules `plan`, `rows` and `report` (its texts)
//! have no client, clock, environment or file; nor has the crate `hotdesk-sheet`, which says what a row means.
//!
//! # Rights
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | get, list, watch, patch | the claims |
//! | cluster | `slots/status` | patch | the condition `ClaimSource`, and when a claim was made |
//! | cluster | `events` (events.k8s.io) | create | telling people |

pub mod args;
pub mod cluster;
#[cfg(feature = "serve")]
pub mod health;
pub mod log;
pub mod metrics;
pub mod plan;
pub mod report;
pub mod rows;
pub mod run;
pub mod scope;
pub mod source;
