//! Which objects of a slot carry helm's marks?

use hotdesk_slots::undo::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::discovery::{ApiCapabilities, ApiGroup, Discovery, Scope, verbs};

use super::purge::{Marked, is_protected};
use crate::api::Cluster;

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const HELM: &str = "Helm";

/// What was found, and where nobody can look.
#[derive(Debug, Default)]
pub struct Found {
    /// The objects.
    pub marked: Vec<Marked>,
    /// The kinds that this service account may not list.
    pub unseen: Vec<String>,
}

/// Looks through every kind that the API server offers.
///
/// # Errors
/// When that cannot be done in full, but for kinds that this service account may not list.
pub async fn find(cluster: &Cluster, slot: &str) -> Result<Found, String> {
    let asked = async { Discovery::new(cluster.client.clone()).run_aggregated().await };
    let offered = cluster.answer("the kinds of the cluster cannot be read", asked).await?;
    let kinds = offered.groups_alphabetical().into_iter().flat_map(ApiGroup::resources_by_stability);
    let mut found = Found::default();
    for (resource, _) in kinds.filter(|(resource, can)| may_be_kept(resource, can)) {
        match list(cluster, slot, &resource).await? {
            Some(all) => found.marked.extend(all.iter().filter_map(|metadata| marked(&resource, metadata, slot))),
            // It would stay in any case.
            None if is_protected(&reference(&resource, "")) => {}
            None => found.unseen.push(resource.kind.clone()),
        }
    }
    Ok(found)
}

/// Events pass by themselves, and what cannot be deleted is not an object.
fn may_be_kept(resource: &ApiResource, can: &ApiCapabilities) -> bool {
    let is_event = resource.kind == "Event" && ["", "events.k8s.io"].contains(&resource.group.as_str());
    can.scope == Scope::Namespaced
        && can.supports_operation(verbs::LIST)
        && can.supports_operation(verbs::DELETE)
        && !is_event
}

/// Of one kind, what says that it is helm's; none where nobody lets us look.
async fn list(cluster: &Cluster, slot: &str, resource: &ApiResource) -> Result<Option<Vec<ObjectMeta>>, String> {
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), slot, resource);
    let helms = ListParams::default().labels(&format!("{MANAGED_BY}={HELM}"));
    let what = format!("the objects of kind {} cannot be listed", resource.kind);
    let listed = async {
        match api.list_metadata(&helms).await {
            Ok(list) => Ok(Some(list)),
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
            Err(other) => Err(other),
        }
    };
    let Some(list) = cluster.answer(&what, listed).await? else { return Ok(None) };
    match list.metadata.continue_.as_deref() {
        None | Some("") => Ok(Some(list.items.into_iter().map(|found| found.metadata).collect())),
        Some(_) => Err(format!("{what}: the API server gave only a part of the list")),
    }
}

/// An object with all the marks that helm puts on what it makes for this slot. What a controller made goes with its owner, and
/// what is being deleted goes by itself.
fn marked(resource: &ApiResource, metadata: &ObjectMeta, slot: &str) -> Option<Marked> {
    let note = |key: &str| metadata.annotations.as_ref()?.get(key).cloned();
    let by_helm = metadata.labels.as_ref()?.get(MANAGED_BY).is_some_and(|by| by == HELM);
    let here = note("meta.helm.sh/release-namespace").is_some_and(|place| place == slot);
    let is_owned = metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    if !by_helm || !here || is_owned || metadata.deletion_timestamp.is_some() {
        return None;
    }
    Some(Marked {
        object: reference(resource, metadata.name.as_deref()?),
        release: note("meta.helm.sh/release-name").filter(|release| !release.is_empty())?,
        policy: note("helm.sh/resource-policy"),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
    })
}

fn reference(resource: &ApiResource, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
        name: name.to_owned(),
        ..ObjectRef::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config_maps() -> ApiResource {
        ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&())
    }

    fn metadata(release: &str, namespace: &str, by: &str, more: &Value) -> ObjectMeta {
        let annotations = json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace,
            "helm.sh/resource-policy": "keep"});
        let mut all = json!({"name": "settings", "uid": "u1", "resourceVersion": "7",
            "labels": {MANAGED_BY: by}, "annotations": annotations});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[track_caller]
    fn check(metadata: &ObjectMeta, expected: Option<&str>) {
        let found = marked(&config_maps(), metadata, "mew");
        assert_eq!(found.map(|found| found.release).as_deref(), expected, "{metadata:?}");
    }

    #[test]
    fn only_what_carries_all_marks_of_a_release_of_this_slot_is_helms() {
        let none = json!({});
        check(&metadata("web", "mew", "Helm", &none), Some("web"));
        check(&metadata("web", "mewtwo", "Helm", &none), None);
        check(&metadata("web", "mew", "somebody", &none), None);
        check(&metadata("", "mew", "Helm", &none), None);
        check(&metadata("web", "mew", "Helm", &json!({"annotations": {}})), None);
        check(&metadata("web", "mew", "Helm", &json!({"labels": {}})), None);
        check(&metadata("web", "mew", "Helm", &json!({"deletionTimestamp": "2026-11-23T15:00:00Z"})), None);
        let owner = json!({"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}]});
        check(&metadata("web", "mew", "Helm", &owner), None);
        check(&ObjectMeta::default(), None);
    }

    #[test]
    fn what_is_found_can_be_told_from_what_takes_its_name_later() {
        let found = marked(&config_maps(), &metadata("web", "mew", "Helm", &json!({})), "mew").unwrap();
        assert_eq!((found.uid.as_deref(), found.resource_version.as_deref()), (Some("u1"), Some("7")));
        assert_eq!((found.object.to_string().as_str(), found.policy.as_deref()), ("ConfigMap/settings", Some("keep")));
    }

    #[test]
    fn every_kind_is_looked_through_that_can_be_listed_and_deleted_in_a_namespace() {
        let resource = |group: &str, kind: &str| ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: format!("{group}/v1"),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
        };
        let can = |operations: &[&str], scope: Scope| ApiCapabilities {
            scope,
            subresources: Vec::new(),
            operations: operations.iter().map(|verb| (*verb).to_owned()).collect(),
        };
        let all = can(&["list", "delete"], Scope::Namespaced);
        assert!(may_be_kept(&resource("", "ConfigMap"), &all));
        assert!(may_be_kept(&resource("example.com", "Event"), &all));
        assert!(!may_be_kept(&resource("", "Event"), &all));
        assert!(!may_be_kept(&resource("events.k8s.io", "Event"), &all));
        assert!(!may_be_kept(&resource("", "PersistentVolume"), &can(&["list", "delete"], Scope::Cluster)));
        assert!(!may_be_kept(&resource("metrics.k8s.io", "PodMetrics"), &can(&["list"], Scope::Namespaced)));
    }
}
