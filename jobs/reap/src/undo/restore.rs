//! How is one release brought back?
//!
//! The record of the revision that worked last is put back, and `helm rollback` makes the objects. What was kept is left out of
//! that record while it works, so that helm does not touch it: people may have changed it, before the reap or since. When helm is
//! done, every record is put back as it was saved, byte by byte, in place of the one that the rollback has made.

use std::collections::BTreeMap;

use hotdesk_slots::keys;
use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::undo::{About, LABEL_WITHOUT_HOOKS, ObjectRef};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use super::objects::{Objects, Owner, owner};
use super::restore_decision::{Now, Present, Says, State};
use super::store::Saved;
use crate::api::Cluster;
use crate::collect::releases::{Holder, SECRET_TYPE};
use crate::helm::Helm;
use crate::helm::manifest::{objects, reference, without};
use crate::helm::record::Record;
use crate::helm::release::{Driver, Phase};

/// Brings back the releases of one slot, one at a time.
pub struct Restorer<'a> {
    cluster: &'a Cluster,
    slot: &'a str,
    objects: Objects<'a>,
}

/// The labels of a record that is put back.
fn labels(about: &About) -> BTreeMap<String, String> {
    let mark = about.without_hooks.then(|| (LABEL_WITHOUT_HOOKS.to_owned(), about.revision.to_string()));
    about.labels.clone().into_iter().chain(mark).collect()
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

    /// The records of this name that matter: those since the revision that worked last, and the newest.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn present(&self, saved: &Saved) -> Result<Vec<Present>, String> {
        let mut all = self.present_in::<Secret>(saved).await?;
        all.extend(self.present_in::<ConfigMap>(saved).await?);
        Ok(all)
    }

    async fn present_in<K: Holder>(&self, saved: &Saved) -> Result<Vec<Present>, String> {
        let about = saved.target();
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
            let as_saved = saved.revision(revision).is_some_and(|saved| is_as_saved(&holder, &saved.packed));
            let says = says(&holder, &about.release, revision, about.revision);
            present.push(Present { driver: K::DRIVER, object, revision, as_saved, says });
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
        let stayed: Vec<ObjectRef> = about.kept.iter().map(|kept| kept.clone().within(self.slot)).collect();
        let mut found = Vec::new();
        for object in objects(&manifest).map_err(|e| e.to_string())?.iter().map(reference) {
            let object = object.within(self.slot);
            let kept = stayed.contains(&object);
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
                _ if found.metadata.deletion_timestamp.is_some() => {
                    State::Leaving(found.finalizers().iter().map(|finalizer| sanitize_short(finalizer)).collect())
                }
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
        let about = saved.target();
        let manifests = self.manifests(saved, untouched)?;
        for (driver, object) in stale {
            self.remove(*driver, object).await?;
        }
        let driver = driver(about)?;
        match driver {
            Driver::Secret => self.put::<Secret>(saved, &manifests).await?,
            Driver::ConfigMap => self.put::<ConfigMap>(saved, &manifests).await?,
        }
        self.is_newest(saved).await?;
        if let Err(error) = helm.rollback(&about.release, about.revision, driver, !about.without_hooks).await {
            // Also then, for who deploys next compares with the manifest.
            self.put_right(saved, driver, &manifests).await?;
            return Err(error.to_string());
        }
        self.finish(saved, untouched).await
    }

    /// Does what is left to do when helm is done, also of a reviver that was killed.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn finish(&mut self, saved: &Saved, untouched: &[ObjectRef]) -> Result<(), String> {
        let (driver, manifests) = (driver(saved.target())?, self.manifests(saved, untouched)?);
        self.scale(saved).await?;
        // Last, for it tells that all is done.
        let as_it_was = matches!(saved.target_phase(), Some(Phase::Deployed | Phase::Failed));
        match driver {
            _ if !as_it_was => self.put_right(saved, driver, &manifests).await,
            Driver::Secret => self.put_back::<Secret>(saved).await,
            Driver::ConfigMap => self.put_back::<ConfigMap>(saved).await,
        }
    }

    /// What helm gets is the manifest without what it must not touch.
    fn manifests(&self, saved: &Saved, untouched: &[ObjectRef]) -> Result<Manifests, String> {
        let was = saved.record.manifest().map_err(|e| format!("its saved record cannot be read: {e}"))?;
        let stays = |object: &Value| untouched.contains(&reference(object).within(self.slot));
        let for_helm = without(&was, stays).map_err(|e| e.to_string())?;
        Ok(Manifests { was, for_helm })
    }

    /// helm takes the newest record for what is there, and deletes what that names beyond the one that it rolls back to.
    async fn is_newest(&self, saved: &Saved) -> Result<(), String> {
        let newest = self.present(saved).await?.iter().map(|present| present.revision).max();
        if newest == Some(saved.target().revision) { Ok(()) } else { Err("somebody has deployed it since".to_owned()) }
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
    async fn put<K: Holder + Blank>(&self, saved: &Saved, manifests: &Manifests) -> Result<(), String> {
        let about = saved.target();
        let own = || saved.revision(about.revision).map(|revision| revision.packed.clone()).unwrap_or_default();
        let packed = if manifests.for_helm == manifests.was {
            own()
        } else {
            let written = saved.record.with_manifest(&manifests.for_helm).and_then(|record| record.encode());
            written.map_err(|e| format!("its record cannot be written: {e}"))?
        };
        self.write::<K>(about, packed).await
    }

    /// Puts every record back as it was, in place of the one that the rollback has made; that one goes last.
    async fn put_back<K: Holder + Blank>(&self, saved: &Saved) -> Result<(), String> {
        let target = saved.target().revision;
        let made = target.saturating_add(1);
        let present = self.present_in::<K>(saved).await?;
        let newest_saved = saved.revisions.first().map_or(target, |newest| newest.about.revision);
        if present.iter().any(|present| present.revision > made.max(newest_saved)) {
            return Err("somebody has deployed it since, so its older records stay as they are".to_owned());
        }
        for revision in saved.revisions.iter().rev().filter(|revision| revision.about.revision != made) {
            self.write::<K>(&revision.about, revision.packed.clone()).await?;
        }
        let rollback = present.iter().find(|present| present.revision == made);
        match (saved.revision(made), rollback) {
            (Some(revision), _) => self.write::<K>(&revision.about, revision.packed.clone()).await,
            (None, Some(rollback)) => self.remove(K::DRIVER, &rollback.object).await,
            (None, None) => Ok(()),
        }
    }

    /// Writes a record as it was: its labels, and who deployed it. The object is new, and what it holds may be a former holder's.
    async fn write<K: Holder + Blank>(&self, about: &About, packed: String) -> Result<(), String> {
        let (api, what) = (self.api::<K>(), "its record cannot be put back");
        let found = self.cluster.answer(what, api.get_opt(&about.object)).await?;
        let by = about.deployed_by.iter().map(|by| (keys::DEPLOYED_BY.to_owned(), by.clone()));
        let annotations: BTreeMap<String, String> = by.collect();
        let mut holder = K::blank();
        *holder.meta_mut() = ObjectMeta {
            name: Some(about.object.clone()),
            labels: Some(labels(about)),
            annotations: (!annotations.is_empty()).then_some(annotations),
            // What is written at the same moment wins.
            resource_version: found.as_ref().and_then(|found| found.meta().resource_version.clone()),
            ..ObjectMeta::default()
        };
        holder.set_release(packed);
        let params = PostParams::default();
        match found {
            None => self.cluster.answer(what, api.create(&params, &holder)).await?,
            Some(found) if found.release() == holder.release() => return Ok(()),
            Some(_) => self.cluster.answer(what, api.replace(&about.object, &params, &holder)).await?,
        };
        Ok(())
    }

    /// Gives the records since then the manifest that the release had.
    async fn put_right(&self, saved: &Saved, driver: Driver, manifests: &Manifests) -> Result<(), String> {
        match driver {
            _ if manifests.for_helm == manifests.was => Ok(()),
            Driver::Secret => self.put_right_in::<Secret>(saved, manifests).await,
            Driver::ConfigMap => self.put_right_in::<ConfigMap>(saved, manifests).await,
        }
    }

    async fn put_right_in<K: Holder>(&self, saved: &Saved, manifests: &Manifests) -> Result<(), String> {
        let (api, what) = (self.api::<K>(), "its record cannot be given its whole manifest again");
        let since = self.present_in::<K>(saved).await?.into_iter();
        for present in since.filter(|present| present.revision >= saved.target().revision) {
            let mut holder = self.cluster.answer(what, api.get(&present.object)).await?;
            let record = Record::decode(holder.release().unwrap_or_default()).map_err(|e| format!("{what}: {e}"))?;
            if record.manifest().map_err(|e| format!("{what}: {e}"))? != manifests.for_helm {
                continue;
            }
            let whole = record.with_manifest(&manifests.was).and_then(|record| record.encode());
            holder.set_release(whole.map_err(|e| format!("{what}: {e}"))?);
            self.cluster.answer(what, api.replace(&present.object, &PostParams::default(), &holder)).await?;
        }
        Ok(())
    }

    /// Sets the replicas that were other than helm makes them.
    async fn scale(&mut self, saved: &Saved) -> Result<(), String> {
        let manifest = saved.record.manifest().map_err(|e| e.to_string())?;
        let back: Vec<ObjectRef> = objects(&manifest)
            .map_err(|e| e.to_string())?
            .iter()
            .map(|object| reference(object).within(self.slot))
            .collect();
        for wanted in &saved.entry.about.replicas {
            let object = wanted.object.clone().within(self.slot);
            if !back.contains(&object) {
                continue;
            }
            let live = self.objects.get(&object).await?;
            let is = live.and_then(|live| live.data.pointer("/spec/replicas").and_then(Value::as_i64));
            if is.is_some_and(|is| is != wanted.replicas) {
                self.objects.scale(&object, wanted.replicas).await?;
            }
        }
        Ok(())
    }
}

