//! Which routes of one product, such as Traefik's IngressRoute, does a source see?

use serde_json::Value;

use super::ingress::OLD_CLASS;
use super::kinds::{Reach, ServedBy};
use super::settings::istio;
use super::settings::traefik::{Class, Provider};
use super::{From, Hides, Named, Route, Rules, Unwatched, WaysIn, by_all, hidden};
use crate::sources::{Controller, Source};

/// The routes of the slot that no source sees.
pub(super) fn judge(found: &WaysIn, sources: &[Source], rules: &Rules<'_>) -> Vec<Unwatched> {
    let of_product = |route: &&Route| matches!(route.kind.served_by, ServedBy::Product(_));
    let leads = |route: &&Route| route.kind.reach != Reach::Part && !is_mesh_only(route) && !is_ciliums_own(route);
    found.routes.iter().filter(of_product).filter(leads).filter_map(|route| one(route, found, sources, rules)).collect()
}

fn one(route: &Route, found: &WaysIn, sources: &[Source], rules: &Rules<'_>) -> Option<Unwatched> {
    let of_kind: Vec<&Source> = sources.iter().filter(|source| source.sees.kind(route.kind)).collect();
    if of_kind.is_empty() {
        return Some(unseen(route));
    }
    let refusals: Vec<Option<String>> = of_kind.iter().map(|source| refused(route, found, source, rules)).collect();
    let takes = of_kind.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
    let witnesses: Vec<&Source> = takes.map(|(source, _)| *source).collect();
    if witnesses.is_empty() {
        let refusal = refusals.into_iter().flatten().next().unwrap_or_default();
        let why = format!("is not served by the Traefik that is read: {refusal}, and no source reads what serves it");
        let fix = "add a source that reads that one to reaper.sources, or name the class in reaper.ingress.classes if one does";
        return Some(Unwatched::new(route.called(), why, fix));
    }
    hidden(&witnesses, |source| hides(route, source).or_else(|| by_settings(route, found, source)))
}

/// What the settings of who serves a route hide from a source.
pub(super) fn by_settings(route: &Route, found: &WaysIn, source: &Source) -> Option<Hides> {
    if route.kind.served_by == ServedBy::Product("Istio") {
        return istio::hides(found, &istio::gateways(route), source);
    }
    found.settings(source)?.hides(source, false)
}

/// Why the Traefik of a source does not take a route. What is not known of one is as it comes.
fn refused(route: &Route, found: &WaysIn, source: &Source, rules: &Rules<'_>) -> Option<String> {
    if route.kind.served_by != ServedBy::Product("Traefik") {
        return None;
    }
    let class = route.object.annotations.get(OLD_CLASS).map(String::as_str).unwrap_or_default();
    let known = found.settings(source).map(|settings| settings.traefik.as_slice()).unwrap_or_default();
    if rules.classes.iter().any(|known| !class.is_empty() && known == class) {
        // Whatever classes it reads, it reads none in a namespace that it does not watch.
        return known.iter().find_map(|traefik| traefik.own.watches_elsewhere(&route.object.namespace));
    }
    let refuses = |provider: &Provider| {
        let has = |label: &str| has(&route.object, label);
        provider.refuses(&route.object.namespace, Some(Class::Annotation(class)), &has)
    };
    if known.is_empty() {
        return refuses(&Provider::of_own_kinds());
    }
    by_all(known.iter().map(|traefik| refuses(&traefik.own)))
}

/// True for an object with a label, `key=value`.
pub(super) fn has(object: &Named, label: &str) -> bool {
    let pair = label.split_once('=').map(|(key, value)| (key.trim(), value.trim_start_matches('=').trim()));
    pair.is_some_and(|(key, value)| object.labels.get(key).is_some_and(|own| own == value))
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
    if route.kind.served_by != ServedBy::Product("Istio") || route.kind.kind != "VirtualService" {
        return false;
    }
    match route.object.list("/spec/gateways") {
        [] => !route.object.list("/spec/hosts").is_empty(),
        gateways => gateways.iter().all(|gateway| gateway == "mesh"),
    }
}

/// What Cilium itself makes of Ingresses and Gateways, which are judged by themselves: by their owner, and for all of them.
pub(crate) fn is_ciliums_own(route: &Route) -> bool {
    route.kind.group == "cilium.io" && (route.object.is_made || route.object.name == "cilium-ingress")
}
