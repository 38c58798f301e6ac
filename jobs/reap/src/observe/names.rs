//! By which names are the slots known? Listed once for all of them, and no pod is: what only a pod's address tells, the slot's
//! own reaper reads.

use std::collections::HashMap;

use hotdesk_slots::evidence::SourceEvidence;
use hotdesk_slots::slot::Slot;
use hotdesk_traffic::attribute::{Known, Neighbour, Service as Named};
use hotdesk_traffic::ways_in::kinds::{ALL, GATEWAY_API, NETWORKING, Reach, RouteKind};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta};

use crate::api::Cluster;
use crate::collect::ways_in::served::Served;

/// The groups whose routes' names stand in a line.
const NAMING: [&str; 3] = [GATEWAY_API, "traefik.io", "traefik.containo.us"];

/// A slot, as far as the observing job knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownSlot {
    pub(super) neighbour: Neighbour,
    pub(super) known: Known,
    pub(super) evidence: Vec<SourceEvidence>,
}

/// All slots with their names, and what could not be listed: it is as if it were not there.
///
/// # Errors
/// When the Slots cannot be listed.
pub(super) async fn all(cluster: &Cluster, problems: &mut Vec<String>) -> Result<Vec<KnownSlot>, String> {
    let mut slots = slots(cluster).await?;
    let at: HashMap<String, usize> =
        slots.iter().enumerate().map(|(at, slot)| (slot.neighbour.namespace.clone(), at)).collect();
    let mut add = |namespace: Option<&str>, add: &mut dyn FnMut(&mut Known)| {
        let slot = namespace.and_then(|namespace| at.get(namespace)).and_then(|at| slots.get_mut(*at));
        if let Some(slot) = slot {
            add(&mut slot.known);
        }
    };
    for service in services(cluster).await.unwrap_or_else(|why| noted(problems, why)) {
        add(service.metadata.namespace.as_deref(), &mut |known| known.services.push(Named::of(&service)));
    }
    for route in routes(cluster, problems).await {
        let name = route.name.as_deref().unwrap_or_default();
        add(route.namespace.as_deref(), &mut |known| known.routes.push(name.to_owned()));
    }
    Ok(slots)
}

fn noted<T>(problems: &mut Vec<String>, why: String) -> Vec<T> {
    problems.push(why);
    Vec::new()
}

async fn slots(cluster: &Cluster) -> Result<Vec<KnownSlot>, String> {
    // One that is not understood as a whole is a slot all the same.
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &ApiResource::erase::<Slot>(&()));
    let found = cluster.all("the Slots cannot be read", api.list(&ListParams::default())).await?;
    let observed = |slot: DynamicObject| {
        let host = slot.data.pointer("/spec/host").and_then(|host| host.as_str()).map(str::to_owned);
        let evidence = slot.data.pointer("/status/evidence").cloned().unwrap_or_default();
        let evidence = serde_json::from_value(evidence).unwrap_or_default();
        let known = Known { host: host.clone(), ..Known::default() };
        Some(KnownSlot { neighbour: Neighbour { namespace: slot.metadata.namespace?, host }, known, evidence })
    };
    Ok(found.into_iter().filter_map(observed).collect())
}

async fn services(cluster: &Cluster) -> Result<Vec<Service>, String> {
    let api: Api<Service> = Api::all(cluster.client.clone());
    cluster.all("the Services cannot be listed", api.list(&ListParams::default())).await
}

/// The names of Ingresses and routes.
async fn routes(cluster: &Cluster, problems: &mut Vec<String>) -> Vec<ObjectMeta> {
    let (api, everything): (Api<Ingress>, _) = (Api::all(cluster.client.clone()), ListParams::default());
    let listed = cluster.all("the Ingresses cannot be listed", api.list_metadata(&everything)).await;
    let mut found: Vec<ObjectMeta> =
        listed.unwrap_or_else(|why| noted(problems, why)).into_iter().map(|ingress| ingress.metadata).collect();
    let served = match Served::ask(cluster).await {
        Ok(served) => served,
        Err(why) => {
            problems.push(why);
            return found;
        }
    };
    problems.extend(served.unread.iter().map(ToString::to_string));
    let naming = |kind: &&RouteKind| NAMING.contains(&kind.group) && kind.reach != Reach::Part;
    for kind in ALL.iter().filter(|kind| kind.group != NETWORKING).filter(naming) {
        let Some(resource) = served.find(kind.group, kind.plural) else { continue };
        let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), resource);
        let what = format!("objects of the kind {} cannot be listed", kind.name());
        let listed = cluster.all(&what, api.list_metadata(&everything)).await;
        found.extend(listed.unwrap_or_else(|why| noted(problems, why)).into_iter().map(|route| route.metadata));
    }
    found
}
