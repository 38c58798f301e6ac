//! What becomes of a write in a slot that reaches for what is a neighbour's?

use clap::{Args, ValueEnum};

use crate::neighbours::{Guards, Switch};

/// The switches of the guards.
#[derive(Debug, Clone, Args)]
pub struct GuardArgs {
    /// The host of another slot, or one below it, in a route of any kind
    #[arg(long, env = "HOTDESK_GUARD_HOSTS", value_enum, default_value_t = SwitchArg::Deny)]
    pub guard_hosts: SwitchArg,
    /// `ExternalName` Services that lead to another slot or to hotdesk
    #[arg(long, env = "HOTDESK_GUARD_EXTERNAL_NAMES", value_enum, default_value_t = SwitchArg::Deny)]
    pub guard_external_names: SwitchArg,
    /// Services with externalIPs
    #[arg(long, env = "HOTDESK_GUARD_EXTERNAL_IPS", value_enum, default_value_t = SwitchArg::Deny)]
    pub guard_external_ips: SwitchArg,
    /// Pods of a priority class whose name begins with system-, or that hotdesk's own pods have
    #[arg(long, env = "HOTDESK_GUARD_PRIORITY_CLASSES", value_enum, default_value_t = SwitchArg::Deny)]
    pub guard_priority_classes: SwitchArg,
    /// Endpoints and `EndpointSlices` that people write
    #[arg(long, env = "HOTDESK_GUARD_ENDPOINT_SLICES", value_enum, default_value_t = SwitchArg::Deny)]
    pub guard_endpoint_slices: SwitchArg,
    /// Namespace of hotdesk's own, to which no `ExternalName` Service leads. Repeat it
    #[arg(long, env = "HOTDESK_OWN_NAMESPACE", value_delimiter = ',', value_name = "NAME")]
    pub own_namespace: Vec<String>,
    /// Priority class of hotdesk's own pods, which no pod in a slot has. Repeat it
    #[arg(long, env = "HOTDESK_OWN_PRIORITY_CLASS", value_delimiter = ',', value_name = "NAME")]
    pub own_priority_class: Vec<String>,
}

/// What becomes of such a write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SwitchArg {
    /// Only administrators do it
    Deny,
    /// It is admitted, and the client sees a warning
    Warn,
    /// It is admitted
    Allow,
}

impl GuardArgs {
    /// The switches as decisions know them.
    #[must_use]
    pub fn guards(&self) -> Guards {
        Guards {
            hosts: self.guard_hosts.into(),
            external_names: self.guard_external_names.into(),
            external_ips: self.guard_external_ips.into(),
            priority_classes: self.guard_priority_classes.into(),
            endpoint_slices: self.guard_endpoint_slices.into(),
        }
    }
}

impl From<SwitchArg> for Switch {
    fn from(arg: SwitchArg) -> Self {
        match arg {
            SwitchArg::Deny => Self::Deny,
            SwitchArg::Warn => Self::Warn,
            SwitchArg::Allow => Self::Allow,
        }
    }
}
