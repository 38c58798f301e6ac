//! Do the counters of the slot's pods speak against nobody being there: bytes received, and CPU time?
//!
//! The source `pod-usage`. It needs no ingress controller: it sees a WebSocket that has been open for hours, an upload, a
//! neighbour's calls. It can only keep a slot. Pods at rest receive bytes as well, and a person who opens some pages brings few
//! of them; so what it sees is never proof that nobody was there.

mod compare;
pub mod pods;
mod probes;
mod settings;
mod summary;

use hotdesk_slots::pod_usage::PodUsage;
use hotdesk_slots::signals::{Signal, SignalState};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub mod samples;

pub use compare::{Asked, Sample, bytes, compare};
pub use probes::{Costs, Probes};
pub use settings::{Floor, Kubelets, Origin, Settings, Store, read};
pub use summary::{Counters, Summary};

/// What the source is called in verdicts.
pub const NAME: &str = "pod-usage";

/// What the counters come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// What that means for the slot.
    pub finding: Finding,
    /// What to keep until the next run; none: what was kept stays.
    pub kept: Option<PodUsage>,
}

/// What the counters mean for a slot that nobody else saw in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// More came in than the floor.
    Above {
        /// When that was found.
        at: Timestamp,
        /// What it was: `the pods received 48 MiB that no log explains (…)`.
        detail: String,
    },
    /// No more than the floor, over the whole window.
    Quiet(String),
    /// That cannot be said, and why.
    Unclear(String),
}

impl Usage {
    /// Nothing could be read.
    #[must_use]
    pub fn unclear(why: impl Into<String>) -> Self {
        Self { finding: Finding::Unclear(why.into()), kept: None }
    }

    /// The same as the status tells it.
    #[must_use]
    pub fn signal(&self) -> Signal {
        let (state, seen, detail) = match &self.finding {
            Finding::Above { at, detail } => (SignalState::InUse, Some(Time(*at)), detail),
            Finding::Quiet(how) => (SignalState::Quiet, None, how),
            Finding::Unclear(why) => (SignalState::Blind, None, why),
        };
        Signal { name: NAME.to_owned(), state, last_seen: seen, detail: detail.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_what_was_seen_in_full() {
        let why = format!("the kubelet of the node {} (10.0.0.1:10250): it is out of reach", "n".repeat(200));
        let signal = Usage::unclear(why.clone()).signal();
        assert_eq!((signal.name.as_str(), signal.state, signal.detail), ("pod-usage", SignalState::Blind, why));
        let at = Timestamp::UNIX_EPOCH;
        let above = Usage { finding: Finding::Above { at, detail: "x".to_owned() }, kept: None }.signal();
        assert_eq!((above.state, above.last_seen), (SignalState::InUse, Some(Time(at))));
        let quiet = Usage { finding: Finding::Quiet("y".to_owned()), kept: None }.signal();
        assert_eq!((quiet.state, quiet.last_seen), (SignalState::Quiet, None));
    }
}
