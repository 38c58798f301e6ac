//! The newest record of every helm release of the namespace, in Secrets and in ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use hotdesk_slots::{keys, release};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ByteString, NamespaceResourceScope};
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Cluster;
use crate::helm::record::Record;
use crate::helm::release::{Driver, Release, State};

/// The type that helm gives to its Secrets.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";

/// A kind of object that holds records.
pub trait Holder:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Serialize + DeserializeOwned + Debug
{
    /// Where it is.
    const DRIVER: Driver;
    /// The field of the object that holds the record.
    fn release(&self) -> Option<&[u8]>;
    /// Puts another record in.
    fn set_release(&mut self, release: String);
}

impl Holder for Secret {
    const DRIVER: Driver = Driver::Secret;

    fn release(&self) -> Option<&[u8]> {
        self.data.as_ref()?.get("release").map(|bytes| bytes.0.as_slice())
    }

    fn set_release(&mut self, release: String) {
        self.data.get_or_insert_default().insert("release".to_owned(), ByteString(release.into_bytes()));
    }
}

impl Holder for ConfigMap {
    const DRIVER: Driver = Driver::ConfigMap;

    fn release(&self) -> Option<&[u8]> {
        self.data.as_ref()?.get("release").map(String::as_bytes)
    }

    fn set_release(&mut self, release: String) {
        self.data.get_or_insert_default().insert("release".to_owned(), release);
    }
}

/// The newest revision of every release. A record of which `known` has the very version is not read again.
///
/// # Errors
/// When the records cannot be listed, or one changes while it is read.
pub async fn newest(cluster: &Cluster, namespace: &str, known: &[Release]) -> Result<Vec<Release>, String> {
    let mut releases = newest_in::<Secret>(cluster, namespace, known).await?;
    releases.extend(newest_in::<ConfigMap>(cluster, namespace, known).await?);
    Ok(releases)
}

async fn newest_in<K: Holder>(cluster: &Cluster, namespace: &str, known: &[Release]) -> Result<Vec<Release>, String> {
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    let mut releases = Vec::new();
    // The names first: a namespace may hold ten records of a mebibyte for each release.
    for listed in listed::<K>(cluster, &api).await? {
        if let Some(release) = known.iter().find(|release| listed.is(release, K::DRIVER)) {
            releases.push(release.clone());
            continue;
        }
        let Listed { name, revision, object, .. } = listed;
        let holder = cluster.answer(&format!("the helm record {object} cannot be read"), api.get(&object)).await?;
        releases.push(read(&holder, name, revision, object));
    }
    Ok(releases)
}

/// The names of all releases that have any record, whatever it says: it is not read.
///
/// # Errors
/// When the records cannot be listed.
pub async fn names(cluster: &Cluster, namespace: &str) -> Result<BTreeSet<String>, String> {
    let mut names = names_in::<Secret>(cluster, namespace).await?;
    names.extend(names_in::<ConfigMap>(cluster, namespace).await?);
    Ok(names)
}

async fn names_in<K: Holder>(cluster: &Cluster, namespace: &str) -> Result<BTreeSet<String>, String> {
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    Ok(listed::<K>(cluster, &api).await?.into_iter().map(|listed| listed.name).collect())
}

/// The newest record of a release, as a list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    name: String,
    revision: i64,
    object: String,
    resource_version: Option<String>,
}

impl Listed {
    /// True if that is the record which was read: the API server gives each write a version of its own.
    fn is(&self, read: &Release, driver: Driver) -> bool {
        let version = self.resource_version.as_deref().filter(|version| !version.is_empty());
        read.driver == driver && read.object == self.object && version == Some(read.resource_version.as_str())
    }
}

/// The newest record of every release.
async fn listed<K: Holder>(cluster: &Cluster, api: &Api<K>) -> Result<Vec<Listed>, String> {
    let mut filter = ListParams::default().labels("owner=helm");
    if K::DRIVER == Driver::Secret {
        filter = filter.fields(&format!("type={SECRET_TYPE}"));
    }
    let objects = cluster.all("the helm records cannot be listed", api.list_metadata(&filter)).await?;
    let mut newest: BTreeMap<String, Listed> = BTreeMap::new();
    for found in objects.iter().filter_map(|object| identity(&object.metadata)) {
        let known = newest.entry(found.name.clone()).or_insert_with(|| found.clone());
        if found.revision >= known.revision {
            *known = found;
        }
    }
    Ok(newest.into_values().collect())
}