/// A new object that holds a record.
trait Blank {
    fn blank() -> Self;
}

impl Blank for Secret {
    fn blank() -> Self {
        Self { type_: Some(SECRET_TYPE.to_owned()), ..Self::default() }
    }
}

impl Blank for ConfigMap {
    fn blank() -> Self {
        Self::default()
    }
}

fn is_as_saved<K: Holder>(holder: &K, packed: &str) -> bool {
    holder.release() == Some(packed.as_bytes())
}

fn says<K: Holder>(holder: &K, release: &str, revision: i64, target: i64) -> Result<Says, String> {
    let record = Record::decode(holder.release().unwrap_or_default()).map_err(|e| e.to_string())?;
    let state = record.state(release, revision).map_err(|e| e.to_string())?;
    Ok(Says {
        first_deployed: record.first_deployed().map_err(|e| e.to_string())?,
        phase: state.phase,
        rolling_back: record.is_unfinished_rollback().map_err(|e| e.to_string())?,
        rolled_back: record.is_rollback_to(target).map_err(|e| e.to_string())?,
    })
}

fn driver(about: &About) -> Result<Driver, String> {
    [Driver::Secret, Driver::ConfigMap]
        .into_iter()
        .find(|driver| driver.as_str() == about.driver)
        .ok_or_else(|| "its saved record does not say where helm kept it".to_owned())
}
