//! What in other namespaces leads requests into the slot?
//!
//! Such a request is logged and counted by the name of the other namespace.

use std::net::IpAddr;

use hotdesk_slots::text::sanitize_short;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;

use super::kinds::{Reach, ServedBy};
use super::routes::{by_settings, hides, is_ciliums_own, is_mesh_only};
use super::target::Target;
use super::{Route, Unwatched, WaysIn, called, hidden, snippets};
use crate::sources::{Controller, Source};

const FIX: &str = "take it away, and let people use the slot's own host";

/// What there is, unless a source tells its requests by where they went.
pub(super) fn judge(found: &WaysIn, sources: &[Source]) -> Vec<Unwatched> {
    let (slot, target) = (found.slot.as_str(), Target::of(found));
    let foreign = |route: &&Route| route.object.namespace != slot && route.kind.reach != Reach::Granted;
    let names = |route: &Route| route.object.body.get("spec").is_some_and(|spec| target.is_mentioned(spec));
    let leading = |route: &&Route| !is_mesh_only(route) && !is_ciliums_own(route) && names(route);
    let routes =
        found.elsewhere.iter().filter(foreign).filter(leading).filter_map(|route| of_route(route, found, sources));
    let aliases = found.aliases.iter().filter_map(|service| of_alias(service, &target));
    let slices = found.slices.iter().filter_map(|slice| of_slice(slice, &target));
    let ingresses = found.ingresses_elsewhere.iter().filter_map(|ingress| of_ingress(ingress, &target));
    routes.chain(aliases).chain(slices).chain(ingresses).collect()
}

/// An Ingress leads into its own namespace alone, unless a snippet passes requests on, or an annotation sends them there.
fn of_ingress(ingress: &Ingress, target: &Target<'_>) -> Option<Unwatched> {
    let slot = target.slot();
    let namespace = ingress.metadata.namespace.as_deref().filter(|namespace| *namespace != slot)?;
    let leads = |(key, value): &(&String, &String)| match key.rsplit('/').next() {
        Some(name) if name.ends_with("-snippet") || name.ends_with("-snippets") => snippets::leads_to(value, target),
        Some("auth-url" | "mirror-target") => target.is(value.trim()),
        _ => false,
    };
    let (key, _) = ingress.metadata.annotations.iter().flatten().find(leads)?;
    let about = called("Ingress", namespace, ingress.metadata.name.as_deref().unwrap_or_default());
    let why = format!(
        "leads into {slot} by {}, and its requests are told as those of {}",
        sanitize_short(key),
        sanitize_short(namespace)
    );
    Some(Unwatched::new(about, why, FIX))
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
        namespace => format!("as those of {}", sanitize_short(namespace)),
    };
    let why = format!("leads into {slot}, and its requests are told {whose}");
    Some(Unwatched::new(route.called(), why, "put the route into the slot, where its requests are the slot's"))
}

fn of_alias(service: &Service, target: &Target<'_>) -> Option<Unwatched> {
    let slot = target.slot();
    let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() == Some("ExternalName"))?;
    let host = spec.external_name.as_deref().filter(|host| namespace != slot && target.is(host))?;
    let about = called("Service", namespace, service.metadata.name.as_deref().unwrap_or_default());
    let why = format!(
        "is another name of {}, so requests to {slot} may be told as those of {}",
        sanitize_short(host),
        sanitize_short(namespace)
    );
    Some(Unwatched::new(about, why, FIX))
}

/// A Service without a selector has the addresses that its EndpointSlices list, whosever they are. Lines that say which
/// address served tell its requests, but not those to a pod that is gone since.
fn of_slice(slice: &EndpointSlice, target: &Target<'_>) -> Option<Unwatched> {
    let slot = target.slot();
    let namespace = slice.metadata.namespace.as_deref().filter(|namespace| *namespace != slot)?;
    let address = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses).find(|address| target.is(address));
    let of_pod = || {
        let mut pods = slice.endpoints.iter().filter_map(|endpoint| endpoint.target_ref.as_ref());
        pods.find(|pod| pod.namespace.as_deref() == Some(slot))?.name.as_ref()
    };
    let listed = match address {
        Some(address) => format!("the address {}", sanitize_short(address)),
        None => format!("the pod {}", sanitize_short(of_pod()?)),
    };
    let about = called("EndpointSlice", namespace, slice.metadata.name.as_deref().unwrap_or_default());
    let labels = slice.metadata.labels.as_ref();
    let service = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
    let by = service.map_or_else(String::new, |name| format!(" by the Service {}", sanitize_short(name)));
    let why = format!(
        "lists {listed} of {slot}, so requests to it{by} may be told as those of {}",
        sanitize_short(namespace)
    );
    Some(Unwatched::new(about, why, FIX))
}

/// The addresses of the slot that Services of other namespaces have as well.
pub(crate) fn lent(found: &WaysIn) -> Vec<IpAddr> {
    let target = Target::of(found);
    let elsewhere = |slice: &&EndpointSlice| slice.metadata.namespace.as_deref() != Some(found.slot.as_str());
    let listed = found.slices.iter().filter(elsewhere).flat_map(|slice| &slice.endpoints);
    listed.flat_map(|endpoint| &endpoint.addresses).filter_map(|address| target.address(address)).collect()
}
