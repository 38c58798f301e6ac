//! How is each source of traffic read? One file or folder a source; what its answers mean is `hotdesk_traffic`'s.
//!
//! `ingress_logs` and `ingress_metrics` read the pods of an ingress controller (`controllers`, `lines`); `prometheus`, `loki` and
//! `gcp_logging` ask a `server`; `pod_usage` is a witness that may only keep a slot.

pub mod controllers;
pub mod gcp_logging;
pub mod ingress_logs;
pub mod ingress_metrics;
pub mod lines;
pub mod loki;
pub mod pod_usage;
pub mod prometheus;
mod server;

use sha2::{Digest as _, Sha256};

/// Of settings that decide what a reading can see: what was seen with others does not count. Short, for it stands in a status.
pub(crate) fn digest(settings: &str) -> String {
    Sha256::digest(settings.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
