//! How do requests get into a slot, and does a source see each of these ways?
//!
//! A slot is idle only if every way in is watched. What no source sees is told with the object, why its requests are not
//! seen, and what would make them visible; `hotdesk doctor` judges by the same code, before a reaper does.
//!
//! | module | question |
//! |---|---|
//! | [`kinds`] | which kinds of objects are ways in? |
//! | [`ingress`], [`snippets`] | which Ingresses are seen, and what keeps their requests out of a log? |
//! | [`gateway`] | which routes of the Gateway API are seen? |
//! | [`routes`] | which routes of one product are seen? |
//! | [`elsewhere`] | what in other namespaces leads into the slot? |
//! | [`direct`] | which Services and pods are reached past every controller? |
//! | `target` | by what may an object elsewhere mean the slot? |
//! | [`hosts`] | which hosts do they ask for? |
//! | [`settings`] | what do the flags and the ConfigMaps of a controller say? |
//! | [`boolean`] | how do controllers read a boolean? |

pub mod boolean;
pub mod direct;
pub mod elsewhere;
pub mod gateway;
pub mod hosts;
pub mod ingress;
pub mod kinds;
pub mod routes;
pub mod settings;
pub mod snippets;
pub(crate) mod target;

use std::collections::BTreeMap;
use std::fmt;

use hotdesk_slots::text::{sanitize, sanitize_short};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use self::kinds::RouteKind;
use self::settings::Settings;
use crate::sources::{ENVOY_GATEWAY, INGRESS_NGINX, Source};

/// Everything that may lead into one slot.
#[derive(Debug, Clone, Default)]
pub struct WaysIn {
    /// The slot.
    pub slot: String,
    /// The host of its Slot.
    pub host: Option<String>,
    /// The labels of its namespace, if they are known.
    pub labels: Option<BTreeMap<String, String>>,
    /// Its Ingresses.
    pub ingresses: Vec<Ingress>,
    /// Its Services.
    pub services: Vec<Service>,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// Its other routes.
    pub routes: Vec<Route>,
    /// Its ReferenceGrants.
    pub grants: Vec<Named>,
    /// Routes of other namespaces, of the kinds that can lead into the slot.
    pub elsewhere: Vec<Route>,
    /// Services of type ExternalName, of all namespaces.
    pub aliases: Vec<Service>,
    /// EndpointSlices, of all namespaces.
    pub slices: Vec<EndpointSlice>,
    /// Ingresses of other namespaces; of these only the metadata count.
    pub ingresses_elsewhere: Vec<Ingress>,
    /// The IngressClasses.
    pub ingress_classes: Vec<IngressClass>,
    /// The GatewayClasses.
    pub gateway_classes: Vec<Named>,
    /// The Gateways that routes name.
    pub gateways: Vec<Named>,
    /// The ListenerSets that routes name in a Gateway's place.
    pub listener_sets: Vec<Named>,
    /// The `EnvoyProxy` objects that Gateways and their classes name.
    pub proxies: Vec<Named>,
    /// The Telemetries of Istio, of all namespaces.
    pub telemetries: Vec<Named>,
    /// What is known of the controllers that sources read.
    pub controllers: Vec<Settings>,
    /// What could not be looked at.
    pub unread: Vec<Unwatched>,
}

/// An object, as far as it has no type of its own here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    /// Its namespace; empty if it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// True if another object's controller made it.
    pub is_made: bool,
    /// The whole of it but for type and metadata.
    pub body: Value,
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its kind.
    pub kind: &'static RouteKind,
    /// The object.
    pub object: Named,
}

/// What the operator has said, beside the sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// The classes of Ingress that the sources read; none: the IngressClasses say whose they are.
    pub classes: &'a [String],
    /// Requests that come past every controller do not count as use.
    pub ignore_direct: bool,
}

impl Rules<'_> {
    /// True if the operator named classes. An empty setting is a list of one empty name.
    #[must_use]
    pub fn name_classes(&self) -> bool {
        self.classes.iter().any(|class| !class.is_empty())
    }
}

/// A way in that no source sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwatched {
    /// The object: `the Ingress mew/web`.
    pub about: String,
    /// Why its requests are not seen.
    pub why: String,
    /// What would make them visible.
    pub fix: String,
}

