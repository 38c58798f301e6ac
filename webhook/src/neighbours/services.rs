//! Where does a Service lead, and which addresses does it take?

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::value::RawValue;

use super::host::{Host, is_name};
use super::raw::{at, each, text};
use super::{Neighbours, Owner};

/// Of a Service: what concerns its neighbours.
#[derive(Debug, Default)]
pub struct Service<'a> {
    /// `spec.externalName`.
    external_name: Option<Cow<'a, str>>,
    /// `spec.externalIPs`, and what `status.loadBalancer` says: the nodes send what goes to these addresses to the Service.
    /// `spec.loadBalancerIP` is a wish, which the load balancer grants only if nobody has the address.
    addresses: Vec<Cow<'a, str>>,
}

/// Where an `externalName` leads, if it is not the slot's own matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To what is another's.
    To(Owner),
    /// To an address. Whose it is, nobody can tell.
    ToAddress,
}

impl<'a> Service<'a> {
    /// Reads a Service.
    #[must_use]
    pub fn read(object: &'a RawValue) -> Self {
        let mut service = Self::default();
        // An object may be large, so it is gone through once.
        each(object, &mut |field, value| match field {
            "spec" => {
                at(value, "externalName", &mut |name| service.external_name = text(name));
                at(value, "externalIPs[]", &mut |address| service.addresses.extend(text(address)));
            }
            "status" => {
                at(value, "loadBalancer.ingress[].ip", &mut |address| service.addresses.extend(text(address)));
            }
            _ => {}
        });
        service
    }

    /// The first address that the older Service does not have.
    #[must_use]
    pub fn new_address(&self, old: &Self) -> Option<&str> {
        let before: HashSet<&str> = old.addresses.iter().map(AsRef::as_ref).collect();
        self.addresses.iter().map(AsRef::as_ref).find(|address| !before.contains(address))
    }

    /// The external name, and where it leads, if the older Service has another and it is not the slot's own matter.
    #[must_use]
    pub fn leads_astray(&self, old: &Self, neighbours: &Neighbours<'_>) -> Option<(&str, Leads)> {
        let name = self.external_name.as_deref().filter(|name| !name.is_empty())?;
        if old.external_name.as_deref() == Some(name) {
            return None;
        }
        Some((name, leads(name, neighbours)?))
    }
}

fn leads(name: &str, neighbours: &Neighbours<'_>) -> Option<Leads> {
    let clean = name.trim().trim_end_matches('.').to_ascii_lowercase();
    if clean.parse::<IpAddr>().is_ok() {
        return Some(Leads::ToAddress);
    }
    if !is_name(&clean) {
        return None;
    }
    let host = Host { name: clean.into(), is_wildcard: false };
    // A resolver tries the domains of the cluster behind a short name, such as `web.mew`.
    let short = host.name.rsplit_once('.').and_then(|(_, last)| neighbours.owner_of_namespace(last));
    neighbours.owner_of_host(&host).or(short).map(Leads::To)
}
