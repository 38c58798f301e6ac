//! Which routes of the Gateway API lead into the slot, and which of them does a source see?
//!
//! A route belongs to the controller of the class of each Gateway that it names. Envoy Gateway names what it serves by the
//! route, so a route of another namespace that a ReferenceGrant lets lead into the slot is not told as the slot's.

use std::collections::BTreeSet;

use hotdesk_slots::text::sanitize_short;
use serde_json::Value;

use super::kinds::{GATEWAY_API, LISTENER_SETS, ServedBy};
use super::routes::has;
use super::settings::traefik::Traefik;
use super::settings::{envoy, istio};
use super::target::Target;
use super::{From, Hides, Named, Route, Unwatched, WaysIn, add_source, by_all, called, hidden};
use crate::sources::{Controller, ENVOY_GATEWAY, Kind, Source};

/// The routes that no source sees, and the grants that may bring some.
pub(super) fn judge(found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    let own = found.routes.iter().filter(|route| route.kind.served_by == ServedBy::Gateway);
    let mut all: Vec<Unwatched> = own.flat_map(|route| of_route(route, found, sources)).collect();
    for grant in found.grants.iter().filter(|grant| leads_in(grant)) {
        all.extend(of_routes(grant, found, sources));
        all.extend(of_policies(grant, found));
    }
    all
}

/// The Gateways by which the slot may be reached, as namespace and name.
#[must_use]
pub fn gateways(found: &WaysIn) -> BTreeSet<(String, String)> {
    let own = found.routes.iter();
    let target = Target::of(found);
    let granted = found.elsewhere.iter().filter(|route| leads_into(route, &target));
    let by_gateway = own.chain(granted).filter(|route| route.kind.served_by == ServedBy::Gateway);
    let gateway = |parent: &Parent<'_>| parent.kind == "Gateway" && parent.group == GATEWAY_API;
    let named = |parent: Parent<'_>| (parent.namespace.to_owned(), parent.name.to_owned());
    by_gateway.flat_map(|route| parents(route, found).filter(gateway).map(named)).collect()
}

/// The ListenerSets by which the slot may be reached: the name of their kind in addresses of the API, namespace and name.
#[must_use]
pub fn listener_sets(found: &WaysIn) -> BTreeSet<(&'static str, String, String)> {
    let routes = found.routes.iter().chain(&found.elsewhere).filter(|route| route.kind.served_by == ServedBy::Gateway);
    let set = |parent: Parent<'_>| {
        let plural = parent.listener_set()?;
        Some((plural, parent.namespace.to_owned(), parent.name.to_owned()))
    };
    routes.flat_map(|route| named(route).filter_map(set)).collect()
}

/// The `EnvoyProxy` objects that the Gateways of Envoy Gateway and their classes name, as namespace and name.
#[must_use]
pub fn proxies(found: &WaysIn) -> BTreeSet<(String, String)> {
    let class_of = |gateway: &Named| {
        let class = gateway.text("/spec/gatewayClassName")?;
        found.gateway_classes.iter().find(|known| known.name == class)
    };
    let of_envoy = |class: &&Named| class.text("/spec/controllerName") == Some(ENVOY_GATEWAY);
    let named = |gateway| class_of(gateway).filter(of_envoy).map(|class| envoy::named_by(gateway, class));
    found.gateways.iter().filter_map(named).flatten().collect()
}

/// What of a route's parents is not seen.
fn of_route(route: &Route, found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    // Which these are is in their controllers' hands.
    if route.object.text("/spec/useDefaultGateways").is_some_and(|scope| scope != "None") {
        let fix = "name its Gateways in parentRefs";
        return vec![Unwatched::new(route.called(), "is attached to the default Gateways, which nobody can tell", fix)];
    }
    parents(route, found).filter_map(|parent| of_parent(route, &parent, found, sources)).collect()
}

/// The hosts of the listeners that a route is attached to: one without hosts of its own has these.
pub(super) fn listening<'a>(route: &'a Route, found: &'a WaysIn) -> impl Iterator<Item = &'a str> {
    named(route).flat_map(move |parent| {
        let sets = found.listener_sets.iter().filter(move |_| parent.listener_set().is_some());
        let gateways = found.gateways.iter().filter(move |_| parent.listener_set().is_none());
        let listens = sets.chain(gateways).find(|object| parent.is(object));
        let listeners = listens.map_or(&[][..], |object| object.list("/spec/listeners"));
        listeners
            .iter()
            .filter(move |listener| parent.takes(listener))
            .filter_map(|listener| listener.get("hostname")?.as_str())
    })
}