/// Every way into the slot that no source sees.
#[must_use]
pub fn unwatched(found: &WaysIn, sources: &[Source], rules: &Rules<'_>) -> Vec<Unwatched> {
    let labelled =
        |source: &Source| source.as_labelled(found.settings(source).map_or(&[], |settings| &settings.products));
    let sources: Vec<Source> = sources.iter().map(labelled).collect();
    let sources = sources.as_slice();
    // First of all, for without it the others are told wrong.
    let mut all = found.unread.clone();
    all.extend(ingress::judge(found, sources, rules));
    all.extend(gateway::judge(found, sources));
    all.extend(routes::judge(found, sources, rules));
    all.extend(elsewhere::judge(found, sources));
    all.extend(settings::streams(found));
    // What hides a slot's Ingresses from every source may be the same that leads in.
    let told = |one: &Unwatched| all.iter().any(|other| (&other.about, &other.fix) == (&one.about, &one.fix));
    let leading: Vec<Unwatched> = settings::snippets(found).into_iter().filter(|one| !told(one)).collect();
    all.extend(leading);
    all.extend(settings::default_backends(found));
    if !rules.ignore_direct {
        all.extend(direct::judge(found));
    }
    all
}

impl Unwatched {
    fn new(about: String, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { about, why: why.into(), fix: fix.into() }
    }

    /// Something could not be looked at; what cannot be looked at is not absent.
    #[must_use]
    pub fn unread(what: &str, right: &str, why: &str) -> Self {
        Self::new(
            what.to_owned(),
            format!("cannot be looked at ({})", sanitize(why)),
            format!("the reaper needs the right to {right}, which charts/slots gives it"),
        )
    }
}

impl fmt::Display for Unwatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.about, self.why, self.fix)
    }
}

/// Something that keeps what an object leads in from some sources.
struct Hides {
    about: String,
    why: String,
    fix: String,
    from: From,
}

/// From which sources something hides requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Those that read lines.
    Logs,
    /// Those that read counters.
    Counters,
    /// All of them.
    All,
}

impl From {
    fn hides(self, source: &Source) -> bool {
        match self {
            Self::Logs => source.reads_logs(),
            Self::Counters => !source.reads_logs(),
            Self::All => true,
        }
    }
}

/// Nothing, if one of the witnesses sees in spite of what hides; else what hides from them.
fn hidden(witnesses: &[&Source], hides: impl Fn(&Source) -> Option<Hides>) -> Option<Unwatched> {
    let mut first = None;
    for witness in witnesses {
        let found = hides(witness)?;
        first.get_or_insert(found);
    }
    first.map(|hides| Unwatched { about: hides.about, why: hides.why, fix: hides.fix })
}

/// Why none of the pods of a controller takes an object; nothing if one of them does, or where nothing is known of any.
fn by_all(refusals: impl Iterator<Item = Option<String>>) -> Option<String> {
    let all: Option<Vec<String>> = refusals.collect();
    all?.into_iter().next()
}

/// How an object is called: `the Ingress mew/web`.
fn called(kind: &str, namespace: &str, name: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!("{}/", sanitize_short(namespace)) };
    format!("the {kind} {namespace}{}", sanitize_short(name))
}

/// The same, of an object of a slot.
fn own(kind: &str, slot: &str, metadata: &ObjectMeta) -> String {
    called(kind, slot, metadata.name.as_deref().unwrap_or_default())
}

/// What to do so that a controller is read.
fn add_source(controller: &str, kind: &RouteKind) -> String {
    let requests = ["Ingress", "HTTPRoute", "GRPCRoute"].contains(&kind.kind);
    let source = match controller {
        // Connections that are not requests are in none of their logs.
        name if !requests => format!("sees: {{controllers: [{}], kinds: [{}]}}", sanitize_short(name), kind.name()),
        INGRESS_NGINX => "logFormat: nginx".to_owned(),
        name if name.starts_with("traefik.io/") => "logFormat: traefik-json".to_owned(),
        ENVOY_GATEWAY => "logFormat: envoy-json".to_owned(),
        name if name.starts_with("istio.io/") => "type: prometheus, controller: istio".to_owned(),
        name => format!("sees: {{controllers: [{}], kinds: [{}]}}", sanitize_short(name), kind.name()),
    };
    format!("add a source that reads it to reaper.sources ({source}; docs/sources.md)")
}

impl Route {
    fn called(&self) -> String {
        called(self.kind.kind, &self.object.namespace, &self.object.name)
    }
}

impl WaysIn {
    /// What is known of the controller that a source reads.
    fn settings(&self, source: &Source) -> Option<&Settings> {
        self.controllers.iter().find(|settings| settings.source == source.name)
    }
}

impl Named {
    /// An object, as the API server gives it.
    #[must_use]
    pub fn new(metadata: ObjectMeta, body: Value) -> Self {
        let made = metadata.owner_references.iter().flatten().any(|owner| owner.controller == Some(true));
        Self {
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            is_made: made,
            body,
        }
    }

    /// The text at a pointer into it.
    fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }

    /// The members of the list at a pointer into it.
    fn list(&self, pointer: &str) -> &[Value] {
        self.body.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}
