//! What is known of the cluster when lines are read: the slot's objects, the other slots, and who else may lead into it.

use std::net::IpAddr;

/// A Service, as far as an upstream can name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its ports by number, name and target, each as an Ingress may name it.
    pub ports: Vec<String>,
    /// True for a Service of type ExternalName: it needs no port, so an Ingress may name any.
    pub external: bool,
    /// Its own addresses in the cluster.
    pub addresses: Vec<IpAddr>,
}

/// A Slot, by what everybody can know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// Its namespace.
    pub namespace: String,
    /// The host under which it is reached.
    pub host: Option<String>,
}

/// A route of another namespace that leads into the slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignRoute {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Whose the TCP and UDP services of ingress-nginx are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Streams {
    /// That could not be read.
    #[default]
    Unread,
    /// The namespaces that have some.
    Of(Vec<String>),
}

/// What is known of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The slot's Services.
    pub services: Vec<Service>,
    /// The names of the slot's Ingresses and routes of any kind.
    pub routes: Vec<String>,
    /// The addresses of the slot's running pods, without those in the host's network.
    pub pods: Vec<IpAddr>,
    /// Addresses of the slot that Services of other namespaces have as well.
    pub lent: Vec<IpAddr>,
    /// The host under which the slot is reached.
    pub host: Option<String>,
    /// The hosts of its Ingresses and routes, and of routes elsewhere that lead into it, as they are written there.
    pub hosts: Vec<String>,
    /// The other Slots.
    pub slots: Vec<Neighbour>,
    /// Namespaces that are not slots.
    pub namespaces: Vec<String>,
    /// Routes of other namespaces that lead into the slot.
    pub foreign: Vec<ForeignRoute>,
    /// The namespaces whose routes a ReferenceGrant lets lead into the slot.
    pub granted: Vec<String>,
    /// Whose the TCP and UDP services are.
    pub streams: Streams,
}
