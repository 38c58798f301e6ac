//! How is one release brought back?
//!
//! Its record is put back, and `helm rollback` makes the objects. What was kept is left out of that record meanwhile, so
//! that helm does not touch it: people may have changed it, before the reap or since. When helm is done, the record
//! gets the manifest that it had.

use std::collections::BTreeMap;

use hotdesk_slots::undo::{About, ObjectRef};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::judge::{Now, Present, Says, State};
use super::objects::{Objects, Owner, owner};
use super::store::Saved;
use crate::api::Cluster;
use crate::collect::releases::{Holder, SECRET_TYPE};
use crate::helm::Helm;
use crate::helm::manifest::{changed, objects, reference};
use crate::helm::record::Record;
use crate::helm::release::Driver;

/// Brings back the releases of one slot, one at a time.
pub struct Restorer<'a> {
    cluster: &'a Cluster,
    slot: &'a str,
    objects: Objects<'a>,
}

/// The manifest as it was, and as helm gets it.
struct Manifests {
    was: String,
    for_helm: String,
}

impl<'a> Restorer<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cluster: &'a Cluster, slot: &'a str) -> Self {
        Self { cluster, slot, objects: Objects::new(cluster, slot) }
    }

    fn api<K: Holder>(&self) -> Api<K> {
        Api::namespaced(self.cluster.client.clone(), self.slot)
    }

    /// The records of this name that matter: those since the saved revision, and the newest.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn present(&self, about: &About) -> Result<Vec<Present>, String> {
        let mut all = self.present_in::<Secret>(about).await?;
        all.extend(self.present_in::<ConfigMap>(about).await?);
        Ok(all)
    }

    async fn present_in<K: Holder>(&self, about: &About) -> Result<Vec<Present>, String> {
        let api = self.api::<K>();
        let filter = ListParams::default().labels(&format!("owner=helm,name={}", about.release));
        let listed = self.cluster.all("the helm records cannot be listed", api.list_metadata(&filter)).await?;
        let revision = |labels: &BTreeMap<String, String>| labels.get("version").and_then(|text| text.parse().ok());
        let listed: Vec<(i64, String)> =
            listed.iter().filter_map(|found| Some((revision(found.labels())?, found.name_any()))).collect();
        let newest = listed.iter().map(|(revision, _)| *revision).max();
        let mut present = Vec::new();
        for (revision, object) in listed {
            if revision < about.revision && Some(revision) != newest {
                continue;
            }
            let holder = self.cluster.answer("a helm record cannot be read", api.get(&object)).await?;
            present.push(Present {
                driver: K::DRIVER,
                object,
                revision,
                says: says(&holder, &about.release, revision),
            });
        }
        Ok(present)
    }

    /// Every object of the release, as it is now.
    ///
    /// # Errors
    /// When the manifest cannot be read, or the API server cannot be asked.
    pub async fn look(&mut self, saved: &Saved) -> Result<Vec<Now>, String> {
        let about = &saved.entry.about;
        let manifest = saved.record.manifest().map_err(|e| format!("its saved record cannot be read: {e}"))?;
        let mut found = Vec::new();
        for object in objects(&manifest).map_err(|e| e.to_string())?.iter().map(reference) {
            let kept = about.kept.contains(&object);
            let state = self.state(&object, &about.release).await?;
            found.push(Now { object, kept, state });
        }
        Ok(found)
    }

    async fn state(&mut self, object: &ObjectRef, release: &str) -> Result<State, String> {
        let Some(kind) = self.objects.kind(object).await? else { return Ok(State::UnknownKind) };
        if !self.objects.may(object, &kind, "get").await? {
            return Ok(State::Hidden);
        }
        match self.objects.get(object).await? {
            Some(found) => Ok(match owner(&found, release, self.slot) {
                _ if found.metadata.deletion_timestamp.is_some() => State::Leaving,
                Owner::Release => State::There,
                Owner::Other(whose) => State::Others(whose),
            }),
            None if self.objects.may(object, &kind, "create").await? => Ok(State::Absent),
            None => Ok(State::Forbidden),
        }
    }

    /// Brings a release back.
    ///
    /// # Errors
    /// Why it is not back, or not ready.
    pub async fn restore(
        &mut self,
        saved: &Saved,
        untouched: &[ObjectRef],
        stale: &[(Driver, String)],
        helm: &Helm,
    ) -> Result<(), String> {
        let about = &saved.entry.about;
        let manifests = manifests(saved, untouched)?;
        for (driver, object) in stale {
            self.remove(*driver, object).await?;
        }
        let driver = driver(about)?;
        match driver {
            Driver::Secret => self.put::<Secret>(blank_secret(), saved, &manifests).await?,
            Driver::ConfigMap => self.put::<ConfigMap>(ConfigMap::default(), saved, &manifests).await?,
        }
        self.is_newest(about).await?;
        let rolled_back = helm.rollback(&about.release, about.revision, driver).await.map_err(|e| e.to_string());
        let scaled = if rolled_back.is_ok() { self.scale(saved).await } else { Ok(()) };
        // Last, for it tells that all is done; also after a failure, for whoever deploys next compares with the manifest.
        let put_right = self.put_right(saved, driver, &manifests).await.map(|_| ());
        rolled_back.and(scaled).and(put_right)
    }

    /// Does what a reviver that was killed after helm was done has left to do.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn finish(&mut self, saved: &Saved, untouched: &[ObjectRef]) -> Result<(), String> {
        let manifests = manifests(saved, untouched)?;
        if self.put_right(saved, driver(&saved.entry.about)?, &manifests).await? {
            self.scale(saved).await?;
        }
        Ok(())
    }

    /// helm takes the newest record for what is there, and deletes what that names beyond the one that it rolls back to.
    async fn is_newest(&self, about: &About) -> Result<(), String> {
        let newest = self.present(about).await?.iter().map(|present| present.revision).max();
        if newest == Some(about.revision) { Ok(()) } else { Err("somebody has deployed it meanwhile".to_owned()) }
    }

    async fn remove(&self, driver: Driver, object: &str) -> Result<(), String> {
        let what = "the record of an earlier attempt cannot be removed";
        let now = DeleteParams::default();
        match driver {
            Driver::Secret => self.cluster.answer(what, self.api::<Secret>().delete(object, &now)).await.map(|_| ()),
            Driver::ConfigMap => {
                self.cluster.answer(what, self.api::<ConfigMap>().delete(object, &now)).await.map(|_| ())
            }
        }
    }

    /// Puts the record back, with the manifest that helm shall work with.
    async fn put<K: Holder>(&self, mut holder: K, saved: &Saved, manifests: &Manifests) -> Result<(), String> {
        let about = &saved.entry.about;
        let (api, what) = (self.api::<K>(), "its record cannot be put back");
        let found = self.cluster.answer(what, api.get_opt(&about.object)).await?;
        *holder.meta_mut() = ObjectMeta {
            name: Some(about.object.clone()),
            labels: Some(about.labels.clone()),
            // Whoever writes it at the same moment wins.
            resource_version: found.as_ref().and_then(|found| found.meta().resource_version.clone()),
            ..ObjectMeta::default()
        };
        holder.set_release(if manifests.for_helm == manifests.was {
            saved.packed.clone()
        } else {
            packed(&saved.packed, &manifests.for_helm)?
        });
        let params = PostParams::default();
        match found {
            None => self.cluster.answer(what, api.create(&params, &holder)).await?,
            Some(_) => self.cluster.answer(what, api.replace(&about.object, &params, &holder)).await?,
        };
        Ok(())
    }

    /// Gives the records since then the manifest that the release had; tells whether any had another.
    async fn put_right(&self, saved: &Saved, driver: Driver, manifests: &Manifests) -> Result<bool, String> {
        let about = &saved.entry.about;
        match driver {
            _ if manifests.for_helm == manifests.was => Ok(false),
            Driver::Secret => self.put_right_in::<Secret>(about, manifests).await,
            Driver::ConfigMap => self.put_right_in::<ConfigMap>(about, manifests).await,
        }
    }

    async fn put_right_in<K: Holder>(&self, about: &About, manifests: &Manifests) -> Result<bool, String> {
        let (api, what) = (self.api::<K>(), "its record cannot be given its whole manifest again");
        let since = self.present_in::<K>(about).await?.into_iter().filter(|present| present.revision >= about.revision);
        let mut any = false;
        for present in since {
            let mut holder = self.cluster.answer(what, api.get(&present.object)).await?;
            let text = String::from_utf8_lossy(holder.release().unwrap_or_default()).into_owned();
            let record = Record::decode(text.as_bytes()).map_err(|e| format!("{what}: {e}"))?;
            if record.manifest().map_err(|e| format!("{what}: {e}"))? != manifests.for_helm {
                continue;
            }
            holder.set_release(packed(&text, &manifests.was)?);
            self.cluster.answer(what, api.replace(&present.object, &PostParams::default(), &holder)).await?;
            any = true;
        }
        Ok(any)
    }

    /// Sets the replicas that the manifest does not name; helm has set the others.
    async fn scale(&mut self, saved: &Saved) -> Result<(), String> {
        let manifest = saved.record.manifest().map_err(|e| e.to_string())?;
        let written = objects(&manifest).map_err(|e| e.to_string())?;
        let names = |object: &ObjectRef| {
            written.iter().any(|found| reference(found) == *object && found.pointer("/spec/replicas").is_some())
        };
        for other in saved.entry.about.replicas.iter().filter(|other| !names(&other.object)) {
            self.objects.merge(&other.object, &json!({"spec": {"replicas": other.replicas}})).await?;
        }
        Ok(())
    }
}

