//! Do routes of the Gateway API keep some of the slot's requests from being told as its own?
//!
//! Envoy Gateway names what it serves by the route's namespace and name. A route elsewhere that a ReferenceGrant lets
//! lead into the slot is not named as the slot's; and where a route's name holds a dot, Prometheus sees only half of it.

use hotdesk_slots::text::plain;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, ResourceExt};

use crate::api::Cluster;
use hotdesk_traffic::sources::{Controller, Kind, Question, Source};

const GROUP: &str = "gateway.networking.k8s.io";

/// The kinds of routes whose clusters count requests, with the version in which each is served.
const ROUTES: [(&str, &str); 2] = [("HTTPRoute", "v1"), ("GRPCRoute", "v1")];

/// Why requests to the slot may not be seen.
///
/// # Errors
/// When what there is cannot be listed. Kinds that the cluster does not know are none.
pub async fn unseen(cluster: &Cluster, namespace: &str, sources: &[Source]) -> Result<Vec<String>, String> {
    let mut doubts = Vec::new();
    if let Some(grant) = names(cluster, namespace, "ReferenceGrant", "v1beta1").await?.first() {
        doubts.push(format!(
            "the ReferenceGrant {} lets routes of other namespaces lead into the slot, and their requests are counted as \
             those namespaces': put the routes into the slot",
            plain(grant)
        ));
    }
    let by_prometheus = sources.iter().any(|source| match &source.kind {
        Kind::Prometheus(server) => {
            matches!(server.question, Question::Ready { controller: Controller::EnvoyGateway, .. })
        }
        _ => false,
    });
    for (kind, version) in ROUTES.iter().filter(|_| by_prometheus) {
        let found = names(cluster, namespace, kind, version).await?;
        doubts.extend(found.iter().find(|name| name.contains('.')).map(|name| {
            format!(
                "the {kind} {} has a dot in its name, which hides its requests from Prometheus: name it without one",
                plain(name)
            )
        }));
    }
    Ok(doubts)
}

async fn names(cluster: &Cluster, namespace: &str, kind: &str, version: &str) -> Result<Vec<String>, String> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
    let filter = ListParams::default();
    // A cluster without the kind answers 404, which is no error here.
    let listed = async {
        match api.list_metadata(&filter).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            other => other.map(Some),
        }
    };
    let what = format!("the slot's {kind}s cannot be listed");
    let Some(list) = cluster.answer(&what, listed).await? else { return Ok(Vec::new()) };
    match list.metadata.continue_.as_deref() {
        None | Some("") => Ok(list.items.iter().map(ResourceExt::name_any).collect()),
        Some(_) => Err(format!("{what}: the API server gave only a part of the list")),
    }
}