/// A parent of a route.
#[derive(Clone, Copy)]
struct Parent<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// What it says of listeners: the name and the port of those that it means.
    section: Option<&'a Value>,
    port: Option<&'a Value>,
}

impl Parent<'_> {
    /// True if it means this listener of it.
    fn takes(&self, listener: &Value) -> bool {
        let same = |wanted: Option<&Value>, key: &str| wanted.is_none_or(|wanted| listener.get(key) == Some(wanted));
        same(self.section, "name") && same(self.port, "port")
    }
}

impl<'a> Parent<'a> {
    /// What an object of a namespace says of it.
    fn of(parent: &'a Value, own: &'a str) -> Self {
        let get = |key: &str, default| parent.get(key).and_then(Value::as_str).unwrap_or(default);
        Self {
            group: get("group", GATEWAY_API),
            kind: get("kind", "Gateway"),
            namespace: get("namespace", own),
            name: get("name", ""),
            section: parent.get("sectionName"),
            port: parent.get("port"),
        }
    }

    /// The name of its kind in addresses of the API, if it is a ListenerSet.
    fn listener_set(&self) -> Option<&'static str> {
        let of_kind = |(group, kind, _): &&(&str, &str, &str)| (*group, *kind) == (self.group, self.kind);
        LISTENER_SETS.iter().find(of_kind).map(|(.., plural)| *plural)
    }

    /// True if it means this object.
    fn is(&self, object: &Named) -> bool {
        (object.namespace.as_str(), object.name.as_str()) == (self.namespace, self.name)
    }
}

/// The parents that a route names.
fn named(route: &Route) -> impl Iterator<Item = Parent<'_>> {
    route.object.list("/spec/parentRefs").iter().map(|parent| Parent::of(parent, &route.object.namespace))
}

/// The same, and in the place of a ListenerSet that is there its Gateway.
fn parents<'a>(route: &'a Route, found: &'a WaysIn) -> impl Iterator<Item = Parent<'a>> {
    named(route).flat_map(|parent| {
        let sets = found.listener_sets.iter().filter(|set| parent.listener_set().is_some() && parent.is(set));
        let gateways = sets.filter_map(|set| Some(Parent::of(set.body.pointer("/spec/parentRef")?, &set.namespace)));
        let gateways: Vec<Parent<'a>> = gateways.collect();
        if gateways.is_empty() { vec![parent] } else { gateways }
    })
}

fn of_parent(route: &Route, parent: &Parent<'_>, found: &WaysIn, sources: &[Source]) -> Option<Unwatched> {
    // A route below a Service is for the mesh inside of the cluster.
    if parent.kind == "Service" && parent.group.is_empty() {
        return None;
    }
    let to =
        format!("{} {}/{}", sanitize_short(parent.kind), sanitize_short(parent.namespace), sanitize_short(parent.name));
    let unclear = |why: String| {
        let fix = "repair the route or take it away; it is not known what serves it";
        Some(Unwatched::new(route.called(), why, fix))
    };
    if parent.listener_set().is_some() {
        return unclear(format!("is attached to the {to}, which is not there"));
    }
    if (parent.group, parent.kind) != (GATEWAY_API, "Gateway") {
        return unclear(format!("is attached to the {to}, which is not a Gateway"));
    }
    let Some(gateway) = found.gateways.iter().find(|gateway| parent.is(gateway)) else {
        return unclear(format!("is attached to the {to}, which is not there"));
    };
    let class = gateway.text("/spec/gatewayClassName").unwrap_or_default();
    let known = found.gateway_classes.iter().find(|known| known.name == class);
    let known = known.and_then(|known| Some((known, known.text("/spec/controllerName")?)));
    let Some((class, controller)) = known else {
        return unclear(format!(
            "is attached to the {to} of the class {}, of which there is no GatewayClass",
            sanitize_short(class)
        ));
    };
    let sees = |source: &&Source| {
        source.sees.kind(route.kind)
            && source.sees.controller(controller)
            && source.sees.gateway(parent.namespace, parent.name)
            && is_read(gateway, class, found, source)
            && takes(route, class, found, source)
    };
    let witnesses: Vec<&Source> = sources.iter().filter(sees).collect();
    if witnesses.is_empty() {
        let why = format!(
            "is attached to the {to}, which {} serves, and no source reads what comes that way",
            sanitize_short(controller)
        );
        return Some(Unwatched::new(route.called(), why, add_source(controller, route.kind)));
    }
    let by_proxy = |source: &Source| {
        let named = envoy::named_by(gateway, class);
        let in_force = |proxy: &&Named| named.contains(&(proxy.namespace.clone(), proxy.name.clone()));
        found.proxies.iter().filter(in_force).flat_map(envoy::hidden).find_map(|hidden| hidden.from(source))
    };
    let by_settings = |source: &Source| {
        if controller.starts_with("istio.io/") {
            return istio::hides(found, &[parent.namespace], source);
        }
        found.settings(source)?.hides(source, false)
    };
    hidden(&witnesses, |source| dotted(route, source).or_else(|| by_settings(source)).or_else(|| by_proxy(source)))
}