fn says<K: Holder>(holder: &K, release: &str, revision: i64) -> Result<Says, String> {
    let record = Record::decode(holder.release().unwrap_or_default()).map_err(|e| e.to_string())?;
    let state = record.state(release, revision).map_err(|e| e.to_string())?;
    Ok(Says {
        first_deployed: record.first_deployed().map_err(|e| e.to_string())?,
        phase: state.phase,
        rolling_back: record.is_unfinished_rollback().map_err(|e| e.to_string())?,
    })
}

fn manifests(saved: &Saved, untouched: &[ObjectRef]) -> Result<Manifests, String> {
    let was = saved.record.manifest().map_err(|e| format!("its saved record cannot be read: {e}"))?;
    let replicas: Vec<(ObjectRef, i64)> =
        saved.entry.about.replicas.iter().map(|other| (other.object.clone(), other.replicas)).collect();
    let for_helm = changed(&was, untouched, &replicas).map_err(|e| e.to_string())?;
    Ok(Manifests { was, for_helm })
}

/// The same record with another manifest.
fn packed(record: &str, manifest: &str) -> Result<String, String> {
    let written = Record::decode(record.as_bytes()).and_then(|mut record| {
        record.set_manifest(manifest)?;
        record.encode()
    });
    written.map_err(|e| format!("its record cannot be written: {e}"))
}

fn blank_secret() -> Secret {
    Secret { type_: Some(SECRET_TYPE.to_owned()), ..Secret::default() }
}

fn driver(about: &About) -> Result<Driver, String> {
    [Driver::Secret, Driver::ConfigMap]
        .into_iter()
        .find(|driver| driver.as_str() == about.driver)
        .ok_or_else(|| "its saved record does not say where helm kept it".to_owned())
}
