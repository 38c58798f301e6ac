//! What in other namespaces leads requests into the slot?
//!
//! Such a request is logged and counted by the name of the other namespace.

use hotdesk_slots::text::plain;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::Value;

use super::kinds::{Reach, ServedBy};
use super::routes::{by_settings, hides, is_ciliums_own, is_mesh_only};
use super::{Route, Unwatched, WaysIn, called, hidden, snippets};
use crate::sources::{Controller, Source};

/// What there is, unless a source tells its requests by where they went.
pub(super) fn judge(found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    let slot = found.slot.as_str();
    let foreign = |route: &&Route| route.object.namespace != slot && route.kind.reach != Reach::Granted;
    let names = |route: &Route| route.object.body.get("spec").is_some_and(|spec| mentions(spec, slot));
    let leading = |route: &&Route| !is_mesh_only(route) && !is_ciliums_own(route) && names(route);
    let routes =
        found.elsewhere.iter().filter(foreign).filter(leading).filter_map(|route| of_route(route, found, sources));
    let aliases = found.aliases.iter().filter_map(|service| of_alias(service, found));
    let ingresses = found.ingresses_elsewhere.iter().filter_map(|ingress| of_ingress(ingress, slot));
    routes.chain(aliases).chain(ingresses).collect()
}

/// An Ingress leads into its own namespace alone, unless a snippet passes requests on, or an annotation sends them there.
fn of_ingress(ingress: &Ingress, slot: &str) -> Option<Unwatched> {
    let namespace = ingress.metadata.namespace.as_deref().filter(|namespace| *namespace != slot)?;
    let leads = |(key, value): &(&String, &String)| match key.rsplit('/').next() {
        Some("server-snippet" | "configuration-snippet" | "location-snippet" | "auth-snippet" | "stream-snippet") => {
            snippets::passes_to(value, &|word| is_in(word, slot))
        }
        Some("auth-url" | "mirror-target") => is_in(value.trim(), slot),
        _ => false,
    };
    let (key, _) = ingress.metadata.annotations.iter().flatten().find(leads)?;
    let about = called("Ingress", namespace, ingress.metadata.name.as_deref().unwrap_or_default());
    let why =
        format!("leads into {slot} by {}, and its requests are told as those of {}", plain(key), plain(namespace));
    Some(Unwatched::new(about, why, "take it away, and let people use the slot's own host"))
}

fn of_route(route: &Route, found: &WaysIn, sources: &[Source]) -> Option<Unwatched> {
    let slot = found.slot.as_str();
    // Istio's counters name the Service that was reached.
    let by_istio = |source: &&Source| {
        route.kind.served_by == ServedBy::Product("Istio")
            && source.product() == Some(Controller::Istio)
            && source.sees.kind(route.kind)
    };
    let witnesses: Vec<&Source> = sources.iter().filter(by_istio).collect();
    if !witnesses.is_empty() {
        return hidden(&witnesses, |source| hides(route, source).or_else(|| by_settings(route, found, source)));
    }
    let whose = match route.object.namespace.as_str() {
        "" => "under no name of a slot".to_owned(),
        namespace => format!("as those of {}", plain(namespace)),
    };
    let why = format!("leads into {slot}, and its requests are told {whose}");
    Some(Unwatched::new(route.called(), why, "put the route into the slot, where its requests are the slot's"))
}

fn of_alias(service: &Service, found: &WaysIn) -> Option<Unwatched> {
    let slot = found.slot.as_str();
    let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() == Some("ExternalName"))?;
    let host = spec
        .external_name
        .as_deref()
        .filter(|host| namespace != slot && (is_in(host, slot) || is_address(host, found)))?;
    let about = called("Service", namespace, service.metadata.name.as_deref().unwrap_or_default());
    let why = format!(
        "is another name of {}, so requests to {slot} may be told as those of {}",
        plain(host),
        plain(namespace)
    );
    Some(Unwatched::new(about, why, "take it away, and let people use the slot's own host"))
}

/// True for an address of one of the slot's Services.
fn is_address(host: &str, found: &WaysIn) -> bool {
    let specs = found.services.iter().filter_map(|service| service.spec.as_ref());
    specs.flat_map(|spec| spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip)).any(|address| address == host)
}

/// True if anything in an object names the slot as the place where something is.
pub(crate) fn mentions(value: &Value, slot: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let named = key.to_ascii_lowercase().ends_with("namespace") && value == slot;
            named || mentions(value, slot)
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, slot)),
        Value::String(text) => is_in(text, slot),
        _ => false,
    }
}

/// True for the address of something in a namespace: `web.mew`, `http://web.mew.svc:80/x`, `db-0.db.mew.svc.cluster.local`,
/// `mew/web`, and Kuma's `web_mew_svc_80`.
fn is_in(text: &str, namespace: &str) -> bool {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    if text.split_once('/').is_some_and(|(first, name)| first == namespace && !name.is_empty()) {
        return true;
    }
    if text.split('_').collect::<Vec<_>>().windows(3).any(|parts| matches!(parts, [_, own, "svc"] if *own == namespace))
    {
        return true;
    }
    let host = text.split(['/', ':', '?']).next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let inside = |pair: &[&str]| matches!(pair, [own, "svc" | "pod"] if *own == namespace);
    matches!(labels.as_slice(), [_, own] if *own == namespace) || labels.windows(2).skip(1).any(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_namespace_only_where_kubernetes_reads_it() {
        for text in [
            "web.mew",
            "web.mew.svc",
            "http://web.mew.svc:80/x",
            "db-0.db.mew.svc.cluster.local.",
            "mew/web",
            "WEB.MEW.SVC",
            "web_mew_svc_80",
        ] {
            assert!(is_in(text, "mew"), "{text}");
        }
        for text in [
            "mew",
            "mew.dev.example.com",
            "web.mew.example.com",
            "web.mewtwo.svc",
            "mew.svc",
            "edge/gw",
            "/mew/web",
            "mew_svc_80",
            "",
        ] {
            assert!(!is_in(text, "mew"), "{text}");
        }
    }
}