/// What a record is of, by its name.
fn identity(metadata: &ObjectMeta) -> Option<Listed> {
    let object = metadata.name.clone()?;
    let (name, revision) = release::of_record(&object).map(|(name, revision)| (name.to_owned(), revision))?;
    Some(Listed { name, revision, object, resource_version: metadata.resource_version.clone() })
}

/// One record, as the object holds it.
pub fn read<K: Holder>(holder: &K, name: String, revision: i64, object: String) -> Release {
    let metadata = holder.meta();
    let labelled = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    let state = match holder.release() {
        // helm finds a release by these labels, so a record that contradicts them is not the release's.
        _ if labelled("name") != Some(&name) || labelled("version") != Some(&revision.to_string()) => {
            Err("its labels name another release or revision".to_owned())
        }
        None => Err("it has no field \"release\"".to_owned()),
        Some(release) => {
            Record::decode(release).and_then(|record| record.state(&name, revision)).map_err(|e| e.to_string())
        }
    };
    let state = state.map(|state| not_before(state, metadata));
    let resource_version = metadata.resource_version.clone().unwrap_or_default();
    let deployed_by = metadata.annotations.as_ref().and_then(|notes| notes.get(keys::DEPLOYED_BY)).cloned();
    Release { driver: K::DRIVER, name, revision, object, resource_version, deployed_by, state }
}

/// The time of a deploy is by the clock of the machine that ran helm, which may be hours behind. A record is not older than
/// its revision, and the API server says when it was made.
fn not_before(state: State, metadata: &ObjectMeta) -> State {
    let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
    State { last_deployed: created.map_or(state.last_deployed, |at| at.max(state.last_deployed)), ..state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn secret(name: &str, version: &str, release: Option<&str>) -> Secret {
        let labels = [("name", name), ("version", version)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let data = release.map(|text| [("release".to_owned(), ByteString(text.trim().as_bytes().to_vec()))].into());
        Secret {
            metadata: ObjectMeta { labels: Some(labels.into()), ..ObjectMeta::default() },
            data,
            ..Secret::default()
        }
    }

    #[test]
    fn a_record_is_known_by_its_name() {
        let metadata = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        for (object, expected) in [
            ("sh.helm.release.v1.web.v12", Some(("web", 12))),
            ("sh.helm.release.v1.web.v2.v1", Some(("web.v2", 1))),
            ("sh.helm.release.v1.web.vx", None),
            ("web", None),
        ] {
            let found = identity(&metadata(object)).map(|listed| (listed.name, listed.revision));
            assert_eq!(found, expected.map(|(name, revision)| (name.to_owned(), revision)), "{object}");
        }
    }

    #[test]
    fn a_record_that_contradicts_its_labels_cannot_be_read() {
        let record = include_str!("../../tests/data/record-helm4.txt");
        let state = |secret: &Secret| read(secret, "web".to_owned(), 1, "object".to_owned()).state;
        assert!(state(&secret("web", "1", Some(record))).is_ok());
        assert!(state(&secret("api", "1", Some(record))).is_err());
        assert!(state(&secret("web", "2", Some(record))).is_err());
        assert!(state(&secret("web", "1", Some("nonsense"))).is_err());
        assert!(state(&secret("web", "1", None)).is_err());
    }

    #[test]
    fn a_deploy_by_a_clock_that_is_behind_is_as_new_as_its_record() {
        let record = include_str!("../../tests/data/record-helm4.txt");
        let deployed = |created: Option<Timestamp>| {
            let mut secret = secret("web", "1", Some(record));
            secret.metadata.creation_timestamp = created.map(Time);
            read(&secret, "web".to_owned(), 1, "object".to_owned()).state.unwrap().last_deployed
        };
        let said = deployed(None);
        let later = said + SignedDuration::from_hours(3);
        assert_eq!(deployed(Some(later)), later);
        assert_eq!(deployed(Some(said - SignedDuration::from_hours(3))), said);
    }
}
