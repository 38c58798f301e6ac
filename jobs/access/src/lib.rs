//! The access controller: whoever holds a slot, and nobody else, has the rights of one role there.
//!
//! Where charts/slots says `access: follow-claim`, each slot has a `RoleBinding` `hotdesk-claimants`, whose role the chart
//! names and nobody can exchange. This program **watches** (`watch`: the Slots, and those bindings), **decides**
//! (`subjects`: whose names belong in there; `state`: which bindings are not as they should be; both pure) and **writes**
//! (`keep`: the subjects, on the version that was judged).
//!
//! Architecture Invariant: it takes rights away without asking, and gives them only for a claim that it can read and
//! that is in force. Until all Slots and all bindings have been read, it writes nothing.
//!
//! # Rights
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | get, list, watch | the claims |
//! | cluster | `rolebindings` named `hotdesk-claimants` | get, list, watch | what is there |
//! | each slot | `rolebindings` named `hotdesk-claimants` | patch | the subjects |
//! | each slot | `clusterroles`, the configured one by name | bind | giving a role that it does not have itself |

pub mod args;
pub mod health;
pub mod keep;
pub mod metrics;
pub mod state;
pub mod subjects;
pub mod watch;
