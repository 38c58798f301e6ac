//! Which of these guards are switched on?

use super::{Finding, Reads};

/// What becomes of a write that a guard is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Switch {
    /// It is denied.
    #[default]
    Deny,
    /// It is admitted, and the client sees a warning.
    Warn,
    /// It is admitted.
    Allow,
}

/// The guards against what reaches for a neighbour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guards {
    /// The hosts of other slots.
    pub hosts: Switch,
    /// ExternalName Services that lead to other slots or to hotdesk.
    pub external_names: Switch,
    /// `externalIPs` of Services.
    pub external_ips: Switch,
    /// Priority classes of the cluster's own, and that of hotdesk's pods.
    pub priority_classes: Switch,
    /// Endpoints and EndpointSlices that people write.
    pub endpoint_slices: Switch,
}

impl Guards {
    /// The switch of the guard that found this.
    #[must_use]
    pub fn of(&self, finding: &Finding) -> Switch {
        match finding {
            Finding::Host(..) | Finding::RuleBefore(_) | Finding::Default(_) | Finding::LongRequest => self.hosts,
            Finding::ExternalName(..) => self.external_names,
            Finding::ExternalIp(_) => self.external_ips,
            Finding::SystemPriority(_) => self.priority_classes,
            Finding::Endpoints(_) => self.endpoint_slices,
        }
    }

    /// True if what could be found in such an object matters.
    #[must_use]
    pub fn ask_for(&self, reads: Reads) -> bool {
        let switches: &[Switch] = match reads {
            Reads::Hosts => &[self.hosts, self.priority_classes, self.external_ips],
            Reads::Service => &[self.hosts, self.external_names, self.external_ips],
            Reads::Endpoints => &[self.endpoint_slices],
        };
        switches.iter().any(|switch| *switch != Switch::Allow)
    }
}
