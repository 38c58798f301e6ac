//! The reaper of one slot: did anyone use it, and if not, what goes?
//!
//! A run **collects** (`collect`: the Slot and the releases; `sources`: the traffic, as `hotdesk_traffic` reads it),
//! **decides** (`decide`: pure, one verdict out of four), **acts** only on `Idle` (`act`, `ops`, `helm`), and **reports**
//! (`report`).
//!
//! Architecture Invariant: no error, gap or surprise ever reads as `Idle`. The modules `act` (its decisions),
//! `decide`, `observe::plan`, `seen`, `times`, `veto`, `work`, `helm::manifest`, `helm::record` and `helm::release`, and all of
//! `hotdesk_traffic`, have no client, clock, environment or file.
//!
//! # Rights
//!
//! What the reaper's service account needs, and nothing else:
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | list | names of the other slots (everybody has it) |
//! | cluster | `ingressclasses`, `gatewayclasses`; `services`, and routes of the kinds that cross namespaces | list | whose Ingresses and Gateways there are, and what elsewhere leads into the slot |
//! | cluster | `gateways` (gateway.networking.k8s.io) | get | whose routes of the slot are |
//! | ingress namespace | `configmaps` | get | what the controller passes on, and keeps out of its log |
//! | ingress namespace | `pods` | list | which pods are the controller |
//! | ingress namespace | `pods/log` | get | what they logged |
//! | ingress namespace | `replicasets`, `daemonsets`, `statefulsets` (apps) | list | whether one of the pods has gone |
//! | cluster | `nodes` | get | where the kubelets of the slot's pods are (`podUsage.from: kubelets`) |
//! | hotdesk's jobs | `serviceaccounts/token` of `pod-usage` alone | create | asking them, as an account that may do nothing else (the same) |
//! | slot | `slots` | get | claim, keepUntil, sessions |
//! | slot | `slots/status` | patch | the verdict, and what is saved |
//! | slot | `events` (events.k8s.io) | create | telling people |
//! | slot | `services` | list | whose an upstream is |
//! | slot | `ingresses` (networking.k8s.io), other kinds of routes, `pods` | list | whether its requests are seen at all, and whose counters are read |
//! | slot | `secrets`, `configmaps` | get, list, update, delete | helm's records, and what to leave out of them |
//! | slot | all that charts install | get, list, watch, delete | `helm uninstall --wait` |
//! | slot | what pre- and post-delete hooks create | create, patch | the hooks of `helm uninstall` |
//! | namespace of saved releases | `secrets` | create | what is needed to undo a reap |
//!
//! The account `observer`, of the one job that reads for all slots (`observe`):
//!
//! | where | what | verbs | for |
//! |---|---|---|---|
//! | cluster | `slots.hotdesk.dev` | list | which slots there are |
//! | cluster | `slots/status` | patch | `status.evidence`, and nothing else of it |
//! | cluster | `services`, `ingresses` (networking.k8s.io), routes of the Gateway API and of Traefik | list | whose an upstream is |
//! | ingress namespace | `pods` | list | which pods are the controller |
//! | ingress namespace | `pods/log` | get | what they logged |
//!
//! The account `pod-usage` may get `nodes/stats` and `nodes/metrics`, and nothing else. Kubelets are sent a token of its own that
//! ends after ten minutes, never one of the reaper's.
//!
//! The account lives in hotdesk's own namespace, where no holder of a slot has any right: in the slot, everybody who may
//! edit there could act as it.

pub mod api;
pub mod args;
pub mod backoff;
pub mod collect;
pub mod decide;
pub mod executor;
pub mod forecast;
pub mod helm;
pub mod judged;
pub mod lapse;
pub mod misused;
pub mod notices;
pub mod observe;
pub mod reap;
pub mod report;
pub mod request;
pub mod run;
pub mod seen;
pub mod sessions;
pub mod sources;
pub mod stop;
pub mod times;
pub mod undo;
pub mod veto;
pub mod work;
