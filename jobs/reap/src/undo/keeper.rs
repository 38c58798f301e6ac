//! What would go with each release, and is it written down before it does?

use std::sync::Arc;

use hotdesk_slots::keys;
use hotdesk_slots::undo::{About, ObjectRef, Replicas};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use serde_json::Value;

use super::objects::Objects;
use super::prospect::{Prospect, Reach, Settings, prospect};
use super::saved::secret_name;
use super::store::Store;
use crate::api::Cluster;
use crate::args::Args;
use crate::collect::releases::Holder;
use crate::helm::manifest::{objects, reference, survives};
use crate::helm::record::Record;
use crate::helm::release::{Driver, Release};

/// Kinds whose replicas somebody, or an autoscaler, may have set without the manifest.
const SCALED: [&str; 3] = ["Deployment", "ReplicaSet", "StatefulSet"];

/// Looks after the releases of one slot.
pub struct Keeper<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    slot: &'a str,
    objects: Objects<'a>,
    /// The manifest that was read last, and its objects: nearly always it is asked about again.
    read: Option<(String, Arc<Vec<Value>>)>,
}

/// Of which reap.
#[derive(Debug, Clone)]
pub struct Reap {
    /// When it began.
    pub run: Timestamp,
    /// Why.
    pub reason: String,
    /// Who holds the slot.
    pub owner: Option<String>,
    /// The id of their claim.
    pub claim_id: Option<String>,
}

impl<'a> Keeper<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cluster: &'a Cluster, args: &'a Args, slot: &'a str) -> Self {
        Self { cluster, args, slot, objects: Objects::new(cluster, slot), read: None }
    }

    /// What an uninstall of each of these would mean. A release that cannot be read stays.
    pub async fn prospects(&mut self, releases: &[Release]) -> Vec<Prospect> {
        let mut all = Vec::new();
        for release in releases {
            let read = match release.driver {
                Driver::Secret => self.read::<Secret>(release).await,
                Driver::ConfigMap => self.read::<ConfigMap>(release).await,
            };
            let found = match read {
                Ok(record) => self.prospect(&release.name, &record).await,
                Err(why) => Err(why),
            };
            all.push(found.unwrap_or_else(Prospect::unreadable));
        }
        all
    }

    async fn read<K: Holder>(&self, release: &Release) -> Result<Record, String> {
        let api: Api<K> = Api::namespaced(self.cluster.client.clone(), self.slot);
        let holder = self.cluster.answer("its record cannot be read", api.get(&release.object)).await?;
        Record::decode(holder.release().unwrap_or_default()).map_err(|e| format!("its record cannot be read: {e}"))
    }

    /// What the uninstall of a release with this record would mean.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub async fn prospect(&mut self, release: &str, record: &Record) -> Result<Prospect, String> {
        let unreadable = |e: &dyn std::fmt::Display| format!("its record cannot be read: {e}");
        let manifest = record.manifest().map_err(|e| unreadable(&e))?;
        let found = self.objects_of(manifest)?;
        let hooks = record.hooks().map_err(|e| unreadable(&e))?;
        let goes = found.iter().filter(|object| !survives(object, &self.args.preserve));
        let references: Vec<ObjectRef> = goes.map(reference).collect();
        let reach = self.objects.reach(&references, release).await;
        let settings = Settings { preserve: &self.args.preserve, cluster_scoped: self.args.undo.cluster_scoped };
        let unasked = || Reach::Unknown("an object of it was not asked for".to_owned());
        Ok(prospect(&found, &hooks, settings, |object| reach.get(object).cloned().unwrap_or_else(unasked)))
    }

    fn objects_of(&mut self, manifest: String) -> Result<Arc<Vec<Value>>, String> {
        match &self.read {
            Some((of, found)) if *of == manifest => Ok(Arc::clone(found)),
            _ => {
                let found = Arc::new(objects(&manifest).map_err(|e| e.to_string())?);
                self.read = Some((manifest, Arc::clone(&found)));
                Ok(found)
            }
        }
    }

    /// Writes a release down as it is, and says what is known of it.
    ///
    /// # Errors
    /// When that fails: then it must not be reaped.
    pub async fn save<K: Holder>(
        &mut self,
        release: &Release,
        holder: &K,
        prospect: &Prospect,
        reap: &Reap,
        now: Timestamp,
    ) -> Result<About, String> {
        let packed = holder.release().unwrap_or_default();
        let record = Record::decode(packed).map_err(|e| format!("its record cannot be read: {e}"))?;
        let labels = holder.meta().labels.clone().unwrap_or_default();
        let about = About {
            release: release.name.clone(),
            revision: release.revision,
            driver: release.driver.as_str().to_owned(),
            object: release.object.clone(),
            labels: labels.into_iter().filter(|(key, _)| !keys::is_reserved(key)).collect(),
            at: now,
            run: reap.run,
            until: now.saturating_add(self.args.undo.revive_for).unwrap_or(Timestamp::MAX),
            claim_id: reap.claim_id.clone(),
            owner: reap.owner.clone(),
            reason: reap.reason.clone(),
            kept: prospect.kept.clone(),
            replicas: self.replicas(&record, prospect).await?,
            lost: prospect.lost.clone(),
        };
        let uid = holder.meta().uid.as_deref().unwrap_or_default();
        let name = secret_name(self.slot, &about, uid);
        let store = Store::new(self.cluster, &self.args.undo.saved_namespace, self.slot);
        store.save(&name, &about, packed).await?;
        Ok(about)
    }

    /// The replicas that are other than the manifest says.
    async fn replicas(&mut self, record: &Record, prospect: &Prospect) -> Result<Vec<Replicas>, String> {
        let manifest = record.manifest().map_err(|e| e.to_string())?;
        let mut other = Vec::new();
        for object in self.objects_of(manifest)?.iter() {
            let found = reference(object);
            let written = object.pointer("/spec/replicas").and_then(Value::as_i64);
            let counts = written.is_some() || SCALED.contains(&found.kind.as_str());
            if !counts || prospect.kept.contains(&found) {
                continue;
            }
            let is = self.objects.get(&found).await?;
            let is = is.and_then(|live| live.data.pointer("/spec/replicas").and_then(Value::as_i64));
            if let Some(replicas) = is.filter(|is| *is != written.unwrap_or(1)) {
                other.push(Replicas { object: found, replicas });
            }
        }
        Ok(other)
    }
}
