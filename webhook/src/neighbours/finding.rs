//! What was found, and what does a person read about it?

use std::fmt::{self, Display, Formatter};

use hotdesk_slots::text::sanitize_short;

use super::services::Leads;
use super::{Guards, Host, Owner, Switch};

/// Something in a write that is not the slot's own matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A host, and whose it is.
    Host(Host<'static>, Owner),
    /// A rule for any host that goes before those of other slots.
    RuleBefore(String),
    /// What a controller takes for the default of all namespaces.
    Default(String),
    /// A request for a certificate that is too long to be looked through.
    LongRequest,
    /// The external name of a Service, and where it leads.
    ExternalName(String, Leads),
    /// An address that nodes send to a Service.
    ExternalIp(String),
    /// A priority class of the cluster's own, or of hotdesk's pods.
    SystemPriority(String),
    /// Endpoints, or an EndpointSlice, by a person.
    Endpoints(String),
}

/// What was found in a write.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Why it is denied.
    pub denied: Option<Finding>,
    /// What would be denied if the switches were set so.
    pub warned: Vec<Finding>,
    /// Rules that could take the hosts of other slots. They are told, and let in.
    pub open: Vec<String>,
}

impl Found {
    /// Notes a finding as the switch of its guard says. Of those that deny, the first counts.
    pub fn note(&mut self, guards: &Guards, finding: Finding) {
        match guards.of(&finding) {
            Switch::Deny => drop(self.denied.get_or_insert(finding)),
            Switch::Warn if self.warned.contains(&finding) => {}
            Switch::Warn => self.warned.push(finding),
            Switch::Allow => {}
        }
    }

    /// What the client is warned of where the write is let in.
    #[must_use]
    pub fn warnings(&self, slot: &str) -> Vec<String> {
        let would = self.warned.iter().map(|finding| format!("hotdesk would deny this: {}", finding.message(slot)));
        let open = self.open.first().map(|rule| {
            let more = match self.open.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "slot \"{}\": {}{more} may take the host names of other slots too: name the hosts in full",
                sanitize_short(slot),
                sanitize_short(rule)
            )
        });
        would.chain(open).collect()
    }
}

impl Finding {
    /// The sentences.
    #[must_use]
    pub fn message(&self, slot: &str) -> String {
        let (what, fix, value) = match self {
            Self::Host(host, owner) => (
                format!("the host {} belongs to {owner}", sanitize_short(&host.to_string())),
                "use the host of this slot, or one below it".to_owned(),
                "hosts",
            ),
            Self::RuleBefore(rule) => (
                format!("{} takes hosts of other slots, and may go before their own rules", sanitize_short(rule)),
                "name the hosts in full, in each alternative, or leave out the priority".to_owned(),
                "hosts",
            ),
            Self::Default(what) => {
                (format!("{} holds for all slots", sanitize_short(what)), "give it another name".to_owned(), "hosts")
            }
            Self::LongRequest => (
                "the certificate request is too long for hotdesk to tell whose hosts are in it".to_owned(),
                "ask for fewer names at once".to_owned(),
                "hosts",
            ),
            Self::ExternalName(name, leads) => (
                format!("the external name {} leads {leads}", sanitize_short(name)),
                "name a host outside of the cluster".to_owned(),
                "externalNames",
            ),
            Self::ExternalIp(address) => (
                format!(
                    "a Service with the external address {} takes what is sent there from everybody in the cluster",
                    sanitize_short(address)
                ),
                "use the host of this slot, or type: LoadBalancer".to_owned(),
                "externalIPs",
            ),
            Self::SystemPriority(class) => (
                format!(
                    "the priority class {} is for what the cluster or hotdesk itself needs: it evicts other people's pods",
                    sanitize_short(class)
                ),
                "leave out priorityClassName".to_owned(),
                "priorityClasses",
            ),
            Self::Endpoints(kind) => (
                format!("{kind} written by hand lead to any address, other slots' pods among them"),
                "give the Service a selector, and Kubernetes writes them".to_owned(),
                "endpointSlices",
            ),
        };
        format!(
            "slot \"{}\": {what}. Change it: {fix}. An administrator can write it, or set guard.{value} of charts/hotdesk.",
            sanitize_short(slot)
        )
    }
}

impl Display for Owner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot \"{}\"", sanitize_short(slot)),
            Self::Hotdesk(namespace) => write!(f, "hotdesk itself (namespace {})", sanitize_short(namespace)),
        }
    }
}

impl Display for Leads {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(owner) => write!(f, "to {owner}"),
            Self::ToAddress => f.write_str("to an address, and hotdesk cannot tell whose it is"),
        }
    }
}

impl Display for Host<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_wildcard { "*." } else { "" }, self.name)
    }
}
