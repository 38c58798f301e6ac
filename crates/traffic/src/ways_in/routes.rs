//! Which routes of one product, such as Traefik's IngressRoute, does a source see?

use serde_json::Value;

use super::kinds::{Reach, ServedBy};
use super::{From, Hides, Named, Route, Unwatched, WaysIn, hidden};
use crate::sources::{Controller, Source};

/// The routes of the slot that no source sees.
pub(super) fn judge(found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    let of_product = |route: &&Route| matches!(route.kind.served_by, ServedBy::Product(_));
    let leads = |route: &&Route| route.kind.reach != Reach::Part && !is_mesh_only(route);
    found.routes.iter().filter(of_product).filter(leads).filter_map(|route| one(route, sources)).collect()
}

fn one(route: &Route, sources: &[Source]) -> Option<Unwatched> {
    let witnesses: Vec<&Source> = sources.iter().filter(|source| source.sees.kind(route.kind)).collect();
    if witnesses.is_empty() { Some(unseen(route)) } else { hidden(&witnesses, |source| hides(route, source)) }
}

fn unseen(route: &Route) -> Unwatched {
    let ServedBy::Product(product) = route.kind.served_by else {
        return Unwatched::new(route.called(), "is read by no source", "");
    };
    let (why, fix) = match (product, route.kind.kind) {
        ("Traefik", "IngressRoute") => (
            "is served by Traefik, and no source reads Traefik's requests".to_owned(),
            "add a source with logFormat: traefik-json to reaper.sources (docs/sources.md)".to_owned(),
        ),
        ("Istio", _) => (
            "is served by Istio, and no source reads Istio's requests".to_owned(),
            "add a source with type: prometheus, controller: istio to reaper.sources (docs/sources.md)".to_owned(),
        ),
        (product, _) => (
            format!("is served by {product}, and no source reads what comes that way"),
            format!(
                "add a source that does to reaper.sources, with sees: {{kinds: [{}]}} (docs/sources.md)",
                route.kind.name()
            ),
        ),
    };
    Unwatched::new(route.called(), why, fix)
}

/// What keeps a route from a source that reads its product.
pub(super) fn hides(route: &Route, source: &Source) -> Option<Hides> {
    let hides =
        |why: &str, fix: &str, from| Hides { about: route.called(), why: why.to_owned(), fix: fix.to_owned(), from };
    let off = |setting: &str| {
        let off = |rule: &Value| rule.pointer(&format!("/observability/{setting}")) == Some(&Value::Bool(false));
        route.object.list("/spec/routes").iter().any(off)
    };
    let found = match route.kind.served_by {
        ServedBy::Product("Traefik") if off("accessLogs") => hides(
            "turns its access log off, so its requests are not seen",
            "take observability.accessLogs out of it",
            From::Logs,
        ),
        ServedBy::Product("Traefik") if off("metrics") => hides(
            "turns its metrics off, so its requests are not counted",
            "take observability.metrics out of it",
            From::Counters,
        ),
        ServedBy::Product("Istio") if source.product() == Some(Controller::Istio) && has_streams(&route.object) => {
            hides(
                "leads TCP or TLS connections in, which Istio's counters of requests do not hold",
                "route them as http, or add a source with a query of your own and sees: {kinds: [VirtualService]}",
                From::Counters,
            )
        }
        _ => return None,
    };
    found.from.hides(source).then_some(found)
}

fn has_streams(virtual_service: &Named) -> bool {
    ["/spec/tcp", "/spec/tls"].iter().any(|part| !virtual_service.list(part).is_empty())
}

/// A VirtualService that only the sidecars of the mesh follow leads nobody in from outside. One without hosts is part of
/// another one.
pub(super) fn is_mesh_only(route: &Route) -> bool {
    if route.kind.served_by != ServedBy::Product("Istio") {
        return false;
    }
    match route.object.list("/spec/gateways") {
        [] => !route.object.list("/spec/hosts").is_empty(),
        gateways => gateways.iter().all(|gateway| gateway == "mesh"),
    }
}
