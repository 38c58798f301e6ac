//! The controller: what follows from a Slot over time, and what its holder asks for.
//!
//! - [`reconcile`] follows the Slots and the CronJobs and Jobs of the jobs namespace, and writes four fields of a Slot's status:
//!   `phase` and `lapsedUntil` ([`lapse`]), `reaper`, and `request` ([`request`]: which Job carries out a wish, and how far it
//!   is). What to write is decided in [`status`] and [`request`], which are pure.
//! - [`rights`] keeps the subjects of the RoleBinding `hotdesk-claimants` with the claim.
//! - [`restamp`] is another program of the same image, as another account: it brings the stamps in the slots to their claims.
//!
//! Architecture Invariant: nothing is remembered that does not stand in the cluster. It may be down for an hour and nothing is
//! lost: gate, stamp and reapers do not need it. It reads no Secrets.
//!
//! # Rights
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | get, list, watch | claims and requests |
//! | cluster | `slots/status` | patch | the four fields |
//! | cluster | `rolebindings` named `hotdesk-claimants` | get, list, watch | what is there |
//! | cluster | `events` (events.k8s.io) | create, patch | how a request ended |
//! | jobs namespace | `cronjobs` | get, list, watch | the template, and `status.reaper` |
//! | jobs namespace | `jobs` | create, get, list, watch | a request's Job |
//! | jobs namespace | `pods` list, `pods/log` get, `events` list | | its steps, or why there are none |
//! | jobs namespace | `serviceaccounts` | get | whether the slot has a reviver |
//! | each slot with `access: follow-claim` | `rolebindings` named `hotdesk-claimants` | patch | the subjects |
//! | each slot with `access: follow-claim` | `clusterroles`, the configured one by name | bind | giving a role that it does not have itself |

pub mod args;
pub mod attempts;
pub mod cluster;
pub mod freshness;
pub mod lapse;
pub mod metrics;
pub mod reconcile;
pub mod request;
pub mod restamp;
pub mod rights;
pub mod slots;
pub mod status;

/// The manager under which its fields appear in `managedFields`.
pub const MANAGER: &str = "hotdesk-controller";