/// True unless the pods that a source reads are the proxies of other Gateways. Where its selector, or the operator, names the
/// Gateways, these say it.
fn is_read(gateway: &Named, class: &Named, found: &WaysIn, source: &Source) -> bool {
    let owners = found.settings(source).map(|settings| settings.owners.as_slice()).unwrap_or_default();
    source.sees.gateways.is_some() || owners.is_empty() || owners.iter().any(|owner| owner.takes(gateway, class))
}

/// True unless the Traefik of a source watches other namespaces, or takes GatewayClasses with other labels.
fn takes(route: &Route, class: &Named, found: &WaysIn, source: &Source) -> bool {
    let known = found.settings(source).map(|settings| settings.traefik.as_slice()).unwrap_or_default();
    let refuses =
        |traefik: &Traefik| traefik.gateways.refuses(&route.object.namespace, None, &|label| has(class, label));
    by_all(known.iter().map(refuses)).is_none()
}

/// Where a route's name holds a dot, Prometheus sees only half of the name that Envoy Gateway gives.
fn dotted(route: &Route, source: &Source) -> Option<Hides> {
    let by_prometheus =
        matches!(source.kind, Kind::Prometheus(_)) && source.product() == Some(Controller::EnvoyGateway);
    (by_prometheus && route.object.name.contains('.')).then(|| Hides {
        about: route.called(),
        why: "has a dot in its name, which hides its requests from Prometheus".to_owned(),
        fix: "name it without one".to_owned(),
        from: From::Counters,
    })
}

/// True for a grant to Services; many are for certificates only.
pub(crate) fn leads_in(grant: &Named) -> bool {
    let services = |to: &Value| !["Secret", "ConfigMap"].contains(&text(to, "kind"));
    grant.list("/spec/to").iter().any(services)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_of_routes(from: &Value) -> bool {
    text(from, "group") == GATEWAY_API && text(from, "kind").ends_with("Route")
}

/// What else asks Services of the slot, such as a policy that has them say who may pass. No source sees such a request.
fn of_policies(grant: &Named, found: &WaysIn) -> Option<Unwatched> {
    // A Gateway itself names certificates alone.
    let asks = |from: &&Value| !is_of_routes(from) && !text(from, "kind").ends_with("Gateway");
    let from = grant.list("/spec/from").iter().find(asks)?;
    let why = format!(
        "lets the kind {} of {} ask Services of the slot, and no log and no counter says so",
        sanitize_short(text(from, "kind")),
        sanitize_short(text(from, "namespace"))
    );
    let fix = "take it away, and let that ask a Service that is in no slot";
    Some(Unwatched::new(called("ReferenceGrant", &found.slot, &grant.name), why, fix))
}

fn of_routes(grant: &Named, found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    if !grant.list("/spec/from").iter().any(is_of_routes) {
        return Vec::new();
    }
    // Where each line says which Service was reached, only routes that such a source does not see are ways in.
    let telling: Vec<Source> = sources.iter().filter(|source| source.names_backends()).cloned().collect();
    if !telling.is_empty() {
        let target = Target::of(found);
        let led = found.elsewhere.iter().filter(|route| is_granted(route, grant) && leads_into(route, &target));
        return led.flat_map(|route| of_route(route, found, &telling)).collect();
    }
    let why = "lets routes of other namespaces lead into the slot, and their requests are told as those namespaces'";
    let fix = "put the routes into the slot and take it away, or read Traefik's log itself (type: ingress-logs, logFormat: \
               traefik-json), which names the Service that was reached";
    vec![Unwatched::new(called("ReferenceGrant", &found.slot, &grant.name), why, fix)]
}

fn is_granted(route: &Route, grant: &Named) -> bool {
    let is = |from: &Value, key: &str, value: &str| from.get(key).and_then(Value::as_str) == Some(value);
    let mut from = grant.list("/spec/from").iter();
    from.any(|from| is(from, "kind", route.kind.kind) && is(from, "namespace", &route.object.namespace))
}

/// True if a route has a backend in the slot, or mirrors to one.
fn leads_into(route: &Route, target: &Target<'_>) -> bool {
    route.object.list("/spec/rules").iter().any(|rule| target.is_mentioned(rule))
}
