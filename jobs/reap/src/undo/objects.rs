//! Which objects of a release are there, where do they belong, and what may this service account do with them?

use std::collections::BTreeMap;

use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::undo::ObjectRef;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ApiResource, GroupVersion};
use kube::discovery::{ApiGroup, Scope, pinned_group};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::losses::losses;
use super::uninstall_impact::Reach;
use crate::api::Cluster;

/// What limits a slot, and says whose it is: its administrators' alone, even where a person's release holds it.
const ADMINISTRATORS: [&str; 3] = ["ResourceQuota", "LimitRange", "Slot"];

/// As whom replicas are set.
const SCALER: &str = "hotdesk-reap";
/// How often it is tried to leave them nobody's, while their controller writes as well.
const DISOWNS: usize = 8;

/// What a kind is to the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    resource: ApiResource,
    /// True for objects that are in a namespace.
    pub namespaced: bool,
}

/// The objects of one slot. What has been asked of the API server once is not asked again.
pub struct Objects<'a> {
    cluster: &'a Cluster,
    slot: &'a str,
    groups: BTreeMap<String, Option<ApiGroup>>,
    rights: BTreeMap<(String, &'static str), bool>,
}

impl<'a> Objects<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cluster: &'a Cluster, slot: &'a str) -> Self {
        Self { cluster, slot, groups: BTreeMap::new(), rights: BTreeMap::new() }
    }

    /// What the API server knows of this object's kind; none if it knows no such kind.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn kind(&mut self, object: &ObjectRef) -> Result<Option<Kind>, String> {
        if !self.groups.contains_key(&object.api_version) {
            let group = self.group(&object.api_version).await?;
            self.groups.insert(object.api_version.clone(), group);
        }
        let version = object.api_version.rsplit('/').next().unwrap_or_default();
        let group = self.groups.get(&object.api_version).and_then(Option::as_ref);
        let kinds = group.map(|group| group.versioned_resources(version)).unwrap_or_default();
        let found = kinds.into_iter().find(|(resource, _)| resource.kind == object.kind);
        Ok(found.map(|(resource, can)| Kind { resource, namespaced: can.scope == Scope::Namespaced }))
    }

    async fn group(&self, api_version: &str) -> Result<Option<ApiGroup>, String> {
        let Ok(version) = api_version.parse::<GroupVersion>() else { return Ok(None) };
        let known = async {
            match pinned_group(&self.cluster.client, &version).await {
                Ok(group) => Ok(Some(group)),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                Err(kube::Error::Discovery(_)) => Ok(None),
                Err(other) => Err(other),
            }
        };
        self.cluster.answer(&format!("the kinds of {} cannot be read", sanitize_short(api_version)), known).await
    }

    /// The namespace of an object, if it has one.
    fn namespace(&self, object: &ObjectRef, kind: &Kind) -> Option<String> {
        kind.namespaced.then(|| object.namespace.clone().unwrap_or_else(|| self.slot.to_owned()))
    }

    /// Whether the reaper may delete these objects with this release.
    pub async fn reach(&mut self, objects: &[ObjectRef], release: &str) -> BTreeMap<ObjectRef, Reach> {
        let mut found = BTreeMap::new();
        for object in objects {
            found.insert(object.clone(), self.reach_of(object, release).await);
        }
        found
    }

    async fn reach_of(&mut self, object: &ObjectRef, release: &str) -> Reach {
        let kind = match self.kind(object).await {
            Ok(Some(kind)) => kind,
            Ok(None) => {
                let version = sanitize_short(&object.api_version);
                return Reach::Unknown(format!("it holds {object}, and the cluster knows no such kind in {version}"));
            }
            Err(why) => return Reach::Unknown(why),
        };
        // In its own slot its Role lets the reaper delete every kind, and a policy only what helm marked as a release's. Beyond it
        // the policy denies everything, whatever rights somebody gave the account.
        if self.namespace(object, &kind).as_deref() == Some(self.slot) {
            return self.reach_within(object, release).await;
        }
        Reach::Outside
    }

    async fn reach_within(&mut self, object: &ObjectRef, release: &str) -> Reach {
        if ADMINISTRATORS.contains(&object.kind.as_str()) {
            return Reach::Outside;
        }
        match self.get(object).await {
            Ok(Some(found)) if !is_marked(&found, release, self.slot) => Reach::Others,
            Ok(Some(found)) => Reach::Within(losses(&found, &object.to_string())),
            Ok(None) => Reach::Within(Vec::new()),
            Err(why) => Reach::Unknown(why),
        }
    }

    /// Asks the API server whether this service account may.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn may(&mut self, object: &ObjectRef, kind: &Kind, verb: &'static str) -> Result<bool, String> {
        let namespace = self.namespace(object, kind);
        // Rights may be given for single names; what is created has none yet.
        let name = (verb != "create").then(|| object.name.clone());
        let key = (format!("{}/{namespace:?}/{}/{name:?}", kind.resource.group, kind.resource.plural), verb);
        if let Some(known) = self.rights.get(&key) {
            return Ok(*known);
        }
        let asked = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(kind.resource.group.clone()),
                    version: Some(kind.resource.version.clone()),
                    resource: Some(kind.resource.plural.clone()),
                    namespace,
                    name,
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.cluster.client.clone());
        let what = "the API server does not say what this service account may do";
        let answer = self.cluster.answer(what, api.create(&PostParams::default(), &asked)).await?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        self.rights.insert(key, allowed);
        Ok(allowed)
    }

    fn api(&self, object: &ObjectRef, kind: &Kind) -> Api<DynamicObject> {
        let client = self.cluster.client.clone();
        match self.namespace(object, kind) {
            Some(namespace) => Api::namespaced_with(client, &namespace, &kind.resource),
            None => Api::all_with(client, &kind.resource),
        }
    }

    /// The object as it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&mut self, object: &ObjectRef) -> Result<Option<DynamicObject>, String> {
        let Some(kind) = self.kind(object).await? else { return Ok(None) };
        let api = self.api(object, &kind);
        self.cluster.answer(&format!("{object} cannot be read"), api.get_opt(&object.name)).await
    }

    /// The claims of the slot, and what owns each.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn claims(&self) -> Result<Vec<(ObjectRef, Vec<OwnerReference>)>, String> {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.cluster.client.clone(), self.slot);
        let every = ListParams::default();
        let listed = api.list_metadata(&every);
        let found = self.cluster.all("the slot's PersistentVolumeClaims cannot be listed", listed).await?;
        let claim = |name: String| ObjectRef {
            api_version: "v1".to_owned(),
            kind: "PersistentVolumeClaim".to_owned(),
            namespace: None,
            name,
        };
        Ok(found.iter().map(|found| (claim(found.name_any()), found.owner_references().to_vec())).collect())
    }

    /// What owns an owner; none if that is gone. What is not in the slot stays, and so does what nobody knows.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn owners_of(&mut self, owner: &OwnerReference) -> Result<Option<Vec<OwnerReference>>, String> {
        let OwnerReference { api_version, kind, name, .. } = owner.clone();
        let object = ObjectRef { api_version, kind, namespace: None, name };
        if !self.kind(&object).await?.is_some_and(|kind| kind.namespaced) {
            return Ok(Some(Vec::new()));
        }
        let found = self.get(&object).await?.filter(|found| found.metadata.uid.as_ref() == Some(&owner.uid));
        Ok(found.map(|found| found.owner_references().to_vec()))
    }

    /// Deletes an object if it is as it was found; true if it was there.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn delete(&mut self, object: &ObjectRef, as_found: Preconditions) -> Result<bool, String> {
        let Some(kind) = self.kind(object).await? else { return Ok(false) };
        let api = self.api(object, &kind);
        let only = DeleteParams { preconditions: Some(as_found), ..DeleteParams::background() };
        let deleted = async {
            match api.delete(&object.name, &only).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
                other => other.map(|_| true),
            }
        };
        self.cluster.answer(&format!("{object} cannot be removed"), deleted).await
    }

    /// Gives an object its replicas, and leaves the number nobody's: what somebody owns, helm 4 would not change in the next
    /// upgrade without being told to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn scale(&mut self, object: &ObjectRef, replicas: i64) -> Result<(), String> {
        let unknown = || format!("{object} cannot be changed: the cluster knows no such kind");
        let kind = self.kind(object).await?.ok_or_else(unknown)?;
        let api = self.api(object, &kind);
        let what = format!("{object} cannot be changed");
        let ours = PatchParams { field_manager: Some(SCALER.to_owned()), ..PatchParams::default() };
        let change = json!({"spec": {"replicas": replicas}});
        let mut scaled = self.cluster.answer(&what, api.patch(&object.name, &ours, &Patch::Merge(change))).await?;
        for _ in 0..DISOWNS {
            let change = disowned(&scaled);
            let written = async {
                match api.patch(&object.name, &ours, &Patch::Merge(&change)).await {
                    Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
                    other => other.map(|_| true),
                }
            };
            if self.cluster.answer(&what, written).await? {
                return Ok(());
            }
            // Its controller has written since.
            scaled = self.cluster.answer(&what, api.get(&object.name)).await?;
        }
        tracing::warn!("the replicas of {object} are set, and the next upgrade by helm 4 may ask whose they are");
        Ok(())
    }
}

/// The object with nobody's name on what we have set; only if it is as it was.
fn disowned(object: &DynamicObject) -> Value {
    let fields = object.managed_fields().iter().filter(|entry| entry.manager.as_deref() != Some(SCALER));
    json!({"metadata": {
        "resourceVersion": object.resource_version(),
        "managedFields": fields.collect::<Vec<_>>(),
    }})
}

/// Whose an object is, by what helm writes on all that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This release's.
    Release,
    /// Somebody else's, in words.
    Other(String),
}

/// True for an object with all the marks that helm puts on what it makes; the policy asks for them.
fn is_marked(object: &DynamicObject, release: &str, namespace: &str) -> bool {
    let managed = object.labels().get("app.kubernetes.io/managed-by").is_some_and(|by| by == "Helm");
    managed && owner(object, release, namespace) == Owner::Release
}

/// Whose an object is.
#[must_use]
pub fn owner(object: &DynamicObject, release: &str, namespace: &str) -> Owner {
    let note = |key: &str| object.annotations().get(key).map(String::as_str);
    match (note("meta.helm.sh/release-name"), note("meta.helm.sh/release-namespace")) {
        (Some(name), Some(place)) if name == release && place == namespace => Owner::Release,
        (Some(name), _) => Owner::Other(format!("belongs to the release {}", sanitize_short(name))),
        (None, _) => Owner::Other("was made by somebody else".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(labels: &Value, annotations: &Value, expected: bool) {
        let metadata = json!({"name": "web", "labels": labels, "annotations": annotations});
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        assert_eq!(is_marked(&object, "web", "mew"), expected, "{labels} {annotations}");
    }

    #[test]
    fn only_what_carries_all_marks_of_its_release_goes_with_it() {
        let marks = |release: &str, namespace: &str| json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace});
        let by = |who: &str| json!({"app.kubernetes.io/managed-by": who});
        check(&by("Helm"), &marks("web", "mew"), true);
        check(&by("Helm"), &marks("api", "mew"), false);
        check(&by("Helm"), &marks("web", "mewtwo"), false);
        check(&by("Helm"), &json!({}), false);
        check(&by("somebody"), &marks("web", "mew"), false);
        check(&json!({}), &marks("web", "mew"), false);
    }
}
